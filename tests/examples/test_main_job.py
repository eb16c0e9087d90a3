"""The main job's script runs through and leaves no server behind; neither does one that is interrupted."""
import os
import signal
import subprocess
import sys
import time

SOURCE = os.environ["DOWEL_SOURCE"]
SERVERS = "gcs bigquery moto lambda oauth cloud-run".split()


def begin():
    return subprocess.Popen([sys.executable, "tests/servers/with.py", *SERVERS, "--", "sh", "examples/main_job.sh"], cwd=SOURCE,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True)


def descendants(process):
    """Everything that runs below a process, found by the kernel's list of children."""
    found, queue = set(), [process.pid]
    while queue:
        pid = queue.pop()
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    children = [int(word) for word in file.read().split()]
                found.update(children)
                queue.extend(children)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pids):
    end = time.monotonic() + 20
    while time.monotonic() < end and any(alive(pid) for pid in pids):
        time.sleep(0.05)
    return [pid for pid in pids if alive(pid)]


def main():
    csv = os.path.join(SOURCE, "build/data/airports.csv")
    if not os.path.exists(csv):
        print("SKIPPED: the airports table is not there (tests/install.sh servers brings it)")
        return 77
    job = begin()
    lines, servers = [], set()
    for line in job.stdout:
        lines.append(line)
        servers |= descendants(job)
    text = "".join(lines)
    if job.wait() == 77:
        print(text)
        return 77
    assert job.returncode == 0, text
    for part in ("the same byte for byte", "cloud_run.run", "lambda.invoke", "bigquery.load", "s3.get", "succeeded",
                 "********", '"total"'):
        assert part in text, f"{part!r} is not in what the main job printed:\n{text}"
    with open(os.path.join(SOURCE, "examples/main_job.sh")) as file:
        assert "DOWEL_TEST_AWS_SECRET_ACCESS_KEY" in file.read()
    assert len(servers) >= len(SERVERS) and not gone(servers), "servers were left running"

    job = begin()
    for line in job.stdout:
        if "gcs.upload" in line:
            break
    servers = descendants(job)
    job.send_signal(signal.SIGINT)
    job.stdout.read()
    assert job.wait(60) != 0
    assert servers and not gone(servers), "servers were left running after an interrupt"
    return 0


if __name__ == "__main__":
    sys.exit(main())
