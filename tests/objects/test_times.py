"""The time of a file goes along with its content, whatever keeps it, and is what a later sync compares: one rule for every pair of places. A second run
copies nothing. The first argument names the server of S3."""
import itertools
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
PROXY = Proxy(S3_URL)
# µs since the epoch: whole seconds, fractions, tomorrow, before the epoch.
TIMES = {"seconds": 1714557600_000000, "fraction": 1714644000_123456, "d/milli": 1714730400_250000, "future": 4102444800_000001, "before": -86400_500000,
         "epoch": 0}


def made(name, times=None):
    root = os.path.join(TMP, name)
    for file, time in (times or TIMES).items():
        os.makedirs(os.path.dirname(os.path.join(root, file)), exist_ok=True)
        with open(os.path.join(root, file), "w") as out:
            out.write(file)
        os.utime(os.path.join(root, file), ns=(time * 1000, time * 1000))
    return root + "/"


def times_of(root):
    return {name: os.stat(os.path.join(root, name)).st_mtime_ns // 1000 for name in TIMES if os.path.exists(os.path.join(root, name))}


def counts(*words, **options):
    last = json.loads(dowel(*words, "--json", **options).splitlines()[-1])
    return last["copied"], last["unchanged"]


def test_prepare():
    GOOGLE.create_bucket("times")
    AMAZON.create_bucket(Bucket="times")
    AMAZON.create_bucket(Bucket="times-2")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/g", "--bucket", "times", "--credentials", "demo", "--endpoint", GCS_URL)
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "s3-bucket/s", "--bucket", "times", "--credentials", "demo", "--endpoint", S3_URL)
    dowel("block", "save", "s3-bucket/t", "--bucket", "times-2", "--credentials", "demo", "--endpoint", S3_URL)
    dowel("block", "save", "s3-bucket/p", "--bucket", "times", "--credentials", "demo", "--endpoint", PROXY.url)


PLACES = {"file": os.path.join(TMP, "at"), "s3": "s3-bucket/s:at", "other": "s3-bucket/t:at", "gcs": "gcs-bucket/g:at"}


def test_every_pair_of_places():
    """Filled from a folder, synced from one kind to the other and back into a folder: the times are those of the first, and nothing is copied twice."""
    root = made("first")
    for here, there in itertools.product(PLACES, PLACES):
        start, end, back = f"{PLACES[here]}-{here}-{there}/a/", f"{PLACES[there]}-{here}-{there}/b/", os.path.join(TMP, f"back-{here}-{there}/")
        for source, target in ((root, start), (start, end), (end, back)):
            assert counts("sync", source, target) == (len(TIMES), 0), (source, target)
            assert counts("sync", source, target, "--delete") == (0, len(TIMES)), (source, target)
        assert times_of(back) == TIMES, (here, there, times_of(back))
        # And backwards: nothing has changed anywhere.
        for source, target in ((back, end), (end, start), (start, root), (end, root)):
            assert counts("sync", source, target, "--delete") == (0, len(TIMES)), (source, target)
        assert times_of(root) == TIMES


def test_a_time_that_changed_is_seen():
    """Newer and older ones, of the same size: also where the copy was stored long after."""
    for kind, place in PLACES.items():
        for delta in (1_000_000, 3600_000000, -1_000_000, -10**15):
            root, target = made("changed"), f"{place}-changed/"
            dowel("sync", root, target)
            os.utime(root + "d/milli", ns=(0, (TIMES["d/milli"] + delta) * 1000))
            assert counts("sync", root, target, "--dry-run") == (1, len(TIMES) - 1), (kind, delta)
            assert counts("sync", root, target) == (1, len(TIMES) - 1), (kind, delta)
            assert counts("sync", root, target) == (0, len(TIMES)), (kind, delta)
            back = os.path.join(TMP, f"changed-back-{kind}/")
            dowel("sync", target, back)
            assert times_of(back)["d/milli"] == TIMES["d/milli"] + delta, (kind, delta)


def test_copies_restore_times_as_syncs_do():
    root = made("copied")
    for kind, place in PLACES.items():
        for command in (("cp", "-r"), ("sync",)):
            target, back = f"{place}-{command[0]}/", os.path.join(TMP, f"{command[0]}-back-{kind}/")
            dowel(*command, root, target)
            dowel(*command, target, back)
            assert times_of(back) == TIMES, (kind, command, times_of(back))
        dowel("cp", target + "fraction", back + "one")
        assert os.stat(back + "one").st_mtime_ns // 1000 == TIMES["fraction"]


def test_whole_seconds():
    """One side may know seconds only: other tools' metadata, old file systems. Both ways it counts as the same; another second does not."""
    fine, coarse = made("fine", {"x": 1714644000_123456, "y": 1714644000_999999}), made("coarse", {"x": 1714644000_000000, "y": 1714644000_000000})
    for source, target in ((fine, coarse), (coarse, fine)):
        for file in ("x", "y"):
            with open(os.path.join(target, file), "wb") as out, open(os.path.join(source, file), "rb") as content:
                out.write(content.read())
        for root, times in ((fine, (123456, 999999)), (coarse, (0, 0))):
            for file, fraction in zip("xy", times):
                os.utime(root + file, ns=(0, (1714644000_000000 + fraction) * 1000))
        assert counts("sync", source, target) == (0, 2)
        os.utime(target + "x", ns=(0, 1714644001_000000 * 1000))
        assert counts("sync", source, target) == (1, 1)
    with open(fine + "x", "rb") as content:
        data = content.read()
    os.utime(fine + "x", ns=(0, 1714644000_123456 * 1000))
    AMAZON.put_object(Bucket="times", Key="coarse/x", Body=data, Metadata={"mtime": "1714644000"})
    blob = GOOGLE.bucket("times").blob("coarse/x")
    blob.metadata = {"goog-reserved-file-mtime": "1714644000"}
    blob.upload_from_string(data)
    for place in ("s3-bucket/s:coarse/", "gcs-bucket/g:coarse/"):
        assert counts("sync", fine, place, "--include", "x") == (0, 1), place
        assert counts("sync", place, fine) == (0, 1), place


def test_objects_of_others():
    """Objects whose writers recorded no time: the time when they were stored goes along, and is compared."""
    for name in ("foreign/a", "foreign/b"):
        AMAZON.put_object(Bucket="times", Key=name, Body=b"by another tool")
        GOOGLE.bucket("times").blob(name).upload_from_string(b"by another tool")
    for source in ("s3-bucket/s:foreign/", "gcs-bucket/g:foreign/"):
        for number, target in enumerate((os.path.join(TMP, "foreign/"), "s3-bucket/t:foreign/", "gcs-bucket/g:foreign-copy/")):
            target = target.replace("foreign", f"foreign-{source[0]}-{number}")
            assert counts("sync", source, target) == (2, 0), (source, target)
            assert counts("sync", source, target) == (0, 2), (source, target)
    # Files that another tool gave the time when the object was stored (aws s3 sync does) are the same.
    root = os.path.join(TMP, "by-aws/")
    os.makedirs(root)
    for name in "ab":
        with open(root + name, "wb") as file:
            file.write(b"by another tool")
        stored = AMAZON.head_object(Bucket="times", Key="foreign/" + name)["LastModified"].timestamp()
        os.utime(root + name, (stored, stored))
    assert counts("sync", "s3-bucket/s:foreign/", root) == (0, 2)


def test_the_epoch_is_a_time():
    """As other tools record it."""
    AMAZON.put_object(Bucket="times", Key="zero/a", Body=b"0", Metadata={"mtime": "0"})
    AMAZON.put_object(Bucket="times", Key="zero/b", Body=b"0", Metadata={"mtime": "0.000000000"})
    for name, metadata in (("a", {"goog-reserved-file-mtime": "0"}), ("b", {"mtime": "1970-01-01T00:00:00Z"})):
        blob = GOOGLE.bucket("times").blob("zero/" + name)
        blob.metadata = metadata
        blob.upload_from_string(b"0")
    for number, source in enumerate(("s3-bucket/s:zero/", "gcs-bucket/g:zero/")):
        root = os.path.join(TMP, f"zero-{number}/")
        assert counts("sync", source, root) == (2, 0), source
        assert [os.stat(root + name).st_mtime_ns for name in "ab"] == [0, 0], source
        assert counts("sync", root, source) == (0, 2), source


def test_looking_costs_little():
    """Only objects of the same size are looked at, each once; a listing whose times agree is enough; downloads need no look at all."""
    root = made("looked")
    dowel("sync", root, "s3-bucket/p:looked/")
    looks = lambda: len(PROXY.seen("HEAD"))  # noqa: E731
    PROXY.reset()
    dowel("sync", "s3-bucket/p:looked/", os.path.join(TMP, "looked-back/"))
    assert looks() == 0, PROXY.requests
    dowel("sync", root, "s3-bucket/p:looked/")
    assert looks() == len(TIMES)
    PROXY.reset()
    for name in TIMES:
        with open(root + name, "a") as file:
            file.write("longer")
    dowel("sync", root, "s3-bucket/p:looked/", "--dry-run")
    assert looks() == 0
    for compare in ("size",):
        dowel("sync", root, "s3-bucket/p:looked/", "--compare", compare)
        assert counts("sync", root, "s3-bucket/p:looked/", "--compare", compare) == (0, len(TIMES))
    assert looks() == 0
    dowel("sync", "s3-bucket/p:foreign/", os.path.join(TMP, "looked-foreign/"))
    PROXY.reset()
    assert counts("sync", "s3-bucket/p:foreign/", os.path.join(TMP, "looked-foreign/")) == (0, 2)
    assert looks() == 0


def test_who_may_not_look():
    """A caller who may list and write and not read: the time when an object was stored counts, and that is said once."""
    root = made("blind", {"x": TIMES["seconds"], "y": TIMES["fraction"]})
    dowel("sync", root, "s3-bucket/p:blind/")
    PROXY.reset(lambda r: {"answer": (403, [], b"")} if r.method == "HEAD" else None)
    done = run("sync", root, "s3-bucket/p:blind/", "--json")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["unchanged"] == 2, done
    assert done.stderr.count(b"recorded times cannot be read") == 1, done.stderr
    PROXY.reset(lambda r: {"answer": (500, [], b"")} if r.method == "HEAD" else None)
    done = run("sync", root, "s3-bucket/p:blind/", env={"AWS_MAX_ATTEMPTS": "1"})
    assert done.returncode == 5 and b"2 failed, 0 copied" in done.stderr, done
    PROXY.reset()


if __name__ == "__main__":
    main(globals())
