"""A path in a saved block means the same file wherever the block is used: what is saved is absolute."""
import json
import os
import re
import subprocess
import sys

from cli_case import BIN, CommandTest, main


class SavedPaths(CommandTest):
    def setUp(self):
        super().setUp()
        self.folder = os.path.realpath(self.folder)
        os.makedirs(self.path("work", "deep"))

    def at(self, *arguments, where="work", status=0, **options):
        """The command in another working directory."""
        done = subprocess.run([BIN, *arguments], env=self.env, cwd=self.path(where), capture_output=True, text=True, check=False, **options)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def document(self, reference):
        return self.json("block", "show", reference)["document"]

    def test_every_field_of_every_type_that_is_a_path(self):
        """Told from the types themselves, so that a new one is tested too."""
        needed = {"local-file-system": [], "gcp-credentials": [], "aws-credentials": ["--role-arn", "arn:aws:iam::123456789012:role/x"]}
        found = 0
        for row in self.json("block", "types"):
            for flag in re.findall(r"(?m)^  (--[a-z-]+) path$", self.dowel("block", "save", row["type"], "--help")):
                found += 1
                name = flag[2:].replace("-", "_")
                self.assertIn(row["type"], needed, "say here what this type needs besides")
                reference = f"{row['type']}/x"
                for given, saved in (("a/file", "work/a/file"), ("./file", "work/file"), ("../file", "work/../file"), ("file", "work/file"), ("-x", "work/-x")):
                    done = self.at("block", "save", reference, *needed[row["type"]], f"{flag}={given}", "--overwrite")
                    self.assertEqual(self.document(reference)[name], self.path(saved))
                    self.assertIn(f"note: {name} is saved as {self.path(saved)}", done.stderr)
                done = self.at("block", "save", reference, *needed[row["type"]], flag, "/abs/file", "--overwrite")
                self.assertEqual(self.document(reference)[name], "/abs/file")
                self.assertNotIn("note:", done.stderr)
                # As of a variable that is not set.
                done = self.at("block", "save", reference, *needed[row["type"]], flag, "", "--overwrite", status=2)
                self.assertRegex(done.stderr, f'"{name}"(: the path is empty| is required)')
                self.assertEqual(self.document(reference)[name], "/abs/file")
        self.assertGreaterEqual(found, 3)

    def test_inside_of_inline_blocks(self):
        inline = json.dumps({"bucket": "b", "credentials": {"service_account_file": "key.json"}})
        self.at("block", "save", "gcs-bucket/b", "--from", "-", input=inline)
        self.assertEqual(self.document("gcs-bucket/b")["credentials"]["service_account_file"], self.path("work/key.json"))
        inline = {"region": "r", "role_arn": "arn:aws:iam::1:role/x", "source": {"$type": "aws-credentials", "role_arn": "arn:aws:iam::1:role/y", "web_identity_token_file": "t"}}
        self.at("block", "save", "aws-credentials/a", "--from", "-", input=json.dumps(inline))
        self.assertEqual(self.document("aws-credentials/a")["source"]["web_identity_token_file"], self.path("work/t"))

    def test_every_way_to_save(self):
        document = {"basepath": "results"}
        self.write("work/doc.json", json.dumps(document))
        self.at("block", "save", "local-file-system/from", "--from", "doc.json")
        self.at("block", "import", "--from-prefect", "-", input=json.dumps({"name": "imported", "block_type": {"slug": "local-file-system"}, "data": document}))
        template = {"format": "dowel-template", "version": 1, "blocks": [{"type": "local-file-system", "name": "restored", "version": 1, "document": document}]}
        self.write("work/template", json.dumps(template))
        self.at("block", "restore", "template")
        for name in ("from", "imported", "restored"):
            self.assertEqual(self.document(f"local-file-system/{name}")["basepath"], self.path("work/results"), name)
        self.env["EDITOR"] = self.write("editor", f"#!{sys.executable}\nimport sys\np = sys.argv[1]\nt = open(p).read().replace({self.path('work/results')!r}, 'edited')\nopen(p, 'w').write(t)\n", 0o700)
        self.at("block", "edit", "local-file-system/from", where="work/deep")
        self.assertEqual(self.document("local-file-system/from")["basepath"], self.path("work/deep/edited"))

    def test_inside_of_a_credentials_document(self):
        document = {"type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "https://sts.googleapis.com/v1/token"}
        for source in ({"file": "token"}, {"executable": {"command": "x", "output_file": "token"}}):
            for form in (json.dumps, lambda d: json.dumps(json.dumps(d))):
                done = self.at("block", "save", "gcp-credentials/e", "--service-account-info", "-", status=2, input=form({**document, "credential_source": source}))
                self.assertIn("relative path: token", done.stderr)
        self.at("block", "save", "gcp-credentials/e", "--service-account-info", "-", input=json.dumps({**document, "credential_source": {"file": "/token"}}))

    def test_used_from_another_folder(self):
        self.write("work/in", b"content")
        self.at("block", "save", "local-file-system/out", "--basepath", "results")
        self.at("cp", "in", "local-file-system/out:a")
        self.at("cp", self.path("work/in"), "local-file-system/out:b", where="work/deep")
        self.assertEqual(sorted(os.listdir(self.path("work/results"))), ["a", "b"])
        self.assertEqual(os.listdir(self.path("work/deep")), [])

    def test_a_tilde_that_no_shell_expanded(self):
        for given in ("~/key.json", "~"):
            done = self.at("block", "save", "gcp-credentials/t", f"--service-account-file={given}", status=2)
            self.assertIn("only a shell expands", done.stderr)
            self.assertIn("write " + self.path("home"), done.stderr)
        self.assertEqual(self.json("block", "list"), [])
        os.mkdir(self.path("work", "~"))
        self.at("block", "save", "local-file-system/t", "--basepath=~/x")
        self.assertEqual(self.document("local-file-system/t")["basepath"], self.path("work/~/x"))

    def test_a_folder_that_is_gone(self):
        gone = self.path("gone")
        script = f'cd {gone} && rmdir {gone} && exec "$0" block save local-file-system/g --basepath x'
        os.mkdir(gone)
        done = subprocess.run(["sh", "-c", script, BIN], env=self.env, cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("the working directory has no path", done.stderr)


if __name__ == "__main__":
    main()
