"""A program that is built on dowel_cli calls itself by its own name: in usage, hints, errors and examples."""
import os
import re
import subprocess

from cli_case import BIN, CommandTest, main

COMMANDS = ("block", "task", "call", "cp", "ls", "sync", "rm", "cat", "presign", "runs", "key", "config", "completion")
COMMAND_LINE = re.compile(r"(?m)(?:^|[` (])dowel (?:%s|COMMAND|s3|help)\b" % "|".join(COMMANDS))


class Program(CommandTest):
    def setUp(self):
        super().setUp()
        os.symlink(BIN, self.path("acme-cloud"))

    def acme(self, *words, status=None, **env):
        done = subprocess.run([self.path("acme-cloud"), *words], env={**self.env, **env}, cwd=self.folder, capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        found = COMMAND_LINE.search(done.stdout + done.stderr)
        self.assertIsNone(found, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def test_help(self):
        pages = [("--help",), ()] + [(command, "--help") for command in COMMANDS] + [("help", command) for command in COMMANDS]
        for command, verbs in (("block", ("types", "save", "show", "list", "delete", "edit", "check", "import", "export", "restore")),
                               ("runs", ("list", "show", "result", "resume", "page", "prune")), ("key", ("show-id", "add", "rotate", "protect")),
                               ("task", ("list", "show"))):
            pages += [(command, verb, "--help") for verb in verbs]
        pages += [("block", "save", "gcs-bucket", "--help"), ("call", "bigquery.query", "--help"), ("s3", "--help"), ("task", "show", "gcs.upload")]
        for words in pages:
            text = self.acme(*words)
            if words and words[-1] == "--help" or not words:
                self.assertIn("acme-cloud", text, words)
            # The same page as the command's own, but for the name.
            own = self.run_dowel(*words)
            self.assertEqual(len(text.splitlines()), len((own.out + own.err).splitlines()), words)
        self.assertRegex(self.acme("--version", status=0), r"^acme-cloud \(dowel [0-9.]+\)\n$")
        self.assertRegex(self.dowel("--version"), r"^dowel [0-9.]+\n$")

    def test_errors_and_hints(self):
        for words, status in ((("block", "show", "secret/none"), 3), (("block", "show", "none"), 3), (("block", "save", "nothing/x"), 3),
                              (("block", "save"), 2), (("block", "show"), 2), (("block", "save", "secret"), 2), (("call",), 2), (("call", "nothing.here"), 3),
                              (("runs", "show", "0000"), 3), (("runs", "show"), 2), (("key", "rotate", "--to", "0123456789abcdef"), 3), (("s3",), 2),
                              (("nonsense",), 2), (("block", "nonsense"), 2), (("block", "list", "--nonsense"), 2), (("config", "x"), 2), (("completion", "x"), 2),
                              (("cp",), 2), (("cp", "--nonsense"), 2), (("--nonsense",), 2), (("block", "restore"), 2), (("runs", "prune"), 2)):
            text = self.acme(*words, status=status)
            self.assertTrue(text.startswith("acme-cloud: "), (words, text))
            self.acme(*words, "--json", status=status)
        self.assertIn("`acme-cloud block list` shows", self.acme("block", "show", "secret/none"))
        self.assertIn("`acme-cloud block save secret/none` creates one", self.acme("block", "show", "secret/none"))

    def test_prose_keeps_the_name_of_the_library(self):
        self.assertIn("the variables that dowel honours", self.acme("config", "--help"))

    def test_completion(self):
        for shell in ("bash", "zsh", "fish"):
            script = self.acme("completion", shell, status=0)
            self.assertIn("acme-cloud", script)


if __name__ == "__main__":
    main()
