"""dowel block: types, save, show, list, delete, edit, and bad documents."""
import json
import os
import stat

from cli_case import CommandTest, main


class Blocks(CommandTest):
    def save(self, reference, *flags, **options):
        return self.dowel("block", "save", reference, *flags, **options)

    def document(self, reference):
        return self.json("block", "show", reference)["document"]

    def test_life_of_a_block(self):
        self.assertEqual(self.dowel("block", "list"), "no blocks yet\n")
        self.assertEqual(self.json("block", "list"), [])
        self.assertEqual(self.save("gcp-credentials/demo", "--anonymous", "--project", "p"), "saved gcp-credentials/demo (revision 1)\n")
        self.save("gcs-bucket/landing", "--bucket", "b", "--credentials", "demo")
        shown = self.json("block", "show", "gcs-bucket/landing")
        self.assertEqual((shown["type"], shown["name"], shown["revision"]), ("gcs-bucket", "landing", 1))
        self.assertEqual(shown["document"], {"bucket": "b", "credentials": {"$block": "gcp-credentials/demo"}})
        self.assertEqual(self.json("block", "show", "landing"), shown, "a name alone is enough where it is unique")
        text = self.dowel("block", "show", "landing")
        for part in ("gcs-bucket", "landing", "bucket:", "gcp-credentials/demo"):
            self.assertIn(part, text)
        rows = self.json("block", "list")
        self.assertEqual([(row["type"], row["name"], row["revision"]) for row in rows],
                         [("gcp-credentials", "demo", 1), ("gcs-bucket", "landing", 1)])
        self.assertEqual(self.json("block", "list", "--type", "gcs-bucket"), rows[1:])
        self.assertEqual(self.json("block", "list", "gcs-bucket"), rows[1:])
        self.fails(7, "block", "delete", "gcp-credentials/demo", says=["gcs-bucket/landing", "--force"])
        self.assertEqual(self.dowel("block", "delete", "gcs-bucket/landing"), "deleted gcs-bucket/landing\n")
        self.assertEqual(self.json("block", "delete", "demo"), {"block": "gcp-credentials/demo", "deleted": True})
        self.fails(3, "block", "show", "demo")
        self.fails(3, "block", "delete", "gcp-credentials/demo")
        self.assertEqual(self.json("block", "list"), [])

    def test_forced_delete(self):
        self.save("gcp-credentials/demo", "--anonymous")
        self.save("gcs-bucket/b", "--bucket", "b", "--credentials", "demo")
        self.fails(2, "block", "delete", "gcp-credentials/demo", "--force=no", says=["--force", "true or false"])
        self.dowel("block", "delete", "gcp-credentials/demo", "--force")
        self.assertEqual(len(self.json("block", "list")), 1)

    def test_overwrite_and_revisions(self):
        self.save("gcs-bucket/b", "--bucket", "first")
        self.fails(7, "block", "save", "gcs-bucket/b", "--bucket", "second", says=["gcs-bucket/b", "--overwrite"])
        self.assertEqual(self.document("gcs-bucket/b"), {"bucket": "first"})
        for revision in (2, 3, 4):
            self.assertEqual(self.json("block", "save", "gcs-bucket/b", "--bucket", f"n{revision}", "--overwrite"),
                             {"block": "gcs-bucket/b", "revision": revision})
        self.assertEqual(self.document("gcs-bucket/b"), {"bucket": "n4"})
        self.save("gcs-bucket/new", "--bucket", "x", "--overwrite")

    def test_same_name_in_two_types(self):
        self.save("gcs-bucket/data", "--bucket", "a")
        self.save("s3-bucket/data", "--bucket", "b")
        self.fails(2, "block", "show", "data", says=['several blocks are called "data"', "TYPE/NAME"])
        self.assertEqual(self.document("s3-bucket/data"), {"bucket": "b"})

    def test_names(self):
        for name in ("gcs-bucket/", "gcs-bucket/A", "gcs-bucket/a_b", "gcs-bucket/a b", "gcs-bucket/a/b", "gcs-bucket/" + "x" * 64,
                     "gcs-bucket/../x", "gcs-bucket/\u00e4"):
            self.fails(2, "block", "save", name, "--bucket", "b")
        self.fails(2, "block", "save", "gcs-bucket", "--bucket", "b", says="has no name")
        self.fails(2, "block", "save")
        self.fails(2, "block", "show")
        self.fails(3, "block", "show", "x" * 500)
        self.save("gcs-bucket/" + "x" * 63, "--bucket", "b")

    def test_from_file_and_standard_input(self):
        path = self.write("b.json", '{"bucket": "from-file", "folder": "f"}')
        self.save("gcs-bucket/a", "--from", path)
        self.assertEqual(self.document("gcs-bucket/a"), {"bucket": "from-file", "folder": "f"})
        self.save("gcs-bucket/b", "--from", "-", stdin='{"bucket": "from-stdin"}')
        self.assertEqual(self.document("gcs-bucket/b"), {"bucket": "from-stdin"})
        for flags in (("--from", path, "--bucket", "flag"), ("--bucket", "flag", "--from", path)):
            self.save("gcs-bucket/c", *flags, "--overwrite")
            self.assertEqual(self.document("gcs-bucket/c"), {"bucket": "flag", "folder": "f"}, "flags win wherever they stand")
        shown = self.dowel("block", "show", "gcs-bucket/a", "--json")
        self.save("gcs-bucket/copy", "--from", "-", stdin=json.dumps(json.loads(shown)["document"]))

    def test_malformed_json_says_where(self):
        for text, line, column in (('{"bucket": "b",\n "folder" "f"}', 2, 13), ("{\n\n  nonsense\n}", 3, 10), ('{"bucket": "b"', 1, 14),
                                   ('{"bucket": "a", "bucket": "b"}', 1, 24), ("", 1, 1), ('{"bucket": "b"} x', 1, 17)):
            path = self.write("bad.json", text)
            said = self.fails(2, "block", "save", "gcs-bucket/b", "--from", path, says=[path, f"line {line}"])
            self.assertRegex(said, r"column \d+: \S")
            self.assertIn(f"column {column}", said, text)
            self.fails(2, "block", "save", "gcs-bucket/b", "--from", "-", stdin=text, says=["standard input", f"line {line}"])
        for text in ("[]", '"text"', "12", "null"):
            self.fails(2, "block", "save", "gcs-bucket/b", "--from", "-", stdin=text, says="expected a JSON object")
        self.fails(3, "block", "save", "gcs-bucket/b", "--from", self.path("none.json"), says=["none.json", "No such file"])
        self.fails(2, "block", "save", "gcs-bucket/b", "--from", self.folder, says="folder")
        self.fails(2, "block", "save", "gcs-bucket/b", "--from", says="--from needs a value")
        self.assertEqual(self.json("block", "list"), [])

    def test_wrong_values_name_the_field_and_change_nothing(self):
        bad = [("gcs-bucket", {"bucket": 3}, '"bucket"'), ("gcs-bucket", {"folder": "f"}, '"bucket"'),
               ("gcs-bucket", {"bucket": ""}, '"bucket"'), ("gcs-bucket", {"bucket": None}, '"bucket"'),
               ("gcs-bucket", {"bucket": "b", "credentials": 3}, '"credentials"'),
               ("gcs-bucket", {"bucket": "b", "nonsense": 3}, '"nonsense"'),
               ("gcp-credentials", {"anonymous": "maybe"}, '"anonymous"'), ("gcp-credentials", {"scopes": [1]}, '"scopes'),
               ("cloud-run-job", {"job": "j", "image": "i", "region": "r", "task_count": "many"}, '"task_count"'),
               ("cloud-run-job", {"job": "j", "image": "i", "region": "r", "env": {"A": 1}}, '"env.A"'),
               ("cloud-run-job", {"job": "j", "image": "i", "region": "r", "timeout": "soon"}, '"timeout"'),
               ("s3-bucket", {"bucket": "b", "addressing": "sideways"}, '"addressing"')]
        for kind, document, field in bad:
            said = self.fails(2, "block", "save", f"{kind}/x", "--from", "-", stdin=json.dumps(document), says=[kind, field])
            self.assertNotIn("revision", said)
        self.fails(2, "block", "save", "cloud-run-job/x", "--task-count", "many", says=['"task_count"', "whole number", '"many"'])
        self.fails(2, "block", "save", "cloud-run-job/x", "--timeout", "soon", says=['"timeout"', "duration"])
        self.fails(2, "block", "save", "s3-bucket/x", "--bucket", "b", "--addressing", "sideways", says='"addressing"')
        self.fails(2, "block", "save", "cloud-run-job/x", "--env", "novalue", says=['"env"', "key=value"])
        self.fails(2, "block", "save", "gcs-bucket/x", "--bucket", b"\xff\xfe", says='"bucket"')
        self.fails(3, "block", "save", "gcs-bucket/x", "--bucket", "b", "--credentials", "nobody", says=["gcp-credentials/nobody"])
        self.fails(2, "block", "save", "gcs-bucket/x", "--bucket", "b", "--credentials", "gcs-bucket/other", says="gcp-credentials")
        self.assertEqual(self.json("block", "list"), [])

    def test_too_much(self):
        self.fails(2, "block", "show", "a", "b", says='unexpected argument "b"')
        self.fails(2, "block", "types", "a", says='unexpected argument "a"')
        self.fails(2, "block", "list", "gcs-bucket", "b", says='unexpected argument "b"')
        self.fails(2, "block", "list", "--type", says="--type needs a value")
        self.fails(2, "block", "list", "--force", says="--force")
        self.fails(2, "block", "show", "a", "--force", says="--force")
        self.fails(2, "block", "delete", "a", "--show-secrets", says="--show-secrets")
        self.fails(2, "block", "save", "gcs-bucket/x", "stray", says='unexpected argument "stray"')

    def test_error_as_json(self):
        for words in (("block", "show", "gcs-bucket/none", "--json"), ("block", "shwo", "--json"),
                      ("block", "list", "--nonsense", "--json"), ("call", "gcs.uplod", "--json"), ("nonsense", "--json")):
            error = json.loads(self.run_dowel(*words).stderr)["error"]
            self.assertIn(error["code"], ("invalid", "not_found"))
            self.assertTrue(error["message"])

    def editor(self, script):
        path = self.write("editor", "#!/bin/sh\n" + script, 0o700)
        return {"EDITOR": path, "VISUAL": ""}

    def test_edit(self):
        self.save("aws-credentials/a", "--access-key-id", "AKIA1", "--secret-access-key", "-", stdin="planted-secret")
        self.assertIn("unchanged", self.dowel("block", "edit", "a", env=self.editor("exit 0")))
        env = self.editor('cp "$1" "$DOWEL_TEST_SEEN"; ls -l "$1" | cut -c1-10 >"$DOWEL_TEST_SEEN.mode"; sed -i s/AKIA1/AKIA2/ "$1"')
        env["DOWEL_TEST_SEEN"] = self.path("seen")
        self.assertIn("revision 2", self.dowel("block", "edit", "a", env=env))
        with open(self.path("seen")) as seen:
            self.assertNotIn("planted-secret", seen.read())
        with open(self.path("seen.mode")) as mode:
            self.assertEqual(mode.read().strip(), "-rw-------")
        shown = self.json("block", "show", "a", "--show-secrets")["document"]
        self.assertEqual(shown, {"access_key_id": "AKIA2", "secret_access_key": "planted-secret"})
        env = self.editor("""sed -i 's/"secret_access_key": .*/"secret_access_key": "another"/' "$1" """)
        self.dowel("block", "edit", "a", env=env)
        self.assertEqual(self.json("block", "show", "a", "--show-secrets")["document"]["secret_access_key"], "another")
        self.assertEqual(os.listdir(self.path("tmp")), [], "edited text is not left behind")

    def test_edit_that_fails_changes_nothing(self):
        self.save("gcs-bucket/b", "--bucket", "b")
        before = self.dowel("block", "show", "b", "--json")
        self.fails(1, "block", "edit", "b", env=self.editor("exit 3"), says=["editor", "nothing was changed"])
        said = self.fails(2, "block", "edit", "b", env=self.editor('echo "{" >"$1"'), says="nothing was changed; your text is in ")
        kept = said.split("your text is in ")[1].split()[0]
        self.assertEqual(stat.S_IMODE(os.stat(kept).st_mode), 0o600)
        self.fails(2, "block", "edit", "b", env=self.editor("""echo '{"bucket": 3}' >"$1" """), says='"bucket"')
        self.fails(3, "block", "edit", "none", env=self.editor("exit 0"))
        self.assertEqual(self.dowel("block", "show", "b", "--json"), before)

    def test_edit_meets_another_save(self):
        self.save("gcs-bucket/b", "--bucket", "b")
        env = self.editor("""\"$DOWEL_TEST_BIN" block save gcs-bucket/b --bucket other --overwrite >&2; sed -i s/b/c/ "$1" """)
        env["DOWEL_TEST_BIN"] = os.environ["DOWEL_BIN"]
        done = self.run_dowel("block", "edit", "b", env=env)
        self.assertEqual(done.returncode, 7, done.err)
        self.assertIn("changed by another process", done.err)
        self.assertEqual(self.document("gcs-bucket/b"), {"bucket": "other"})


if __name__ == "__main__":
    main()
