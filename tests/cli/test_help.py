"""Help, examples, version, and what is meant by a mistyped word."""
import re
import shlex

from cli_case import CommandTest, main

COMMANDS = ("block", "task", "call", "cp", "ls", "sync", "rm", "cat", "presign", "runs", "config", "completion")


class Help(CommandTest):
    def test_version(self):
        for word in ("--version", "version", "-V"):
            self.assertRegex(self.dowel(word), r"^dowel \d+\.\d+\.\d+\n$")

    def test_help_names_every_command(self):
        for words in (("--help",), ("-h",), ("help",)):
            text = self.dowel(*words)
            for command in COMMANDS:
                self.assertRegex(text, rf"(?m)^  {command}\s")
        self.assertIn("Examples:", text)
        for status in ("0 done", "2 bad input", "3 not found", "4 credentials", "5 network", "6 remote", "7 exists", "130", "1 any"):
            self.assertIn(status, text)

    def test_every_command_has_help_with_examples(self):
        for command in COMMANDS:
            texts = {self.dowel(command, "--help"), self.dowel(command, "-h"), self.dowel("help", command)}
            self.assertEqual(len(texts), 1, command)
            text = texts.pop()
            self.assertTrue(text.startswith(f"Usage: dowel {command}"), text)
            self.assertRegex(text, r"Examples?:\n  (dowel|source)")

    def test_every_verb_has_help_with_an_example(self):
        for command in ("block", "task", "runs", "key"):
            whole = self.dowel(command, "--help")
            for verb, doc in re.findall(r"(?m)^  ([a-z-]+)  +(.*)$", whole.split("\n\n")[1]):
                text = self.dowel(command, verb, "--help")
                self.assertEqual(text, self.dowel("help", command, verb))
                self.assertRegex(text, rf"^Usage: dowel {command}( {verb})?\b")
                self.assertEqual(text.split("\n\n")[1].splitlines()[0].lower(), doc.lower() + ".")
                flags = set(re.findall(r"--[a-z-]+", text.split("\n\n")[0])) - {"--field"}
                self.assertEqual(set(re.findall(r"(?m)^  (--[a-z-]+)", text)), flags, f"{command} {verb}")
                example = shlex.split(re.search(r"Example:\n  (.*)\n", text)[1])
                self.assertEqual(example[:2], ["dowel", command])
                self.assertIn(" ".join(example).replace("'", ""), whole.replace("'", ""))
                for flag in (word for word in example if word.startswith("--") and command != "block"):
                    self.assertIn(flag, flags)

    def test_help_opens_no_database(self):
        self.dowel("--help")
        for command in COMMANDS:
            self.dowel(command, "--help")
        self.dowel("block", "save", "secret", "--help")
        self.dowel("call", "gcs.upload", "--help")
        with self.assertRaises(FileNotFoundError):
            open(self.database, "rb")

    def test_every_task_has_help_with_an_example(self):
        for task in self.tasks():
            text = self.dowel("call", task, "--help")
            example = re.search(r"Example:\n  (.*)\n", text)
            self.assertIsNotNone(example, task)
            words = shlex.split(example[1])
            self.assertEqual(words[:3], ["dowel", "call", task])
            self.assertGreater(len(words), 3, f"{task} has no example")
            for flag in (word for word in words if word.startswith("--")):
                self.assertIn(f"  {flag.split('=')[0]}", text, f"{task}: its example has a flag that it does not have")
            self.assertIn(f"dowel call {task}", self.dowel("task", "show", task))

    def test_every_block_type_has_help_with_an_example(self):
        for kind in self.types():
            text = self.dowel("block", "save", kind, "--help")
            self.assertEqual(text, self.dowel("block", "save", f"{kind}/name", "--help"))
            self.assertIn("Fields:", text)
            example = re.search(r"Example:\n  (.*)\n", text)
            self.assertIsNotNone(example, kind)
            words = shlex.split(example[1])
            self.assertEqual(words[:3], ["dowel", "block", "save"])
            self.assertTrue(words[3].startswith(kind + "/"), example[1])
            for flag in (word for word in words if word.startswith("--")):
                self.assertIn(f"  {flag}", text)

    def test_schemas(self):
        for row in self.json("block", "types"):
            self.assertEqual(row["schema"]["type"], "object", row["type"])
        for task in self.tasks():
            shown = self.json("task", "show", task)
            self.assertEqual(shown["name"], task)
            self.assertEqual(shown["args"]["type"], "object")

    def test_a_connector_and_a_task_are_two_words(self):
        for task in self.tasks():
            connector, name = task.split(".", 1)
            if connector == "block":  # a command
                continue
            for word in (name, name.replace("_", "-")):
                self.assertEqual(self.dowel(connector, word, "--help"), self.dowel("call", task, "--help"))
            self.assertEqual(self.dowel("help", connector, name), self.dowel("call", task, "--help"))
            self.assertIn(f"\n  {name} ", self.dowel(connector, "--help"))
            self.fails(2, connector, says=f"missing TASK: dowel {connector} TASK")
        self.fails(2, "s3", "abort-stale", says="bucket")
        self.fails(3, "s3", "abort-stael", says='did you mean "s3.abort_stale"?')

    def test_nothing_and_nonsense(self):
        self.assertEqual(self.run_dowel().returncode, 2)
        for command in ("block", "task", "call", "completion"):
            done = self.run_dowel(command)
            self.assertEqual(done.returncode, 2, command)
            self.assertEqual(done.out, "", command)
            self.assertIn("dowel", done.err)
        self.fails(2, "frobnicate", says='no command "frobnicate"')
        self.fails(2, "")
        self.fails(2, "--nonsense", says="--nonsense")

    def test_did_you_mean_a_command(self):
        self.fails(2, "cal", says='did you mean "call"?')
        self.fails(2, "--verison", says='did you mean "--version"?')
        self.assertNotIn("did you mean", self.fails(2, "x" * 1000), "nothing is near to everything")
        self.fails(2, "help", "blok", says='did you mean "block"?')
        self.fails(2, "block", "shwo", says='did you mean "show"?')
        self.fails(2, "task", "shwo", says='did you mean "show"?')
        self.fails(2, "runs", "shwo", "abcd", says='did you mean "show"?')
        self.fails(2, "completion", "bsh", says='did you mean "bash"?')

    def test_did_you_mean_a_flag(self):
        self.fails(2, "block", "save", "secret/x", "--valeu", "@x", says="did you mean --value?")
        self.fails(2, "block", "list", "--tpye", "secret", says="did you mean --type?")
        self.fails(2, "block", "show", "secret/x", "--show-secret", says="did you mean --show-secrets?")
        self.fails(2, "call", "gcs.upload", "--buckte", "b", says="did you mean --bucket?")
        self.fails(2, "call", "gcs.upload", "--content_typ", "b", says="did you mean --content-type?")
        self.fails(2, "call", "gcs.upload", "--retrys", "3", says="did you mean --retries?")
        self.fails(2, "runs", "--limt", "3", says="did you mean --limit?")
        self.fails(2, "task", "list", "--jsn", says="did you mean --json?")
        self.fails(2, "config", "--jsn", says="did you mean --json?")

    def test_did_you_mean_a_type_a_task_a_block(self):
        self.fails(3, "block", "save", "gcs-buket/x", "--bucket", "b", says='did you mean "gcs-bucket"?')
        self.fails(3, "block", "list", "--type", "secrt", says='did you mean "secret"?')
        self.fails(3, "call", "gcs.uplod", says='did you mean "gcs.upload"?')
        self.fails(3, "task", "show", "gcs.uplod", says='did you mean "gcs.upload"?')
        self.dowel("block", "save", "secret/password", "--value", "-", stdin="x")
        self.fails(3, "block", "show", "secret/pasword", says='did you mean "password"?')
        self.fails(3, "block", "show", "pasword", says='did you mean "secret/password"?')
        self.fails(3, "block", "delete", "secret/pasword", says='did you mean "password"?')
        self.dowel("block", "save", "gcp-credentials/demo", "--anonymous")
        self.fails(3, "block", "save", "gcs-bucket/b", "--bucket", "b", "--credentials", "demmo",
                   says='did you mean "demo"?')

    def test_did_you_mean_a_field_of_a_document(self):
        self.fails(2, "block", "save", "gcs-bucket/b", "--from", "-", stdin='{"buket": "b"}', says=['"buket"', 'did you mean "bucket"?'])
        self.fails(2, "call", "gcs.list", "--from", "-", stdin='{"buckett": "b"}', says=['"buckett"', 'did you mean "bucket"?'])


if __name__ == "__main__":
    main()
