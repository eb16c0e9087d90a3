"""Objects of S3 through the command, with signatures verified by the server. What is stored is read, and what dowel reads is
written, by boto3."""
import hashlib
import json
import os
import subprocess
import sys

import boto3

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, call, dowel, fails, main, run  # noqa: E402

URL = os.environ["DOWEL_TEST_MOTO_URL"]
KEY_ID, SECRET = os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
AMAZON = boto3.client("s3", endpoint_url=URL, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
BUCKET = "dowel-objects"

# What people call their objects. Slashes are part of the key, however many.
KEYS = ["plain.txt", "with space.txt", "folder/inner.txt", "a//b", "folder/", "/leading", "hash#1", "what?x=1&y=2", "100%",
        "%41", "%2F", "plus+and=equals", "quote'\"quote", "grün/übung.csv", "日本語.txt", "emoji-🎉", "tilde~back\\slash",
        "semi;colon,comma", "...", "a/.hidden", "[bracket]", "*star*", "!(paren)", "a:b@c$d", "<tag>&amp;", "trailing ", " ",
        "tab\tcontrol\x01", "/".join(["long" * 40] * 6)]
# Segments of dots are keys like any other to S3; boto3's own HTTP library or the server would fold some of them.
DOTS = ["dot/../dot", "./here", "../up", "a/./b", "..", "."]


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def put(*words, bucket="objects", **options):
    return call("s3.put", "--bucket", bucket, *words, **options)


def check(key, data, **expected):
    """boto3 finds exactly these bytes."""
    got = AMAZON.get_object(Bucket=BUCKET, Key=key)
    body = got["Body"].read()
    assert body == data, f"{key!r}: {len(body)} bytes, {len(data)} expected"
    for name, value in expected.items():
        assert got[name] == value, f"{key!r}: {name} is {got[name]!r}, not {value!r}"
    return got


def test_create_bucket():
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key",
          "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1")
    dowel("block", "save", "s3-bucket/objects", "--bucket", BUCKET, "--credentials", "demo", "--endpoint", URL)
    made = call("s3.create_bucket", "--bucket", "objects")
    assert made == {"bucket": BUCKET, "region": "us-east-1", "created": True}, made
    assert BUCKET in [b["Name"] for b in AMAZON.list_buckets()["Buckets"]]


def test_create_bucket_in_a_region():
    dowel("block", "save", "s3-bucket/west", "--bucket", "dowel-west", "--credentials", "demo", "--endpoint", URL, "--region",
          "eu-west-1")
    assert call("s3.create_bucket", "--bucket", "west") == {"bucket": "dowel-west", "region": "eu-west-1", "created": True}
    assert AMAZON.get_bucket_location(Bucket="dowel-west")["LocationConstraint"] == "eu-west-1"
    assert call("s3.create_bucket", "--bucket", "west")["created"] is False, "ours already"


def test_put_and_get_what_people_put():
    """From a file, from standard input and as an argument; of no byte, of one, of many; zeros, line ends and all 256 bytes."""
    contents = {"empty": b"", "one": b"x", "zeros": bytes(1000), "lines": b"a\r\nb\nc\r", "all": bytes(range(256)) * 300,
                "large": os.urandom(3_000_000)}
    for name, data in contents.items():
        md5 = hashlib.md5(data).hexdigest()
        for way in ("file", "pipe"):
            key = f"{way}/{name}"
            if way == "file":
                got = put("--key", key, "--file", write(name, data))
            else:
                got = put("--key", key, "--file", "-", stdin=data)
            assert got == {"bucket": BUCKET, "key": key, "size": len(data), "etag": md5, "parts": 1}, got
            check(key, data, ETag=f'"{md5}"', ContentType="application/octet-stream", Metadata={})
        target = os.path.join(TMP, "back-" + name)
        got = call("s3.get", "--bucket", "objects", "--key", f"file/{name}", "--file", target)
        assert got.pop("checked_by") in ("MD5", "CRC32"), got
        assert got == {"bucket": BUCKET, "key": f"file/{name}", "size": len(data), "etag": md5, "file": target,
                       "content_type": "application/octet-stream"}, got
        with open(target, "rb") as f:
            assert f.read() == data
        done = run("call", "s3.get", "--bucket", "objects", "--key", f"file/{name}", "--file", "-")
        assert done.returncode == 0 and done.stdout == data, (done.returncode, done.stdout[:200], done.stderr)
    put("--key", "argument", "--data", "text from the command line")
    check("argument", b"text from the command line")
    with open(write("redirected", b"head:tail"), "rb", buffering=0) as f:
        f.seek(5)
        subprocess.run([BIN, "call", "s3.put", "--bucket", "objects", "--key", "tail", "--file", "-"], stdin=f, check=True,
                       capture_output=True)
    check("tail", b"tail")
    fails(2, "call", "s3.put", "--bucket", "objects", "--key", "none", saying='exactly one of "file" and "data"')
    fails(2, "call", "s3.put", "--bucket", "objects", "--key", "none", "--file", "x", "--data", "y", saying="exactly one")


def test_put_a_file_that_hides_its_size():
    """Files of the kernel say that they are empty."""
    with open("/proc/self/mounts", "rb") as f:
        mounts = f.read()
    assert mounts and os.stat("/proc/self/mounts").st_size == 0
    put("--key", "mounts", "--file", "/proc/self/mounts")
    check("mounts", mounts)


def test_keys():
    for number, key in enumerate(KEYS):
        data = f"{number} {key}".encode()
        got = put("--key", key, "--file", "-", stdin=data)
        assert got["key"] == key, got
        check(key, data)
        AMAZON.put_object(Bucket=BUCKET, Key="theirs:" + key, Body=data[::-1])
        for there, wanted in ((key, data), ("theirs:" + key, data[::-1])):
            done = run("call", "s3.get", "--bucket", "objects", "--key", there, "--file", "-")
            assert done.stdout == wanted, (there, done.stdout, done.stderr)
            assert call("s3.head", "--bucket", "objects", "--key", there)["size"] == len(wanted)
        copied = call("s3.copy", "--bucket", "objects", "--key", key, "--to-key", "copy:" + key)
        assert copied["key"] == "copy:" + key, copied
        check("copy:" + key, data)
        call("s3.delete", "--bucket", "objects", "--key", "copy:" + key)
    there = {o["Key"] for page in AMAZON.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for o in page["Contents"]}
    assert not {k for k in there if k.startswith("copy:")}
    assert set(KEYS) <= there, set(KEYS) - there
    listed = {o["key"] for o in call("s3.list", "--bucket", "objects")["objects"]}
    assert listed == there, listed ^ there


def test_keys_with_dots():
    for number, key in enumerate(DOTS):
        data = f"dots {number}".encode()
        put("--key", key, "--file", "-", stdin=data)
        assert key in {o["key"] for o in call("s3.list", "--bucket", "objects")["objects"]}
        done = run("call", "s3.get", "--bucket", "objects", "--key", key, "--file", "-")
        assert done.stdout == data, (key, done.stdout, done.stderr)
        call("s3.delete", "--bucket", "objects", "--key", key)
    assert not {k for k in DOTS} & {o["key"] for o in call("s3.list", "--bucket", "objects")["objects"]}


def test_content_type_and_metadata():
    metadata = {"colour": "blue", "empty": "", "spaces": "a  b   c", "equals": "a=b=c", "long": "x" * 1000}
    words = [word for name, value in metadata.items() for word in ("--metadata", f"{name}={value}")]
    for name, size in (("small", 10), ("parts", 5 << 20)):
        data = os.urandom(size)
        put("--key", name, "--file", write(name, data), "--content-type", "text/csv; charset=utf-8", "--part-size", "5MiB",
            "--multipart-threshold", "1MiB", *words)
        check(name, data, ContentType="text/csv; charset=utf-8", Metadata=metadata)
        head = call("s3.head", "--bucket", "objects", "--key", name)
        theirs = AMAZON.head_object(Bucket=BUCKET, Key=name)
        assert head.pop("last_modified"), head
        head.pop("checksum", None)
        assert head == {"key": name, "size": size, "content_type": "text/csv; charset=utf-8", "etag": theirs["ETag"].strip('"'),
                        "metadata": metadata}, {k: str(v)[:300] for k, v in head.items()}


def test_metadata_that_does_not_fit_a_header():
    """Refused before anything is sent: a service would store something else, or cut it. Values that are not ASCII are encoded."""
    for pair in ("name=two\nlines", "na me=x", "=x", "n" * 300 + "=x", "für=x"):
        said = fails(2, "call", "s3.put", "--bucket", "objects", "--key", "refused", "--data", "x", "--metadata", pair)
        assert "metadata" in said, (pair, said)
    fails(2, "call", "s3.put", "--bucket", "objects", "--key", "refused", "--data", "x", "--content-type", "tëxt/plain",
          saying="content_type")
    assert "refused" not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET, Prefix="refused").get("Contents", [])}


def test_multipart():
    """Parts as boto3 sees them: their number, their sizes, and an ETag that is made of theirs."""
    part = 5 << 20
    for name, size, words, parts in (
            ("below", part - 1, [], 1), ("at", part, [], 1), ("above", part + 1, [], 2), ("twice", 2 * part, [], 2),
            ("more", 2 * part + 17, [], 3), ("whole", 2 * part, ["--multipart-threshold", "20MiB"], 1),
            ("small-parts", 2 * part, ["--part-size", "1MiB"], 2)):
        data = os.urandom(size)
        words = ["--part-size", "5MiB", "--multipart-threshold", "5MiB", *words]
        pieces = [hashlib.md5(data[i:i + part]).digest() for i in range(0, size, part)]
        etag = hashlib.md5(data).hexdigest() if parts == 1 else f"{hashlib.md5(b''.join(pieces)).hexdigest()}-{parts}"
        for way in ("file", "pipe"):
            got = put("--key", name, "--file", write(name, data) if way == "file" else "-", *words,
                      stdin=b"" if way == "file" else data)
            if way == "pipe" and name in ("whole", "at"):  # a stream's length is not known: what fills a part may go on
                assert got["size"] == size and got["parts"] <= 2, got
                check(name, data)
                continue
            assert got == {"bucket": BUCKET, "key": name, "size": size, "etag": etag, "parts": parts}, (way, got)
            there = check(name, data, ETag=f'"{etag}"')
            assert there["ContentLength"] == size
        target = os.path.join(TMP, "parts")
        call("s3.get", "--bucket", "objects", "--key", name, "--file", target)
        with open(target, "rb") as f:
            assert f.read() == data, name
    assert not AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_get_what_boto3_uploaded():
    """Its managed transfer makes parts of its own size and checksums of its own choice."""
    data = os.urandom(20_000_000)
    AMAZON.upload_file(write("theirs", data), BUCKET, "theirs")
    target = os.path.join(TMP, "theirs-back")
    assert call("s3.get", "--bucket", "objects", "--key", "theirs", "--file", target)["size"] == len(data)
    with open(target, "rb") as f:
        assert f.read() == data


def test_versions():
    AMAZON.create_bucket(Bucket="dowel-versions")
    AMAZON.put_bucket_versioning(Bucket="dowel-versions", VersioningConfiguration={"Status": "Enabled"})
    dowel("block", "save", "s3-bucket/versions", "--bucket", "dowel-versions", "--credentials", "demo", "--endpoint", URL)
    put("--key", "v", "--data", "first", bucket="versions")
    first = AMAZON.head_object(Bucket="dowel-versions", Key="v")["VersionId"]
    put("--key", "v", "--data", "second one", bucket="versions")
    where = ["--bucket", "versions", "--key", "v"]
    assert run("call", "s3.get", *where, "--file", "-").stdout == b"second one"
    assert run("call", "s3.get", *where, "--file", "-", "--version-id", first).stdout == b"first"
    assert call("s3.head", *where, "--version-id", first)["size"] == 5
    call("s3.delete", *where, "--version-id", first)
    fails(3, "call", "s3.get", *where, "--file", "-", "--version-id", first)
    assert len(AMAZON.list_object_versions(Bucket="dowel-versions")["Versions"]) == 1
    call("s3.delete", *where)
    fails(3, "call", "s3.get", *where, "--file", "-", saying="NoSuchKey")


def test_list():
    AMAZON.create_bucket(Bucket="dowel-list")
    keys = [f"{folder}/{number:04}" for folder in ("a", "b") for number in range(3)] + ["a/deep/x", "a+b c/%", "top"]
    for key in keys:
        AMAZON.put_object(Bucket="dowel-list", Key=key, Body=key.encode())
    dowel("block", "save", "s3-bucket/list", "--bucket", "dowel-list", "--credentials", "demo", "--endpoint", URL)

    def listed(*words):
        got = call("s3.list", "--bucket", "list", *words)
        return [o["key"] for o in got["objects"]], got["prefixes"], got["truncated"]

    assert listed() == (sorted(keys), [], False)
    assert listed("--prefix", "a/") == (["a/0000", "a/0001", "a/0002", "a/deep/x"], [], False)
    assert listed("--prefix", "a+b c/%") == (["a+b c/%"], [], False)
    assert listed("--prefix", "nothing") == ([], [], False)
    assert listed("--delimiter", "/") == (["top"], ["a+b c/", "a/", "b/"], False)
    assert listed("--prefix", "a/", "--delimiter", "/") == (["a/0000", "a/0001", "a/0002"], ["a/deep/"], False)
    assert listed("--limit", "2") == (sorted(keys)[:2], [], True)
    assert listed("--limit", str(len(keys))) == (sorted(keys), [], False)
    fails(2, "call", "s3.list", "--bucket", "list", "--limit", "-1", saying="limit")
    one = call("s3.list", "--bucket", "list", "--prefix", "top")["objects"][0]
    theirs = AMAZON.list_objects_v2(Bucket="dowel-list", Prefix="top")["Contents"][0]
    assert (one["size"], one["etag"]) == (theirs["Size"], theirs["ETag"].strip('"')), one
    assert one["last_modified"][:19] == theirs["LastModified"].strftime("%Y-%m-%dT%H:%M:%S"), one


def test_list_more_than_a_page():
    AMAZON.create_bucket(Bucket="dowel-pages")
    dowel("block", "save", "s3-bucket/pages", "--bucket", "dowel-pages", "--credentials", "demo", "--endpoint", URL)
    keys = [f"{number:05} &+%" for number in range(1203)]
    for key in keys:
        AMAZON.put_object(Bucket="dowel-pages", Key=key, Body=b"x")
    got = call("s3.list", "--bucket", "pages", "--limit", "5000")
    assert [o["key"] for o in got["objects"]] == keys and not got["truncated"], len(got["objects"])
    got = call("s3.list", "--bucket", "pages")
    assert [o["key"] for o in got["objects"]] == keys[:1000] and got["truncated"], len(got["objects"])
    got = call("s3.list", "--bucket", "pages", "--limit", "1100")
    assert [o["key"] for o in got["objects"]] == keys[:1100] and got["truncated"], len(got["objects"])


def test_folder():
    """Keys are relative to the block's folder, in every task, both ways."""
    dowel("block", "save", "s3-bucket/quarter", "--bucket", BUCKET, "--folder", "2026/q1/", "--credentials", "demo",
          "--endpoint", URL)
    got = put("--file", write("r", b"report"), "--key", "sub/report.txt", bucket="quarter")
    assert got["key"] == "sub/report.txt", got
    check("2026/q1/sub/report.txt", b"report")
    AMAZON.put_object(Bucket=BUCKET, Key="2026/q10/other", Body=b"not in the folder")
    assert [o["key"] for o in call("s3.list", "--bucket", "quarter")["objects"]] == ["sub/report.txt"]
    assert call("s3.list", "--bucket", "quarter", "--delimiter", "/")["prefixes"] == ["sub/"]
    assert call("s3.head", "--bucket", "quarter", "--key", "sub/report.txt")["size"] == 6
    done = run("call", "s3.get", "--bucket", "quarter", "--key", "sub/report.txt", "--file", "-")
    assert done.stdout == b"report", done
    where = ["--key", "sub/report.txt", "--to-key", "copy.txt"]
    assert call("s3.copy", "--bucket", "quarter", *where, "--to-bucket", "objects")["key"] == "copy.txt"
    check("copy.txt", b"report")
    call("s3.copy", "--bucket", "objects", "--key", "copy.txt", "--to-key", "again.txt", "--to-bucket", "quarter")
    check("2026/q1/again.txt", b"report")
    call("s3.delete", "--bucket", "quarter", "--key", "sub/report.txt")
    assert AMAZON.list_objects_v2(Bucket=BUCKET, Prefix="2026/q1/sub")["KeyCount"] == 0


def test_delete_what_is_not_there():
    assert call("s3.delete", "--bucket", "objects", "--key", "never-there") == {"key": "never-there"}


def test_no_task_takes_an_empty_key():
    """An address without a key is the bucket's: a DELETE there deletes it."""
    for words in (["s3.delete"], ["s3.get", "--file", "-"], ["s3.put", "--data", "x"], ["s3.head"], ["s3.copy", "--to-key", "x"]):
        fails(2, "call", words[0], "--bucket", "objects", "--key", "", *words[1:], saying="key")
    AMAZON.create_bucket(Bucket="dowel-void")
    dowel("block", "save", "s3-bucket/void", "--bucket", "dowel-void", "--credentials", "demo", "--endpoint", URL)
    fails(2, "call", "s3.delete", "--bucket", "void", "--key", "")
    AMAZON.head_bucket(Bucket="dowel-void")


def test_not_found():
    dowel("block", "save", "s3-bucket/missing", "--bucket", "dowel-missing", "--credentials", "demo", "--endpoint", URL)
    target = os.path.join(TMP, "never")
    for words in (["s3.get", "--file", target], ["s3.head"], ["s3.copy", "--to-key", "x"]):
        said = fails(3, "call", words[0], "--bucket", "objects", "--key", "no-such-object", *words[1:], saying="404")
        assert "no-such-object" in said or words[0] == "s3.copy", said
        assert "hint:" in said and ("s3.list" in said or "check the bucket name" in said), said
        assert not os.path.exists(target)
    for words in (["s3.get", "--key", "x", "--file", target], ["s3.list"], ["s3.put", "--key", "x", "--data", "x"],
                  ["s3.put", "--key", "x", "--file", write("six", bytes(6 << 20)), "--part-size", "5MiB",
                   "--multipart-threshold", "5MiB"]):
        fails(3, "call", *words, "--bucket", "missing", saying=["dowel-missing", "NoSuchBucket", "s3.create_bucket"])
    fails(3, "call", "s3.get", "--bucket", "objets", "--key", "x", "--file", target, saying=["objets", "objects"])
    fails(3, "call", "s3.put", "--bucket", "objects", "--key", "x", "--file", target, saying=target)


def test_refused():
    """Who we are not, and keys that nobody has."""
    for name, key_id, secret, reason, hint in (
            ("wrong", KEY_ID, "wrong-" + SECRET, "SignatureDoesNotMatch", "check the secret access key"),
            ("unknown", "AKIAUNKNOWNUNKNOWN00", SECRET, "InvalidAccessKeyId", "check the access key id: `dowel block edit aws-credentials/NAME`")):
        dowel("block", "save", f"aws-credentials/{name}", "--access-key-id", key_id, "--secret-access-key", "env:TRIED",
              "--region", "us-east-1", env={"TRIED": secret})
        dowel("block", "save", f"s3-bucket/{name}", "--bucket", BUCKET, "--credentials", name, "--endpoint", URL)
        for words in (["s3.list"], ["s3.put", "--key", "x", "--data", "x"], ["s3.get", "--key", "plain.txt", "--file", "-"]):
            said = fails(4, "call", *words, "--bucket", name, saying=["403", reason, "hint: ", hint])
            assert secret not in said and SECRET not in said
        fails(4, "call", "s3.head", "--key", "plain.txt", "--bucket", name, saying="403")
    error = json.loads(run("call", "s3.list", "--bucket", "wrong", "--json").stderr)["error"]
    assert (error["code"], error["reason"], error["http_status"]) == ("permission", "SignatureDoesNotMatch", 403), error


def test_bucket_names():
    """The name becomes part of a host name: only what S3 allows."""
    for name in ("a/b", "a?b", "a b", "evil.example/", "a@b", "a#b", "ümlaut", "a\\b", "a:1", "..", "x" * 256):
        said = fails(2, "block", "save", "s3-bucket/odd", "--bucket", name, "--overwrite")
        assert "bucket" in said, said


def test_what_others_could_change_on_the_way_is_signed():
    """Over TLS and to this machine a body need not be part of the signature; over plain http to any other address it is."""
    data = os.urandom(5000)
    path = write("guarded", data)
    beyond = URL.replace("127.0.0.1", "0.0.0.0")  # the same server, by an address that is not known to be this machine's
    dowel("block", "save", "s3-bucket/beyond", "--bucket", BUCKET, "--credentials", "demo", "--endpoint", beyond)
    for bucket, signed in (("beyond", True), ("objects", False)):
        done = run("call", "s3.put", "--bucket", bucket, "--file", path, "--key", "guarded", env={"DOWEL_LOG": "debug"})
        said = done.stderr.decode()
        assert done.returncode == 0, said
        assert (hashlib.sha256(data).hexdigest() in said) == signed and ("UNSIGNED-PAYLOAD" in said) != signed, said
        check("guarded", data)


if __name__ == "__main__":
    main(globals())
