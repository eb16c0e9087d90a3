"""The server that a test of S3 runs against, named by its first argument: moto, versitygw, versitygw-tls, rclone, localstack.

    from target import AMAZON, NAME, URL
    block("objects", "some-bucket")          a bucket, and the block s3-bucket/objects for it
"""
import os
import sys

import boto3
import botocore.config

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import dowel  # noqa: E402

NAME = sys.argv[1] if len(sys.argv) > 1 else "moto"
PREFIX = {"moto": "DOWEL_TEST_AWS", "rclone": "DOWEL_TEST_RCLONE", "localstack": "DOWEL_TEST_LOCALSTACK"}.get(NAME, "DOWEL_TEST_VERSITYGW")
URL = os.environ["DOWEL_TEST_MOTO_URL" if NAME == "moto" else PREFIX + "_URL"]
KEY_ID, SECRET = os.environ[PREFIX + "_ACCESS_KEY_ID"], os.environ[PREFIX + "_SECRET_ACCESS_KEY"]
CERTIFICATE = os.environ.get("DOWEL_TEST_VERSITYGW_CERTIFICATE")
if CERTIFICATE:
    os.environ["SSL_CERT_FILE"] = CERTIFICATE


def client(url=URL, **options):
    """Amazon's own client."""
    if CERTIFICATE:  # over TLS, versitygw now and then takes the end of its trailers for the next request
        options.setdefault("request_checksum_calculation", "when_required")
    config = botocore.config.Config(signature_version="s3v4", retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **options)
    return boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET,
                        verify=CERTIFICATE or True, config=config)


AMAZON = client()
SAVED = []


def block(name, bucket, *words, make=True, url=URL):
    if not SAVED:
        SAVED.append(name)
        dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY",
              "--region", "us-east-1")
    dowel("block", "save", f"s3-bucket/{name}", "--bucket", bucket, "--credentials", "demo", "--endpoint", url, *words)
    if make:
        AMAZON.create_bucket(Bucket=bucket)


def is_file(path, data):
    """Whether a download is there, with these bytes and no others; it is removed."""
    with open(path, "rb") as file:
        assert file.read() == data
    os.unlink(path)
