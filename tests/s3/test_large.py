"""1 GiB up and down through S3: the same bytes, and the command stays small whatever the object's size."""
import base64
import os
import random
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, block  # noqa: E402

from command import BIN, TMP, main  # noqa: E402

SIZE = 1 << 30
PIECE = 1 << 22
MOST_MEMORY = 40 << 10  # KiB
SOURCE, TARGET = os.path.join(TMP, "large.bin"), os.path.join(TMP, "large.back")
WHERE = ["--bucket", "large", "--key", "large.bin"]


def pieces(path):
    with open(path, "rb") as f:
        while piece := f.read(PIECE):
            yield piece


def crc32(path):
    crc = 0
    for piece in pieces(path):
        crc = zlib.crc32(piece, crc)
    return base64.b64encode(crc.to_bytes(4, "big")).decode()


# The kernel counts what a process held before exec too: the command is started from a small one, not from this.
LAUNCHER = """import os, resource, sys
status = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
print(usage.ru_maxrss, usage.ru_utime + usage.ru_stime, file=sys.stderr)
sys.exit(status)"""


def small(*words, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL):
    """Runs the command, which must hold little memory."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, BIN, *words], stdin=stdin, stdout=stdout,
                          stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, (words, done.stderr)
    memory, seconds = done.stderr.split()[-2:]
    print(f"{words[1]}: {memory} KiB, {float(seconds):.1f} s of processor", flush=True)
    assert int(memory) < MOST_MEMORY, memory


def test_prepare():
    noise = random.Random(7)
    with open(SOURCE, "wb") as f:
        for _ in range(SIZE // PIECE):
            f.write(noise.randbytes(PIECE))
    block("large", "dowel-large")


def held(key):
    head = AMAZON.head_object(Bucket="dowel-large", Key=key, ChecksumMode="ENABLED")
    return head["ContentLength"], head["ChecksumCRC32"]


def test_up_and_down():
    small("call", "s3.put", *WHERE, "--file", SOURCE)
    checksum = crc32(SOURCE)
    assert held("large.bin") == (SIZE, checksum)
    small("call", "s3.get", *WHERE, "--file", TARGET)
    assert crc32(TARGET) == checksum
    os.unlink(TARGET)
    with open(TARGET, "wb") as out:
        small("call", "s3.get", *WHERE, "--file", "-", stdout=out)
    assert crc32(TARGET) == checksum
    os.unlink(TARGET)
    AMAZON.delete_object(Bucket="dowel-large", Key="large.bin")
    with subprocess.Popen(["cat", SOURCE], stdout=subprocess.PIPE) as feed:
        small("call", "s3.put", "--bucket", "large", "--key", "piped.bin", "--file", "-", stdin=feed.stdout)
    assert held("piped.bin") == (SIZE, checksum)


main(globals())
