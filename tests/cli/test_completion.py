"""Completion scripts: bash's is loaded and asked; zsh's and fish's are checked by their shells where these are installed."""
import os
import re
import shutil
import subprocess

from cli_case import BIN, CommandTest, main


class Completion(CommandTest):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("bin"))
        os.symlink(BIN, self.path("bin", "dowel"))
        self.env["PATH"] = self.path("bin") + ":" + self.env["PATH"]

    def complete(self, *words):
        """What bash offers for the last word."""
        script = ('source <(dowel completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; _dowel; printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "--norc", "-c", script, "bash", "dowel", *words], env=self.env, cwd=self.folder, capture_output=True,
                              check=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split()

    def test_commands_and_verbs(self):
        self.assertLessEqual({"block", "task", "call", "runs", "config", "completion"}, set(self.complete("")))
        self.assertEqual(self.complete("bl"), ["block"])
        for command in ("block", "task"):
            verbs = set(re.findall(rf"(?m)dowel {command} ([a-z]+) .*", self.dowel(command, "--help").split("\n\n")[0]))
            self.assertEqual(set(self.complete(command, "")), verbs)
        self.assertEqual(self.complete("task", "s"), ["show"])
        self.assertEqual(self.complete("runs", "r"), ["result", "resume"])
        self.assertEqual(set(self.complete("completion", "")), {"bash", "zsh", "fish"})

    def test_every_word_offered_is_known_to_the_command(self):
        for command in self.complete(""):
            self.assertIn(self.run_dowel(command, "--help").returncode, (0,), command)

    def test_tasks_and_types(self):
        self.assertEqual(set(self.complete("call", "")), set(self.tasks()))
        self.assertEqual(set(self.complete("task", "show", "")), set(self.tasks()))
        for task in self.tasks():
            connector, name = task.split(".", 1)
            if connector == "block":  # a command
                continue
            self.assertEqual(sorted(self.complete(connector, name)), sorted(t.split(".", 1)[1] for t in self.tasks() if t.startswith(task)))
            self.assertEqual(self.complete(connector, name.replace("_", "-"), "--"), self.complete("call", task, "--"))
        self.assertEqual(set(self.complete("block", "save", "")), {kind + "/" for kind in self.types()})
        self.assertEqual(self.complete("block", "list", "--type", "gcs"), ["gcs-bucket"])

    def test_flags_are_those_of_the_help(self):
        for task in self.tasks():
            flags = set(re.findall(r"(?m)^  (--[a-z-]+)", self.dowel("call", task, "--help")))
            self.assertEqual(set(self.complete("call", task, "-")) - {"--help"}, flags, task)
            self.assertEqual(set(self.complete("call", task, "--x", "y", "--")) - {"--help"}, flags, task)
        for kind in self.types():
            flags = set(re.findall(r"(?m)^  (--[a-z-]+)", self.dowel("block", "save", kind, "--help")))
            self.assertEqual(set(self.complete("block", "save", kind + "/x", "--")) - {"--help"}, flags, kind)

    def test_values(self):
        self.dowel("block", "save", "gcs-bucket/landing", "--bucket", "b")
        self.dowel("block", "save", "s3-bucket/reports", "--bucket", "b")
        for words in (("block", "show", ""), ("block", "delete", ""), ("block", "edit", ""), ("block", "check", ""), ("block", "export", "x", "")):
            self.assertEqual(self.complete(*words), ["gcs-bucket/landing", "s3-bucket/reports"], words)
        self.assertEqual(self.complete("call", "gcs.list", "--bucket", ""), ["gcs-bucket/landing"], "blocks of the field's type")
        self.assertEqual(self.complete("call", "gcs.list", "--bucket=g"), ["--bucket=gcs-bucket/landing"[len("--bucket="):]], "after what parts words")
        self.assertEqual(self.complete("call", "gcs.upload", "--name", ""), [], "a text of one's own")
        self.assertEqual(self.complete("runs", "--task", "lambda."), ["lambda.invoke"])
        self.dowel("ls", ".")
        run = self.json("runs")[0]["id"]
        for words in (("show",), ("result",), ("resume",), ("list", "--parent"), ("--parent",)):
            self.assertEqual(self.complete("runs", *words, ""), [run], words)
        self.assertEqual(self.complete("help", "runs", "sh"), ["show"])
        self.assertIn("--from-gcloud", self.complete("block", "import", ""))
        self.assertEqual(self.complete("call", "gcs.list", "--retry-backoff", ""), ["fixed", "exponential"])
        self.assertEqual(self.complete("runs", "--state", "comp"), ["completed"])
        self.write("data.csv", "x")
        self.assertEqual(self.complete("call", "gcs.upload", "--file", "da"), ["data.csv"])
        self.assertEqual(self.complete("call", "gcs.upload", "--data", "@da"), ["@data.csv"])
        self.assertEqual(self.complete("cp", "da"), ["data.csv"])
        self.assertEqual(self.complete("cp", "gcs"), ["gcs-bucket/landing:"], "a place, and then what is in it")
        self.assertEqual(self.complete("cp", "a", "b", "--sy"), ["--symlinks"])
        self.assertEqual(self.complete("cp", "--symlinks", "f"), ["follow", "fail"])

    def test_without_a_database(self):
        self.env["DOWEL_DATABASE_URL"] = "nonsense:"
        self.assertEqual(self.complete("block", "show", "zzz"), [])

    def test_other_shells(self):
        scripts = {shell: self.dowel("completion", shell) for shell in ("bash", "zsh", "fish")}
        for shell, text in scripts.items():
            self.assertIn("dowel complete ", text)
            if shutil.which(shell):
                path = self.write("script." + shell, text)
                done = subprocess.run([shell, "-n", path], capture_output=True, check=False, env=self.env)
                self.assertEqual((done.returncode, done.stderr), (0, b""), shell)
        if shutil.which("fish"):
            asked = 'source script.fish; complete -C "dowel call gcs.upl"'
            done = subprocess.run(["fish", "-c", asked], capture_output=True, check=True, env=self.env, cwd=self.folder, text=True)
            self.assertRegex(done.stdout, r"^gcs.upload\tUploads")

    def test_what_the_scripts_ask(self):
        """A candidate and what it is on each line; nothing on what makes no sense, and nothing on standard error."""
        for words in ((), ("",), ("call", "gcs.upload", ""), ("nonsense", ""), ("call", "nonsense", "--"), ("block", "nonsense", ""), ("cp", "--", ""),
                      ("block", "save", "nonsense/x", "--"), ("runs", "--limit", ""), ("help", "nonsense", "")):
            done = self.run_dowel("complete", *words)
            self.assertEqual((done.returncode, done.err), (0, ""), words)
            for line in done.out.splitlines():
                self.assertRegex(line, r"^(:files|[a-z0-9./=:_-]+(\t.+)?)$", words)
        self.assertIn("--bucket\tBucket to use.\n", self.dowel("complete", "call", "gcs.upload", "--b"))
        self.assertEqual(self.dowel("complete", "call", "gcs.upload", "--file", ""), ":files\n")


if __name__ == "__main__":
    main()
