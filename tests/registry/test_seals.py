"""What somebody who can write the database can do to blocks: nothing that is used. And how seals of the first format are read once and renewed.
In SQLite and PostgreSQL."""
import base64
import hashlib
import http.server
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import CommandTest, main
from stores import Store

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY, OTHER = bytes(range(32)), bytes([9]) * 32


def key_id(key):
    return hashlib.sha256(b"dowel key id\0" + key).hexdigest()[:16]


def first_format(key, kind, name, revision, secrets):
    """A seal as the first versions made it: the public fields are not in what it binds."""
    bound = b"\0".join((b"dowel-sealed", b"1", kind.encode(), name.encode(), str(revision).encode(), key_id(key).encode()))
    nonce = os.urandom(12)
    return base64.b64encode(b"\1\x10" + key_id(key).encode() + nonce + AESGCM(key).encrypt(nonce, json.dumps(secrets).encode(), bound)).decode()


class Seals(Store, CommandTest):
    def setUp(self):
        super().setUp()
        self.store()
        self.env["DOWEL_KEY"] = base64.b64encode(KEY).decode()

    def put_old(self, reference, document, secrets, key=KEY, revision=1):
        kind, name = reference.split("/")
        sealed = f"'{first_format(key, kind, name, revision, secrets)}'" if secrets else "NULL"
        owner = f"'{key_id(key)}'" if secrets else "NULL"
        self.sql(f"INSERT INTO blocks (type, name, revision, version, document, sealed, key_id, created, updated) VALUES "
                 f"('{kind}', '{name}', {revision}, 1, '{json.dumps(document)}', {sealed}, {owner}, 0, 0)")

    def start_old(self):
        """A database as the first versions left it, with two blocks that have secrets and one that has none."""
        self.dowel("block", "list")
        self.sql("DELETE FROM dowel_schema WHERE component LIKE 'seals %'")
        self.sql("UPDATE dowel_schema SET version = 1 WHERE component = 'blocks'")
        self.put_old("aws-credentials/prod", {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": {"$sealed": True}, "region": "eu-west-1"},
                     {"/secret_access_key": "planted-one"}, revision=4)
        self.put_old("secret/s", {"value": {"$sealed": True}}, {"/value": "planted-two"})
        self.put_old("s3-bucket/b", {"bucket": "b", "credentials": {"$block": "aws-credentials/prod"}}, None)

    def formats(self):
        return {name: base64.b64decode(sealed)[0] if sealed else None for name, sealed in self.sql("SELECT name, sealed FROM blocks")}

    def value(self, reference, field="value", **options):
        return self.json("block", "show", reference, "--show-secrets", **options)["document"][field]

    def refused(self, *words, **options):
        said = self.fails(1, *words, says="changed outside of dowel", **options)
        self.assertNotIn("planted", said)

    def test_an_endpoint_that_was_changed_collects_no_token(self):
        asked = []

        class Collector(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.headers.get("Authorization"))
                self.send_error(404)
            do_POST = do_GET

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        self.addCleanup(server.server_close)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        evil = f"http://127.0.0.1:{server.server_port}"
        self.dowel("block", "save", "gcp-credentials/c", "--token", "-", "--project", "p", stdin="planted-token")
        # With a secret of its own, with a reference to a block with one, with neither (credentials of the environment).
        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b", "--credentials", "c", "--endpoint", "http://127.0.0.1:9")
        self.dowel("block", "save", "s3-bucket/e", "--bucket", "b", "--endpoint", "http://127.0.0.1:9")
        self.sql(f"UPDATE blocks SET document = REPLACE(document, 'http://127.0.0.1:9', '{evil}')")
        for bucket, task in (("gcs-bucket/b", "gcs.list"), ("s3-bucket/e", "s3.list")):
            self.refused("call", task, "--bucket", bucket, "--timeout", "5s", env={"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"})
            self.refused("block", "show", bucket, "--show-secrets")
            self.refused("block", "export", bucket, "--bundle", "-", "--passphrase", "env:P", env={"P": "x"})
        self.assertEqual(asked, [])

    def test_another_credentials_block_put_in_its_place(self):
        self.dowel("block", "save", "aws-credentials/mine", "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-access-key", "-", stdin="planted-mine")
        self.dowel("block", "save", "aws-credentials/theirs", "--access-key-id", "AKIAI44QH8DHBEXAMPLE", "--secret-access-key", "-", stdin="planted-theirs")
        self.dowel("block", "save", "s3-bucket/b", "--bucket", "b", "--credentials", "mine")
        self.sql("UPDATE blocks SET document = REPLACE(document, 'aws-credentials/mine', 'aws-credentials/theirs') WHERE name = 'b'")
        self.refused("call", "s3.list", "--bucket", "b")
        self.sql("DELETE FROM blocks WHERE name = 'mine'")
        self.sql("UPDATE blocks SET name = 'mine' WHERE name = 'theirs'")
        self.refused("block", "show", "aws-credentials/mine", "--show-secrets")

    def test_old_seals_are_read_once_and_renewed(self):
        self.start_old()
        self.assertEqual(self.formats(), {"prod": 1, "s": 1, "b": None})
        self.assertEqual(self.value("aws-credentials/prod", "secret_access_key"), "planted-one")
        self.assertEqual(self.formats(), {"prod": 2, "s": 2, "b": 2}, "the first that is read renews all of them")
        self.assertEqual(self.json("block", "show", "aws-credentials/prod")["revision"], 4)
        self.assertEqual((self.value("secret/s"), self.value("s3-bucket/b", "bucket")), ("planted-two", "b"))
        self.sql("UPDATE blocks SET document = REPLACE(document, 'eu-west-1', 'eu-west-2') WHERE name = 'prod'")
        self.refused("block", "show", "aws-credentials/prod", "--show-secrets")

    def test_an_old_seal_that_is_put_back_is_refused(self):
        self.start_old()
        kept = {name: sealed for name, sealed in self.sql("SELECT name, sealed FROM blocks")}
        self.value("secret/s")
        document = json.dumps({"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": {"$sealed": True}, "region": "evil"})
        self.sql(f"UPDATE blocks SET sealed = '{kept['prod']}', document = '{document}' WHERE name = 'prod'")
        self.sql("UPDATE blocks SET sealed = NULL, key_id = NULL WHERE name = 'b'")
        for step in ("at once", "after a rotation"):
            said = self.fails(1, "block", "show", "aws-credentials/prod", "--show-secrets", says="not accepted any more")
            self.assertNotIn("planted", said, step)
            self.refused("block", "show", "s3-bucket/b", "--show-secrets")
            keys = {"DOWEL_KEY": base64.b64encode(OTHER).decode() + "," + self.env["DOWEL_KEY"]}
            said = self.fails(1, "key", "rotate", env=keys, says=["aws-credentials/prod", "1 could not be"])
            self.assertNotIn("planted", said)
            self.env.update(keys)
        self.assertEqual(self.value("secret/s"), "planted-two")

    def test_deleting_the_marks_brings_no_old_format_back(self):
        """dowel_schema says that all seals are new: whoever changes blocks can delete that too."""
        self.start_old()
        kept = {name: sealed for name, sealed in self.sql("SELECT name, sealed FROM blocks")}
        self.value("secret/s")
        self.sql("DELETE FROM dowel_schema WHERE component LIKE 'seals %'")
        self.sql("UPDATE blocks SET sealed = NULL, key_id = NULL, document = REPLACE(document, '\"b\"', '\"evil\"') WHERE name = 'b'")
        document = json.dumps({"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": {"$sealed": True}, "region": "evil"})
        self.sql(f"UPDATE blocks SET sealed = '{kept['prod']}', document = '{document}' WHERE name = 'prod'")
        for step in ("at once", "after a save"):
            self.refused("block", "show", "s3-bucket/b", "--show-secrets")
            said = self.fails(1, "block", "show", "aws-credentials/prod", "--show-secrets", says="not accepted any more")
            self.assertNotIn("planted", said, step)
            self.dowel("block", "save", "secret/new", "--value", "-", "--overwrite", stdin="planted-new")
        self.assertEqual(self.formats(), {"prod": 1, "s": 2, "b": None, "new": 2}, "nothing that was changed is sealed anew")

    def test_saving_renews_what_is_old(self):
        self.start_old()
        self.dowel("block", "save", "secret/new", "--value", "-", stdin="planted-new")
        self.assertEqual(self.formats(), {"prod": 2, "s": 2, "b": 2, "new": 2})
        self.assertEqual((self.value("secret/s"), self.value("secret/new")), ("planted-two", "planted-new"))

    def test_rotation_renews_what_is_old(self):
        self.start_old()
        keys = {"DOWEL_KEY": base64.b64encode(OTHER).decode() + "," + self.env["DOWEL_KEY"]}
        self.assertEqual(self.json("key", "rotate", env=keys)["blocks"], 2)
        self.assertEqual(self.formats(), {"prod": 2, "s": 2, "b": 2})
        self.assertEqual(self.value("secret/s", env={"DOWEL_KEY": base64.b64encode(OTHER).decode()}), "planted-two")

    def test_a_key_that_comes_later(self):
        self.start_old()
        self.put_old("secret/theirs", {"value": {"$sealed": True}}, {"/value": "planted-theirs"}, key=OTHER)
        self.value("secret/s")
        self.assertEqual(self.formats()["theirs"], 1, "its key is not here")
        both = {"DOWEL_KEY": self.env["DOWEL_KEY"] + "," + base64.b64encode(OTHER).decode()}
        self.fails(4, "block", "show", "secret/theirs", "--show-secrets", says=key_id(OTHER))
        self.assertEqual(self.value("secret/theirs", env=both), "planted-theirs")
        self.assertEqual(self.formats()["theirs"], 2)

    def test_without_a_key(self):
        """A machine without any key uses blocks without secrets, and says that it could not check them; it adds none to a sealed registry."""
        self.dowel("block", "save", "local-file-system/f", "--basepath", self.folder)
        none = {"DOWEL_KEY": "", "HOME": "/proc/nowhere", "DOWEL_DATABASE_URL": self.env.get("DOWEL_DATABASE_URL", "sqlite:" + self.database)}
        done = self.run_dowel("block", "show", "local-file-system/f", "--show-secrets", env=none)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("unchecked", done.err)
        self.fails(4, "block", "save", "local-file-system/g", "--basepath", self.folder, env=none, says="seals every block")
        # A registry that never had a key has no seals, and gets them with its first key.
        none["DOWEL_DATABASE_URL"] = "sqlite:" + self.path("new.db")
        done = self.run_dowel("block", "save", "local-file-system/f", "--basepath", self.folder, env=none)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("without a seal", done.err)
        self.assertEqual(self.run_dowel("block", "show", "local-file-system/f", "--show-secrets", env=none).err, "")
        some = {"DOWEL_DATABASE_URL": none["DOWEL_DATABASE_URL"]}
        self.dowel("block", "save", "local-file-system/g", "--basepath", self.folder, env=some)
        self.assertIn("unchecked", self.run_dowel("block", "show", "local-file-system/f", "--show-secrets", env=none).err)

    def test_a_key_that_this_machine_made_for_itself(self):
        """A job in a shared registry has no key of the registry's; the one that dowel made for its runs does not make it one."""
        self.dowel("block", "save", "local-file-system/f", "--basepath", self.folder)
        own = {"DOWEL_KEY": "", "DOWEL_DATABASE_URL": "sqlite:" + self.path("own.db")}
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="v", env=own)
        job = {"DOWEL_KEY": "", "DOWEL_DATABASE_URL": self.env.get("DOWEL_DATABASE_URL", "sqlite:" + self.database)}
        done = self.run_dowel("block", "show", "local-file-system/f", "--show-secrets", env=job)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("unchecked", done.err)
        # A key that is named is meant for the registry, and so is one that sealed a block of it.
        self.fails(4, "block", "show", "local-file-system/f", "--show-secrets", env={"DOWEL_KEY": base64.b64encode(OTHER).decode()}, says=key_id(KEY))
        self.dowel("block", "save", "secret/t", "--value", "-", stdin="v", env=job)
        self.fails(4, "block", "show", "local-file-system/f", "--show-secrets", env=job, says=key_id(KEY))

    def test_a_machine_without_the_key_does_not_make_one_for_a_block_without_secrets(self):
        """As a job whose DOWEL_KEY is not set: with a key of its own, it could use none of the blocks any more that it has used so far."""
        self.dowel("block", "save", "local-file-system/f", "--basepath", self.folder)
        job = {"DOWEL_KEY": "", "DOWEL_DATABASE_URL": self.env.get("DOWEL_DATABASE_URL", "sqlite:" + self.database)}
        key_file = self.path("home", ".config", "dowel", "key")
        said = self.fails(4, "block", "save", "local-file-system/g", "--basepath", self.folder, env=job, says=["seals every block", key_id(KEY), "dowel key add"])
        self.assertFalse(os.path.exists(key_file), said)
        self.assertEqual(self.run_dowel("block", "show", "local-file-system/f", "--show-secrets", env=job).returncode, 0)
        # Nor does it seal one with the key that it made for something else.
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="v", env={**job, "DOWEL_DATABASE_URL": "sqlite:" + self.path("own.db")})
        self.fails(4, "block", "save", "local-file-system/g", "--basepath", self.folder, env=job, says=key_id(KEY))
        # A secret is worth a key, and the user learns what follows from it.
        done = self.run_dowel("block", "save", "secret/t", "--value", "-", stdin="v", env=job)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn(key_id(KEY), done.err)
        os.remove(key_file)
        # No message tells anyone to make a key where only the registry's helps.
        said = self.fails(4, "block", "show", "secret/t", "--show-secrets", env=job, says="provide that key")
        said += self.fails(4, "block", "save", "secret/u", "--value", "-", stdin="v", env={**job, "HOME": ""}, says="this registry is sealed with key")
        self.assertNotIn("openssl", said)
        # The registry's key, added on a new machine, is the one that seals there.
        self.dowel("key", "add", "--key", "-", stdin=self.env["DOWEL_KEY"], env=job)
        self.assertEqual([(key["id"], key["use"]) for key in self.json("key", "show-id", env=job)["keys"]][0], (key_id(KEY), "seals"))
        with open(key_file) as file:
            self.assertEqual(file.read().split(), [self.env["DOWEL_KEY"]])
        self.assertEqual(os.stat(key_file).st_mode & 0o777, 0o600)
        self.assertEqual(self.dowel("block", "save", "local-file-system/g", "--basepath", self.folder, env=job), "saved local-file-system/g (revision 1)\n")
        self.assertEqual(self.json("block", "show", "local-file-system/g", "--show-secrets")["revision"], 1)

    def test_an_older_dowel_is_kept_out(self):
        self.dowel("block", "list")
        self.assertEqual(self.sql("SELECT version FROM dowel_schema WHERE component = 'blocks'"), [("2",)])


if __name__ == "__main__":
    main()
