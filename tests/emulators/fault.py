#!/usr/bin/env python3
"""An HTTP server on loopback that misbehaves as it is told: for tests of retries, broken connections and slow answers.

    fault.py --port N        (0: a free one); prints "listening on http://127.0.0.1:PORT" when ready

POST /_script/NAME with a JSON list of steps sets what requests to /NAME and /NAME/... get, one step per request; the
last step repeats; it also empties the log of NAME. Members of a step, all optional:

    status             200 when left out
    headers            {"Name": "value"}; Content-Length is added. "{in N}" in a value becomes the HTTP date N seconds from now
    body               text, or any JSON value, which is then sent as JSON
    body_size          that many bytes in place of body: byte i is (i * 7 + i // 251) % 256
    range              true: "Range: bytes=A-" is answered with 206 and the rest, when If-Match, if sent, equals the ETag
    echo               true: the answer is the request's body
    delay_ms           wait before the answer begins
    reset              true: the request is read, then the connection is reset without an answer
    reset_after_bytes  the connection is reset after so many bytes of the answer's body
    truncate           the connection is closed in good order after so many bytes of the answer's body
    endless            true: the body is sent again and again, until the client hangs up
    stall              after so many bytes of the answer's body nothing comes until the client hangs up
    read               only so many bytes of the request's body are read before the answer, or reset, and then a close: as servers close that want
                       their answer to be read, what still comes is thrown away
    drop               true: the answer promises to keep the connection, which is then closed

GET /_log/NAME gives what was asked for, in order: [{"method", "path" (with query), "headers": {lower-case name: value},
"size", "sha256" (of the body as far as read), "connection" (a number per connection), "at" (seconds of a monotonic clock)}].
"""
import argparse
import email.utils
import hashlib
import json
import re
import select
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 16


def pattern(size):
    return bytes((i * 7 + i // 251) % 256 for i in range(size))


class Scripts:
    def __init__(self):
        self.lock = threading.Lock()
        self.steps = {}
        self.logs = {}
        self.bodies = {}

    def set(self, name, steps):
        with self.lock:
            self.steps[name] = list(steps)
            self.logs[name] = []

    def begin(self, name, entry):
        with self.lock:
            self.logs.setdefault(name, []).append(entry)
            steps = self.steps.get(name)
            if not steps:
                return {"status": 404, "body": f"no script for {name}"}
            return steps.pop(0) if len(steps) > 1 else steps[0]

    def log(self, name):
        with self.lock:
            return json.loads(json.dumps(self.logs.get(name, [])))

    def body(self, size):
        with self.lock:
            if size not in self.bodies:
                self.bodies[size] = pattern(size)
            return self.bodies[size]


SCRIPTS = Scripts()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self):
        super().setup()
        with SCRIPTS.lock:
            Handler.connections += 1
            self.number = Handler.connections

    def log_message(self, *_):
        pass

    def pieces(self):
        """The request's body, piece by piece."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            while True:
                size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
                if size == 0:
                    self.rfile.readline()
                    return
                yield self.rfile.read(size)
                self.rfile.readline()
        left = int(self.headers.get("Content-Length", 0))
        while left > 0:
            piece = self.rfile.read(min(left, PIECE))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def answer(self, status, body, headers=(), close=False, head_only=False):
        self.send_response_only(status)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            self.send_header(name, value)
        if "content-length" not in names and "transfer-encoding" not in names and status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if not head_only:
            self.wfile.write(body)

    def reset(self):
        """Ends the connection with RST in place of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def admin(self, kind, name):
        body = b"".join(self.pieces())
        if kind == "_script":
            SCRIPTS.set(name, json.loads(body))
            self.answer(204, b"")
        else:
            self.answer(200, json.dumps(SCRIPTS.log(name)).encode(), [("Content-Type", "application/json")])

    def serve(self):
        parts = self.path.split("?")[0].split("/")
        if parts[1] in ("_script", "_log"):
            self.admin(parts[1], parts[2])
            return
        entry = {"method": self.command, "path": self.path, "connection": self.number, "at": time.monotonic(),
                 "headers": {k.lower(): v for k, v in self.headers.items()}, "size": 0, "sha256": ""}
        step = SCRIPTS.begin(parts[1], entry)
        digest, kept = hashlib.sha256(), []
        limit = step.get("read")
        if limit is None or limit > 0:
            for piece in self.pieces():
                digest.update(piece)
                with SCRIPTS.lock:
                    entry["size"] += len(piece)
                if step.get("echo"):
                    kept.append(piece)
                if limit is not None and entry["size"] >= limit:
                    break
        with SCRIPTS.lock:
            entry["sha256"] = digest.hexdigest()
        if step.get("delay_ms") and self.gone_within(step["delay_ms"] / 1000):
            self.close_connection = True
            return
        if step.get("reset"):
            self.reset()
            return
        self.play(step, b"".join(kept))

    def play(self, step, echoed):
        status, headers = step.get("status", 200), []
        for name, value in step.get("headers", {}).items():
            value = re.sub(r"\{in (-?\d+)\}", lambda m: email.utils.formatdate(time.time() + int(m[1]), usegmt=True), value)
            headers.append((name, value))
        body = step.get("body", "")
        body = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        if "body_size" in step:
            body = SCRIPTS.body(step["body_size"])
        if step.get("echo"):
            body = echoed
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if step.get("range") and asked:
            start, etag = int(asked[1]), step.get("headers", {}).get("ETag")
            if self.headers.get("If-Match") not in (None, etag):
                status, body = 412, b"changed"
            else:
                headers.append(("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}"))
                status, body = 206, body[start:]
        if step.get("endless"):
            self.send_without_end(status, headers, body)
            return
        cut = next((key for key in ("reset_after_bytes", "truncate", "stall") if key in step), None)
        partly = step.get("read") is not None
        if cut is None:
            self.answer(status, body, headers, close=partly, head_only=self.command == "HEAD")
            if partly:
                self.linger()
            if step.get("drop"):
                self.close_connection = True
            return
        if "Content-Length" not in step.get("headers", {}):
            headers.append(("Content-Length", str(len(body))))
        self.answer(status, body[:step[cut]], headers)
        self.wfile.flush()
        if cut == "reset_after_bytes":
            self.wait_until_taken()
            self.reset()
        elif cut == "stall":
            self.gone_within(600)
        self.close_connection = True

    def send_without_end(self, status, headers, body):
        self.answer(status, b"", [*headers, ("Transfer-Encoding", "chunked")], close=True)
        piece = body * (PIECE // len(body) + 1)
        try:
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        except OSError:
            pass

    def linger(self):
        """A close with something unread would be a reset, which can overtake the answer."""
        self.wfile.flush()
        try:
            self.connection.shutdown(socket.SHUT_WR)
            while self.connection.recv(PIECE):
                pass
        except OSError:
            pass

    def gone_within(self, seconds):
        """Waits; True as soon as the client has hung up."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if not readable:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def wait_until_taken(self):
        """A reset throws away what the client has not been sent: waits until it acknowledged everything (Linux)."""
        import fcntl
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            left = struct.unpack("i", fcntl.ioctl(self.connection, 0x5411, b"\0\0\0\0"))[0]  # SIOCOUTQ
            if left == 0:
                break
            time.sleep(0.002)
        time.sleep(0.05)  # and until its process has read it from its own buffer

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = do_OPTIONS = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        pass  # broken connections are its trade


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    server = Server(("127.0.0.1", parser.parse_args().port), Handler)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
