"""Runs that are killed, fail or are cancelled go on: under the same id, from the work that the service holds, which is started once."""
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run, start  # noqa: E402

URL = os.environ["DOWEL_TEST_CLOUD_RUN_URL"]
PARENT = "/v2/projects/demo/locations/europe-west1/jobs"
DATABASE = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")


def executions(job):
    try:
        with urllib.request.urlopen(f"{URL}{PARENT}/{job}/executions") as answer:
            return json.load(answer).get("executions", [])
    except urllib.error.HTTPError:
        return []


def save(job, script):
    dowel("block", "save", f"cloud-run-job/{job}", "--job", job, "--image", "local/report", "--region", "europe-west1",
          "--credentials", "demo", "--command", "sh", "--args", "-c", "--args", script, "--endpoint", URL, "--overwrite")


def until(what, limit=30):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def newest(state=None):
    found = json.loads(dowel("runs", "--json", "--limit", "1"))[0]
    assert state in (None, found["state"]), found
    return found


def handles(run_id):
    with sqlite3.connect(DATABASE) as database:
        return database.execute("SELECT name FROM run_handles WHERE run = ? AND name = 'cloud_run.execution'", [run_id]).fetchall()


def killed(job, *more):
    """A run whose process was killed while its execution was running: its id."""
    process = start("call", "cloud_run.run", "--job", job, *more, stderr=subprocess.DEVNULL)
    until(lambda: any(e.get("runningCount") for e in executions(job)))
    until(lambda: handles(newest()["id"]))  # the answer that told its name has been read
    process.kill()
    process.wait()
    return newest("crashed")["id"]


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def test_a_killed_run_goes_on_with_the_execution_that_it_began():
    gate = os.path.join(TMP, "gate")
    save("gated", f"while ! test -e {gate}; do sleep 0.05; done")
    run_id = killed("gated")
    threading.Timer(0.3, lambda: open(gate, "w").close()).start()
    result = json.loads(dowel("runs", "resume", run_id[-12:], "--json"))
    assert result["state"] == "succeeded" and len(executions("gated")) == 1, executions("gated")
    shown = json.loads(dowel("runs", "show", run_id, "--json"))
    assert shown["state"] == "completed" and shown["attempts"] == 2, shown
    fails(7, "runs", "resume", run_id, saying=["completed", "cloud_run.run"])


def test_an_execution_whose_name_was_never_read_is_found_by_its_mark():
    gate = os.path.join(TMP, "gate2")
    save("nameless", f"while ! test -e {gate}; do sleep 0.05; done")
    run_id = killed("nameless")
    with sqlite3.connect(DATABASE) as database:
        assert database.execute("DELETE FROM run_handles WHERE run = ? AND name = 'cloud_run.execution'", [run_id]).rowcount == 1
    open(gate, "w").close()
    dowel("runs", "resume", run_id)
    assert len(executions("nameless")) == 1


def test_a_failed_run_is_tried_again_with_a_new_execution():
    flag = os.path.join(TMP, "flag")
    save("flaky", f"test -e {flag}")
    fails(6, "call", "cloud_run.run", "--job", "flaky")
    run_id = newest("failed")["id"]
    open(flag, "w").close()
    dowel("runs", "resume", run_id)
    assert len(executions("flaky")) == 2 and newest("completed")["id"] == run_id


def test_a_cancelled_run_starts_anew():
    gate = os.path.join(TMP, "gate3")
    save("stopped", f"while ! test -e {gate}; do sleep 0.05; done")
    process = start("call", "cloud_run.run", "--job", "stopped", stderr=subprocess.DEVNULL)
    until(lambda: any(e.get("runningCount") for e in executions("stopped")))
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    run_id = newest("cancelled")["id"]
    open(gate, "w").close()
    dowel("runs", "resume", run_id)
    assert sorted(bool(e.get("cancelledCount")) for e in executions("stopped")) == [False, True]


def test_of_many_that_resume_one_does():
    gate = os.path.join(TMP, "gate4")
    save("contended", f"while ! test -e {gate}; do sleep 0.05; done")
    run_id = killed("contended")
    several = [start("runs", "resume", run_id, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(6)]
    until(lambda: sum(p.poll() is not None for p in several) == 5)
    fails(7, "runs", "resume", run_id, saying="still running")
    open(gate, "w").close()
    codes = sorted(p.wait(30) for p in several)
    assert codes == [0, 7, 7, 7, 7, 7], (codes, [p.stderr.read() for p in several])
    for process in several:
        process.stderr.close()
    assert len(executions("contended")) == 1


def test_of_many_that_begin_with_one_key_one_does():
    """Two schedulers, or one that is impatient."""
    gate = os.path.join(TMP, "gate-key")
    save("begun", f"while ! test -e {gate}; do sleep 0.05; done")
    with sqlite3.connect(DATABASE, isolation_level=None) as database:
        # Nobody can write until all of them have had the time to look.
        database.execute("BEGIN IMMEDIATE")
        several = [start("call", "cloud_run.run", "--job", "begun", "--run-key", "once-only", stderr=subprocess.PIPE,
                         stdout=subprocess.DEVNULL) for _ in range(6)]
        time.sleep(1)
        database.execute("ROLLBACK")
    database.close()
    until(lambda: sum(p.poll() is not None for p in several) == 5)
    open(gate, "w").close()
    said = [(p.wait(60), p.stderr.read()) for p in several]
    for process in several:
        process.stderr.close()
    assert sorted(code for code, _ in said) == [0, 7, 7, 7, 7, 7], said
    assert all(b"still running" in text for code, text in said if code), said
    assert len(executions("begun")) == 1


def test_the_same_key_goes_on_where_the_work_did_not_complete():
    gate = os.path.join(TMP, "gate5")
    save("keyed", f"while ! test -e {gate}; do sleep 0.05; done")
    run_id = killed("keyed", "--run-key", "nightly-1")
    open(gate, "w").close()
    assert call("cloud_run.run", "--job", "keyed", "--run-key", "nightly-1")["state"] == "succeeded"
    assert len(executions("keyed")) == 1 and newest("completed")["id"] == run_id
    fails(2, "call", "cloud_run.run", "--job", "keyed", "--args", "-c", "--args", "true", "--run-key", "nightly-1",
          saying=["nightly-1", "other arguments"])
    call("cloud_run.run", "--job", "keyed", "--run-key", "nightly-2")
    assert len(executions("keyed")) == 2


def test_a_result_that_was_kept_is_given_again():
    dowel("block", "save", "local-file-system/results", "--basepath", os.path.join(TMP, "results"))
    save("once", "true")
    words = ["cloud_run.run", "--job", "once", "--run-key", "only-once", "--persist-result", "--result-storage", "local-file-system/results"]
    first = call(*words)
    assert call(*words) == first and len(executions("once")) == 1
    before = newest()["id"]
    call(*words)
    assert newest()["id"] == before, "no new run"


def test_a_run_of_another_machine_is_taken_over_only_when_asked():
    gate = os.path.join(TMP, "gate6")
    save("elsewhere", f"while ! test -e {gate}; do sleep 0.05; done")
    run_id = killed("elsewhere")
    with sqlite3.connect(DATABASE) as database:
        database.execute("UPDATE runs SET process = 'another-machine:boot:1:1' WHERE id = ?", [run_id])
    open(gate, "w").close()
    fails(7, "runs", "resume", run_id, saying=["another machine", "--take-over"])
    dowel("runs", "resume", run_id, "--take-over")
    assert len(executions("elsewhere")) == 1


def test_paths_are_those_of_the_first_process():
    folder = os.path.join(TMP, "first")
    os.makedirs(folder)
    dowel("block", "save", "gcs-bucket/nowhere", "--bucket", "b", "--credentials", "demo", "--endpoint", "http://127.0.0.1:9")
    with open(os.path.join(folder, "a.txt"), "w") as file:
        file.write("x")
    from command import BIN
    done = subprocess.run([BIN, "call", "gcs.upload", "--bucket", "nowhere", "--file", "a.txt", "--timeout", "0.2"], cwd=folder,
                          capture_output=True)
    assert done.returncode == 5, done.stderr
    run_id = newest("failed")["id"]
    fails(5, "runs", "resume", run_id)  # the file is found, the server is not
    os.unlink(os.path.join(folder, "a.txt"))
    assert os.path.join(folder, "a.txt") in fails(3, "runs", "resume", run_id)


def test_what_cannot_go_on_says_so():
    fails(3, "runs", "resume", "0123-4567", saying="no run")
    fails(2, "runs", "resume", saying="missing ID")
    fails(2, "runs", "show", "0123-4567", "--take-over", saying="--take-over")
    assert run("runs", "resume", "--help").returncode == 0


def test_inline_data_that_was_not_kept_says_how_to_go_on():
    big = os.path.join(TMP, "big")
    with open(big, "w") as file:
        file.write("x" * 100_000)
    fails(5, "call", "gcs.upload", "--bucket", "nowhere", "--name", "n", "--data", f"@{big}", "--timeout", "0.2")
    fails(2, "runs", "resume", newest("failed")["id"], saying=["not recorded completely", "run key"])


if __name__ == "__main__":
    main(globals())
