"""Folders to Cloud Storage and back with `dowel cp`, `sync`, `ls`, `rm`: the same bytes and times, read by Google's own library. Runs against
fake-gcs-server and against Google's storage testbench."""
import datetime
import filecmp
import os
import random
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, dowel, fails, main, run  # noqa: E402

URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.create_bucket("synced")
SOURCE, BACK = os.path.join(TMP, "source"), os.path.join(TMP, "back")
os.environ["STORAGE_EMULATOR_HOST"] = URL
NAMES = ["plain.txt", "a b/ü&?#.csv", "a b/deep/er/x", "100%", "plus+and=equals", "empty", "large.bin"]


def path(folder, name):
    return os.path.join(folder, *name.split("/"))


def same(folder):
    found = sorted(os.path.relpath(os.path.join(root, f), folder) for root, _, files in os.walk(folder) for f in files)
    expected = sorted(os.path.relpath(os.path.join(root, f), SOURCE) for root, _, files in os.walk(SOURCE) for f in files)
    assert found == expected, (found, expected)
    for name in found:
        assert filecmp.cmp(path(SOURCE, name), path(folder, name), shallow=False), name
        there, back = (os.stat(path(f, name)).st_mtime_ns // 1000 for f in (SOURCE, folder))
        assert there == back, (name, there, back)


def test_prepare():
    chance = random.Random(5)
    for number, name in enumerate(NAMES):
        os.makedirs(os.path.dirname(path(SOURCE, name)), exist_ok=True)
        with open(path(SOURCE, name), "wb") as f:
            f.write(chance.randbytes({"empty": 0, "large.bin": 9 << 20}.get(name, 1000 + number)))
        os.utime(path(SOURCE, name), ns=(0, 1_600_000_000_123_456_000 + number * 10**9))


def test_up_and_down():
    assert f"{len(NAMES)} copied" in dowel("sync", SOURCE, "gs://synced/in/")
    assert "0 copied" in dowel("sync", SOURCE, "gs://synced/in/")
    assert sorted(b.name for b in BUCKET.list_blobs()) == sorted("in/" + n for n in NAMES)
    for name in NAMES:
        blob = BUCKET.get_blob("in/" + name)
        with open(path(SOURCE, name), "rb") as f:
            assert blob.download_as_bytes() == f.read(), name
        time = os.stat(path(SOURCE, name)).st_mtime_ns
        assert blob.metadata["goog-reserved-file-mtime"] == str(time // 10**9), blob.metadata
        assert datetime.datetime.fromisoformat(blob.metadata["mtime"]).timestamp() == time / 1e9, blob.metadata
    dowel("sync", "gs://synced/in/", BACK)
    same(BACK)
    assert "0 copied" in dowel("sync", "gs://synced/in/", BACK)


def test_within():
    dowel("cp", "--recursive", "gs://synced/in/", "gs://synced/copy/")
    again = os.path.join(TMP, "again")
    dowel("sync", "gs://synced/copy/", again)
    same(again)


def test_changes_and_extra():
    with open(path(SOURCE, "plain.txt"), "wb") as f:
        f.write(b"changed")
    os.unlink(path(SOURCE, "empty"))
    said = dowel("sync", "--delete", SOURCE, "gs://synced/in/")
    assert "1 copied" in said and "1 removed" in said, said
    assert BUCKET.blob("in/plain.txt").download_as_bytes() == b"changed" and BUCKET.get_blob("in/empty") is None


def test_one_by_one():
    assert dowel("cat", "gs://synced/in/plain.txt") == "changed"
    assert dowel("ls", "gs://synced/in/").split("\n")[:-1] == sorted({n.split("/")[0] + "/" * ("/" in n) for n in NAMES if n != "empty"})
    done = run("cp", "-", "gs://synced/piped", stdin=b"from a pipe")
    assert done.returncode == 0 and BUCKET.blob("piped").download_as_bytes() == b"from a pipe", done.stderr
    fails(3, "cat", "gs://synced/none", saying="none")
    dowel("rm", "--recursive", "gs://synced/in/")
    assert not list(BUCKET.list_blobs(prefix="in/")) and list(BUCKET.list_blobs(prefix="copy/"))


main(globals())
