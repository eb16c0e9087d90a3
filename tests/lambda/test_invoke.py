"""Invocations through the command, of functions that really run. Requests are compared with what botocore makes of the same call."""
import base64
import json
import os
import sys

import boto3
from botocore.awsrequest import AWSResponse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import PROXY, attempt, call, function, invoke, prepare, refused  # noqa: E402
from command import TMP, dowel, main  # noqa: E402

VALUES = [{"a": 1, "text": "grün \"日本\"", "list": [1, None, True]}, [1, "x", None], "text", 5, 1.5, False]


def botocores(**parameters):
    """Method, path with query, headers and body of botocore's request."""
    made = {}

    def keep(request, **_):
        made.update(method=request.method, path=request.url.removeprefix("http://127.0.0.1:1"), headers=dict(request.headers), body=request.body)
        return AWSResponse(request.url, 200, {}, type("Raw", (), {"stream": lambda self: iter([b"{}"])})())
    client = boto3.client("lambda", endpoint_url="http://127.0.0.1:1", region_name="eu-west-1", aws_access_key_id="A", aws_secret_access_key="B")
    client.meta.events.register("before-send.lambda.Invoke", keep)
    client.invoke(**parameters)
    return made


def same_as_botocore(request, **parameters):
    theirs = botocores(**parameters)
    assert (request.method, request.path) == (theirs["method"], theirs["path"]), (request, theirs)
    for name, value in theirs["headers"].items():
        if name.lower() in ("x-amz-invocation-type", "x-amz-log-type", "x-amz-client-context"):
            value = value.decode() if isinstance(value, bytes) else value
            assert request.headers.get(name.lower()) == value, (name, value, request.headers)
    assert (request.body or b"") == (theirs["body"] or b""), (request.body, theirs["body"])


def test_an_answer_is_what_the_function_was_given():
    prepare()
    for value in VALUES:
        got = invoke("echo", "--payload", json.dumps(value))
        assert got["status"] == 200 and got["payload"] == value and type(got["payload"]) is type(value), (value, got)


def test_functions_in_another_language():
    got = invoke("summarise", "--payload", '{"rows": [{"airports": 3}, {"airports": 4}]}')
    assert got["payload"] == {"rows": 2, "total": 7}, got


def test_a_payload_from_a_file_from_standard_input_and_none():
    path = os.path.join(TMP, "payload.json")
    with open(path, "w") as file:
        json.dump({"from": "file", "size": "x" * 300000}, file)
    assert invoke("echo", "--payload", f"@{path}")["payload"]["from"] == "file"
    assert PROXY.requests[0].size > 300000
    assert invoke("echo", "--payload", "-", stdin=b'{"from": "stdin"}')["payload"] == {"from": "stdin"}
    invoke("echo")
    assert PROXY.requests[0].size == 0 and "content-type" not in PROXY.requests[0].headers
    document = os.path.join(TMP, "call.json")
    with open(document, "w") as file:
        json.dump({"function": "lambda-function/echo", "payload": {"from": "document"}}, file)
    assert call("lambda.invoke", "--from", document)["payload"] == {"from": "document"}


def test_bad_payloads_are_refused_before_anything_is_sent():
    path = os.path.join(TMP, "bad.json")
    with open(path, "w") as file:
        file.write('{"a": 1,\n "b": }\n')
    refused(2, "echo", "--payload", f"@{path}", saying=["payload", "line 2"])
    refused(2, "echo", "--payload", "{", saying="payload")
    refused(3, "echo", "--payload", f"@{path}.absent", saying=["absent", "No such file"])
    refused(2, "echo", "--mode", "later", saying=["mode", "request-response", "event", "dry-run"])
    assert not PROXY.requests


def test_requests_are_botocores():
    name, text = "dowel-test-dev-echo", '{"a":1}'
    invoke("echo", "--payload", text)
    same_as_botocore(PROXY.requests[0], FunctionName=name, Payload=text, InvocationType="RequestResponse")
    invoke("echo", "--payload", text, "--mode", "event")
    same_as_botocore(PROXY.requests[0], FunctionName=name, Payload=text, InvocationType="Event")
    context = {"custom": {"tenant": "grün"}}
    invoke("echo", "--tail", "--client-context", json.dumps(context))
    sent = json.dumps(context, separators=(",", ":"), ensure_ascii=False)
    same_as_botocore(PROXY.requests[0], FunctionName=name, LogType="Tail", InvocationType="RequestResponse",
                     ClientContext=base64.b64encode(sent.encode()).decode())
    PROXY.rule = lambda r: {"answer": (204 if r.headers["x-amz-invocation-type"] == "DryRun" else 200, [], b"")}
    for name in ("arn:aws:lambda:us-west-2:123456789012:function:report", "arn:aws:lambda:us-west-2:123456789012:function:report:live", "report"):
        function("named", name, "--qualifier", "live")
        invoke("named", "--mode", "dry-run")
        same_as_botocore(PROXY.requests[0], FunctionName=name, Qualifier="live", InvocationType="DryRun")
    invoke("named", "--qualifier", "$LATEST")
    same_as_botocore(PROXY.requests[0], FunctionName="report", Qualifier="$LATEST", InvocationType="RequestResponse")
    PROXY.rule = None


def test_the_region_of_an_arn_signs():
    dowel("block", "save", "aws-credentials/nowhere", "--access-key-id", "AKIDEXAMPLE", "--secret-access-key", "env:DOWEL_SECRET", env={"DOWEL_SECRET": "s"})
    PROXY.rule = lambda r: {"answer": (200, [], b"")}
    function("far", "arn:aws:lambda:ap-south-1:123456789012:function:report", "--credentials", "nowhere")
    invoke("far")
    assert "/ap-south-1/lambda/aws4_request" in PROXY.requests[0].headers["authorization"], PROXY.requests[0].headers
    function("far", "report", "--credentials", "nowhere")
    refused(2, "far", saying="region")
    PROXY.rule = None


def test_event_and_dry_run():
    got = invoke("echo", "--mode", "event", "--payload", "{}")
    assert got["status"] == 202 and got["payload"] is None, got
    PROXY.rule = lambda r: {"answer": (204, [], b"")} if r.headers["x-amz-invocation-type"] == "DryRun" else None
    assert invoke("echo", "--mode", "dry-run")["status"] == 204
    PROXY.rule = None


def test_the_log_is_decoded():
    log = "START RequestId: 1\nrows: grün\nEND RequestId: 1\n"
    PROXY.rule = lambda r: {"says": {"X-Amz-Log-Result": base64.b64encode(log.encode()).decode(), "X-Amz-Executed-Version": "7"}}
    got = invoke("echo", "--tail", "--payload", "{}")
    assert got["log"] == log and got["executed_version"] == "7", got
    PROXY.rule = lambda r: {"says": {"X-Amz-Log-Result": "no base64!"}}
    assert "log" not in invoke("echo", "--tail", "--payload", "{}")
    PROXY.rule = None
    invoke("echo", "--payload", "{}")
    assert "x-amz-log-type" not in PROXY.requests[0].headers


def test_an_answer_that_is_no_json_is_text():
    PROXY.rule = lambda r: {"answer": (200, [], "grüß Gott".encode())}
    assert invoke("echo")["payload"] == "grüß Gott"
    PROXY.rule = None


def test_a_function_that_throws():
    done = attempt("fail")
    said = json.loads(done.stderr)["error"]
    assert done.returncode == 6 and said["code"] == "remote" and not said["retryable"], said
    assert "dowel-test-dev-fail" in said["message"] and "the report has no rows" in said["message"], said
    assert "handler.js" in said["detail"] and "--tail" in said["hint"], said


def failure(kind, body, log=None):
    headers = [("X-Amz-Function-Error", kind)]
    if log:
        headers.append(("X-Amz-Log-Result", base64.b64encode(log.encode()).decode()))
    PROXY.rule = lambda r: {"answer": (200, headers, json.dumps(body).encode())}
    done = attempt("echo", "--tail")
    PROXY.rule = None
    assert done.returncode == 6, done
    return json.loads(done.stderr)["error"]


def test_the_functions_own_type_message_and_trace():
    """As Lambda's runtimes for Node, Python and Java answer, and Lambda itself of a function that took too long."""
    said = failure("Unhandled", {"errorType": "ReportError", "errorMessage": "no rows", "trace": ["ReportError: no rows", "    at handler.js:3:9"]})
    assert said["reason"] == "ReportError" and "ReportError: no rows" in said["message"], said
    assert said["detail"] == "ReportError: no rows\n    at handler.js:3:9\n", said
    said = failure("Unhandled", {"errorType": "ValueError", "errorMessage": "bad", "requestId": "1", "stackTrace": [
        '  File "/var/task/app.py", line 3, in handler\n    raise ValueError("bad")\n']}, log="START\n[ERROR] ValueError: bad\nEND\n")
    assert said["reason"] == "ValueError" and said["detail"].startswith('  File "/var/task/app.py"'), said
    assert "log:\nSTART\n[ERROR] ValueError: bad\nEND\n" in said["detail"] and "hint" not in said, said
    said = failure("Unhandled", {"errorMessage": "2026-01-01T00:00:00.000Z 1 Task timed out after 3.00 seconds"}, log="x" * 4000 + "\nREPORT the end\n")
    assert said["reason"] == "Unhandled" and "timed out after 3.00 seconds" in said["message"], said
    assert said["detail"].endswith("REPORT the end\n"), "the end of the log is what is kept"
    said = failure("Handled", "a mere text")
    assert said["reason"] == "Handled" and "Handled" in said["message"], said


if __name__ == "__main__":
    main(globals())
