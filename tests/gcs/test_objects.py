"""Objects of Cloud Storage through the command. What the server holds is read, and what dowel reads is written, by Google's own
client library. Runs against fake-gcs-server and against Google's storage testbench."""
import base64
import gzip
import hashlib
import os
import sys

import google_crc32c
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402

URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.bucket("dowel-objects")
QUANTUM = 256 * 1024

# What people call their objects. Slashes are part of the name, however many.
NAMES = ["plain.txt", "with space.txt", "folder/inner.txt", "a//b", "folder/", "hash#1", "what?x=1&y=2", "100%", "%41",
         "plus+and=equals", "quote'\"quote", "grün/übung.csv", "日本語.txt", "emoji-🎉", "tilde~back\\slash", "semi;colon,comma",
         "dot/../dot", "...", "[bracket]", "*star*", "/".join(["long" * 40] * 6)]


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def crc32c(data):
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()


def upload(*words, **options):
    return call("gcs.upload", "--bucket", "objects", *words, **options)


def check(name, data):
    """Google's library finds exactly these bytes, and checks the stored checksums itself."""
    blob = BUCKET.get_blob(name)
    assert blob is not None, f"{name!r} is not there"
    got = blob.download_as_bytes(checksum="crc32c", raw_download=True)
    assert got == data, f"{name}: {len(got)} bytes, {len(data)} expected"
    assert blob.crc32c == crc32c(data), (blob.crc32c, crc32c(data))
    if blob.md5_hash:
        assert blob.md5_hash == base64.b64encode(hashlib.md5(data).digest()).decode()
    return blob


def test_create_bucket():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/objects", "--bucket", "dowel-objects", "--credentials", "demo", "--endpoint", URL)
    made = call("gcs.create_bucket", "--bucket", "objects", "--location", "EUROPE-WEST1")
    assert made["bucket"] == "dowel-objects", made
    assert GOOGLE.get_bucket("dowel-objects").name == "dowel-objects"
    said = fails(7, "call", "gcs.create_bucket", "--bucket", "objects", saying="409")
    assert "Hint" in said or "hint" in said or "choose another" in said, said


def test_upload_sizes():
    """Around the threshold between one request and a session, and around a session's unit."""
    for size in (0, 1, QUANTUM - 1, QUANTUM, QUANTUM + 1, 2 * QUANTUM, 3 * QUANTUM + 7, 4 * QUANTUM):
        data = os.urandom(size)
        path = write("sized.bin", data)
        for way in ([], ["--resumable-threshold", "0", "--chunk-size", "256KiB"],
                    ["--resumable-threshold", "0", "--chunk-size", "512KiB"]):
            for source in ("file", "stdin"):
                name = f"size-{size}-{len(way)}-{source}"
                if source == "file":
                    got = upload("--file", path, "--name", name, *way)
                else:
                    got = upload("--file", "-", "--name", name, *way, stdin=data)
                blob = check(name, data)
                assert got["size"] == size and got["crc32c"] == crc32c(data) and got["bucket"] == "dowel-objects", got
                assert got["name"] == name and str(got["generation"]) == str(blob.generation), got


def test_upload_data_and_own_name():
    got = upload("--file", write("own-name.csv", b"a,b\n1,2\n"))
    assert got["name"] == "own-name.csv" and got["content_type"] == "text/csv", got
    assert check("own-name.csv", b"a,b\n1,2\n").content_type == "text/csv"
    upload("--data", "@" + write("binary.bin", bytes(range(256))), "--name", "bytes")
    assert check("bytes", bytes(range(256))).content_type == "application/octet-stream"
    fails(2, "call", "gcs.upload", "--bucket", "objects", "--file", "-", saying='"name" is required')
    fails(2, "call", "gcs.upload", "--bucket", "objects", "--name", "x", saying='exactly one of "file" and "data"')


def test_upload_file_problems():
    fails(3, "call", "gcs.upload", "--bucket", "objects", "--file", os.path.join(TMP, "nowhere.csv"), saying="nowhere.csv")
    fails(2, "call", "gcs.upload", "--bucket", "objects", "--name", "x", "--file", TMP, saying="is a folder")


def test_content_type_and_metadata():
    for way in ([], ["--resumable-threshold", "0"]):
        upload("--file", write("typed.json", b"{}"), "--name", "typed", "--content-type", "text/plain; charset=utf-8",
               "--metadata", "owner=Zoë", "--metadata", "purpose=a=b", *way)
        blob = check("typed", b"{}")
        assert blob.content_type == "text/plain; charset=utf-8", blob.content_type
        kept = {k: v for k, v in blob.metadata.items() if not k.startswith(("x_emulator", "x_testbench"))}
        assert kept == {"owner": "Zoë", "purpose": "a=b"}, blob.metadata
        shown = call("gcs.stat", "--bucket", "objects", "--name", "typed")
        assert shown["content_type"] == "text/plain; charset=utf-8" and shown["metadata"]["owner"] == "Zoë", shown
    for name, kind in (("a.parquet", "application/vnd.apache.parquet"), ("A.CSV", "text/csv"), ("a.gz", "application/gzip"),
                       ("noending", "application/octet-stream"), ("folder.csv/x", "application/octet-stream")):
        upload("--data", "@" + write("x", b"x"), "--name", name)
        assert BUCKET.get_blob(name).content_type == kind, name


def test_names():
    for number, name in enumerate(NAMES):
        if name.endswith("/") and not TESTBENCH:
            continue  # fake-gcs-server on disk takes it for a folder
        data = f"{number} {name}".encode()
        for way in ([], ["--resumable-threshold", "0"]):
            got = upload("--file", write("named", data), "--name", name, *way)
            assert got["name"] == name, got
            check(name, data)
        target = os.path.join(TMP, "back")
        call("gcs.download", "--bucket", "objects", "--name", name, "--file", target)
        assert open(target, "rb").read() == data, name
        assert call("gcs.stat", "--bucket", "objects", "--name", name)["size"] == len(data)
        got = call("gcs.copy", "--bucket", "objects", "--name", name, "--to-name", "copies/" + name)
        assert got["name"] == "copies/" + name, got
        check("copies/" + name, data)
        listed = [o["name"] for o in call("gcs.list", "--bucket", "objects", "--prefix", name)["objects"]]
        assert listed == [blob.name for blob in BUCKET.list_blobs(prefix=name)], listed
        assert name in listed or not TESTBENCH, name  # fake-gcs-server on disk does not list all that it has
        call("gcs.delete", "--bucket", "objects", "--name", name)
        assert BUCKET.get_blob(name) is None, name


def test_download():
    data = os.urandom(3 * QUANTUM + 11)
    BUCKET.blob("download.bin").upload_from_string(data)
    target = os.path.join(TMP, "downloaded.bin")
    got = call("gcs.download", "--bucket", "objects", "--name", "download.bin", "--file", target)
    assert got["size"] == len(data) and got["file"] == target, got
    assert open(target, "rb").read() == data
    done = run("call", "gcs.download", "--bucket", "objects", "--name", "download.bin", "--file", "-")
    assert done.returncode == 0 and done.stdout == data, (done.returncode, len(done.stdout), done.stderr)
    write("downloaded.bin", b"what was there before")
    call("gcs.download", "--bucket", "objects", "--name", "download.bin", "--file", target)
    assert open(target, "rb").read() == data
    BUCKET.blob("empty").upload_from_string(b"")
    assert call("gcs.download", "--bucket", "objects", "--name", "empty", "--file", target)["size"] == 0
    assert open(target, "rb").read() == b""


def test_download_gzip_as_stored():
    """An object with Content-Encoding: gzip arrives as its stored bytes, which are what the checksum covers."""
    data = gzip.compress(b"text " * 10000)
    blob = BUCKET.blob("packed.txt")
    blob.content_encoding = "gzip"
    blob.upload_from_string(data, content_type="text/plain")
    target = os.path.join(TMP, "packed")
    call("gcs.download", "--bucket", "objects", "--name", "packed.txt", "--file", target)
    assert open(target, "rb").read() == data


def test_download_unpacks_gzip():
    """Where it is asked for; the checksum is still that of what is stored."""
    text = os.urandom(3000) * 1000
    for name, data, encoding, expected in (
            ("unpacked", gzip.compress(text), "gzip", text), ("members", gzip.compress(b"one ") + gzip.compress(b"two"), "gzip", b"one two"),
            ("emptied", gzip.compress(b""), "gzip", b""), ("plain", b"as it is", None, b"as it is")):
        blob = BUCKET.blob(name)
        blob.content_encoding = encoding
        blob.upload_from_string(data, content_type="text/plain")
        target = os.path.join(TMP, name)
        got = call("gcs.download", "--bucket", "objects", "--name", name, "--file", target, "--decompress")
        assert open(target, "rb").read() == expected and got["size"] == len(expected), got
        done = run("call", "gcs.download", "--bucket", "objects", "--name", name, "--file", "-", "--decompress")
        assert done.returncode == 0 and done.stdout == expected, done.stderr
    for name, data, saying in (("cut", gzip.compress(text)[:-9], "the gzip data is incomplete"), ("none", b"no gzip at all", "not valid gzip"),
                               ("trailing", gzip.compress(b"x") + b"garbage", "not valid gzip"),
                               ("changed", gzip.compress(text)[:-6] + b"\0" * 6, "not valid gzip")):
        blob = BUCKET.blob(name)
        blob.content_encoding = "gzip"
        blob.upload_from_string(data)
        fails(1, "call", "gcs.download", "--bucket", "objects", "--name", name, "--file", os.path.join(TMP, "bad"), "--decompress",
              saying=[name, saying])
        assert not os.path.exists(os.path.join(TMP, "bad"))


def test_generations():
    if not TESTBENCH:  # fake-gcs-server on disk keeps one generation
        return
    bucket = GOOGLE.bucket("dowel-versions")
    bucket.versioning_enabled = True
    GOOGLE.create_bucket(bucket)
    dowel("block", "save", "gcs-bucket/versions", "--bucket", "dowel-versions", "--credentials", "demo", "--endpoint", URL)
    where = ["--bucket", "versions", "--name", "v"]
    first = call("gcs.upload", *where, "--file", write("v", b"one"))["generation"]
    second = call("gcs.upload", *where, "--file", write("v", b"second"))["generation"]
    target = os.path.join(TMP, "version")
    got = call("gcs.download", *where, "--generation", first, "--file", target)
    assert open(target, "rb").read() == b"one" and str(got["generation"]) == first, got
    call("gcs.download", *where, "--file", target)
    assert open(target, "rb").read() == b"second"
    assert call("gcs.stat", *where, "--generation", first)["size"] == 3
    call("gcs.delete", *where, "--generation", first)
    assert str(bucket.get_blob("v").generation) == second
    fails(3, "call", "gcs.stat", *where, "--generation", first)


def test_preconditions():
    where = ["--bucket", "objects", "--name", "guarded"]
    # fake-gcs-server does not look at the precondition of a session.
    for way in ([], ["--resumable-threshold", "0"]) if TESTBENCH else ([],):
        upload("--name", "guarded", "--file", write("g", b"first"), "--if-generation-match", "0", *way)
        said = fails(7, "call", "gcs.upload", *where, "--file", write("g", b"other"), "--if-generation-match", "0", *way,
                     saying="412")
        assert "generation" in said, said
        generation = check("guarded", b"first").generation
        upload("--name", "guarded", "--file", write("g", b"second"), "--if-generation-match", generation, *way)
        check("guarded", b"second")
        fails(7, "call", "gcs.upload", *where, "--file", write("g", b"third"), "--if-generation-match", generation, *way,
              saying="412")
        check("guarded", b"second")
        call("gcs.delete", *where)


def test_list():
    bucket = GOOGLE.create_bucket("dowel-list")
    names = [f"{folder}/{number:04}" for folder in ("a", "b") for number in range(3)] + ["a/deep/x", "top"]
    for name in names:
        bucket.blob(name).upload_from_string(name)
    dowel("block", "save", "gcs-bucket/list", "--bucket", "dowel-list", "--credentials", "demo", "--endpoint", URL)

    def listed(*words, block="list"):
        got = call("gcs.list", "--bucket", block, *words)
        return [o["name"] for o in got["objects"]], got["prefixes"], got["truncated"]

    assert listed() == (sorted(names), [], False)
    assert listed("--prefix", "a/") == (["a/0000", "a/0001", "a/0002", "a/deep/x"], [], False)
    assert listed("--prefix", "nothing") == ([], [], False)
    objects, prefixes, _ = listed("--delimiter", "/")
    assert (objects, sorted(prefixes)) == (["top"], ["a/", "b/"])
    objects, prefixes, _ = listed("--prefix", "a/", "--delimiter", "/")
    assert (objects, prefixes) == (["a/0000", "a/0001", "a/0002"], ["a/deep/"])
    objects, _, truncated = listed("--limit", "2")
    assert (objects, truncated) == (sorted(names)[:2], True)
    assert listed("--limit", str(len(names)))[0] == sorted(names)


def test_list_more_than_a_page():
    bucket = GOOGLE.create_bucket("dowel-pages")
    dowel("block", "save", "gcs-bucket/pages", "--bucket", "dowel-pages", "--credentials", "demo", "--endpoint", URL)
    names = [f"{number:05}" for number in range(1203)]
    for name in names:
        bucket.blob(name).upload_from_string(b"x")
    got = call("gcs.list", "--bucket", "pages", "--limit", "5000")
    assert [o["name"] for o in got["objects"]] == names and not got["truncated"], len(got["objects"])
    got = call("gcs.list", "--bucket", "pages")
    assert len(got["objects"]) == 1000 and got["truncated"], len(got["objects"])


def test_folder():
    """Names are relative to the block's folder, in every task, both ways."""
    dowel("block", "save", "gcs-bucket/quarter", "--bucket", "dowel-objects", "--folder", "2026/q1/", "--credentials", "demo",
          "--endpoint", URL)
    got = call("gcs.upload", "--bucket", "quarter", "--file", write("r", b"report"), "--name", "sub/report.txt")
    assert got["name"] == "sub/report.txt", got
    check("2026/q1/sub/report.txt", b"report")
    assert [o["name"] for o in call("gcs.list", "--bucket", "quarter")["objects"]] == ["sub/report.txt"]
    assert call("gcs.list", "--bucket", "quarter", "--delimiter", "/")["prefixes"] == ["sub/"]
    assert call("gcs.stat", "--bucket", "quarter", "--name", "sub/report.txt")["size"] == 6
    target = os.path.join(TMP, "r2")
    call("gcs.download", "--bucket", "quarter", "--name", "sub/report.txt", "--file", target)
    assert open(target, "rb").read() == b"report"
    got = call("gcs.copy", "--bucket", "quarter", "--name", "sub/report.txt", "--to-name", "copy.txt", "--to-bucket", "objects")
    assert got["name"] == "copy.txt", got
    check("copy.txt", b"report")
    call("gcs.copy", "--bucket", "objects", "--name", "copy.txt", "--to-name", "again.txt", "--to-bucket", "quarter")
    check("2026/q1/again.txt", b"report")
    call("gcs.delete", "--bucket", "quarter", "--name", "sub/report.txt")
    assert BUCKET.get_blob("2026/q1/sub/report.txt") is None


def test_not_found():
    dowel("block", "save", "gcs-bucket/missing", "--bucket", "dowel-missing", "--credentials", "demo", "--endpoint", URL)
    target = os.path.join(TMP, "never")
    for bucket in ("missing", "objects"):
        for words in (["gcs.download", "--name", "no-such-object", "--file", target], ["gcs.stat", "--name", "no-such-object"],
                      ["gcs.delete", "--name", "no-such-object"],
                      ["gcs.copy", "--name", "no-such-object", "--to-name", "x"]):
            said = fails(3, "call", *words, "--bucket", bucket, saying="404")
            assert "no-such-object" in said or "dowel-missing" in said, said
            assert "check the bucket name and the object name" in said, said
            assert not os.path.exists(target)
    for words in (["gcs.list"], ["gcs.upload", "--name", "x", "--file", write("x", b"x")],
                  ["gcs.upload", "--name", "x", "--file", write("x", b"x"), "--resumable-threshold", "0"]):
        fails(3, "call", *words, "--bucket", "missing", saying=["404", "dowel-missing"])


main(globals())
