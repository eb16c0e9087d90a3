"""On a terminal: colours, width, progress, prompts; and none of it elsewhere."""
import os
import re
import termios
import time

from cli_case import main
from lambda_server import LambdaServer, function
from terminal_case import TerminalTest


class Terminal(TerminalTest):
    def test_colours_only_on_a_terminal_that_wants_them(self):
        for words in (("task", "list"), ("block", "save", "secret", "--help"), ("call", "gcs.list", "--help")):
            self.assertIn("\x1b[1m", self.on_terminal(*words), words)
            for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
                self.assertNotIn("\x1b", self.on_terminal(*words, env=env), words)
            self.assertIn("\x1b[1m", self.on_terminal(*words, env={"NO_COLOR": ""}), "an empty NO_COLOR means nothing")
            self.assertNotIn("\x1b", self.dowel(*words))
        for words in (("task", "list", "--json"), ("config", "--json"), ("completion", "bash")):
            self.assertNotIn("\x1b", self.on_terminal(*words), words)

    def test_tables_fit_the_terminal(self):
        for columns in (60, 80, 120):
            text = self.on_terminal("task", "list", columns=columns, env={"NO_COLOR": "1"})
            lines = text.splitlines()
            self.assertLessEqual(max(map(len, lines)), columns)
            self.assertIn("gcs.upload", text)
        self.assertIn("\u2026", self.on_terminal("task", "list", columns=60, env={"NO_COLOR": "1"}))
        self.assertNotIn("\u2026", self.dowel("task", "list"), "nothing is cut where nobody looks")
        self.assertIn("gcs.upload", self.on_terminal("task", "list", columns=1))

    def test_prompt_hides_what_is_typed(self):
        process, leader = self.start("block", "save", "secret/s", "--value", "prompt")
        said = self.read_until(leader, lambda text: "value: " in text)
        end = time.monotonic() + 30
        while termios.tcgetattr(self.follower)[3] & termios.ECHO and time.monotonic() < end:
            time.sleep(0.005)
        os.write(leader, b"typed-s3cret\n")
        said += self.read_until(leader, lambda text: "revision" in text)
        self.assertEqual(process.wait(60), 0)
        self.assertNotIn("typed", said)
        self.assertTrue(termios.tcgetattr(self.follower)[3] & termios.ECHO, "echo is on again")
        self.assertEqual(self.json("block", "show", "secret/s", "--show-secrets")["document"], {"value": "typed-s3cret"})

    def test_interrupted_prompt_leaves_the_terminal_as_it_was(self):
        process, leader = self.start("block", "save", "secret/s", "--value", "prompt")
        self.read_until(leader, lambda text: "value: " in text)
        end = time.monotonic() + 30
        while termios.tcgetattr(self.follower)[3] & termios.ECHO and time.monotonic() < end:
            time.sleep(0.005)
        os.write(leader, b"\x03")
        said = self.read_until(leader, lambda text: "interrupted" in text)
        self.assertEqual(process.wait(60), 130, said)
        self.assertTrue(termios.tcgetattr(self.follower)[3] & termios.ECHO, "echo is on again")
        self.assertEqual(self.json("block", "list"), [])

    def test_ctrl_c_on_a_task(self):
        with LambdaServer(silent=True) as server:
            process, leader = self.start("call", "lambda.invoke", "--function", function(server))
            self.assertTrue(server.asked.wait(60))
            os.write(leader, b"\x03")
            said = self.read_until(leader, lambda text: "cancelled" in text)
            self.assertEqual(process.wait(60), 130, said)

    def test_watching_the_runs(self):
        self.dowel("ls", ".")
        process, leader = self.start("runs", "--watch", columns=120)
        said = self.read_until(leader, lambda text: "Ctrl-C ends" in text)
        self.assertIn("objects.list", said)
        self.dowel("cp", self.write("a", "x"), self.path("b"))
        self.assertIn("objects.copy", self.read_until(leader, lambda text: "objects.copy" in text), "drawn again")
        os.write(leader, b"\x03")
        self.assertEqual(process.wait(60), 0)

    def test_no_progress_elsewhere_than_on_a_terminal(self):
        done = self.run_dowel("task", "list")
        self.assertEqual(done.err, "")
        with LambdaServer(b'"x"') as server:
            text = self.on_terminal("call", "lambda.invoke", "--function", function(server), env={"NO_COLOR": "1"})
        self.assertIsNone(re.search(r"\x1b|\d/s", text), "short work shows no progress")


if __name__ == "__main__":
    main()
