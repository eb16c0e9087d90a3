"""dowel runs: what ran, how it went, what it gave."""
import contextlib
import html.parser
import json
import sqlite3

from cli_case import CommandTest, main
from lambda_server import LambdaServer, function


class Page(html.parser.HTMLParser):
    """What is in a page of runs: which run stands within which, every tag, the texts."""

    def __init__(self, text):
        super().__init__()
        self.inside, self.tags, self.texts, self.open, self.runs, self.unfolded = {}, set(), [], [], [], set()
        self.feed(text)
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag == "details":
            self.unfolded |= {dict(attrs)["id"]} if "open" in dict(attrs) else set()
            self.inside[dict(attrs)["id"]] = self.runs[-1] if self.runs else None
            self.runs.append(dict(attrs)["id"])
        if tag not in ("meta", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
        if tag == "details":
            self.runs.pop()

    def handle_data(self, data):
        self.texts.append(data)


class Runs(CommandTest):
    def change(self, statement, *values):
        with contextlib.closing(sqlite3.connect(self.database)) as database, database:
            database.execute(statement, values)

    def call(self, answer=b'{"x": 1}', *flags, status=200, headers=()):
        with LambdaServer(answer, status, headers) as server:
            return self.run_dowel("call", "lambda.invoke", "--function", function(server), *flags)

    def test_list_show_and_filters(self):
        self.assertEqual(self.dowel("runs"), "no runs yet\n")
        self.assertEqual(self.json("runs"), [])
        self.assertEqual(self.call(b"1", "--run-name", "first").returncode, 0)
        self.assertEqual(self.call(b'{"errorMessage": "boom", "errorType": "E"}', headers={"X-Amz-Function-Error": "Unhandled"}).returncode, 6)
        runs = self.json("runs")
        self.assertEqual([run["state"] for run in runs], ["failed", "completed"], "newest first")
        self.assertEqual(self.json("runs", "list"), runs)
        failed, done = runs
        self.assertEqual((done["task"], done["name"], done["attempts"]), ("lambda.invoke", "first", 1))
        self.assertIn("boom", failed["error"]["message"])
        text = self.dowel("runs")
        for part in ("lambda.invoke", "failed", "completed", "boom", failed["id"], done["id"]):
            self.assertIn(part, text)
        self.assertEqual(self.json("runs", "--state", "completed"), [done])
        self.assertEqual(self.json("runs", "--state=failed"), [failed])
        self.assertEqual(self.json("runs", "--limit", "1"), [failed])
        self.assertEqual(self.json("runs", "--task", "lambda.invoke"), runs)
        self.assertEqual(self.json("runs", "--task", "gcs.list"), [])
        self.assertEqual(self.json("runs", "--parent", done["id"]), [])
        self.assertEqual(self.json("runs", "--parent", done["id"][-17:]), [], "any unique part is enough")
        self.fails(3, "runs", "--parent", "0000-0000-0000", says="no run")
        self.assertEqual(self.dowel("runs", "--state", "crashed"), "no such runs\n")

        shown = self.json("runs", "show", failed["id"])
        self.assertEqual((shown["id"], shown["state"]), (failed["id"], "failed"))
        self.assertEqual(shown["args"]["function"]["function_name"], "f")
        self.assertEqual(self.json("runs", "show", failed["id"][-17:]), shown, "any unique part is enough")
        text = self.dowel("runs", "show", failed["id"])
        for part in ("state:", "failed", "boom", "function_name", "********"):
            self.assertIn(part, text)

    def test_what_a_run_was_about(self):
        """The subject when it starts, the amount when it has completed; neither holds a secret."""
        self.write("a.csv", "x" * 1536)
        self.dowel("cp", "a.csv", "b.csv")
        self.dowel("cp", "a.csv", "c.csv", "--dry-run")
        self.dowel("ls", ".")
        self.dowel("block", "save", "s3-bucket/reports", "--bucket", "b", "--endpoint", "http://127.0.0.1:1")
        self.fails(4, "call", "s3.delete", "--bucket", "reports", "--keys", "x/1.json", "--keys", "x/2.json", "--keys", "x/3.json")
        self.fails(4, "call", "s3.put", "--bucket", "reports", "--key", "x \u202e\n  y", "--data", "1", "--customer-key", "env:SECRET",
                   env={"SECRET": "planted" + "0" * 36 + "="})
        self.call()
        invoke, put, delete, ls, dry, copy = self.json("runs")
        self.assertEqual((copy["subject"], copy["amount"]), ("a.csv b.csv", {"objects": 1, "bytes": 1536}))
        self.assertEqual(dry["subject"], "a.csv c.csv")
        self.assertNotIn("amount", dry, "a dry run copies nothing")
        self.assertEqual(ls["amount"], {"objects": 2})
        self.assertEqual(delete["subject"], "s3-bucket/reports:x/1.json and 2 more")
        self.assertNotIn("amount", delete, "it failed")
        self.assertEqual(put["subject"], "s3-bucket/reports:x \u202e y", "on one line")
        self.assertEqual(invoke["subject"], "f", "the function of a block that is not saved")
        text = self.dowel("runs")
        for line, parts in zip(text.splitlines(), (["amount", "subject", "error"], [" f"], ["reports:x \\u202e y"], ["and 2 more"], ["2 objects"],
                                                   ["c.csv"], ["1 object, 1.5 KiB", "b.csv"])):
            for part in parts:
                self.assertIn(part, line)
        self.assertEqual(self.json("runs", "show", copy["id"])["subject"], copy["subject"])
        self.assertRegex(self.dowel("runs", "show", copy["id"]), r"(?m)^amount: +1 object, 1\.5 KiB$")
        self.assertIn("reports:x/1.json and 2 more", self.dowel("runs", "page", "-"))
        self.assertIn("1 object, 1.5 KiB", self.dowel("runs", "page", "-"))

    def test_a_long_subject(self):
        self.write("long.sql", "SELECT '" + "\u00e4" * 500 + "'")
        self.run_dowel("query", "@long.sql", env={"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1", "GOOGLE_CLOUD_PROJECT": "p"}, stdin=b"")
        (run,) = self.json("runs")
        self.assertRegex(run["subject"], "^SELECT '\u00e4+\u2026$")
        self.assertLessEqual(len(run["subject"].encode()), 200)

    def test_the_last_run(self):
        self.fails(3, "runs", "show", "last", says="no runs yet")
        self.dowel("block", "save", "local-file-system/results", "--basepath", self.path("results"))
        self.call(b"1")
        self.call(b'"kept"', "--persist-result", "--result-storage", "local-file-system/results")
        newest, oldest = self.json("runs")
        self.assertEqual(self.json("runs", "show", "last"), self.json("runs", "show", newest["id"]))
        self.assertEqual(self.json("runs", "result", "last")["payload"], "kept")
        self.fails(7, "runs", "resume", "last", says=newest["id"])
        self.assertEqual(self.json("runs", "--parent", "last"), [])
        self.change("UPDATE runs SET parent = ? WHERE id = ?", oldest["id"], newest["id"])
        self.assertEqual(self.json("runs", "show", "last")["id"], oldest["id"], "not a step of it")
        self.change("UPDATE runs SET state = 'failed' WHERE id = ?", oldest["id"])
        with LambdaServer(b"2") as server:
            self.change("UPDATE runs SET args = ? WHERE id = ?", '{"function": %s}' % function(server), oldest["id"])
            self.change("UPDATE runs SET whole = 0 WHERE id = ?", oldest["id"])
        self.fails(2, "runs", "resume", "last", says=oldest["id"])

    def test_failed_and_how_many_are_not_shown(self):
        self.fails(4, "call", "s3.list", "--bucket", '{"bucket": "b"}')
        for _ in range(2):
            self.call()
        (failed,) = self.json("runs", "--failed")
        self.assertEqual(failed["state"], "failed")
        self.assertEqual(self.json("runs", "--failed", "--state", "failed"), [failed])
        self.fails(2, "runs", "--failed", "--state", "completed", says="--failed is --state failed")
        done = self.run_dowel("runs", "--limit", "2")
        self.assertEqual((done.returncode, len(done.out.splitlines()), done.err), (0, 3, "2 shown of 3; --limit N\n"))
        self.assertEqual(self.run_dowel("runs", "--limit", "3").err, "")
        self.assertEqual(self.run_dowel("runs", "--limit", "1", "--failed").err, "")
        self.assertEqual(self.run_dowel("runs", "--limit", "2", "--json").err, "", "a program that gave the limit knows")
        self.change("UPDATE runs SET state = 'running', ended = NULL")
        self.assertEqual(self.run_dowel("runs", "--limit", "1", "--state", "crashed").err, "1 shown of 3; --limit N\n")
        done = self.run_dowel("runs", "page", "-", "--limit", "2")
        self.assertIn("<p>2 shown of 3, newest first", done.out)
        self.assertEqual(done.err, "2 shown of 3; --limit N\n")
        for run in range(60):
            self.change("INSERT INTO runs (id, kind, task, name, state, attempts, created, process) SELECT id || ?, kind, task, name, state, attempts, "
                        "created, process FROM runs WHERE id = ?", str(run), failed["id"])
        done = self.run_dowel("runs", "--output", "csv")
        self.assertEqual((len(done.out.splitlines()), done.err), (51, "50 shown of 63; --limit N\n"))

    def test_watching_is_for_a_terminal(self):
        self.fails(2, "runs", "--watch", says="--watch draws on a terminal")
        self.fails(2, "runs", "page", "-", "--watch", says="--watch")

    def test_a_result_that_is_taken_again_says_so(self):
        self.dowel("block", "save", "local-file-system/results", "--basepath", self.path("results"))
        keep = ("--run-key", "nightly", "--persist-result", "--result-storage", "local-file-system/results")
        with LambdaServer(b'"first"') as server:
            def ask(*flags):
                done = self.run_dowel("call", "lambda.invoke", "--function", function(server), "--json", *flags)
                self.assertEqual(done.returncode, 0, done.err)
                return json.loads(done.out)["payload"], done.err
            self.assertEqual(ask(*keep), ("first", ""))
            server.answer = b'"second"'
            (run,) = self.json("runs")
            self.change("UPDATE runs SET ended = ended - 7260000000")
            self.assertEqual(ask(*keep), ("first", f"dowel: taken from run {run['id']}, kept 2 h ago\n"))
            self.assertEqual([line["line"] for line in self.json("runs", "show", run["id"])["log"]], ["its stored result was used again (run key nightly)"])
            said = ask("--run-key", "unkept")[1]
            self.assertIn("the result is not stored, so the next call with run key unkept runs it again", said)
            said = ask("--run-key", "unkept")
            self.assertEqual(said[0], "second")
            self.assertIn("of run key unkept completed, but its result was not stored; running it again", said[1])
            self.assertEqual(len(self.json("runs")), 3)

    def test_a_process_that_died(self):
        """Whatever the run was doing then, it is crashed now, and a limit counts what is shown."""
        for _ in range(4):
            self.call()
        ids = [run["id"] for run in self.json("runs")]
        for run, state in zip(ids[1:], ("retrying", "pending", "running")):
            self.change("UPDATE runs SET state = ?, ended = NULL WHERE id = ?", state, run)
        self.assertEqual([run["id"] for run in self.json("runs", "--state", "crashed")], ids[1:])
        self.assertEqual([run["id"] for run in self.json("runs", "--state", "crashed", "--limit", "2")], ids[1:3])
        self.assertEqual(self.json("runs", "--state", "retrying"), [])
        self.assertEqual(self.json("runs", "show", ids[1])["state"], "crashed")

    def test_since_and_name(self):
        self.call(b"1", "--run-name", "first")
        self.call(b"1", "--run-name", "second")
        second, first = self.json("runs")
        self.change("UPDATE runs SET created = created - 7200000000 WHERE id = ?", first["id"])
        self.assertEqual([run["id"] for run in self.json("runs", "--since", "1h")], [second["id"]])
        self.assertEqual(len(self.json("runs", "--since", "3h")), 2)
        self.assertEqual(self.json("runs", "--since", second["created"]), [second])
        self.assertEqual([run["name"] for run in self.json("runs", "--name=first")], ["first"])
        text = self.dowel("runs")
        self.assertRegex(text, r"lambda\.invoke +second +completed")
        done = self.run_dowel("runs", "--task", "lambda.invok")
        self.assertEqual((done.returncode, done.out), (0, "no such runs\n"))
        self.assertIn('did you mean "lambda.invoke"?', done.err)
        self.fails(2, "runs", "--since", "yesterday", says=["--since", "yesterday"])

    def test_prune(self):
        for _ in range(3):
            self.call()
        runs = self.json("runs")
        self.change("UPDATE runs SET ended = ended - 86400000000 WHERE id <> ?", runs[0]["id"])
        self.assertEqual(self.dowel("runs", "prune", "--older-than", "12h", "--dry-run"), "2 would be removed\n")
        self.assertEqual(self.json("runs", "prune", "--older-than", "12h"), {"removed": 2, "dry_run": False})
        self.assertEqual(self.json("runs"), runs[:1])
        self.fails(2, "runs", "prune", says="--older-than")
        self.fails(2, "runs", "prune", "--older-than", "soon", says=["--older-than", '"soon"'])
        self.fails(2, "runs", "prune", "--older-than", says="--older-than needs a value")
        self.fails(2, "runs", "prune", "abcd", "--older-than", "1d", says='unexpected argument "abcd"')

    def test_page(self):
        evil = "<script>alert('\u202e&\")</script>"
        self.call(b"1", "--run-name", evil)
        self.call(b'{"errorMessage": "boom <b>"}', "--retries", "1", "--retry-delay", "1ms", headers={"X-Amz-Function-Error": "Unhandled"})
        failed, done = self.json("runs")
        self.change("UPDATE runs SET parent = ? WHERE id = ?", done["id"], failed["id"])
        self.assertEqual(self.dowel("runs", "page", self.path("runs.html")), f"wrote {self.path('runs.html')}\n")
        self.assertEqual(self.json("runs", "page", self.path("runs.html")), {"page": self.path("runs.html")})
        with open(self.path("runs.html"), encoding="utf-8") as file:
            text = file.read()
        lines, printed = ([line for line in page.splitlines() if not line.startswith("<p>")] for page in (text, self.dowel("runs", "page", "-")))
        self.assertEqual(lines[5:], printed[5:][:len(lines) - 5], "but for when it was made")
        page = Page(text)
        self.assertEqual(page.inside, {done["id"]: None, failed["id"]: done["id"]}, "what was called stands within its caller")
        self.assertEqual(page.unfolded, {done["id"], failed["id"]}, "a run that failed, and its caller")
        self.assertNotIn("script", page.tags)
        self.assertIn("<input type=radio name=state id=s-failed> failed", text)
        self.assertIn("body:has(#s-failed:checked) main>details:not(:has(b.failed)){display:none}", text)
        self.assertIn("<input type=radio name=task id=t0> lambda.invoke", text)
        self.assertIn("body:has(#t0:checked) main>details:not(.t0){display:none}", text)
        self.assertIn(f'<details id="{done["id"]}" class=t0 open>', text)
        shown = "".join(page.texts)
        self.assertIn("<script>alert('", shown)
        self.assertNotIn("\u202e", shown)
        for part in ("boom <b>", "attempt 1 of 2 failed", "2 attempts", "failed", "completed", "function_name", "********"):
            self.assertIn(part, shown)
        only = Page(self.dowel("runs", "page", "-", "--parent", done["id"]))
        self.assertEqual(set(only.inside), {failed["id"]})
        self.assertEqual([run["id"] for run in self.json("runs", "--top")], [done["id"]])
        self.fails(2, "runs", "page", says="missing FILE")
        self.fails(1, "runs", "page", self.path("none", "runs.html"), says="none")

    def test_show_for_people(self):
        self.call(b'{"errorMessage": "boom"}', "--retries", "1", "--retry-delay", "1ms", headers={"X-Amz-Function-Error": "Unhandled"})
        text = self.dowel("runs", "show", self.json("runs")[0]["id"])
        self.assertRegex(text, r"(?m)^duration: +\d+\.\d{3} s$")
        self.assertRegex(text, r"(?m)^error:\n(.*\n)*message: +.*boom")
        self.assertRegex(text, r"(?m)^arguments:\n(.*\n)*function: ")
        self.assertRegex(text, r"(?m)^policy:\n(.*\n)*retries: +1$")
        self.assertRegex(text, r"(?m)^log:\n(.*\n)*.*attempt 1 of 2 failed")

    def test_wrong_words(self):
        self.call()
        self.fails(2, "runs", "--limit", "many", says=["--limit", '"many"'])
        self.fails(2, "runs", "--limit", "0", says="--limit")
        self.fails(2, "runs", "--limit", "5x", says="--limit")
        self.fails(2, "runs", "--limit", "99999999999999999999", says="--limit")
        self.fails(2, "runs", "--limit", says="--limit needs a value")
        self.fails(2, "runs", "--state", "complete", says=['did you mean "completed"?', "crashed"])
        self.fails(2, "runs", "show", says="missing ID")
        self.fails(2, "runs", "result", says="missing ID")
        self.fails(2, "runs", "show", "abc", says="at least 4")
        self.fails(2, "runs", "show", "nonsense", says='"nonsense"')
        self.fails(2, "runs", "show", "%%%%", says="%%%%")
        self.fails(3, "runs", "show", "0000-0000-0000", says=["no run", "dowel runs"])
        self.fails(2, "runs", "show", "abcd", "efgh", says='unexpected argument "efgh"')
        self.fails(2, "runs", "list", "abcd", says='unexpected argument "abcd"')

    def test_several_runs_fit(self):
        for _ in range(3):
            self.call()
        ids = [run["id"] for run in self.json("runs")]
        self.assertEqual(ids[0][:5], ids[1][:5], "they begin with the time")
        self.fails(2, "runs", "show", ids[0][:5], says="several")

    def test_results(self):
        self.dowel("block", "save", "local-file-system/results", "--basepath", self.path("results"))
        done = self.call(b'{"answer": [1, 2.5, null, "\xc3\xa4"]}', "--persist-result", "--result-storage", "local-file-system/results")
        self.assertEqual(done.returncode, 0, done.err)
        run = self.json("runs")[0]
        result = self.json("runs", "result", run["id"])
        self.assertEqual(result["payload"], {"answer": [1, 2.5, None, "\u00e4"]})
        self.assertEqual(self.dowel("runs", "result", run["id"]), self.dowel("runs", "result", run["id"], "--json"))
        self.call()
        self.fails(3, "runs", "result", self.json("runs")[0]["id"], says=["has no stored result", "persist_result"])

    def test_policy(self):
        with LambdaServer(b'{"message": "slow down"}', 429) as server:
            done = self.run_dowel("call", "lambda.invoke", "--function", function(server), "--retries", "2", "--retry-delay", "1ms", "--timeout", "2s")
        self.assertEqual(done.returncode, 5, done.err)
        self.assertEqual(self.json("runs")[0]["attempts"], 3)


if __name__ == "__main__":
    main()
