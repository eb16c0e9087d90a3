"""A BigQuery of canned answers, for what the stand-in does not give: a program in which every answer and every request is seen."""
import http.server
import json
import re
import threading
import urllib.parse


class Canned:
    """`job` goes into every answer about a job; `pages` are the answers to getQueryResults, in turn, the last for ever."""

    def __init__(self):
        self.changed = threading.Condition()
        self.reset()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"canned": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}"

    def reset(self, *pages, job=None, location="US", insist=None, answer=None):
        self.pages, self.job, self.location, self.insist, self.answer = list(pages), job or {}, location, insist, answer
        self.requests, self.submitted = [], []

    def wait(self, condition):
        """Until something is so: the server looks after every request."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout=60)

    def seen(self, path):
        """Queries of the requests to that path, as dicts."""
        return [query for method, where, query in self.requests if path in where]

    def resource(self, job_id):
        return {"jobReference": {"projectId": "demo", "jobId": job_id, "location": self.location},
                "status": {"state": "DONE", **self.job.get("status", {})}, "statistics": self.job.get("statistics", {"query": {}}),
                "configuration": self.job.get("configuration", {})}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def give(self, status, document):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def document(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Type", "").startswith("multipart/related"):
            body = body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--", 1)[0]
        return json.loads(body) if body else None

    def any(self):
        canned, document = self.canned, self.document()
        path, _, query = self.path.partition("?")
        query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        with canned.changed:
            canned.requests.append((self.command, path, query))
            canned.changed.notify_all()
        if canned.answer and (got := canned.answer(self.command, path, query, document)):
            return self.give(*got)
        if self.command == "POST" and path.endswith("/jobs"):
            canned.submitted.append(document)
            return self.give(200, canned.resource(document["jobReference"]["jobId"]))
        # Without its location a job is found in the US and the EU only.
        if canned.insist and query.get("location") != canned.insist:
            return self.give(404, {"error": {"code": 404, "message": "Not found: Job", "errors": [{"reason": "notFound"}]}})
        if found := re.search(r"/jobs/([^/]+)(/cancel)?$", path):
            return self.give(200, canned.resource(found[1]))
        if "/queries/" in path and canned.pages:
            return self.give(200, canned.pages.pop(0) if len(canned.pages) > 1 else canned.pages[0])
        return self.give(404, {"error": {"code": 404, "message": f"no {path}", "errors": [{"reason": "notFound"}]}})

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = any

    def log_message(self, *_):
        pass


def cells(*values):
    """A row of the wire."""
    return {"f": [{"v": v} for v in values]}


def page(fields, *rows, **more):
    """An answer with all rows of a result."""
    return {"jobComplete": True, "totalRows": str(len(rows)), "schema": {"fields": fields}, "rows": [cells(*row) for row in rows], **more}
