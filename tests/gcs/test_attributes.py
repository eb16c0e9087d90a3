"""What objects have beside their content, preconditions, and objects made of objects. Google's own library says what the server holds.
Runs against fake-gcs-server and against Google's storage testbench."""
import base64
import hashlib
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
TESTBENCH = "DOWEL_TEST_TESTBENCH_URL" in os.environ
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.bucket("attributes")
PROXY = Proxy(URL)
KEY = base64.b64encode(bytes(range(32))).decode()


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def save(name, url, *more, bucket="attributes"):
    dowel("block", "save", f"gcs-bucket/{name}", "--bucket", bucket, "--credentials", "demo", "--endpoint", url, *more)


def upload(name, data=b"content", *words, block="attributes"):
    return call("gcs.upload", "--bucket", block, "--name", name, "--file", write("sent", data), *words)


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    save("attributes", URL)
    save("watched", PROXY.url)
    GOOGLE.create_bucket(BUCKET)


def test_upload_says_what_it_was_told():
    words = ["--content-type", "text/plain", "--content-encoding", "br", "--content-language", "de", "--content-disposition",
             "attachment; filename=x", "--cache-control", "public, max-age=60", "--storage-class", "NEARLINE", "--metadata", "a=b"]
    for way in ([], ["--resumable-threshold", "0"]):
        said = upload("told", b"content", *words, *way)
        blob = BUCKET.get_blob("told")
        # fake-gcs-server keeps no language, and no class of a session
        expected = {"content_type": "text/plain", "content_encoding": "br", "content_disposition": "attachment; filename=x",
                    "cache_control": "public, max-age=60"}
        if TESTBENCH:
            expected |= {"content_language": "de", "storage_class": "NEARLINE"}
        for name, value in expected.items():
            assert getattr(blob, name) == value, (way, name, getattr(blob, name))
            assert said[name] == value, (way, name, said)
        assert blob.metadata["a"] == "b", blob.metadata


def test_guessed_types():
    for name, kind in (("a.WEBP", "image/webp"), ("a.tar", "application/x-tar"), ("a.yml", "application/yaml")):
        assert upload(name)["content_type"] == kind
    assert BUCKET.get_blob("a.WEBP").content_type == "image/webp"


def test_no_lines_are_smuggled_in():
    PROXY.reset()
    for way in ([], ["--resumable-threshold", "0"]):
        for kind in ("text/plain\r\nX-Evil: 1", "text/plain\n\nevil"):
            fails(2, "call", "gcs.upload", "--bucket", "attributes", "--name", "smuggled", "--data", "@" + write("content", b"x"), "--content-type",
                  kind, *way, saying="line break" if way else "control character")
    assert not PROXY.requests and not BUCKET.blob("smuggled").exists()


def test_parameters_of_the_url():
    """Access list, KMS key and payer go as Cloud Storage wants them; what is secret stays out of sight."""
    dowel("block", "save", "gcs-bucket/payer", "--bucket", "attributes", "--credentials", "demo", "--endpoint", PROXY.url,
          "--user-project", "payer")
    for way in ([], ["--resumable-threshold", "0"]):
        PROXY.reset()
        upload("url", b"content", "--predefined-acl", "publicRead", "--kms-key", "projects/p/k", *way, block="payer")
        first = PROXY.requests[0]
        assert [first.query(n) for n in ("predefinedAcl", "kmsKeyName", "userProject")] == ["publicRead", "projects/p/k", "payer"]
    PROXY.reset()
    call("gcs.stat", "--bucket", "payer", "--name", "url")
    call("gcs.list", "--bucket", "payer")
    call("gcs.download", "--bucket", "payer", "--name", "url", "--file", os.path.join(TMP, "got"))
    call("gcs.copy", "--bucket", "payer", "--name", "url", "--to-name", "copied", "--kms-key", "projects/p/k", "--predefined-acl",
         "private")
    call("gcs.update", "--bucket", "payer", "--name", "url", "--metadata", "x=y")
    call("gcs.delete", "--bucket", "payer", "--name", "url")
    assert all(r.query("userProject") == "payer" for r in PROXY.requests), PROXY.requests
    copy = PROXY.seen("POST")[0]
    assert (copy.query("destinationKmsKeyName"), copy.query("destinationPredefinedAcl")) == ("projects/p/k", "private")


def test_own_encryption_key():
    save("sealed", PROXY.url, "--encryption-key", "@" + write("key", KEY.encode()))
    assert KEY not in dowel("block", "show", "gcs-bucket/sealed", "--json")
    sha = base64.b64encode(hashlib.sha256(bytes(range(32))).digest()).decode()
    target = os.path.join(TMP, "opened")
    for way in ([], ["--resumable-threshold", "0"]):
        PROXY.reset()
        upload("sealed", b"secret", *way, block="sealed")
        for request in PROXY.requests:
            headers = request.headers
            assert headers["x-goog-encryption-algorithm"] == "AES256" and headers["x-goog-encryption-key"] == KEY, headers
            assert headers["x-goog-encryption-key-sha256"] == sha, headers
        call("gcs.download", "--bucket", "sealed", "--name", "sealed", "--file", target)
        assert open(target, "rb").read() == b"secret"
        if TESTBENCH:
            assert BUCKET.blob("sealed", encryption_key=bytes(range(32))).download_as_bytes() == b"secret"
            fails(1, "call", "gcs.download", "--bucket", "watched", "--name", "sealed", "--file", target)
            assert call("gcs.stat", "--bucket", "sealed", "--name", "sealed")["encryption_key_sha256"] == sha
    PROXY.reset()
    call("gcs.copy", "--bucket", "sealed", "--name", "sealed", "--to-name", "opened", "--to-bucket", "attributes")
    assert PROXY.requests[0].headers["x-goog-copy-source-encryption-key"] == KEY
    assert "x-goog-encryption-key" not in PROXY.requests[0].headers
    # The testbench goes on to ask for the key of the object that was copied.
    assert BUCKET.blob("opened", encryption_key=bytes(range(32)) if TESTBENCH else None).download_as_bytes() == b"secret"
    fails(2, "block", "save", "gcs-bucket/short", "--bucket", "b", "--encryption-key", "@" + write("short", b"c2hvcnQ="), saying='"encryption_key"')


def test_update():
    upload("updated", b"content", "--metadata", "keep=1", "--metadata", "drop=2", "--content-type", "text/plain")
    said = call("gcs.update", "--bucket", "attributes", "--name", "updated", "--content-type", "text/csv", "--cache-control", "no-store",
                "--metadata", "new=3", "--remove-metadata", "drop")
    blob = BUCKET.get_blob("updated")
    assert (blob.content_type, blob.cache_control) == ("text/csv", "no-store"), (blob.content_type, blob.cache_control)
    assert blob.metadata["keep"] == "1" and blob.metadata["new"] == "3", blob.metadata
    if TESTBENCH:  # fake-gcs-server makes an empty value of it
        assert "drop" not in blob.metadata, blob.metadata
        assert int(said["metageneration"]) == blob.metageneration == 2, said
    assert blob.download_as_bytes() == b"content"
    fails(2, "call", "gcs.update", "--bucket", "attributes", "--name", "updated", saying="nothing to update")
    fails(3, "call", "gcs.update", "--bucket", "attributes", "--name", "nowhere", "--metadata", "a=b", saying="nowhere")


def test_preconditions():
    if not TESTBENCH:  # fake-gcs-server knows few of them
        return
    generation = upload("guarded")["generation"]
    where = ["--bucket", "attributes", "--name", "guarded"]
    target = os.path.join(TMP, "guarded")
    tasks = [["gcs.stat", *where], ["gcs.download", *where, "--file", target], ["gcs.update", *where, "--metadata", "a=b"],
             ["gcs.copy", "--bucket", "attributes", "--name", "url-source", "--to-name", "guarded"],
             ["gcs.upload", *where, "--file", write("again", b"again")], ["gcs.delete", *where]]
    upload("url-source")
    for task in tasks:
        for condition in (["--if-generation-match", "1"], ["--if-metageneration-match", "77"]):
            fails(7, "call", *task, *condition, saying="412")
        for condition in (["--if-generation-not-match", generation], ["--if-metageneration-not-match", "1"]):
            fails(7, "call", *task, *condition, saying="generation than the condition expects")
    assert BUCKET.get_blob("guarded").generation == int(generation)
    call(*tasks[0], "--if-generation-match", generation, "--if-metageneration-match", "1")
    call(*tasks[1], "--if-generation-not-match", "1")
    fails(7, "call", "gcs.copy", "--bucket", "attributes", "--name", "url-source", "--to-name", "c", "--if-source-generation-match", "1")
    call("gcs.copy", "--bucket", "attributes", "--name", "url-source", "--to-name", "c", "--if-source-metageneration-match", "1")
    call("gcs.delete", *where, "--if-generation-match", generation)


def test_copy():
    first = upload("source", b"first", "--metadata", "a=b", "--content-type", "text/csv")
    upload("source", b"second")
    call("gcs.copy", "--bucket", "attributes", "--name", "source", "--to-name", "target", "--storage-class", "COLDLINE")
    blob = BUCKET.get_blob("target")
    assert blob.download_as_bytes() == b"second"
    if TESTBENCH:
        assert blob.storage_class == "COLDLINE", blob.storage_class
        bucket = GOOGLE.bucket("attributes-versions")
        bucket.versioning_enabled = True
        GOOGLE.create_bucket(bucket)
        save("versions", URL, bucket="attributes-versions")
        first = upload("source", b"first", block="versions")
        upload("source", b"second", block="versions")
        call("gcs.copy", "--bucket", "versions", "--name", "source", "--generation", first["generation"], "--to-name", "target")
        assert bucket.blob("target").download_as_bytes() == b"first"


def test_copy_takes_several_calls():
    """A large one is answered with tokens; each call goes on with the last one's."""
    upload("large", b"x" * (3 << 20))
    answers = [{"done": False, "rewriteToken": f"t{n}", "totalBytesRewritten": str(n << 20), "objectSize": str(3 << 20)} for n in (1, 2)]
    PROXY.reset(lambda r: {"answer": (200, [("Content-Type", "application/json")], json.dumps(answers[len(PROXY.requests) - 1]).encode())}
                if len(PROXY.requests) < 3 else {"answer": (503, [], b"")} if len(PROXY.requests) == 3 else
                {"edit": lambda *_: (200, [], json.dumps({"done": True, "resource": {"name": "large2", "size": str(3 << 20)}}).encode())})
    said = call("gcs.copy", "--bucket", "watched", "--name", "large", "--to-name", "large2")
    assert said["size"] == 3 << 20, said
    assert [r.query("rewriteToken") for r in PROXY.requests] == [None, "t1", "t2", "t2"], PROXY.requests


def test_compose():
    for name in ("p1", "p2", "p3"):
        upload(name, name.encode())
    said = call("gcs.compose", "--bucket", "attributes", "--name", "whole.txt", "--parts", "p1", "--parts", "p3", "--parts", "p2",
                "--metadata", "made=of parts")
    assert said["size"] == 6 and said["name"] == "whole.txt", said
    blob = BUCKET.get_blob("whole.txt")
    assert blob.download_as_bytes() == b"p1p3p2" and blob.content_type == "text/plain" and blob.metadata["made"] == "of parts"
    assert BUCKET.get_blob("p1") is not None
    many = [w for n in range(33) for w in ("--parts", f"p{n}")]
    fails(2, "call", "gcs.compose", "--bucket", "attributes", "--name", "x", *many, saying=["33", "32"])
    fails(3 if TESTBENCH else 5, "call", "gcs.compose", "--bucket", "attributes", "--name", "x", "--parts", "p1", "--parts", "nowhere")


main(globals())
