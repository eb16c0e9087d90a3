"""Every byte or none: connections that break at each MiB, servers that cut, change or replace what they send, storms in the middle. What
arrives is identical, or there is an error that says why, and nothing is left behind."""
import os
import random
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ["DOWEL_TEST_TESTBENCH_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.create_bucket("bytes")
PROXY = Proxy(URL)
MIB = 1 << 20
DATA = random.Random(11).randbytes(3 * MIB + 5)
FOLDER = os.path.join(TMP, "bytes")
TARGET = os.path.join(FOLDER, "target")
UPLOAD = ["gcs.upload", "--bucket", "bytes", "--name", "up"]
DOWNLOAD = ["gcs.download", "--bucket", "bytes", "--name", "down", "--file", TARGET]
WAYS = ([], ["--part-size", "1MiB", "--concurrency", "3"])
SENT = os.path.join(TMP, "data.bin")


def arrived():
    with open(TARGET, "rb") as f:
        assert f.read() == DATA
    assert os.listdir(FOLDER) == ["target"], os.listdir(FOLDER)
    os.unlink(TARGET)


def nothing_left():
    assert os.listdir(FOLDER) == [], os.listdir(FOLDER)


def media(request):
    return request.method == "GET" and "alt=media" in request.path


def test_prepare():
    os.mkdir(FOLDER)
    with open(SENT, "wb") as f:
        f.write(DATA)
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/bytes", "--bucket", "bytes", "--credentials", "demo", "--endpoint", PROXY.url)
    BUCKET.blob("down").upload_from_string(DATA)


def test_upload_cut_at_each_mib():
    for words, stdin in ((["--file", SENT], b""), (["--file", "-", "--chunk-size", "1MiB"], DATA)):
        for boundary in range(0, len(DATA), MIB):
            for at in (boundary, boundary + 1):
                PROXY.reset(lambda r: {"cut_upload": at if not stdin else at % MIB} if r.method == "PUT" and r.size == 0
                            and len(PROXY.seen("PUT")) == (1 if not stdin else 1 + at // MIB) else None)
                call(*UPLOAD, *words, "--resumable-threshold", "0", stdin=stdin)
                assert BUCKET.blob("up").download_as_bytes() == DATA, (words, at)


def test_download_cut_at_each_mib():
    for way in WAYS:
        for boundary in range(0, len(DATA), MIB):
            for at in (boundary, boundary + 1):
                whole = not way
                PROXY.reset(lambda r: {"cut_download": at if whole else at % MIB}
                            if media(r) and r.number == (1 if whole else 1 + at // MIB) else None)
                call(*DOWNLOAD, *way)
                arrived()


def test_a_server_that_cuts():
    """It ends its answer early and calls it whole: the checksum tells. Once it is fetched again; then it is an error."""
    def cut(status, headers, body):
        return status, headers, body[:-1]

    for way in WAYS:
        PROXY.reset(lambda r: {"edit": cut} if media(r) and r.number == 1 else None)
        done = run("call", *DOWNLOAD, *way)
        if done.returncode:
            nothing_left()
        else:
            arrived()
        PROXY.reset(lambda r: {"edit": cut} if media(r) else None)
        assert run("call", *DOWNLOAD, *way).returncode in (1, 5)
        nothing_left()


def test_one_changed_byte():
    for way in WAYS:
        for number in (1,) if not way else (1, 2, 4):
            PROXY.reset(lambda r: {"corrupt": True} if media(r) and r.number == number else None)
            call(*DOWNLOAD, *way)
            arrived()
        PROXY.reset(lambda r: {"corrupt": True} if media(r) else None)
        fails(1, "call", *DOWNLOAD, *way, saying=["down", "differ from the stored ones"])
        nothing_left()


def test_replaced_midway():
    """Parts are of one generation, or there is an error: never a mixture."""
    for at in (2, 3):
        BUCKET.blob("down").upload_from_string(DATA)

        def replace(request):
            if media(request) and request.number == at:
                BUCKET.blob("down").upload_from_string(bytes(len(DATA)))
        PROXY.reset(replace)
        said = fails(7, "call", *DOWNLOAD, "--part-size", "1MiB", "--concurrency", "1", saying="412")
        assert "replaced" in said, said
        nothing_left()
    BUCKET.blob("down").upload_from_string(DATA)


def test_storms():
    """Every third request fails."""
    busy = {"answer": (503, [], b"")}
    for way in WAYS:
        PROXY.reset(lambda r: busy if len(PROXY.requests) % 3 == 1 else None)
        call(*DOWNLOAD, *way)
        arrived()
    for words, stdin in ((["--file", SENT], b""), (["--file", "-", "--chunk-size", "1MiB"], DATA)):
        PROXY.reset(lambda r: busy if len(PROXY.requests) % 3 == 1 else None)
        call(*UPLOAD, *words, "--resumable-threshold", "0", stdin=stdin)
        assert BUCKET.blob("up").download_as_bytes() == DATA


main(globals())
