"""Attempts as the command's flags ask for them: what cannot succeed is tried once, what may is tried again, and 0 is a number like any other."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, dowel, fails, main  # noqa: E402

HERE = ("--credentials", "demo", "--endpoint", os.environ["DOWEL_TEST_BIGQUERY_URL"])


def newest():
    return json.loads(dowel("runs", "--json", "--limit", "1"))[0]


def attempts(status, *words):
    fails(status, "call", *words)
    return newest()["attempts"]


def test_blocks():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def test_what_cannot_succeed_is_tried_once():
    three = ("--retries", "3", "--retry-delay", "1ms")
    assert attempts(6, "bigquery.query", *HERE, "--query", "SELEC 1", *three) == 1
    assert attempts(3, "bigquery.get_job", *HERE, "--job", "no-such-job", *three) == 1
    assert attempts(3, "bigquery.load", *HERE, "--table", "d.t", "--file", os.path.join(TMP, "missing.csv"), *three) == 1
    folder = os.path.join(TMP, "folder")
    os.makedirs(folder, exist_ok=True)
    # A folder in the place of a file; a name that is too long.
    for place in (os.path.join(TMP, "x" * 300), os.path.join(TMP, "missing")):
        assert attempts(3 if "missing" in place else 1, "objects.copy", "--source", place, "--destination", folder + "/", *three) == 1


def test_retry_on():
    missing = ("objects.stat", "--place", os.path.join(TMP, "missing"), "--retry-delay", "1ms")
    assert attempts(3, *missing, "--retries", "2", "--retry-on", "not_found") == 3
    assert attempts(3, *missing, "--retries", "2", "--retry-on", "timeout", "--retry-on", "not_found") == 3
    assert attempts(3, *missing, "--retries", "2", "--retry-on", "timeout") == 1
    assert attempts(3, *missing, "--retries", "0", "--retry-on", "not_found") == 1
    fails(2, "call", *missing, "--retry-on", "not_fond", saying=["retry_on", "did you mean \"not_found\"?"])
    fails(2, "call", *missing, "--retry-delay-max", "-5s", saying=["retry_delay_max"])


def test_zeros_are_kept():
    fails(3, "call", "objects.stat", "--place", os.path.join(TMP, "missing"), "--retries", "0", "--persist-result=false",
          "--retry-delay-max", "0s", "--retry-backoff", "fixed")
    policy = json.loads(dowel("runs", "show", newest()["id"], "--json"))["policy"]
    assert policy == {"retries": 0, "persist_result": False, "retry_delay_max": 0, "retry_backoff": "fixed"}, policy


def test_help_and_schema_have_what_the_command_has():
    text = dowel("call", "objects.stat", "--help")
    assert "--retry-on" in text and "--retry-delay-max" in text and "--given" not in text, text
    schema = json.loads(dowel("task", "show", "objects.stat", "--json"))
    assert "given" not in json.dumps(schema)
    fails(2, "call", "objects.stat", "--place", "x", "--given", "recursive")


main(globals())
