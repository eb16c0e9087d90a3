"""What goes along with objects from one cloud to the other, and how large ones are cut up: written and read by Google's and Amazon's own clients."""
import base64
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import threading
from email.header import decode_header, make_header

import google_crc32c
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, call, dowel, fails, main, start  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GCS_URL = os.environ["DOWEL_TEST_TESTBENCH_URL" if TESTBENCH else "DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
GCS, S3 = Proxy(GCS_URL), Proxy(S3_URL)
MIB = 1 << 20
DATA = random.Random(11).randbytes(12 * MIB + 77)
CONTENT = gzip.compress(b"packed by who wrote it" * 100)
PARTS = ["--part-size", "1MiB", "--part-concurrency", "4"]


def path(name, data=None):
    where = os.path.join(TMP, name)
    if data is not None:
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "wb") as file:
            file.write(data)
    return where


def test_prepare():
    GOOGLE.create_bucket("between")
    AMAZON.create_bucket(Bucket="between")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/b", "--bucket", "between", "--credentials", "demo", "--endpoint", GCS.url)
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "s3-bucket/b", "--bucket", "between", "--credentials", "demo", "--endpoint", S3.url)


def put_google(name, metadata):
    blob = GOOGLE.bucket("between").blob(name)
    blob.content_encoding, blob.content_language, blob.content_disposition, blob.cache_control = "gzip", "de", "attachment", "no-store"
    blob.metadata = metadata
    blob.upload_from_string(CONTENT, content_type="application/x-special")


def put_amazon(name, metadata):
    AMAZON.put_object(Bucket="between", Key=name, Body=CONTENT, ContentType="application/x-special", ContentEncoding="gzip", ContentLanguage="de",
                      ContentDisposition="attachment", CacheControl="no-store", Metadata=metadata)


def own(metadata):
    """Without the recorded time, and what the testbench adds."""
    return {key: value for key, value in (metadata or {}).items() if "mtime" not in key and not key.startswith("x_")}


def in_amazon(name):
    head = AMAZON.get_object(Bucket="between", Key=name)
    assert head["Body"].read() == CONTENT, name
    return [head.get(key) for key in ("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl")] + [own(head["Metadata"])]


def in_google(name):
    blob = GOOGLE.bucket("between").get_blob(name)
    told = [blob.content_type, blob.content_encoding, blob.content_language, blob.content_disposition, blob.cache_control, own(blob.metadata)]
    assert blob.download_as_bytes(raw_download=True) == CONTENT, name
    return told


WHOLE = ["application/x-special", "gzip", "de", "attachment", "no-store", {"owner": "someone", "b": "2"}]


def test_what_goes_along():
    for put, here, there, found in ((put_google, "gcs-bucket/b:", "s3-bucket/b:", in_amazon), (put_amazon, "s3-bucket/b:", "gcs-bucket/b:", in_google)):
        put("along/x.txt", {"owner": "someone", "b": "2"})
        put("along/none.txt", {})
        dowel("cp", here + "along/x.txt", there + "one.txt")
        assert found("one.txt") == WHOLE, found("one.txt")
        dowel("cp", "-r", here + "along/", there + "tree/")
        assert found("tree/x.txt") == WHOLE, found("tree/x.txt")
        assert found("tree/none.txt") == WHOLE[:5] + [{}], found("tree/none.txt")
        dowel("sync", here + "along/", there + "synced/")
        assert found("synced/x.txt") == WHOLE
        # And back: nothing is added on the way.
        dowel("cp", "-r", there + "tree/", here + "back/")
        back = in_google if found is in_amazon else in_amazon
        assert back("back/x.txt") == WHOLE, back("back/x.txt")
        # What the caller says wins.
        dowel("cp", here + "along/x.txt", there + "said.txt", "--content-type", "a/b", "--metadata", "c=3")
        assert found("said.txt") == ["a/b", "gzip", "de", "attachment", "no-store", {"c": "3"}], found("said.txt")
        # Also within a cloud, where it otherwise copies by itself.
        dowel("cp", there + "one.txt", there + "again.txt")
        assert found("again.txt") == WHOLE, found("again.txt")
        dowel("cp", there + "one.txt", there + "typed.txt", "--content-type", "a/b")
        assert found("typed.txt") == ["a/b"] + WHOLE[1:], found("typed.txt")


def test_metadata_that_is_not_ascii_goes_along():
    """In a header of S3 it is an encoded word, and back in Google it is what it was."""
    put_google("odd/x", {"owner": "Jürgen"})
    put_google("odd/y", {"owner": "someone"})
    dowel("cp", "-r", "gcs-bucket/b:odd/", "s3-bucket/b:odd/")
    assert str(make_header(decode_header(in_amazon("odd/x")[5]["owner"]))) == "Jürgen", in_amazon("odd/x")
    assert in_amazon("odd/y")[5] == {"owner": "someone"}
    dowel("cp", "-r", "s3-bucket/b:odd/", "gcs-bucket/b:even/")
    assert in_google("even/x")[5] == {"owner": "Jürgen"}, in_google("even/x")
    dowel("cp", "gcs-bucket/b:odd/x", "s3-bucket/b:odd/x", "--metadata", "owner=J")
    assert in_amazon("odd/x")[5] == {"owner": "J"}


def test_two_callers_within_a_cloud():
    """The service copies by itself where one caller may do both; else each does what it may."""
    dowel("block", "save", "gcp-credentials/other", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/other", "--bucket", "between", "--folder", "other", "--credentials", "other", "--endpoint", GCS.url)
    put_google("callers/x", {"owner": "someone", "b": "2"})
    dowel("cp", "gcs-bucket/b:callers/x", "gcs-bucket/other:y")
    assert in_google("other/y") == WHOLE
    GCS.reset(lambda r: {"answer": (403, [], b"{}")} if "rewriteTo" in r.path else None)
    dowel("cp", "gcs-bucket/b:callers/x", "gcs-bucket/other:z")
    assert in_google("other/z") == WHOLE and len(GCS.seen("POST", "rewriteTo")) == 1
    fails(4, "cp", "gcs-bucket/b:callers/x", "gcs-bucket/b:callers/z", saying="403")
    GCS.reset()


def test_one_project_pays_for_a_copy():
    dowel("block", "save", "gcs-bucket/paid", "--bucket", "between", "--credentials", "demo", "--endpoint", GCS.url, "--user-project", "payer")
    put_google("paid/x", {"owner": "someone", "b": "2"})
    for here, there in (("b", "paid"), ("paid", "b"), ("paid", "paid")):
        GCS.reset()
        dowel("cp", f"gcs-bucket/{here}:paid/x", f"gcs-bucket/{there}:paid/{here}-{there}")
        assert [r.query("userProject") for r in GCS.seen("POST", "rewriteTo")] == ["payer"]


# ---- parts ----

def whole(name):
    blob = GOOGLE.bucket("between").get_blob(name)
    assert blob.download_as_bytes() == DATA
    digest = google_crc32c.Checksum()
    digest.update(DATA)
    assert blob.crc32c == base64.b64encode(digest.digest()).decode()
    left = [b.name for b in GOOGLE.list_blobs("between") if "dowel-part" in b.name]
    assert not left, left


def composed():
    return len(GCS.seen("POST", "/compose"))


def test_google_in_parts():
    file = path("large/data.bin", DATA)
    GCS.reset()
    dowel("cp", file, "gcs-bucket/b:plain.bin", "--part-size", "1MiB")
    assert not composed(), "one stream, unless more are asked for"
    whole("plain.bin")
    dowel("cp", file, "gcs-bucket/b:parts.bin", *PARTS)
    assert composed() == 1
    whole("parts.bin")
    GCS.reset()
    dowel("sync", path("large"), "gcs-bucket/b:synced/", *PARTS)
    assert composed() == 1
    whole("synced/data.bin")
    GCS.reset()
    dowel("cp", "-r", "gcs-bucket/b:synced/", path("down"), *PARTS)
    ranges = [r for r in GCS.seen("GET", "data.bin") if "range" in r.headers]
    assert len(ranges) == 13, ranges
    assert open(path("down/data.bin"), "rb").read() == DATA


def test_amazon_in_parts():
    file = path("large/data.bin")
    S3.reset()
    dowel("cp", file, "s3-bucket/b:parts.bin", "--part-size", "5MiB")
    assert len(S3.seen("PUT", "partNumber=")) == 3
    S3.reset()
    dowel("cp", "s3-bucket/b:parts.bin", path("from-s3"), *PARTS)
    assert len([r for r in S3.seen("GET") if "range" in r.headers]) == 13
    assert open(path("from-s3"), "rb").read() == DATA
    fails(2, "cp", file, "s3-bucket/b:x", "--part-concurrency", "65", saying="part_concurrency")


def test_failures_leave_no_part():
    file = path("large/data.bin")
    before = {b.name for b in GOOGLE.list_blobs("between")}
    for rule in (lambda r: {"answer": (400, [], b"{}")} if "/upload/" in r.path and len(GCS.seen("POST", "/upload/")) > 5 else None,
                 lambda r: {"answer": (400, [], b"{}")} if "compose" in r.path else None):
        GCS.reset(rule)
        fails(1, "cp", file, "gcs-bucket/b:refused", *PARTS, saying="refused")
        fails(1, "cp", "-r", path("large"), "gcs-bucket/b:refused/", *PARTS, saying="1 failed, 0 copied")
        left = {b.name for b in GOOGLE.list_blobs("between")} ^ before
        assert not left, left


def stopped(how, name, *words):
    """A copy that is ended in the middle of its parts."""
    reached, release = threading.Event(), threading.Event()

    def hold(request):
        if request.method in ("PUT", "POST") and "upload" in request.path and len(GCS.seen(request.method)) > 7:
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}

    GCS.reset(hold)
    process = start("cp", path("large/data.bin"), f"gcs-bucket/b:{name}", *PARTS, *words, stderr=subprocess.PIPE)
    assert reached.wait(30)
    process.send_signal(how)
    if how == signal.SIGKILL:
        process.wait()
    release.set()
    said = process.communicate(timeout=60)[1].decode()
    return process.returncode, said


def test_interrupted_leaves_no_part():
    before = {b.name for b in GOOGLE.list_blobs("between")}
    code, said = stopped(signal.SIGINT, "interrupted")
    assert code == 130, (code, said)
    assert {b.name for b in GOOGLE.list_blobs("between")} == before


def test_killed_and_resumed():
    stopped(signal.SIGKILL, "killed")
    assert [b for b in GOOGLE.list_blobs("between") if "dowel-part" in b.name]
    newest = json.loads(dowel("runs", "--json", "--limit", "1"))[0]
    assert newest["state"] == "crashed", newest
    GCS.reset()
    dowel("runs", "resume", newest["id"])
    assert composed() == 1
    sent = [r for r in GCS.requests if r.method in ("PUT", "POST") and r.size > MIB // 2]
    assert len(sent) < 13, "what is there is not sent again"
    whole("killed")


def test_killed_and_forgotten():
    stopped(signal.SIGKILL, "lost")
    GCS.reset()
    left = [b.name for b in GOOGLE.list_blobs("between") if "dowel-part" in b.name]
    assert left and call("gcs.abort_stale", "--bucket", "b")["removed"] == []
    assert set(left) <= set(call("gcs.abort_stale", "--bucket", "b", "--older-than", "1us")["removed"])
    whole("killed")


main(globals())
