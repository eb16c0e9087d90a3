"""When everything fails in the same way, work stops with one error; when single objects fail, they are named and the others are there."""
import json
import os
import re
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
FILES = 60
ROOT = os.path.join(TMP, "in")
STORES = ("PUT", "POST")


class Place:
    def __init__(self, kind, url):
        self.kind, self.proxy = kind, Proxy(url)
        self.here, self.nowhere = f"{kind}-bucket/here:", f"{kind}-bucket/nowhere:"

    def stored(self):
        return [r for r in self.proxy.requests if r.method in STORES]

    def names(self):
        if self.kind == "gcs":
            return {blob.name for blob in GOOGLE.list_blobs("here")}
        return {entry["Key"] for entry in AMAZON.list_objects_v2(Bucket="here").get("Contents", [])}

    def clear(self):
        self.proxy.reset()
        if self.names():
            dowel("rm", "-r", self.here)


PLACES = (Place("gcs", GCS_URL), Place("s3", S3_URL))
REFUSED = {"gcs": (403, [("Content-Type", "application/json")], b'{"error": {"code": 403, "message": "no access", "errors": [{"reason": "forbidden"}]}}'),
           "s3": (403, [("Content-Type", "application/xml")], b"<Error><Code>AccessDenied</Code><Message>no access</Message></Error>")}
UNKNOWN = {"gcs": (401, [("Content-Type", "application/json")], b'{"error": {"code": 401, "message": "who is it"}}'),
           "s3": (401, [("Content-Type", "application/xml")], b"<Error><Code>Unauthorized</Code><Message>who is it</Message></Error>")}
BUSY = {"gcs": (503, [], b"{}"), "s3": (503, [], b"<Error><Code>SlowDown</Code></Error>")}
WRONG = {"gcs": (400, [], b"{}"), "s3": (400, [], b"<Error><Code>InvalidArgument</Code></Error>")}


def test_prepare():
    os.makedirs(ROOT)
    for i in range(FILES):
        with open(os.path.join(ROOT, f"{i:03}"), "wb") as file:
            file.write(b"%d" % i)
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    for place in PLACES:
        for name in ("here", "nowhere"):
            dowel("block", "save", f"{place.kind}-bucket/{name}", "--bucket", name, "--credentials", "demo", "--endpoint", place.proxy.url)
    GOOGLE.create_bucket("here")
    AMAZON.create_bucket(Bucket="here")


def one_error(said):
    lines = said.splitlines()
    assert len(lines) <= 2 and lines[0].startswith("dowel: ") and all(line.startswith("hint: ") for line in lines[1:]), said
    return lines[0]


def test_no_such_bucket():
    for place in PLACES:
        for command in (("cp", "-r"), ("sync",), ("sync", "--delete")):
            place.proxy.reset()
            said = one_error(fails(3, command[0], ROOT, place.nowhere, *command[1:], saying=["nowhere", "404"]))
            assert len(place.stored()) <= 16, len(place.stored())
            if command[0] == "cp":
                assert re.search(r"stopped after 0 copied, 0 removed, 0 failed: all others would fail like .*/in/0\d\d: ", said), said
        # Within a provider the source is there, and what it is copied to is not.
        place.clear()
        dowel("cp", "-r", ROOT, place.here)
        place.proxy.reset()
        one_error(fails(3, "cp", "-r", place.here, place.nowhere, saying=["nowhere", "404", "stopped after 0 copied"]))
        assert place.names() == set(os.listdir(ROOT))


def test_nobody_is_let_in():
    for place in PLACES:
        for answer in (REFUSED, UNKNOWN):
            place.clear()
            place.proxy.reset(lambda r: {"answer": answer[place.kind]} if r.method in STORES else None)
            said = one_error(fails(4, "cp", "-r", ROOT, place.here, "--concurrency", "3"))
            assert "stopped after 0 copied" in said and ("no access" in said or "who is it" in said), said
            assert len(place.stored()) <= 8, len(place.stored())
            assert not place.names()


def test_reading_and_removing_that_is_refused():
    for place in PLACES:
        place.clear()
        dowel("cp", "-r", ROOT, place.here)
        place.proxy.reset(lambda r: {"answer": REFUSED[place.kind]} if r.method == "GET" and re.search(r"/0\d\d\b", r.path) else None)
        one_error(fails(4, "cp", "-r", place.here, os.path.join(TMP, "down"), saying="everything was refused"))
        assert not os.path.exists(os.path.join(TMP, "down")) or os.listdir(os.path.join(TMP, "down")) == []
        place.proxy.reset(lambda r: {"answer": REFUSED[place.kind]} if r.method in ("DELETE", "POST") else None)
        one_error(fails(4, "rm", "-r", place.here, saying="no access"))
        assert len(place.names()) == FILES
        place.clear()


def test_some_are_refused():
    """From the start, and in between: they are named, the rest is there."""
    place = PLACES[1]
    for wrong in ({"000", "001", "002"}, {"050", "051", "052", "053", "054", "055"}):
        place.clear()
        place.proxy.reset(lambda r: {"answer": REFUSED["s3"]} if r.method == "PUT" and r.path.rpartition("/")[2] in wrong else None)
        said = fails(4, "cp", "-r", ROOT, place.here, "--concurrency", "1", saying=f"{len(wrong)} failed, {FILES - len(wrong)} copied")
        assert all(f"{ROOT}/{name}: " in said for name in wrong), said
        assert place.names() == set(os.listdir(ROOT)) - wrong


def test_service_that_is_down():
    place = PLACES[1]
    place.clear()
    place.proxy.reset(lambda r: {"answer": BUSY["s3"]} if r.method in STORES and len(place.proxy.requests) > 10 else None)
    done = run("cp", "-r", ROOT, place.here, "--concurrency", "2", env={"AWS_MAX_ATTEMPTS": "1"})
    said = done.stderr.decode()
    assert done.returncode == 5, (done.returncode, said)
    assert re.search(r"stopped after \d+ copied, 0 removed, 2\d failed: nothing succeeds any more: ", said), said
    assert len(place.stored()) < 40, len(place.stored())


def test_many_failures_have_not_a_line_each():
    for place in PLACES:
        place.clear()
        place.proxy.reset(lambda r: {"answer": WRONG[place.kind]} if r.method in STORES else None)
        said = fails(1, "cp", "-r", ROOT, place.here, saying=f"{FILES} failed, 0 copied")
        assert len(re.findall(r"^dowel: .*/in/0\d\d: ", said, re.M)) == 50 and said.count("more objects failed") == 1, said
        said = fails(1, "cp", "-r", "-v", ROOT, place.here)
        assert len(re.findall(r"^dowel: .*/in/0\d\d: ", said, re.M)) == FILES and "more objects failed" not in said, said
        events = [json.loads(line) for line in run("cp", "-r", ROOT, place.here, "--json").stdout.splitlines()]
        assert sum(event["event"] == "fail" for event in events) == FILES


main(globals())
