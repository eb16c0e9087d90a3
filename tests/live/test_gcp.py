"""Cloud Storage and BigQuery of a real project (DOWEL_LIVE_GCP_PROJECT), as Application Default Credentials."""
import filecmp
import os

from live_case import attempt_all, begin, unique

PROJECT = begin("DOWEL_LIVE_GCP_PROJECT")
from command import TMP, call, dowel, fails  # noqa: E402

bucket, dataset = unique("dowel-live"), unique("dowel_live").replace("-", "_")
source, back = os.path.join(TMP, "source"), os.path.join(TMP, "back")
with open(source, "wb") as file:
    file.write(os.urandom(20 << 20))
dowel("block", "save", "gcp-credentials/live", "--project", PROJECT)
dowel("block", "save", "gcs-bucket/live", "--bucket", bucket, "--credentials", "live")
assert call("block.check", "--block", "gcp-credentials/live")
try:
    call("gcs.create_bucket", "--bucket", "live", "--location", os.environ.get("DOWEL_LIVE_GCP_LOCATION", "US"))
    call("gcs.upload", "--bucket", "live", "--file", source, "--name", "a/large.bin")
    call("gcs.download", "--bucket", "live", "--name", "a/large.bin", "--file", back)
    assert filecmp.cmp(source, back, shallow=False)
    call("gcs.copy", "--bucket", "live", "--name", "a/large.bin", "--to-name", "b/copy.bin")
    assert len(call("gcs.list", "--bucket", "live")["objects"]) == 2
    fails(3, "call", "gcs.stat", "--bucket", "live", "--name", "nothing", saying="nothing")
    assert call("bigquery.query", "--query", "SELECT 1 AS x", "--credentials", "live")["rows"] == [{"x": 1}]
    call("bigquery.create_dataset", "--dataset", dataset, "--credentials", "live")
    table = os.path.join(TMP, "table.csv")
    with open(table, "w", encoding="utf-8") as file:
        file.write("name,size\na,1\nb,2\n")
    assert call("bigquery.load", "--table", f"{dataset}.t", "--file", table, "--autodetect", "--credentials", "live")["rows"] == 2
finally:
    attempt_all(*(lambda name=name: call("gcs.delete", "--bucket", "live", "--name", name) for name in ("a/large.bin", "b/copy.bin")),
                lambda: call("gcs.delete_bucket", "--bucket", "live"),
                lambda: call("bigquery.delete", "--dataset", dataset, "--delete-contents", "--credentials", "live"))
