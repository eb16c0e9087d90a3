"""Jobs when things go wrong: answers lost, storms of 429 and 5xx, broken connections, interrupts. What runs is counted at the server."""
import json
import os
import signal
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import GOOGLE, PROXY, URL, attempt, bq, checked, prepare, refused, submitted  # noqa: E402
from command import TMP, dowel, fails, main, start  # noqa: E402

JSON = [("Content-Type", "application/json")]


def problem(status, reason, message, *headers):
    """An answer in Google's shape of errors; Retry-After says that no long wait is needed."""
    return {"answer": (status, [*JSON, *headers], json.dumps({"error": {"code": status, "message": message, "errors": [
        {"reason": reason, "message": message, "domain": "global"}]}}).encode())}


def jobs():
    """The ids of dowel's jobs that the server has run."""
    with urllib.request.urlopen(URL + "/bigquery/v2/projects/demo/jobs?maxResults=1000") as answer:
        found = json.load(answer).get("jobs", [])
    return [j["jobReference"]["jobId"] for j in found if j["jobReference"]["jobId"].startswith("dowel_")]


def table(name):
    """How many rows Google's client finds in it."""
    return next(iter(GOOGLE.query_and_wait(f"SELECT COUNT(*) AS n FROM {name}")))["n"]


def test_prepare():
    prepare()
    bq("create_dataset", "--dataset", "work")
    bq("query", "--query", "CREATE TABLE work.log (x INT64)")


def test_a_job_has_an_id_of_dowels_own_that_the_run_remembers():
    got = bq("query", "--query", "SELECT 1 AS x")
    run_id = json.loads(dowel("runs", "list", "--json", "--limit", "1"))[0]["id"]
    assert got["job_id"].startswith(f"dowel_{run_id}") and submitted()[0]["jobReference"]["jobId"] == got["job_id"]
    shown = bq("get_job", "--job", got["job_id"])
    assert shown["state"] == "DONE" and shown["job_id"] == got["job_id"] and "error" not in shown, shown
    assert shown["configuration"]["query"]["query"] == "SELECT 1 AS x"
    assert GOOGLE.get_job(got["job_id"]).state == "DONE"
    assert got["job_id"] in json.dumps(json.loads(dowel("runs", "show", run_id, "--json")))


def test_a_job_that_is_not_there():
    refused(3, "get_job", "--job", "never", saying=["404", "notFound", "never"])
    refused(2, "get_job", saying='"job"')


def duplicate(place="US"):
    """What Google answers to a second submit of a job; the stand-in would run it again."""
    return problem(409, "duplicate", f"Already Exists: Job demo:{place}.{submitted()[0]['jobReference']['jobId']}")


def test_a_submit_whose_answer_was_lost_runs_once():
    before = len(jobs())
    for how in ({"lose": True}, {"edit": lambda *_: (503, JSON, b'{"error": {"code": 503, "message": "backend"}}')}):
        rows_before = table("work.log")
        PROXY.reset(lambda r: None if not r.path.endswith("/jobs") else how if r.number == 1 else duplicate())
        got = bq("query", "--query", "INSERT INTO work.log VALUES (1)")
        sent = submitted()
        assert len(sent) == 2 and sent[0] == sent[1], "one id for every try"
        assert table("work.log") == rows_before + 1, "the statement ran once"
        assert got["affected_rows"] == 1 and got["job_id"] == sent[0]["jobReference"]["jobId"]
        assert got["job_id"] in jobs()
    assert len(jobs()) == before + 2
    PROXY.rule = None


def test_the_location_of_a_job_that_is_there_is_found_in_the_answer():
    """Without a location a job is found in the US and the EU only; the refusal of the second submit names it."""
    asked = []

    def rule(request):
        if request.method == "POST" and request.number == 1:
            return {"lose": True}
        if request.method == "POST":
            return duplicate("asia-northeast1")
        asked.append(request.query("location"))
        return None
    PROXY.reset(rule)
    bq("query", "--query", "SELECT 1 AS x")
    assert asked[0] == "asia-northeast1", asked
    PROXY.rule = None


def test_a_file_whose_answer_was_lost_is_loaded_once():
    """The stand-in gives uploads ids of its own, so the second one is refused in its place, as Google does."""
    path = os.path.join(TMP, "one.csv")
    with open(path, "w") as file:
        file.write("x\n1\n2\n")

    def rule(request):
        if "/upload/" in request.path:
            return {"lose": True} if request.number == 1 else problem(409, "duplicate", "Already Exists: Job demo:US.x")
        if request.method == "GET":
            state = {"kind": "bigquery#job", "jobReference": {"projectId": "demo", "jobId": "x"}, "status": {"state": "DONE"},
                     "statistics": {"load": {"outputRows": "2", "inputFileBytes": "6"}}}
            return {"answer": (200, JSON, json.dumps(state).encode())}
        return None
    PROXY.reset(rule)
    got = bq("load", "--table", "work.once", "--file", path, "--autodetect")
    sent = submitted()
    assert got["rows"] == 2 and len(sent) == 2 and sent[0] == sent[1], sent
    assert PROXY.seen("GET")[0].path.partition("?")[0].endswith(sent[0]["jobReference"]["jobId"])
    PROXY.rule = None
    assert table("work.once") == 2


def test_a_load_that_breaks_midway_starts_again():
    path = os.path.join(TMP, "many.csv")
    with open(path, "w") as file:
        file.write("x\n" + "".join(f"{i}\n" for i in range(200000)))
    # The stand-in would load what it got of a body that was cut: it gets none of the rows.
    PROXY.reset(lambda r: {"cut_upload": 100} if "/upload/" in r.path and r.number == 1 else None)
    got = bq("load", "--table", "work.many", "--file", path, "--autodetect")
    assert got["rows"] == 200000, got
    assert len(PROXY.seen("POST", "/upload/")) == 2
    PROXY.rule = None
    assert table("work.many") == 200000


def test_storms_are_weathered():
    def rule(request):
        storms = [(429, "rateLimitExceeded"), (503, "backendError"), (403, "jobRateLimitExceeded")]
        if request.method == "POST" and request.number <= len(storms):
            return problem(*storms[request.number - 1], "try later", ("Retry-After", "0"))
        if request.method == "GET" and request.number <= 2:
            return problem(502, "backendError", "try later") if request.number == 1 else {"cut_download": 5}
        return None
    PROXY.reset(rule)
    got = bq("query", "--query", "SELECT 1 AS x")
    assert got["rows"] == [{"x": 1}] and len(submitted()) == 4 and jobs().count(got["job_id"]) == 1
    PROXY.rule = None


def test_a_storm_that_does_not_end():
    PROXY.reset(lambda r: problem(503, "backendError", "Visibility check was unavailable"))
    done = attempt("query", "--query", "SELECT 1 AS x", "--timeout", "3s")
    said = json.loads(done.stderr)["error"]
    assert done.returncode == 5 and said["code"] == "unavailable" and said["http_status"] == 503 and said["retryable"], said
    assert said["reason"] == "backendError" and "Visibility check was unavailable" in said["message"] , said
    assert len(PROXY.seen("POST")) > 1
    checked()
    PROXY.rule = None


def test_what_will_not_help_is_not_tried_again():
    for status, reason, code in ((400, "invalid", 1), (403, "accessDenied", 4), (403, "quotaExceeded", 4), (404, "notFound", 3)):
        PROXY.reset(lambda r: problem(status, reason, "no"))
        refused(code, "query", "--query", "SELECT 1 AS x", saying=[str(status), reason])
        assert len(PROXY.requests) == 1
    PROXY.rule = None


def failing(status, headers, body):
    job = json.loads(body)
    job["status"] = {"state": "DONE", "errorResult": {"reason": "backendError", "message": "worker lost"}, "errors": [
        {"reason": "backendError", "message": "worker lost"}, {"reason": "stopped", "message": "stage 2 stopped", "location": "stage"}]}
    return status, headers, json.dumps(job).encode()


def test_a_job_that_failed_is_tried_again_under_a_new_id_when_the_policy_says_so():
    PROXY.reset(lambda r: {"edit": failing} if (r.method == "POST" and r.number == 1) or (r.method == "GET" and "/jobs/" in r.path and r.path.partition("?")[0].endswith("_1")) else None)
    got = bq("query", "--query", "SELECT 1 AS x", "--retries", "2", "--retry-delay", "10ms")
    ids = [s["jobReference"]["jobId"] for s in submitted()]
    assert len(ids) == 2 and ids[0].endswith("_1") and ids[1].endswith("_2") and got["job_id"] == ids[1], ids
    PROXY.reset(lambda r: {"edit": failing} if r.method == "POST" else None)
    done = attempt("query", "--query", "SELECT 1 AS x")
    said = json.loads(done.stderr)["error"]
    assert done.returncode == 6 and said["reason"] == "backendError" and said["retryable"], said
    assert "stage: stage 2 stopped" in said["detail"], said
    PROXY.rule = None


def test_an_answer_that_makes_no_sense():
    for body in (b"<html>gateway</html>", b"[]", b'{"jobReference": 7}'):
        PROXY.reset(lambda r: {"answer": (200, JSON, body)} if r.method == "POST" else problem(404, "notFound", "no job"))
        done = attempt("query", "--query", "SELECT 1 AS x")
        assert done.returncode in (1, 3), (body, done)
        assert b"BigQuery" in done.stderr, done.stderr
    PROXY.rule = None


def test_an_interrupted_query_cancels_its_job():
    running = threading.Event()

    def unfinished(status, headers, body):
        running.set()
        job = json.loads(body)
        job["status"] = {"state": "RUNNING"}
        return status, headers, json.dumps(job).encode()
    PROXY.reset(lambda r: {"edit": unfinished} if not r.path.endswith("/cancel") and "/jobs" in r.path else None)
    process = start("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "SELECT 1 AS x")
    assert running.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    cancelled = PROXY.seen("POST", "/cancel")
    assert len(cancelled) == 1 and submitted()[0]["jobReference"]["jobId"] in cancelled[0].path
    checked()
    PROXY.reset(PROXY.rule)
    fails(5, "call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "SELECT 1 AS x", "--timeout", "500ms")
    assert len(PROXY.seen("POST", "/cancel")) == 1, "the job is not left running when time is up"
    PROXY.rule = None


def test_an_interrupt_before_the_answer_cancels_the_job_too():
    arrived, go_on = threading.Event(), threading.Event()

    def held(*answer):
        arrived.set()
        go_on.wait(30)
        return answer
    PROXY.reset(lambda r: {"edit": held} if r.path.endswith("/jobs") else None)
    process = start("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "SELECT 1 AS x")
    assert arrived.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    go_on.set()
    assert len(PROXY.seen("POST", "/cancel")) == 1, "the request had arrived"
    PROXY.rule = None


def test_an_attempt_after_one_that_ran_out_of_time_is_a_job_of_its_own():
    def running(status, headers, body):
        return status, headers, json.dumps({**json.loads(body), "status": {"state": "RUNNING"}}).encode()

    def rule(request):
        place = request.path.partition("?")[0]
        return {"edit": running} if (place.endswith("/jobs") and request.number == 1) or place.endswith("_1") else None
    PROXY.reset(rule)
    got = bq("query", "--query", "SELECT 1 AS x", "--timeout", "2s", "--retries", "1", "--retry-delay", "0")
    ids = [s["jobReference"]["jobId"] for s in submitted()]
    assert len(ids) == 2 and got["job_id"] == ids[1] and ids[1].endswith("_2"), ids
    assert ids[0] in PROXY.seen("POST", "/cancel")[0].path, "the first one was cancelled"
    PROXY.rule = None


def test_a_killed_query_is_taken_up_again():
    """After a kill the job of the run is found under its id and nothing is submitted twice."""
    running = threading.Event()

    def hold(status, headers, body):
        running.set()
        job = json.loads(body)
        job["status"] = {"state": "RUNNING"}
        return status, headers, json.dumps(job).encode()
    before = table("work.log")
    PROXY.reset(lambda r: {"edit": hold} if "/jobs" in r.path else None)
    process = start("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "INSERT INTO work.log VALUES (2)")
    assert running.wait(30)
    process.kill()
    process.wait()
    PROXY.rule = lambda r: duplicate() if r.method == "POST" else None
    run_id = json.loads(dowel("runs", "list", "--json", "--task", "bigquery.query", "--limit", "1"))[0]["id"]
    dowel("runs", "resume", run_id)
    PROXY.rule = None
    assert table("work.log") == before + 1
    assert len({s["jobReference"]["jobId"] for s in submitted()}) == 1


def resumed_once(before, cancels):
    """The interrupted run's job ended all the same: the run that is resumed takes its result, and the statement does not run again."""
    assert len(PROXY.seen("POST", "/cancel")) == cancels
    PROXY.rule = lambda r: duplicate() if r.method == "POST" else None
    run_id = json.loads(dowel("runs", "list", "--json", "--task", "bigquery.query", "--limit", "1"))[0]["id"]
    dowel("runs", "resume", run_id)
    PROXY.rule = None
    assert table("work.log") == before + 1
    assert len({s["jobReference"]["jobId"] for s in submitted()}) == 1


def test_a_query_that_ended_before_it_was_cancelled_does_not_run_again():
    running = threading.Event()

    def hold(status, headers, body):
        running.set()
        return status, headers, json.dumps({**json.loads(body), "status": {"state": "RUNNING"}}).encode()
    before = table("work.log")
    PROXY.reset(lambda r: {"edit": hold} if "/jobs" in r.path and not r.path.partition("?")[0].endswith("/cancel") else None)
    process = start("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "INSERT INTO work.log VALUES (3)")
    assert running.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    resumed_once(before, 1)


def test_a_query_interrupted_as_its_rows_are_read_does_not_run_again():
    arrived, go_on = threading.Event(), threading.Event()

    def held(*answer):
        arrived.set()
        go_on.wait(30)
        return answer
    before = table("work.log")
    PROXY.reset(lambda r: {"edit": held} if "/queries/" in r.path else None)
    process = start("call", "bigquery.query", "--credentials", "demo", "--endpoint", PROXY.url, "--query", "INSERT INTO work.log VALUES (4)")
    assert arrived.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    go_on.set()
    resumed_once(before, 0)


def test_no_connection():
    fails(5, "call", "bigquery.query", "--credentials", "demo", "--endpoint", "http://127.0.0.1:9", "--query", "SELECT 1", "--timeout", "2s",
          saying=["127.0.0.1", "BigQuery"])


if __name__ == "__main__":
    main(globals())
