"""cp, sync, ls, rm, cat, presign between folders, Cloud Storage and S3. What the services hold is written and read by their own clients.
The first argument names the server of S3."""
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import urllib.request

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, fails, main, run, start  # noqa: E402
from target import AMAZON, KEY_ID, NAME, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
FILES = {"a.txt": b"alpha", "d/b.csv": b"1,2\n", "d/e/c": b"", "d-x": b"before d/", "d.x": b"after", "grün/ü": b"umlaut", "z z": b"space",
         "plus+and%41": b"signs"}
BUCKETS = {"gs": "gs-objects", "s3": "s3-objects"}


class Gs:
    scheme = "gs"
    place = "gcs-bucket/objects:"

    @staticmethod
    def put(name, content, bucket="gs-objects"):
        GOOGLE.bucket(bucket).blob(name).upload_from_string(content, content_type="application/octet-stream", retry=None, timeout=20)

    @staticmethod
    def names(prefix=""):
        return [blob.name for blob in GOOGLE.list_blobs("gs-objects", prefix=prefix)]

    @staticmethod
    def all(prefix=""):
        return {blob.name: blob.download_as_bytes() for blob in GOOGLE.list_blobs("gs-objects", prefix=prefix)}

    @staticmethod
    def clear():
        for blob in list(GOOGLE.list_blobs("gs-objects")):
            blob.delete()


class S3:
    scheme = "s3"
    place = "s3-bucket/objects:"

    @staticmethod
    def put(name, content, bucket="s3-objects"):
        AMAZON.put_object(Bucket=bucket, Key=name, Body=content)

    @staticmethod
    def names(prefix=""):
        pages = AMAZON.get_paginator("list_objects_v2").paginate(Bucket="s3-objects", Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    @staticmethod
    def all(prefix=""):
        return {name: AMAZON.get_object(Bucket="s3-objects", Key=name)["Body"].read() for name in S3.names(prefix)}

    @staticmethod
    def clear():
        for name in S3.names():
            AMAZON.delete_object(Bucket="s3-objects", Key=name)


CLOUDS = (Gs, S3)


def path(*names):
    return os.path.join(TMP, *names)


def fresh(name, files=None):
    """A folder of its own with these files."""
    fresh.count = getattr(fresh, "count", 0) + 1
    root = path(f"{fresh.count}-{name}")
    os.makedirs(root)
    for file, content in (files or {}).items():
        os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
        with open(os.path.join(root, file), "wb") as out:
            out.write(content)
    return root


def files(root):
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[os.path.relpath(os.path.join(folder, name), root)] = file.read()
    return found


def counts(*words, **options):
    last = json.loads(dowel(*words, "--json", **options).splitlines()[-1])
    assert last.pop("event") == "done", last
    return last


def copied(n, unchanged=0, removed=0):
    return {"copied": n, "unchanged": unchanged, "removed": removed, "skipped": 0}


def same(got, wanted):
    got.pop("bytes", None)
    assert got == wanted, (got, wanted)


def test_blocks():
    GOOGLE.create_bucket("gs-objects")
    AMAZON.create_bucket(Bucket="s3-objects")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/objects", "--bucket", "gs-objects", "--credentials", "demo", "--endpoint", GCS_URL)
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "s3-bucket/objects", "--bucket", "s3-objects", "--credentials", "demo", "--endpoint", S3_URL)


def test_one_object():
    for cloud in CLOUDS:
        root = fresh("one", FILES)
        dowel("cp", f"{root}/d/b.csv", cloud.place + "up/")
        dowel("cp", "-", cloud.place + "up/stdin", stdin=b"piped" * 1000)
        assert cloud.all("up/") == {"up/b.csv": b"1,2\n", "up/stdin": b"piped" * 1000}
        assert run("cat", cloud.place + "up/stdin").stdout == b"piped" * 1000
        dowel("cp", cloud.place + "up/b.csv", f"{root}/down/")
        assert files(root + "/down") == {"b.csv": b"1,2\n"}
        dowel("cp", cloud.place + "up/b.csv", cloud.place + "up/copy.csv")
        assert cloud.all("up/copy") == {"up/copy.csv": b"1,2\n"}
        fails(3, "cp", cloud.place + "up/none", f"{root}/")
        fails(3, "cat", cloud.place + "up")
        fails(3, "rm", cloud.place + "up/none")
        dowel("rm", cloud.place + "up/copy.csv")
        assert "up/copy.csv" not in cloud.all()
        cloud.clear()


def test_urls_with_credentials():
    urls = {"gs": ["--credentials", "gcp-credentials/demo", "--endpoint", GCS_URL],
            "s3": ["--credentials", "demo", "--endpoint", S3_URL, "--region", "us-east-1"]}
    for cloud in CLOUDS:
        place, flags = f"{cloud.scheme}://{BUCKETS[cloud.scheme]}/", urls[cloud.scheme]
        root = fresh("urls", FILES)
        same(counts("sync", root, place + "tree/", *flags), copied(len(FILES)))
        assert dowel("ls", place, *flags) == "tree/\n"
        assert dowel("ls", "-r", place + "tree", *flags).splitlines() == sorted(FILES, key=os.fsencode)
        same(counts("cp", "-r", place + "tree", root + "/back", *flags), copied(len(FILES)))
        assert files(root + "/back") == FILES
        fails(2, "ls", place, *flags, "--credentials", {"gs": "aws", "s3": "gcp"}[cloud.scheme] + "-credentials/demo", saying="credentials")
        cloud.clear()
    fails(2, "ls", "gs://gs-objects/", "--region", "x", saying="region")


def test_trees_round_trip_and_sync():
    for cloud in CLOUDS:
        root = fresh("tree", FILES)
        here, there = root, cloud.place + "base/"
        same(counts("sync", here, there), copied(len(FILES)))
        assert cloud.all() == {"base/" + name: content for name, content in FILES.items()}
        same(counts("sync", here, there, "--delete"), copied(0, len(FILES)))
        same(counts("sync", here, there, "--compare", "checksum"), copied(0, len(FILES)))
        back = fresh("back")
        same(counts("sync", there, back), copied(len(FILES)))
        assert files(back) == FILES
        same(counts("sync", there, back, "--delete"), copied(0, len(FILES)))
        same(counts("sync", there, back, "--compare", "checksum"), copied(0, len(FILES)))
        if cloud is Gs:  # whose listing tells the files' own times
            for name in FILES:
                assert os.stat(f"{here}/{name}").st_mtime_ns // 1000 == os.stat(f"{back}/{name}").st_mtime_ns // 1000, name
        # Changes on this side: another size, another time, one more, one less.
        for name, content in (("a.txt", b"longer than before"), ("d.x", b"AFTER"), ("new/one", b"new")):
            os.makedirs(os.path.dirname(f"{here}/{name}"), exist_ok=True)
            with open(f"{here}/{name}", "wb") as file:
                file.write(content)
        os.utime(f"{here}/d.x", (4e9, 4e9))
        os.remove(f"{here}/d-x")
        cloud.put("base-side", b"no part of it")
        cloud.put("other/x", b"nor this")
        plan = run("sync", here, there, "--delete", "-n").stdout.decode()
        assert f"would remove {cloud.place}base/d-x\n" in plan and plan.count("would copy /") == 3, plan
        same(counts("sync", here, there, "--delete"), copied(3, len(FILES) - 3, 1))
        wanted = {"base/" + name: content for name, content in files(here).items()}
        assert cloud.all() == {**wanted, "base-side": b"no part of it", "other/x": b"nor this"}
        same(counts("sync", here, there, "--delete"), copied(0, len(FILES)))
        # S3 tells times in seconds, in which much can happen.
        same(counts("sync", there, back, "--delete", "--compare", "checksum"), copied(3, len(FILES) - 3, 1))
        assert files(back) == files(here)
        # The same size and, as far as can be told, time: the checksum finds it.
        cloud.put("base/a.txt", b"LONGER than before")
        os.utime(f"{here}/a.txt", (1, 1))
        same(counts("sync", here, there, "--compare", "checksum"), copied(1, len(FILES) - 1))
        assert cloud.all("base/a")["base/a.txt"] == b"longer than before"
        assert counts("rm", "-r", there) == {"removed": len(FILES), "skipped": 0}
        assert set(cloud.all()) == {"base-side", "other/x"}
        cloud.clear()


def test_times_at_and_before_the_epoch():
    for cloud in CLOUDS:
        root = fresh("epoch", {"epoch": b"0", "before": b"1", "now": b"2"})
        os.utime(root + "/epoch", (0, 0))
        os.utime(root + "/before", (-86400.5, -86400.5))
        same(counts("sync", root, cloud.place + "t/"), copied(3))
        same(counts("sync", root, cloud.place + "t/"), copied(0, 3))
        cloud.clear()


def test_nothing_there_is_an_error_and_removes_nothing():
    for cloud in CLOUDS:
        root = fresh("kept", FILES)
        fails(3, "sync", cloud.place + "tpyo/", root, "--delete", saying="nothing below")
        fails(3, "cp", "-r", cloud.place + "tpyo/", root, saying="nothing below")
        fails(3, "rm", "-r", cloud.place + "tpyo/", saying="nothing below")
        fails(3, "ls", cloud.place + "tpyo", saying="nothing below")
        assert files(root) == FILES


# Names that a folder cannot have, or that would lead out of it.
HOSTILE = ["../escape", "a/../../escape", "/absolute", "//two", "a//b", "./dot", "a/./b", "..", "a/..", "n" * 300, "x/" + "p/" * 200 + "n" * 300]
HARMLESS = ["fine", "sub/fine", "...", "..a", "a..", "new\nline", "bell\a", "esc\x1b[2J", "back\\slash", "~", "$HOME", "-rf", "*", "ü"]


def test_hostile_names():
    for cloud in CLOUDS:
        placed = []
        for name in HOSTILE + HARMLESS:
            if min(name) < " " and (TESTBENCH if cloud is Gs else NAME == "versitygw"):
                continue  # these do not find them again
            try:
                cloud.put("h/" + name, b"from outside")
                placed.append(name)
            except Exception:  # the server or its client takes no such name
                continue
        held = {name[2:] for name in cloud.names("h/")}
        hostile = held & set(HOSTILE)
        harmless = held - hostile  # some servers keep files themselves, and tidy names
        print(f"  {cloud.scheme}: {len(hostile)} hostile and {len(harmless)} harmless names are held", flush=True)
        assert harmless
        root = fresh("hostile")
        before = set(os.listdir(TMP))
        for command in (("cp", "-r"), ("sync", "--delete")):
            done = run(command[0], cloud.place + "h/", root, *command[1:])
            assert (done.returncode == 1) == bool(hostile), (done.returncode, done.stderr)
            assert set(files(root)) == harmless, (set(files(root)) ^ harmless, done.stderr)
            assert set(os.listdir(TMP)) == before and not os.path.exists("/absolute") and not os.path.exists("/two")
            assert b"\x1b" not in done.stderr and b"\a" not in done.stderr
            for name in hostile:
                if len(name) < 200:
                    assert name.encode() in done.stderr, (name, done.stderr)
        cloud.clear()


def test_a_file_whose_name_no_object_can_have():
    """Names of files are bytes, names of objects are UTF-8 and 1,024 bytes at most: such a file is named as failed, the others are there."""
    for cloud in CLOUDS:
        root = fresh("bytes", {"fine": b"fine", "too": b"too"})
        with open(os.path.join(os.fsencode(root), b"\xff\xfe.bin"), "wb") as file:
            file.write(b"x")
        done = run("cp", "-r", root, cloud.place + "b/")
        assert done.returncode not in (0, 2) and b"\\xff\\xfe.bin" in done.stderr, (done.returncode, done.stderr)
        assert b"\xff" not in done.stderr
        assert cloud.all("b/") == {"b/fine": b"fine", "b/too": b"too"}, cloud.all("b/")
        cloud.clear()


def test_collisions_on_disk():
    """An object and a folder of the same name cannot both be files: one is named as failed, the rest is there."""
    for cloud in CLOUDS:
        for name in ("c/a", "c/a/b", "c/marker/", "c/z"):
            try:
                cloud.put(name, b"" if name.endswith("/") else b"x")
            except Exception:  # versitygw and fake-gcs-server keep files themselves
                pass
        held = set(cloud.all("c/"))
        root = fresh("collide")
        done = run("cp", "-r", cloud.place + "c/", root, "--concurrency", "1")
        if {"c/a", "c/a/b"} <= held:
            assert done.returncode == 7 and b"a/b" in done.stderr, done.stderr
            assert set(files(root)) == {"a", "z"}, files(root)
        if "c/marker/" in held:
            assert b"marker/: skipped" in done.stderr, done.stderr
        assert files(root)["z"] == b"x"
        cloud.clear()


def test_between_clouds():
    rng = random.Random(5)
    big = rng.randbytes(1 << 20) * 40
    for here, there in ((Gs, S3), (S3, Gs)):
        for name, content in FILES.items():
            here.put("t/" + name, content)
        here.put("t/big", big)
        same(counts("sync", here.place + "t/", there.place + "u/"), copied(len(FILES) + 1))
        got = there.all("u/")
        assert hashlib.sha256(got.pop("u/big")).digest() == hashlib.sha256(big).digest()
        assert got == {"u/" + name: content for name, content in FILES.items()}
        same(counts("sync", here.place + "t/", there.place + "u/", "--delete"), copied(0, len(FILES) + 1))
        same(counts("sync", here.place + "t/", there.place + "u/", "--compare", "checksum", "--exclude", "big"), copied(0, len(FILES)))
        there.put("u/z z", b"Space")
        same(counts("sync", here.place + "t/", there.place + "u/", "--compare", "checksum", "--exclude", "big"), copied(1, len(FILES) - 1))
        there.put("u/extra", b"x")
        here.put("t/a.txt", b"changed here")
        same(counts("sync", here.place + "t/", there.place + "u/", "--delete"), copied(1, len(FILES), 1))
        assert there.all("u/a")["u/a.txt"] == b"changed here"
        here.clear()
        there.clear()


def test_flat_memory_between_clouds():
    """Large objects pass through without being held, one alone and many at a time; measured on the process itself."""
    if "-fsanitize" in os.environ.get("ASAN_OPTIONS", "") or not os.path.exists("/usr/bin/time"):
        return

    def peak(*words):
        done = subprocess.run(["/usr/bin/time", "-f", "%M", os.environ["DOWEL_BIN"], *words], capture_output=True, check=True)
        used = int(done.stderr.split()[-1])
        print(f"  peak {used / 1024:.0f} MiB", flush=True)
        return used

    Gs.put("large", os.urandom(1 << 20) * 200)
    assert peak("cp", Gs.place + "large", S3.place + "large") < 96 * 1024
    assert AMAZON.head_object(Bucket="s3-objects", Key="large")["ContentLength"] == 200 << 20
    contents = {f"many/{i}": random.Random(i).randbytes(1 << 20) * 24 for i in range(8)}
    for name, content in contents.items():
        Gs.put(name, content)
    assert peak("cp", "-r", Gs.place + "many/", S3.place + "many/") < 96 * 1024
    assert peak("cp", "-r", S3.place + "many/", Gs.place + "back/many/") < 96 * 1024
    for name, content in contents.items():
        assert Gs.all("back/" + name)["back/" + name] == content, name
    Gs.clear()
    S3.clear()


def test_within_a_cloud():
    for cloud in CLOUDS:
        for name, content in FILES.items():
            cloud.put("t/" + name, content)
        same(counts("sync", cloud.place + "t/", cloud.place + "u/"), copied(len(FILES)))
        assert cloud.all("u/") == {"u/" + name: content for name, content in FILES.items()}
        same(counts("sync", cloud.place + "t/", cloud.place + "u/", "--delete"), copied(0, len(FILES)))
        fails(2, "cp", "-r", cloud.place + "t/", cloud.place + "t/inside/", saying="lies in the source")
        fails(2, "sync", cloud.place + "t/d/", cloud.place, "--delete", saying="would be removed")
        fails(2, "cp", cloud.place + "t/a.txt", cloud.place + "t/", saying="the same")
        cloud.clear()


def test_many():
    """More than a page of listing and a batch of removing."""
    for cloud in CLOUDS:
        names = {f"{i % 3}/{'-' * (i % 2)}{i}": b"%d" % i for i in range(1203)}
        root = fresh("many", names)
        same(counts("sync", root, cloud.place + "m/", "--concurrency", "32"), copied(1203))
        assert dowel("ls", "-r", cloud.place + "m/").splitlines() == sorted(names)
        same(counts("sync", root, cloud.place + "m/", "--delete"), copied(0, 1203))
        os.remove(root + "/0/0")
        same(counts("sync", root, cloud.place + "m/", "--delete"), copied(0, 1202, 1))
        assert counts("rm", "-r", cloud.place + "m/", "--include", "1/") == {"removed": 401, "skipped": 0}
        assert counts("rm", "-r", cloud.place + "m/") == {"removed": 801, "skipped": 0}
        cloud.clear()


def test_interrupted():
    for cloud in CLOUDS:
        content = {f"{i}": random.Random(i).randbytes(200_000) for i in range(60)}
        for name, data in content.items():
            cloud.put("i/" + name, data)
        root = fresh("interrupted")
        process = start("sync", cloud.place + "i/", root, "-v", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while not os.listdir(root) and process.poll() is None:
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        for name, data in files(root).items():
            assert content[name] == data, "no part of a file, no temporary one"
        dowel("sync", cloud.place + "i/", root)
        assert files(root) == content
        cloud.clear()


def test_presign():
    if NAME == "moto":
        return  # when it verifies, it knows no signatures in URLs
    S3.put("signed", b"for whom it may concern")
    url = dowel("presign", S3.place + "signed", "--expires", "15m").strip()
    assert urllib.request.urlopen(url).read() == b"for whom it may concern"
    put = dowel("presign", S3.place + "stored", "--method", "PUT").strip()
    urllib.request.urlopen(urllib.request.Request(put, b"by another", method="PUT")).read()
    assert S3.all("stored") == {"stored": b"by another"}
    S3.clear()


if __name__ == "__main__":
    main(globals())
