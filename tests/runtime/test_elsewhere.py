"""A run of another boot, container or machine is elsewhere: neither crashed nor taken over, although its host has the same name."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, dowel, fails, main  # noqa: E402

# A command under the host name "localhost", with a file in the place of the kernel's boot id, and perhaps of the machine id.
INSIDE = """hostname localhost || exit 77
mount --bind "$1" /proc/sys/kernel/random/boot_id || exit 77
if test -n "$2"; then mount --bind "$2" /etc/machine-id || exit 77; fi
shift 2
exec "$@"
"""
BOOTS = {name: os.path.join(TMP, f"boot-{name}") for name in "ab"}


def namespaced(boot, *words, machine=None, pid=False):
    unshare = ["unshare", "-u", "-m"] + (["-p", "-f", "--mount-proc"] if pid else [])
    return [*unshare, "sh", "-c", INSIDE, "sh", BOOTS[boot], machine or "", *words]


def within(boot, *words, **options):
    return subprocess.run(namespaced(boot, BIN, *words, **options), capture_output=True, timeout=60)


def can_namespace():
    for name, path in BOOTS.items():
        with open(path, "w") as file:
            file.write(f"{name * 8}-0000-4000-8000-000000000000\n")
    return shutil.which("unshare") and not subprocess.run(namespaced("a", "true"), capture_output=True).returncode


def until(what):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def begun(name, *before, **where):
    """A run that waits for a pipe, begun in a namespace: its process, and the pipe."""
    pipe = os.path.join(TMP, f"pipe-{name}")
    os.mkfifo(pipe)
    words = ["call", "objects.copy", "--source", pipe, "--destination", os.path.join(TMP, f"out-{name}"), "--run-name", name, *before]
    process = subprocess.Popen(namespaced(where.pop("boot"), BIN, *words, **where), stderr=subprocess.DEVNULL, start_new_session=True)
    until(lambda: found(name))
    return process, pipe, words


def found(name, boot=None, **where):
    if boot:
        done = within(boot, "runs", "--name", name, "--json", **where)
        assert not done.returncode, done.stderr
        runs = json.loads(done.stdout)
    else:
        runs = json.loads(dowel("runs", "--name", name, "--json"))
    return runs[0] if runs else None


def end(process, pipe):
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    os.unlink(pipe)


def test_the_same_host_name_with_another_boot_id():
    process, pipe, words = begun("boots", "--run-key", "only once", boot="a")
    seen = found("boots", boot="b")
    assert (seen["state"], seen.get("elsewhere")) == ("running", True), seen
    assert b"running elsewhere" in within("b", "runs", "--name", "boots").stdout
    for again in (["runs", "resume", seen["id"]], words):
        done = within("b", *again)
        assert done.returncode == 7 and b"elsewhere" in done.stderr and b"--take-over" in done.stderr, done.stderr
    seen = found("boots", boot="a")
    assert (seen["state"], seen.get("elsewhere")) == ("running", None), seen
    assert b"elsewhere" not in within("a", *words).stderr
    assert len(json.loads(dowel("runs", "--name", "boots", "--json"))) == 1
    end(process, pipe)
    # Its process has ended, which only its own boot can tell.
    assert found("boots", boot="a")["state"] == "crashed"
    assert found("boots", boot="b")["state"] == "running"
    done = within("b", "runs", "prune", "--older-than", "0s", "--dry-run", "--json")
    assert json.loads(done.stdout)["removed"] == 0, done


def test_another_machine_with_the_same_boot_id():
    machines = {}
    for name, content in (("one", "1" * 32), ("other", "2" * 32), ("empty", "")):
        machines[name] = os.path.join(TMP, f"machine-{name}")
        with open(machines[name], "w") as file:
            file.write(content + "\n" if content else "")
    if not os.path.exists("/etc/machine-id"):
        return  # nothing that could be bound over
    process, pipe, _ = begun("machines", boot="a", machine=machines["one"])
    end(process, pipe)
    assert found("machines", boot="a", machine=machines["one"])["state"] == "crashed"
    for other in ("other", "empty"):
        seen = found("machines", boot="a", machine=machines[other])
        assert (seen["state"], seen.get("elsewhere")) == ("running", True), (other, seen)


def test_another_container():
    process, pipe, words = begun("containers", "--run-key", "contained", boot="a", pid=True)
    for pid in (True, False):
        seen = found("containers", boot="a", pid=pid)
        assert (seen["state"], seen.get("elsewhere")) == ("running", True), seen
        done = within("a", *words, pid=pid)
        assert done.returncode == 7 and b"--take-over" in done.stderr, done.stderr
    end(process, pipe)
    assert found("containers", boot="a", pid=True)["state"] == "running"


def test_taken_over_when_asked():
    process, pipe, words = begun("taken", "--run-key", "taken", boot="a")
    before = found("taken")["id"]
    end(process, pipe)
    source = os.path.join(TMP, "pipe-taken")
    with open(source, "w") as file:
        file.write("x")
    assert within("b", *words).returncode == 7
    done = within("b", *words, "--take-over")
    assert not done.returncode, done.stderr
    assert found("taken")["id"] == before and found("taken")["state"] == "completed"


if __name__ == "__main__":
    if not can_namespace():
        print("needs unshare, hostname and the right to use them")
        sys.exit(77)
    main(globals())
