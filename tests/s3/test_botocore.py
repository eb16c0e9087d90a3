"""Beside botocore, Amazon's own: the same signatures for the same inputs at the same time, and the same headers of every request that matter."""
import base64
import datetime
import json
import os
import sys
import urllib.parse

import botocore.auth
import botocore.signers

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import KEY_ID, SECRET, URL, block, client  # noqa: E402

from command import TMP, call, dowel, main  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(URL)
BUCKET = "dowel-botocore"
KEYS = ["plain.txt", "folder/with space", "plus+percent%41", "übung/日本語", "a//b", "q?x=1&y=2#z", "~tilde'quote", "x" * 300]
TOKEN = "IQoJb3JpZ2luX2VjE//session+token=="


class At:
    """Lets botocore sign at the time that dowel signed at."""

    def __init__(self, stamp):
        self.now = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)

    def __enter__(self):
        self.held = botocore.auth.get_current_datetime, botocore.signers.get_current_datetime
        botocore.auth.get_current_datetime = botocore.signers.get_current_datetime = lambda **_: self.now

    def __exit__(self, *_):
        botocore.auth.get_current_datetime, botocore.signers.get_current_datetime = self.held


def parsed(url):
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, sorted(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))


def theirs(**options):
    import boto3
    import botocore.config
    return boto3.client("s3", endpoint_url=URL, region_name=options.pop("region_name", "us-east-1"), aws_access_key_id=KEY_ID,
                        aws_secret_access_key=SECRET, config=botocore.config.Config(signature_version="s3v4", s3={"addressing_style": "path"}),
                        **options)


def test_prepare():
    block("botocore", BUCKET)
    block("proxied", BUCKET, url=PROXY.url, make=False)
    dowel("block", "save", "aws-credentials/session", "--access-key-id", KEY_ID, "--secret-access-key",
          "env:SECRET", "--session-token", "env:TOKEN", "--region", "eu-west-1", env={"TOKEN": TOKEN, "SECRET": SECRET})
    dowel("block", "save", "s3-bucket/session", "--bucket", BUCKET, "--credentials", "session", "--endpoint", URL)


def test_presigned_urls():
    amazon, session = theirs(), theirs(region_name="eu-west-1", aws_session_token=TOKEN)
    for name, their in (("botocore", amazon), ("session", session)):
        for key in KEYS:
            for method, operation, words, params in (
                    ("GET", "get_object", [], {}), ("HEAD", "head_object", [], {}), ("DELETE", "delete_object", [], {}), ("PUT", "put_object", [], {}),
                    ("GET", "get_object", ["--query", "response-content-disposition=attachment; filename=\"a b.txt\"", "--query", "versionId=v+1/2"],
                     {"ResponseContentDisposition": "attachment; filename=\"a b.txt\"", "VersionId": "v+1/2"}),
                    ("PUT", "put_object", ["--headers", "content-type=text/csv"], {"ContentType": "text/csv"})):
                got = call("s3.presign", "--bucket", name, "--key", key, "--method", method, "--expires", "25m", *words)
                stamp = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(got["url"]).query))["X-Amz-Date"]
                with At(stamp):
                    wanted = their.generate_presigned_url(operation, Params={"Bucket": BUCKET, "Key": key, **params}, ExpiresIn=1500)
                assert parsed(got["url"]) == parsed(wanted), (got["url"], wanted)


def test_forms():
    for name, their in (("botocore", theirs()), ("session", theirs(region_name="eu-west-1", aws_session_token=TOKEN))):
        for key in ("inbox/photo.jpg", "inbox/${filename}"):
            got = call("s3.presign_post", "--bucket", name, "--key", key, "--expires", "10m", "--fields", "Content-Type=image/jpeg",
                       "--conditions", '[["content-length-range", 1, 1048576]]')
            with At(got["fields"]["x-amz-date"]):
                wanted = their.generate_presigned_post(BUCKET, key, Fields={"Content-Type": "image/jpeg"}, Conditions=[
                    {"Content-Type": "image/jpeg"}, ["content-length-range", 1, 1048576]], ExpiresIn=600)
                ours, policy = (json.loads(base64.b64decode(x["fields"]["policy"])) for x in (got, wanted))
                assert ours["expiration"] == policy["expiration"], (ours, policy)

                def in_order(conditions):
                    return sorted(json.dumps(c) for c in conditions)
                assert in_order(ours["conditions"]) == in_order(policy["conditions"]), (ours, policy)
                assert urllib.parse.urlsplit(got["url"])[:3] == urllib.parse.urlsplit(wanted["url"])[:3]
                # Their order of conditions is another: their signer over our policy gives our signature.
                credentials = their._get_credentials()
                request = type("Request", (), {"context": {"timestamp": got["fields"]["x-amz-date"]}})()
                signer = botocore.auth.S3SigV4PostAuth(credentials, "s3", their.meta.region_name)
                assert signer.signature(got["fields"]["policy"], request) == got["fields"]["x-amz-signature"]
            rest = {k: v for k, v in got["fields"].items() if k not in ("policy", "x-amz-signature")}
            assert rest == {k: v for k, v in wanted["fields"].items() if k not in ("policy", "x-amz-signature")}, (got, wanted)


IGNORED = {"user-agent", "authorization", "x-amz-date", "amz-sdk-invocation-id", "amz-sdk-request", "accept-encoding", "accept", "expect",
           "connection", "x-amz-content-sha256", "host"}


def seen():
    return [(r.method, parsed("http://x" + r.path)[2:],
             {k: v for k, v in r.headers.items() if k not in IGNORED and (k, v) != ("content-length", "0")}) for r in PROXY.requests]


def test_requests():
    """What goes over the wire for the same work."""
    amazon, path = client(PROXY.url), os.path.join(TMP, "up")
    with open(path, "wb") as f:
        f.write(b"the same bytes")
    where = {"Bucket": BUCKET, "Key": "folder/a key+%"}
    key = ["--bucket", "proxied", "--key", where["Key"]]
    for ours, their in (
            (["s3.put", *key, "--file", path, "--content-type", "text/csv", "--metadata", "Colour=blue", "--storage-class", "STANDARD_IA", "--acl",
              "private", "--cache-control", "max-age=60", "--content-disposition", "attachment", "--encryption", "AES256", "--tags", "a=b c"],
             lambda: amazon.put_object(**where, Body=b"the same bytes", ContentType="text/csv", Metadata={"Colour": "blue"},
                                       StorageClass="STANDARD_IA", ACL="private", CacheControl="max-age=60", ContentDisposition="attachment",
                                       ServerSideEncryption="AES256", Tagging="a=b%20c")),
            (["s3.put", *key, "--file", path, "--content-type", "text/csv", "--checksum", "sha256", "--customer-key", "env:CUSTOMER_KEY"],
             lambda: amazon.put_object(**where, Body=b"the same bytes", ContentType="text/csv", ChecksumAlgorithm="SHA256",
                                       SSECustomerAlgorithm="AES256", SSECustomerKey=bytes(range(32)))),
            (["s3.put", *key, "--file", path, "--content-type", "text/csv", "--encryption", "aws:kms", "--kms-key-id", "alias/k"],
             lambda: amazon.put_object(**where, Body=b"the same bytes", ContentType="text/csv", ServerSideEncryption="aws:kms",
                                       SSEKMSKeyId="alias/k")),
            (["s3.head", *key], lambda: amazon.head_object(**where, ChecksumMode="ENABLED")),
            (["s3.delete", *key], lambda: amazon.delete_object(**where)),
            (["s3.list", "--bucket", "proxied", "--prefix", "folder/", "--delimiter", "/"],
             lambda: amazon.list_objects_v2(Bucket=BUCKET, Prefix="folder/", Delimiter="/", MaxKeys=1000)),
            (["s3.list", "--bucket", "proxied", "--versions"], lambda: amazon.list_object_versions(Bucket=BUCKET, MaxKeys=1000)),
            (["s3.get_bucket", "--bucket", "proxied"], lambda: (amazon.get_bucket_location(Bucket=BUCKET), amazon.get_bucket_versioning(Bucket=BUCKET),
                                                                 amazon.get_bucket_lifecycle_configuration(Bucket=BUCKET)))):
        sent = []
        for work in (lambda: dowel_quietly(ours), their):
            PROXY.reset()
            try:
                work()
            except amazon.exceptions.ClientError:
                pass
            sent.append(seen())
        assert sent[0] == sent[1], "\n".join(["", *map(str, sent[0]), "---", *map(str, sent[1])])


def dowel_quietly(words):
    from command import run
    done = run("call", *words, env={"CUSTOMER_KEY": base64.b64encode(bytes(range(32))).decode()})
    assert PROXY.requests, done


main(globals())
