"""Signed URLs and forms: the same, byte for byte, as Google's own library makes with the same key at the same time; and a server takes
what is sent with them."""
import base64
import datetime
import hashlib
import json
import os
import sys
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.cloud.storage import _signing
from google.oauth2 import service_account

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import call, dowel, fails, main  # noqa: E402

URL = os.environ["DOWEL_TEST_GCS_URL"]
KEY = os.path.join(os.environ["DOWEL_TEST_OAUTH_KEYS"], "service-account.json")
ROBOT = service_account.Credentials.from_service_account_file(KEY)
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
NAMES = ["plain.txt", "a b/ü.csv", "a//b", "100%/+&=?#", "~tilde'\"*()!", "/begins", "ends/"]


def query(url):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


def googles(made, name, host="https://storage.googleapis.com", bucket="/signed", **more):
    """What Google's library makes, at the time of what dowel made."""
    asked = query(made["url"])
    resource = bucket + ("/" + urllib.parse.quote(name, safe=b"/~") if name is not None else "")
    return _signing.generate_signed_url_v4(
        ROBOT, resource, datetime.timedelta(seconds=int(asked["X-Goog-Expires"])), api_access_endpoint=host,
        _request_timestamp=asked["X-Goog-Date"], method=made["method"], **more)


def test_prepare():
    dowel("block", "save", "gcp-credentials/robot", "--service-account-file", KEY)
    dowel("block", "save", "gcs-bucket/signed", "--bucket", "signed", "--credentials", "robot", "--endpoint",
          "https://storage.googleapis.com")
    dowel("block", "save", "gcs-bucket/here", "--bucket", "signed", "--credentials", "robot", "--endpoint", URL)
    dowel("block", "save", "gcp-credentials/nobody", "--anonymous")
    dowel("block", "save", "gcs-bucket/unsigned", "--bucket", "signed", "--credentials", "nobody", "--endpoint", URL)
    GOOGLE.create_bucket("signed")


def test_like_googles_own():
    for name in NAMES:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            made = call("gcs.presign", "--bucket", "signed", "--name", name, "--method", method)
            assert made["url"] == googles(made, name), (made["url"], googles(made, name))
    made = call("gcs.presign", "--bucket", "signed", "--name", "typed", "--method", "PUT", "--expires", "7d", "--headers",
                "Content-Type=text/plain", "--headers", "X-Goog-Meta-Owner= two   words ", "--query", "userProject=payer", "--query",
                "response-content-type=a/b")
    assert made["url"] == googles(made, "typed", headers={"Content-Type": "text/plain", "X-Goog-Meta-Owner": "two words"},
                                  query_parameters={"userProject": "payer", "response-content-type": "a/b"})
    assert query(made["url"])["X-Goog-Expires"] == "604800"
    made = call("gcs.presign", "--bucket", "signed", "--name", "resumed", "--method", "RESUMABLE")
    assert made["method"] == "POST" and made["headers"] == {"x-goog-resumable": "start"}, made
    assert made["url"] == googles(made, "resumed", headers={"x-goog-resumable": "start"})
    made = call("gcs.presign", "--bucket", "signed", "--name", "v", "--style", "virtual-hosted")
    assert made["url"] == googles(made, "v", host="https://signed.storage.googleapis.com", bucket="")
    made = call("gcs.presign", "--bucket", "signed", "--name", "b", "--style", "bucket-bound", "--host", "cdn.example.com")
    assert made["url"] == googles(made, "b", host="https://cdn.example.com", bucket="")
    made = call("gcs.presign", "--bucket", "signed")
    assert made["url"] == googles(made, None)


def test_a_server_takes_them():
    put = call("gcs.presign", "--bucket", "here", "--name", "by url.txt", "--method", "PUT")
    urllib.request.urlopen(urllib.request.Request(put["url"], b"content", put["headers"], method="PUT")).read()
    assert GOOGLE.bucket("signed").blob("by url.txt").download_as_bytes() == b"content"
    get = call("gcs.presign", "--bucket", "here", "--name", "by url.txt")
    assert urllib.request.urlopen(get["url"]).read() == b"content"


def test_forms():
    made = call("gcs.presign_post", "--bucket", "signed", "--name", "inbox/ü.txt", "--fields", "content-type=text/plain",
                "--fields", "x-ignore-note=mine", "--fields", "acl=private", "--conditions",
                '[["content-length-range", 1, 100], ["starts-with", "$x-goog-meta-by", ""]]', "--expires", "10m")
    fields = made["fields"]
    key = serialization.load_pem_private_key(json.load(open(KEY))["private_key"].encode(), None).public_key()
    key.verify(bytes.fromhex(fields["x-goog-signature"]), fields["policy"].encode(), padding.PKCS1v15(), hashes.SHA256())
    assert made["url"] == "https://storage.googleapis.com/signed/", made
    assert fields["key"] == "inbox/ü.txt" and fields["x-ignore-note"] == "mine" and fields["acl"] == "private", fields
    policy = json.loads(base64.b64decode(fields["policy"]))
    scope = f"{ROBOT.service_account_email}/{fields['x-goog-date'][:8]}/auto/storage/goog4_request"
    assert policy["conditions"] == [
        ["content-length-range", 1, 100], ["starts-with", "$x-goog-meta-by", ""], {"acl": "private"}, {"content-type": "text/plain"},
        {"bucket": "signed"}, {"key": "inbox/ü.txt"}, {"x-goog-date": fields["x-goog-date"]}, {"x-goog-credential": scope},
        {"x-goog-algorithm": "GOOG4-RSA-SHA256"}], policy
    end = datetime.datetime.fromisoformat(policy["expiration"])
    assert end - datetime.datetime.strptime(fields["x-goog-date"] + "+0000", "%Y%m%dT%H%M%SZ%z") == datetime.timedelta(minutes=10)
    assert datetime.datetime.fromisoformat(made["expires"]) == end


def oauth(path, body=None):
    request = urllib.request.Request(os.environ["DOWEL_TEST_OAUTH_URL"] + path, None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def test_signed_by_iam():
    """Where there is no key, IAM signs, once."""
    dowel("block", "save", "gcp-credentials/acting", "--service-account-file",
          os.path.join(os.environ["DOWEL_TEST_OAUTH_KEYS"], "impersonated.json"))
    dowel("block", "save", "gcs-bucket/acting", "--bucket", "signed", "--credentials", "acting")
    oauth("/admin/reset", {})
    made = call("gcs.presign", "--bucket", "acting", "--name", "a/b", "--method", "PUT")
    asked = query(made["url"])
    signer = asked["X-Goog-Credential"].split("/")[0]
    signed = [s for s in oauth("/admin/stats")["seen"] if "signBlob" in json.dumps(s)]
    assert len(signed) == 1, signed
    # What the account signed is what Google's library would have it sign.
    class Account:
        signer_email = signer

        @staticmethod
        def sign_bytes(data):
            Account.data = data
            return bytes.fromhex(asked["X-Goog-Signature"])

    _signing.ensure_signed_credentials = lambda credentials: None
    url = _signing.generate_signed_url_v4(Account, "/signed/a/b", datetime.timedelta(seconds=3600), method="PUT",
                                          api_access_endpoint="https://storage.googleapis.com", _request_timestamp=asked["X-Goog-Date"])
    assert url == made["url"], (url, made["url"])
    assert oauth("/admin/verify", {"email": signer, "data": base64.b64encode(Account.data).decode(),
                                   "signature": base64.b64encode(bytes.fromhex(asked["X-Goog-Signature"])).decode()})["good"] is True


def neutral(place, *words, method="GET"):
    """`dowel presign`, in the form in which gcs.presign tells it."""
    url = dowel("presign", place, *words, *([] if method == "GET" else ["--method", method])).rstrip("\n")
    assert json.loads(dowel("presign", place, *words, "--json")).keys() == {"url"}
    return {"url": url, "method": method}


def test_in_neutral_words():
    for place, words in (("gcs-bucket/signed:", []), ("gs://signed/", ["--credentials", "robot"]),
                         ("gs://signed/", ["--credentials", "gcp-credentials/robot", "--endpoint", "https://storage.googleapis.com"])):
        for name in NAMES[:5] if words == [] else NAMES[1:2]:  # a name that ends with a slash is a folder here
            for method in ("GET", "PUT", "DELETE", "HEAD"):
                made = neutral(place + name, *words, method=method)
                assert made["url"] == googles(made, name), (made["url"], googles(made, name))
                assert query(made["url"])["X-Goog-Expires"] == "3600"
        made = neutral(place + "typed", *words, "--content-type", "text/csv", "--expires", "7d", method="PUT")
        assert made["url"] == googles(made, "typed", headers={"content-type": "text/csv"}), made
        assert query(made["url"])["X-Goog-Expires"] == "604800" and query(made["url"])["X-Goog-SignedHeaders"] == "content-type;host"
        assert query(neutral(place + "x", *words, "--expires", "1s")["url"])["X-Goog-Expires"] == "1"
        for expires in ("7d1s", "604801", "0", "0.5s", "-1h"):
            fails(2, "presign", place + "x", *words, "--expires", expires, saying="expires")
        fails(2, "presign", place + "folder/", *words, saying="folder")
        fails(2, "presign", place, *words, saying="folder")


def test_in_neutral_words_signed_by_iam():
    oauth("/admin/reset", {})
    url = dowel("presign", "gs://signed/a/b", "--credentials", "acting", "--method", "PUT", "--expires", "10m").strip()
    asked = query(url)
    assert len([s for s in oauth("/admin/stats")["seen"] if "signBlob" in json.dumps(s)]) == 1
    canonical = "\n".join(["PUT", "/signed/a/b", url.partition("?")[2].rpartition("&X-Goog-Signature=")[0], "host:storage.googleapis.com", "", "host",
                           "UNSIGNED-PAYLOAD"])
    text = "\n".join(["GOOG4-RSA-SHA256", asked["X-Goog-Date"], asked["X-Goog-Credential"].partition("/")[2],
                      hashlib.sha256(canonical.encode()).hexdigest()])
    assert oauth("/admin/verify", {"email": asked["X-Goog-Credential"].split("/")[0], "data": base64.b64encode(text.encode()).decode(),
                                   "signature": base64.b64encode(bytes.fromhex(asked["X-Goog-Signature"])).decode()})["good"] is True


def test_a_server_takes_those_too():
    url = dowel("presign", "gcs-bucket/here:by/neutral", "--method", "PUT").strip()
    urllib.request.urlopen(urllib.request.Request(url, b"content", method="PUT")).read()
    assert urllib.request.urlopen(dowel("presign", "gcs-bucket/here:by/neutral").strip()).read() == b"content"


def test_who_pays_and_keys_of_ones_own():
    dowel("block", "save", "gcs-bucket/paid", "--bucket", "signed", "--credentials", "robot", "--endpoint", "https://storage.googleapis.com",
          "--user-project", "payer")
    made = neutral("gcs-bucket/paid:x")
    assert made["url"] == googles(made, "x", query_parameters={"userProject": "payer"}), made
    made = call("gcs.presign", "--bucket", "paid", "--name", "x", "--query", "userProject=other")
    assert made["url"] == googles(made, "x", query_parameters={"userProject": "other"}), made
    dowel("block", "save", "gcs-bucket/keyed", "--bucket", "signed", "--credentials", "robot", "--endpoint", "https://storage.googleapis.com",
          "--encryption-key", "env:OWN_KEY", env={"OWN_KEY": base64.b64encode(b"k" * 32).decode()})
    fails(2, "presign", "gcs-bucket/keyed:x", saying=["customer-supplied encryption key", "x-goog-encryption-key"])


def test_refused():
    where = ["call", "gcs.presign", "--bucket", "signed", "--name", "x"]
    fails(2, *where, "--expires", "8d", saying='"expires"')
    fails(2, *where, "--method", "PATCH", saying='"method"')
    fails(2, *where, "--style", "bucket-bound", saying='"host" is required')
    fails(2, *where, "--host", "example.com", saying='"host"')
    fails(2, *where, "--headers", "a b=c", saying="not a valid HTTP header")
    fails(2, *where, "--query", "X-Goog-Signature=00", saying="X-Goog-Signature")
    fails(2, "call", "gcs.presign_post", "--bucket", "signed", "--name", "x", "--fields", "key=other", saying="fields.key")
    fails(2, "call", "gcs.presign_post", "--bucket", "signed", "--name", "x", "--conditions", '["x"]', saying="conditions[0]")
    fails(4, "call", "gcs.presign", "--bucket", "unsigned", "--name", "x", saying="cannot sign")


main(globals())
