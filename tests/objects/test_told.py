"""What cp, sync and rm tell while they work: a line on a terminal, nothing in a pipe, events for machines; and what Ctrl-C leaves. The server sends
a little at a time until the test has seen what it waits for."""
import base64
import json
import os
import re
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import google_crc32c

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from cli_case import main  # noqa: E402
from terminal_case import TerminalTest  # noqa: E402

CONTENT = base64.b64encode(os.urandom(3 << 18))
CRC = google_crc32c.Checksum(CONTENT)
HASH = base64.b64encode(CRC.digest()).decode()
LINE = r"(\d+ objects  )?\d+\.\d [KM]iB of \d+\.\d MiB  \d+%  \d+(\.\d)? [KM]?i?B/s(  \d+:\d\d left)?"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def resource(self, name):
        return {"name": name, "size": str(len(CONTENT)), "generation": "7", "timeCreated": "2026-01-02T03:04:05Z", "crc32c": HASH, "etag": "e",
                "storageClass": "STANDARD", "contentType": "a/b"}

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        query = urllib.parse.parse_qs(query)
        name = urllib.parse.unquote(path.partition("/o/")[2])
        if path.endswith("/o"):
            found = {"items": [self.resource(n) for n in self.server.names if n.startswith(query.get("prefix", [""])[0])]}
            if "delimiter" in query:
                found["prefixes"] = ["folder/"]
            self.answer(200, json.dumps(found).encode())
        elif "alt" not in query:
            self.answer(200, json.dumps(self.resource(name)).encode())
        else:
            self.send_response(206)
            for header in (("Content-Range", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"), ("Content-Length", str(len(CONTENT))),
                           ("x-goog-generation", "7"), ("x-goog-hash", "crc32c=" + HASH)):
                self.send_header(*header)
            self.end_headers()
            for at in range(0, len(CONTENT), 1 << 14):
                if name.endswith("slow"):
                    self.server.seen.wait(0.5 if self.server.holds and at > 1 << 19 else 0.02 if at else 0)
                try:
                    self.wfile.write(CONTENT[at:at + (1 << 14)])
                except OSError:
                    return

    def do_DELETE(self):
        self.server.seen.wait(0.3)
        self.answer(200, b"{}")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if "/batch/" in self.path:
            self.answer(404, b"{}")
        else:
            self.answer(200, json.dumps(self.resource("up")).encode())


class Told(TerminalTest):
    def setUp(self):
        super().setUp()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.seen, self.server.holds, self.server.names = threading.Event(), False, ["a-slow", "b", "c-slow"]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.server.seen.set)
        self.env["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{self.server.server_address[1]}"

    def line(self, *words, wanted, columns=120, status=0, **options):
        """Everything that the terminal got; the server hurries once the line was there."""
        self.server.holds = True
        process, leader = self.start(*words, columns=columns, **options)
        self.close_follower()
        text = self.read_until(leader, lambda so_far: re.search(wanted, so_far))
        self.assertRegex(text, wanted)
        self.server.seen.set()
        text += self.read_until(leader, lambda _: False)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        self.assertEqual(process.wait(60), status, text)
        return text

    def lines(self, text):
        return [part for part in text.split("\r\x1b[K") if part]

    # ---- on a terminal ----

    def test_a_line_of_progress(self):
        text = self.line("cp", "gs://b/a-slow", "out", wanted="\r\x1b\\[K" + LINE)
        for part in self.lines(text)[:-1]:
            self.assertRegex(part, f"^{LINE}$")
        self.assertTrue(text.endswith("\r\x1b[K"), repr(text[-80:]))  # nothing of it stays
        with open(self.path("out"), "rb") as file:
            self.assertEqual(file.read(), CONTENT)

    def test_a_tree(self):
        text = self.line("cp", "-r", "gs://b/", "out", "--concurrency", "2", wanted="1 objects  " + LINE[len(r"(\d+ objects  )?"):])
        self.assertTrue(text.endswith("3 copied (3.0 MiB)\r\n"), repr(text[-120:]))
        self.server.seen.clear()
        os.remove(self.path("out/c-slow"))
        text = self.line("sync", "gs://b/", "out", wanted="2 unchanged  " + LINE[len(r"(\d+ objects  )?"):])
        self.assertIn("1 copied (1.0 MiB), 2 unchanged", text)

    def test_lines_of_objects_stand_alone(self):
        text = self.line("cp", "-rv", "gs://b/", "out", "--concurrency", "1", wanted=LINE)
        for name in ("a-slow", "b", "c-slow"):
            self.assertRegex(text, f"(\r\x1b\\[K|\n|^)copied gs://b/{name} -> out/{name}\r\n")

    def test_removing(self):
        self.server.names = [f"{i}" for i in range(6)]
        text = self.line("rm", "-r", "gs://b/", wanted=r"6 removed")
        self.assertTrue(text.endswith("6 removed\r\n"), repr(text))

    def test_it_fits_the_terminal(self):
        text = self.line("cp", "gs://b/a-slow", "out", columns=20, wanted="\r\x1b\\[K\\d")
        for part in self.lines(text):
            self.assertLessEqual(len(part), 19, repr(part))

    def test_none_where_lines_cannot_be_taken_back(self):
        process, leader = self.start("cp", "gs://b/b", "out", env={"TERM": "dumb"})
        self.close_follower()
        self.assertEqual(self.read_until(leader, lambda _: False), "")
        self.assertEqual(process.wait(60), 0)

    def test_none_in_a_pipe(self):
        self.server.names = ["a-slow"]
        done = self.run_dowel("cp", "gs://b/a-slow", "out")
        self.assertEqual((done.returncode, done.out, done.err), (0, "", ""))
        done = self.run_dowel("cp", "-r", "gs://b/", "tree")
        self.assertEqual((done.returncode, done.out, done.err), (0, "1 copied (1.0 MiB)\n", ""))
        done = self.run_dowel("cat", "gs://b/a-slow")
        self.assertEqual((done.stdout, done.err), (CONTENT, ""))

    def test_none_among_events(self):
        process, leader = self.start("cp", "gs://b/a-slow", "out", "--json")
        self.close_follower()
        text = self.read_until(leader, lambda _: False)
        self.assertNotIn("\x1b", text)
        self.assertEqual([json.loads(line)["event"] for line in text.split("\r\n") if line], ["copy", "done"])
        self.assertEqual(process.wait(60), 0)

    # ---- Ctrl-C ----

    def interrupted(self, *words, wanted=LINE):
        self.server.holds = True
        process, leader = self.start(*words, columns=120)
        self.close_follower()
        text = self.read_until(leader, lambda so_far: re.search(wanted, so_far))
        self.assertRegex(text, wanted)
        os.write(leader, b"\x03")
        text += self.read_until(leader, lambda _: False)
        self.assertEqual(process.wait(60), 130, text)
        return text[text.rindex("\x1b[K") + 3:].replace("\r\n", "\n")

    def test_interrupted(self):
        self.server.names = ["a", "b", "c-slow"]
        said = self.interrupted("cp", "-r", "gs://b/", "out", "--concurrency", "1", "-v", wanted=r"copied gs://b/b -> out/b(.|\n|\r)*" + LINE)
        self.assertRegex(said, r"^dowel: .*cancel.*\nhint: 2 copied, 0 removed; no object was left incomplete; `dowel sync` of the same places copies the rest\n$")
        self.assertEqual(self.contents("out"), {"a": CONTENT, "b": CONTENT})
        self.server.seen.set()
        self.assertIn("1 copied", self.dowel("sync", "gs://b/", "out"))
        self.server.seen.clear()
        said = self.interrupted("cp", "gs://b/a-slow", "one/x")
        self.assertRegex(said, r"^dowel: .*cancel.*\nhint: 0 copied, 0 removed; no object was left incomplete\n$")
        self.assertEqual(self.contents("one"), {})

    def contents(self, folder):
        found = {}
        for name in os.listdir(self.path(folder)):
            with open(self.path(folder, name), "rb") as file:
                found[name] = file.read()
        return found

    # ---- events ----

    def events(self, *words, status=0):
        done = self.run_dowel(*words, "--json")
        self.assertEqual(done.returncode, status, done.err)
        lines = [json.loads(line) for line in done.out.splitlines()]
        return lines, done.err

    def test_events(self):
        """Every member that is documented, and no other."""
        self.server.seen.set()
        self.server.names = ["a", "b"]
        size = len(CONTENT)
        events, _ = self.events("cp", "gs://b/a", "out/")
        self.assertEqual(events, [{"event": "copy", "name": "gs://b/a", "to": "out/a", "size": size},
                                  {"event": "done", "copied": 1, "bytes": size, "unchanged": 0, "skipped": 0, "removed": 0}])
        os.symlink("a", self.path("out/link"))
        os.makedirs(self.path("in"))
        os.symlink("nowhere", self.path("in/link"))
        with open(self.path("in/x"), "w"):
            pass
        events, _ = self.events("sync", "in", "out", "--delete", "--dry-run")
        key = lambda event: json.dumps(event, sort_keys=True)  # noqa: E731
        self.assertEqual(sorted(events, key=key), sorted([
            {"event": "skip", "name": "in/link", "why": "a symbolic link", "dry_run": True},
            {"event": "copy", "name": "in/x", "to": "out/x", "size": 0, "dry_run": True}, {"event": "remove", "name": "out/a", "dry_run": True},
            {"event": "done", "copied": 1, "bytes": 0, "unchanged": 0, "skipped": 1, "removed": 1}], key=key))
        os.makedirs(self.path("in/x.d"))
        events, said = self.events("cp", "-r", "gs://b/", "in/x", status=7)
        self.assertEqual([e["event"] for e in events], ["fail"] * (len(events) - 1) + ["summary"])
        self.assertEqual(events[-1], {"event": "summary", "copied": 0, "bytes": 0, "unchanged": 0, "skipped": 0, "removed": 0, "failed": len(events) - 1})
        self.assertEqual(set(events[0]), {"event", "name", "error"})
        self.assertEqual(events[0]["error"]["code"], "exists")
        self.assertEqual(json.loads(said)["error"]["code"], "exists")
        events, _ = self.events("ls", "gs://b/")
        listed = {"event": "object", "size": size, "modified": "2026-01-02T03:04:05Z", "etag": "e", "version": "7", "storage_class": "STANDARD"}
        self.assertEqual(events, [{**listed, "name": "a"}, {**listed, "name": "b"}, {"event": "prefix", "name": "folder/"}])
        events, _ = self.events("rm", "gs://b/a")
        self.assertEqual(events, [{"event": "remove", "name": "gs://b/a"}, {"event": "done", "removed": 1, "skipped": 0}])


if __name__ == "__main__":
    main()
