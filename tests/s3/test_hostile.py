"""Answers that no honest service gives, or only on a bad day: none of them is taken for a success, and none is asked for without end."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, URL, block  # noqa: E402

from command import TMP, call, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(URL)
BUCKET = "dowel-hostile"
DATA = os.urandom(6 << 20)
FILE = os.path.join(TMP, "data")
PARTS = ["--part-size", "5MiB", "--multipart-threshold", "5MiB"]
WHERE = ["--bucket", "hostile", "--key"]
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


def xml(body, status=200, head=HEAD):
    return {"answer": (status, [("Content-Type", "application/xml")], (head + body).encode())}


def error(code, status=200, head=HEAD):
    return xml(f"<Error><Code>{code}</Code><Message>Sorry.</Message></Error>", status, head)


def is_end(r):
    return r.method == "POST" and r.query("uploadId")


def is_copy(r):
    return r.method == "PUT" and "x-amz-copy-source" in r.headers


def first(step, wanted):
    done = []

    def rule(r):
        if done or not wanted(r):
            return None
        done.append(r)
        return step
    return rule


def nothing_is_left():
    assert not AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_prepare():
    with open(FILE, "wb") as f:
        f.write(DATA)
    block("direct", BUCKET)
    block("hostile", BUCKET, url=PROXY.url, make=False)
    AMAZON.put_object(Bucket=BUCKET, Key="there", Body=DATA)


def test_errors_that_come_with_200():
    """They have codes like any other: some are worth another try, some are final."""
    for code, times in (("InternalError", 1), ("SlowDown", 1)):
        for wanted, words in ((is_end, ["s3.put", *WHERE, "late", "--file", FILE, *PARTS]), (is_copy, ["s3.copy", *WHERE, "there", "--to-key", "late"]),
                              (is_copy, ["s3.copy", *WHERE, "there", "--to-key", "late", *PARTS])):
            PROXY.reset(first(error(code), wanted))
            call(*words)
            assert AMAZON.get_object(Bucket=BUCKET, Key="late")["Body"].read() == DATA
            AMAZON.delete_object(Bucket=BUCKET, Key="late")
    for code, exit_code in (("AccessDenied", 4), ("PreconditionFailed", 7), ("InvalidPart", 1)):
        for wanted, words in ((is_end, ["s3.put", *WHERE, "never", "--file", FILE, *PARTS]), (is_copy, ["s3.copy", *WHERE, "there", "--to-key", "never"])):
            PROXY.reset(lambda r: error(code) if wanted(r) else None)
            fails(exit_code, "call", *words, saying=[code, "Sorry."])
            assert len([r for r in PROXY.requests if wanted(r)]) == 1, PROXY.requests
    PROXY.reset(lambda r: error("InternalError") if is_end(r) else None)
    fails(5, "call", "s3.put", *WHERE, "never", "--file", FILE, *PARTS, saying="InternalError")
    nothing_is_left()


def test_blanks_before_the_answer():
    """The service sends them while it puts parts together."""
    def blank(status, headers, body):
        return status, headers, b"  \n\n" + body
    PROXY.reset(lambda r: {"edit": blank} if is_end(r) else None)
    assert call("s3.put", *WHERE, "blank", "--file", FILE, *PARTS)["size"] == len(DATA)
    PROXY.reset(first(error("InternalError", head="\n \n" + HEAD), is_end))
    assert call("s3.put", *WHERE, "blank", "--file", FILE, *PARTS)["size"] == len(DATA)


def test_pages_of_something_else():
    """What stands between says 200 to everything."""
    for page in ("<html><body>Welcome</body></html>", "", "{}", "<a><b></a>", "<!DOCTYPE x [<!ENTITY e 'x'>]><DeleteResult>&e;</DeleteResult>",
                 "<a>" * 100 + "</a>" * 100):
        for words, wanted in ((["s3.list", "--bucket", "hostile"], lambda r: r.method == "GET"), (["s3.put", *WHERE, "never", "--file", FILE, *PARTS], is_end),
                              (["s3.put", *WHERE, "never", "--file", FILE, *PARTS], lambda r: r.method == "POST" and not r.query("uploadId")),
                              (["s3.copy", *WHERE, "there", "--to-key", "never"], is_copy),
                              (["s3.delete", "--bucket", "hostile", "--keys", "a", "--keys", "b"], lambda r: r.method == "POST"),
                              (["s3.abort_stale", "--bucket", "hostile"], lambda r: r.method == "GET"),
                              (["s3.list_buckets", "--credentials", "demo", "--endpoint", PROXY.url], lambda r: r.method == "GET")):
            PROXY.reset(lambda r: xml(page, head="") if wanted(r) else None)
            done = run("call", *words)
            assert done.returncode == 1, (page, words, done)
    assert "never" not in {o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET)["Contents"]}
    nothing_is_left()


def test_lists_without_end():
    again = "<IsTruncated>true</IsTruncated>"
    for words, body in (
            (["s3.list", "--bucket", "hostile", "--limit", "100000"],
             f"<ListBucketResult>{again}<NextContinuationToken>t</NextContinuationToken><Contents><Key>k</Key></Contents></ListBucketResult>"),
            (["s3.list", "--bucket", "hostile", "--versions", "--limit", "100000"],
             f"<ListVersionsResult>{again}<NextKeyMarker>k</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker></ListVersionsResult>"),
            (["s3.abort_stale", "--bucket", "hostile"],
             f"<ListMultipartUploadsResult>{again}<NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>u</NextUploadIdMarker></ListMultipartUploadsResult>"),
            (["s3.abort_stale", "--bucket", "hostile"],
             f"<ListMultipartUploadsResult>{again}<NextKeyMarker>k</NextKeyMarker></ListMultipartUploadsResult>")):
        PROXY.reset(lambda r: xml(body))
        fails(1, "call", *words, saying="do not advance")
        assert len(PROXY.requests) < 5


def test_keys_from_elsewhere():
    """A listing that names what was not asked for is none to copy or remove by."""
    page = ("<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>{}</Key><Size>1</Size></Contents>"
            "</ListBucketResult>")
    for key in ("other/a", "fol", "/folder/a"):
        PROXY.reset(lambda r: xml(page.format(key)))
        fails(1, "call", "s3.list", "--bucket", "hostile", "--prefix", "folder/", saying="outside the requested prefix")
        fails(1, "rm", "-r", "s3-bucket/hostile:folder/", saying="outside the requested prefix")
        assert not [r for r in PROXY.requests if r.method != "GET"], PROXY.requests
    PROXY.reset(lambda r: xml("<ListBucketResult><CommonPrefixes><Prefix>other/</Prefix></CommonPrefixes></ListBucketResult>"))
    fails(1, "call", "s3.list", "--bucket", "hostile", "--prefix", "folder/", "--delimiter", "/", saying="outside the requested prefix")
    PROXY.reset(lambda r: xml(page.format("folder/a%00b").replace("<Size>1<", "<Size>-1<")))
    got = call("s3.list", "--bucket", "hostile", "--prefix", "folder/")["objects"]
    assert [(o["key"], o["size"]) for o in got] == [("folder/a\\x00b", 0)] and "NUL byte" in got[0]["left_out"], got


def test_refusals_that_are_not_about_checksums():
    """A server that refuses something else is not taken for one that knows no checksums."""
    refused = []

    def rule(r):
        if r.path.endswith("/bad") and r.method == "PUT":
            refused.append(r)
            return error("InvalidArgument", 400)
        return None
    folder = os.path.join(TMP, "two")
    os.mkdir(folder)
    for name in ("bad", "good1", "good2"):
        with open(os.path.join(folder, name), "wb") as f:
            f.write(b"some")
    PROXY.reset(rule)
    done = run("cp", "-r", folder, "s3-bucket/hostile:two/")
    assert done.returncode != 0 and b"InvalidArgument" in done.stderr, done
    assert len(refused) == 2 and refused[1].headers.get("content-md5"), refused
    for r in PROXY.seen("PUT", "good"):
        assert r.headers.get("x-amz-checksum-crc32") and "content-md5" not in r.headers, r.headers


def test_the_start_of_an_upload_is_repeated():
    PROXY.reset(first({"lose": True}, lambda r: r.method == "POST" and not r.query("uploadId")))
    assert call("s3.put", *WHERE, "begun", "--file", FILE, *PARTS)["size"] == len(DATA)
    assert len([r for r in PROXY.seen("POST") if not r.query("uploadId")]) == 2
    for upload in AMAZON.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []):
        assert not AMAZON.list_parts(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"]).get("Parts")
        AMAZON.abort_multipart_upload(Bucket=BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])


def test_buckets_of_another_region():
    """Who is told where a bucket is signs for there, once for each command."""
    block("west", BUCKET, "--region", "eu-west-1", url=PROXY.url, make=False)

    def elsewhere(r):
        if "/us-east-1/" in r.headers["authorization"]:
            return None
        if r.method == "HEAD":
            return {"answer": (400, [("x-amz-bucket-region", "us-east-1")], b"")}
        return xml("<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>us-east-1</Region></Error>", 400)
    for words in (["s3.put", "--key", "moved", "--file", FILE], ["s3.put", "--key", "moved", "--file", FILE, *PARTS], ["s3.head", "--key", "moved"],
                  ["s3.get", "--key", "moved", "--file", os.path.join(TMP, "moved"), "--part-size", "1MiB"], ["s3.list"], ["s3.delete", "--key", "moved"]):
        PROXY.reset(elsewhere)
        call(words[0], "--bucket", "west", *words[1:])
        assert len([r for r in PROXY.requests if r.status is not None and r.status >= 400]) == 1, PROXY.requests
    # What a bucket that was made a moment ago answers.
    def redirected(r):
        body = b"<Error><Code>TemporaryRedirect</Code><Message>elsewhere</Message><Endpoint>evil.example</Endpoint></Error>"
        answer = (307, [("x-amz-bucket-region", "us-east-1"), ("Location", "http://evil.example/")], body)
        return {"answer": answer} if "/eu-west-1/" in r.headers["authorization"] else None
    PROXY.reset(redirected)
    call("s3.put", "--bucket", "west", "--key", "moved", "--file", FILE)
    assert [r.status for r in PROXY.requests] == [307, 200], PROXY.requests
    # No region at all, and one that the bucket is not in either.
    for name, said in (("evil.example/", 1), ("us-west-9", 2), ("", 1)):
        PROXY.reset(lambda r: xml(f"<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>{name}</Region></Error>", 400))
        fails(1, "call", "s3.list", "--bucket", "west", saying=["AuthorizationHeaderMalformed", "region"])
        assert len(PROXY.requests) == said, PROXY.requests


def test_directory_buckets():
    dowel("block", "save", "s3-bucket/express", "--bucket", "fast--use1-az4--x-s3", "--credentials", "demo", "--region", "us-east-1")
    fails(2, "call", "s3.list", "--bucket", "express", saying=["directory buckets", "not supported"])


main(globals())
