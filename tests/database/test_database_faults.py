"""What a SQLite database meets in the world: it is read-only, the disk is full, it is damaged, locked, of a version that no dowel wrote. Each with plain
words and the file's name; nothing is lost, and no empty registry takes the place of one that cannot be read."""
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import BIN, CommandTest, main

NOBODY = 65534
ROOT = os.getuid() == 0


class Faults(CommandTest):
    def setUp(self):
        super().setUp()
        self.folder_of_database = os.path.dirname(self.database)

    def save(self, reference="secret/s", **options):
        return self.run_dowel("block", "save", reference, "--value", "-", "--overwrite", stdin="planted", **options)

    def as_reader(self):
        """As somebody whom permissions bind: root is not."""
        if not ROOT:
            return {}
        for root, folders, files in os.walk(self.folder):
            for name in folders + files:
                path = os.path.join(root, name)
                if not os.path.islink(path):
                    os.chown(path, NOBODY, NOBODY)
        os.chown(self.folder, NOBODY, NOBODY)
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    def modes(self, file, folder):
        """Both as a user who may not write; put back for the clean-up."""
        for name in os.listdir(self.folder_of_database):
            os.chmod(os.path.join(self.folder_of_database, name), file)
        os.chmod(self.folder_of_database, folder)
        self.addCleanup(os.chmod, self.folder_of_database, 0o700)

    def check_reading(self, reader, writes=False):
        for words in (("block", "list"), ("block", "show", "secret/s", "--show-secrets"), ("runs",), ("key", "show-id")):
            done = self.run_dowel(*words, **reader)
            self.assertEqual(done.returncode, 0, f"{words}: {done.err}")
            self.assertNotIn("temporary", done.err)
        self.assertIn("planted", self.run_dowel("block", "show", "secret/s", "--show-secrets", **reader).out)
        done = self.run_dowel("call", "block.check", "--block", "local-file-system/f", **reader)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("history is not recorded", done.err)
        done = self.save(**reader)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn(f"database {self.database}: it is read-only", done.err)
        self.assertIn("hint: blocks and runs can be read", done.err)
        for words in (("block", "delete", "secret/s"), ("key", "rotate"), ("runs", "prune", "--older-than", "0s")):
            done = self.run_dowel(*words, **reader)
            self.assertEqual(done.returncode, 1, f"{words}: {done.out}{done.err}")
            self.assertIn("it is read-only", done.err)

    def prepare(self, runs=True):
        done = self.save()
        self.assertEqual(done.returncode, 0, done.err)
        self.dowel("block", "save", "local-file-system/f", "--basepath", self.path("tmp"))
        if runs:
            self.dowel("runs")

    def test_a_file_that_can_only_be_read(self):
        self.prepare()
        reader = self.as_reader()
        self.modes(0o400, 0o700)
        self.check_reading(reader)

    def test_a_history_that_never_began_or_is_older(self):
        """Blocks that were put into an image, where nothing ever ran; and the tables of the first version that could resume runs."""
        self.prepare(runs=False)
        reader = self.as_reader()
        self.modes(0o400, 0o500)
        self.check_reading(reader)
        self.assertEqual(self.run_dowel("runs", "--json", **reader).out.split(), ["[]"])
        done = self.run_dowel("runs", "show", "0123", **reader)
        self.assertEqual(done.returncode, 3, done.err)
        self.modes(0o600, 0o700)
        done = self.run_dowel("call", "block.check", "--block", "local-file-system/f", **reader)
        self.assertEqual(done.returncode, 0, done.err)
        with sqlite3.connect(self.database) as database:
            for column in ("digest", "subject", "amount"):
                database.execute(f"ALTER TABLE runs DROP COLUMN {column}")
            database.execute("UPDATE dowel_schema SET version = 2 WHERE component = 'runs'")
        database.close()
        self.as_reader()
        self.modes(0o400, 0o700)
        self.check_reading(reader)
        (run,) = json.loads(self.run_dowel("runs", "--json", **reader).out)
        self.assertEqual(run["task"], "block.check")
        self.assertNotIn("subject", run, "which these tables cannot have")
        self.assertIn("block.check", self.run_dowel("runs", "show", run["id"], **reader).out)

    def test_a_folder_that_cannot_be_written(self):
        self.prepare()
        reader = self.as_reader()
        self.modes(0o600, 0o500)
        self.check_reading(reader)

    def test_neither(self):
        self.prepare()
        reader = self.as_reader()
        self.modes(0o400, 0o500)
        self.check_reading(reader)

    @unittest.skipUnless(ROOT, "only root can mount")
    def test_a_file_system_that_is_read_only(self):
        self.prepare()
        script = f"mount --bind {self.folder_of_database} {self.folder_of_database} && mount -o remount,ro,bind {self.folder_of_database} && "
        if subprocess.run(["unshare", "-m", "sh", "-c", script + "true"], capture_output=True, check=False).returncode:
            self.skipTest("no mounts here")
        for words, status, says in ((("block", "show", "secret/s", "--show-secrets"), 0, "planted"), (("block", "list"), 0, "secret"),
                                    (("block", "delete", "secret/s"), 1, "it is read-only")):
            done = subprocess.run(["unshare", "-m", "sh", "-c", script + 'exec "$0" "$@"', BIN, *words], env=self.env, capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual(done.returncode, status, done.stderr)
            self.assertIn(says, done.stdout + done.stderr)

    def test_changes_that_are_only_in_a_log_that_cannot_be_read(self):
        self.prepare()
        holder = sqlite3.connect(self.database)
        holder.execute("UPDATE blocks SET updated = updated + 1")
        holder.commit()
        kept = self.path("kept.db")
        for end in ("", "-wal"):
            shutil.copy(self.database + end, kept + end)
        holder.close()
        for end in ("", "-wal"):
            os.replace(kept + end, self.database + end)
        for end in ("-shm",):
            if os.path.exists(self.database + end):
                os.unlink(self.database + end)
        self.assertGreater(os.path.getsize(self.database + "-wal"), 0)
        reader = self.as_reader()
        self.modes(0o400, 0o500)
        done = self.run_dowel("block", "list", **reader)
        self.assertEqual(done.returncode, 1, done.out)
        self.assertIn(self.database + "-wal holds changes that are not in it yet", done.err)

    def test_an_older_database_that_can_only_be_read(self):
        """Its tables are those of the first version: blocks can be read."""
        self.prepare()
        with sqlite3.connect(self.database) as database:
            database.execute("UPDATE dowel_schema SET version = 1 WHERE component = 'blocks'")
        database.close()
        reader = self.as_reader()
        self.modes(0o400, 0o500)
        done = self.run_dowel("block", "show", "secret/s", "--show-secrets", **reader)
        self.assertIn("planted", done.out, done.err)

    def test_the_default_path(self):
        self.prepare()
        reader = self.as_reader()
        # It is there, but cannot be looked at: no empty registry in its place.
        os.chmod(self.path("home", ".local"), 0)
        for words in (("block", "list"), ("block", "show", "secret/s"), ("runs",), ("block", "save", "secret/t", "--value", "-")):
            done = self.run_dowel(*words, stdin="x", **reader)
            self.assertEqual(done.returncode, 1, done.out)
            self.assertIn(f"cannot access the database {self.database}: Permission denied", done.err)
            self.assertEqual(done.out, "")
        self.assertEqual(os.listdir(self.path("tmp")), [])
        os.chmod(self.path("home", ".local"), 0o700)
        # It is surely not there and cannot be made: the temporary folder, said on standard error.
        shutil.rmtree(self.path("home", ".local"))
        os.chmod(self.path("home"), 0o500)
        self.addCleanup(os.chmod, self.path("home"), 0o700)
        done = self.run_dowel("block", "list", **reader)
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn(f"{self.database} cannot be created; storing blocks and history in {self.path('tmp')}", done.err)

    def test_a_limit_on_the_size_of_files(self):
        self.prepare()
        size = os.path.getsize(self.database)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        done = self.run_dowel("block", "save", "secret/large", "--value", "-", stdin="x" * 1_000_000, preexec_fn=limit)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn(f"database {self.database}: ", done.err)
        self.assertRegex(done.err, "limit on the size of files|the disk is full")
        self.assertEqual([block["name"] for block in self.json("block", "list")], ["f", "s"])

    @unittest.skipUnless(ROOT, "only root can mount")
    def test_a_full_disk(self):
        folder = self.path("disk")
        os.mkdir(folder)
        # Full at once, and full after the database was made: before its log, in the middle of a save.
        if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode:
            self.skipTest("no mounts here")
        for room in (0, 4, 28, 64, 140):
            script = (f"mount -t tmpfs -o size=200k tmpfs {folder} && "
                      f"dd if=/dev/zero of={folder}/ballast bs=1k count={200 - room} 2>/dev/null; "
                      'for i in 1 2 3 4 5 6; do "$@" || exit $?; done')
            done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", BIN, "block", "save", "secret/s", "--overwrite", "--value", "env:V"],
                                  env={**self.env, "V": "x" * 20000, "DOWEL_DATABASE_URL": f"sqlite:{folder}/d.db"}, input="", capture_output=True, text=True,
                                  timeout=60, check=False)
            if room < 140:
                self.assertEqual(done.returncode, 1, f"{room}: {done.stdout}{done.stderr}")
                self.assertIn(f"database {folder}/d.db: the disk is full", done.stderr, room)
                self.assertIn("hint: make room", done.stderr)

    def test_damage(self):
        for content, says in ((b"not a database at all, but long enough to look like one " * 40, "not a database"), (b"x", "not a database")):
            path = self.write("d.db", content)
            said = self.fails(1, "block", "list", env={"DOWEL_DATABASE_URL": "sqlite:" + path}, says=[path, says, "left as it is"])
            self.assertNotIn("SQLite code 26)", said.splitlines()[0].split("(")[0])
            with open(path, "rb") as file:
                self.assertEqual(file.read(), content)
        os.mkdir(self.path("folder.db"))
        self.fails(1, "block", "list", env={"DOWEL_DATABASE_URL": "sqlite:" + self.path("folder.db")}, says=["folder.db", "it is a folder"])
        self.fails(1, "block", "list", env={"DOWEL_DATABASE_URL": "sqlite:/proc/no-such/d.db"}, says="/proc/no-such")

    def test_versions_that_no_dowel_wrote(self):
        self.prepare()
        for component in ("blocks", "runs"):
            words = ("block", "list") if component == "blocks" else ("runs",)
            for version in ("-1", "-9223372036854775808", "0", "99", "9223372036854775807", "'abc'", "''", "1.5", "1e300", "x'0102'", "'1 or 2'"):
                with sqlite3.connect(self.database) as database:
                    [(kept,)] = database.execute("SELECT version FROM dowel_schema WHERE component = ?", (component,))
                    database.execute(f"UPDATE dowel_schema SET version = {version} WHERE component = '{component}'")
                database.close()
                self.fails(1, *words, says=[f"tables of {component} are newer or damaged", "nothing was changed"])
                if component == "blocks":
                    self.assertEqual(self.save().returncode, 1)
                with sqlite3.connect(self.database) as database:
                    database.execute("UPDATE dowel_schema SET version = ? WHERE component = ?", (kept, component))
                database.close()
        with sqlite3.connect(self.database) as database:
            database.execute("INSERT INTO dowel_schema VALUES ('somebody else''s', -5)")
        database.close()
        self.assertEqual(len(self.json("block", "list")), 2, "a component that dowel does not know is not its business")
        with sqlite3.connect(self.database) as database:
            database.execute("DROP TABLE dowel_schema")
            database.execute("CREATE TABLE dowel_schema (something TEXT)")
        database.close()
        self.fails(1, "block", "list", says=["preparing the tables of blocks", "version"])

    def test_modes_do_not_depend_on_the_umask(self):
        for umask in (0, 0o022, 0o077, 0o177):
            home = self.path(f"home-{umask:o}")
            os.mkdir(home, 0o700)
            env = {"HOME": home}
            # A connection that is open keeps the files beside the database.
            done = self.run_dowel("block", "save", "secret/s", "--value", "-", stdin="planted", env=env, umask=umask)
            self.assertEqual(done.returncode, 0, done.err)
            path = os.path.join(home, ".local", "share", "dowel")
            self.assertEqual([(name, oct(os.stat(os.path.join(path, name)).st_mode & 0o777)) for name in sorted(os.listdir(path))],
                             [("dowel.db", "0o600")], "and no leftovers")
            self.assertEqual(os.stat(os.path.join(home, ".config", "dowel", "key")).st_mode & 0o777, 0o600)
            if umask != 0o177:
                self.assertEqual(os.stat(path).st_mode & 0o777, 0o700)


if __name__ == "__main__":
    main()
