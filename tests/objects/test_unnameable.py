"""Keys that hold a NUL byte: they are named and counted, and never taken for another object. Odd keys that can be named are copied and removed as they
are."""
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, call, dowel, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_TESTBENCH_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
PROXIES = {"s3": Proxy(S3_URL), "gcs": Proxy(GCS_URL)}
# The last is what the NUL in the one before it could be taken for.
KEYS = ["k/a", "k/a b", "k/a%00b", "k/a\\x00b", "k/a!b", "k/z"]


def put(kind, name, content=b"content"):
    if kind == "s3":
        AMAZON.put_object(Bucket="odd", Key=name, Body=content)
    else:
        GOOGLE.bucket("odd").blob(name).upload_from_string(content, retry=None)


def names(kind):
    if kind == "s3":
        return {e["Key"] for e in AMAZON.list_objects_v2(Bucket="odd").get("Contents", [])}
    return {blob.name for blob in GOOGLE.list_blobs("odd")}


def with_nul(kind):
    """Listings have one more object, behind k/a: neither stand-in server takes such a key itself."""
    def xml(status, headers, body):
        mark = b"<Contents><Key>k/a%20b</Key>" if b"k/a%20b" in body else b"<Contents><Key>k/a+b</Key>"
        assert mark in body or b"<ListBucketResult" not in body, body
        entry = b"<Contents><Key>k/a%00b</Key><Size>7</Size><ETag>\"9a0364b9e99bb480dd25e1f0284c8555\"</ETag><LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
        return status, headers, body.replace(mark, entry + mark, 1)

    def page(status, headers, body):
        document = json.loads(body)
        at = [i for i, item in enumerate(document.get("items", [])) if item["name"] == "k/a"]
        if at:
            document["items"].insert(at[0] + 1, {**document["items"][at[0]], "name": "k/a\0b"})
        return status, headers, json.dumps(document).encode()

    if kind == "s3":
        return lambda r: {"edit": xml} if r.method == "GET" and r.query("list-type") and r.query("max-keys") != "1" and (r.query("prefix") or "k/").startswith("k") else None
    return lambda r: {"edit": page} if r.method == "GET" and r.path.partition("?")[0].endswith("/o") else None


def events(*words):
    done = run(*words, "--json")
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")], done.stderr.decode()


def test_prepare():
    GOOGLE.create_bucket("odd")
    AMAZON.create_bucket(Bucket="odd")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    for kind, proxy in PROXIES.items():
        dowel("block", "save", f"{kind}-bucket/b", "--bucket", "odd", "--credentials", "demo", "--endpoint", proxy.url)
        for name in KEYS:
            put(kind, name)


def test_a_nul_is_no_other_key():
    for kind, proxy in PROXIES.items():
        proxy.reset(with_nul(kind))
        target = os.path.join(TMP, kind)
        code, lines, said = events("cp", "-r", f"{kind}-bucket/b:k/", target)
        failed = [e for e in lines if e["event"] == "fail"]
        assert code and len(failed) == 1 and "NUL" in json.dumps(failed) and failed[0]["name"] == f"{kind}-bucket/b:k/a\\x00b", (lines, said)
        assert sorted(os.listdir(target)) == sorted(name[2:] for name in KEYS)
        listed = call("objects.list", "--place", f"{kind}-bucket/b:k/", "--recursive")["objects"]
        assert [o["name"] for o in listed if "skipped" in o] == ["a\\x00b"] and len(listed) == len(KEYS) + 1, listed
        task = call(f"{kind}.list", "--bucket", f"{kind}-bucket/b")["objects"]
        assert len(task) == len(KEYS) + 1, task


def test_syncs_with_one():
    """On either side it disturbs no pair: nothing is copied again, overwritten or removed."""
    for kind, proxy in PROXIES.items():
        root = os.path.join(TMP, "of-" + kind)
        proxy.reset()
        dowel("sync", f"{kind}-bucket/b:k/", root)
        proxy.reset(with_nul(kind))
        code, lines, said = events("sync", root, f"{kind}-bucket/b:k/", "--delete")
        assert code == 0 and lines[-1] == {"event": "done", "copied": 0, "bytes": 0, "unchanged": len(KEYS), "skipped": 1, "removed": 0}, (lines, said)
        os.unlink(os.path.join(root, "a!b"))
        code, lines, said = events("sync", root, f"{kind}-bucket/b:k/", "--delete")
        assert code == 0 and lines[-1]["removed"] == 1 and "k/a!b" not in names(kind) and "k/a%00b" in names(kind), (lines, said)
        with open(os.path.join(root, "stays"), "w"):
            pass
        code, lines, said = events("sync", f"{kind}-bucket/b:k/", root, "--delete")  # not all of the source can be known
        assert code and os.path.exists(os.path.join(root, "stays")), (lines, said)
        assert sum(e["event"] == "copy" for e in lines) == 0 and "NUL" in said + json.dumps(lines), (lines, said)
        proxy.reset()
        put(kind, "k/a!b")


def test_removing_with_one():
    for kind, proxy in PROXIES.items():
        proxy.reset(with_nul(kind))
        code, lines, said = events("rm", "-r", f"{kind}-bucket/b:k/", "--include", "a*")
        assert code and names(kind) == {"k/z"}, (lines, said)  # the others were asked for
        assert sum(e["event"] == "fail" for e in lines) == 1 and "NUL" in json.dumps(lines), lines
        deletions = [r for r in proxy.requests if r.method == "DELETE" or b"<Delete" in r.body or b"DELETE /storage" in r.body]
        assert deletions and not any(b"x00" in r.body.replace(b"a\\x00b", b"").replace(b"a%5Cx00b", b"") for r in deletions)
        proxy.reset()
        for name in KEYS:
            put(kind, name)
        proxy.reset(with_nul(kind))
        code, lines, said = events("rm", "-r", f"{kind}-bucket/b:k/", "--exclude", "*%00*", "--exclude", "*x00*")
        assert code and names(kind) == {"k/a%00b", "k/a\\x00b"}, (names(kind), said)
        proxy.reset()


ODD = ["o/%2F", "o/%2f%25", "o/a\tb", "o/a\x01b", "o/a\x7fb", "o/ ", "o/+", "o/\\", "o/a?b#c&d=e", "o/ü", "o/a;b", "o/'\"<>"]
NO_FILES = ["o//x", "o/../x", "o/./x", "o/..", "/o"]  # which servers on the way may take for other paths; they are only listed here


def test_odd_keys_that_can_be_named():
    """Within S3 and back each is itself."""
    dowel("block", "save", "s3-bucket/c", "--bucket", "odd-copy", "--credentials", "demo", "--endpoint", PROXIES["s3"].url)
    AMAZON.create_bucket(Bucket="odd-copy")
    for name in ODD:
        put("s3", name, name.encode())
    dowel("cp", "-r", "s3-bucket/b:o/", "s3-bucket/c:o/")
    copies = {e["Key"]: AMAZON.get_object(Bucket="odd-copy", Key=e["Key"])["Body"].read() for e in AMAZON.list_objects_v2(Bucket="odd-copy")["Contents"]}
    assert copies == {name: name.encode() for name in ODD}, copies
    target = os.path.join(TMP, "odd-files")
    dowel("cp", "-r", "s3-bucket/c:", target)
    for name in ODD:
        with open(os.path.join(target, name), "rb") as file:
            assert file.read() == name.encode()
    counts = events("sync", target, "s3-bucket/c:", "--delete")[1][-1]
    assert (counts["copied"], counts["removed"], counts["unchanged"]) == (0, 0, len(ODD)), counts
    assert call("objects.remove", "--place", "s3-bucket/c:", "--recursive")["removed"] == len(ODD)
    assert not AMAZON.list_objects_v2(Bucket="odd-copy").get("Contents")


def test_keys_that_no_file_can_have():
    """Each is named, no file is written anywhere for it, and what is removed is asked for by the whole key."""
    proxy = PROXIES["s3"]
    entries = "".join(f"<Contents><Key>{name}</Key><Size>1</Size><ETag>\"x\"</ETag><LastModified>2025-01-01T00:00:00.000Z</LastModified></Contents>"
                      for name in sorted(NO_FILES))
    listing = f"<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def answer(r):
        if r.query("list-type"):
            return {"answer": (200, [("Content-Type", "application/xml")], listing)}
        return {"answer": (200, [("Content-Type", "application/xml")], b"<DeleteResult></DeleteResult>")}

    proxy.reset(answer)
    target = os.path.join(TMP, "nothing", "here")
    code, lines, said = events("cp", "-r", "s3-bucket/c:", target)
    assert code and {e["name"].partition(":")[2] for e in lines if e["event"] == "fail"} == set(NO_FILES), (lines, said)
    assert f"{len(NO_FILES)} failed, 0 copied" in said + json.dumps(lines), (lines, said)
    assert not [name for _, _, names in os.walk(os.path.join(TMP, "nothing")) for name in names]
    proxy.reset(answer)
    assert call("objects.remove", "--place", "s3-bucket/c:", "--recursive")["removed"] == len(NO_FILES)
    sent = [r.body.decode() for r in proxy.requests if r.method == "POST"]
    assert len(sent) == 1 and all(f"<Key>{name}</Key>" in sent[0] for name in NO_FILES), sent
    proxy.reset()


if __name__ == "__main__":
    main(globals())
