"""The command, when a result cannot be stored: it is printed, the work is not repeated, and the history has it."""
import json
import os
import shutil
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402

DATABASE = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")
LISTED = os.path.join(TMP, "listed")
RESULTS = os.path.join(TMP, "results")
TASK = ["objects.list", "--place", LISTED]
KEEP = ["--persist-result", "--result-storage", "local-file-system/results"]


def newest():
    return json.loads(dowel("runs", "--json", "--limit", "1"))[0]


def names(result):
    return [entry["name"] for entry in result["objects"]]


def test_prepare():
    os.makedirs(LISTED)
    dowel("block", "save", "local-file-system/results", "--basepath", os.path.join(RESULTS, "deep"))
    with open(RESULTS, "w") as file:
        file.write("a file where the folder should be")


def write(name):
    with open(os.path.join(LISTED, name), "w") as file:
        file.write("x")


def test_the_result_is_printed_and_the_work_is_done_once():
    write("a")
    done = run("call", *TASK, *KEEP, "--retries", "3", "--retry-delay", "1ms", "--run-key", "list", "--json")
    said = done.stderr.decode()
    assert done.returncode and "the work is done" in said, said
    assert names(json.loads(done.stdout)) == ["a"]
    failed = newest()
    assert (failed["state"], failed["attempts"]) == ("failed", 1) and "the work is done" in failed["error"]["message"]
    assert f"dowel runs result {failed['id']}" in said
    assert names(json.loads(dowel("runs", "result", failed["id"], "--json"))) == ["a"]
    with open(DATABASE, "rb") as file:
        assert b'"objects"' not in file.read(), "sealed"
    # What is there by now is not what the work gave.
    write("b")
    fails(done.returncode, "runs", "resume", failed["id"], saying="the work is done")
    os.unlink(RESULTS)
    assert names(call(*TASK, *KEEP, "--run-key", "list")) == ["a"]
    assert newest()["id"] == failed["id"] and newest()["state"] == "completed"
    assert names(json.loads(dowel("runs", "result", failed["id"], "--json"))) == ["a"]
    with sqlite3.connect(DATABASE) as database:
        assert database.execute("SELECT count(*) FROM run_handles").fetchone() == (0,)
    database.close()


def test_a_result_that_is_gone_is_made_again():
    os.unlink(os.path.join(RESULTS, "deep", newest()["id"] + ".json"))
    done = run("call", *TASK, *KEEP, "--run-key", "list", "--json")
    assert not done.returncode and b"is gone; running it again" in done.stderr, done.stderr
    assert names(json.loads(done.stdout)) == ["a", "b"]
    write("c")
    assert names(call(*TASK, *KEEP, "--run-key", "list")) == ["a", "b"]


def test_keys_that_are_no_names():
    before = newest()["id"]
    fails(2, "call", *TASK, "--run-key", "", saying="run key is empty")
    fails(2, "call", *TASK, "--run-key=", saying="run key is empty")
    assert newest()["id"] == before
    odd = "2026-01-31/a b/ü#?'\" --x"
    assert names(call(*TASK, *KEEP, "--run-key", odd)) == ["a", "b", "c"]
    write("d")
    assert names(call(*TASK, *KEEP, "--run-key", odd)) == ["a", "b", "c"]
    fails(2, "call", *TASK, "--recursive", *KEEP, "--run-key", odd, saying="other arguments")


def globs(last):
    return [word for n in range(4000) for word in ("--exclude", f"nothing-{n:020d}")] + ["--exclude", last]


def test_large_arguments_are_compared_whole():
    write("e")
    assert "b" not in names(call(*TASK, *KEEP, "--run-key", "large", *globs("b")))
    fails(2, "call", *TASK, *KEEP, "--run-key", "large", *globs("c"), saying="other arguments")
    assert "b" not in names(call(*TASK, *KEEP, "--run-key", "large", *globs("b")))


def test_what_cannot_be_resumed_tells_where_its_result_is():
    shutil.rmtree(RESULTS)
    with open(RESULTS, "w"):
        pass
    assert run("call", *TASK, *KEEP, *globs("a")).returncode
    failed = newest()["id"]
    fails(2, "runs", "resume", failed, saying=["not recorded completely", f"dowel runs result {failed}"])
    assert "b" in names(json.loads(dowel("runs", "result", failed, "--json")))


if __name__ == "__main__":
    main(globals())
