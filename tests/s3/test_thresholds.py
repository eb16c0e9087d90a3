"""A threshold of zero is one: everything that has a byte goes up in parts."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, block  # noqa: E402
from command import call, fails, main  # noqa: E402


def test_prepare():
    block("thresholds", "thresholds")


def put(key, data, *words):
    call("s3.put", "--bucket", "thresholds", "--key", key, "--file", "-", *words, stdin=data)
    path = os.path.join(os.environ["DOWEL_TEST_TMP"], "data")
    with open(path, "wb") as file:
        file.write(data)
    call("s3.put", "--bucket", "thresholds", "--key", key + "-file", "--file", path, *words)
    return [AMAZON.head_object(Bucket="thresholds", Key=k)["ETag"].strip('"') for k in (key, key + "-file")]


def test_zero():
    whole, parts = put("whole", b"x"), put("parts", b"x", "--multipart-threshold", "0")
    assert not any("-" in etag for etag in whole), whole
    assert parts[1].endswith("-1"), parts
    for key, data in (("parts", b"x"), ("parts-file", b"x")):
        assert AMAZON.get_object(Bucket="thresholds", Key=key)["Body"].read() == data
    put("empty", b"", "--multipart-threshold", "0")
    assert AMAZON.get_object(Bucket="thresholds", Key="empty-file")["Body"].read() == b""


def test_what_no_part_can_be():
    for flag, wrong in (("--part-size", "0"), ("--part-size", "6GiB"), ("--part-size", "-1"),
                        ("--multipart-threshold", "6GiB"), ("--multipart-threshold", "-1"), ("--concurrency", "0"), ("--concurrency", "65")):
        fails(2, "call", "s3.put", "--bucket", "thresholds", "--key", "x", "--data", "x", flag, wrong, saying=flag[2:].replace("-", "_"))


if __name__ == "__main__":
    main(globals())
