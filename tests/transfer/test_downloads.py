"""Downloads in parallel ranges: the same bytes as the provider's own client sent, or a clean error and no file."""
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, start  # noqa: E402

import boto3  # noqa: E402

MOTO, BENCH = os.environ["DOWEL_TEST_MOTO_URL"], os.environ["DOWEL_TEST_TESTBENCH_URL"]
S3 = boto3.client("s3", endpoint_url=MOTO, region_name="us-east-1",
                  aws_access_key_id=os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
                  aws_secret_access_key=os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"])
DATA = random.Random(7).randbytes(5_000_001)
FOLDER = os.path.join(TMP, "down")


class Liar(BaseHTTPRequestHandler):
    """Serves `content` as an S3 object, wrong in the way that `wrong` says."""
    protocol_version = "HTTP/1.1"
    wrong, content, etag, asked = "", DATA, hashlib.md5(DATA).hexdigest(), []
    hold = threading.Event()

    def do_GET(self):
        cls = type(self)
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        cls.asked.append((self.headers.get("Range"), self.headers.get("If-Match")))
        data, status, extra = self.content, 200, {}
        if match and self.wrong != "no ranges":
            first, last = int(match[1]), min(int(match[2]), len(self.content) - 1)
            data, status = self.content[first:last + 1], 206
            extra["Content-Range"] = f"bytes {first}-{last}/{len(self.content)}"
            if first and self.wrong == "replaced":
                return self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>", {})
            if first and self.wrong == "other range":
                extra["Content-Range"] = f"bytes {first + 1}-{last + 1}/{len(self.content)}"
            if first and self.wrong == "whole":
                data, status, extra = self.content, 200, {}
            if first and self.wrong == "short":
                data = data[:-1]
            if first and self.wrong == "hang":
                self.hold.wait(60)
        if self.wrong in ("corrupt", "corrupt once") and len(data) > 100:
            if self.wrong == "corrupt once":
                cls.wrong = ""
            data = data[:50] + bytes([data[50] ^ 1]) + data[51:]
        self.answer(status, data, {**extra, "ETag": f'"{self.etag}"'})

    def answer(self, status, data, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            pass

    def log_message(self, *_):
        pass


def get(name="copy", *more):
    return ("call", "s3.get", "--bucket", "liar", "--key", "x", "--file", os.path.join(FOLDER, name), "--part-size", "300000", *more)


def nothing_is_left():
    assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


def wrong(how):
    Liar.wrong, Liar.asked = how, []


def test_prepare():
    os.mkdir(FOLDER)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # connections end here as the tests want it
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
          "--secret-access-key", "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "s3-bucket/demo", "--bucket", "down", "--credentials", "demo", "--endpoint", MOTO)
    dowel("block", "save", "s3-bucket/liar", "--bucket", "liar", "--credentials", "demo", "--endpoint",
          f"http://127.0.0.1:{server.server_address[1]}")
    dowel("block", "save", "gcs-bucket/demo", "--bucket", "down", "--credentials", "demo", "--endpoint", BENCH)
    S3.create_bucket(Bucket="down")
    call("gcs.create_bucket", "--bucket", "gcs-bucket/demo")


def test_sizes_around_the_part_size():
    for size in (0, 1, 99_999, 100_000, 100_001, 200_000, 1_234_567):
        S3.put_object(Bucket="down", Key=f"s{size}", Body=DATA[:size])
        request = urllib.request.Request(f"{BENCH}/upload/storage/v1/b/down/o?uploadType=media&name=s{size}", DATA[:size],
                                         {"Content-Type": "application/octet-stream"}, method="POST")
        urllib.request.urlopen(request).read()
        for task, bucket, key in (("s3.get", "s3-bucket/demo", "--key"), ("gcs.download", "gcs-bucket/demo", "--name")):
            for width in ("1", "5"):
                copy = os.path.join(TMP, f"copy-{size}")
                result = call(task, "--bucket", bucket, key, f"s{size}", "--file", copy, "--part-size", "100000", "--concurrency", width)
                with open(copy, "rb") as file:
                    assert file.read() == DATA[:size], (task, size, width)
                assert result["size"] == size, result


def test_parallel_ranges_of_one_version():
    wrong("")
    call(*get()[1:])
    with open(os.path.join(FOLDER, "copy"), "rb") as file:
        assert file.read() == DATA
    os.unlink(os.path.join(FOLDER, "copy"))
    assert len(Liar.asked) == -(-len(DATA) // 300000)
    assert all(pin == f'"{Liar.etag}"' for _, pin in Liar.asked[1:]), "every range is of the version of the first"


def test_a_server_without_ranges():
    wrong("no ranges")
    call(*get()[1:])
    with open(os.path.join(FOLDER, "copy"), "rb") as file:
        assert file.read() == DATA
    os.unlink(os.path.join(FOLDER, "copy"))
    assert len(Liar.asked) == 1


def test_an_object_replaced_midway():
    wrong("replaced")
    fails(7, *get(), saying=["replaced during the download"])
    nothing_is_left()


def test_ranges_that_are_not_what_was_asked():
    for how in ("other range", "whole", "short"):
        wrong(how)
        fails(1, *get(), saying="sent something else" if how != "whole" else "")
        nothing_is_left()


def test_a_corrupt_byte_is_fetched_again_once():
    wrong("corrupt once")
    call(*get()[1:])
    with open(os.path.join(FOLDER, "copy"), "rb") as file:
        assert file.read() == DATA
    os.unlink(os.path.join(FOLDER, "copy"))
    wrong("corrupt")
    fails(1, *get(), saying=["differ from the stored ones"])
    nothing_is_left()


def test_to_standard_output_in_order():
    wrong("")
    from command import run
    done = run("call", "s3.get", "--bucket", "liar", "--key", "x", "--file", "-", "--part-size", "300000")
    assert done.returncode == 0 and done.stdout == DATA, done.stderr


def test_a_full_disk_is_noticed_first():
    wrong("")
    words = [os.environ["DOWEL_BIN"], *get()]
    done = subprocess.run(["sh", "-c", 'ulimit -f 2000; trap "" XFSZ; exec "$@"', "sh", *words], capture_output=True, text=True)
    assert done.returncode == 1 and "no room for the 5000001 bytes" in done.stderr, done.stderr
    nothing_is_left()


def stopped(number):
    wrong("hang")
    Liar.hold.clear()
    process = start(*get(), stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while len(Liar.asked) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(Liar.asked) >= 3
    process.send_signal(number)
    process.wait(20)
    Liar.hold.set()
    assert not os.path.exists(os.path.join(FOLDER, "copy")), "half a file has the final name"


def test_a_smaller_object_after_a_kill():
    """What a killed process left of a larger one is no part of it, whether a checksum would notice that or not; and nothing is fetched twice."""
    small = DATA[::-1][:1_000_001]
    parts = -(-len(small) // 300000)
    for etag in (hashlib.md5(small).hexdigest(), "00112233445566778899aabbccddeeff-3"):
        wrong("hang")
        Liar.hold.clear()
        process = start(*get("smaller", "--concurrency", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(Liar.asked) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.wait()
        Liar.hold.set()
        left = os.listdir(FOLDER)
        assert len(left) == 1 and os.path.getsize(os.path.join(FOLDER, left[0])) == len(DATA), left
        Liar.content, Liar.etag = small, etag
        wrong("")
        try:
            dowel("runs", "resume", json.loads(dowel("runs", "--json", "--limit", "1"))[0]["id"])
        finally:
            Liar.content, Liar.etag = DATA, hashlib.md5(DATA).hexdigest()
        with open(os.path.join(FOLDER, "smaller"), "rb") as file:
            assert file.read() == small, etag
        assert len(Liar.asked) == len(set(Liar.asked)) == parts, Liar.asked
        os.unlink(os.path.join(FOLDER, "smaller"))
        nothing_is_left()


def test_interrupted():
    stopped(signal.SIGINT)
    nothing_is_left()
    stopped(signal.SIGKILL)
    for left in os.listdir(FOLDER):
        assert left.startswith(".copy."), left
        os.unlink(os.path.join(FOLDER, left))


if __name__ == "__main__":
    main(globals())
