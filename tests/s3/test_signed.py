"""URLs and forms that dowel signs, used by others: what they allow is done, what was changed or has expired is refused."""
import base64
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from target import AMAZON, NAME, URL, block  # noqa: E402

from command import call, dowel, fails, main  # noqa: E402

BUCKET = "dowel-signed"
FILENAME = "${filename}" if NAME == "versitygw" else "cat.jpg"  # which it keeps as it is
CHECKS_FORMS = NAME != "localstack"  # which looks at conditions and times of forms only


def test_prepare():
    block("signed", BUCKET)
    block("folder", BUCKET, "--folder", "in box", make=False)


def fetch(method, url, data=None, headers=None):
    request = urllib.request.Request(url, data, {"Content-Type": "", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def signed(method, key, *words, bucket="signed"):
    return call("s3.presign", "--bucket", bucket, "--method", method, "--key", key, *words)["url"]


def there(key):
    try:
        return AMAZON.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except AMAZON.exceptions.ClientError:
        return None


def changed(url, name, value):
    """The URL with another value of a parameter."""
    new, count = re.subn(f"({name}=)[^&]*", lambda m: m[1] + urllib.parse.quote(value, safe=""), url)
    assert count == 1, url
    return new


def refused_when_expired(send):
    """It is good at first or already expired; in the end it is refused."""
    deadline = time.monotonic() + 20
    while (status := send()) != 403:
        assert status in (200, 204) and time.monotonic() < deadline, status
        time.sleep(0.2)


def test_urls_do_what_they_say():
    for key in ("plain.txt", "signed/with space+plus%41.txt", "übung/日本語", "a=b&c?d#e"):
        assert fetch("PUT", signed("PUT", key), b"signed")[0] == 200
        assert there(key) == b"signed"
        assert fetch("GET", signed("GET", key)) == (200, b"signed")
        assert fetch("HEAD", signed("HEAD", key)) == (200, b"")
        assert fetch("DELETE", signed("DELETE", key))[0] == 204
        assert there(key) is None and fetch("GET", signed("GET", key))[0] == 404
    assert fetch("PUT", signed("PUT", "a b", bucket="folder"), b"inside")[0] == 200
    assert there("in box/a b") == b"inside"


def test_the_command_for_people():
    place, endpoint = f"s3://{BUCKET}/short", ["--credentials", "demo", "--endpoint", URL]
    url = dowel("presign", place, "--method", "PUT", "--content-type", "text/csv", *endpoint).strip()
    assert fetch("PUT", url, b"1,2", {"Content-Type": "text/html"})[0] == 403
    assert fetch("PUT", url, b"1,2", {"Content-Type": "text/csv"})[0] == 200
    assert AMAZON.head_object(Bucket=BUCKET, Key="short")["ContentType"] == "text/csv"
    url = dowel("presign", place, *endpoint, "--expires", "5m").strip()
    assert "X-Amz-Expires=300" in url and fetch("GET", url) == (200, b"1,2")
    assert fetch("HEAD", dowel("presign", place, "--method", "HEAD", *endpoint).strip())[0] == 200
    assert fetch("DELETE", dowel("presign", place, "--method", "DELETE", *endpoint).strip())[0] == 204
    assert there("short") is None


def test_headers_and_parameters_are_part_of_it():
    url = signed("PUT", "typed", "--headers", "content-type=text/csv", "--headers", "x-amz-meta-colour=blue")
    sent = {"Content-Type": "text/csv", "x-amz-meta-colour": "blue"}
    assert fetch("PUT", url, b"1,2", {**sent, "x-amz-meta-colour": "red"})[0] == 403
    assert fetch("PUT", url, b"1,2", {"Content-Type": "text/csv"})[0] in (400, 403)
    assert fetch("PUT", url, b"1,2", sent)[0] == 200
    assert AMAZON.head_object(Bucket=BUCKET, Key="typed")["Metadata"] == {"colour": "blue"}
    url = signed("GET", "typed", "--query", "response-content-type=text/plain")
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "text/plain"
    assert fetch("GET", url.replace("text%2Fplain", "text%2Fhtml"))[0] == 403


def test_what_was_changed_is_refused():
    AMAZON.put_object(Bucket=BUCKET, Key="kept", Body=b"kept")
    AMAZON.put_object(Bucket=BUCKET, Key="other", Body=b"other")
    url = signed("GET", "kept")
    assert fetch("GET", url) == (200, b"kept")
    last = url[-1]
    for bad in (url[:-1] + ("0" if last != "0" else "1"), url.replace("/kept?", "/other?"), changed(url, "X-Amz-Expires", "86400"),
                changed(url, "X-Amz-Date", "20300101T000000Z"),
                re.sub("&X-Amz-Signature=.*", "", url) + "&X-Amz-Signature=" + "0" * 64):
        assert fetch("GET", bad)[0] in (400, 403), bad
    for method in ("PUT", "DELETE"):
        assert fetch(method, url, b"x" if method == "PUT" else None)[0] == 403, method
    assert (there("kept"), there("other")) == (b"kept", b"other")
    assert fetch("PUT", signed("PUT", "kept").replace("/kept?", "/other?"), b"new")[0] == 403
    assert there("other") == b"other"


def test_what_has_expired_is_refused():
    get, put = signed("GET", "kept", "--expires", "1s"), signed("PUT", "late", "--expires", "1s")
    refused_when_expired(lambda: fetch("GET", get)[0])
    refused_when_expired(lambda: fetch("PUT", put, b"late")[0])
    fails(2, "call", "s3.presign", "--bucket", "signed", "--key", "x", "--expires", "8d", saying="expires")


# ---- forms ----

def form(key, *words, bucket="signed"):
    return call("s3.presign_post", "--bucket", bucket, "--key", key, *words)


def post(form, data, name="cat.jpg", drop=(), **fields):
    """As a browser sends it: the file comes last."""
    boundary, body = uuid.uuid4().hex, b""
    for field, value in {**form["fields"], **fields}.items():
        if field not in drop:
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    body += (f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
             ).encode() + data + f"\r\n--{boundary}--\r\n".encode()
    return fetch("POST", form["url"], body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def test_forms_do_what_they_say():
    made = form("inbox/photo + 1.jpg", "--fields", "Content-Type=image/jpeg", "--fields", "x-amz-meta-colour=blue", "--fields",
                "success_action_status=201", "--conditions", '[["content-length-range", 1, 1000]]')
    done = post(made, b"a photo")
    assert done[0] == 201 and b"inbox/photo" in done[1], done
    assert there("inbox/photo + 1.jpg") == b"a photo"
    head = AMAZON.head_object(Bucket=BUCKET, Key="inbox/photo + 1.jpg")
    assert (head["ContentType"], head["Metadata"]) == ("image/jpeg", {"colour": "blue"}), head
    done = post(form("upload/${filename}"), b"named")
    assert done[0] == 204 and there(f"upload/{FILENAME}") == b"named", done
    done = post(form("b.txt", bucket="folder"), b"in the folder")
    assert done[0] == 204 and there("in box/b.txt") == b"in the folder", done


def test_forms_refuse_the_rest():
    made = form("limited/${filename}", "--fields", "Content-Type=image/jpeg", "--conditions", '[["content-length-range", 2, 10]]')
    for data, fields, wanted in ((b"x" * 11, {}, 400), (b"x", {}, 400), (b"xxx", {"key": "elsewhere/cat.jpg"}, 403),
                                 (b"xxx", {"key": "limite"}, 403), (b"xxx", {"Content-Type": "text/html"}, 403),
                                 (b"xxx", {"x-amz-meta-extra": "1"}, 403), (b"xxx", {"acl": "public-read"}, 403)):
        if not CHECKS_FORMS and not made["fields"].keys() >= fields.keys():
            continue
        done = post(made, data, **fields)
        assert done[0] == wanted, (fields, done)
    assert post(made, b"xxx", drop=("Content-Type",))[0] == 403
    policy = json.loads(base64.b64decode(made["fields"]["policy"]))
    policy["conditions"] = [c for c in policy["conditions"] if "content-length-range" not in c]
    if CHECKS_FORMS:
        assert post(made, b"x" * 11, policy=base64.b64encode(json.dumps(policy).encode()).decode())[0] == 403
        assert post(made, b"xxx", **{"x-amz-signature": "0" * 64})[0] == 403
        assert post(made, b"xxx", drop=("x-amz-signature",))[0] in (400, 403)
    late = form("late.txt", "--expires", "1s")
    refused_when_expired(lambda: post(late, b"late")[0])
    assert not AMAZON.list_objects_v2(Bucket=BUCKET, Prefix="limited/").get("Contents")
    assert there("limite") is None and there("elsewhere/cat.jpg") is None
    assert post(made, b"xxx")[0] == 204
    assert [o["Key"] for o in AMAZON.list_objects_v2(Bucket=BUCKET, Prefix="limited/")["Contents"]] == [f"limited/{FILENAME}"]


main(globals())
