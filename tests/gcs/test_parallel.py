"""Uploads in parallel parts that are composed: the object is whole and right, and no part stays behind, whatever happens. Runs against
fake-gcs-server and against Google's storage testbench."""
import json
import os
import random
import signal
import subprocess
import sys
import threading

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, start  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.create_bucket("parallel")
PROXY = Proxy(URL)
MIB = 1 << 20
DATA = random.Random(7).randbytes(10 * MIB + 123)
WAY = ["--concurrency", "4", "--part-size", "1MiB", "--resumable-threshold", "256KiB"]
UPLOAD = ["call", "gcs.upload", "--bucket", "parallel", *WAY]


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


FILE = write("data.bin", DATA)


def upload(name, *words):
    return json.loads(dowel(*UPLOAD, "--name", name, "--file", FILE, *words, "--json"))


def check(name, data=DATA):
    assert BUCKET.blob(name).download_as_bytes() == data, name
    left = [b.name for b in BUCKET.list_blobs() if "dowel-part" in b.name]
    assert not left, left


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/parallel", "--bucket", "parallel", "--folder", "in", "--credentials", "demo", "--endpoint", PROXY.url)


def test_whole():
    PROXY.reset()
    said = upload("whole.csv", "--metadata", "a=b", "--cache-control", "no-store")
    assert said["size"] == len(DATA) and said["name"] == "whole.csv", said
    check("in/whole.csv")
    blob = BUCKET.get_blob("in/whole.csv")
    assert blob.content_type == "text/csv" and blob.metadata["a"] == "b", blob.metadata
    assert len(PROXY.seen("PUT")) == 10 and len(PROXY.seen("POST", "/compose")) == 1, PROXY.requests


def test_no_more_than_32_parts():
    PROXY.reset()
    upload("many", "--part-size", "100KiB")
    check("in/many")
    compose = PROXY.seen("POST", "/compose")[0]
    assert len(json.loads(compose.body)["sourceObjects"]) == 32, compose.body


def test_small_and_streamed_have_no_parts():
    PROXY.reset()
    dowel(*UPLOAD, "--name", "small", "--data", "@" + write("small", b"small"))
    dowel(*UPLOAD, "--name", "piped", "--file", "-", stdin=DATA)
    assert not PROXY.seen("POST", "/compose")
    check("in/piped")


def test_faults():
    if not TESTBENCH:  # fake-gcs-server takes the question how far an upload is for its end
        return
    for rule in (lambda r: {"cut_upload": 300000} if r.method == "PUT" and r.number == 3 else None,
                 lambda r: {"answer": (503, [], b"")} if r.method in ("PUT", "GET") and r.number % 3 == 1 else None,
                 lambda r: {"lose": True} if r.method == "POST" and "compose" not in r.path and r.number == 2 else None):
        PROXY.reset(rule)
        upload("faults")
        check("in/faults")


def test_failure_leaves_nothing():
    before = {b.name for b in BUCKET.list_blobs()}
    PROXY.reset(lambda r: {"answer": (403, [], b"{}")} if r.method == "PUT" and len(PROXY.seen("PUT")) > 4 else None)
    fails(4, *UPLOAD, "--name", "refused", "--file", FILE, saying="refused")
    assert {b.name for b in BUCKET.list_blobs()} == before
    PROXY.reset(lambda r: {"answer": (400, [], b"{}")} if "compose" in r.path else None)
    fails(1, *UPLOAD, "--name", "refused", "--file", FILE, saying="refused")
    assert {b.name for b in BUCKET.list_blobs()} == before


def test_wrong_whole_is_deleted():
    def lie(status, headers, body):
        return status, headers, json.dumps(json.loads(body) | {"crc32c": "AAAAAA=="}).encode()

    PROXY.reset(lambda r: {"edit": lie} if "compose" in r.path else None)
    fails(1, *UPLOAD, "--name", "lied", "--file", FILE, saying=["lied", "differ from the uploaded ones"])
    assert BUCKET.get_blob("in/lied") is None
    check("in/whole.csv")


def test_precondition():
    if not TESTBENCH:  # fake-gcs-server looks at none when composing
        return
    PROXY.reset()
    upload("guarded", "--if-generation-match", "0")
    fails(7, *UPLOAD, "--name", "guarded", "--file", FILE, "--if-generation-match", "0", saying="412")
    check("in/guarded")


def killed(name, when, file=FILE):
    reached, release = threading.Event(), threading.Event()

    def hold(request):
        if when(request):
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}

    PROXY.reset(hold)
    process = start(*UPLOAD, "--name", name, "--file", file, stderr=subprocess.DEVNULL)
    assert reached.wait(30)
    process.kill()
    process.wait()
    release.set()
    newest = json.loads(dowel("runs", "--json", "--limit", "1"))[0]
    assert newest["state"] == "crashed", newest
    return newest["id"]


def test_killed_and_resumed():
    if not TESTBENCH:
        return
    run_id = killed("killed", lambda r: r.method == "PUT" and len(PROXY.seen("PUT")) > 7)
    assert [b for b in BUCKET.list_blobs() if "dowel-part" in b.name]
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert len([p for p in PROXY.seen("PUT") if p.size]) < 10, PROXY.requests  # what is there is not sent again
    check("in/killed")
    # Between the composition and its clean-up.
    run_id = killed("killed2", lambda r: r.method == "DELETE" or "batch" in r.path)
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert not [p for p in PROXY.seen("PUT") if p.size], PROXY.requests
    check("in/killed2")
    # With another file under the same name: parts that differ are sent.
    path = write("other.bin", DATA)
    run_id = killed("killed3", lambda r: r.method == "PUT" and len(PROXY.seen("PUT")) > 7, path)
    changed = bytes(reversed(DATA))
    write("other.bin", changed)
    PROXY.reset()
    dowel("runs", "resume", run_id)
    check("in/killed3", changed)


def test_interrupted_leaves_nothing():
    reached, release = threading.Event(), threading.Event()

    def hold(request):
        if request.method == "PUT" and len(PROXY.seen("PUT")) > 6:
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}

    PROXY.reset(hold)
    process = start(*UPLOAD, "--name", "interrupted", "--file", FILE, stderr=subprocess.DEVNULL)
    assert reached.wait(30)
    process.send_signal(signal.SIGINT)
    release.set()
    assert process.wait(30) == 130
    assert BUCKET.get_blob("in/interrupted") is None
    check("in/whole.csv")


def test_abort_stale():
    killed("stale", lambda r: r.method == "PUT" and len(PROXY.seen("PUT")) > 7)
    PROXY.reset()
    for name in ("in/x.dowel-part-0123456789abcdef-0", "in/x.dowel-part-0123456789abcdeg-00", "in/.dowel-part-mine"):
        BUCKET.blob(name).upload_from_string(b"not a part")
    assert call("gcs.abort_stale", "--bucket", "parallel") == {"bucket": "parallel", "removed": []}  # too young
    found = call("gcs.abort_stale", "--bucket", "parallel", "--older-than", "1us", "--dry-run")["found"]
    assert found and all(n.startswith("stale.dowel-part-") for n in found), found
    assert call("gcs.abort_stale", "--bucket", "parallel", "--older-than", "1us")["removed"] == found
    assert sum("dowel-part" in b.name for b in BUCKET.list_blobs()) == 3


main(globals())
