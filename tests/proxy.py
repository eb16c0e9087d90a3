"""A server between the command and a stand-in server that misbehaves as a test tells it, and remembers what went by.

    proxy = Proxy("http://127.0.0.1:4443")
    proxy.rule = lambda request: {"cut_upload": 300000} if request.method == "PUT" and request.number == 1 else None

A rule gets each request (method, path with query, headers with lower-case names, number: how many of that method and path
without query went by, from 1) and returns None, which passes it on, or a dictionary:

    headers       {"Name": "value"} added to the request
    answer        (status, headers, body): the request is read, not passed on, and answered so
    lose          true: passed on, but its answer is not: the connection is closed
    hold          passed on, but its answer waits for so many seconds, or until the client hangs up
    cut_upload    the server gets so many bytes of the body and then a hang-up; so does the client
    cut_download  the client gets so many bytes of the answer's body and then a hang-up
    replace       (old, new): in the request's body, as it goes by
    corrupt       true: one byte of the answer's body is changed
    says          {"Name": "value"} added to the answer
    hides         text, or several in a tuple: headers of the answer whose names begin so are left out
    edit          a function of (status, headers, body) that gives what is answered in their place
"""
import fcntl
import http.client
import select
import socket
import struct
import termios
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 1 << 18
CLIENT_GONE = (7, 8)  # TCP_CLOSE and TCP_CLOSE_WAIT, as the kernel counts the states of a connection
SETTLED_IN = 10


def is_behind(connection):
    """Whether something is to be read from it: bytes, or its end. A client's end may be waiting behind bytes that it sent."""
    try:
        unread = struct.unpack("i", fcntl.ioctl(connection, termios.FIONREAD, bytes(4)))[0]
        return unread > 0 or connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in CLIENT_GONE
    except (OSError, ValueError):
        return False  # closed meanwhile


class Request:
    """What went by."""

    def __init__(self, method, path, headers, number):
        self.method, self.path, self.headers, self.number = method, path, headers, number
        self.size = 0  # of the body that was passed on or read
        self.body = b""  # its first 64 KiB
        self.status = None  # of the answer of the server

    def query(self, name):
        return urllib.parse.parse_qs(self.path.partition("?")[2]).get(name, [None])[0]

    def __repr__(self):
        return f"{self.method} {self.path} {self.size} bytes: {self.status}"


class HangUp(Exception):
    pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def pieces(self, request):
        left = int(self.headers.get("Content-Length") or 0)
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        while chunked or left > 0:
            if chunked:
                size = int(self.rfile.readline().split(b";")[0] or b"0", 16)
                piece = self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return
            else:
                piece = self.rfile.read(min(left, PIECE))
                left -= len(piece)
            if not piece:
                raise HangUp
            request.size += len(piece)
            if len(request.body) < 65536:
                request.body += piece[:65536 - len(request.body)]
            yield piece

    def send(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            # The answer to HEAD tells the length of a body that it does not have.
            if name.lower() not in ("transfer-encoding", "connection", "keep-alive") and (self.command == "HEAD" or name.lower() != "content-length"):
                self.send_header(name, value)
        if status not in (204, 304) and self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def forward(self, request, step):
        proxy = self.server.proxy
        connection = http.client.HTTPConnection(proxy.upstream_place, timeout=120)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in [*self.headers.items(), *step.get("headers", {}).items()]:
                if name.lower() not in ("connection", "transfer-encoding"):
                    connection.putheader(name, value)
            chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            limit, passed = step.get("cut_upload"), 0
            answered = False  # before all of the body was sent: the rest of it is for nobody
            for piece in self.pieces(request):
                if answered:
                    continue
                if limit is not None and passed + len(piece) > limit:
                    connection.send(piece[:limit - passed])
                    raise HangUp
                if "replace" in step:
                    piece = piece.replace(*step["replace"])
                try:
                    connection.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
                except (BrokenPipeError, ConnectionResetError):
                    answered = True
                passed += len(piece)
            if chunked and not answered:
                connection.send(b"0\r\n\r\n")
            answer = connection.getresponse()
            request.status = answer.status
            self.pass_back(request, step, answer)
        finally:
            connection.close()

    def pass_back(self, request, step, answer):
        proxy = self.server.proxy
        headers = [(name, value.replace(proxy.upstream, proxy.url)) for name, value in answer.getheaders()]
        if "hides" in step:
            headers = [(name, value) for name, value in headers if not name.lower().startswith(step["hides"])]
        headers += step.get("says", {}).items()
        if step.get("lose"):
            answer.read()
            raise HangUp
        if step.get("hold"):
            answer.read()
            select.select([self.connection], [], [], step["hold"])
            raise HangUp
        if "edit" in step:
            self.send(*step["edit"](answer.status, headers, answer.read()))
            return
        length = answer.getheader("Content-Length")
        if length is None or self.command == "HEAD":
            self.send(answer.status, headers, answer.read())
            return
        self.send_response_only(answer.status)
        for name, value in headers:
            if name.lower() not in ("connection", "keep-alive"):
                self.send_header(name, value)
        self.end_headers()
        limit, passed = step.get("cut_download"), 0
        while piece := answer.read(PIECE):
            if step.get("corrupt") and not passed:
                piece = bytes([piece[0] ^ 1]) + piece[1:]
            if limit is not None and passed + len(piece) > limit:
                self.wfile.write(piece[:limit - passed])
                raise HangUp
            self.wfile.write(piece)
            passed += len(piece)
        if passed < int(length):
            raise HangUp

    def serve(self):
        proxy = self.server.proxy
        request = proxy.take(self)
        try:
            step = (proxy.rule and proxy.rule(request)) or {}
            if "answer" in step:
                for _ in self.pieces(request):
                    pass
                request.status = step["answer"][0]
                self.send(*step["answer"])
            else:
                self.forward(request, step)
        except (HangUp, OSError, http.client.HTTPException):
            self.close_connection = True
        finally:
            with proxy.lock:
                proxy.taken.discard(self.connection)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_PATCH = serve


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def get_request(self):
        connection, address = super().get_request()
        with self.proxy.lock:
            self.proxy.open[connection] = address
        return connection, address

    def process_request_thread(self, connection, address):
        try:
            super().process_request_thread(connection, address)
        finally:
            with self.proxy.lock:
                del self.proxy.open[connection]

    def handle_error(self, *_):
        pass  # broken connections are its trade


class Proxy:
    def __init__(self, upstream):
        self.upstream = upstream
        self.upstream_place = urllib.parse.urlsplit(upstream).netloc
        self.rule = None
        self.requests = []
        self.counts = {}
        self.lock = threading.Lock()
        self.open = {}  # connections that a thread serves: whose they are
        self.taken = set()  # those of them whose request is known
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.proxy = self
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, handler):
        with self.lock:
            key = (handler.command, handler.path.partition("?")[0])
            self.counts[key] = self.counts.get(key, 0) + 1
            request = Request(handler.command, handler.path, {k.lower(): v for k, v in handler.headers.items()},
                              self.counts[key])
            self.requests.append(request)
            self.taken.add(handler.connection)
            return request

    def settle(self):
        """Waits for what clients left behind that have ended: their last request, not yet read, is none of what comes next."""
        until = time.monotonic() + SETTLED_IN
        with socket.create_connection(self.server.server_address) as last:
            # Connections are accepted in order: when this one is, the earlier ones are.
            accepted = False
            while time.monotonic() < until:
                with self.lock:
                    accepted = accepted or last.getsockname() in self.open.values()
                    if accepted and not any(is_behind(c) for c in self.open.keys() - self.taken):
                        return
                time.sleep(0.001)

    def reset(self, rule=None):
        self.settle()
        with self.lock:
            self.rule, self.requests, self.counts = rule, [], {}

    def seen(self, method, part=""):
        """Requests of a method whose path holds a text, in order."""
        with self.lock:
            return [r for r in self.requests if r.method == method and part in r.path]
