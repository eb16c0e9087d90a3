"""What goes along with an object, from cloud to cloud: metadata is Unicode to Cloud Storage and RFC 2047 to S3. What cannot be carried is named and
counted, and the object is copied. The services' own clients write and read. The first argument names the server of S3."""
import email.header
import json
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, call, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ.get("DOWEL_TEST_TESTBENCH_URL") or os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
GCS, S3 = Proxy(GCS_URL), Proxy(S3_URL)
HARD = {"umlauts": "Grüße aus Köln", "emoji": "🧱" * 40, "latin": "ÿþ", "blanks": "  in front and behind ", "blank": " ", "tab": "a\tb",
        "literal": "=?UTF-8?Q?gro=C3=9F?=", "half": "=?UTF-8?Q?", "mixed": "x =?UTF-8?B?eA==?= ü =?UTF-8?B?eA==?= y", "plain": "a, b; c=\"d\" % + é"[:-1],
        "signs": "%C3%BC+&=;?#/\\", "kana": "日本語"}


def test_prepare():
    GOOGLE.create_bucket("described")
    AMAZON.create_bucket(Bucket="described")
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    dowel("block", "save", "gcs-bucket/g", "--bucket", "described", "--credentials", "demo", "--endpoint", GCS.url)
    dowel("block", "save", "s3-bucket/s", "--bucket", "described", "--credentials", "demo", "--endpoint", S3.url)


def of_google(name):
    blob = GOOGLE.bucket("described").get_blob(name)
    return {k: v for k, v in (blob.metadata or {}).items() if k not in ("mtime", "goog-reserved-file-mtime") and not k.startswith("x_")}


def of_amazon(key):
    """As Python's own reader of RFC 2047 reads them."""
    values = AMAZON.head_object(Bucket="described", Key=key)["Metadata"]
    return {k.lower(): "".join(part.decode(charset or "ascii") if isinstance(part, bytes) else part
                               for part, charset in email.header.decode_header(v)) if v.startswith("=?") else v
            for k, v in values.items() if k.lower() != "mtime" and not k.startswith("x_")}


def in_google(name, metadata, content=b"content"):
    blob = GOOGLE.bucket("described").blob(name)
    blob.metadata = metadata
    blob.upload_from_string(content, content_type="text/plain", retry=None)
    return blob


def lines(*words, code=0):
    done = run(*words, "--json")
    assert done.returncode == code, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_around():
    """From Cloud Storage to S3, and back: every value comes back as it was."""
    in_google("hard", HARD)
    last = lines("cp", "gcs-bucket/g:hard", "s3-bucket/s:hard")[-1]
    assert last["copied"] == 1 and "incomplete" not in last, last
    assert of_amazon("hard") == HARD, of_amazon("hard")
    assert {k: v for k, v in call("s3.head", "--bucket", "s", "--key", "hard")["metadata"].items() if k != "mtime" and not k.startswith("x_")} == HARD
    assert "incomplete" not in lines("cp", "s3-bucket/s:hard", "gcs-bucket/g:back")[-1]
    assert of_google("back") == HARD, of_google("back")
    dowel("cp", "s3-bucket/s:hard", "s3-bucket/s:within")
    dowel("call", "s3.copy", "--bucket", "s", "--key", "hard", "--to-key", "parts", "--multipart-threshold", "1", "--part-size", "5MiB")
    assert of_amazon("within") == HARD and of_amazon("parts") == HARD
    dowel("cp", "gcs-bucket/g:back", "gcs-bucket/g:within")
    assert of_google("within") == HARD
    dowel("cp", "-r", "gcs-bucket/g:", "s3-bucket/s:tree/", "--include", "hard")
    assert of_amazon("tree/hard") == HARD


def test_in_parts():
    """The metadata of a multipart upload is said when it starts."""
    in_google("large", HARD, os.urandom(9 << 20))
    dowel("cp", "gcs-bucket/g:large", "s3-bucket/s:large")
    assert of_amazon("large") == HARD


def test_of_the_task():
    words = [word for name, value in HARD.items() for word in ("--metadata", f"{name}={value}")]
    dowel("call", "s3.put", "--bucket", "s", "--data", "x", "--key", "put", *words)
    assert of_amazon("put") == HARD
    for wrong, says in ((("Ключ=x",), "Ключ"), (("a b=x",), "a b"), (("a=x\ny",), "control characters"), (("a=1", "A=2"), "twice")):
        words = [word for pair in wrong for word in ("--metadata", pair)]
        fails(2, "call", "s3.put", "--bucket", "s", "--data", "x", "--key", "wrong", *words, saying=("metadata", says))
        done = run("cp", "gcs-bucket/g:hard", "s3-bucket/s:wrong", *words)  # said by the caller: not left out
        assert done.returncode and says.encode() in done.stderr, done
    assert "wrong" not in [entry["Key"] for entry in AMAZON.list_objects_v2(Bucket="described")["Contents"]]


def test_what_others_wrote():
    """Encoded words of other programs, and bytes of ISO-8859-1 that have no encoding at all."""
    AMAZON.put_object(Bucket="described", Key="foreign", Body=b"content", Metadata={"b": "=?UTF-8?B?R3LDvMOfZSBhdXMgS8O2bG4=?=", "q": "=?utf-8?Q?gro=C3=9F.jpg?=",
                      "l": "=?ISO-8859-1?Q?gro=DF?=", "two": "=?UTF-8?Q?Gr=C3=BC=C3?= =?UTF-8?Q?=9Fe?=", "other": "=?KOI8-R?Q?=C1?="})
    S3.reset(lambda r: {"says": {"x-amz-meta-raw": "gro\xdf", "Content-Disposition": "attachment; filename=gro\xdf", "x-amz-missing-meta": "2"}}
             if r.method == "HEAD" else None)
    events = lines("cp", "s3-bucket/s:foreign", "gcs-bucket/g:foreign")
    S3.reset()
    assert of_google("foreign") == {"b": "Grüße aus Köln", "q": "groß.jpg", "l": "groß", "two": "Grüße", "other": "=?KOI8-R?Q?=C1?=", "raw": "groß"}
    assert GOOGLE.bucket("described").get_blob("foreign").content_disposition == "attachment; filename=groß"
    assert events[-1]["incomplete"] == 1 and any(e["event"] == "incomplete" and "x-amz-missing-meta: 2" in e["why"] for e in events), events


def test_what_cannot_be_carried():
    """Named one by one, counted by the object; the objects are copied, with all the rest."""
    blob = in_google("odd/1", {"Ключ": "значение", "two words": "x", "": "empty", "fine": "ü", "lines": "a\nb", "Title": "T", "title": "t"})
    blob.content_disposition = "attachment; filename=groß"
    blob.cache_control = "no-store"
    blob.patch()
    in_google("odd/2", {"long": "x" * 1500, "short": "y" * 200, "middle": "ü" * 400, "last": "z"})
    in_google("odd/3", {"fine": "all"})
    in_google("odd/4", {"mtime": "yesterday", "dowel-run": "mine"})
    for command in ("cp", "sync"):
        events = lines(*([command, "-r"] if command == "cp" else [command]), "gcs-bucket/g:odd/", f"s3-bucket/s:{command}/")
        assert (events[-1]["copied"], events[-1]["incomplete"]) == (4, 3), events
        named = {(e["name"].rpartition("/")[2], e["why"].partition(":")[0]) for e in events if e["event"] == "incomplete"}
        assert {("1", "metadata.Ключ"), ("1", "metadata.two words"), ("1", "metadata.lines"), ("1", "content_disposition"), ("2", "metadata.long"),
                ("4", "metadata.mtime")} <= named, named
        assert ("1", "metadata.Title") in named or ("1", "metadata.title") in named
        first = of_amazon(f"{command}/1")
        assert first["fine"] == "ü" and first["title"] in "tT" and set(first) == {"fine", "title"}, first
        assert AMAZON.head_object(Bucket="described", Key=f"{command}/1")["CacheControl"] == "no-store"
        assert of_amazon(f"{command}/2") == {"short": "y" * 200, "middle": "ü" * 400, "last": "z"}
        assert of_amazon(f"{command}/3") == {"fine": "all"}
        assert all(AMAZON.get_object(Bucket="described", Key=f"{command}/{n}")["Body"].read() == b"content" for n in "1234")
    done = run("cp", "gcs-bucket/g:odd/1", "s3-bucket/s:alone")
    assert done.returncode == 0 and "metadata.Ключ" in done.stderr.decode(), done
    assert "3 incomplete" in dowel("cp", "-r", "gcs-bucket/g:odd/", "s3-bucket/s:again/")


def test_one_that_is_refused_counts_as_failed():
    S3.reset(lambda r: {"answer": (403, [], b"<Error><Code>AccessDenied</Code></Error>")} if r.method == "PUT" and r.path.startswith("/described/no/1") else None)
    events = lines("cp", "-r", "gcs-bucket/g:odd/", "s3-bucket/s:no/", code=4)
    S3.reset()
    assert not [e for e in events if e["event"] == "incomplete" and e["name"].endswith("/1")], events


if __name__ == "__main__":
    main(globals())
