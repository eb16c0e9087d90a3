"""Nothing of a block is shown before it is known not to be secret: misspelt fields, values in the wrong place, in every source and by every way to
look at a block. And names without a type."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import CommandTest, main
from stores import Store

S3 = {"bucket": "b"}
KEYS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}
# Type, document, and what the message names.
WRONG = [
    ("aws-credentials", {**KEYS, "secret_acces_key": "planted-1"}, "secret_acces_key"),
    ("aws-credentials", {**KEYS, "secretAccessKey": "planted-2"}, "secretAccessKey"),
    ("aws-credentials", {**KEYS, "SECRET_ACCESS_KEY": "planted-3", "secret_access_key": "planted-4"}, "SECRET_ACCESS_KEY"),
    ("aws-credentials", {**KEYS, "region": {"secret_access_key": "planted-5"}}, "region"),
    ("aws-credentials", {**KEYS, "region": ["planted-6"]}, "region"),
    ("gcp-credentials", {"service_account": {"private_key": "planted-7"}}, "service_account"),
    ("gcp-credentials", {"private_key": "planted-8", "project": "p"}, "private_key"),
    ("gcp-credentials", {"tokens": ["planted-9"]}, "tokens"),
    ("secret", {"values": "planted-10"}, "values"),
    ("secret", {"value": "planted-11", "$type": "planted-12"}, "$type"),
    ("s3-bucket", {**S3, "credentials": {"$type": "aws-credentials", **KEYS, "secret": "planted-13"}}, "secret"),
    ("s3-bucket", {**S3, "credentials": {**KEYS, "secret_acces_key": "planted-14"}}, "secret_acces_key"),
    ("s3-bucket", {**S3, "credentials": {"$block": "aws-credentials/x", "secret_access_key": "planted-15"}}, "credentials"),
    ("s3-bucket", {**S3, "credentials": ["planted-16"]}, "credentials"),
    ("s3-bucket", {**S3, "credentials": {"$block": {"password": "planted-17"}}}, "credentials"),
    ("s3-bucket", {**S3, "credentials": {"$type": "no-such-type", "password": "planted-18"}}, "credentials"),
    ("gcs-bucket", {"bucket": "b", "encryption": "planted-19"}, "encryption"),
]


class Unmasked(Store, CommandTest):
    @property
    def database(self):
        return self.path("other", "programs.db")  # not where nothing planted may be

    def setUp(self):
        super().setUp()
        self.env["DOWEL_DATABASE_URL"] = "sqlite:" + self.database
        self.store()
        self.env["DOWEL_LOG"] = "debug"

    def look(self, reference, says, env):
        """By every way."""
        for words in (("block", "show", reference), ("block", "show", reference, "--json"), ("block", "show", reference, "--show-secrets"),
                      ("block", "export", reference, "--template", "-"), ("block", "export", reference, "--bundle", "-", "--passphrase", "env:P"),
                      ("block", "check", reference), ("call", "block.check", "--block", reference)):
            done = self.run_dowel(*words, env={"P": "x", **env})
            self.assertEqual(done.returncode, 2, f"{words}: {done.out}{done.err}")
            self.assertIn(says, done.err)
            self.assertNotIn("planted", done.out + done.err, words)
        for words in (("block", "list"), ("block", "list", "--json"), ("config",)):
            done = self.run_dowel(*words, env=env)
            self.assertNotIn("planted", done.out + done.err, words)

    def test_variables(self):
        for kind, document, says in WRONG:
            self.look(f"{kind}/x", says, {f"DOWEL_BLOCK_{kind.upper().replace('-', '_')}__X": json.dumps(document)})

    def test_files(self):
        for kind, document, says in WRONG:
            os.makedirs(self.path("blocks", kind), exist_ok=True)
            self.write(os.path.join("blocks", kind, "x.json"), json.dumps(document))
            self.look(f"{kind}/x", says, {"DOWEL_BLOCKS_DIR": self.path("blocks")})
            os.unlink(self.path("blocks", kind, "x.json"))

    def test_saving(self):
        """--from, standard input, templates, the editor."""
        for n, (kind, document, says) in enumerate(WRONG):
            path = self.write("document.json", json.dumps(document))
            template = self.write("template.json", json.dumps({"format": "dowel-template", "version": 1,
                                                               "blocks": [{"type": kind, "name": "x", "document": document}]}))
            for words in (("block", "save", f"{kind}/x", "--from", path), ("block", "save", f"{kind}/x", "--from", "-"), ("block", "restore", template)):
                said = self.fails(2, *words, says=says, stdin=json.dumps(document))
                self.assertNotIn("planted", said, (n, words))
        self.assertEqual(self.json("block", "list"), [])
        self.assertFalse(os.path.exists(self.path("home", ".config", "dowel", "key")), "a wrong document makes no key")

    def test_rows_that_dowel_did_not_write(self):
        """Another program wrote secrets into the database as they are."""
        self.dowel("block", "list")
        for kind, document, says in WRONG + [("secret", {"value": "planted-20"}, None), ("aws-credentials", {**KEYS, "session_token": "planted-21"}, None)]:
            if "$type" in document:
                continue
            self.sql("DELETE FROM blocks")
            self.sql(f"INSERT INTO blocks (type, name, revision, version, document, created, updated) VALUES ('{kind}', 'x', 1, 1, '{json.dumps(document)}', 0, 0)")
            for words in (("block", "show", f"{kind}/x"), ("block", "show", f"{kind}/x", "--json"), ("block", "export", "--template", "-")):
                done = self.run_dowel(*words)
                self.assertNotIn("planted", done.out + done.err, (document, words))
                if not says:
                    self.assertIn("********", done.out)

    def test_a_folder_beside_the_one_of_blocks(self):
        os.makedirs(self.path("blocks", "secret"))
        os.makedirs(self.path("blocks-beside"))
        self.write("blocks-beside/s.json", '{"value": "planted-22"}')
        self.write("blocks/secret/real.json", '{"value": "v"}')
        os.symlink("../../blocks-beside/s.json", self.path("blocks", "secret", "s.json"))
        os.symlink("real.json", self.path("blocks", "secret", "inside.json"))
        for folder in (self.path("blocks"), self.path("blocks") + "/", self.path("blocks", "..", "blocks")):
            env = {"DOWEL_BLOCKS_DIR": folder}
            said = self.fails(1, "block", "show", "secret/s", "--show-secrets", says="outside of the folder", env=env)
            self.assertNotIn("planted", said)
            self.assertEqual(self.json("block", "show", "secret/inside", "--show-secrets", env=env)["document"], {"value": "v"})


class Names(Store, CommandTest):
    """A name alone is enough wherever exactly one block fits."""

    def setUp(self):
        super().setUp()
        self.store()
        for name in ("one", "two"):
            os.mkdir(self.path(name))
        self.write("one/file", "text")

    def files(self, name, path):
        self.dowel("block", "save", f"local-file-system/{name}", "--basepath", self.path(path))

    def test_where_several_types_fit(self):
        self.files("results", "one")
        self.files("both", "one")
        self.dowel("block", "save", "secret/results", "--value", "-", stdin="v")
        self.dowel("block", "save", "s3-bucket/both", "--bucket", "b")
        self.dowel("block", "save", "gcs-bucket/both", "--bucket", "b")
        # local-file-system|gcs-bucket|s3-bucket: the secret of that name does not fit.
        call = ("call", "block.check", "--block")
        said = self.fails(2, *call, "both", says=["gcs-bucket/both", "local-file-system/both", "s3-bucket/both", "type/name"])
        self.assertNotIn("got an object", said)
        self.fails(2, *call, "results", says=["local-file-system/results", "secret/results"])
        self.fails(3, *call, "nothing", says='no block "nothing"')
        self.fails(2, *call, "No_Name", says="a-z, 0-9 and -")
        self.files("only", "one")
        self.assertEqual(self.json(*call, "only")["block"], "local-file-system/only")
        env = {"DOWEL_BLOCK_LOCAL_FILE_SYSTEM__MOUNTED": json.dumps({"basepath": self.path("one")})}
        self.assertEqual(self.json(*call, "mounted", env=env)["block"], "local-file-system/mounted")
        self.assertEqual(self.json(*call, "mounted", env={**env, "DOWEL_DATABASE_URL": "postgresql://u@127.0.0.1:1/none"})["block"],
                         "local-file-system/mounted")
        self.fails(2, "block", "show", "both", says=["gcs-bucket/both", "s3-bucket/both"])

    def test_in_saved_blocks_and_arguments(self):
        self.dowel("block", "save", "aws-credentials/mine", "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-access-key", "-", stdin="planted-23")
        for credentials in ("mine", {"$block": "mine"}, "aws-credentials/mine", {"$block": "aws-credentials/mine"}):
            self.dowel("block", "save", "s3-bucket/b", "--from", "-", "--overwrite", stdin=json.dumps({"bucket": "b", "credentials": credentials}))
            self.assertEqual(self.json("block", "show", "s3-bucket/b")["document"]["credentials"], {"$block": "aws-credentials/mine"})
        self.fails(7, "block", "delete", "aws-credentials/mine", says="s3-bucket/b refers to it")


if __name__ == "__main__":
    main()
