"""What a task sends is what it was given: standard input that was read once is never taken for what is left of it, whatever is tried again,
and a file that changes while it is sent is never stored as a mixture of two."""
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, main, run  # noqa: E402

ENV = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1", "HOME": TMP,
       "STORAGE_EMULATOR_HOST": "", "BIGQUERY_EMULATOR_HOST": ""}
SIZE = 12 << 20


class Server(BaseHTTPRequestHandler):
    """A service that answers 503 to the first upload of bytes, takes all others, and keeps what came whole."""
    protocol_version = "HTTP/1.1"
    whole, failing, before = [], 0, None

    def log_message(self, *_):
        pass

    def body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            data = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
                data += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return data
        size = int(self.headers.get("Content-Length", 0))
        data = self.rfile.read(size)
        return data if len(data) == size else None

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        cls, begins = type(self), "uploads" in self.path or "uploadType=resumable" in self.path
        if cls.before:  # most of the body is still to be read by the client
            cls.before()
            cls.before = None
        data = self.body()
        if data is None:
            self.close_connection = True
            return
        if "?uploads" in self.path:
            self.answer(200, b"<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>")
        elif "uploadType=resumable" in self.path and self.command == "POST":
            self.answer(200, b"", [("Location", f"http://{self.headers['Host']}/session")])
        elif data and not begins and cls.failing > 0:
            cls.failing -= 1
            self.answer(503)
        elif self.command in ("PUT", "POST"):
            cls.whole.append((self.path, data))
            self.answer(200, json.dumps({"name": "k", "size": str(len(data)), "generation": "1"}).encode(), [("ETag", '"e"')])
        else:
            self.answer(404 if self.command in ("GET", "HEAD") else 204)

    do_PUT = do_POST = do_GET = do_HEAD = do_DELETE = serve


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Server)
SERVER.daemon_threads = True
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{SERVER.server_address[1]}"
S3 = json.dumps({"bucket": "b", "endpoint": URL})
GCS = json.dumps({"bucket": "b", "endpoint": URL, "credentials": {"anonymous": True}})
LOAD = ["bigquery.load", "--table", "p.d.t", "--project", "p", "--endpoint", URL, "--credentials", '{"anonymous": true}', "--format", "csv"]


def reset(failing=0, before=None):
    Server.whole, Server.failing, Server.before = [], failing, before


def of_stdin(words, data, how, retries=3):
    """The finished command, reading from a pipe or from a redirected file."""
    words = [BIN, *words, *(["--retries", str(retries), "--retry-delay", "0"] if retries else [])]
    env = {**os.environ, **ENV, "AWS_MAX_ATTEMPTS": "1"}
    if how == "pipe":
        return subprocess.run(words, input=data, capture_output=True, timeout=120, env=env)
    path = os.path.join(TMP, "stdin.bin")
    with open(path, "wb") as file:
        file.write(data)
    if how == "named":
        words = ["/bin/sh", "-c", 'cat "$0" | (shift; exec "$@" --file /dev/stdin)', path, "x", *[w for w in words if w not in ("--file", "-")]]
        return subprocess.run(words, capture_output=True, timeout=120, env=env)
    with open(path, "rb") as file:
        return subprocess.run(words, stdin=file, capture_output=True, timeout=120, env=env)


def test_standard_input_is_never_sent_in_part():
    tasks = [["call", "s3.put", "--bucket", S3, "--key", "k", "--file", "-"],
             ["call", "gcs.upload", "--bucket", GCS, "--name", "k", "--file", "-"]]
    for words in tasks:
        for data in (b"hello world", os.urandom(3 << 20)):
            for how in ("pipe", "file", "named"):
                reset(failing=12)
                done = of_stdin(words, data, how)
                said = done.stderr.decode()
                sent = [body for _, body in Server.whole]
                assert all(data in body for body in sent), f"{words[1]} {how}: {[len(b) for b in sent]} bytes of {len(data)} were stored\n{said}"
                assert (done.returncode == 0) == bool(sent), said
                if how != "file":
                    assert done.returncode and "503" in said and "read" in said, said
    # Nothing fails: it is stored whole.
    for words in tasks:
        for how in ("pipe", "file", "named"):
            reset()
            done = of_stdin(words, b"hello world", how)
            assert done.returncode == 0 and b"hello world" in Server.whole[-1][1], done.stderr


def test_copies_of_standard_input():
    credentials = json.dumps({"access_key_id": "AKIDEXAMPLE", "secret_access_key": "secret", "region": "us-east-1"})
    for data in (b"hello world", os.urandom(3 << 20)):
        reset(failing=12)
        done = of_stdin(["cp", "-", "s3://b/k", "--endpoint", URL, "--credentials", credentials], data, "pipe", retries=0)
        assert done.returncode and not Server.whole, done.stderr
        reset(failing=12)
        done = of_stdin(["call", "objects.copy", "--source", "-", "--destination", "s3://b/k", "--endpoint", URL, "--credentials", credentials],
                        data, "pipe")
        assert done.returncode and not [body for _, body in Server.whole if data not in body], done.stderr


def changing(words, how, saying):
    """Runs a task on a file that changes as the first request arrives: nothing is stored whole after that."""
    path = os.path.join(TMP, "changing.csv")
    with open(path, "wb") as file:
        file.write(b"x" * SIZE)
    os.utime(path, (1000, 1000))

    def change():
        with open(path, "r+b") as file:
            if how == "shrinks":
                file.truncate(SIZE // 3)
            elif how == "grows":
                file.seek(SIZE)
                file.write(b"y" * 1000)
            else:
                file.seek(SIZE // 2)
                file.write(b"y" * 1000)

    reset(failing=1, before=change)
    done = run("call", *words, path, env={**ENV, "AWS_MAX_ATTEMPTS": "3"})
    said = done.stderr.decode()
    assert done.returncode, f"{words[0]} of a file that {how}: exit 0, stored {[len(b) for _, b in Server.whole]}\n{said}"
    assert any(word in said for word in saying), said
    finished = [body for path_, body in Server.whole if "uploadId=u" not in path_ or "partNumber" not in path_]
    assert not [body for body in finished if len(body) >= SIZE // 3], f"{words[0]}: stored {[len(b) for b in finished]}\n{said}"


def test_files_that_change_while_they_are_sent():
    one = ["--multipart-threshold", "1GiB"]
    for words in (["s3.put", "--bucket", S3, "--key", "k", *one, "--file"],
                  ["s3.put", "--bucket", S3, "--key", "k", "--multipart-threshold", "5MiB", "--part-size", "5MiB", "--file"],
                  ["gcs.upload", "--bucket", GCS, "--name", "k", "--resumable-threshold", "1GiB", "--file"],
                  ["gcs.upload", "--bucket", GCS, "--name", "k", "--resumable-threshold", "0", "--file"],
                  [*LOAD, "--file"]):
        for how in ("shrinks", "grows", "changes"):
            changing(words, how, ["shrink", "changed while it was read"])


if __name__ == "__main__":
    main(globals())
