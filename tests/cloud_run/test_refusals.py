"""Cloud Run when it is too busy, hangs up, or refuses who we are: nothing is started twice, and the error says what it said."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(os.environ["DOWEL_TEST_CLOUD_RUN_URL"])


def problem(status, name, message):
    return {"answer": (status, [("Content-Type", "application/json")], json.dumps(
        {"error": {"code": status, "message": message, "status": name}}).encode())}


def attempt(task, *words):
    done = run("call", f"cloud_run.{task}", "--job", "report", "--json", *words)
    return done.returncode, json.loads(done.stderr or b"{}").get("error")


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "cloud-run-job/report", "--job", "report", "--image", "local/report", "--region", "europe-west1", "--credentials", "demo",
          "--command", "true", "--endpoint", PROXY.url)
    dowel("call", "cloud_run.run", "--job", "report")


def test_a_storm_that_does_not_end():
    for status, name in ((503, "UNAVAILABLE"), (429, "RESOURCE_EXHAUSTED")):
        PROXY.reset(lambda r: problem(status, name, "Too much at once."))
        code, said = attempt("run", "--timeout", "2s")
        assert code == 5 and said["code"] == "unavailable" and said["http_status"] == status and said["reason"] == name, said
        assert "Too much at once." in said["message"] and said["retryable"] and len(PROXY.requests) > 1, said
    PROXY.reset(lambda r: {"lose": True})
    code, said = attempt("status", "--timeout", "2s")
    assert code == 5 and said["code"] == "network" and len(PROXY.requests) > 1, said
    PROXY.reset()


def test_what_will_not_help_is_not_tried_again():
    for status, name, code in ((400, "INVALID_ARGUMENT", 1), (401, "UNAUTHENTICATED", 4), (403, "PERMISSION_DENIED", 4), (404, "NOT_FOUND", 3)):
        PROXY.reset(lambda r: problem(status, name, "No, for a reason."))
        got, said = attempt("status")
        assert got == code and said["reason"] == name and "No, for a reason." in said["message"], said
        assert len(PROXY.requests) <= 2 - (status != 401), PROXY.requests
    PROXY.reset()


def test_an_answer_that_makes_no_sense():
    for body in (b"<html>gateway</html>", b"", b"[]", b'{"name": 5}'):
        PROXY.reset(lambda r: {"answer": (200, [("Content-Type", "application/json")], body)})
        done = run("call", "cloud_run.run", "--job", "report", "--timeout", "2s")
        assert done.returncode in (1, 5, 6) and done.stderr.startswith(b"dowel: "), (body, done)
    PROXY.reset()


def test_credentials_that_are_none():
    dowel("block", "save", "gcp-credentials/missing", "--service-account-file", "/no/such/key.json", "--project", "demo")
    dowel("block", "save", "cloud-run-job/locked", "--job", "report", "--image", "local/report", "--region", "europe-west1", "--credentials", "missing",
          "--endpoint", PROXY.url)
    PROXY.reset()
    fails(4, "call", "cloud_run.run", "--job", "locked", saying=["/no/such/key.json", "No such file"])
    assert not PROXY.requests


if __name__ == "__main__":
    main(globals())
