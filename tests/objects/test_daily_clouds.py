"""Patterns, several sources, mv, du, stat, buckets and times in Cloud Storage and S3. The first argument names the server of S3."""
import json
import os
import re
import sys
import time

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, SECRET, URL as S3_URL  # noqa: E402

GCS_URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
FILES = {"a.csv": b"alpha", "b.csv": b"bb", "c.txt": b"c", "2026-01/p.csv": b"p", "2026-02/deep/p.csv": b"qq", "*.x": b"star", "1.x": b"one"}


class Gs:
    kind, place, url = "gcs", "gcs-bucket/daily:", "gs://gs-daily/"
    own = {"STORAGE_EMULATOR_HOST": GCS_URL}
    proxy = Proxy(GCS_URL)

    @staticmethod
    def put(name, content):
        GOOGLE.bucket("gs-daily").blob(name).upload_from_string(content, retry=None, timeout=20)

    @staticmethod
    def all():
        return {blob.name: blob.download_as_bytes() for blob in GOOGLE.list_blobs("gs-daily")}

    @staticmethod
    def delete(name):
        GOOGLE.bucket("gs-daily").blob(name).delete()


class S3:
    kind, place, url = "s3", "s3-bucket/daily:", "s3://s3-daily/"
    own = {"AWS_ENDPOINT_URL": S3_URL, "AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
    proxy = Proxy(S3_URL)

    @staticmethod
    def put(name, content):
        AMAZON.put_object(Bucket="s3-daily", Key=name, Body=content)

    @staticmethod
    def all():
        found = AMAZON.list_objects_v2(Bucket="s3-daily").get("Contents", [])
        return {entry["Key"]: AMAZON.get_object(Bucket="s3-daily", Key=entry["Key"])["Body"].read() for entry in found}

    @staticmethod
    def delete(name):
        AMAZON.delete_object(Bucket="s3-daily", Key=name)


CLOUDS = (Gs, S3)
STRICT = "DOWEL_TEST_TESTBENCH_URL" in os.environ


def fill(cloud, files=FILES):  # noqa: B006
    for name in cloud.all():
        cloud.delete(name)
    for name, content in files.items():
        cloud.put(name, content)


def path(*names):
    return os.path.join(TMP, *names)


def local(root):
    return {os.path.relpath(os.path.join(folder, name), root): open(os.path.join(folder, name), "rb").read()
            for folder, _, names in os.walk(root) for name in names}


def test_blocks():
    GOOGLE.create_bucket("gs-daily")
    AMAZON.create_bucket(Bucket="s3-daily")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/daily", "--bucket", "gs-daily", "--credentials", "demo", "--endpoint", GCS_URL)
    dowel("block", "save", "gcs-bucket/proxied", "--bucket", "gs-daily", "--credentials", "demo", "--endpoint", Gs.proxy.url)
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", "-", stdin=SECRET.encode())
    dowel("block", "save", "s3-bucket/daily", "--bucket", "s3-daily", "--credentials", "demo", "--endpoint", S3_URL, "--region", "us-east-1")
    dowel("block", "save", "s3-bucket/proxied", "--bucket", "s3-daily", "--credentials", "demo", "--endpoint", S3.proxy.url, "--region", "us-east-1")


def test_patterns():
    for cloud in CLOUDS:
        fill(cloud)
        p = cloud.place
        assert dowel("ls", p + "*.csv").splitlines() == [p + "a.csv", p + "b.csv"]
        assert dowel("ls", p + "2026-*").splitlines() == [p + "2026-01/", p + "2026-02/"]
        assert dowel("ls", p + "**/*.csv").splitlines() == [p + name for name in sorted(FILES) if name.endswith(".csv")]
        assert dowel("ls", p + "{a,c}.*").splitlines() == [p + "a.csv", p + "c.txt"]
        assert dowel("cat", p + "[ab].csv") == "alphabb"
        assert dowel("cat", p + "*.x") == "star" and dowel("ls", p + "\\**").splitlines() == [p + "*.x"]
        dowel("cp", p + "2026-*/**", path(cloud.kind) + "/")
        assert local(path(cloud.kind)) == {"2026-01/p.csv": b"p", "2026-02/deep/p.csv": b"qq"}
        assert dowel("rm", p + "2026-*", "-r", "-n").splitlines()[-1] == "would remove 2"
        fails(3, "rm", p + "2026-*", saying="nothing matches")
        assert dowel("rm", p + "*.x") == "1 removed\n" and "1.x" in cloud.all()  # exactly this name
        assert dowel("rm", p + "*.csv", p + "c.txt") == "3 removed\n"
        assert set(cloud.all()) == {"2026-01/p.csv", "2026-02/deep/p.csv", "1.x"}


def test_a_pattern_asks_for_its_level_only():
    for cloud in CLOUDS:
        fill(cloud, {"x1": b"1", "x2": b"2", "y": b"", **{f"x/{i}": b"" for i in range(5)}})
        proxied = f"{cloud.kind}-bucket/proxied:"
        cloud.proxy.reset()
        assert dowel("rm", proxied + "x?", "-n").splitlines()[:2] == [f"would remove {proxied}x1", f"would remove {proxied}x2"]
        lists = [request.path for request in cloud.proxy.requests if "delimiter" in request.path]
        assert len(lists) == 1 and "prefix=x" in lists[0], [request.path for request in cloud.proxy.requests]


def test_several_sources():
    for cloud in CLOUDS:
        fill(cloud, {})
        for name in ("one", "two"):
            with open(path(name), "w") as file:
                file.write(name)
        assert dowel("cp", path("one"), path("two"), cloud.place + "in/") == "2 copied (6 B)\n"
        assert cloud.all() == {"in/one": b"one", "in/two": b"two"}
        fails(2, "cp", path("one"), path("two"), cloud.place + "in", saying=["is not a folder", "in/"])
        dowel("cp", "-r", cloud.place + "in/one", cloud.place + "in", path(cloud.kind + "-tree") + "/")
        assert local(path(cloud.kind + "-tree")) == {"one": b"one", "in/one": b"one", "in/two": b"two"}


def test_move():
    for cloud in CLOUDS:
        for other in CLOUDS:
            fill(cloud)
            if other is not cloud:
                fill(other, {})
            dowel("mv", cloud.place + "a.csv", other.place + "moved/x")
            done = json.loads(dowel("mv", "-r", cloud.place + "2026-*", other.place + "moved/", "--json").splitlines()[-1])
            assert done == {"event": "done", "moved": 2, "bytes": 3, "unchanged": 0, "skipped": 0}, done
            moved = {"moved/x": b"alpha", "moved/2026-01/p.csv": b"p", "moved/2026-02/deep/p.csv": b"qq"}
            rest = {name: FILES[name] for name in ("b.csv", "c.txt", "*.x", "1.x")}
            assert other.all() == ({**moved, **rest} if other is cloud else moved) and (other is cloud or cloud.all() == rest)
        fill(cloud)
        dowel("mv", cloud.place + "a.csv", path("from-" + cloud.kind))
        dowel("mv", path("from-" + cloud.kind), cloud.place + "back")
        assert cloud.all()["back"] == b"alpha" and "a.csv" not in cloud.all() and not os.path.exists(path("from-" + cloud.kind))
        fails(2, "mv", cloud.place + "b.csv", cloud.place, saying="the same")


def test_a_source_is_kept_when_the_copy_is_not_verified():
    """The answer about the copy is not what was sent; the source is replaced meanwhile; the copy cannot be looked at."""
    for cloud in CLOUDS:
        proxied = f"{cloud.kind}-bucket/proxied:"
        fill(cloud, {})
        with open(path("source"), "w") as file:
            file.write("content")

        def lies(request):
            looks = request.method == "HEAD" or (request.method == "GET" and "/o/" in request.path)
            if not looks or "copy" not in request.path:
                return None
            if cloud is S3:
                return {"answer": (200, [("Content-Length", "7"), ("ETag", '"' + "0" * 32 + '"'), ("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")], b"")}
            return {"answer": (200, [], json.dumps({"name": "copy", "size": "7", "generation": "1", "crc32c": "AAAAAA==", "timeCreated": "2026-01-02T03:04:05Z"}).encode())}
        cloud.proxy.reset(lies)
        said = fails(1, "mv", path("source"), proxied + "copy", saying=["another checksum", "the source was kept"])
        assert os.path.exists(path("source")), said
        cloud.proxy.reset(lambda r: {"answer": (403, [], b"")} if r.method in ("HEAD", "GET") and "copy" in r.path else None)
        fails(4, "mv", path("source"), proxied + "copy")
        assert os.path.exists(path("source"))
        cloud.proxy.reset()
        dowel("mv", path("source"), proxied + "copy")
        assert not os.path.exists(path("source")) and cloud.all() == {"copy": b"content"}


def test_a_replaced_source_is_kept():
    for cloud in CLOUDS:
        fill(cloud, {"source": b"before"})
        proxied = f"{cloud.kind}-bucket/proxied:"
        looked = []

        def replace(request):
            looks = "source" in request.path and (request.method == "HEAD" or (request.method == "GET" and "alt=media" not in request.path and cloud is Gs))
            if looks:
                looked.append(request.path)
                if len(looked) == 2:
                    cloud.put("source", b"after!")
        cloud.proxy.reset(replace)
        fails(7, "mv", proxied + "source", path("target-" + cloud.kind), saying=["changed meanwhile", "kept"])
        assert cloud.all() == {"source": b"after!"} and len(looked) == 2, looked


def test_a_source_replaced_at_the_last_moment_is_kept():
    """Between the last look at it and its removal, whose condition the service checks."""
    for cloud in CLOUDS:
        for words in (("source",), ("so*",), ("", "-r")):
            fill(cloud, {"source": b"before"})
            deleted = []

            def replace(request):
                if request.method == "DELETE":
                    deleted.append(request)
                    cloud.put("source", b"after!")
                    # Not every stand-in knows conditional deletion.
                    conditional = request.headers.get("if-match") if cloud is S3 else request.query("ifGenerationMatch")
                    return {"answer": (412, [], b"")} if conditional and not (STRICT and cloud is Gs) else None
                return None
            cloud.proxy.reset(replace)
            fails(7, "mv", f"{cloud.kind}-bucket/proxied:" + words[0], *words[1:], path("late-" + cloud.kind) + "/", saying=["changed meanwhile", "kept"])
            assert cloud.all() == {"source": b"after!"} and len(deleted) == 1, deleted
            assert deleted[0].query("ifGenerationMatch") if cloud is Gs else deleted[0].headers["if-match"].strip('"')
        # Its answer was lost: the object is gone, which is what was wanted.
        fill(cloud, {"source": b"before"})
        cloud.proxy.reset(lambda r: (cloud.delete("source"), {"answer": (412, [], b"")})[1] if r.method == "DELETE" else None)
        dowel("mv", f"{cloud.kind}-bucket/proxied:source", path("lost-" + cloud.kind))
        assert cloud.all() == {}
    # A service without conditional deletion.
    fill(S3, {"source": b"before"})
    S3.proxy.reset(lambda r: {"answer": (501, [], b"")} if r.method == "DELETE" and r.headers.get("if-match") else None)
    dowel("mv", "s3-bucket/proxied:source", path("plain"))
    assert S3.all() == {}


def test_one_bucket_at_two_addresses():
    for cloud in CLOUDS:
        for words in (("same", "same"), ("", "", "-r"), ("s*", "")):
            fill(cloud, {"same": b"content"})
            cloud.proxy.reset()
            done = run("mv", cloud.place + words[0], f"{cloud.kind}-bucket/proxied:" + words[1], *words[2:])
            assert done.returncode and b"the same object at two addresses" in done.stderr, done
            assert cloud.all() == {"same": b"content"}
            assert not [r for r in cloud.proxy.requests if r.method in ("PUT", "POST", "DELETE")], cloud.proxy.requests


def test_names_of_patterns():
    for cloud in CLOUDS:
        files = {"x/a": b"1", "x/m/p": b"2", "y/a": b"3", "y/m/p": b"4", "y/b": b"5", "n": b"an object", "x/n": b"6"}
        p = cloud.place
        fill(cloud, files)
        for words, name in (((p + "x/*", p + "y/*"), "a"), ((p + "y/a", p + "x/?"), "a"), (("-r", p + "x/m", p + "y/*"), "m/p"), ((p + "x/**", p + "y/**"), "a"),
                            (("-r", p + "n", p + "x/n*"), "n")):
            said = fails(2, "mv", *words, p + "to/", saying=["would both be moved as", p + "to/" + name])
            assert all(word in said for word in words if word != "-r"), said
        assert cloud.all() == files
        dowel("cp", p + "x/?", p + "y/b*", path("names-" + cloud.kind) + "/")
        assert local(path("names-" + cloud.kind)) == {"a": b"1", "b": b"5", "n": b"6"}


def test_sizes():
    for cloud in CLOUDS:
        fill(cloud)
        lines = [line.split() for line in dowel("du", cloud.place).splitlines()]
        assert lines == [["1", "1", "object", cloud.place + "2026-01/"], ["2", "1", "object", cloud.place + "2026-02/"], ["18", "7", "objects", cloud.place]], lines
        assert dowel("du", "-sh", cloud.place + "2026-*").split()[:4] == ["3", "B", "2", "objects"]
        assert dowel("ls", "-l", cloud.place).splitlines()[-1] == "total: 5 objects, 15 bytes"
        assert dowel("ls", "-lh", cloud.place + "a.csv").split()[:2] == ["5", "B"]


def test_times():
    for cloud in CLOUDS:
        fill(cloud, {})
        with open(path("old"), "w") as file:
            file.write("x")
        os.utime(path("old"), (1e9, 1e9))
        dowel("cp", path("old"), cloud.place + "old")
        for words in (("ls", "-l", cloud.place), ("ls", "-l", cloud.place + "old")):
            assert "2001-09-09" not in dowel(*words), words
            assert "2001-09-09T01:46:40Z" in dowel(*words, "--source-times"), words
        event = json.loads(dowel("ls", cloud.place, "--json").splitlines()[0])
        assert "source_modified" not in event and not event["modified"].startswith("2001"), event
        event = json.loads(dowel("ls", cloud.place, "--json", "--source-times").splitlines()[0])
        assert event["source_modified"].startswith("2001") and not event["modified"].startswith("2001"), event
        shown = json.loads(dowel("stat", cloud.place + "old", "--json"))
        assert shown["source_modified"].startswith("2001") and not shown["modified"].startswith("2001"), shown


def test_buckets():
    for cloud in CLOUDS:
        scheme = cloud.url[:5]
        words = ("--credentials", "demo") if cloud is Gs else ()
        assert cloud.url in dowel("ls", scheme, *words, env=cloud.own).splitlines()
        assert dowel("ls", scheme + "*-dai[l]y", *words, env=cloud.own) == cloud.url + "\n"
        assert {"event": "prefix", "name": cloud.url}.items() <= json.loads(dowel("ls", scheme + "*-daily", "--json", *words, env=cloud.own)).items()
        fails(3, "ls", scheme + "none-*", *words, env=cloud.own, saying="no bucket matches")
        endpoint = GCS_URL if cloud is Gs else S3_URL
        assert cloud.url in dowel("ls", scheme, "--credentials", "demo", "--endpoint", endpoint).splitlines()
    fails(2, "ls", "file://", saying="file:///path")


def test_bare_blocks():
    for cloud in CLOUDS:
        fill(cloud)
        assert dowel("ls", cloud.place[:-1]) == dowel("ls", cloud.place)
    fails(3, "ls", "daily")  # two blocks have this name


# ---- a run that is continued ----

def resumed(*words, cloud, stop, env=None):
    """Runs with a key until a request is refused, then again; returns the requests of the second time."""
    cloud.proxy.reset(stop)
    first = run(*words, "--run-key", "-".join(words), env=env)
    assert first.returncode not in (0, 2), first
    cloud.proxy.reset()
    again = run(*words, "--run-key", "-".join(words), env=env)
    return first, again, list(cloud.proxy.requests)


def test_a_resumed_move_repeats_nothing():
    """The removal was made and its answer lost: the object that somebody stored since is not moved."""
    for cloud in CLOUDS:
        proxied = f"{cloud.kind}-bucket/proxied:"
        fill(cloud, {"m/a": b"a"})

        def lose(request):
            if request.method == "DELETE" or (request.method == "POST" and "delete" in request.path):
                cloud.delete("m/a")
                return {"answer": (400, [], b"")}
            return None
        _, again, requests = resumed("mv", proxied + "m/a", proxied + "n", cloud=cloud, stop=lose)
        assert again.returncode == 0 and cloud.all() == {"n": b"a"}, (again, cloud.all())
        assert not [r for r in requests if r.method in ("PUT", "POST", "DELETE")], [(r.method, r.path) for r in requests]


def test_a_resumed_removal_leaves_what_came_since():
    for cloud in CLOUDS:
        proxied = f"{cloud.kind}-bucket/proxied:"
        fill(cloud, {"r": b"old"})

        def lose(request):
            if request.method == "DELETE" or (request.method == "POST" and "delete" in request.path):
                cloud.delete("r")
                cloud.put("r", b"newer")
                return {"answer": (400, [], b"")}
            return None
        _, again, _ = resumed("rm", "-v", proxied + "r", cloud=cloud, stop=lose)
        assert again.returncode == 0 and b"skipped" in again.stderr and cloud.all() == {"r": b"newer"}, again


def test_a_resumed_removal_of_a_folder_goes_by_the_clock_of_the_service():
    for cloud in CLOUDS:
        proxied = f"{cloud.kind}-bucket/proxied:"
        for year, left in ((None, {"r/a": b"newer"}), (2099, {}), (1999, {"r/a": b"newer", "r/b": b"b"})):
            fill(cloud, {"r/a": b"a", "r/b": b"b"})
            clocks, lists = [], []

            def stop(request):
                if request.query("max-keys") == "1" or request.query("fields") == "kind":
                    clocks.append(request)
                    return {"edit": lambda status, headers, body: (status, [h for h in headers if h[0].lower() != "date"] + [("Date", f"Thu, 01 Jan {year} 00:00:00 GMT")], body)} if year else None
                if "prefix=r" in request.path:
                    lists.append(request)
                    if len(lists) == 1:
                        cloud.delete("r/a")
                        cloud.put("r/a", b"newer")
                        return {"answer": (400, [], b"")}
                return None
            words = ("rm", "-r", "-v", proxied + "r/", "--run-key", f"clock-{cloud.kind}-{year}")
            if not year:  # in the second in which the run begins objects count as newer, and a server may send a date that is a second old
                cloud.proxy.reset()
                before = time.time()
                while time.time() < before + 2.2:
                    time.sleep(0.1)
            cloud.proxy.reset(stop)
            assert run(*words).returncode not in (0, 2)
            again = run(*words)
            assert again.returncode == 0 and cloud.all() == left and len(clocks) == 1, (year, again, cloud.all(), clocks)
            assert again.stderr.count(b"it was stored after this run began") == len(left), again


main(globals())
