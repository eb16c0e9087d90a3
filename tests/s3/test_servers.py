"""S3's protocol with every server that speaks it: the same on each. What dowel writes boto3 reads, and the other way round."""
import base64
import hashlib
import os
import random
import re
import subprocess
import sys
import urllib.error
import urllib.request
import zlib

import google_crc32c

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, CERTIFICATE, NAME, URL, block  # noqa: E402

from command import TMP, call, fails, main, run  # noqa: E402

BUCKET = "dowel-servers"
NOISE = random.Random(11)
DATA = NOISE.randbytes(12_000_000)
STRICT = NAME.startswith(("versitygw", "localstack"))  # it knows every checksum that Amazon does

HOSTILE = ["plain.txt", "with space.txt", "folder/inner.txt", "a//b", "folder/", "/leading", "hash#1", "what?x=1&y=2", "100%", "%41", "%2F",
           "plus+and=equals", "quote'\"quote", "grün/übung.csv", "日本語.txt", "emoji-🎉", "tilde~back\\slash", "semi;colon,comma", "...",
           "a/.hidden", "[bracket]", "*star*", "!(paren)", "a:b@c$d", "<tag>&amp;", "trailing ", " ", "new\nline", "tab\tcontrol\x01",
           "a/../b", "../up", "./here", "x" * 200, "/".join(["k" * 200] * 5) + "x" * 20, "dot./end."]


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def put(key, data, *words, pipe=False, bucket="servers"):
    if pipe:
        return call("s3.put", "--bucket", bucket, "--key", key, "--file", "-", *words, stdin=data)
    return call("s3.put", "--bucket", bucket, "--key", key, "--file", write("up", data), *words)


def check(key, data, **expected):
    got = AMAZON.get_object(Bucket=BUCKET, Key=key)
    body = got["Body"].read()
    assert body == data, f"{key!r}: {len(body)} bytes, {len(data)} expected"
    for name, value in expected.items():
        assert got.get(name) == value, f"{key!r}: {name} is {got.get(name)!r}, not {value!r}"


def no_uploads_are_left():
    try:
        left = AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
    except AMAZON.exceptions.ClientError as e:
        assert NAME == "rclone" and e.response["Error"]["Code"] in ("NoSuchUpload", "NotImplemented"), e
        return
    assert not left, left


def test_prepare():
    block("servers", BUCKET)


def test_sizes_up_and_down():
    for size in (0, 1, 1 << 16, 5 << 20, (5 << 20) + 1, 12_000_000):
        for pipe in (False, True):
            key, data = f"size-{size}-{pipe}", DATA[:size]
            result = put(key, data, "--part-size", "5MiB", "--multipart-threshold", "5MiB", pipe=pipe)
            assert result["size"] == size, result
            check(key, data)
            target = os.path.join(TMP, "down")
            for words in ([], ["--part-size", "1MiB", "--concurrency", "6"]):
                call("s3.get", "--bucket", "servers", "--key", key, "--file", target, *words)
                with open(target, "rb") as f:
                    assert f.read() == data, (size, words)
            done = run("call", "s3.get", "--bucket", "servers", "--key", key, "--file", "-")
            assert done.returncode == 0 and done.stdout == data, (size, done.stderr)
    no_uploads_are_left()


def checks_of(data):
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x9a6c9329ac4bc9b5 if n & 1 else n >> 1
        table.append(n)
    crc = (1 << 64) - 1
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return {"crc32c": google_crc32c.Checksum(data).digest(), "crc32": zlib.crc32(data).to_bytes(4, "big"),
            "sha256": hashlib.sha256(data).digest(), "crc64nvme": (crc ^ ((1 << 64) - 1)).to_bytes(8, "big")}


def test_checksums():
    """Every kind, in one request and in parts; what the server holds of it, and what it gives back, is checked."""
    small, large = DATA[:100_000], DATA[:6_000_000]
    kinds = {"small": checks_of(small), "large": checks_of(large)}
    for kind in ("crc32c", "crc64nvme", "crc32", "sha256", "md5", "none"):
        for name, data in (("small", small), ("large", large)):
            if NAME == "moto" and name == "large" and kind in ("crc32c", "crc64nvme"):
                continue  # of parts, it calls the CRC32 so
            key = f"check-{kind}-{name}"
            put(key, data, "--checksum", kind, "--part-size", "5MiB", "--multipart-threshold", "5MiB")
            check(key, data)
            head = AMAZON.head_object(Bucket=BUCKET, Key=key, ChecksumMode="ENABLED")
            held = head.get("Checksum" + kind.upper())
            if STRICT and kind in kinds["small"]:
                if kind == "sha256" and name == "large":
                    parts = b"".join(hashlib.sha256(large[at:at + (5 << 20)]).digest() for at in (0, 5 << 20))
                    assert held == base64.b64encode(hashlib.sha256(parts).digest()).decode() + "-2", (key, held)
                else:
                    assert held == base64.b64encode(kinds[name][kind]).decode(), (key, held)
                shown = call("s3.head", "--bucket", "servers", "--key", key)["checksum"]
                assert shown == {"algorithm": kind.upper(), "value": held}, shown
            for words in (["--file", os.path.join(TMP, "down")], ["--file", os.path.join(TMP, "down"), "--part-size", "1MiB"], ["--file", "-"]):
                done = run("call", "s3.get", "--bucket", "servers", "--key", key, *words)
                assert done.returncode == 0, (key, words, done.stderr)
                if words[1] == "-":
                    assert done.stdout == data
    no_uploads_are_left()


def test_what_boto3_checked():
    """Its transfers make parts of its own size, with a checksum of each and one of those."""
    for algorithm in ("CRC32", "SHA256", None):
        key = f"theirs-{algorithm}"
        options = {"ExtraArgs": {"ChecksumAlgorithm": algorithm}} if algorithm else {}
        AMAZON.upload_file(write("theirs", DATA), BUCKET, key, **options)
        for words in (["--part-size", "3MiB"], []):
            call("s3.get", "--bucket", "servers", "--key", key, "--file", os.path.join(TMP, "down"), *words)
            with open(os.path.join(TMP, "down"), "rb") as f:
                assert f.read() == DATA
        done = run("call", "s3.get", "--bucket", "servers", "--key", key, "--file", "-")
        assert done.returncode == 0 and done.stdout == DATA, done.stderr


def their_way(function):
    """Whether boto3 can do it here."""
    try:
        return function()
    except Exception:
        return None


def test_hostile_keys():
    """Keys that boto3 can put here and get back are put, listed, fetched, copied and removed."""
    done = []
    for number, key in enumerate(HOSTILE):
        data = f"{number} of the table".encode()
        if not their_way(lambda: AMAZON.put_object(Bucket=BUCKET, Key="hostile/" + key, Body=data[::-1]) and AMAZON.get_object(
                Bucket=BUCKET, Key="hostile/" + key)["Body"].read() == data[::-1] and AMAZON.delete_object(
                    Bucket=BUCKET, Key="hostile/" + key)):
            continue
        key = "hostile/" + key
        put(key, data)
        check(key, data)
        got = run("call", "s3.get", "--bucket", "servers", "--key", key, "--file", "-")
        assert got.stdout == data, (key, got)
        assert call("s3.head", "--bucket", "servers", "--key", key)["size"] == len(data)
        call("s3.copy", "--bucket", "servers", "--key", key, "--to-key", "copied/" + str(number))
        check("copied/" + str(number), data)
        done.append(key)
    print(f"{len(done)} of {len(HOSTILE)} keys", flush=True)
    assert len(done) >= {"moto": len(HOSTILE) - 4, "rclone": 15}.get(NAME, 20), set(HOSTILE) - {k[8:] for k in done}
    listed = {o["key"] for o in call("s3.list", "--bucket", "servers", "--prefix", "hostile/")["objects"]}
    theirs = {o["Key"] for page in AMAZON.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="hostile/")
              for o in page.get("Contents", [])}  # a server that keeps files folds some
    assert listed == theirs, listed ^ theirs
    words = [word for key in done for word in ("--keys", key)]
    assert call("s3.delete", "--bucket", "servers", *words) == {"deleted": len(done)}
    left = {o["key"] for o in call("s3.list", "--bucket", "servers", "--prefix", "hostile/")["objects"]} & set(done)
    assert not left, left


def test_listing():
    keys = sorted(f"list/{folder}/{number:03}" for folder in ("a", "b b", "c+") for number in range(5)) + ["list/top"]
    for key in keys:
        AMAZON.put_object(Bucket=BUCKET, Key=key, Body=key.encode())

    def listed(*words):
        got = call("s3.list", "--bucket", "servers", *words)
        return [o["key"] for o in got["objects"]], got["prefixes"], got["truncated"]

    assert listed("--prefix", "list/") == (keys, [], False)
    assert listed("--prefix", "list/", "--delimiter", "/") == (["list/top"], ["list/a/", "list/b b/", "list/c+/"], False)
    assert listed("--prefix", "list/a/") == (keys[:5], [], False)
    assert listed("--prefix", "list/", "--limit", "7") == (keys[:7], [], True)
    assert listed("--prefix", "list/", "--limit", str(len(keys))) == (keys, [], False)
    assert listed("--prefix", "list/", "--start-after", keys[9]) == (keys[10:], [], False)
    assert listed("--prefix", "list/none") == ([], [], False)


def test_metadata():
    words = ["--content-type", "text/csv", "--cache-control", "max-age=60", "--content-encoding", "identity", "--content-disposition",
             "attachment", "--metadata", "colour=blue", "--modified", "2026-01-31T12:00:00.25Z"]
    for name, data in (("meta-small", b"x"), ("meta-large", DATA[:6_000_000])):
        put(name, data, *words, "--part-size", "5MiB", "--multipart-threshold", "5MiB")
        there = AMAZON.head_object(Bucket=BUCKET, Key=name)
        assert there["Metadata"].get("colour") == "blue" and there["Metadata"].get("mtime") == "1769860800.250000", there
        assert there["ContentType"] == "text/csv", there
        if NAME != "rclone":
            assert (there["CacheControl"], there["ContentDisposition"]) == ("max-age=60", "attachment"), there
            assert there.get("ContentEncoding") == "identity", there
    put("meta-epoch", b"x", "--modified", "1970-01-01T00:00:00Z")  # a time like any other
    assert AMAZON.head_object(Bucket=BUCKET, Key="meta-epoch")["Metadata"].get("mtime") == "0.000000"
    put("guess.json", b"{}")
    assert AMAZON.head_object(Bucket=BUCKET, Key="guess.json")["ContentType"] == "application/json"


def test_conditions():
    if NAME in ("rclone", "moto"):
        return  # they do not know them, or only some
    etag = put("once", b"first", "--if-absent")["etag"]
    fails(7, "call", "s3.put", "--bucket", "servers", "--key", "once", "--data", "second", "--if-absent", saying="PreconditionFailed")
    fails(7, "call", "s3.put", "--bucket", "servers", "--key", "once", "--data", "second", "--if-match", "0" * 32)
    check("once", b"first")
    put("once", b"second", "--if-match", etag)
    check("once", b"second")
    fails(7, "call", "s3.put", "--bucket", "servers", "--key", "once", "--file", write("six", DATA[:6 << 20]), "--if-absent",
          "--part-size", "5MiB", "--multipart-threshold", "5MiB")
    check("once", b"second")
    no_uploads_are_left()


def test_copy_in_parts():
    if NAME == "rclone":
        return  # it copies whole objects only
    put("copy-from", DATA, "--content-type", "text/csv", "--metadata", "colour=blue")
    call("s3.copy", "--bucket", "servers", "--key", "copy-from", "--to-key", "copy-to", "--multipart-threshold", "5MiB", "--part-size", "5MiB")
    check("copy-to", DATA, ContentType="text/csv", Metadata={"colour": "blue"})
    assert AMAZON.head_object(Bucket=BUCKET, Key="copy-to")["ETag"].strip('"').endswith("-3")
    fails(3, "call", "s3.copy", "--bucket", "servers", "--key", "not-there", "--to-key", "x", "--multipart-threshold", "5MiB")
    no_uploads_are_left()


def fetch(method, url, data=None, headers=None):
    import ssl
    context = ssl.create_default_context(cafile=CERTIFICATE) if CERTIFICATE else None
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def test_presigned_urls():
    def url(method, key, *words):
        return call("s3.presign", "--bucket", "servers", "--method", method, "--key", key, *words)["url"]

    theirs = AMAZON.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "theirs"})
    if fetch("PUT", theirs, b"x")[0] != 200:
        assert NAME == "moto"  # when it verifies, it knows no signatures in URLs
        return
    for key in ("signed.txt", "signed/with space+plus%41.txt"):
        done = fetch("PUT", url("PUT", key), b"signed")
        assert done[0] == 200, done
        check(key, b"signed")
        assert fetch("GET", url("GET", key)) == (200, b"signed")
        assert fetch("HEAD", url("HEAD", key))[0] == 200
        good = url("GET", key)
        assert fetch("GET", good[:-1] + ("0" if good[-1] != "0" else "1"))[0] == 403 or NAME == "rclone"
        assert fetch("DELETE", url("DELETE", key))[0] in (200, 204)
        assert fetch("GET", url("GET", key))[0] == 404
    with_type = url("PUT", "typed", "--headers", "content-type=text/csv")
    assert fetch("PUT", with_type, b"1,2", {"Content-Type": "text/csv"})[0] == 200
    fails(2, "call", "s3.presign", "--bucket", "servers", "--key", "x", "--expires", "8d", saying="expires")


def test_buckets():
    block("more", "dowel-more", make=False)
    made = call("s3.create_bucket", "--bucket", "more")
    assert made["bucket"] == "dowel-more" and made["created"] is True, made
    names = {b["bucket"] for b in call("s3.list_buckets", "--credentials", "demo", "--endpoint", URL)["buckets"]}
    assert {BUCKET, "dowel-more"} <= names, names
    got = call("s3.get_bucket", "--bucket", "more")
    assert (got["bucket"], got["region"], got["versioning"], got["lifecycle"]) == ("dowel-more", "us-east-1", "", []), got
    if NAME != "rclone":
        call("s3.put", "--bucket", "more", "--key", "x", "--data", "x")
        fails(7, "call", "s3.delete_bucket", "--bucket", "more", saying="BucketNotEmpty")
        call("s3.delete", "--bucket", "more", "--key", "x")
    assert call("s3.delete_bucket", "--bucket", "more") == {"bucket": "dowel-more"}
    assert "dowel-more" not in {b["Name"] for b in AMAZON.list_buckets()["Buckets"]}
    fails(3, "call", "s3.get_bucket", "--bucket", "more")


def test_versions():
    if NAME == "rclone":
        return  # it keeps none
    block("kept", "dowel-kept", make=False)
    call("s3.create_bucket", "--bucket", "kept", "--versioning")
    assert call("s3.get_bucket", "--bucket", "kept")["versioning"] == "Enabled"
    first = call("s3.put", "--bucket", "kept", "--key", "v", "--data", "first")["version_id"]
    second = call("s3.put", "--bucket", "kept", "--key", "v", "--data", "second one")["version_id"]
    call("s3.delete", "--bucket", "kept", "--key", "v")
    assert call("s3.list", "--bucket", "kept")["objects"] == []
    listed = call("s3.list", "--bucket", "kept", "--versions")["objects"]
    assert {(o.get("version_id"), o["latest"]) for o in listed if not o.get("deleted")} == {(first, False), (second, False)}, listed
    assert [o["latest"] for o in listed if o.get("deleted")] == [True], listed
    done = run("call", "s3.get", "--bucket", "kept", "--key", "v", "--version-id", first, "--file", "-")
    assert done.stdout == b"first", done
    call("s3.copy", "--bucket", "kept", "--key", "v", "--version-id", first, "--to-key", "back", "--to-bucket", "servers")
    check("back", b"first")
    fails(3, "call", "s3.get", "--bucket", "kept", "--key", "v", "--file", "-")


def test_locked_objects():
    """A bucket that keeps versions for a time takes uploads, and says why it removes none."""
    if NAME != "localstack":
        return
    AMAZON.create_bucket(Bucket="dowel-locked", ObjectLockEnabledForBucket=True)
    AMAZON.put_object_lock_configuration(Bucket="dowel-locked", ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    block("locked", "dowel-locked", make=False)
    for key, data in (("small", b"x"), ("large", DATA)):
        put(key, data, "--part-size", "5MiB", "--multipart-threshold", "5MiB", bucket="locked")
        version = call("s3.head", "--bucket", "locked", "--key", key)["version_id"]
        fails(4, "call", "s3.delete", "--bucket", "locked", "--key", key, "--version-id", version, saying="AccessDenied")
        call("s3.delete", "--bucket", "locked", "--key", key)
        done = run("call", "s3.get", "--bucket", "locked", "--key", key, "--version-id", version, "--file", "-")
        assert done.stdout == data, done.stderr


def test_lifecycle_and_tags():
    if NAME not in ("moto", "localstack"):
        return
    AMAZON.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [
        {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}, "Expiration": {"Days": 3}}]})
    rules = call("s3.get_bucket", "--bucket", "servers")["lifecycle"]
    assert [(r["ID"], r["Status"], r["Expiration"]["Days"]) for r in rules] == [("old", "Enabled", "3")], rules
    words = ["--tags", "team=data + more", "--tags", "cost=1", "--storage-class", "STANDARD_IA", "--acl", "public-read", "--encryption",
             "AES256"]
    for key, file in (("tagged", b"x"), ("tagged-parts", DATA[:6_000_000])):
        put(key, file, *words, "--part-size", "5MiB", "--multipart-threshold", "5MiB")
        tags = {t["Key"]: t["Value"] for t in AMAZON.get_object_tagging(Bucket=BUCKET, Key=key)["TagSet"]}
        assert tags == {"team": "data + more", "cost": "1"}, tags
        there = AMAZON.head_object(Bucket=BUCKET, Key=key)
        assert there["StorageClass"] == "STANDARD_IA" and there["ServerSideEncryption"] == "AES256", there
        assert any(g["Grantee"].get("URI", "").endswith("AllUsers") for g in AMAZON.get_object_acl(Bucket=BUCKET, Key=key)["Grants"])


def test_abort_stale():
    if NAME == "rclone":
        return  # it does not list them
    odd = " %" if NAME == "localstack" else " +%"  # it says that the keys are encoded, and they are not
    keys = {f"stale/{i}{odd}": AMAZON.create_multipart_upload(Bucket=BUCKET, Key=f"stale/{i}{odd}")["UploadId"] for i in range(3)}
    AMAZON.upload_part(Bucket=BUCKET, Key="stale/0" + odd, UploadId=keys["stale/0" + odd], PartNumber=1, Body=b"x")
    if NAME != "moto":  # which gives every upload the same time
        assert call("s3.abort_stale", "--bucket", "servers") == {"uploads": [], "aborted": 0}, "too young"
    found = call("s3.abort_stale", "--bucket", "servers", "--older-than", "0s", "--dry-run")
    assert {u["key"]: u["upload_id"] for u in found["uploads"]} == keys and found["aborted"] == 0, found
    assert call("s3.abort_stale", "--bucket", "servers", "--prefix", "stale/1", "--older-than", "0s")["aborted"] == 1
    assert call("s3.abort_stale", "--bucket", "servers", "--older-than", "0s")["aborted"] == 2
    no_uploads_are_left()


def test_no_such():
    for words in (["s3.get", "--file", os.path.join(TMP, "never")], ["s3.head"], ["s3.copy", "--to-key", "x"]):
        fails(3, "call", words[0], "--bucket", "servers", "--key", "no-such-key", *words[1:])
    assert not os.path.exists(os.path.join(TMP, "never"))


main(globals())
