"""S3 when things go wrong: connections that break, answers that are lost, bytes that change, a process that is killed. Whatever happens, what is
stored or fetched is whole and right, or there is nothing and an error that says why."""
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, URL, block, is_file  # noqa: E402

from command import BIN, TMP, call, dowel, fails, main, run, start  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(URL)
BUCKET = "dowel-faults"
MIB = 1 << 20
DATA = random.Random(5).randbytes(12 * MIB + 17)
PARTS = ["--part-size", "5MiB", "--multipart-threshold", "5MiB"]
FOLDER = os.path.join(TMP, "down")


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


FILE = write("data", DATA)


def problem(status, code):
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>Sorry.</Message></Error>'
    return {"answer": (status, [("Content-Type", "application/xml")], body.encode())}


def once(step, wanted=lambda r: True):
    """The step for the first of each request that is wanted."""
    seen, lock = set(), threading.Lock()

    def rule(r):
        with lock:
            key = (r.method, r.path, r.headers.get("range"))
            if not wanted(r) or key in seen:
                return None
            seen.add(key)
        return step(r) if callable(step) else step
    return rule


def put(key, *words, file=FILE):
    return call("s3.put", "--bucket", "faults", "--key", key, "--file", file, *words)


def get(key, *words, name="got"):
    return ["call", "s3.get", "--bucket", "faults", "--key", key, "--file", os.path.join(FOLDER, name), *words]


def check(key, data=DATA):
    body = AMAZON.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert body == data, f"{key}: {len(body)} of {len(data)} bytes"


def absent(key):
    assert key not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET).get("Contents", [])}, key
    nothing_is_left()


def nothing_is_left():
    left = AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    assert not left, left
    assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


def newest_run():
    return json.loads(dowel("runs", "--json"))[0]


def got_is_right(data=DATA):
    is_file(os.path.join(FOLDER, "got"), data)


def test_prepare():
    os.mkdir(FOLDER)
    block("direct", BUCKET)
    block("faults", BUCKET, url=PROXY.url, make=False)


def test_connections_break_at_every_mebibyte():
    for at in range(12):
        PROXY.reset(once({"cut_upload": at * MIB}, lambda r: r.method == "PUT"))
        put(f"cut-{at}", "--multipart-threshold", "64MiB")
        assert len(PROXY.seen("PUT")) == 2
        check(f"cut-{at}")
    PROXY.reset(once(lambda r: {"cut_upload": (r.number % 5) * MIB}, lambda r: r.method == "PUT"))
    put("cut-parts", *PARTS)
    check("cut-parts")
    for at in range(12):
        PROXY.reset(once({"cut_download": at * MIB}, lambda r: r.method == "GET"))
        dowel(*get("cut-parts", "--part-size", "64MiB"))
        got_is_right()
    PROXY.reset(once({"cut_download": MIB}, lambda r: r.method == "GET"))
    dowel(*get("cut-parts", "--part-size", "2MiB"))
    got_is_right()
    PROXY.reset(once({"cut_download": 5 * MIB}, lambda r: r.method == "GET"))
    done = run("call", "s3.get", "--bucket", "faults", "--key", "cut-parts", "--file", "-")
    assert done.returncode == 0 and done.stdout == DATA, done.stderr
    nothing_is_left()


def test_storm():
    """Every request is refused once."""
    PROXY.reset(once(problem(503, "SlowDown")))
    put("storm", *PARTS)
    check("storm")
    PROXY.reset(once(problem(503, "SlowDown")))
    dowel(*get("storm", "--part-size", "5MiB"))
    got_is_right()
    nothing_is_left()


def test_lost_answers():
    PROXY.reset(once({"lose": True}, lambda r: r.method == "PUT"))
    put("lost-parts", *PARTS)
    check("lost-parts")
    # The service has put the parts together, and no longer knows the upload.
    PROXY.reset(once({"lose": True}, lambda r: r.method == "POST" and r.query("uploadId")))
    put("lost-end", *PARTS)
    assert len(PROXY.seen("POST", "uploadId")) == 2
    check("lost-end")
    # An answer that begins well may still say that it failed.
    PROXY.reset(once({"answer": (200, [], b"<Error><Code>InternalError</Code><Message>Sorry.</Message></Error>")},
                     lambda r: r.method == "POST" and r.query("uploadId")))
    put("late-error", *PARTS)
    check("late-error")
    nothing_is_left()


WHOLE = ["--multipart-threshold", "64MiB"]
PUT_OR_END = ((WHOLE, lambda r: r.method == "PUT"), (PARTS, lambda r: r.method == "POST" and r.query("uploadId")))


def test_conditions_when_answers_are_lost():
    """The second attempt meets what the first one wrote: that is no conflict. What another wrote is."""
    for words, wanted in PUT_OR_END:
        for lost in ({"lose": True}, {"edit": lambda status, headers, body: problem(500, "InternalError")["answer"]}):
            key = f"once-{words[1]}-{'lose' in lost}"
            PROXY.reset(once(lost, wanted))
            etag = put(key, "--if-absent", *words)["etag"]
            check(key)
            assert AMAZON.head_object(Bucket=BUCKET, Key=key)["ETag"].strip('"') == etag
            # It is there now, and every further one is refused.
            PROXY.reset(once(lost, wanted))
            said = fails(7, "call", "s3.put", "--bucket", "faults", "--key", key, "--file", FILE, "--if-absent", *words,
                         saying="PreconditionFailed")
            assert "s3.head" in said, said
            PROXY.reset(once(lost, wanted))
            etag = put(key, "--if-match", etag, *words, file=write("other", DATA[::-1]))["etag"]
            check(key, DATA[::-1])
            fails(7, "call", "s3.put", "--bucket", "faults", "--key", key, "--file", FILE, "--if-match", "0" * 32, *words)
            check(key, DATA[::-1])
        # The same bytes by somebody else, when our answer is lost: nobody can say that they are ours.
        key = f"theirs-{words[1]}"

        done = []

        def another(r):
            if key in done or not wanted(r):
                return None
            done.append(key)
            AMAZON.put_object(Bucket=BUCKET, Key=key, Body=DATA)
            return {"lose": True}
        PROXY.reset(another)
        fails(7, "call", "s3.put", "--bucket", "faults", "--key", key, "--file", FILE, "--if-absent", *words,
              saying=["PreconditionFailed", "an earlier attempt" if words == WHOLE else ""])  # on a kept connection libcurl repeats it silently
        nothing_is_left()
    # Where the object cannot be looked at, that is what is said.
    PROXY.reset(lambda r: problem(403, "AccessDenied") if r.method == "HEAD" else {"lose": True} if r.method == "PUT" and r.number == 1 else None)
    said = fails(7, "call", "s3.put", "--bucket", "faults", "--key", "unseen", "--file", FILE, "--if-absent", *WHOLE,
                 saying="cannot tell whether")
    assert "403" in said, said
    check("unseen")


def test_a_conditional_upload_is_tried_again():
    """A later attempt, and a resumed run, know what the first one wrote."""
    for words, wanted in PUT_OR_END:
        key = f"resumed-{words[1]}"
        reached = threading.Event()

        def hold(r):
            if wanted(r):
                reached.set()
                return {"hold": 30}
        PROXY.reset(hold)
        process = start("call", "s3.put", "--bucket", "faults", "--key", key, "--file", FILE, "--if-absent", *words, stderr=subprocess.DEVNULL)
        assert reached.wait(30)
        while key not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET).get("Contents", [])}:
            time.sleep(0.05)
        process.kill()
        process.wait(10)
        PROXY.reset()
        assert json.loads(dowel("runs", "resume", newest_run()["id"], "--json"))["size"] == len(DATA)
        check(key)
        nothing_is_left()


def test_failures_leave_nothing():
    for words, wanted in ((PARTS, lambda r: r.query("partNumber") == "2"), (PARTS, lambda r: r.method == "POST" and r.query("uploadId")),
                          ([], lambda r: r.method == "PUT")):
        PROXY.reset(lambda r: problem(403, "AccessDenied") if wanted(r) else None)
        fails(4, "call", "s3.put", "--bucket", "faults", "--key", "refused", "--file", FILE, *words, saying="AccessDenied")
        absent("refused")


def test_bytes_change_on_the_way_up():
    """The service is told the checksum, and refuses; what changed once is sent again."""
    marked = write("marked", b"before MARK after" + bytes(6 * MIB))
    for words in ([], PARTS, ["--checksum", "crc64nvme", *PARTS], ["--checksum", "md5"]):
        PROXY.reset(once({"replace": (b"MARK", b"mark")}, lambda r: r.method == "PUT"))
        put("marked", *words, file=marked)
        with open(marked, "rb") as f:
            check("marked", f.read())
    PROXY.reset(lambda r: {"replace": (b"MARK", b"mark")})
    fails(1, "call", "s3.put", "--bucket", "faults", "--key", "always", "--file", marked, *PARTS, saying="HTTP 400")
    absent("always")


def test_wrong_etag():
    def lie(status, headers, body):
        return status, [(n, '"' + "0" * 32 + '"' if n.lower() == "etag" else v) for n, v in headers], body

    PROXY.reset(once({"edit": lie}, lambda r: r.method == "PUT"))
    put("lied", "--checksum", "md5", *PARTS)
    check("lied")
    PROXY.reset(lambda r: {"edit": lie} if r.method == "PUT" else None)
    fails(1, "call", "s3.put", "--bucket", "faults", "--key", "lied2", "--file", FILE, "--checksum", "md5", *PARTS,
          saying="differ from the uploaded ones")
    absent("lied2")


def test_bytes_change_on_the_way_down():
    PROXY.reset()
    put("down-small", file=write("small", DATA[:100]))
    put("down-parts", *PARTS)
    put("down-sha", "--checksum", "sha256", *PARTS)
    for key in ("down-small", "down-parts", "down-sha"):
        for words in (["--part-size", "1MiB"], ["--part-size", "64MiB"]):
            PROXY.reset(lambda r: {"corrupt": True} if r.method == "GET" else None)
            fails(1, *get(key, *words), saying="differ from the stored ones")
            nothing_is_left()
            corrupt = once({"corrupt": True}, lambda r: r.method == "GET")
            PROXY.reset(corrupt)
            dowel(*get(key, *words))
            got_is_right(DATA[:100] if key == "down-small" else DATA)
        PROXY.reset(lambda r: {"corrupt": True} if r.method == "GET" else None)
        fails(1, "call", "s3.get", "--bucket", "faults", "--key", key, "--file", "-", saying="differ from the stored ones")


def test_object_replaced_midway():
    replaced = threading.Event()

    def replace(r):
        if r.headers.get("range", "").startswith("bytes=0-"):
            return None
        if not replaced.is_set():
            replaced.set()
            AMAZON.put_object(Bucket=BUCKET, Key="replaced", Body=DATA[::-1])
    PROXY.reset()
    put("replaced")
    PROXY.reset(replace)
    fails(7, *get("replaced", "--part-size", "1MiB", "--concurrency", "1"), saying="replaced during the download")
    nothing_is_left()


def test_a_server_without_checksums():
    """What does not know them says so, and gets Content-MD5."""
    PROXY.reset(lambda r: problem(501, "NotImplemented") if any("checksum" in h for h in r.headers) and r.method != "GET" else None)
    put("plain-small", file=write("small", DATA[:100]))
    check("plain-small", DATA[:100])
    put("plain-parts", *PARTS)
    check("plain-parts")
    assert all(r.headers.get("content-md5") for r in PROXY.seen("PUT") if r.status == 200), PROXY.requests
    # Known beforehand, nothing is tried.
    block("old", BUCKET, "--checksums", "when_required", url=PROXY.url, make=False)
    PROXY.reset()
    call("s3.put", "--bucket", "old", "--key", "plain-old", "--file", FILE, *PARTS)
    assert not [h for r in PROXY.requests for h in r.headers if "checksum" in h]
    check("plain-old")
    nothing_is_left()


def test_interrupted():
    reached, release = threading.Event(), threading.Event()

    def hold(r):
        if r.query("partNumber") == "2":
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}
    PROXY.reset(hold)
    process = start("call", "s3.put", "--bucket", "faults", "--key", "interrupted", "--file", FILE, *PARTS)
    assert reached.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    release.set()
    absent("interrupted")


# ---- killed, and gone on with ----

LARGE = write("large", random.Random(6).randbytes(40 * MIB + 99))  # nine parts
POINTS = int(os.environ.get("DOWEL_TEST_KILLS", "6"))


def kill_at(count, part, *words, pause=0.0):
    """Starts a command and kills it when the proxy has passed on so many requests of a kind."""
    reached = threading.Event()

    def hold(r):
        with PROXY.lock:
            done = len([x for x in PROXY.requests if part in x.path and x.method in ("PUT", "GET")])
        time.sleep(pause)
        if done > count:
            reached.set()
            time.sleep(0.05)
            return {"cut_upload": MIB, "cut_download": MIB}
    PROXY.reset(hold)
    process = start(*words, stderr=subprocess.DEVNULL)
    while process.poll() is None and not reached.wait(0.01):
        pass
    process.kill()
    process.wait(10)


def test_killed_uploads_are_resumed():
    with open(LARGE, "rb") as f:
        data = f.read()
    for count in random.Random(8).sample(range(10), min(POINTS, 10)):
        kill_at(count, "partNumber", "call", "s3.put", "--bucket", "faults", "--key", "killed", "--file", LARGE, "--concurrency", "2", *PARTS)
        state = newest_run()
        if state["state"] == "completed":
            check("killed", data)
            continue
        uploads = AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
        held = AMAZON.list_parts(Bucket=BUCKET, Key="killed", UploadId=uploads[0]["UploadId"]).get("Parts", [])
        PROXY.reset()
        result = json.loads(dowel("runs", "resume", state["id"], "--json"))
        assert result["size"] == len(data), result
        sent = {r.query("partNumber") for r in PROXY.seen("PUT", "partNumber")}
        assert len(sent) <= 9 - len(held) and not sent & {str(p["PartNumber"]) for p in held}, (sent, held)
        print(f"killed at part {count}: {len(held)} of 9 held, {len(sent)} sent", flush=True)
        check("killed", data)
        nothing_is_left()


def test_a_file_that_changed_meanwhile():
    """Parts of what the file was are not mixed with parts of what it is."""
    path = write("changes", DATA)
    kill_at(2, "partNumber", "call", "s3.put", "--bucket", "faults", "--key", "changed", "--file", path, "--concurrency", "1", *PARTS)
    other = bytes([DATA[0] ^ 1]) + DATA[1:]
    write("changes", other)
    PROXY.reset()
    dowel("runs", "resume", newest_run()["id"])
    assert "1" in {r.query("partNumber") for r in PROXY.seen("PUT", "partNumber")}
    check("changed", other)
    nothing_is_left()


def test_killed_downloads_are_resumed():
    """What is there of the same version is not fetched again; nothing has the final name before it is whole."""
    PROXY.reset()
    put("large", file=LARGE)
    with open(LARGE, "rb") as f:
        data = f.read()
    fewer = 0
    for count in [8, *random.Random(9).sample(range(9), min(POINTS, 9))]:
        kill_at(count, "/large", *get("large", "--part-size", "4MiB", "--concurrency", "2"), pause=0.3 if count == 8 else 0)
        if newest_run()["state"] == "completed":
            got_is_right(data)
            continue
        assert "got" not in os.listdir(FOLDER)
        PROXY.reset()
        dowel("runs", "resume", newest_run()["id"])
        ranges = len(PROXY.seen("GET", "/large"))
        print(f"killed at range {count}: {ranges} of 11 fetched", flush=True)
        fewer += ranges < 11
        got_is_right(data)
        assert os.listdir(FOLDER) == [], os.listdir(FOLDER)
    assert fewer


def test_a_download_whose_object_changed_meanwhile():
    kill_at(8, "/large", *get("large", "--part-size", "4MiB", "--concurrency", "2"), pause=0.3)
    AMAZON.put_object(Bucket=BUCKET, Key="large", Body=DATA[::-1])
    PROXY.reset()
    dowel("runs", "resume", newest_run()["id"])
    got_is_right(DATA[::-1])
    assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


def test_a_download_whose_bytes_were_lost_meanwhile():
    """After a loss of power the record may know more than the disk: the check of the whole tells, and all is fetched again."""
    PROXY.reset()
    put("large", file=LARGE)
    kill_at(8, "/large", *get("large", "--part-size", "4MiB", "--concurrency", "2"), pause=0.3)
    left, = os.listdir(FOLDER)
    with open(os.path.join(FOLDER, left), "r+b") as f:
        f.write(bytes(20 * MIB))
    PROXY.reset()
    dowel("runs", "resume", newest_run()["id"])
    with open(LARGE, "rb") as f:
        got_is_right(f.read())
    assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


main(globals())
