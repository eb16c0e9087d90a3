"""Proxies of the environment: which requests go through them, and what is said when they refuse."""
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import main, run  # noqa: E402

CLEAN = {name: "" for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen, status = [], 407

    def log_message(self, *_):
        pass

    def serve(self):
        type(self).seen.append((self.command, self.path))
        self.send_response(type(self).status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_CONNECT = do_PUT = serve


class Origin(Handler):
    seen, status = [], 404


def start(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


PROXY, PORT = start(Handler), start(Origin)
NAMED = f"http://someone:hunter2@127.0.0.1:{PROXY}"


def ask(endpoint, **env):
    """What the command says; it always fails."""
    Handler.seen, Origin.seen = [], []
    done = run("call", "s3.list", "--bucket", f'{{"bucket":"b","endpoint":"{endpoint}","credentials":{{"anonymous":true}}}}',
               env={**CLEAN, "AWS_MAX_ATTEMPTS": "1", **env})
    assert done.returncode, done
    said = done.stderr.decode()
    assert "hunter2" not in said, said
    return said


def test_a_proxy_that_wants_a_password():
    Handler.status = 407
    for variable in ("http_proxy", "all_proxy", "ALL_PROXY"):
        said = ask(f"http://127.0.0.1:{PORT}", **{variable: NAMED})
        assert "407" in said and f"{variable}=http://USER:PASSWORD@" in said, said
        assert len(Handler.seen) == 1 and not Origin.seen, Handler.seen
    for variable in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        said = ask("https://127.0.0.1:1", **{variable: NAMED})
        assert "407" in said and f"{variable}=http://USER:PASSWORD@" in said, said
        assert [method for method, _ in Handler.seen] == ["CONNECT"], Handler.seen


def test_a_proxy_that_refuses_or_is_not_there():
    Handler.status = 403
    said = ask("https://127.0.0.1:1", HTTPS_PROXY=NAMED)
    assert "403" in said and "HTTPS_PROXY" in said and "NO_PROXY" in said and len(Handler.seen) == 1, said
    said = ask("https://127.0.0.1:1", HTTPS_PROXY="http://someone:hunter2@127.0.0.1:1")
    assert "the proxy that HTTPS_PROXY names" in said, said
    said = ask("https://127.0.0.1:1", https_proxy="http://someone:hunter2@proxy.invalid:1")
    assert "correct https_proxy" in said, said
    said = ask("http://127.0.0.1:1")
    assert "proxy that" not in said and "any proxy" in said, said


def test_a_proxy_that_cannot_be_used():
    """libcurl's own message quotes it, with the password (ask() looks for that)."""
    for value in ("http://someone:hunter2 x@127.0.0.1:1", "http://someone:hunter2/@127.0.0.1:1", "ftp://someone:hunter2@127.0.0.1:1",
                  "http://someone:hunter2@127.0.0.1:99999", "http://someone:hunter2@", "http://someone:hunter2@127.0.0.1:port", "gopher://hunter2"):
        for variable, endpoint in (("http_proxy", f"http://127.0.0.1:{PORT}"), ("HTTPS_PROXY", "https://127.0.0.1:1"), ("all_proxy", "https://127.0.0.1:1")):
            said = ask(endpoint, **{variable: value})
            assert f"{variable} is not the address of a usable proxy" in said and f"{variable}=http://HOST:PORT" in said and not Origin.seen, said


def test_variables_with_line_breaks():
    """As mounted files and CRLF files leave them."""
    Handler.status = 404
    for end in ("\n", "\r\n", "\r", " "):
        said = ask(f"http://127.0.0.1:{PORT}", http_proxy=NAMED + end)
        assert len(Handler.seen) == 1 and not Origin.seen, said
        said = ask(f"http://127.0.0.1:{PORT}", http_proxy=NAMED, NO_PROXY=f"x.invalid{end},127.0.0.1:{PORT}{end}")
        assert Origin.seen and not Handler.seen, said
        said = ask(f"http://127.0.0.1:{PORT}", http_proxy=end, all_proxy=NAMED)
        assert len(Handler.seen) == 1 and not Origin.seen, said
        said = ask("https://127.0.0.1:1", SSL_CERT_FILE=__file__ + end, SSL_CERT_DIR="/nowhere" + end)
        assert "cannot be read: /" not in said, said
        said = ask("https://127.0.0.1:1", SSL_CERT_FILE="/nowhere" + end)
        assert "cannot be read: /nowhere: No such file" in said and "correct SSL_CERT_FILE" in said, said


def test_hosts_that_are_reached_without_it():
    Handler.status = 404
    rows = [("127.0.0.1", True), (f"127.0.0.1:{PORT}", True), ("127.0.0.1:1", False), (f"x,127.0.0.1:{PORT}", True),
            (f" x:1 , 127.0.0.1:{PORT} ,, ", True), (f"x:{PORT} 127.0.0.1", True), ("127.0.0.0/8", True), ("10.0.0.0/8", False),
            (f"localhost:{PORT}", False), (f"[::1]:{PORT},::1", False), ("*", True), ("", False), (f":{PORT}", False), (f"127.0.0.1:{PORT}0", False),
            (f"127.0.0.1:{str(PORT)[:-1]}", False), ("127.0.0.1:", False)]
    for value, direct in rows:
        for variable in ("no_proxy", "NO_PROXY"):
            ask(f"http://127.0.0.1:{PORT}", http_proxy=NAMED, **{variable: value})
            assert bool(Origin.seen) == direct and bool(Handler.seen) != direct, (variable, value, Origin.seen, Handler.seen)
    # Names: those without the proxy cannot be found, and the proxy is not asked.
    rows = [("corp.invalid", "api.corp.invalid", True), (".corp.invalid", "api.corp.invalid", True), ("*.corp.invalid", "api.corp.invalid", True),
            ("corp.invalid:80", "api.corp.invalid", True), ("corp.invalid:443", "api.corp.invalid", False), ("corp.invalid:8080", "api.corp.invalid:8080", True),
            (".corp.invalid:8080", "api.corp.invalid:80", False), ("corp.invalid", "othercorp.invalid", False)]
    for value, host, direct in rows:
        ask(f"http://{host}", http_proxy=NAMED, NO_PROXY=value)
        assert bool(Handler.seen) != direct, (value, host, Handler.seen)
    # The lower-case one wins, as in libcurl.
    ask(f"http://127.0.0.1:{PORT}", http_proxy=NAMED, no_proxy="x", NO_PROXY="127.0.0.1")
    assert Handler.seen


if __name__ == "__main__":
    main(globals())
