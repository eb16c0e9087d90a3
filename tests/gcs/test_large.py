"""1 GiB up and down through Cloud Storage: the same bytes, and the command stays small whatever the object's size."""
import base64
import os
import random
import subprocess
import sys

import google_crc32c
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, dowel, main  # noqa: E402

URL = os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
SIZE = 1 << 30
PIECE = 1 << 22
MOST_MEMORY = 40 << 10  # KiB
SOURCE, TARGET = os.path.join(TMP, "large.bin"), os.path.join(TMP, "large.back")
WHERE = ["--bucket", "large", "--name", "large.bin"]


def pieces(path):
    with open(path, "rb") as f:
        while piece := f.read(PIECE):
            yield piece


def crc32c(path):
    checksum = google_crc32c.Checksum()
    for piece in pieces(path):
        checksum.update(piece)
    return base64.b64encode(checksum.digest()).decode()


# The kernel counts what a process held before exec too: the command is started from a small one, not from this.
LAUNCHER = """import os, resource, sys
status = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)
sys.exit(status)"""


def measured(*words, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
    """Runs the command and gives the most memory that it held, in KiB."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, BIN, *words], stdin=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, (words, done.stderr)
    memory, seconds = done.stderr.split()[-2:]
    print(f"{words[1]}: {memory} KiB, {float(seconds):.1f} s of processor", flush=True)
    return int(memory)


def test_prepare():
    noise = random.Random(7)
    with open(SOURCE, "wb") as f:
        for _ in range(SIZE // PIECE):
            f.write(noise.randbytes(PIECE))
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/large", "--bucket", "dowel-large", "--credentials", "demo", "--endpoint", URL)
    dowel("call", "gcs.create_bucket", "--bucket", "large")


def test_up_and_down():
    assert measured("call", "gcs.upload", *WHERE, "--file", SOURCE) < MOST_MEMORY
    blob = GOOGLE.bucket("dowel-large").get_blob("large.bin")
    assert blob.size == SIZE and blob.crc32c == crc32c(SOURCE), (blob.size, blob.crc32c)
    assert measured("call", "gcs.download", *WHERE, "--file", TARGET) < MOST_MEMORY
    for one, other in zip(pieces(SOURCE), pieces(TARGET), strict=True):
        assert one == other
    os.unlink(TARGET)
    with open(TARGET, "wb") as out:
        assert measured("call", "gcs.download", *WHERE, "--file", "-", stdout=out) < MOST_MEMORY
    assert crc32c(TARGET) == blob.crc32c


def test_from_a_pipe():
    """128 MiB of unknown length; the stand-in server takes too long over more, each chunk longer than the last."""
    feed = subprocess.Popen(["head", "-c", str(128 << 20), SOURCE], stdout=subprocess.PIPE)
    assert measured("call", "gcs.upload", "--bucket", "large", "--name", "piped.bin", "--file", "-", stdin=feed.stdout) < MOST_MEMORY
    assert feed.wait() == 0
    os.truncate(SOURCE, 128 << 20)
    blob = GOOGLE.bucket("dowel-large").get_blob("piped.bin")
    assert blob.size == 128 << 20 and blob.crc32c == crc32c(SOURCE), (blob.size, blob.crc32c)


main(globals())
