"""One test, two stores: a database of its own for each test, in SQLite or, where DOWEL_TEST_POSTGRES_URL names a server, in PostgreSQL."""
import glob
import os
import sqlite3
import subprocess

SERVER = os.environ.get("DOWEL_TEST_POSTGRES_URL")


class Store:
    """Mixed into a CommandTest: self.store() in setUp, then self.sql(...) as another program would."""

    def store(self):
        if not SERVER:
            return
        self.schema = "s" + "".join(c for c in os.path.basename(self.folder).lower() if c.isalnum())
        self.psql(f"CREATE SCHEMA {self.schema}")
        self.env["DOWEL_DATABASE_URL"] = f"{SERVER}?options=-csearch_path%3D{self.schema}"

    def psql(self, text):
        program = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1] + "/psql"
        password = SERVER.split(":")[2].split("@")[0]
        path = f"SET search_path TO {self.schema};" if hasattr(self, "schema") else ""
        done = subprocess.run([program, "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", SERVER.replace(f":{password}@", "@")], check=True,
                              input=path + text, env={**os.environ, "PGPASSWORD": password}, stdout=subprocess.PIPE, text=True)
        return [tuple(line.split("\t")) for line in done.stdout.splitlines()]

    def sql(self, text):
        """Rows as tuples of text; NULL is empty."""
        if SERVER:
            return self.psql(text)
        with sqlite3.connect(self.database) as database:
            rows = database.execute(text).fetchall()
        database.close()
        return [tuple("" if value is None else str(value) for value in row) for row in rows]
