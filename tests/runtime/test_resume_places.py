"""A run goes on with the files that it began with, whatever folder it is resumed from, and touches nothing else."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, dowel, fails, main  # noqa: E402

DATABASE = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")


def folder(name, files):
    """A folder with these files: {path: text}."""
    top = os.path.join(TMP, name)
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(top)
    for path, text in files.items():
        path = os.path.join(top, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
    return top


def holds(top):
    found = {}
    for where, _, names in os.walk(top):
        for name in names:
            path = os.path.join(where, name)
            with open(path) as file:
                found[os.path.relpath(path, top)] = file.read()
    return found


def at(where, *words, code=0, saying=(), stdin=b""):
    done = subprocess.run([BIN, *words], cwd=where, input=stdin, capture_output=True, timeout=120)
    said = done.stderr.decode()
    assert code is None or done.returncode == code, f"{words} exited with {done.returncode}, not {code}:\n{said}"
    for part in [saying] if isinstance(saying, str) else saying:
        assert part in said, f"{words} does not say {part!r}:\n{said}"
    return done.stdout.decode()


def newest():
    return json.loads(dowel("runs", "--json", "--limit", "1"))[0]["id"]


def arguments(run_id):
    return json.loads(dowel("runs", "show", run_id, "--json"))["args"]


def change(run_id, **columns):
    with sqlite3.connect(DATABASE) as database:
        for name, value in columns.items():
            assert database.execute(f"UPDATE runs SET {name} = ? WHERE id = ?", [value, run_id]).rowcount == 1
    database.close()


OTHER = {"in/b": "other", "out/precious": "keep me"}


def failed_sync(*words):
    """A sync that failed because a file was where its folder should be, and a folder in which the same names are other files."""
    mine = folder("mine", {"in/a": "1", "out": "no folder"})
    other = folder("other", OTHER)
    at(mine, "sync", *words, "--delete", code=None)
    run_id = newest()
    assert json.loads(dowel("runs", "show", run_id, "--json"))["state"] == "failed"
    os.unlink(os.path.join(mine, "out"))
    folder("mine/out", {"a": "0", "extra": "remove me"})
    return mine, other, run_id


def test_sync_that_is_resumed_elsewhere_changes_the_folders_it_began_with():
    for words in (["in", "out"], ["./in/", "./out/"], ["../mine/in", "out/."]):
        mine, other, run_id = failed_sync(*words)
        assert all(arguments(run_id)[place].startswith(mine) for place in ("source", "destination")), arguments(run_id)
        at(other, "runs", "resume", run_id)
        assert holds(other) == OTHER, words
        assert holds(os.path.join(mine, "out")) == {"a": "1"}, words


def test_a_saved_block_that_means_another_place_by_now():
    """Of the source, of the destination and of what is removed; back as it was, the run goes on."""
    precious = {"precious": "keep me"}

    def save(top):
        dowel("block", "save", "local-file-system/moved", "--basepath", top, "--overwrite")

    for words, code in ((["sync", "moved/in/", "local-file-system/moved:out/", "--delete"], 1),
                        (["sync", "local-file-system/moved:in/", "moved/out/", "--delete"], 1),
                        (["cp", "-r", "moved/in/", "local-file-system/moved:out/"], 1),
                        (["cp", "local-file-system/moved:in/a", "moved/out/a"], 1),
                        (["rm", "-r", "local-file-system/moved:old/"], 3),
                        (["rm", "local-file-system/moved:old/a"], 3)):
        mine = folder("moved", {"in/a": "1", "out": "no folder"})
        other = folder("other", {"in/b": "other", "in/a": "other", "out/precious": "keep me", "old/a": "keep me"})
        before = holds(other)
        save(mine)
        at(TMP, *words, code=None)
        run_id = newest()
        assert json.loads(dowel("runs", "show", run_id, "--json"))["state"] == "failed", words
        os.unlink(os.path.join(mine, "out"))
        folder("moved/out", {})
        folder("moved/old", {"a": "0"})
        save(other)
        at(TMP, "runs", "resume", run_id, code=7, saying=["local-file-system/moved:", mine, other, "when this run began"])
        assert holds(other) == before and holds(mine) == {"in/a": "1", "old/a": "0"}, words
        save(mine)
        at(TMP, "runs", "resume", run_id)
        kept = {"in/a": "1", "old/a": "0"}  # old/a was stored after the run began: rm of a folder keeps it
        if words[0] != "rm":
            kept["out/a"] = "1"
        elif words[1] != "-r":
            del kept["old/a"]
        assert holds(mine) == kept, words


def test_a_relative_path_in_a_block_from_outside():
    """Of a variable or a mounted file: it starts from the working directory."""
    mounted = folder("blocks", {"local-file-system/outside.json": '{"basepath": "out"}'})
    for name, value in (("DOWEL_BLOCK_LOCAL_FILE_SYSTEM__OUTSIDE", '{"basepath": "out"}'), ("DOWEL_BLOCKS_DIR", mounted)):
        mine = folder("mine", {"in/a": "1", "out/sub": "no folder"})
        other = folder("other", {"in/a": "other", "out/sub/precious": "keep me"})
        os.environ[name] = value
        at(mine, "sync", "in", "local-file-system/outside:sub/", "--delete", code=None)
        run_id = newest()
        os.unlink(os.path.join(mine, "out/sub"))
        at(other, "runs", "resume", run_id, code=7, saying=[os.path.join(mine, "out"), os.path.join(other, "out")])
        assert holds(other) == {"in/a": "other", "out/sub/precious": "keep me"}, name
        at(mine, "runs", "resume", run_id)
        assert holds(os.path.join(mine, "out")) == {"sub/a": "1"}, name
        del os.environ[name]


def test_an_environment_that_means_another_place_by_now():
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    first, second = ({**keys, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}"} for port in (1, 2))
    fails(5, "call", "objects.remove", "--place", "s3://bucket/a", "--timeout", "0.2", env=first)
    run_id = newest()
    fails(7, "runs", "resume", run_id, env=second, saying=["http://127.0.0.1:1/bucket", "http://127.0.0.1:2/bucket"])
    fails(5, "runs", "resume", run_id, env=first)


def test_remove_that_is_resumed_elsewhere():
    mine = folder("mine", {"aside/a": "1"})
    other = folder("other", {"old/precious": "keep me"})
    at(mine, "rm", "-r", "old/", code=3)
    run_id = newest()
    os.rename(os.path.join(mine, "aside"), os.path.join(mine, "old"))  # a file that was stored before the run began
    at(other, "runs", "resume", run_id)
    assert holds(other) == {"old/precious": "keep me"}
    assert holds(mine) == {}


def test_what_a_name_alone_means():
    """A file without a folder, the folder itself, and names that only look like a scheme or a block."""
    for name in ("plain", "./a:b", "./s3:x", "x/y:z", "sub/-"):
        mine = folder("mine", {})
        at(mine, "rm", name, code=3)
        assert arguments(newest())["place"] == os.path.join(mine, name.removeprefix("./")), name
    at(mine, "rm", "a:b", code=3, saying=['no block "a"', "./a:b"])  # a name before a colon is a saved block
    assert arguments(newest())["place"] == "a:b"
    at(mine, "ls", ".")
    assert arguments(newest())["place"].rstrip("/") == mine


def test_places_that_are_no_paths_stay_as_they_are():
    dowel("block", "save", "local-file-system/kept", "--basepath", folder("kept", {"a": "1"}))
    at(TMP, "ls", "local-file-system/kept:nothing/")
    assert arguments(newest())["place"] == "local-file-system/kept:nothing/"
    at(TMP, "call", "objects.stat", "--place", "gs://bucket/name", "--endpoint", "http://127.0.0.1:9", "--timeout", "0.2", code=None)
    assert arguments(newest())["place"] == "gs://bucket/name"
    at(TMP, "cp", "-", os.path.join(TMP, "from-pipe"), stdin=b"x")
    assert arguments(newest())["source"] == "-"


def test_records_of_earlier_versions_are_resumed_only_where_they_began():
    mine, other, run_id = failed_sync("in", "out")
    old = {**arguments(run_id), "source": "in", "destination": "./out"}
    change(run_id, args=json.dumps(old), digest=None)
    at(other, "runs", "resume", run_id, code=2, saying=["relative paths", mine])
    assert holds(other) == OTHER and holds(os.path.join(mine, "out"))["extra"] == "remove me"
    change(run_id, folder="")
    at(mine, "runs", "resume", run_id, code=2, saying="relative paths")
    change(run_id, folder=mine)
    at(mine, "runs", "resume", run_id)
    assert holds(os.path.join(mine, "out")) == {"a": "1"} and holds(other) == OTHER


def test_a_file_of_credentials_is_that_of_the_first_folder():
    mine = folder("mine", {"creds.json": json.dumps({"$type": "gcp-credentials", "anonymous": True, "project": "p"})})
    at(mine, "call", "objects.stat", "--place", "gs://bucket/name", "--credentials", "@creds.json", "--endpoint", "http://127.0.0.1:9",
       "--timeout", "0.2", code=5)
    run_id = newest()
    assert arguments(run_id)["credentials"] == "@" + os.path.join(mine, "creds.json")
    at(folder("other", {}), "runs", "resume", run_id, code=5)


def test_a_document_of_credentials_is_a_secret():
    document = json.dumps({"$type": "aws-credentials", "access_key_id": "AKIDEXAMPLE", "secret_access_key": "planted-credential"})
    for task, words in (("objects.stat", ["--place", "s3://b/x", "--credentials"]),
                        ("objects.copy", ["--source", "s3://b/x", "--destination", os.path.join(TMP, "x"), "--from-credentials"])):
        at(TMP, "call", task, *words, document, "--endpoint" if task == "objects.stat" else "--from-endpoint", "http://127.0.0.1:9",
           "--timeout", "0.2", code=None)
        run_id = newest()
        assert "planted" not in dowel("runs", "show", run_id, "--json") and "********" in dowel("runs", "show", run_id, "--json")
        at(TMP, "runs", "resume", run_id, code=2, saying="not recorded completely")
    with open(DATABASE, "rb") as file:
        assert b"planted-credential" not in file.read()


def test_paths_in_blocks_given_inline():
    mine = folder("mine", {"token.json": "{}"})
    bucket = {"bucket": "b", "endpoint": "http://127.0.0.1:9", "credentials": {"service_account_file": "token.json", "$type": "gcp-credentials"}}
    subprocess.run([BIN, "call", "gcs.upload", "--bucket", json.dumps(bucket), "--name", "n", "--file", "token.json", "--timeout", "0.2"],
                   cwd=mine, capture_output=True)
    kept = arguments(newest())
    assert kept["file"] == os.path.join(mine, "token.json")
    assert kept["bucket"]["credentials"]["service_account_file"] == os.path.join(mine, "token.json"), kept


def test_data_from_a_pipe_is_not_taken_from_another_pipe():
    target = os.path.join(TMP, "no-such-folder")
    folder("taken", {})
    with open(target, "w") as file:
        file.write("a file where a folder should be")
    at(TMP, "cp", "-", os.path.join(target, "x"), stdin=b"first", code=7)
    run_id = newest()
    os.unlink(target)
    os.makedirs(target)
    at(TMP, "runs", "resume", run_id, code=2, stdin=b"second", saying=["pipe"])
    assert os.listdir(target) == []


def test_files_of_another_machine():
    mine, other, run_id = failed_sync("in", "out")
    with sqlite3.connect(DATABASE) as database:
        process = database.execute("SELECT process FROM runs WHERE id = ?", [run_id]).fetchone()[0].split(":")
    database.close()
    if not process[2]:
        return  # no machine id here: nothing to compare
    process[2] = "0" * 32
    change(run_id, process=":".join(process))
    at(mine, "runs", "resume", run_id, code=7, saying=["another machine", "--take-over"])
    at(mine, "runs", "resume", run_id, "--take-over")
    assert holds(os.path.join(mine, "out")) == {"a": "1"}


def test_a_block_that_was_deleted():
    """The run says which block is missing."""
    top = folder("gone", {})
    dowel("block", "save", "local-file-system/gone", "--basepath", top)
    dowel("block", "save", "gcs-bucket/gone", "--bucket", "b", "--endpoint", "http://127.0.0.1:9")
    fails(3, "call", "gcs.upload", "--bucket", "gone", "--name", "n", "--file", os.path.join(TMP, "missing"))
    run_id = newest()
    fails(3, "call", "gcs.upload", "--bucket", "gone", "--name", "n", "--file", os.path.join(TMP, "missing"), "--persist-result",
          "--result-storage", "local-file-system/gone")
    keeping = newest()
    dowel("block", "delete", "gcs-bucket/gone")
    fails(3, "runs", "resume", run_id, saying="gcs-bucket/gone")
    fails(3, "runs", "resume", keeping, saying="gcs-bucket/gone")
    dowel("block", "delete", "local-file-system/gone")
    fails(3, "runs", "resume", keeping, saying="local-file-system/gone")


def test_records_that_do_not_decode():
    """Of a version that had other fields, or damaged."""
    _, _, run_id = failed_sync("in", "out")
    good = arguments(run_id)
    for args in ("{", "[]", "null", '"x"', json.dumps({**good, "no_such_field": 1}), json.dumps({**good, "concurrency": "many"}),
                 json.dumps({**good, "concurrency": 1000}), "{}", '{"source": {"$block": "x/y"}}', '{"source": "\\u0000"}'):
        change(run_id, args=args)
        fails(2, "runs", "resume", run_id, saying=run_id)
    change(run_id, args=json.dumps(good))
    for policy in ("{", "[]", '{"retries": -1}', '{"no_such_field": 1}', '{"retry_delays": ["x"]}', '{"persist_result": true}'):
        change(run_id, policy=policy)
        fails(2, "runs", "resume", run_id)
    change(run_id, policy=None, task="no.such_task")
    fails(3, "runs", "resume", run_id, saying="no.such_task")


if __name__ == "__main__":
    main(globals())
