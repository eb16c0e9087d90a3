"""Tables of earlier versions in SQLite are brought forward, by several processes at once; newer ones are left alone."""
import json
import os
import sqlite3
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cli"))
from cli_case import BIN, CommandTest, main


class Migrations(CommandTest):
    def fill(self):
        os.makedirs(os.path.dirname(self.database))
        with open(os.path.join(HERE, "first_version.sql")) as file, sqlite3.connect(self.database) as database:
            database.executescript(file.read())
        database.close()

    def versions(self):
        with sqlite3.connect(self.database) as database:
            found = dict(database.execute("SELECT component, version FROM dowel_schema"))
        database.close()
        return found

    def test_from_the_first_version(self):
        self.fill()
        readers = [subprocess.Popen([BIN, "runs", "--json"], env=self.env, stdout=subprocess.PIPE) for _ in range(8)]
        said = [process.communicate(timeout=60)[0] for process in readers]
        self.assertEqual([process.returncode for process in readers], [0] * 8)
        self.assertEqual([json.loads(text)[0]["task"] for text in said], ["gcs.list"] * 8)
        shown = self.json("block", "show", "s3-bucket/old")
        self.assertEqual((shown["document"], shown["revision"]), ({"bucket": "old.example"}, 3))
        self.dowel("block", "save", "s3-bucket/old", "--bucket", "new.example", "--overwrite")
        self.assertEqual(self.json("block", "show", "s3-bucket/old")["revision"], 4)
        # The same tables as a new database has.
        self.dowel("block", "list", env={"DOWEL_DATABASE_URL": "sqlite:" + self.path("new.db")})
        self.dowel("runs", env={"DOWEL_DATABASE_URL": "sqlite:" + self.path("new.db")})
        columns = []
        for path in (self.database, self.path("new.db")):
            with sqlite3.connect(path) as database:
                tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
                columns.append({table: [row[1:] for row in database.execute(f"PRAGMA table_info({table})")] for table in tables})
            database.close()
        self.assertEqual(*columns)

    def test_newer(self):
        self.fill()
        self.dowel("runs")
        self.dowel("block", "list")
        before = self.versions()
        for component in before:
            with sqlite3.connect(self.database) as database:
                database.execute("UPDATE dowel_schema SET version = version + 1 WHERE component = ?", (component,))
            database.close()
        for words in (("block", "list"), ("block", "save", "s3-bucket/x", "--bucket", "x"), ("runs",)):
            self.fails(1, *words, says=["newer dowel", "version"])
        self.assertEqual(self.versions(), {component: version + 1 for component, version in before.items()})


if __name__ == "__main__":
    main()
