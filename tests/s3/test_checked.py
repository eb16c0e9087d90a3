"""What a download is checked by, of objects that others put in parts: a checksum of the whole or of the parts', the parts' MD5s, or nothing."""
import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, URL, block, client, is_file  # noqa: E402

from command import TMP, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(URL)
BUCKET = "dowel-checked"
MIB = 1 << 20
DATA = random.Random(5).randbytes(12 * MIB + 17)
FOLDER = os.path.join(TMP, "down")


def get(key, *words):
    return ["call", "s3.get", "--bucket", "checked", "--key", key, "--file", os.path.join(FOLDER, "got"), *words]


def got_is_right(data=DATA):
    is_file(os.path.join(FOLDER, "got"), data)


def test_prepare():
    os.mkdir(FOLDER)
    block("direct", BUCKET)
    block("checked", BUCKET, url=PROXY.url, make=False)


def put_parts(key, sizes, algorithm=None, data=DATA, **options):
    """Parts of these sizes, as others send them; with a checksum of each or without any."""
    theirs = client(request_checksum_calculation="when_required")
    named = {"ChecksumAlgorithm": algorithm} if algorithm else {}
    made = theirs.create_multipart_upload(Bucket=BUCKET, Key=key, **named, **options)["UploadId"]
    at, parts = 0, []
    for number, size in enumerate(sizes, 1):
        done = theirs.upload_part(Bucket=BUCKET, Key=key, UploadId=made, PartNumber=number, Body=data[at:at + size], **named, **options)
        checks = {k: v for k, v in done.items() if k.startswith("Checksum") and k != "ChecksumType"}
        parts.append({"PartNumber": number, "ETag": done["ETag"], **checks})
        at += size
    assert at == len(data)
    theirs.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=made, MultipartUpload={"Parts": parts}, **options)


def test_parts_of_others():
    """Whatever made the parts, of one size or of several, with checksums or without: changed bytes are found, right ones are no error."""
    large = (DATA * 2)[:24 * MIB]
    hidden = {"hides": "x-amz-checksum"}  # some servers make one where there was none
    for name, sizes, algorithm, data, by in (
            ("etag", [5 * MIB, 5 * MIB, 2 * MIB + 17], None, DATA, "ETag"), ("one", [len(DATA)], None, DATA, "ETag"),
            ("uneven", [6 * MIB, 5 * MIB, MIB + 17], None, DATA, "ETag"),
            ("seeming", [6 * MIB, 5 * MIB, 6 * MIB, 7 * MIB], "SHA256", large, "SHA256"),
            ("misleading", [6 * MIB, 5 * MIB, 7 * MIB, 6 * MIB], None, large, "ETag"),
            ("composite", [5 * MIB, 5 * MIB, 2 * MIB + 17], "SHA256", DATA, "SHA256"),
            ("uneven-crc", [5 * MIB, 6 * MIB, MIB + 17], "CRC32", DATA, "CRC32")):
        key = f"parts-{name}"
        put_parts(key, sizes, algorithm, data)
        step = hidden if by == "ETag" else {}
        for attributes in (True, False) if algorithm else (True,):
            def some(r):
                return {"answer": (403, [], b"")} if not attributes and "attributes" in r.path else step
            for words in (["--part-size", "3MiB"], ["--part-size", "64MiB"]):
                PROXY.reset(some)
                assert json.loads(dowel(*get(key, *words), "--json"))["checked_by"] == by, key
                got_is_right(data)
            if name == "misleading":
                continue  # first and last part are as if all were of one size: seen only when what arrived is compared
            done = run("call", "s3.get", "--bucket", "checked", "--key", key, "--file", "-")
            assert done.returncode == 0 and done.stdout == data and b"warning" not in done.stderr, (key, done.stderr)
        seen = []

        def change(r):
            if r.method == "GET" and "attributes" not in r.path and not seen:
                return {"corrupt": True, **step}
            return step
        PROXY.reset(change)
        fails(1, *get(key, "--part-size", "4MiB"), saying="differ from the stored ones")
        fails(1, "call", "s3.get", "--bucket", "checked", "--key", key, "--file", "-", saying="differ from the stored ones")
        assert os.listdir(FOLDER) == [], os.listdir(FOLDER)
        PROXY.reset(lambda r: (seen.append(r) if r.method == "GET" and "attributes" not in r.path and len(PROXY.seen("GET", key)) > 2 else None)
                    or change(r))
        seen.clear()
        done = run(*get(key, "--part-size", "4MiB"))
        assert done.returncode == 0 and b"fetching it again" in done.stderr, done
        got_is_right(data)


def test_what_cannot_be_checked():
    """With a key of KMS the ETag is of no MD5: only the length can be compared, which is said, once."""
    put_parts("unchecked", [5 * MIB, 7 * MIB + 17])
    sealed = {"hides": ("x-amz-checksum", "x-amz-server-side"), "says": {"x-amz-server-side-encryption": "aws:kms"}}
    PROXY.reset(lambda r: sealed)
    done = run(*get("unchecked"), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["checked_by"] == "size", done
    assert b"no usable checksum" in done.stderr, done.stderr
    got_is_right()
    os.mkdir(os.path.join(TMP, "many"))
    for number in range(3):
        AMAZON.copy_object(Bucket=BUCKET, Key=f"many/{number}", CopySource={"Bucket": BUCKET, "Key": "unchecked"})
    done = run("cp", "-r", "s3-bucket/checked:many/", os.path.join(TMP, "many"))
    assert done.returncode == 0 and done.stderr.count(b"no usable checksum") == 1, done


def test_without_a_strong_etag():
    """What stands between may weaken the ETag or drop it: then the time tells whether the object is still the same."""
    AMAZON.put_object(Bucket=BUCKET, Key="weak", Body=DATA)
    for step in ({"hides": "etag", "says": {"ETag": 'W/"weak"'}}, {"hides": "etag"}):
        PROXY.reset(lambda r: step)
        dowel(*get("weak", "--part-size", "3MiB"))
        got_is_right()
        AMAZON.put_object(Bucket=BUCKET, Key="replaced", Body=DATA)
        seen = []

        def replace(r):
            if r.method == "GET" and not r.headers["range"].startswith("bytes=0-") and not seen:
                seen.append(r)
                time.sleep(1.1)  # the time has no fractions
                AMAZON.put_object(Bucket=BUCKET, Key="replaced", Body=DATA[::-1])
            return step
        PROXY.reset(replace)
        fails(7, *get("replaced", "--part-size", "3MiB", "--concurrency", "1"), saying="replaced during the download")
        assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


main(globals())
