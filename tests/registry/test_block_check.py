"""`dowel block check` says of each type of block who it is and what it may do, and fails with what to do where it cannot be used."""
import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import call, dowel, fails, main  # noqa: E402

import boto3  # noqa: E402

MOTO, BENCH, GCS = (os.environ[f"DOWEL_TEST_{name}_URL"] for name in ("MOTO", "TESTBENCH", "GCS"))
KEYS = os.environ["DOWEL_TEST_OAUTH_KEYS"]


def check(name):
    return json.loads(dowel("block", "check", name, "--json"))


def client(service):
    return boto3.client(service, endpoint_url=MOTO, region_name="us-east-1",
                        aws_access_key_id=os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"])


def save_aws(name, *more):
    dowel("block", "save", f"aws-credentials/{name}", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
          "--secret-access-key", "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1", "--endpoint", MOTO, *more)


def test_aws_credentials():
    save_aws("demo")
    report = check("aws-credentials/demo")
    assert report["identity"] == client("sts").get_caller_identity()["Arn"], report
    assert report["account"] == client("sts").get_caller_identity()["Account"]
    dowel("block", "save", "aws-credentials/wrong", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
          "--secret-access-key", "env:WRONG", "--region", "us-east-1", "--endpoint", MOTO, env={"WRONG": "x" * 40})
    fails(4, "block", "check", "aws-credentials/wrong", saying=["aws-credentials/wrong", "SignatureDoesNotMatch", "hint:"])


def test_s3_bucket():
    client("s3").create_bucket(Bucket="checked")
    dowel("block", "save", "s3-bucket/checked", "--bucket", "checked", "--credentials", "demo", "--endpoint", MOTO)
    report = check("s3-bucket/checked")
    assert report["permissions"] == {"s3:ListBucket": True, "s3:PutObject": True}, report
    assert report["uses"][0]["block"] == "aws-credentials/demo" and report["uses"][0]["identity"]
    left = client("s3").list_multipart_uploads(Bucket="checked").get("Uploads", [])
    assert not left and not client("s3").list_objects_v2(Bucket="checked").get("Contents"), "the check left something behind"
    dowel("block", "save", "s3-bucket/absent", "--bucket", "absent", "--credentials", "demo", "--endpoint", MOTO)
    fails(3, "block", "check", "s3-bucket/absent", saying=["s3-bucket/absent", "NoSuchBucket", "s3.create_bucket"])


def test_a_bucket_whose_credentials_nobody_can_be_asked_about():
    """A server that speaks S3 has no STS: the bucket is proved by itself, and what could not be is said."""
    dowel("block", "save", "aws-credentials/alone", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], "--secret-access-key",
          "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1", "--endpoint", "http://127.0.0.1:9", "--overwrite")
    dowel("block", "save", "s3-bucket/alone", "--bucket", "checked", "--credentials", "alone", "--endpoint", MOTO)
    report = check("s3-bucket/alone")
    assert report["permissions"]["s3:PutObject"] is True and "127.0.0.1:9" in report["uses"][0]["error"], report
    assert "error" in dowel("block", "check", "s3-bucket/alone")
    fails(5, "block", "check", "aws-credentials/alone", saying="127.0.0.1:9")
    # Where the bucket cannot be used either, what is wrong with the credentials is said.
    dowel("block", "save", "s3-bucket/wrong", "--bucket", "checked", "--credentials", "wrong", "--endpoint", MOTO)
    fails(4, "block", "check", "s3-bucket/wrong", saying=["aws-credentials/wrong", "SignatureDoesNotMatch"])


def test_gcp_credentials():
    dowel("block", "save", "gcp-credentials/demo", "--service-account-file", os.path.join(KEYS, "service-account.json"),
          "--project", "demo-project")
    report = check("gcp-credentials/demo")
    with open(os.path.join(KEYS, "service-account.json")) as file:
        assert report["identity"] == json.load(file)["client_email"], report
    assert report["project"] == "demo-project" and report["token_expires"] > "2026"
    dowel("block", "save", "gcp-credentials/wrong", "--service-account-file", os.path.join(KEYS, "wrong-key.json"))
    fails(4, "block", "check", "gcp-credentials/wrong", saying=["gcp-credentials/wrong", "invalid_grant"])
    dowel("block", "save", "gcp-credentials/nobody", "--anonymous")
    assert check("gcp-credentials/nobody")["identity"] == "anonymous"


def test_gcs_bucket():
    dowel("block", "save", "gcs-bucket/checked", "--bucket", "checked", "--credentials", "demo", "--endpoint", BENCH)
    fails(3, "block", "check", "gcs-bucket/checked", saying="gcs-bucket/checked")
    call("gcs.create_bucket", "--bucket", "checked")
    report = check("gcs-bucket/checked")
    assert report["permissions"]["storage.objects.list"] is True, report
    dowel("block", "save", "gcs-bucket/other", "--bucket", "other", "--credentials", "demo", "--endpoint", GCS)
    call("gcs.create_bucket", "--bucket", "gcs-bucket/other")
    assert check("gcs-bucket/other")["permissions"]["storage.objects.list"] is True


def test_cloud_run_job():
    dowel("block", "save", "cloud-run-job/nightly", "--job", "nightly", "--image", "local/report", "--region", "europe-west1",
          "--credentials", "demo", "--endpoint", os.environ["DOWEL_TEST_CLOUD_RUN_URL"])
    assert check("cloud-run-job/nightly")["exists"] is False
    call("cloud_run.run", "--job", "nightly")
    assert check("cloud-run-job/nightly")["exists"] is True


def test_lambda_function():
    """The stand-in for Lambda knows no dry run: the answers are scripted as the service's API reference has them."""
    fault = os.environ["DOWEL_TEST_FAULT_URL"]
    dowel("block", "save", "lambda-function/report", "--function-name", "report", "--credentials", "demo", "--endpoint", f"{fault}/lambda")
    steps = [{"status": 204}, {"status": 404, "headers": {"x-amzn-errortype": "ResourceNotFoundException"},
                               "body": {"Message": "Function not found: report"}}]
    urllib.request.urlopen(f"{fault}/_script/lambda", json.dumps(steps).encode())
    assert check("lambda-function/report")["permissions"] == {"lambda:InvokeFunction": True}
    with urllib.request.urlopen(f"{fault}/_log/lambda") as answer:
        assert json.load(answer)[0]["headers"]["x-amz-invocation-type"] == "DryRun"
    fails(3, "block", "check", "lambda-function/report", saying=["lambda-function/report", "Function not found"])


def test_what_people_see():
    shown = dowel("block", "check", "s3-bucket/checked")
    assert "s3:PutObject" in shown and "yes" in shown and "aws-credentials/demo" in shown, shown
    assert os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"] not in shown
    fails(3, "block", "check", "s3-bucket/chekced", saying="did you mean")
    assert json.loads(dowel("runs", "--json"))[0]["task"] == "block.check"


if __name__ == "__main__":
    main(globals())
