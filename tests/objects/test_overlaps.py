"""One bucket under two names: places are compared by what they mean, not by how they are spelled, and the services are asked where no address tells.
Nothing may be removed, or copied into itself, because of a spelling."""
import os
import sys
import urllib.parse

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
PORT = {"s3": urllib.parse.urlsplit(S3_URL).port, "gcs": urllib.parse.urlsplit(GCS_URL).port}
FILES = {"a/sub/f1": b"1", "a/sub/f2": b"22", "a/other": b"other", "b": b"b"}
URLS = {"s3": S3_URL, "gcs": GCS_URL}
WHERE = {"s3": "s3", "gcs": "gs"}


def spellings(kind):
    port = PORT[kind]
    return [f"http://127.0.0.1:{port}/", f"http://127.0.0.1:{port}//", f"HTTP://127.0.0.1:{port}", f"http://localhost:{port}", f"http://LocalHost:{port}/",
            f"http://127.0.0.1:0{port}", f"http://127.1:{port}", f"http://0x7f000001:{port}/"]


def names(kind, bucket="overlap"):
    if kind == "gcs":
        return {blob.name for blob in GOOGLE.list_blobs(bucket)}
    return {entry["Key"] for entry in AMAZON.list_objects_v2(Bucket=bucket).get("Contents", [])}


def fill(kind, bucket="overlap", files=None):
    for name, content in (files or FILES).items():
        if kind == "gcs":
            GOOGLE.bucket(bucket).blob(name).upload_from_string(content)
        else:
            AMAZON.put_object(Bucket=bucket, Key=name, Body=content)


def block(kind, name, *words, bucket="overlap"):
    dowel("block", "save", f"{kind}-bucket/{name}", "--bucket", bucket, "--overwrite", *words)
    return f"{kind}-bucket/{name}:"


def refused(kind, source, target, *words, **options):
    """In both directions, with and without --dry-run; one object onto itself, too."""
    for more in (("--delete",), ("--delete", "--dry-run"), ("--delete", "--compare", "checksum")):
        fails(2, "sync", source + "a/sub/", target + "a/", *more, *words, saying="would be removed with the rest", **options)
        fails(2, "sync", source + "a/sub", target, *more, *words, saying="would be removed with the rest", **options)
    for command in (("cp", "-r"), ("sync",), ("sync", "--delete")):
        fails(2, *command, source + "a/", target + "a/sub/", *words, saying="lies in the source", **options)
    assert names(kind) == set(FILES)


def onto_itself(source, target, *words, **options):
    fails(2, "cp", source + "a/other", target + "a/other", *words, saying="the same", **options)
    fails(2, "cp", source + "a/other", target + "a/", *words, saying="the same", **options)


def test_prepare():
    GOOGLE.create_bucket("overlap")
    AMAZON.create_bucket(Bucket="overlap")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    for kind in URLS:
        fill(kind)
        block(kind, "plain", "--credentials", "demo", "--endpoint", URLS[kind])


def test_spellings_of_an_endpoint():
    for kind in URLS:
        plain = f"{kind}-bucket/plain:"
        for spelling in spellings(kind):
            other = block(kind, "other", "--credentials", "demo", "--endpoint", spelling)
            refused(kind, plain, other)
            refused(kind, other, plain)
            onto_itself(plain, other)


def test_endpoints_from_elsewhere():
    """Of the block, of its credentials, of the environment, of the command line, of a file of settings."""
    dowel("block", "save", "aws-credentials/addressed", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1", "--endpoint", S3_URL + "/")
    other = block("s3", "other", "--credentials", "addressed")
    refused("s3", "s3-bucket/plain:", other)
    refused("s3", other, "s3-bucket/plain:")
    onto_itself(other, "s3-bucket/plain:")
    for env in ({"AWS_ENDPOINT_URL_S3": S3_URL}, {"AWS_ENDPOINT_URL": S3_URL + "/"}):
        refused("s3", "s3-bucket/plain:", "s3://overlap/", "--credentials", "demo", env=env)
        onto_itself("s3://overlap/", "s3-bucket/plain:", "--credentials", "demo", env=env)
    refused("gcs", "gcs-bucket/plain:", "gs://overlap/", env={"STORAGE_EMULATOR_HOST": GCS_URL})
    refused("gcs", "gs://overlap/", "gcs-bucket/plain:", env={"STORAGE_EMULATOR_HOST": GCS_URL.removeprefix("http://")})
    refused("s3", "s3-bucket/plain:", "s3://overlap/", "--to-credentials", "demo", "--to-endpoint", S3_URL + "/", "--to-region", "us-east-1")
    config = os.path.join(TMP, "aws-config")
    with open(config, "w") as file:
        file.write(f"[default]\nregion = us-east-1\nendpoint_url = {S3_URL}/\n")
    refused("s3", "s3-bucket/plain:", block("s3", "other", "--credentials", "demo"), env={"AWS_CONFIG_FILE": config})


def test_addressing_and_folders():
    host = f"http://localhost:{PORT['s3']}"
    refused("s3", "s3-bucket/plain:", block("s3", "other", "--credentials", "demo", "--endpoint", host, "--addressing", "path"))
    # Compared before anything is sent: whether such a host is there does not matter.
    other = block("s3", "virtual", "--credentials", "demo", "--endpoint", host, "--addressing", "virtual")
    fails(2, "sync", "s3-bucket/plain:a/sub/", other + "a/", "--delete", saying="would be removed with the rest")
    for kind in URLS:
        for folder in ("a", "a/", "a//"):
            other = block(kind, "folder", "--credentials", "demo", "--endpoint", URLS[kind], "--folder", folder)
            fails(2, "sync", f"{kind}-bucket/plain:a/sub/", other, "--delete", saying="would be removed with the rest")
            fails(2, "sync", other + "sub/", f"{kind}-bucket/plain:", "--delete", saying="would be removed with the rest")
            fails(2, "sync", f"{kind}-bucket/plain:", other, saying="lies in the source")
            fails(2, "cp", f"{kind}-bucket/plain:a/other", other + "other", saying="the same")
        assert names(kind) == set(FILES)


def test_the_providers_own_addresses():
    """Nothing is sent to them: the plan ends before."""
    amazon = ["https://s3.amazonaws.com", "https://s3.eu-west-1.amazonaws.com/", "https://S3.eu-west-1.amazonaws.com:443", "https://s3-eu-west-1.amazonaws.com",
              "https://s3.dualstack.eu-west-1.amazonaws.com", "https://s3-accelerate.amazonaws.com", "https://bucket.vpce-1a2b-3c4d.s3.eu-west-1.vpce.amazonaws.com"]
    block("s3", "own", "--credentials", "demo", "--region", "eu-west-1")
    for address in amazon:
        other = block("s3", "other", "--credentials", "demo", "--endpoint", address, "--region", "eu-west-1")
        fails(2, "sync", "s3-bucket/own:a/sub/", other + "a/", "--delete", saying="would be removed with the rest")
        fails(2, "sync", other + "a/sub/", "s3-bucket/own:a/", "--delete", saying="would be removed with the rest")
    block("gcs", "own", "--credentials", "demo")
    for address in ("https://storage.googleapis.com/", "storage.googleapis.com", "https://www.googleapis.com", "https://storage.mtls.googleapis.com:443"):
        other = block("gcs", "other", "--credentials", "demo", "--endpoint", address)
        fails(2, "sync", "gcs-bucket/own:a/sub/", other + "a/", "--delete", saying="would be removed with the rest")
    # Google's buckets speak the protocol of S3, too.
    other = block("s3", "other", "--credentials", "demo", "--endpoint", "https://storage.googleapis.com", "--region", "auto")
    fails(2, "sync", "gcs-bucket/own:a/sub/", other + "a/", "--delete", saying="would be removed with the rest")
    fails(2, "sync", other + "a/", "gcs-bucket/own:a/sub/", saying="lies in the source")


def test_asking():
    """Behind another address: only the objects tell that it is the same bucket."""
    for kind in URLS:
        proxy = Proxy(URLS[kind])
        other = block(kind, "proxied", "--credentials", "demo", "--endpoint", proxy.url)
        refused(kind, f"{kind}-bucket/plain:", other)
        refused(kind, other, f"{kind}-bucket/plain:")
        for folder in ("a", "a/sub"):
            inner = block(kind, "inner", "--credentials", "demo", "--endpoint", proxy.url, "--folder", folder)
            fails(2, "sync", f"{kind}-bucket/plain:", inner, saying=["lies in the source", "both addresses lead to the same bucket"])
            fails(2, "sync", inner, f"{kind}-bucket/plain:", "--delete", saying="would be removed with the rest")
        assert not [r for r in proxy.requests if r.method not in ("GET", "HEAD")], "asking changes nothing"
        # Without --delete nothing is removed, and copying upwards does not feed on itself.
        dowel("sync", other + "a/sub/", f"{kind}-bucket/plain:a/", "--dry-run")


def test_what_is_not_the_same():
    """Buckets, prefixes and services that only look alike."""
    for kind in URLS:
        (GOOGLE.create_bucket if kind == "gcs" else lambda name: AMAZON.create_bucket(Bucket=name))("overlap-2")
        second = block(kind, "second", "--credentials", "demo", "--endpoint", URLS[kind], bucket="overlap-2")
        fill(kind, "overlap-2", {"a/old": b"old", "a/sub/f1": b"1"})
        dowel("sync", f"{kind}-bucket/plain:a/sub/", second + "a/", "--delete")
        assert names(kind, "overlap-2") == {"a/f1", "a/f2"}, names(kind, "overlap-2")
        fill(kind, files={"ab/f1": b"1", "ab/more": b"m"})
        dowel("sync", f"{kind}-bucket/plain:a/sub/", f"{kind}-bucket/plain:ab/", "--delete")
        assert names(kind) == set(FILES) | {"ab/f1", "ab/f2"}, names(kind)
        dowel("rm", "-r", f"{kind}-bucket/plain:ab/")
        dowel("sync", f"{kind}-bucket/plain:a/sub/", f"{kind}-bucket/plain:c/", "--delete")
        dowel("rm", "-r", f"{kind}-bucket/plain:c/")
    dowel("sync", "s3-bucket/plain:a/sub/", "gcs-bucket/plain:a/sub/", "--delete")
    dowel("sync", "gcs-bucket/plain:a/sub/", "s3-bucket/second:a/", "--delete")
    assert names("gcs") == set(FILES)


def test_empty_sources():
    """Of every kind, also one that holds nothing but the empty object that a console leaves for a folder."""
    root = os.path.join(TMP, "empty")
    os.makedirs(root)
    for kind in URLS:
        keep = f"{kind}-bucket/plain:a/"
        sources = [root, f"{kind}-bucket/plain:none/"]
        if kind == "s3":
            AMAZON.put_object(Bucket="overlap", Key="marked/", Body=b"")
            AMAZON.put_object(Bucket="overlap", Key="markers/one/", Body=b"")
            sources += ["s3-bucket/plain:marked/", "s3-bucket/plain:markers/"]
        for source in sources:
            for more in ((), ("--dry-run",)):
                done = run("sync", source, keep, "--delete", *more)
                assert done.returncode == 3 and b"nothing" in done.stderr and not done.stdout, (source, done)
        assert {name for name in FILES if name.startswith("a/")} <= names(kind), names(kind)
        local = os.path.join(TMP, "kept")
        os.makedirs(local, exist_ok=True)
        with open(os.path.join(local, "file"), "w"):
            pass
        for source in sources[1:]:
            fails(3, "sync", source, local, "--delete", saying="nothing")
        assert os.listdir(local) == ["file"]
    # Said on purpose.
    dowel("sync", root, "s3-bucket/plain:a/", "--delete", "--allow-empty")
    dowel("sync", "gcs-bucket/plain:none/", "gcs-bucket/plain:a/", "--delete", "--allow-empty")
    assert not {name for kind in URLS for name in names(kind) if name.startswith("a/")}, (names("s3"), names("gcs"))


if __name__ == "__main__":
    main(globals())
