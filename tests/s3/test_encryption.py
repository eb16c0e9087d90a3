"""Objects that the service encrypts: with a key of the caller's (SSE-C), with one of KMS. Keys are nowhere to be seen."""
import base64
import hashlib
import os
import sys

import boto3

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, KEY_ID, SECRET, URL, block  # noqa: E402

from command import TMP, call, fails, main, run  # noqa: E402

BUCKET = "dowel-encrypted"
PARTS = ["--part-size", "5MiB", "--multipart-threshold", "5MiB"]
DATA = os.urandom(12_000_001)
KEY, OTHER = os.urandom(32), os.urandom(32)
KEYS = {"CUSTOMER_KEY": base64.b64encode(KEY).decode(), "OTHER_KEY": base64.b64encode(OTHER).decode()}
os.environ.update(KEYS)
WITH, WITH_OTHER = ["--customer-key", "env:CUSTOMER_KEY"], ["--customer-key", "env:OTHER_KEY"]
THEIRS = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
THEIR_OTHER = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": OTHER}
WHERE = ["--bucket", "encrypted", "--key"]


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


FILE, TARGET = write("data", DATA), os.path.join(TMP, "down")


def their(key, **options):
    return AMAZON.get_object(Bucket=BUCKET, Key=key, **options)["Body"].read()


def ours(key, data, *words):
    """In ranges, at once, and in order: the same bytes."""
    for how in (["--part-size", "1MiB", "--concurrency", "6"], ["--part-size", "64MiB"]):
        call("s3.get", *WHERE, key, "--file", TARGET, *how, *words)
        with open(TARGET, "rb") as f:
            assert f.read() == data, (key, how)
        os.unlink(TARGET)
    done = run("call", "s3.get", *WHERE, key, "--file", "-", *words)
    assert done.returncode == 0 and done.stdout == data, (key, done.stderr)


def test_prepare():
    block("encrypted", BUCKET)


def test_round_trips():
    for size, pipe in ((0, False), (100_000, False), (len(DATA), False), (len(DATA), True)):
        for checksum in ("crc32", "sha256", "md5"):
            key, data = f"own-{size}-{pipe}-{checksum}", DATA[:size]
            source = ["--file", "-"] if pipe else ["--file", write("some", data)]
            put = call("s3.put", *WHERE, key, *source, *WITH, *PARTS, "--checksum", checksum, stdin=data if pipe else b"")
            assert put["size"] == size, put
            assert their(key, **THEIRS) == data
            ours(key, data, *WITH)
            head = call("s3.head", *WHERE, key, *WITH)
            assert head["size"] == size, head
            assert head["customer_key_md5"] == base64.b64encode(hashlib.md5(KEY).digest()).decode(), head
    AMAZON.upload_file(FILE, BUCKET, "theirs", ExtraArgs=THEIRS)
    ours("theirs", DATA, *WITH)
    assert not AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_without_the_key_and_with_another():
    for key in ("own-100000-False-crc32", f"own-{len(DATA)}-False-crc32"):
        for words, what in (([], "customer_key"), (WITH_OTHER, "customer_key")):
            for how in (["--file", TARGET], ["--file", TARGET, "--part-size", "1MiB"], ["--file", "-"]):
                done = run("call", "s3.get", *WHERE, key, *how, *words)
                said = done.stderr.decode()
                assert done.returncode in (1, 4) and done.stdout == b"" and not os.path.exists(TARGET), done
                assert key in said and "hint: " in said and what in said.partition("hint: ")[2], said
            # The answer to HEAD has no body that would say more.
            done = run("call", "s3.head", *WHERE, key, *words)
            said = done.stderr.decode()
            assert done.returncode in (1, 4) and "hint: " in said and what in said.partition("hint: ")[2], said
    call("s3.put", *WHERE, "plain", "--data", "plain")
    for bad in ("c2hvcnQ=", "no base64", base64.b64encode(bytes(33)).decode()):
        said = fails(2, "call", "s3.get", *WHERE, "plain", "--file", "-", "--customer-key", "env:BAD", env={"BAD": bad}, saying="customer_key")
        assert bad not in said, said


def test_copies():
    """Between two keys, to one, from one; at once and in parts."""
    AMAZON.put_object(Bucket=BUCKET, Key="open", Body=DATA)
    large, small = f"own-{len(DATA)}-False-crc32", "own-100000-False-crc32"
    for words in ([], ["--multipart-threshold", "5MiB", "--part-size", "5MiB"]):
        for key, data in ((large, DATA), (small, DATA[:100_000])):
            call("s3.copy", *WHERE, key, "--to-key", "copy-both", *WITH, "--to-customer-key", "env:OTHER_KEY", *words)
            assert their("copy-both", **THEIR_OTHER) == data
            ours("copy-both", data, *WITH_OTHER)
            call("s3.copy", *WHERE, key, "--to-key", "copy-open", *WITH, *words)
            assert their("copy-open") == data
            ours("copy-open", data)
        call("s3.copy", *WHERE, "open", "--to-key", "copy-own", "--to-customer-key", "env:CUSTOMER_KEY", *words)
        assert their("copy-own", **THEIRS) == DATA
        ours("copy-own", DATA, *WITH)
        fails(4, "call", "s3.copy", *WHERE, large, "--to-key", "none", *WITH_OTHER, *words, saying=["customer_key", large])
    assert "none" not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert not AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_keys_of_kms():
    kms = boto3.client("kms", endpoint_url=URL, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    for name, data in (("kms-small", DATA[:1000]), ("kms-large", DATA)):
        for words, expected in ((["--encryption", "aws:kms", "--kms-key-id", arn], {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}),
                                (["--encryption", "aws:kms", "--kms-key-id", arn, "--bucket-key"],
                                 {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn, "BucketKeyEnabled": True}),
                                (["--encryption", "aws:kms"], {"ServerSideEncryption": "aws:kms"}),
                                (["--encryption", "aws:kms:dsse", "--kms-key-id", arn], {"ServerSideEncryption": "aws:kms:dsse"}),
                                (["--encryption", "AES256"], {"ServerSideEncryption": "AES256"})):
            call("s3.put", *WHERE, name, "--file", write("some", data), *words, *PARTS)
            there = AMAZON.head_object(Bucket=BUCKET, Key=name)
            assert {k: there.get(k) for k in expected} == expected, there
            ours(name, data)
            head = call("s3.head", *WHERE, name)
            assert head["encryption"] == expected["ServerSideEncryption"], head
            assert head.get("bucket_key", False) == expected.get("BucketKeyEnabled", False), head
    gone = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
    for words in ([], PARTS):
        said = fails(1, "call", "s3.put", *WHERE, "none", "--file", FILE, "--encryption", "aws:kms", "--kms-key-id", gone, *words)
        assert "KMS." in said or "key" in said, said
    fails(2, "call", "s3.put", *WHERE, "none", "--data", "x", "--bucket-key", saying="bucket_key")
    fails(2, "call", "s3.put", *WHERE, "none", "--data", "x", "--encryption", "aws:kms", *WITH, saying="customer_key")
    assert "none" not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET)["Contents"]}


def test_a_bucket_that_encrypts():
    """What the bucket says holds for who says nothing."""
    kms = boto3.client("kms", endpoint_url=URL, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET)
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    block("by-default", "dowel-by-default")
    AMAZON.put_bucket_encryption(Bucket="dowel-by-default", ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}, "BucketKeyEnabled": True}]})
    where = ["--bucket", "by-default", "--key", "x"]
    for data in (DATA[:10], DATA):
        call("s3.put", *where, "--file", write("some", data), *PARTS, "--checksum", "md5")
        head = call("s3.head", *where)
        assert (head["encryption"], head["kms_key_id"], head["bucket_key"]) == ("aws:kms", arn, True), head
        call("s3.get", *where, "--file", TARGET)
        with open(TARGET, "rb") as f:
            assert f.read() == data


def test_keys_are_nowhere():
    """Neither in what is logged, nor in errors, nor in what is recorded."""
    said = b""
    for words in (["s3.put", *WHERE, "quiet", "--file", FILE, *WITH, *PARTS], ["s3.get", *WHERE, "quiet", "--file", "-", *WITH],
                  ["s3.get", *WHERE, "quiet", "--file", "-", *WITH_OTHER], ["s3.head", *WHERE, "quiet", *WITH],
                  ["s3.copy", *WHERE, "quiet", "--to-key", "loud", *WITH, "--to-customer-key", "env:OTHER_KEY"]):
        said += run("call", *words, env={"DOWEL_LOG": "debug"}).stderr
    said += run("runs", "--json").stdout + run("runs").stdout
    assert b"customer" in said
    for folder in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        for root, _, files in os.walk(os.environ[folder]):
            for name in files:
                with open(os.path.join(root, name), "rb") as f:
                    said += f.read()
    for key in (KEY, OTHER):
        for secret in (key, base64.b64encode(key), key.hex().encode()):
            assert secret not in said, secret


main(globals())
