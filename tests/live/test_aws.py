"""S3 of a real account in the region DOWEL_LIVE_AWS, as whatever Amazon's own tools would find."""
import filecmp
import os

from live_case import attempt_all, begin, unique

REGION = begin("DOWEL_LIVE_AWS")
from command import TMP, call, dowel, fails  # noqa: E402

bucket = unique("dowel-live")
source, back = os.path.join(TMP, "source"), os.path.join(TMP, "back")
with open(source, "wb") as file:
    file.write(os.urandom(20 << 20))
dowel("block", "save", "aws-credentials/live", "--region", REGION)
dowel("block", "save", "s3-bucket/live", "--bucket", bucket, "--credentials", "live")
assert call("block.check", "--block", "aws-credentials/live")
try:
    call("s3.create_bucket", "--bucket", "live")
    call("s3.put", "--bucket", "live", "--file", source, "--key", "a/large.bin")
    call("s3.get", "--bucket", "live", "--key", "a/large.bin", "--file", back)
    assert filecmp.cmp(source, back, shallow=False)
    call("s3.copy", "--bucket", "live", "--key", "a/large.bin", "--to-key", "b/copy.bin")
    assert len(call("s3.list", "--bucket", "live")["objects"]) == 2
    fails(3, "call", "s3.head", "--bucket", "live", "--key", "nothing", saying="nothing")
finally:
    attempt_all(*(lambda key=key: call("s3.delete", "--bucket", "live", "--key", key) for key in ("a/large.bin", "b/copy.bin")),
                lambda: call("s3.delete_bucket", "--bucket", "live"))
