"""What goes wrong between dowel and Lambda. How often a function ran is counted by the function itself."""
import json
import os
import signal
import sys
import time

import boto3

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from place import PROXY, Counter, attempt, fails, function, invoke, prepare, refused  # noqa: E402
from command import dowel, main, start  # noqa: E402

MOTO = os.environ["DOWEL_TEST_MOTO_URL"]
THROTTLED = (429, [("x-amzn-ErrorType", "TooManyRequestsException:http://internal.amazon.com/coral/")], json.dumps(
    {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}).encode())


def broken(status, kind):
    return {"answer": (status, [("x-amzn-ErrorType", kind)], json.dumps({"Type": "Service", "Message": "it broke"}).encode())}


def test_a_synchronous_invocation_is_never_repeated():
    prepare()
    afterwards = [{"lose": True}, {"cut_download": 3}, {"edit": lambda *_: (500, [], b"{}")}, {"edit": lambda *_: (503, [], b"{}")},
                  {"edit": lambda *_: (504, [], b"{}")}]
    for i, how in enumerate(afterwards):
        counter = Counter(f"sync-{i}")
        PROXY.rule = lambda r: how
        done = attempt("count", *counter.payload)
        said = json.loads(done.stderr)["error"]
        assert done.returncode == 5 and said["code"] in ("network", "unavailable"), (how, said)
        assert len(PROXY.requests) == 1 and counter.ran() == 1, (how, PROXY.requests, counter.ran())
    for how in (broken(500, "ServiceException"), broken(502, "BadGateway"), broken(503, "ServiceUnavailable")):
        PROXY.rule = lambda r: how
        refused(5, "echo", saying=["it broke", how["answer"][1][0][1], "may have run"])
        assert len(PROXY.requests) == 1
    PROXY.rule = None


def test_a_request_that_broke_midway_is_not_repeated():
    PROXY.rule = lambda r: {"cut_upload": 1000}
    refused(5, "echo", "--payload", json.dumps("x" * 100000), saying="dowel-test-dev-echo")
    assert len(PROXY.requests) == 1
    PROXY.rule = None


def test_a_function_that_may_run_twice_is_invoked_again():
    counter = Counter("policy")
    PROXY.rule = lambda r: {"lose": True} if r.number == 1 else None
    assert invoke("count", *counter.payload, "--idempotent")["payload"] == {"ran": True}
    assert counter.ran() == 2
    PROXY.rule = None


def test_throttling_ran_nothing_and_is_tried_again():
    counter = Counter("throttled")
    PROXY.rule = lambda r: {"answer": THROTTLED} if r.number <= 2 else None
    assert invoke("count", *counter.payload)["payload"] == {"ran": True}
    assert len(PROXY.requests) == 3 and counter.ran() == 1
    PROXY.rule = lambda r: {"answer": THROTTLED}
    done = attempt("count", *counter.payload, "--timeout", "2s")
    said = json.loads(done.stderr)["error"]
    assert done.returncode == 5 and said["reason"] == "TooManyRequestsException" and said["http_status"] == 429 and said["retryable"], said
    assert "Rate Exceeded. (ReservedFunctionConcurrentInvocationLimitExceeded)" in said["message"] and "concurrency" in said["hint"], said
    assert counter.ran() == 1
    PROXY.rule = None


def test_an_event_that_may_run_twice_is_sent_again():
    counter = Counter("event")
    PROXY.rule = lambda r: ({"lose": True}, broken(503, "ServiceUnavailable"), None)[r.number - 1]
    assert invoke("count", *counter.payload, "--mode", "event", "--idempotent")["status"] == 202
    assert len(PROXY.requests) == 3
    PROXY.rule = None


def what_botocore_knows():
    """Type and status of every error of Invoke."""
    model = boto3.client("lambda", region_name="eu-west-1", aws_access_key_id="A", aws_secret_access_key="B").meta.service_model
    return {shape.name: shape.metadata["error"]["httpStatusCode"] for shape in model.operation_model("Invoke").error_shapes}


WAITED_FOR = {"TooManyRequestsException", "SnapStartNotReadyException", "CodeArtifactUserPendingException", "SnapStartTimeoutException",
              "EFSMountTimeoutException", "S3FilesMountTimeoutException", "EC2ThrottledException", "EC2UnexpectedException",
              "ENILimitReachedException", "ENINotReadyException", "ResourceNotReadyException", "SubnetIPAddressLimitReachedException"}
RAN_PERHAPS = {"ServiceException", "EFSIOException"}


def test_every_error_of_the_service_is_told_apart():
    """What may pass is tried again, what stops a function before it runs leaves no doubt, and what is not Lambda's setup is explained."""
    known = what_botocore_knows()
    assert WAITED_FOR | RAN_PERHAPS <= set(known)
    for kind, status in sorted(known.items()):
        counter = Counter(f"kind-{kind}")
        PROXY.rule = lambda r: broken(status, kind) if r.number == 1 else None
        done = attempt("count", *counter.payload)
        if kind in WAITED_FOR:
            assert done.returncode == 0 and len(PROXY.requests) == 2 and counter.ran() == 1, (kind, done)
            continue
        said = json.loads(done.stderr)["error"]
        assert len(PROXY.requests) == 1 and not said["retryable"], (kind, said)
        assert said["reason"] == kind and "it broke" in said["message"], said
        assert ("may have run" in said["message"]) == (kind in RAN_PERHAPS), (kind, said)
        assert status != 502 or said["hint"], said
    PROXY.rule = None


def test_no_connection_is_tried_again_and_named():
    dowel("block", "save", "lambda-function/away", "--function-name", "away", "--credentials", "demo", "--endpoint", "http://127.0.0.1:9")
    fails(5, "call", "lambda.invoke", "--function", "away", "--timeout", "1s", saying=["127.0.0.1:9", "Lambda"])


def test_a_function_that_is_not_there():
    refused(3, "nothing", saying=["ResourceNotFoundException", "dowel-test-dev-nothing", "check the function's name, its region and the qualifier"])
    assert len(PROXY.requests) == 1
    fails(3, "call", "lambda.invoke", "--function", "lambda-function/ecko", saying="ecko")
    fails(2, "call", "lambda.invoke", saying='"function"')


def test_what_is_refused_is_not_tried_again():
    for status, kind, code in ((400, "InvalidRequestContentException", 1), (413, "RequestTooLargeException", 1),
                               (403, "AccessDeniedException", 4), (409, "ResourceConflictException", 7)):
        PROXY.rule = lambda r: broken(status, kind)
        said = refused(code, "echo", "--payload", "{}", saying=[kind, "it broke"])
        assert len(PROXY.requests) == 1
        assert status != 403 or "lambda:InvokeFunction" in said
    PROXY.rule = None


def test_signatures_are_verified():
    """By a server that knows the secret: the right one gets as far as the function's name."""
    for name, secret in (("right", os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]), ("wrong", "not-the-secret")):
        dowel("block", "save", f"aws-credentials/{name}", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], "--secret-access-key",
              "env:DOWEL_SECRET", "--region", "eu-west-1", env={"DOWEL_SECRET": secret})
        dowel("block", "save", f"lambda-function/{name}", "--function-name", "report", "--credentials", name, "--endpoint", MOTO)
    fails(3, "call", "lambda.invoke", "--function", "right", "--payload", '{"grün": "a b+c/d"}', "--qualifier", "$LATEST",
          saying=["ResourceNotFoundException", "report"])
    said = fails(4, "call", "lambda.invoke", "--function", "wrong", saying="403")
    assert "not-the-secret" not in said


def test_an_interrupted_invocation_ends_at_once():
    PROXY.reset()
    process = start("call", "lambda.invoke", "--function", "slow", "--payload", '{"milliseconds": 60000}')
    while not PROXY.requests:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    refused(5, "slow", "--payload", '{"milliseconds": 60000}', "--timeout", "3s", saying="within 3s")
    assert len(PROXY.requests) == 1


if __name__ == "__main__":
    main(globals())
