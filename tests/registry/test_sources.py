"""Blocks from variables and files in front of the registry: the order, what is refused, hostile names and files."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import CommandTest, main


class Sources(CommandTest):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("blocks", "secret"))
        os.makedirs(self.path("blocks", "s3-bucket"))
        self.env["DOWEL_BLOCKS_DIR"] = self.path("blocks")

    def put(self, reference, text):
        return self.write(os.path.join("blocks", reference + ".json"), text if isinstance(text, (str, bytes)) else json.dumps(text))

    def test_the_first_source_wins(self):
        self.env.pop("DOWEL_BLOCKS_DIR")
        self.dowel("block", "save", "secret/a-b", "--value", "-", stdin="of the database")
        shown = self.json("block", "show", "secret/a-b", "--show-secrets")
        self.assertEqual((shown["source"], shown["revision"], shown["document"]["value"]), ("database", 1, "of the database"))
        self.env["DOWEL_BLOCKS_DIR"] = self.path("blocks")
        path = self.put("secret/a-b", {"value": "of the file"})
        shown = self.json("block", "show", "secret/a-b", "--show-secrets")
        self.assertEqual((shown["source"], shown["document"]["value"]), (f"file {path}", "of the file"))
        self.assertNotIn("revision", shown)
        env = {"DOWEL_BLOCK_SECRET__A_B": '{"value": "of the variable"}'}
        shown = self.json("block", "show", "a-b", "--show-secrets", env=env)
        self.assertEqual((shown["source"], shown["document"]["value"]), ("variable DOWEL_BLOCK_SECRET__A_B", "of the variable"))
        self.assertEqual(self.json("block", "list", env=env), [{"type": "secret", "name": "a-b", "source": "variable DOWEL_BLOCK_SECRET__A_B"}])
        self.assertEqual(self.json("config", env=env)["blocks"], {"secret/a-b": "variable DOWEL_BLOCK_SECRET__A_B"})
        self.assertEqual(self.json("config")["blocks"], {"secret/a-b": f"file {path}"})
        for words in (("show", "a-b"), ("list",), ("show", "a-b", "--json")):
            for source in ({}, env):
                said = self.run_dowel("block", *words, env=source)
                self.assertNotIn("of the", said.out + said.err, "secrets are masked")
        self.assertIn("********", self.dowel("block", "show", "a-b"))

    def test_only_read(self):
        self.put("secret/s", {"value": "v"})
        for words in (("save", "secret/s", "--value", "-", "--overwrite"), ("delete", "secret/s"), ("delete", "secret/s", "--force")):
            self.fails(7, "block", *words, stdin="x", says=["block secret/s is read-only", self.path("blocks", "secret", "s.json")])
        self.fails(7, "block", "delete", "secret/t", env={"DOWEL_BLOCK_SECRET__T": '{"value": "v"}'}, says="DOWEL_BLOCK_SECRET__T")

    def test_references(self):
        self.put("s3-bucket/b", {"bucket": "b", "credentials": {"$block": "aws-credentials/k"}})
        env = {"DOWEL_BLOCK_AWS_CREDENTIALS__K": '{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "planted"}', "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        said = self.fails(5, "call", "s3.list", "--bucket", "b", "--timeout", "300ms", env=env)
        self.assertNotIn("planted", said)
        self.fails(3, "call", "s3.list", "--bucket", "b", says="aws-credentials/k")
        # One of the registry may name one of the platform.
        self.dowel("block", "save", "s3-bucket/c", "--bucket", "c", "--credentials", "k", env=env)
        self.assertIn("planted", self.dowel("block", "show", "aws-credentials/k", "--show-secrets", env=env))
        self.put("s3-bucket/loop", {"bucket": "b", "credentials": {"$block": "s3-bucket/loop"}})
        self.fails(2, "call", "s3.list", "--bucket", "loop", says="expected a block of type aws-credentials")

    def test_no_database_is_needed(self):
        self.put("s3-bucket/b", {"bucket": "b", "endpoint": "http://127.0.0.1:1"})
        env = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x", "DOWEL_DATABASE_URL": "postgresql://u@127.0.0.1:1/none"}
        self.assertIn("bucket:", self.dowel("block", "show", "s3-bucket/b", env=env))
        done = self.run_dowel("call", "s3.list", "--bucket", "s3-bucket/b", "--timeout", "300ms", env=env)
        self.assertEqual(done.returncode, 5)
        self.assertIn("history is not recorded", done.err)
        self.assertIn("GET http://127.0.0.1:1/b", done.err)
        self.assertIn("cannot be listed", self.dowel("config", env=env))

    def test_bad_documents(self):
        path = self.path("blocks", "secret", "s.json")
        for text, status, says in (("{\n  \"value\": \"planted\n}", 2, [path, "line 2, column "]), ("", 2, [path, "empty"]), ("[1]", 2, [path, "object"]),
                                   ('{"value": 5}', 2, ["secret/s", "value"]), ('{"valeu": "planted"}', 2, ["secret/s", 'did you mean "value"']),
                                   ('{"value": "********"}', 2, ["secret/s", "is the mask"]), ('{"value": {"$sealed": true}}', 2, ["secret/s"]),
                                   ('{"value": "planted", "value": "planted"}', 2, [path, "duplicate"]), (b'{"value": "\xff\xfe"}', 2, [path])):
            self.put("secret/s", text)
            said = self.fails(status, "call", "block.check", "--block", "secret/s", says=says)
            self.assertNotIn("planted", said)
            self.assertEqual([block["name"] for block in self.json("block", "list")], ["s"], "a bad one does not hide the others")
        said = self.fails(2, "block", "show", "secret/v", env={"DOWEL_BLOCK_SECRET__V": '{"value": "planted"'}, says=["DOWEL_BLOCK_SECRET__V", "line 1, column"])
        self.assertNotIn("planted", said)

    def test_hostile_files(self):
        secret = self.write("outside.json", '{"value": "planted"}')
        folder = self.path("blocks", "secret")
        os.symlink(secret, os.path.join(folder, "out.json"))
        os.symlink("/etc/passwd", os.path.join(folder, "passwd.json"))
        os.symlink("loop.json", os.path.join(folder, "loop.json"))
        os.symlink("nothing.json", os.path.join(folder, "dangling.json"))
        os.mkdir(os.path.join(folder, "folder.json"))
        os.mkfifo(os.path.join(folder, "pipe.json"))
        with open(os.path.join(folder, "huge.json"), "wb") as file:
            file.truncate(1 << 40)
        for name, says in (("out", "outside of the folder"), ("passwd", "outside of the folder"), ("loop", "loop"), ("dangling", "dangling"), ("folder", "Is a directory"),
                           ("pipe", "not a regular file"), ("huge", "larger than")):
            said = self.fails(1, "block", "show", f"secret/{name}", says=[f"secret/{name}", says])
            self.assertNotIn("planted", said)
        # As Kubernetes mounts a secret: links to a folder beside them, which is exchanged as a whole.
        os.mkdir(os.path.join(folder, "..2026_01"))
        self.write(os.path.join("blocks", "secret", "..2026_01", "mounted.json"), '{"value": "v"}')
        os.symlink("..2026_01", os.path.join(folder, "..data"))
        os.symlink("..data/mounted.json", os.path.join(folder, "mounted.json"))
        self.assertIn("value:", self.dowel("block", "show", "secret/mounted"))
        self.assertIn("mounted", [block["name"] for block in self.json("block", "list")])

    def test_names_that_are_none(self):
        for name in ("Upper.json", "a b.json", "x.txt", "..json", ("n" * 64) + ".json", ".hidden.json", "\x1b[31m.json"):
            self.write(os.path.join("blocks", "secret", name), "{}")
        env = {"DOWEL_BLOCK_SECRET": "{}", "DOWEL_BLOCK_NO_TYPE__X": "{}", "DOWEL_BLOCK_secret__x": "{}", "DOWEL_BLOCK_SECRET__": "{}",
               "DOWEL_BLOCK_SECRET__" + "N" * 300: "{}", "DOWEL_BLOCK_SECRET__EMPTY": ""}
        done = self.run_dowel("block", "list", env=env)
        self.assertEqual((done.returncode, done.out), (0, "no blocks yet\n"))
        for part in ("Upper.json is ignored", "x.txt is ignored", "DOWEL_BLOCK_NO_TYPE__X does not name a block", "DOWEL_BLOCK_secret__x does not name a block"):
            self.assertIn(part, done.err)
        self.assertNotIn("\x1b", done.err)
        for name in ("../secret/x", "..", "a/../b", "%2e%2e"):
            self.fails(2, "block", "show", f"secret/{name}")
        self.assertEqual(self.run_dowel("block", "show", "secret/" + "n" * 63).returncode, 3)

    def test_folder_that_is_not_there(self):
        env = {"DOWEL_BLOCKS_DIR": self.path("nowhere")}
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="v", env={"DOWEL_BLOCKS_DIR": ""})
        for words in (("block", "list"), ("block", "show", "secret/s")):
            self.fails(1, *words, env=env, says=["DOWEL_BLOCKS_DIR", self.path("nowhere")])
        self.assertIn("cannot be listed", self.dowel("config", env=env))

    def test_suggestions(self):
        self.put("secret/production", {"value": "v"})
        self.fails(3, "block", "show", "secret/prodution", says='did you mean "production"')


if __name__ == "__main__":
    main()
