"""Cloud Run jobs through the command, against the server that checks each request against Google's discovery document and
really runs the commands. What the server holds afterwards is read from the server, not from dowel."""
import json
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, call, dowel, fails, main, start  # noqa: E402

URL = os.environ["DOWEL_TEST_CLOUD_RUN_URL"]
JSON = {"Content-Type": "application/json"}
PARENT = "/v2/projects/demo/locations/europe-west1/jobs"


def server(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, JSON, method=method)) as answer:
        return json.load(answer)


def executions(job):
    """Those of a job; none where the job is not there yet."""
    try:
        return server(f"{PARENT}/{job}/executions").get("executions", [])
    except urllib.error.HTTPError as problem:
        assert problem.code == 404, problem
        return []


def save(job, script, *more):
    dowel("block", "save", f"cloud-run-job/{job}", "--job", job, "--image", "local/report", "--region", "europe-west1",
          "--credentials", "demo", "--command", "sh", "--args", "-c", "--args", script, "--endpoint", URL, "--overwrite", *more)


def until(what, limit=30):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def test_run_runs_the_command():
    out = os.path.join(TMP, "out")
    save("report", f'echo "$REPORT $EXTRA $CLOUD_RUN_TASK_INDEX/$CLOUD_RUN_TASK_COUNT" >>{out}', "--env", "REPORT=airports",
         "--task-count", "3", "--parallelism", "1", "--cpu", "2", "--memory", "1Gi", "--timeout", "90", "--max-retries", "0",
         "--service-account", "runner@demo.iam.gserviceaccount.com", "--labels", "team=reports")
    result = call("cloud_run.run", "--job", "report", "--env", "EXTRA=more")
    assert result["state"] == "succeeded" and result["succeeded"] == 3 and result["failed"] == 0, result
    assert sorted(open(out).read().split("\n")) == ["", "airports more 0/3", "airports more 1/3", "airports more 2/3"]
    assert result["job"].endswith("report") and result["execution"].startswith("report-"), result
    assert result["log_uri"].startswith("https://")
    job = server(f"{PARENT}/report")
    task = job["template"]["template"]
    assert job["template"]["taskCount"] == 3 and job["template"]["parallelism"] == 1
    assert task["containers"][0]["resources"]["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert task["timeout"] == "90s" and task["serviceAccount"].startswith("runner@") and job["labels"] == {"team": "reports"}


def test_a_second_run_changes_only_what_changed():
    before = server(f"{PARENT}/report")["generation"]
    call("cloud_run.run", "--job", "report")
    assert server(f"{PARENT}/report")["generation"] == before, "a job that is as it should be was updated"
    save("report", "true", "--task-count", "2")
    result = call("cloud_run.run", "--job", "report")
    assert result["succeeded"] == 2
    assert server(f"{PARENT}/report")["generation"] != before


def test_overrides_hold_for_one_execution():
    out = os.path.join(TMP, "arguments")
    save("arguments", f"echo block >>{out}")
    call("cloud_run.run", "--job", "arguments", "--args", "-c", "--args", f"echo call >>{out}", "--task-count", "2")
    call("cloud_run.run", "--job", "arguments")
    assert open(out).read() == "call\ncall\nblock\n"


def test_a_partly_failed_execution_fails():
    save("partly", 'test "$CLOUD_RUN_TASK_INDEX" != 1', "--task-count", "3", "--max-retries", "0")
    said = fails(6, "call", "cloud_run.run", "--job", "partly", saying=["2 of 3 tasks succeeded", "1 failed", "partly"])
    assert "https://" in said, "says where the log is"
    assert dowel("runs", "--json").count("cloud_run.run") >= 1


def test_a_failed_task_is_named_with_its_exit_status_and_log():
    save("exits", 'test "$CLOUD_RUN_TASK_INDEX" != 4 || exit 7', "--task-count", "6", "--max-retries", "1")
    said = fails(6, "call", "cloud_run.run", "--job", "exits",
                 saying=["5 of 6 tasks succeeded, 1 failed", "; task 4 exited with status 7: The container exited with an error."])
    assert re.search(r"hint: read the log of task 4: https://\S+&task=4\n", said), said
    [failed] = call("cloud_run.status", "--job", "exits")["failed_tasks"]
    assert failed.pop("log_uri").endswith("&task=4") and failed == {
        "index": 4, "exit_status": 7, "retried": 1, "message": "The container exited with an error."}, failed


def test_every_failed_task_is_named():
    save("several", 'case $CLOUD_RUN_TASK_INDEX in 0) exit 3 ;; 5) kill -9 $$ ;; esac', "--task-count", "6", "--max-retries", "0")
    said = fails(6, "call", "cloud_run.run", "--job", "several", saying=["2 failed", "; task 0 exited with status 3", "read the log of task 0"])
    assert "\ntask 0 exited with status 3" in said and "\ntask 5 was terminated by signal 9" in said, said
    status = call("cloud_run.status", "--job", "several")
    assert [(task["index"], task.get("exit_status"), task.get("signal")) for task in status["failed_tasks"]] == [(0, 3, None), (5, None, 9)]


def test_an_execution_fails_even_if_its_tasks_cannot_be_listed():
    save("unlisted", "exit 9", "--max-retries", "0")
    server("/_faults", {"path": "/tasks", "status": 403, "name": "PERMISSION_DENIED"})
    fails(6, "call", "cloud_run.run", "--job", "unlisted",
          saying=["0 of 1 tasks succeeded", "cannot list its failed tasks", "injected fault", "read the execution's log: https://"])


def test_an_execution_that_succeeds_or_is_cancelled_has_no_failed_tasks():
    save("fine", "true")
    call("cloud_run.run", "--job", "fine")
    assert "failed_tasks" not in call("cloud_run.status", "--job", "fine")
    save("stopped", "sleep 600")
    call("cloud_run.run", "--job", "stopped", "--no-wait")
    assert "failed_tasks" not in call("cloud_run.cancel", "--job", "stopped")


def test_help_says_that_args_replace_the_containers_arguments():
    assert "--args" in (said := dowel("task", "show", "cloud_run.run")) and "replace" in said, said


def test_retries_of_a_task_are_counted():
    flag = os.path.join(TMP, "flag")
    save("again", f"test -e {flag} || {{ touch {flag}; exit 3; }}", "--max-retries", "2")
    result = call("cloud_run.run", "--job", "again")
    assert result["state"] == "succeeded" and result["retried"] == 1, result


def test_a_missing_image_fails_at_once():
    save("missing", "true")
    dowel("block", "save", "cloud-run-job/missing", "--job", "missing", "--image", "local/missing", "--region", "europe-west1",
          "--credentials", "demo", "--endpoint", URL, "--overwrite")
    fails(6, "call", "cloud_run.run", "--job", "missing", saying=["local/missing", "not found", "image"])
    assert not executions("missing"), "nothing was started"


def test_job_not_found():
    save("nobody", "true")
    fails(3, "call", "cloud_run.status", "--job", "nobody", saying=["nobody"])
    fails(3, "call", "cloud_run.delete", "--job", "nobody", saying=["nobody"])
    assert call("cloud_run.delete", "--job", "nobody", "--not-found-ok")["deleted"] is False


def test_status_and_no_wait_and_cancel():
    save("long", "sleep 600")
    result = call("cloud_run.run", "--job", "long", "--no-wait")
    assert result["state"] in ("pending", "running"), result
    status = call("cloud_run.status", "--job", "long")
    assert status["execution"] == result["execution"]
    status = call("cloud_run.status", "--job", "long", "--execution", result["execution"])
    assert status["state"] in ("pending", "running"), status
    cancelled = call("cloud_run.cancel", "--job", "long")
    assert cancelled["state"] == "cancelled" and cancelled["cancelled"] == 1, cancelled


def interrupted(job, number):
    save(job, "sleep 600")
    process = start("call", "cloud_run.run", "--job", job)
    until(lambda: any(e.get("runningCount") for e in executions(job)))
    process.send_signal(number)
    code = process.wait(30)
    assert code == 130 if number == signal.SIGINT else code in (130, 143), code
    ended = until(lambda: [e for e in executions(job) if e.get("completionTime")])
    assert len(executions(job)) == 1 and ended[0].get("cancelledCount") == 1, "the execution was left running"


def test_an_interrupted_run_cancels_its_execution():
    interrupted("interrupted", signal.SIGINT)
    interrupted("terminated", signal.SIGTERM)


def test_a_run_that_takes_too_long_is_cancelled():
    save("slow", "sleep 600")
    fails(5, "call", "cloud_run.run", "--job", "slow", "--task-timeout", "300", "--timeout", "1", saying="within 1s")
    ended = until(lambda: [e for e in executions("slow") if e.get("completionTime")])
    assert ended[0].get("cancelledCount") == 1


def test_a_lost_answer_starts_nothing_twice():
    save("lost", "true")
    server("/_faults", {"path": ":run", "after": True, "count": 1})
    result = call("cloud_run.run", "--job", "lost")
    assert result["state"] == "succeeded" and len(executions("lost")) == 1, executions("lost")
    save("unavailable", "true")
    server("/_faults", {"path": ":run", "after": True, "count": 1, "status": 503})
    result = call("cloud_run.run", "--job", "unavailable")
    assert result["state"] == "succeeded" and len(executions("unavailable")) == 1


def test_faults_while_following_are_retried():
    save("stormy", "sleep 0.3")
    server("/_faults", {"path": "/executions/", "count": 2, "status": 503})
    server("/_faults", {"path": "/executions/", "count": 1, "status": 429})
    server("/_faults", {"path": "/executions/", "count": 1})
    assert call("cloud_run.run", "--job", "stormy")["state"] == "succeeded"
    assert len(executions("stormy")) == 1


def test_a_job_is_deleted_when_asked():
    save("brief", "true", "--delete-after")
    assert call("cloud_run.run", "--job", "brief")["state"] == "succeeded"
    assert "brief" not in [j["name"].rsplit("/", 1)[1] for j in server(PARENT).get("jobs", [])]
    save("brief", "true")
    call("cloud_run.run", "--job", "brief")
    assert call("cloud_run.delete", "--job", "brief")["deleted"] is True
    assert "brief" not in [j["name"].rsplit("/", 1)[1] for j in server(PARENT).get("jobs", [])]


def test_bad_names_are_refused_before_anything_is_sent():
    before = len(server("/_log"))
    fails(2, "block", "save", "cloud-run-job/bad", "--job", "Bad_Name", "--image", "i", "--region", "r", saying="job")
    fails(2, "block", "save", "cloud-run-job/bad", "--job", "fine", "--image", "i", "--region", "r", "--task-count", "0x",
          saying="task_count")
    assert len(server("/_log")) == before


def test_refused_connection():
    save("nowhere", "true")
    dowel("block", "save", "cloud-run-job/nowhere", "--job", "nowhere", "--image", "i", "--region", "europe-west1",
          "--credentials", "demo", "--endpoint", "http://127.0.0.1:9", "--overwrite")
    fails(5, "call", "cloud_run.status", "--job", "nowhere", saying="127.0.0.1")


if __name__ == "__main__":
    main(globals())
