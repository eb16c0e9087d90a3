"""One call, one execution: whatever is killed, interrupted, lost, deleted or buried under newer executions. The server counts."""
import datetime
import json
import os
import signal
import sqlite3
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import HOME, PROXY, block, call, dowel, executions, fails, fault, job, newest_run, ours, prepare, run, script, server, start, until  # noqa: E402
from command import main  # noqa: E402


def resume(*words):
    return json.loads(dowel("runs", "resume", newest_run()["id"], "--json", *words))


def begun(name, *words):
    """A run of ours whose execution runs."""
    process = start("call", "cloud_run.run", "--job", name, *words)
    until(lambda: any(e.get("runningCount") for e in ours(name)), process)
    return process


def killed_before_the_answer(name):
    """The execution exists, its name was never read."""
    fault(path=f"/{name}:run", hold=60, after=True)
    process = start("call", "cloud_run.run", "--job", name)
    until(lambda: ours(name), process)
    process.kill()
    process.wait()


def test_an_execution_is_found_behind_any_number_of_newer_ones():
    prepare()
    PROXY.reset()
    for count in (0, 2, 3, 7, 120):
        name = f"buried-{count}"
        block(name, *script("true"))
        killed_before_the_answer(name)
        server("/_finished", {"job": f"{HOME}/{name}", "count": count})
        result = resume()
        assert result["state"] == "succeeded" and len(ours(name)) == 1, (count, len(ours(name)))
        assert result["execution"] == ours(name)[0]["name"].rsplit("/", 1)[1]


def test_a_lost_answer_is_looked_for_behind_newer_ones():
    block("crowded", *script("true"))
    PROXY.rule = lambda r: server("/_finished", {"job": f"{HOME}/crowded", "count": 5}) and None if r.path.endswith("/crowded/executions?pageSize=100") else None
    fault(path="/crowded:run", after=True)
    call("cloud_run.run", "--job", "crowded")
    PROXY.rule = None
    assert len(ours("crowded")) == 1


def test_the_search_ends_where_the_run_began():
    """What is older than the run by more than clocks differ is not read."""
    block("old", *script("true"))
    call("cloud_run.run", "--job", "old")
    server("/_finished", {"job": f"{HOME}/old", "count": 40, "age": 3 * 24 * 3600})
    fault(path="/old:run", status=503)
    PROXY.reset()
    call("cloud_run.run", "--job", "old")
    assert len(PROXY.seen("POST", "/old:run")) == 2 and len(ours("old")) == 2
    assert 1 <= len(PROXY.seen("GET", "/old/executions?")) <= 4, PROXY.requests


def test_a_machine_whose_clock_is_fast_finds_its_execution():
    """Its run's id is of the future, as far as the server's times go."""
    block("clock", *script("true"))
    killed_before_the_answer("clock")
    server("/_finished", {"job": f"{HOME}/clock", "count": 5})
    PROXY.rule = lambda r: {"edit": hours_ago} if "/clock/executions?" in r.path else None
    assert resume()["state"] == "succeeded" and len(ours("clock")) == 1
    PROXY.rule = None


def hours_ago(status, headers, body):
    """The answer, by a clock that is ten hours behind."""
    document = json.loads(body)
    for execution in document.get("executions", []):
        at = datetime.datetime.strptime(execution["createTime"], "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.timedelta(hours=10)
        execution["createTime"] = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return status, headers, json.dumps(document).encode()


def test_an_interrupt_while_the_answer_to_the_start_is_on_its_way():
    for number in (signal.SIGINT, signal.SIGTERM):
        name = f"held-{int(number)}"
        block(name, *script("sleep 600"))
        fault(path=f"/{name}:run", hold=60, after=True)
        process = start("call", "cloud_run.run", "--job", name)
        until(lambda: ours(name), process)
        process.send_signal(number)
        assert process.wait(60) in (130, 143)
        ended = until(lambda: [e for e in ours(name) if e.get("completionTime")])
        assert len(ours(name)) == 1 and ended[0].get("cancelledCount") == 1, "the execution was left running"


def test_a_timeout_while_the_answer_to_the_start_is_on_its_way():
    block("late", *script("sleep 600"))
    fault(path="/late:run", hold=60, after=True)
    fails(5, "call", "cloud_run.run", "--job", "late", "--timeout", "3s")
    assert until(lambda: [e for e in ours("late") if e.get("cancelledCount")]) and len(ours("late")) == 1


def test_a_cancellation_that_fails_leaves_the_execution_to_the_resumed_run():
    block("uncancelled", *script("sleep 2"))
    process = begun("uncancelled")
    fault(path=":cancel", status=403, name="PERMISSION_DENIED")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert resume()["state"] == "succeeded" and len(ours("uncancelled")) == 1


def test_the_service_is_away_while_an_execution_is_waited_for():
    """Longer than the attempts of one request."""
    block("away", *script("sleep 1"))
    process = begun("away")
    fault(path="/executions/away-", method="GET", status=503, count=8)
    until(lambda: process.poll() is not None, limit=120)
    assert process.returncode == 0 and len(ours("away")) == 1


def test_the_service_is_away_until_the_time_runs_out():
    block("gone", *script("sleep 600"))
    fault(path="/executions/gone-", method="GET", status=503, count=1000)
    said = fails(5, "call", "cloud_run.run", "--job", "gone", "--timeout", "5s", saying=["503", "injected fault"])
    assert said and until(lambda: [e for e in ours("gone") if e.get("cancelledCount")])


def test_an_execution_that_was_deleted_does_not_stop_the_run_for_ever():
    block("deleted", *script("sleep 600"))
    process = begun("deleted")
    process.kill()
    process.wait()
    first = ours("deleted")[0]["name"]
    block("deleted", *script("true"))
    server(f"/v2/{first}", method="DELETE")
    result = resume()
    assert result["state"] == "succeeded" and len(ours("deleted")) == 1 and not first.endswith(result["execution"]), result


def test_an_execution_that_succeeded_before_it_was_deleted_is_not_repeated():
    block("cleaned", *script("sleep 0.5"))
    process = begun("cleaned")
    process.kill()
    process.wait()
    first = until(lambda: [e for e in ours("cleaned") if e.get("completionTime")])[0]["name"]
    server(f"/v2/{first}", method="DELETE")
    result = resume()
    assert result["state"] == "succeeded" and first.endswith(result["execution"]) and not ours("cleaned"), result


def test_one_whose_name_was_never_read_and_that_was_deleted_is_not_repeated():
    block("unread", *script("true"))
    killed_before_the_answer("unread")
    first = until(lambda: [e for e in ours("unread") if e.get("completionTime")])[0]["name"]
    server(f"/v2/{first}", method="DELETE")
    result = resume()
    assert result["state"] == "succeeded" and first.endswith(result["execution"]) and not ours("unread"), result


def test_an_execution_that_is_deleted_under_its_run():
    block("pulled", *script("sleep 600"))
    process = begun("pulled")
    server(f"/v2/{ours('pulled')[0]['name']}", method="DELETE")
    assert process.wait(60) == 3
    block("pulled", *script("true"))
    assert resume()["state"] == "succeeded" and len(ours("pulled")) == 1


def test_a_run_that_ended_is_not_run_again_because_its_record_was_not_finished():
    """Killed between the end of the execution and the end of the record: while the job is deleted."""
    block("finished", *script("true"), "--delete-after")
    PROXY.rule = lambda r: {"hold": 60} if r.method == "DELETE" and r.number == 1 else None
    process = start("call", "cloud_run.run", "--job", "finished")
    until(lambda: [r for r in PROXY.seen("DELETE", "/finished") if r.status], process)
    process.kill()
    process.wait()
    PROXY.rule = None
    PROXY.requests.clear()
    result = resume()
    assert result["state"] == "succeeded" and result["succeeded"] == 1, result
    assert not PROXY.seen("POST", ":run") and job("finished") is None


def test_a_job_to_be_deleted_is_deleted_when_the_run_is_interrupted():
    for number in (signal.SIGINT, signal.SIGTERM):
        name = f"brief-{int(number)}"
        block(name, *script("sleep 600"), "--delete-after")
        process = begun(name)
        process.send_signal(number)
        assert process.wait(60) in (130, 143)
        assert job(name) is None, "the job was left behind"
    block("brief-timeout", *script("sleep 600"), "--delete-after")
    fails(5, "call", "cloud_run.run", "--job", "brief-timeout", "--timeout", "3s")
    assert job("brief-timeout") is None
    block("brief-failed", *script("false"), "--delete-after")
    fails(6, "call", "cloud_run.run", "--job", "brief-failed")
    assert job("brief-failed") is None


def test_a_deletion_whose_answer_was_lost_is_a_deletion():
    for how in ({}, {"status": 503}):
        block("lost", *script("true"))
        call("cloud_run.run", "--job", "lost")
        fault(path="/jobs/lost", method="DELETE", after=True, **how)
        assert call("cloud_run.delete", "--job", "lost")["deleted"] is True and job("lost") is None
    fails(3, "call", "cloud_run.delete", "--job", "lost")


def test_an_execution_that_has_ended_need_not_be_cancelled():
    block("ended", *script("true"))
    result = call("cloud_run.run", "--job", "ended")
    assert call("cloud_run.cancel", "--job", "ended")["state"] == "succeeded"
    assert call("cloud_run.cancel", "--job", "ended", "--execution", result["execution"])["execution"] == result["execution"]
    block("ending", *script("sleep 600"))
    call("cloud_run.run", "--job", "ending", "--no-wait")
    fault(path=":cancel", after=True)
    assert call("cloud_run.cancel", "--job", "ending")["state"] == "cancelled"
    fails(3, "call", "cloud_run.cancel", "--job", "ending", "--execution", "ending-none", saying="ending-none")


def test_a_run_that_was_never_sent_begins_anew():
    block("unsent", *script("true"))
    fault(path="/unsent:run", status=403, name="PERMISSION_DENIED")
    fails(4, "call", "cloud_run.run", "--job", "unsent")
    assert resume()["state"] == "succeeded" and len(ours("unsent")) == 1


def test_an_answer_to_a_start_that_makes_no_sense_is_an_answer():
    """The job was run: it is not run again, however late its execution is listed."""
    for i, body in enumerate((b"<html>gateway</html>", b"", b"[]", b'{"name": 5}')):
        name = f"garbled-{i}"
        block(name, *script("true"))
        hidden = []

        def rule(r):
            if r.path.endswith(":run"):
                return {"edit": lambda s, h, b: (200, [], body)}
            if "/executions?" in r.path and len(hidden) < 3:
                hidden.append(r)
                return {"answer": (200, [("Content-Type", "application/json")], b"{}")}
            return None
        PROXY.reset(rule)
        assert call("cloud_run.run", "--job", name)["state"] == "succeeded"
        assert len(PROXY.seen("POST", ":run")) == 1 and len(ours(name)) == 1, (body, PROXY.requests)
    PROXY.reset()


def test_a_record_that_cannot_be_read_starts_nothing():
    """What stands in it may be an execution that runs."""
    block("unread", *script("sleep 1"))
    process = begun("unread")
    process.kill()
    process.wait()
    number = newest_run()["id"]
    path = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE run_handles RENAME TO elsewhere")
    done = run("runs", "resume", number)
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE elsewhere RENAME TO run_handles")
    assert done.returncode not in (0, 6) and len(ours("unread")) == 1, done
    assert json.loads(dowel("runs", "resume", number, "--json"))["state"] == "succeeded" and len(executions("unread")) == 1


if __name__ == "__main__":
    main(globals())
