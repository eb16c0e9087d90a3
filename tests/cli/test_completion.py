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
        script = ('source <(dowel completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dowel; printf "%s\\n" "${COMPREPLY[@]}"')
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
        for words in (("block", "show", ""), ("block", "delete", ""), ("block", "edit", ""), ("block", "check", ""), ("call", "gcs.list", "--bucket", "")):
            self.assertEqual(self.complete(*words), ["gcs-bucket/landing", "s3-bucket/reports"], words)
        self.assertEqual(self.complete("call", "gcs.list", "--retry-backoff", ""), ["fixed", "exponential"])
        self.assertEqual(self.complete("runs", "--state", "comp"), ["completed"])
        self.write("data.csv", "x")
        self.assertEqual(self.complete("call", "gcs.upload", "--file", "da"), ["data.csv"])

    def test_without_a_database(self):
        self.env["DOWEL_DATABASE_URL"] = "nonsense:"
        self.assertEqual(self.complete("block", "show", "zzz"), [])

    def test_other_shells(self):
        zsh, fish = self.dowel("completion", "zsh"), self.dowel("completion", "fish")
        for text in (zsh, fish):
            for task in self.tasks():
                self.assertIn(task, text)
        self.assertIn("bashcompinit", zsh)
        for shell, text in (("bash", self.dowel("completion", "bash")), ("zsh", zsh), ("fish", fish)):
            if shutil.which(shell):
                path = self.write("script." + shell, text)
                done = subprocess.run([shell, "-n", path], capture_output=True, check=False, env=self.env)
                self.assertEqual((done.returncode, done.stderr), (0, b""), shell)
        self.assertEqual(fish.count("'") % 2, 0)

    def test_fish_offers(self):
        if not shutil.which("fish"):
            self.skipTest("no fish here")
        self.dowel("block", "save", "gcs-bucket/landing", "--bucket", "b")
        for line, wanted in (("dowel bl", "block"), ("dowel call gcs.up", "gcs.upload"), ("dowel call gcs.list --buc", "--bucket"),
                             ("dowel call gcs.list --bucket ", "gcs-bucket/landing"), ("dowel block save gcs-b", "gcs-bucket/")):
            done = subprocess.run(["fish", "--no-config", "-c", f"dowel completion fish | source; complete -C '{line}'"], env=self.env,
                                  cwd=self.folder, capture_output=True, check=True, timeout=60)
            self.assertIn(wanted, [offer.split("\t")[0] for offer in done.stdout.decode().splitlines()], line)

    def test_wrong_words(self):
        self.fails(2, "completion", "tcsh", says='no completion for "tcsh"')
        self.assertEqual(self.run_dowel("completion", "bash", "zsh").returncode, 2)


if __name__ == "__main__":
    main()
