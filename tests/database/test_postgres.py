"""A registry in PostgreSQL from the shell: what is refused and how it reads, restarts of the server, rights, old and newer tables."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading

sys.path[:0] = [os.path.join(os.environ["DOWEL_SOURCE"], "tests"), os.path.join(os.environ["DOWEL_SOURCE"], "tests", "servers")]
import servers
from command import dowel, fails, main, run, start

URL = os.environ["DOWEL_TEST_POSTGRES_URL"]
PASSWORD = URL.split(":")[2].split("@")[0]
SERVER = URL.rsplit("/", 1)[0]
PSQL = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1] + "/psql"
OLD = os.path.join(os.environ["DOWEL_SOURCE"], "tests", "database", "first_version.sql")


def with_psql(start, url, *options, **more):
    return start([PSQL, "-Xq", *options, url.replace(f":{PASSWORD}@", "@")], text=True, env={**os.environ, "PGPASSWORD": PASSWORD}, **more)


def psql(text, url=URL):
    return with_psql(subprocess.run, url, "-At", "-v", "ON_ERROR_STOP=1", input=text, check=True, capture_output=True).stdout


def database(name, how=""):
    psql(f"CREATE DATABASE {name} {how}")
    return {"DOWEL_DATABASE_URL": f"{SERVER}/{name}"}


def test_refusals():
    address = SERVER.split("@")[1]
    for url, code, says in (
            (f"postgresql://dowel:{PASSWORD}x@{address}/postgres", 4, "password authentication failed"),
            (f"postgresql://dowel@{address}/postgres", 4, "no password supplied"),
            (f"postgresql://nobody:{PASSWORD}@{address}/postgres", 4, "nobody"),
            (f"{SERVER}/missing", 1, ['database "missing" does not exist', "createdb"]),
            (f"postgresql://dowel:{PASSWORD}@127.0.0.1:1/postgres", 5, ["Connection refused", "check host and port"]),
            (f"postgresql://dowel:{PASSWORD}@/postgres?host=/nonexistent", 5, "/nonexistent"),
            (f"{URL}?sslmode=perhaps", 2, "sslmode"),
            (f"{URL}?passwrd={PASSWORD}", 2, "passwrd"),
            (f"postgresql://dowel:{PASSWORD}/x@{address}/postgres", 2, "port"),
            (f"postgresql://dowel:{PASSWORD}@x@{address}/postgres", 2, "more than one @"),
            (f"postgresql://dowel:{PASSWORD}?@{address}/postgres", 2, "port"),
            (f"postgresql://dowel:{PASSWORD}#@{address}/postgres", 2, "port"),
            (f"postgresql://dowel:{PASSWORD}%@{address}/postgres", 2, "invalid %"),
            (f"postgresql://dowel:{PASSWORD}", 2, "port"),
            (f"postgresql://dowel:{PASSWORD}:x@{address}", 2, "with a : in it"),
            (f"postgresql://dowel:{PASSWORD}@[::1/postgres", 2, "IPv6"),
            (f"postgresql://{address}/postgres?{PASSWORD}", 2, "NAME=VALUE"),
    ):
        said = fails(code, "block", "list", env={"DOWEL_DATABASE_URL": url}, saying=says)
        assert PASSWORD not in said, said.replace(PASSWORD, "")
        said = run("config", env={"DOWEL_DATABASE_URL": url})
        assert PASSWORD.encode() not in said.stdout + said.stderr


def test_without_the_library():
    """The command itself must not need libpq, and loads it only for a URL that does."""
    linked = subprocess.run(["ldd", os.environ["DOWEL_BIN"]], check=True, capture_output=True, text=True).stdout
    assert "libpq" not in linked


def test_blocks_and_runs():
    # A database that sorts as a dictionary does, and so unlike SQLite.
    env = database("blocks_and_runs", "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en'")
    folder = os.path.join(os.environ["DOWEL_TEST_TMP"], "files")
    os.mkdir(folder)
    assert dowel("block", "list", env=env) == "no blocks yet\n"
    for name in ("b-c", "bb", "b-a", "b1", "a-z", "az"):
        dowel("block", "save", f"secret/{name}", "--value", "-", stdin=b"planted", env=env)
    names = [block["name"] for block in json.loads(dowel("block", "list", "--json", env=env))]
    assert names == sorted(names), names
    assert "planted" not in psql("SELECT * FROM blocks", env["DOWEL_DATABASE_URL"])
    fails(3, "block", "show", "secret/bc", env=env, saying='did you mean')
    fails(7, "block", "save", "secret/bb", "--value", "-", stdin=b"x", env=env, saying="already exists")
    assert json.loads(dowel("config", "--json", env=env))["database"] == f"{SERVER}/blocks_and_runs".replace(f":{PASSWORD}", "")
    run("call", "block.check", "--block", "secret/bb", env=env)
    runs = json.loads(dowel("runs", "--json", env=env))
    assert len(runs) == 1 and runs[0]["task"] == "block.check"
    assert json.loads(dowel("runs", "show", runs[0]["id"][-12:].upper(), "--json", env=env))["id"] == runs[0]["id"]


def test_restart():
    with tempfile.TemporaryDirectory(prefix="dowel-restart-", dir="/tmp") as folder:
        fleet = servers.Fleet(folder)
        try:
            told = fleet.start("postgres")
            env = {"DOWEL_DATABASE_URL": told["DOWEL_TEST_POSTGRES_URL"]}
            dowel("block", "save", "secret/s", "--value", "-", stdin=b"planted", env=env)
            fleet.stop()
            fails(5, "block", "show", "secret/s", env=env, saying="Connection refused")
            port = int(told["DOWEL_TEST_POSTGRES_URL"].rsplit(":", 1)[1].split("/")[0])
            servers.start_postgres(fleet, told["DOWEL_TEST_POSTGRES_FOLDER"], port)
            assert "planted" in dowel("block", "show", "secret/s", "--show-secrets", env=env)
        finally:
            fleet.stop()


def test_rights():
    env = database("rights")
    psql("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    guest = {"DOWEL_DATABASE_URL": env["DOWEL_DATABASE_URL"].replace(f"dowel:{PASSWORD}", "guest:guest")}
    fails(1, "block", "list", env=guest, saying=["permission denied", "grant this user USAGE and CREATE"])
    dowel("block", "save", "secret/s", "--value", "-", stdin=b"planted", env=env)
    fails(1, "block", "list", env=guest, saying="permission denied")
    psql("GRANT SELECT ON blocks, dowel_schema TO guest", env["DOWEL_DATABASE_URL"])
    assert "secret" in dowel("block", "list", env=guest), "who may only read can read"
    fails(1, "block", "save", "secret/t", "--value", "-", stdin=b"v", env=guest, saying=["permission denied", "INSERT"])


def test_newer_tables():
    env = database("newer")
    dowel("block", "save", "secret/s", "--value", "-", stdin=b"planted", env=env)
    psql("UPDATE dowel_schema SET version = version + 1", env["DOWEL_DATABASE_URL"])
    fails(1, "block", "list", env=env, saying=["newer", "version"])
    fails(1, "block", "save", "secret/t", "--value", "-", stdin=b"v", env=env, saying="newer")
    assert psql("SELECT count(*) FROM blocks", env["DOWEL_DATABASE_URL"]).strip() == "1"


def test_from_the_first_version():
    env = database("first")
    with open(OLD) as file:
        psql(file.read(), env["DOWEL_DATABASE_URL"])
    readers = [start("runs", "--json", env=env, stdout=subprocess.PIPE) for _ in range(6)]
    said = [process.communicate(timeout=60)[0] for process in readers]
    assert [process.returncode for process in readers] == [0] * 6
    assert [len(json.loads(text)) for text in said] == [1] * 6
    assert "old.example" in dowel("block", "show", "s3-bucket/old", env=env)
    dowel("block", "save", "s3-bucket/old", "--bucket", "new.example", "--overwrite", env=env)
    assert "revision: 4" in dowel("block", "show", "s3-bucket/old", env=env)
    run("call", "block.check", "--block", "s3-bucket/old", "--retries", "0", "--timeout", "1s", env={**env, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert len(json.loads(dowel("runs", "--json", env=env))) >= 2


def test_killed_writer_holds_nobody_up():
    env = database("killed")
    dowel("block", "list", env=env)
    holder = with_psql(subprocess.Popen, env["DOWEL_DATABASE_URL"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdin.write("BEGIN; SELECT pg_advisory_xact_lock(110462993917292);\n\\echo held\n")
    holder.stdin.flush()
    while "held" not in holder.stdout.readline():
        pass
    writer = start("block", "save", "s3-bucket/b", "--bucket", "b", env=env, stdout=subprocess.PIPE)
    try:
        writer.wait(0.3)
        raise AssertionError("the writer did not wait")
    except subprocess.TimeoutExpired:
        pass
    holder.kill()
    holder.wait()
    assert writer.communicate(timeout=60)[0] == b"saved s3-bucket/b (revision 1)\n"


if __name__ == "__main__":
    main(globals())
