"""A function is invoked at most once unless the caller allows more: after a kill, a lost answer, an interrupt, a retry that was asked for. How often
it ran is counted by the function itself, how often it was asked to by the proxy."""
import json
import os
import signal
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import PROXY, Counter, attempt, fails, invoke, prepare, refused  # noqa: E402
from command import dowel, main, run, start  # noqa: E402

DATABASE = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")
MODES = ("request-response", "event")


def newest():
    return json.loads(dowel("runs", "--json", "--task", "lambda.invoke"))[0]


def handles():
    shown = json.loads(dowel("runs", "show", newest()["id"], "--json"))
    return json.dumps(shown)


def until(what, process=None, limit=60):
    end = time.monotonic() + limit
    while not what():
        assert time.monotonic() < end and (process is None or process.poll() is None), "waited in vain"
        time.sleep(0.02)


def killed(counter, *words, number=signal.SIGKILL):
    """A run whose process ends by a signal while the function's answer is on its way."""
    PROXY.reset(lambda r: {"hold": 60})
    process = start("call", "lambda.invoke", "--function", "count", *counter.payload, *words)
    until(lambda: counter.ran() == 1, process)
    process.send_signal(number)
    process.wait(60)
    PROXY.reset(None)


def test_a_resumed_run_does_not_invoke_again():
    prepare()
    for mode in MODES:
        counter = Counter(f"killed-{mode}")
        killed(counter, "--mode", mode)
        said = fails(7, "runs", "resume", newest()["id"], saying=["dowel-test-dev-count", "may have run", "not invoked again"])
        assert "--idempotent" in said and not PROXY.requests and counter.ran() == 1, (said, PROXY.requests)
        fails(7, "runs", "resume", newest()["id"], saying="may have run")
        assert not PROXY.requests and counter.ran() == 1


def test_a_run_key_does_not_invoke_again():
    for mode in MODES:
        counter = Counter(f"key-{mode}")
        killed(counter, "--mode", mode, "--run-key", f"night-{mode}")
        words = ["call", "lambda.invoke", "--function", "count", *counter.payload, "--mode", mode, "--run-key"]
        fails(7, *words, f"night-{mode}", saying=["dowel-test-dev-count", "may have run", "run key"])
        assert not PROXY.requests and counter.ran() == 1
        dowel(*words, f"again-{mode}")
        until(lambda: counter.ran() == 2)


def test_an_interrupted_invocation_says_that_it_may_have_run():
    counter = Counter("interrupted")
    killed(counter, number=signal.SIGINT)
    fails(7, "runs", "resume", newest()["id"], saying=["may have run", "cancelled"])
    assert not PROXY.requests and counter.ran() == 1


def test_who_allows_it_has_it_repeated():
    counter = Counter("allowed")
    killed(counter, "--idempotent")
    result = json.loads(dowel("runs", "resume", newest()["id"], "--json"))
    assert result["payload"] == {"ran": True} and counter.ran() == 2, result
    for how in ({"lose": True}, {"cut_download": 3}, {"edit": lambda *_: (500, [], b"{}")}, {"edit": lambda *_: (502, [], b"{}")},
                {"edit": lambda *_: (503, [], b"{}")}, {"edit": lambda *_: (504, [], b"{}")}):
        for mode in MODES[:1] if "cut_download" in how else MODES:  # an event's answer has no body
            counter = Counter(f"allowed-{mode}-{len(os.listdir(os.environ['DOWEL_TEST_TMP']))}")
            PROXY.rule = lambda r: how if r.number == 1 else None
            invoke("count", *counter.payload, "--mode", mode, "--idempotent")
            assert len(PROXY.requests) == 2, (how, mode, PROXY.requests)
            until(lambda: counter.ran() == 2)
    PROXY.rule = None


def test_retries_of_the_policy_do_not_repeat_what_may_have_run():
    for i, how in enumerate(({"lose": True}, {"cut_download": 3}, {"edit": lambda *_: (500, [], b"{}")}, {"edit": lambda *_: (503, [], b"{}")})):
        for mode in MODES[:1] if "cut_download" in how else MODES:
            counter = Counter(f"policy-{mode}-{i}")
            PROXY.rule = lambda r: how if r.number == 1 else None
            done = attempt("count", *counter.payload, "--mode", mode, "--retries", "3", "--retry-delay", "10ms")
            said = json.loads(done.stderr.splitlines()[-1])["error"]
            until(lambda: counter.ran())
            assert done.returncode == 5 and "may have run" in said["message"] and not said["retryable"], said
            assert len(PROXY.requests) == 1 and counter.ran() == 1, (how, PROXY.requests)
    counter = Counter("policy-timeout")
    PROXY.rule = lambda r: {"hold": 60} if r.number == 1 else None
    done = attempt("count", *counter.payload, "--retries", "3", "--timeout", "2s")
    assert done.returncode == 5 and b"may have run" in done.stderr and len(PROXY.requests) == 1 and counter.ran() == 1, done
    PROXY.rule = None


def test_a_run_that_lost_the_answer_is_not_resumed_into_a_second_invocation():
    counter = Counter("lost")
    PROXY.rule = lambda r: {"lose": True}
    refused(5, "count", *counter.payload, saying="may have run")
    PROXY.reset(None)
    fails(7, "runs", "resume", newest()["id"], saying="may have run")
    assert not PROXY.requests and counter.ran() == 1


def test_what_certainly_did_not_run_goes_on():
    """Refused or never sent: a resumed run invokes."""
    words = [("x-amzn-ErrorType", "EC2AccessDeniedException")]
    for i, rule in enumerate((lambda r: {"answer": (429, [], b"{}")}, lambda r: {"answer": (404, [], b"{}")}, lambda r: {"answer": (403, [], b"{}")},
                              lambda r: {"answer": (502, words, b"{}")})):
        counter = Counter(f"refused-{i}")
        PROXY.rule = rule
        done = attempt("count", *counter.payload, "--timeout", "3s")
        assert done.returncode and b"may have run" not in done.stderr, done
        PROXY.reset(None)
        result = json.loads(dowel("runs", "resume", newest()["id"], "--json"))
        assert result["payload"] == {"ran": True} and counter.ran() == 1 and len(PROXY.requests) == 1, result


def test_a_function_that_failed_is_retried_where_that_was_asked_for():
    """Its outcome is known."""
    PROXY.rule = lambda r: {"answer": (200, [("X-Amz-Function-Error", "Unhandled")], b'{"errorType": "E"}')} if r.number < 3 else None
    counter = Counter("failed")
    assert invoke("count", *counter.payload, "--retries", "2", "--retry-delay", "10ms")["payload"] == {"ran": True}
    assert len(PROXY.requests) == 3 and counter.ran() == 1
    PROXY.rule = None


def test_the_mark_is_kept_before_the_request_is_sent():
    seen = []
    PROXY.rule = lambda r: seen.append(handles())
    counter = Counter("mark")
    invoke("count", *counter.payload)
    assert len(seen) == 1 and "lambda.sent" in seen[0], seen
    PROXY.rule = None


def test_nothing_is_sent_when_the_mark_cannot_be_kept():
    counter = Counter("unmarked")
    with sqlite3.connect(DATABASE) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON run_handles BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    refused(1, "count", *counter.payload, saying=["was not invoked", "the disk is full"])
    assert not PROXY.requests and not counter.ran()
    with sqlite3.connect(DATABASE) as db:
        db.execute("DROP TRIGGER full")
    assert invoke("count", *counter.payload)["payload"] == {"ran": True}


def test_a_dry_run_may_be_repeated():
    PROXY.rule = lambda r: {"answer": (204, [], b"")} if r.number > 1 else {"answer": (503, [], b"{}")}
    assert invoke("echo", "--mode", "dry-run")["status"] == 204 and len(PROXY.requests) == 2
    PROXY.rule = None


def test_a_run_whose_end_was_not_recorded_does_not_invoke_again():
    """The answer was read, and then the process was gone."""
    counter = Counter("unended")
    with sqlite3.connect(DATABASE) as db:
        db.execute("CREATE TRIGGER full BEFORE UPDATE ON runs WHEN NEW.state = 'completed' BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    run("call", "lambda.invoke", "--function", "count", *counter.payload, "--run-key", "unended")
    with sqlite3.connect(DATABASE) as db:
        db.execute("DROP TRIGGER full")
    assert counter.ran() == 1 and newest()["state"] == "crashed", newest()
    PROXY.reset()
    fails(7, "runs", "resume", newest()["id"], saying="may have run")
    fails(7, "call", "lambda.invoke", "--function", "count", *counter.payload, "--run-key", "unended", saying="may have run")
    assert not PROXY.requests and counter.ran() == 1


def test_a_run_without_a_record_needs_no_mark():
    """It cannot be resumed."""
    with sqlite3.connect(DATABASE) as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    done = run("call", "lambda.invoke", "--function", "echo", "--payload", "5", "--json")
    with sqlite3.connect(DATABASE) as db:
        db.execute("DROP TRIGGER full")
    assert done.returncode == 0 and json.loads(done.stdout)["payload"] == 5 and b"history is not recorded" in done.stderr, done


def test_without_a_record_a_later_attempt_knows_what_an_earlier_one_sent():
    """Also one that was asked for by the kind of the failure."""
    for trigger in (None, "CREATE TRIGGER full BEFORE INSERT ON runs BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"):
        counter = Counter(f"attempts-{bool(trigger)}")
        if trigger:
            with sqlite3.connect(DATABASE) as db:
                db.execute(trigger)
        PROXY.reset(lambda r: {"lose": True})
        done = run("call", "lambda.invoke", "--function", "count", *counter.payload, "--retries", "2", "--retry-delay", "0", "--retry-on", "network", "--json")
        if trigger:
            with sqlite3.connect(DATABASE) as db:
                db.execute("DROP TRIGGER full")
        assert done.returncode == 7 and b"may have run" in done.stderr and len(PROXY.requests) == 1 and counter.ran() == 1, done
    PROXY.rule = None


if __name__ == "__main__":
    main(globals())
