"""Uploads and downloads that are killed at random points (DOWEL_TEST_KILLS says at how many, each way) and gone on with: what comes of it is whole,
what is there already is not sent or fetched again, and nothing is left behind."""
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, URL, block  # noqa: E402

from command import TMP, dowel, main, start  # noqa: E402
from proxy import Proxy  # noqa: E402

KILLS = int(os.environ.get("DOWEL_TEST_KILLS", "4"))
SEED = int(os.environ.get("DOWEL_TEST_SEED", "1"))
NOISE = random.Random(SEED)
PROXY = Proxy(URL)
BUCKET, PARTS = "dowel-killed", 9
DATA = random.Random(6).randbytes((PARTS - 1) * (5 << 20) + 99)
FILE, FOLDER = os.path.join(TMP, "large"), os.path.join(TMP, "down")
TARGET = os.path.join(FOLDER, "got")


def test_prepare():
    with open(FILE, "wb") as f:
        f.write(DATA)
    os.mkdir(FOLDER)
    block("direct", BUCKET)
    block("killed", BUCKET, url=PROXY.url, make=False)


def upload(key, *words):
    return ["call", "s3.put", "--bucket", "killed", "--key", key, "--file", FILE, "--concurrency", "2", "--part-size", "5MiB", *words]


def download(key):
    return ["call", "s3.get", "--bucket", "killed", "--key", key, "--file", TARGET, "--part-size", "4MiB", "--concurrency", "2"]


def stored(key):
    try:
        return AMAZON.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except AMAZON.exceptions.NoSuchKey:
        return None


def newest_run():
    runs = json.loads(dowel("runs", "--json"))
    return runs[0] if runs else {"id": None, "state": None}


def slowly(r):
    """As if the service were far away, so that there is something to go on with."""
    if r.method == "GET" and "range" in r.headers:
        time.sleep(0.2)


def whole_time(*words, rule=None):
    PROXY.reset(rule)
    began = time.monotonic()
    dowel(*words)
    return time.monotonic() - began


def killed(seconds, *words, rule=None):
    """Kills a command somewhere between its start and after its end; its run, or None where it had not begun one."""
    before = newest_run()["id"]
    PROXY.reset(rule)
    process = start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(NOISE.uniform(0, 1.1 * seconds))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    run = newest_run()
    return run if run["id"] != before else None


def test_uploads():
    seconds, seen = whole_time(*upload("first")), {}
    for number in range(KILLS):
        key = f"object-{number}"
        words = upload(key, *(["--if-absent"] if number % 3 == 0 else []))
        run = killed(seconds, *words)
        there = stored(key)
        assert there in (None, DATA), (number, len(there))
        uploads = AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        assert len(uploads) <= 1, uploads
        held = {str(p["PartNumber"]) for u in uploads
                for p in AMAZON.list_parts(Bucket=BUCKET, Key=key, UploadId=u["UploadId"]).get("Parts", [])}
        PROXY.reset()
        if not run:
            what = "before it began"
            dowel(*words)
        elif run["state"] == "completed":
            what = "not"
        else:
            what = "afterwards" if there else "before" if not held else "midway"
            dowel("runs", "resume", run["id"])
            sent = {r.query("partNumber") for r in PROXY.seen("PUT", "partNumber")}
            # A process that was killed between beginning an upload and writing that down leaves one without parts.
            assert not sent & held, (number, sent, held)
        seen[what] = seen.get(what, 0) + 1
        assert stored(key) == DATA, number
        left = AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        for u in left:
            assert not AMAZON.list_parts(Bucket=BUCKET, Key=key, UploadId=u["UploadId"]).get("Parts"), (number, what, left)
            AMAZON.abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=u["UploadId"])
            seen["an empty upload was left"] = seen.get("an empty upload was left", 0) + 1
        AMAZON.delete_object(Bucket=BUCKET, Key=key)
    print(f"seed {SEED}: {KILLS} uploads killed: {seen}", flush=True)


def test_downloads():
    seconds, seen = whole_time(*download("first"), rule=slowly), {}
    os.unlink(TARGET)
    for number in range(KILLS):
        run = killed(seconds, *download("first"), rule=slowly)
        finished = os.path.exists(TARGET)
        if finished:
            with open(TARGET, "rb") as f:
                assert f.read() == DATA, number
        PROXY.reset()
        if not run:
            what = "before it began"
            dowel(*download("first"))
        elif run["state"] == "completed":
            what = "not"
        else:
            dowel("runs", "resume", run["id"])
            fetched = len(PROXY.seen("GET", "/first"))
            what = "afterwards" if finished else "midway, some was kept" if fetched < 11 else "midway, all was fetched"
        seen[what] = seen.get(what, 0) + 1
        with open(TARGET, "rb") as f:
            assert f.read() == DATA, (number, what)
        assert os.listdir(FOLDER) == ["got"], (number, what, os.listdir(FOLDER))
        os.unlink(TARGET)
    print(f"seed {SEED}: {KILLS} downloads killed: {seen}", flush=True)


main(globals())
