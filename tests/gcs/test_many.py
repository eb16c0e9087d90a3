"""Many objects, and buckets: listing by pages, deleting in batches, what is told of a bucket. Runs against fake-gcs-server, which has
batches, and against Google's storage testbench, which has none."""
import json
import os
import re
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import call, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.bucket("many")
PROXY = Proxy(URL)


def names(*words, block="many"):
    return [o["name"] for o in call("gcs.list", "--bucket", block, "--limit", "100000", *words)["objects"]]


def fill(*some):
    for name in some:
        BUCKET.blob(name).upload_from_string(name)


def delete(some, block="watched"):
    return ["call", "gcs.delete_many", "--bucket", block, *(w for name in some for w in ("--names", name))]


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    for name, url in (("many", URL), ("watched", PROXY.url)):
        dowel("block", "save", f"gcs-bucket/{name}", "--bucket", "many", "--credentials", "demo", "--endpoint", url)
    GOOGLE.create_bucket(BUCKET)


def test_list_from_to():
    fill("a", "b/1", "b/2", "c")
    assert names("--start-offset", "b/2") == ["b/2", "c"]
    assert names("--end-offset", "b/2") == ["a", "b/1"]
    assert names("--start-offset", "b", "--end-offset", "c") == ["b/1", "b/2"]
    fails(2, "call", "gcs.list", "--bucket", "many", "--limit", "0", saying='"limit"')


def test_list_versions():
    if not TESTBENCH:  # fake-gcs-server on disk keeps one generation
        return
    bucket = GOOGLE.bucket("many-versions")
    bucket.versioning_enabled = True
    GOOGLE.create_bucket(bucket)
    dowel("block", "save", "gcs-bucket/versions", "--bucket", "many-versions", "--credentials", "demo", "--endpoint", URL)
    for content in (b"1", b"22"):
        bucket.blob("v").upload_from_string(content)
    got = call("gcs.list", "--bucket", "versions", "--versions")["objects"]
    assert sorted(o["size"] for o in got) == [1, 2], got
    assert len(names(block="versions")) == 1


def test_delete_many():
    some = [f"old/{n:03} ü%&?#" for n in range(120)] + ["old/with\"quote"]
    fill(*some, "old/stays")
    PROXY.reset()
    said = json.loads(dowel(*delete([*some, "old/was never there"]), "--json"))
    assert said == {"bucket": "many", "deleted": len(some) + 1}, said
    assert names("--prefix", "old/") == ["old/stays"], names("--prefix", "old/")
    batches = PROXY.seen("POST", "/batch/storage/v1")
    if not TESTBENCH:
        assert len(batches) == 2 and not PROXY.seen("DELETE"), PROXY.requests
        assert len(re.findall(b"Content-ID", batches[0].body)) <= 100


def test_what_a_batch_did_not_do():
    """A call that failed for now is repeated on its own; one that was refused is named, and the others are done with."""
    if TESTBENCH:
        return

    def busy(status, headers, body):
        first, second = body.index(b"HTTP/1.1 "), body.index(b"HTTP/1.1 ", body.index(b"HTTP/1.1 ") + 1)
        body = body[:first] + b"HTTP/1.1 503" + body[first + 12:second] + b"HTTP/1.1 403" + body[second + 12:]
        return status, headers, body

    fill("b1", "b2", "b3")
    PROXY.reset(lambda r: {"edit": busy} if "batch" in r.path else None)
    said = fails(4, *delete(["b1", "b2", "b3"]), saying=["1 of 3 objects could not be deleted", "b2", "403"])
    assert "b1" not in said and "b3" not in said, said
    assert len(PROXY.seen("DELETE")) == 1 and PROXY.seen("DELETE")[0].path.endswith("/o/b1"), PROXY.requests

    # An answer that was cut: what it does not tell of is done one by one.
    fill("b1", "b2", "b3")
    PROXY.reset(lambda r: {"edit": lambda s, h, b: (s, h, b[:b.index(b"HTTP/1.1 ") + 20])} if "batch" in r.path else None)
    dowel(*delete(["b1", "b2", "b3"]))
    assert len(PROXY.seen("DELETE")) == 3 and names("--prefix", "b") == ["b/1", "b/2"], PROXY.requests
    # Storms pass.
    fill("b1", "b2")
    PROXY.reset(lambda r: {"answer": (503, [], b"")} if "batch" in r.path and r.number == 1 else None)
    dowel(*delete(["b1", "b2"]))
    assert names("--prefix", "b") == ["b/1", "b/2"]


def test_no_batches_here():
    fill(*(f"n{n}" for n in range(5)))
    for status in (404, 405, 501):
        fill(*(f"n{n}" for n in range(5)))
        PROXY.reset(lambda r: {"answer": (status, [], b"")} if "batch" in r.path else None)
        dowel(*delete([f"n{n}" for n in range(5)]))
        assert len(PROXY.seen("DELETE")) == 5 and len(PROXY.seen("POST")) == 1, PROXY.requests
    # Refused one by one: each is named.
    fill("n0", "n1")
    PROXY.reset(lambda r: {"answer": (501 if "batch" in r.path else 403, [], b"{}")})
    fails(4, *delete(["n0", "n1"]), saying=["2 of 2", "n0: ", "n1: "])


def test_delete_of_nothing():
    fails(2, *delete([]), saying='"names" is required')
    missing = json.dumps({"error": {"code": 404, "message": "The specified bucket does not exist.", "errors": [{"reason": "notFound"}]}})
    PROXY.reset(lambda r: {"answer": (501 if "batch" in r.path else 404, [("Content-Type", "application/json")], missing.encode())})
    fails(3, *delete(["x", "y"]), saying="bucket does not exist")


def test_buckets():
    dowel("block", "save", "gcs-bucket/fresh", "--bucket", "fresh-bucket", "--credentials", "demo", "--endpoint", URL)
    call("gcs.create_bucket", "--bucket", "fresh", "--location", "EUROPE-WEST1", "--storage-class", "NEARLINE",
         *(["--versioning"] if TESTBENCH else []))  # fake-gcs-server on disk has no versions
    google = GOOGLE.get_bucket("fresh-bucket")
    assert google.versioning_enabled == TESTBENCH
    got = call("gcs.get_bucket", "--bucket", "fresh")
    assert got["bucket"] == "fresh-bucket" and got["versioning"] is TESTBENCH and got["requester_pays"] is False, got
    assert got["location"].upper() == google.location.upper() and got["storage_class"] == google.storage_class, got
    if TESTBENCH:
        google.add_lifecycle_delete_rule(age=7)
        google.patch()
        got = call("gcs.get_bucket", "--bucket", "fresh")
        assert got["lifecycle"]["rule"][0]["condition"]["age"] == 7, got
        fails(7, "call", "gcs.delete_bucket", "--bucket", "fresh", "--if-metageneration-match", "1", saying="412")
    listed = call("gcs.list_buckets", "--credentials", "demo", "--endpoint", URL)
    assert {b["bucket"] for b in listed["buckets"]} == {b.name for b in GOOGLE.list_buckets()}, listed
    if TESTBENCH:  # fake-gcs-server knows no prefix
        listed = call("gcs.list_buckets", "--credentials", "demo", "--endpoint", URL, "--prefix", "fresh-")["buckets"]
        assert [b["bucket"] for b in listed] == ["fresh-bucket"], listed
    cut = call("gcs.list_buckets", "--credentials", "demo", "--endpoint", URL, "--limit", "1")
    assert len(cut["buckets"]) == 1 and cut["truncated"], cut
    call("gcs.delete_bucket", "--bucket", "fresh")
    assert GOOGLE.lookup_bucket("fresh-bucket") is None
    fails(3, "call", "gcs.get_bucket", "--bucket", "fresh", saying=["fresh-bucket", "404"])
    assert run("call", "gcs.delete_bucket", "--bucket", "many").returncode != 0  # not empty
    assert GOOGLE.lookup_bucket("many") is not None


main(globals())
