"""Saving while keys are rotated: no block ends sealed with a key that the rotation left behind, and none is lost. In SQLite and PostgreSQL."""
import os
import sqlite3
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import BIN, CommandTest, main
from stores import SERVER, Store


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


class Races(Store, CommandTest):
    def setUp(self):
        super().setUp()
        self.store()
        self.dowel("block", "save", "secret/first", "--value", "-", stdin="planted-first")
        self.dowel("key", "show-id")  # makes the tables of runs

    def start(self, *words):
        return subprocess.Popen([BIN, *words], env={**self.env, "V": "planted-second"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def keys_in_use(self):
        return {key for (key,) in self.sql("SELECT DISTINCT key_id FROM blocks")}

    def key_count(self):
        with open(self.path("home", ".config", "dowel", "key")) as file:
            return len(file.read().split())

    @unittest.skipIf(SERVER, "SQLite's lock")
    def test_two_machines_that_make_a_key_at_once(self):
        """Both find a registry without seals, and make a key; the first that gets the lock has the registry's key."""
        path = self.path("new.db")
        shared = {"DOWEL_DATABASE_URL": "sqlite:" + path}
        self.dowel("block", "list", env=shared)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        homes = [self.path(f"machine-{n}") for n in (1, 2)]
        savers = [subprocess.Popen([BIN, "block", "save", f"local-file-system/f{i}", "--basepath", self.folder], env={**self.env, **shared, "HOME": home},
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for i, home in enumerate(homes)]
        wait_for(lambda: all(os.path.exists(os.path.join(home, ".config", "dowel", "key")) for home in homes))
        holder.execute("ROLLBACK")
        said = [saver.communicate(timeout=60)[1] for saver in savers]
        self.assertEqual(sorted(saver.returncode for saver in savers), [0, 4], said)
        (key,), = holder.execute("SELECT key_id FROM blocks").fetchall()
        holder.close()
        self.assertIn(f"its key {key} is missing on this machine", "".join(said))

    @unittest.skipIf(SERVER, "SQLite's lock")
    def test_a_save_that_waits_while_a_rotation_begins(self):
        """It has looked at the keys already; the rotation has a new one in the file; both wait for the database."""
        holder = sqlite3.connect(self.database, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        saver = self.start("block", "save", "secret/second", "--value", "env:V")

        def has_database():
            try:
                return any(os.readlink(f"/proc/{saver.pid}/fd/{fd}").endswith("-shm") for fd in os.listdir(f"/proc/{saver.pid}/fd"))
            except OSError:
                return False
        if os.getuid() == 0:
            wait_for(has_database)
        rotation = self.start("key", "rotate", "--json")
        wait_for(lambda: self.key_count() == 2)
        holder.execute("COMMIT")
        holder.close()
        for process in (saver, rotation):
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, out + err)
        front = self.json("key", "show-id")["keys"][0]
        self.assertEqual(self.keys_in_use(), {front["id"]})
        self.assertEqual(front["blocks"], 2)
        self.assertEqual(self.json("block", "show", "secret/second", "--show-secrets")["document"]["value"], "planted-second")

    def test_saves_all_the_time(self):
        stop, troubles = threading.Event(), []

        def save(name):
            while not stop.is_set():
                done = self.run_dowel("block", "save", f"secret/{name}", "--value", "-", "--overwrite", stdin="planted-" + name)
                if done.returncode:
                    troubles.append(done.err)
        threads = [threading.Thread(target=save, args=(f"s{n}",)) for n in range(2)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(8):
                key = self.json("key", "rotate")["key"]
                # Whoever saves after the rotation has ended takes its key too.
                self.assertEqual(self.keys_in_use(), {key})
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(troubles, [])
        for name in ("s0", "s1"):
            self.assertEqual(self.json("block", "show", f"secret/{name}", "--show-secrets")["document"]["value"], "planted-" + name)

    def test_rotations_at_once(self):
        for n in range(12):
            self.dowel("block", "save", f"secret/b{n}", "--value", "-", stdin=f"planted-{n}")
        rotations = [self.start("key", "rotate", "--json") for _ in range(4)]
        for process in rotations:
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, out + err)
        front = self.json("key", "show-id")["keys"][0]["id"]
        self.assertEqual(self.keys_in_use(), {front}, "the last that put a key in front wins, whole")
        for n in range(12):
            self.assertEqual(self.json("block", "show", f"secret/b{n}", "--show-secrets")["document"]["value"], f"planted-{n}")


if __name__ == "__main__":
    main()
