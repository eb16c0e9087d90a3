"""Bytes that a flag reads from a file take their own size of memory once or twice, not many times: they pass neither through base64 nor through JSON
nor into the history. They arrive whole, and run keys tell them apart."""
import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), HERE]
from command import BIN, TMP, call, dowel, fails, main  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
SIZE = 60_000_000
PATH, TEXT = os.path.join(TMP, "large"), os.path.join(TMP, "large.json")
RECEIVED = []


class Lambda(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        RECEIVED.append(hashlib.sha256(self.rfile.read(int(self.headers["Content-Length"]))).hexdigest())
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"null")

    def log_message(self, *_):
        pass


MEASURE = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


def peak(*words, stdin=None):
    """MB of memory at most. A child counts from what its parent has, which here may be much: a small process starts the command."""
    said = subprocess.run([sys.executable, "-c", MEASURE, BIN, *words], stdin=stdin, stdout=subprocess.PIPE, check=True).stdout.split()
    assert said[0] == b"0", (words, said)
    print("    ", words[1], int(said[1]) // 1000, "MB", flush=True)
    return int(said[1]) / 1000


def test_prepare():
    AMAZON.create_bucket(Bucket="memory")
    GOOGLE.create_bucket("memory-too")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "s3-bucket/m", "--bucket", "memory", "--credentials", "demo", "--endpoint", S3_URL)
    dowel("block", "save", "gcs-bucket/m", "--bucket", "memory-too", "--credentials", "demo", "--endpoint", GCS_URL)
    with open(PATH, "wb") as file:
        file.write(os.urandom(SIZE))


def digest(data):
    return hashlib.sha256(data).hexdigest()


def test_peak():
    with open(PATH, "rb") as file:
        data = digest(file.read())
    assert peak("call", "s3.put", "--bucket", "m", "--key", "x", "--data", "@" + PATH) < 160
    assert digest(AMAZON.get_object(Bucket="memory", Key="x")["Body"].read()) == data
    with open(PATH, "rb") as file:
        assert peak("call", "s3.put", "--bucket", "m", "--key", "y", "--data", "-", stdin=file) < 160
    assert digest(AMAZON.get_object(Bucket="memory", Key="y")["Body"].read()) == data
    assert peak("call", "gcs.upload", "--bucket", "m", "--name", "x", "--data", "@" + PATH) < 160
    assert digest(GOOGLE.bucket("memory-too").blob("x").download_as_bytes()) == data
    history = sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(TMP) for name in names if "dowel.db" in name)
    assert history < 5_000_000, history


def test_peak_of_a_payload():
    server = HTTPServer(("127.0.0.1", 0), Lambda)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dowel("block", "save", "lambda-function/f", "--function-name", "f", "--credentials", "demo", "--endpoint", f"http://127.0.0.1:{server.server_port}")
    with open(TEXT, "w") as file:
        file.write("[" + ",".join(str(i) for i in range(2_500_000)) + ", 1.10]\n")
    used = peak("call", "lambda.invoke", "--function", "f", "--payload", "@" + TEXT)
    assert used < 120, used
    server.shutdown()
    server.server_close()
    with open(TEXT, "rb") as file:
        assert RECEIVED == [digest(file.read())]


def test_what_flags_mean():
    """The last flag of a field wins, wherever its bytes come from; errors name field and file; an empty file is an empty object."""
    small = os.path.join(TMP, "small")
    with open(small, "wb") as file:
        file.write(b"sm\0ll\xff")
    empty = os.path.join(TMP, "empty")
    with open(empty, "wb"):
        pass

    def put(*words, **options):
        call("s3.put", "--bucket", "m", "--key", "small", *words, **options)
        return AMAZON.get_object(Bucket="memory", Key="small")["Body"].read()

    assert put("--data", "@" + small) == b"sm\0ll\xff"
    assert put("--data", "@" + empty) == b""
    assert put("--data", "") == b""
    assert put("--data", "plain") == b"plain"
    assert put("--data", "@" + small, "--data", "text") == b"text"
    assert put("--data", "@" + small, "--data", "") == b""
    assert put("--data", "text", "--data", "@" + small) == b"sm\0ll\xff"
    assert put("--data", "@" + empty, "--data", "@" + small) == b"sm\0ll\xff"
    assert put("--data", "-", stdin=b"piped") == b"piped"
    document = os.path.join(TMP, "document.json")
    with open(document, "w") as file:
        json.dump({"data": "ZnJvbQ==", "content_type": "text/x-own"}, file)
    assert put("--from", document) == b"from"
    assert put("--from", document, "--data", "@" + small) == b"sm\0ll\xff"
    assert AMAZON.head_object(Bucket="memory", Key="small")["ContentType"] == "text/x-own"
    fails(2, "call", "s3.put", "--bucket", "m", "--key", "k", "--data", "@" + small, "--file", small, saying="exactly one")
    fails(2, "call", "s3.put", "--bucket", "m", "--data", "@" + small, saying="key")
    said = fails(3, "call", "s3.put", "--bucket", "m", "--key", "k", "--data", "@" + small + ".none", saying=('field "data"', ".none"))
    assert "s3.put" in said, said


def test_run_keys():
    """Two large values that differ in their last byte are two calls."""
    words = ("call", "s3.put", "--bucket", "m", "--key", "keyed", "--run-key", "one", "--json")
    first = json.loads(dowel(*words, "--data", "@" + PATH))
    assert json.loads(dowel(*words, "--data", "@" + PATH)) == first
    with open(PATH, "r+b") as file:
        file.seek(SIZE - 1)
        last = file.read(1)[0]
        file.seek(SIZE - 1)
        file.write(bytes([last ^ 1]))
    fails(2, *words[:-1], "--data", "@" + PATH, saying="run key")


if __name__ == "__main__":
    main(globals())
