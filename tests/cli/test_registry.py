"""A registry that is corrupt, locked, unwritable, elsewhere, or sealed with another key: it is said, and nothing is lost."""
import base64
import glob
import os
import sqlite3
import subprocess

from cli_case import BIN, CommandTest, main


class Registry(CommandTest):
    def save(self, reference="secret/s", **options):
        self.dowel("block", "save", reference, "--value", "-", stdin="planted", **options)

    @staticmethod
    def content(path):
        with open(path, "rb") as file:
            return file.read()

    def test_no_database(self):
        os.makedirs(os.path.dirname(self.database))
        for damage in (b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000):
            with open(self.database, "wb") as file:
                file.write(damage)
            for words in (("block", "list"), ("block", "save", "gcs-bucket/b", "--bucket", "b"), ("runs",), ("block", "show", "gcs-bucket/b")):
                self.fails(1, *words, says=[self.database])
            self.assertEqual(self.content(self.database), damage, "what is there is left as it is")

    def test_damaged_page(self):
        self.save()
        for i in range(30):
            self.dowel("block", "save", f"gcs-bucket/b{i}", "--bucket", "x" * 60)
        with sqlite3.connect(self.database) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        with open(self.database, "r+b") as file:
            size = file.seek(0, 2)
            for page in range(1, size // 4096):
                file.seek(page * 4096)
                file.write(b"\xee" * 4096)
        before = self.content(self.database)
        said = self.fails(1, "block", "list")
        self.assertIn(self.database, said)
        self.fails(1, "block", "show", "secret/s")
        self.assertEqual(self.content(self.database), before)

    def test_locked(self):
        self.save()
        holder = sqlite3.connect(self.database, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        self.assertIn("secret", self.dowel("block", "list"), "reading does not wait for a writer")
        writer = subprocess.Popen([BIN, "block", "save", "gcs-bucket/b", "--bucket", "b"], env=self.env, stdout=subprocess.PIPE)
        with self.assertRaises(subprocess.TimeoutExpired):
            writer.wait(0.3)
        holder.execute("ROLLBACK")
        out, _ = writer.communicate(timeout=60)
        self.assertEqual((writer.returncode, out), (0, b"saved gcs-bucket/b (revision 1)\n"), "writing waits for another writer")

    def test_wrong_key(self):
        keys = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
        first, second = {"DOWEL_KEY": keys[0]}, {"DOWEL_KEY": keys[1]}
        self.save(env=first)
        self.assertIn("planted", self.dowel("block", "show", "secret/s", "--show-secrets", env=first))
        for env in (second, {}):
            said = self.fails(4, "block", "show", "secret/s", "--show-secrets", env=env, says=["secret/s", "key"])
            self.assertNotIn("planted", said)
            self.assertIn("********", self.dowel("block", "show", "secret/s", env=env), "the masked form needs no key")
            self.assertEqual(len(self.json("block", "list", env=env)), 1)
        self.assertIn("planted", self.dowel("block", "show", "secret/s", "--show-secrets", env=first), "nothing was deleted")
        for key in ("short", "not base64!", "", base64.b64encode(b"x" * 31).decode()):
            done = self.run_dowel("block", "save", "secret/t", "--value", "-", stdin="v", env={"DOWEL_KEY": key})
            if key:
                self.assertEqual(done.returncode, 4, done.err)
                self.assertIn("DOWEL_KEY", done.err)
                self.assertNotIn(key, done.err)

    def test_key_files(self):
        self.save()
        key = glob.glob(self.path("home", ".config", "dowel", "*"))
        self.assertEqual(len(key), 1, "made at the first secret, apart from the database")
        self.assertEqual(os.stat(key[0]).st_mode & 0o777, 0o600)
        os.rename(key[0], self.path("moved"))
        self.fails(4, "block", "show", "secret/s", "--show-secrets", says=["secret/s", "key"])
        self.assertIn("planted", self.dowel("block", "show", "secret/s", "--show-secrets", env={"DOWEL_KEY_FILE": self.path("moved")}))
        self.fails(4, "block", "show", "secret/s", "--show-secrets", env={"DOWEL_KEY_FILE": self.path("none")}, says=self.path("none"))
        self.fails(4, "block", "show", "secret/s", "--show-secrets", env={"DOWEL_KEY_FILE": self.write("empty", "")}, says=self.path("empty"))
        os.chmod(self.path("moved"), 0o644)
        self.fails(4, "block", "show", "secret/s", "--show-secrets", env={"DOWEL_KEY_FILE": self.path("moved")}, says=["moved", "chmod"])

    def test_addresses(self):
        elsewhere = {"DOWEL_DATABASE_URL": "sqlite:" + self.path("sub", "folder", "other.db")}
        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b", env=elsewhere)
        self.assertEqual(self.json("block", "list"), [])
        self.assertEqual(len(self.json("block", "list", env=elsewhere)), 1)
        self.assertEqual(self.json("config", env=elsewhere)["database"], self.path("sub", "folder", "other.db"))
        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b", env={"DOWEL_DATABASE_URL": "memory:"})
        self.assertEqual(self.json("block", "list", env={"DOWEL_DATABASE_URL": "memory:"}), [])
        self.dowel("block", "save", "gcs-bucket/c", "--bucket", "b", env={"XDG_DATA_HOME": self.path("xdg")})
        self.assertTrue(os.path.exists(self.path("xdg", "dowel", "dowel.db")))
        for url in ("nonsense:x", "postgresql://u:p4ss/x@h/d", "postgres:x", "sqlite:", "/a/path"):
            said = self.fails(2, "block", "list", env={"DOWEL_DATABASE_URL": url}, says="DOWEL_DATABASE_URL")
            self.assertNotIn("p4ss", said)

    def test_folder_in_place_of_the_file(self):
        os.makedirs(self.database)
        self.fails(1, "block", "list", says=self.database)

    def test_newer_database(self):
        self.save()
        with sqlite3.connect(self.database) as database:
            database.execute("UPDATE dowel_schema SET version = version + 1")
        database.close()
        self.fails(1, "block", "list", says=["newer"])

    def test_configuration(self):
        text = self.dowel("config", env={"DOWEL_LOG": "info", "AWS_REGION": "r", "DOWEL_KEY": "planted-key"})
        for part in ("version:", self.database, "DOWEL_LOG", "AWS_REGION"):
            self.assertIn(part, text)
        self.assertNotIn("planted-key", text)
        config = self.json("config", env={"DOWEL_KEY": "planted-key", "DOWEL_LOG": "info", "AWS_PROFILE": "p"})
        self.assertEqual(config["environment"]["DOWEL_KEY"], "(set)")
        self.assertEqual(config["environment"]["DOWEL_LOG"], "info")
        self.assertEqual(config["environment"]["AWS_PROFILE"], "p")
        self.assertRegex(config["version"], r"^\d+\.\d+\.\d+$")
        self.fails(2, "config", "stray", says='no config command "stray"')
        done = self.run_dowel("block", "list", env={"DOWEL_LOG": "loud"})
        self.assertEqual(done.returncode, 0)
        self.assertIn('warning DOWEL_LOG: "loud" is not one of debug, info, warning, error; using warning', done.err)


class NoHome(CommandTest):
    def test_where_nobody_says_where(self):
        """Without HOME, as in some services: the temporary folder, and a warning; no folder is made elsewhere."""
        del self.env["HOME"]
        done = self.run_dowel("block", "save", "gcs-bucket/b", "--bucket", "b")
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("neither XDG_DATA_HOME nor HOME", done.err)
        self.assertIn(self.path("tmp"), done.err)
        self.assertEqual([row["name"] for row in self.json("block", "list")], ["b"])


if __name__ == "__main__":
    main()
