"""An object that is replaced between the look at it and the fetching is noticed, also where the bytes go out in order and cannot be taken back."""
import base64
import json
import os
import sys
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import main, run  # noqa: E402


class Server(BaseHTTPRequestHandler):
    """S3 with one object, which somebody replaces as soon as it has been looked at."""
    protocol_version = "HTTP/1.1"
    etag, content, replaces, seen = '"one"', b"first", True, []

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        cls = type(self)
        self.send_response(status)
        for name, value in (("ETag", cls.etag), ("Content-Length", str(len(body))), ("Last-Modified", "Sat, 31 Jan 2026 12:00:00 GMT"),
                            ("x-amz-checksum-crc32", base64.b64encode(zlib.crc32(cls.content).to_bytes(4, "big")).decode())):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        cls = type(self)
        cls.seen.append(("HEAD", None))
        self.answer(200, cls.content)
        if cls.replaces:
            cls.etag, cls.content = '"two"', b"other content"

    def do_GET(self):
        cls = type(self)
        if "list-type" in self.path:
            body = (f"<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>{len(cls.content)}</Size>"
                    f"<ETag>{cls.etag}</ETag><LastModified>2026-01-31T12:00:00Z</LastModified></Contents></ListBucketResult>").encode()
            self.answer(200, body)
            return
        match = self.headers.get("If-Match")
        cls.seen.append(("GET", match))
        if match and match != cls.etag:
            self.answer(412, b"<Error><Code>PreconditionFailed</Code><Message>At least one of the preconditions did not hold</Message></Error>")
        else:
            self.answer(200, cls.content)


SERVER = ThreadingHTTPServer(("127.0.0.1", 0), Server)
SERVER.daemon_threads = True
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{SERVER.server_address[1]}"
ENV = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
WAYS = [["call", "s3.get", "--bucket", json.dumps({"bucket": "b", "endpoint": URL}), "--key", "k", "--file", "-"],
        ["cp", "s3://b/k", "-", "--endpoint", URL]]


def reset(replaces):
    Server.etag, Server.content, Server.replaces, Server.seen = '"one"', b"first", replaces, []


def test_replaced_between_head_and_get():
    for words in WAYS:
        reset(True)
        done = run(*words, env=ENV)
        gets = [match for method, match in Server.seen if method == "GET"]
        assert ("HEAD", None) in Server.seen and gets and gets[0] == '"one"', Server.seen
        assert done.returncode == 7 and not done.stdout, done
        assert b"replaced during the download" in done.stderr, done.stderr


def test_not_replaced():
    for words in WAYS:
        reset(False)
        done = run(*words, env=ENV)
        assert done.returncode == 0 and done.stdout == b"first", done
        assert all(match == '"one"' for method, match in Server.seen if method == "GET"), Server.seen


if __name__ == "__main__":
    main(globals())
