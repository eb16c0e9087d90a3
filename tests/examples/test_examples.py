"""Every example program, run as its first comment says; what it left is looked at with the providers' own clients."""
import glob
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, main  # noqa: E402

import boto3  # noqa: E402
from google.auth.credentials import AnonymousCredentials  # noqa: E402
from google.cloud import storage  # noqa: E402

BUILT = os.path.join(os.environ["DOWEL_BUILD"], "examples")
SOURCE = os.path.join(os.environ["DOWEL_SOURCE"], "examples")
GCS = storage.Client(project="demo-project", credentials=AnonymousCredentials(),
                     client_options={"api_endpoint": os.environ["DOWEL_TEST_GCS_URL"]})
MOST_LINES = {"csv_to_gcs": 80, "nightly": 80}
ran = set()


def example(name, *words, code=0, env=None):
    ran.add(name)
    done = subprocess.run([os.path.join(BUILT, name), *words], capture_output=True, cwd=TMP, timeout=60,
                          env={**os.environ, "BIGQUERY_EMULATOR_HOST": os.environ["DOWEL_TEST_BIGQUERY_URL"], **(env or {})})
    assert done.returncode == code, f"{name} exited with {done.returncode}:\n{done.stderr.decode()}\n{done.stdout.decode()}"
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def last_run(task):
    return next(r for r in json.loads(dowel("runs", "--json")) if r["task"] == task)


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--service-account-file",
          os.path.join(os.environ["DOWEL_TEST_OAUTH_KEYS"], "service-account.json"), "--project", "demo-project")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
          "--secret-access-key", "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", "--region", "us-east-1")
    dowel("block", "save", "gcs-bucket/prefect-results", "--bucket", "flow-results", "--folder", "prefect-results",
          "--credentials", "demo", "--endpoint", os.environ["DOWEL_TEST_GCS_URL"])
    dowel("block", "save", "s3-bucket/demo", "--bucket", "examples", "--credentials", "demo", "--endpoint",
          os.environ["DOWEL_TEST_MOTO_URL"])
    dowel("block", "save", "lambda-function/summarise", "--function-name", "dowel-test-dev-summarise", "--credentials", "demo",
          "--endpoint", os.environ["DOWEL_TEST_LAMBDA_URL"])
    dowel("block", "save", "lambda-function/fail", "--function-name", "dowel-test-dev-fail", "--credentials", "demo",
          "--endpoint", os.environ["DOWEL_TEST_LAMBDA_URL"])
    dowel("block", "save", "cloud-run-job/nightly", "--job", "nightly", "--image", "local/report", "--region", "europe-west1",
          "--credentials", "demo", "--command", "sh", "--args", "-c", "--args", "test $REPORT_DAY = 2026-01-31",
          "--endpoint", os.environ["DOWEL_TEST_CLOUD_RUN_URL"])
    GCS.create_bucket("people")
    call("gcs.create_bucket", "--bucket", "prefect-results")
    call("s3.create_bucket", "--bucket", "demo")


def test_fetch_data():
    assert example("fetch_data") == "called: 84\nsubmitted and awaited: 84\n"


def test_csv_to_gcs():
    result = json.loads(example("csv_to_gcs", "gcp-credentials/demo", "people",
                                env={"STORAGE_EMULATOR_HOST": os.environ["DOWEL_TEST_GCS_URL"]}))
    assert result["bucket"] == "people"
    assert GCS.bucket("people").blob("people.csv").download_as_bytes() == b"name,age\nAda,36\nGrace,85\n"
    flow = last_run("csv-to-gcs")
    assert flow["kind"] == "flow" and flow["state"] == "completed", flow
    shown = json.loads(dowel("runs", "show", flow["id"], "--json"))
    assert sorted(c["task"] for c in shown["children"]) == ["create-csv-file", "upload-to-gcs"], shown["children"]


def test_results_kept_in_a_bucket():
    """A flow whose results go to a block; another program sees them, and dowel reads them in a later process."""
    printed = json.loads(example("csv_to_gcs", "gcp-credentials/demo", "people", "gcs-bucket/prefect-results",
                                 env={"STORAGE_EMULATOR_HOST": os.environ["DOWEL_TEST_GCS_URL"]}))
    flow = last_run("csv-to-gcs")
    blobs = {b.name: b for b in GCS.list_blobs("flow-results", prefix="prefect-results/")}
    assert blobs, "nothing in the bucket"
    mine = [b for name, b in blobs.items() if flow["id"] in name]
    assert len(mine) == 1, list(blobs)
    stored = json.loads(mine[0].download_as_bytes())
    assert printed in (stored, stored.get("result")), stored
    assert json.loads(dowel("runs", "result", flow["id"])) == printed
    child = last_run("upload-to-gcs")
    assert json.loads(dowel("runs", "result", child["id"])) == printed, "tasks of the flow keep theirs too"


def test_nightly():
    dowel("block", "save", "local-file-system/results", "--basepath", os.path.join(TMP, "results"))
    assert "the source is gone" in example("nightly", "2026-01-31", code=5, env={"SOURCE_IS_GONE": "1"})
    assert example("nightly", "2026-01-31") == "load runs\n200 rows\n", "the first step gives what it kept"
    assert example("nightly", "2026-01-31") == "200 rows\n"
    assert example("nightly", "2026-02-01") == "extract runs\nload runs\n200 rows\n"


def test_bigquery_query():
    assert example("bigquery_query", "gcp-credentials/demo") == "1 squared is 1\n2 squared is 4\n3 squared is 9\n"


def test_s3_roundtrip():
    source, copy = os.path.join(TMP, "source"), os.path.join(TMP, "copy")
    with open(source, "wb") as file:
        file.write(os.urandom(100_000))
    printed = example("s3_roundtrip", "s3-bucket/demo", source, copy)
    assert open(source, "rb").read() == open(copy, "rb").read()
    head = boto3.client("s3", endpoint_url=os.environ["DOWEL_TEST_MOTO_URL"], region_name="us-east-1",
                        aws_access_key_id=os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
                        ).head_object(Bucket="examples", Key="roundtrip")
    assert head["ContentLength"] == 100_000 and head["ETag"].strip('"') in printed, (head, printed)


def test_upload_and_share():
    source = os.path.join(TMP, "shared.bin")
    with open(source, "wb") as file:
        file.write(os.urandom(1000))
    url = example("upload_and_share", "s3-bucket/demo", source).strip()
    assert url.startswith(os.environ["DOWEL_TEST_MOTO_URL"] + "/examples/shared.bin?X-Amz-"), url
    kept = boto3.client("s3", endpoint_url=os.environ["DOWEL_TEST_MOTO_URL"], region_name="us-east-1",
                        aws_access_key_id=os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]).get_object(Bucket="examples", Key="shared.bin")
    with open(source, "rb") as file:
        assert kept["Body"].read() == file.read()
    assert [r["state"] for r in json.loads(dowel("runs", "--json"))[:2]] == ["completed", "completed"]
    assert last_run("s3.presign")["created"] >= last_run("s3.put")["created"]
    said = example("upload_and_share", "s3-bucket/demo", source + ".missing", code=1)
    assert "s3.put, which it depends on, failed" in said and source + ".missing" in said, said


def test_lambda_invoke():
    answer = json.loads(example("lambda_invoke", "lambda-function/summarise", '{"rows": [{"airports": 2}, {"airports": 3}]}'))
    assert answer == {"rows": 2, "total": 5}, answer
    said = example("lambda_invoke", "lambda-function/fail", "{}", code=6)
    assert "ReportError" in said and "the report has no rows" in said, said


def test_cloud_run_job():
    printed = example("cloud_run_job", "cloud-run-job/nightly")
    assert "succeeded" in printed and "1 tasks" in printed, printed


def test_every_example_was_run_and_is_short():
    sources = {os.path.splitext(os.path.basename(p))[0]: p for p in glob.glob(os.path.join(SOURCE, "*.c"))}
    assert set(sources) == ran, set(sources) ^ ran
    for name, path in sources.items():
        with open(path) as file:
            lines = len(file.readlines())
        assert lines < MOST_LINES.get(name, 50), f"{path} has {lines} lines"


if __name__ == "__main__":
    main(globals())
