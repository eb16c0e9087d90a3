"""Objects whose names end with a slash, with content and without: copied where the destination can hold them, named where it cannot, listed and
removed like others."""
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, call, dowel, fails, main, run  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_TESTBENCH_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
KINDS = ("s3", "gcs")
TREE = {"d/": b"of d", "d/f": b"f", "d/g/": b"of g", "d/e/": b"", "d.x": b"beside"}


def put(kind, name, content, metadata=None):
    if kind == "s3":
        AMAZON.put_object(Bucket="folders", Key=name, Body=content, Metadata=metadata or {})
    else:
        blob = GOOGLE.bucket("folders").blob(name)
        blob.metadata = metadata
        blob.upload_from_string(content, content_type="application/octet-stream", retry=None)


def held(kind):
    if kind == "s3":
        return {e["Key"]: AMAZON.get_object(Bucket="folders", Key=e["Key"])["Body"].read() for e in AMAZON.list_objects_v2(Bucket="folders").get("Contents", [])}
    return {blob.name: blob.download_as_bytes() for blob in GOOGLE.list_blobs("folders")}


def fill(kind, tree, top=""):
    for name in held(kind):
        if kind == "s3":
            AMAZON.delete_object(Bucket="folders", Key=name)
        else:
            GOOGLE.bucket("folders").delete_blob(name)
    for name, content in tree.items():
        put(kind, top + name, content, {"of": "Köln"} if content and kind == "gcs" else {"of": "x"})


def place(kind, path=""):
    return f"{kind}-bucket/b:{path}"


def done(*words, code=0):
    finished = run(*words, "--json")
    assert finished.returncode == code, finished
    return [json.loads(line) for line in finished.stdout.splitlines()]


def below(tree, top):
    return {name[len(top):]: content for name, content in tree.items() if name.startswith(top)}


def test_prepare():
    GOOGLE.create_bucket("folders")
    AMAZON.create_bucket(Bucket="folders")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "gcs-bucket/b", "--bucket", "folders", "--credentials", "demo", "--endpoint", GCS_URL)
    dowel("block", "save", "s3-bucket/b", "--bucket", "folders", "--credentials", "demo", "--endpoint", S3_URL)


def test_between_clouds():
    for source in KINDS:
        for target in KINDS:
            for command in (("cp", "-r"), ("sync",), ("sync", "--delete")):
                fill(source, TREE)
                if target != source:
                    fill(target, {})
                counts = done(*command, place(source, "d/"), place(target, "t/"))[-1]
                assert counts["copied"] == 4 and counts["skipped"] == 0, counts
                assert below(held(target), "t/") == below(TREE, "d/"), (source, target, held(target))
                counts = done("sync", place(source, "d/"), place(target, "t/"), "--delete")[-1]
                assert (counts["copied"], counts["unchanged"], counts["removed"]) == (0, 4, 0), counts
    assert GOOGLE.bucket("folders").get_blob("t/").metadata["of"] == "Köln"


def test_into_a_whole_bucket():
    """Where the object of the source's folder would have no name."""
    fill("s3", TREE)
    fill("gcs", {})
    events = done("cp", "-r", place("s3", "d/"), place("gcs"))
    assert (events[-1]["copied"], events[-1]["skipped"]) == (3, 1), events
    assert [e["name"] for e in events if e["event"] == "skip"] == [place("s3", "d/")], events
    assert held("gcs") == {"f": b"f", "g/": b"of g", "e/": b""}


def test_into_files():
    """The folder is made; the content is named and counted; one without content makes none."""
    for kind in KINDS:
        fill(kind, TREE)
        for command in (("cp", "-r"), ("sync",), ("sync", "--delete")):
            target = os.path.join(TMP, kind + "-".join(command))
            events = done(*command, place(kind, "d/"), target + "/")
            assert (events[-1]["copied"], events[-1]["skipped"]) == (1, 3), events
            assert {e["name"] for e in events if e["event"] == "skip" and "bytes" in e["why"]} == {place(kind, "d/"), place(kind, "d/g/")}, events
            assert sorted(os.listdir(target)) == ["f", "g"] and os.listdir(os.path.join(target, "g")) == []
            said = run(*command, place(kind, "d/"), target + "/").stderr.decode()
            assert f"{place(kind, 'd/g/')}: skipped: " in said and "4 bytes" in said, said
        blocked = os.path.join(TMP, kind + "-blocked")
        os.makedirs(blocked)
        with open(os.path.join(blocked, "g"), "w") as file:
            file.write("in the way")
        finished = run("cp", "-r", place(kind, "d/"), blocked)
        assert finished.returncode and b"g/: " in finished.stderr and open(os.path.join(blocked, "g")).read() == "in the way", finished
        dry = os.path.join(TMP, kind + "-dry")
        dowel("cp", "-r", "-n", place(kind, "d/"), dry)
        assert not os.path.exists(dry)


def test_listing_and_removing():
    """What one shows the other removes, also where nothing but the folder's object is there."""
    for kind in KINDS:
        for content in (b"", b"content"):
            for spelling in ("gone", "gone/"):
                fill(kind, {"gone/": content, "gone.x": b"stays", "gone-": b"stays"})
                for words in ((), ("--recursive",)):
                    listed = call("objects.list", "--place", place(kind, spelling), *words)
                    assert [o["name"] for o in listed["objects"]] == [""] and listed["objects"][0]["size"] == len(content), listed
                    assert dowel("ls", place(kind, spelling), *words) == "./\n"
                assert call("objects.remove", "--place", place(kind, spelling), "--recursive", "--dry-run") == {"removed": 1, "skipped": 0}
                assert call("objects.remove", "--place", place(kind, spelling), "--recursive") == {"removed": 1, "skipped": 0}
                assert set(held(kind)) == {"gone.x", "gone-"}, held(kind)
                fails(3, "rm", "-r", place(kind, spelling), saying="nothing below")
        fill(kind, {"gone": b"an object", "gone/": b"", "gone/a": b"a", "gone/b/": b"", "gone/b/c": b"c"})
        assert call("objects.remove", "--place", place(kind, "gone/"), "--recursive")["removed"] == 4
        assert held(kind) == {"gone": b"an object"}
        fill(kind, {"gone/": b"", "gone/a": b"a", "gone/b": b"b"})
        dowel("rm", "-r", place(kind, "gone"), "--include", "a")
        assert set(held(kind)) == {"gone/", "gone/b"}


def test_the_destinations_own():
    """Deleting at the destination leaves the folder itself, but not what its object holds; nothing is emptied by a source of markers."""
    for kind in KINDS:
        other = "gcs" if kind == "s3" else "s3"
        fill(other, {"src/f": b"f"})
        fill(kind, {"dst/": b"", "dst/old": b"old", "dst/m/": b""})
        counts = done("sync", "--delete", place(other, "src/"), place(kind, "dst/"))[-1]
        assert counts["removed"] == 2 and set(held(kind)) == {"dst/", "dst/f"}, held(kind)
        fill(kind, {"dst/": b"content", "dst/f": b"f"})
        counts = done("sync", "--delete", place(other, "src/"), place(kind, "dst/"))[-1]
        assert set(held(kind)) == {"dst/f"}, held(kind)
        fill(other, {"src/": b""})
        fails(3, "sync", "--delete", place(other, "src/"), place(kind, "dst/"), saying="nothing")
        assert set(held(kind)) == {"dst/f"}, held(kind)
        fill(other, {"src/": b"content"})
        done("sync", "--delete", place(other, "src/"), place(kind, "dst/"))
        assert held(kind) == {"dst/": b"content"}


if __name__ == "__main__":
    main(globals())
