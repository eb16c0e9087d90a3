"""S3 when it is too busy, not there, hangs up midway or finds a token too old: retried where that is safe, then an error that says what it said."""
import json
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(os.environ["DOWEL_TEST_MOTO_URL"])
DATA = os.urandom(300000)


def problem(status, code, message="Busy, sorry."):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>'
    return {"answer": (status, [("Content-Type", "application/xml"), ("x-amz-request-id", "4442587FB7D0A2F9")], body.encode())}


def save(name, endpoint, *more):
    dowel("block", "save", f"s3-bucket/{name}", "--bucket", "storms", "--credentials", "demo", "--endpoint", endpoint, "--overwrite", *more)


def test_prepare():
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], "--secret-access-key",
          "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1")
    # Host is part of what is signed, and moto takes its own address for it: the proxy's is as good.
    save("storms", PROXY.url)
    call("s3.create_bucket", "--bucket", "storms")
    path = os.path.join(TMP, "data")
    with open(path, "wb") as file:
        file.write(DATA)
    call("s3.put", "--bucket", "storms", "--key", "data", "--file", path)


def test_storms_are_weathered():
    path = os.path.join(TMP, "got")
    storms = [(503, "SlowDown"), (500, "InternalError"), (429, "TooManyRequestsException")]
    PROXY.reset(lambda r: problem(*storms[r.number - 1]) if r.number <= len(storms) else None)
    call("s3.get", "--bucket", "storms", "--key", "data", "--file", path)
    assert open(path, "rb").read() == DATA and len(PROXY.requests) == 4
    PROXY.reset(lambda r: problem(503, "SlowDown") if r.number == 1 else {"lose": True} if r.number == 2 else None)
    call("s3.put", "--bucket", "storms", "--key", "again", "--data", "x")
    assert len(PROXY.requests) == 3, PROXY.requests
    PROXY.reset()
    got = call("s3.head", "--bucket", "storms", "--key", "again")
    assert got["size"] == 1, got


def test_a_storm_that_does_not_end():
    for status, code in ((503, "SlowDown"), (500, "InternalError")):
        PROXY.reset(lambda r: problem(status, code))
        done = run("call", "s3.get", "--bucket", "storms", "--key", "data", "--file", os.path.join(TMP, "never"), "--timeout", "2s", "--json")
        said = json.loads(done.stderr)["error"]
        assert done.returncode == 5 and said["code"] == "unavailable" and said["reason"] == code and said["http_status"] == status, said
        assert said["retryable"] and "Busy, sorry." in said["message"] and said["request_id"] == "4442587FB7D0A2F9", said
        assert len(PROXY.requests) > 1 and not os.path.exists(os.path.join(TMP, "never"))
    PROXY.reset()


class Bucket:
    """Lets so many requests a second through."""

    def __init__(self, rate):
        self.rate, self.room, self.at, self.refused, self.lock = rate, rate / 4, time.monotonic(), 0, threading.Lock()

    def __call__(self, _request):
        with self.lock:
            now = time.monotonic()
            self.room, self.at = min(self.room + (now - self.at) * self.rate, self.rate / 4), now
            if self.room >= 1:
                self.room -= 1
                return None
            self.refused += 1
            return problem(503, "SlowDown")


def test_a_limit_on_requests_is_kept_to():
    folder = os.path.join(TMP, "many")
    os.mkdir(folder)
    for i in range(150):
        with open(os.path.join(folder, f"{i:03}"), "w", encoding="ascii") as file:
            file.write(str(i))
    limit = Bucket(25)
    PROXY.reset(limit)
    told = json.loads(dowel("cp", "-r", folder, "s3-bucket/storms:many/", "--json").splitlines()[-1])
    sent = len(PROXY.requests)
    PROXY.reset()
    assert told["copied"] == 150, told
    assert 0 < limit.refused < sent / 3, (limit.refused, sent)


def test_a_connection_that_breaks_midway():
    path = os.path.join(TMP, "broken")
    PROXY.reset(lambda r: {"cut_download": 100000} if r.number == 1 else None)
    call("s3.get", "--bucket", "storms", "--key", "data", "--file", path)
    assert open(path, "rb").read() == DATA and len(PROXY.requests) > 1
    PROXY.reset(lambda r: {"cut_upload": 1000} if r.number == 1 else None)
    call("s3.put", "--bucket", "storms", "--key", "broken", "--file", path)
    PROXY.reset()
    assert call("s3.head", "--bucket", "storms", "--key", "broken")["size"] == len(DATA)


def test_no_connection():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        port = s.getsockname()[1]
        save("away", f"http://127.0.0.1:{port}")
        fails(5, "call", "s3.list", "--bucket", "away", "--timeout", "2s", saying=[str(port), "no connection"])


def test_a_token_that_is_too_old_and_a_clock_that_is_wrong():
    for code, status in (("ExpiredToken", 400), ("InvalidToken", 400), ("AccessDenied", 403)):
        PROXY.reset(lambda r: problem(status, code, "The provided token has expired." if code == "ExpiredToken" else "No."))
        done = run("call", "s3.list", "--bucket", "storms", "--json")
        said = json.loads(done.stderr)["error"]
        assert done.returncode == 4 and said["reason"] == code and said.get("hint"), said
        assert len(PROXY.requests) <= 2, "asked again with what is fresh once at most"
    PROXY.reset()


if __name__ == "__main__":
    main(globals())
