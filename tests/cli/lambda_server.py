"""An HTTP server inside the test that answers every Lambda invocation with what the test wants: results of any shape, or silence."""
import http.server
import json
import os
import tempfile
import threading


class LambdaServer:
    def __init__(self, answer=b"null", status=200, headers=(), silent=False):
        self.answer, self.status, self.headers = answer, status, dict(headers)
        self.folder = tempfile.TemporaryDirectory(prefix="dowel-lambda-")
        self.asked, self.release = threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.asked.set()
                if silent:
                    outer.release.wait(60)
                    return
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()
        self.folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def function(server):
    """The argument of `--function`: a block that is not saved, in a file because it has a secret."""
    path = os.path.join(server.folder.name, "function.json")
    with open(path, "w") as file:
        json.dump({"function_name": "f", "region": "us-east-1", "endpoint": server.url,
                   "credentials": {"access_key_id": "A", "secret_access_key": "S"}}, file)
    return "@" + path
