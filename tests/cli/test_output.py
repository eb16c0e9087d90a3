"""What is printed: tables and JSON of any shape, nothing that drives a terminal, and what happens when it cannot be written."""
import json
import os
import sqlite3
import subprocess

from cli_case import BIN, CommandTest, main
from lambda_server import LambdaServer, function


class Output(CommandTest):
    def invoke(self, answer, *flags, status=200, headers=()):
        with LambdaServer(answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode(), status, headers) as server:
            return self.run_dowel("call", "lambda.invoke", "--function", function(server), *flags)

    def payload(self, answer):
        done = self.invoke(answer, "--json")
        self.assertEqual(done.returncode, 0, done.err)
        return json.loads(done.out)["payload"]

    def shown(self, answer):
        done = self.invoke(answer)
        self.assertEqual(done.returncode, 0, done.err)
        return done.out

    def test_json_is_faithful(self):
        for value in (None, True, [], {}, "", "text", 0, -1, 9007199254740993, -9223372036854775808, 0.1, 1 / 3, 1e300, 5e-324, 1.0, -0.5,
                      0.30000000000000004, "\u00e4\U0001f600\u4e2d", "quo\"te\\", "line\nbreak\ttab\r", "\x1b[31m\x07\x7f\x9b31m\u202e\u2028\ufeff",
                      {"a": {"b": [1, {"c": []}]}}, [[1, 2], [3]], {"": 1}):
            self.assertEqual(self.payload(value), value)
        self.assertIsInstance(self.payload(1.0), float)

    def test_json_is_stable_and_safe_for_a_terminal(self):
        value = {"z": 1, "a": "\x1b]0;title\x07 \x9b31m \x7f \u202e", "\x1bkey": 2}
        first, second = self.invoke(value, "--json").out, self.invoke(value, "--json").out
        self.assertEqual(first, second)
        self.assertLess(first.index('"z"'), first.index('"a"'), "members stay in their order")
        self.assertSafe(first)

    def assertSafe(self, text):
        for character in text:
            if character != "\n":
                self.assertTrue(ord(character) >= 0x20 and not 0x7f <= ord(character) < 0xa0 and
                                character not in "\u202e\u2066\u200f\u2028", f"{character!r} in {text!r}")

    def test_nothing_from_a_service_drives_the_terminal(self):
        evil = "\x1b[2J\x1b]0;pwned\x07\r\b\x7f\x9b31m\u202eflip\u2066"
        for value in (evil, {"key " + evil: evil}, [{evil: evil}, {evil: 1}], {"rows": [{evil: evil}]}, [evil], {"nested": {"x": evil}},
                      {"lines": f"a\n{evil}\nb"}):
            text = self.shown(value)
            self.assertSafe(text)
            self.assertIn("[2J", text)
        for headers in ({"X-Amz-Function-Error": "Unhandled"}, {}):
            answer = {"errorMessage": evil, "errorType": evil, "message": evil, "stackTrace": [evil]}
            done = self.invoke(answer, status=200 if headers else 403, headers=headers)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("[2J", done.err)
            self.assertSafe(done.err)
        text = self.dowel("runs")
        self.assertSafe(text)
        for run in self.json("runs"):
            self.assertSafe(self.dowel("runs", "show", run["id"]))
        self.assertSafe(self.run_dowel("block", "show", "gcs-bucket/" + evil).err)
        self.assertSafe(self.run_dowel(evil).err)

    def test_shapes_on_the_screen(self):
        self.assertIn("payload: NULL", self.shown(None))
        self.assertIn("payload: []", self.shown([]))
        self.assertIn("payload: text", self.shown("text"))
        self.assertIn("a\\tb", self.shown("a\tb"))
        self.assertIn("payload:\n  one\n  two\n", self.shown("one\ntwo\n"))
        self.assertIn('payload: {"a":[1,2]}', self.shown({"a": [1, 2]}))
        self.assertIn('payload: [1,"b"]', self.shown([1, "b"]))
        self.assertIn('[{"a":1},2]', self.shown([{"a": 1}, 2]))

    def test_tables(self):
        text = self.shown([{"name": "a", "n": 1}, {"name": "long name", "n": 20000, "late": True}, {"n": None}])
        lines = text[text.index("payload:") :].splitlines()[1:]
        self.assertEqual([line.rstrip() for line in lines], ["name           n  late", "a              1", "long name  20000  true", "            NULL"])
        text = self.shown([{f"c{i}": i for i in range(150)}])
        self.assertIn("c149", text, "no column is dropped")
        wide = self.shown([{"a": "x" * 100000, "b": 1}] + [{"a": "y", "b": 2}] * 200)
        self.assertIn("x" * 100000, wide)
        self.assertLess(len(wide), 200000, "one huge cell does not pad every row")
        for text in (self.shown([{"\u4e2d\u6587": "\u00e4\u00f6"}]), self.shown([{}])):
            self.assertIn("payload:", text)

    def test_columns_of_a_terminal(self):
        """What is after a wide, a combined or an empty cell stands where the others stand; nothing trails."""
        text = self.shown([{"a": "\u65e5\u672c", "b": 1}, {"a": "e\u0301", "b": 2}, {"a": "\U0001f600", "b": 3}, {"a": "long name", "b": 4, "c": 5}])
        lines = text[text.index("payload:") :].splitlines()[1:]
        self.assertEqual(lines, ["a          b  c", "\u65e5\u672c       1", "e\u0301          2", "\U0001f600         3", "long name  4  5"])

    def test_columns_that_nobody_fills(self):
        self.shown("x")
        text = self.dowel("runs")
        self.assertNotIn("error", text)
        self.assertEqual([line for line in text.splitlines() if line != line.rstrip()], [])
        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b")
        rows = self.dowel("block", "list", env={"DOWEL_BLOCK_SECRET__A": '{"value": "x"}'}).splitlines()
        self.assertEqual(rows[1].index(" 1 ") + 1, rows[0].index("revision") + 7, "a block without a revision changes no column")

    def test_a_large_result(self):
        rows = [{"number": i, "text": f"row {i}"} for i in range(20000)]
        self.assertEqual(self.payload(rows), rows)
        self.assertEqual(len(self.shown(rows).splitlines()), 20000 + 3)

    def test_quiet_where_nothing_is_to_say(self):
        with LambdaServer(b'"x"') as server:
            done = self.run_dowel("call", "lambda.invoke", "--function", function(server), "--json")
        self.assertEqual(done.err, "")
        self.assertNotIn("\x1b", done.out)

    # ---- where the output goes ----

    COMMANDS = (("--help",), ("--version",), ("task", "list"), ("task", "list", "--json"), ("block", "types", "--json"),
                ("completion", "bash"), ("config",), ("call", "gcs.upload", "--help"), ("block", "list"))

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        for words in self.COMMANDS:
            with open("/dev/full", "wb") as full:
                done = self.run_dowel(*words, stdout=full)
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("cannot write the output: No space left on device", done.err)

    def test_closed_standard_output(self):
        for words in self.COMMANDS:
            done = self.run_dowel(*words, stdout=None, preexec_fn=lambda: os.close(1))
            self.assertEqual(done.returncode, 1, words)
            self.assertIn("cannot write the output", done.err)

    def test_closed_streams_do_not_reach_the_database(self):
        def close():
            for fd in (0, 1, 2):
                os.close(fd)

        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b")
        for words in (("block", "save", "gcs-bucket/c", "--bucket", "c"), ("block", "list"), ("block", "nonsense"), ("block", "show", "gcs-bucket/none")):
            self.run_dowel(*words, stdin=None, stdout=None, stderr=None, preexec_fn=close)
        self.assertEqual([row["name"] for row in self.json("block", "list")], ["b", "c"])
        database = sqlite3.connect(self.database)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        database.close()

    def test_reader_that_leaves(self):
        for words in self.COMMANDS:
            read, write = os.pipe()
            os.close(read)
            done = self.run_dowel(*words, stdout=write)
            os.close(write)
            self.assertEqual((done.returncode, done.err), (0, ""), words)
        self.write("large", b"x" * 1000000)
        for command in ("cat ./large", "cp ./large -", "runs page -"):
            done = subprocess.run(["bash", "-c", f"{BIN} {command} | head -c 10; exit ${{PIPESTATUS[0]}}"], env=self.env, cwd=self.folder,
                                  capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr, len(done.stdout)), (0, b"", 10), command)
        done = self.run_dowel("cat", "./none")
        self.assertEqual(done.returncode, 3)
        done = subprocess.run(["sh", "-c", f"{BIN} completion bash | head -n 1"], env=self.env, capture_output=True, check=False)
        self.assertEqual((done.stdout.count(b"\n"), done.stderr), (1, b""))

    def test_standard_input_as_a_payload(self):
        with LambdaServer(b'"x"') as server:
            self.dowel("call", "lambda.invoke", "--function", function(server), "--payload", "-", stdin='{"a": 1}')
            self.fails(2, "call", "lambda.invoke", "--function", function(server), "--payload", "-", stdin="{", says=["payload", "line 1"])


if __name__ == "__main__":
    main()
