"""Listings that break off, lie or are out of order: never is anything removed, or left out in silence, because of them. What the services answer
is made up here, as directory buckets, gateways and proxies that break a connection have answered."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..")]
from command import TMP, dowel, fails, main, run  # noqa: E402
from proxy import Proxy  # noqa: E402

S3, GCS = Proxy("http://127.0.0.1:1"), Proxy("http://127.0.0.1:1")  # nothing is passed on
NAMES = [f"n{i}" for i in range(6)]
ROOT = os.path.join(TMP, "root")


def xml(names, more="", root="ListBucketResult"):
    entries = "".join(f"<Contents><Key>{name}</Key><Size>1</Size><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>" for name in names)
    truncated = "true" if more else "false"
    return 200, [("Content-Type", "application/xml")], f"<{root}>{entries}<IsTruncated>{truncated}</IsTruncated>{more}</{root}>".encode()


def page(names, **more):
    items = [{"name": name, "size": "1", "generation": "1", "timeCreated": "2026-01-01T00:00:00Z"} for name in names]
    return 200, [("Content-Type", "application/json")], json.dumps({"items": items, **more}).encode()


def token(text):
    return f"<NextContinuationToken>{text}</NextContinuationToken>"


BROKEN, REFUSED = (500, [], b""), (403, [], b"{}")
PAGES = {
    S3: {"out of order": [xml(["n2", "n1"])],
         "out of order on another page": [xml(["n0", "n3"], token("t")), xml(["n1", "n4"])],
         "twice": [xml(["n1", "n1"])],
         "no way on": [xml(["n0"], " ")],
         "the same page again": [xml(["n0"], token("t")), xml(["n1"], token("t")), xml(["n2"], token("t"))],
         "in a circle": [xml([], token("t")), xml([], token("u")), xml([], token("v"))] * 50,
         "cut short": [(200, [], xml(["n0", "n1", "n2"])[2][:-60])],
         "more that is not called so": [(200, [], b"<ListBucketResult><NextContinuationToken>t</NextContinuationToken></ListBucketResult>")],
         "a page of a portal": [xml(["n0"], token("t")), (200, [("Content-Type", "text/html")], b"<html><body>Sign in</body></html>")],
         "nothing": [xml(["n0"], token("t")), (200, [], b"")],
         "an error with 200": [xml(["n0"], token("t")), (200, [], b"<Error><Code>InternalError</Code></Error>")],
         "a failure midway": [xml(["n0"], token("t")), BROKEN],
         "no name": [xml(["n0"], token("t")), (200, [], b"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>")]},
    GCS: {"out of order": [page(["n2", "n1"])],
          "out of order on another page": [page(["n0", "n3"], nextPageToken="t"), page(["n1", "n4"])],
          "twice": [page(["n1", "n1"])],
          "the same page again": [page(["n0"], nextPageToken="t"), page(["n1"], nextPageToken="t"), page(["n2"], nextPageToken="t")],
          "in a circle": [page([], nextPageToken="t"), page([], nextPageToken="u"), page([], nextPageToken="v")] * 50,
          "no way on": [page(["n0"], nextPageToken=7)],
          "no list": [page(["n0"], nextPageToken="t"), (200, [], b'{"items": {"0": {"name": "n1"}}}')],
          "no list of prefixes": [page(["n0"], nextPageToken="t"), (200, [], b'{"prefixes": "n1"}')],
          "cut short": [page(["n0"])[:2] + (page(["n0", "n1", "n2"])[2][:-6],)],
          "a page of a portal": [page(["n0"], nextPageToken="t"), (200, [("Content-Type", "text/html")], b"<html><body>Sign in</body></html>")],
          "nothing": [page(["n0"], nextPageToken="t"), (200, [], b"")],
          "no object": [page(["n0"], nextPageToken="t"), (200, [], b"[]")],
          "an error with 200": [page(["n0"], nextPageToken="t"), (200, [], b'{"error": {"code": 500, "message": "internal"}}')],
          "a failure midway": [page(["n0"], nextPageToken="t"), REFUSED],
          "no name": [page(["n0"], nextPageToken="t"), (200, [], b'{"items": [{"size": "1"}]}')]}}
HINTS = {"out of order": "copy instead", "twice": "copy instead"}


def answers(pages):
    """Listings get the pages in turn, the last one again and again; objects are there; whatever is removed is counted."""
    left = list(pages)

    def rule(request):
        if request.method == "GET" and ("list-type" in request.path or "maxResults" in request.path):
            return {"answer": left.pop(0) if len(left) > 1 else left[0]}
        if request.method in ("GET", "HEAD"):
            return {"answer": (200, [("x-goog-generation", "1"), ("ETag", '"e"')], b"x")}
        if request.method == "PUT" or "/upload/" in request.path:
            return {"answer": (200, [("ETag", '"e"')], b'{"name": "n", "generation": "1", "size": "1"}')}
        return {"answer": (204, [], b"")}

    return rule


def removals(proxy):
    return [r for r in proxy.requests if r.method == "DELETE" or "/batch/" in r.path or (r.method == "POST" and "delete" in r.path)]


def fill():
    os.makedirs(ROOT, exist_ok=True)
    for name in NAMES:
        with open(os.path.join(ROOT, name), "wb") as file:
            file.write(b"y")
        os.utime(os.path.join(ROOT, name), (1, 1))


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--anonymous", "--region", "us-east-1")
    for kind, proxy, who in (("s3", S3, "demo"), ("gcs", GCS, "demo")):
        dowel("block", "save", f"{kind}-bucket/b", "--bucket", "bucket", "--credentials", who, "--endpoint", proxy.url)


def places():
    for proxy, place in ((S3, "s3-bucket/b:"), (GCS, "gcs-bucket/b:")):
        for what, pages in PAGES[proxy].items():
            yield proxy, place, what, pages


ONCE = {"AWS_MAX_ATTEMPTS": "1"}


def test_nothing_is_removed_here():
    for proxy, place, what, pages in places():
        fill()
        proxy.reset(answers(pages))
        done = run("sync", place, ROOT, "--delete", env=ONCE)
        said = done.stderr.decode()
        assert done.returncode not in (0, 2) and HINTS.get(what, "") in said, (place, what, done.returncode, said)
        assert set(os.listdir(ROOT)) == set(NAMES), (place, what, os.listdir(ROOT), said)


def test_nothing_is_removed_there():
    for proxy, place, what, pages in places():
        fill()
        for name in NAMES[1:]:
            os.remove(os.path.join(ROOT, name))
        proxy.reset(answers(pages))
        done = run("sync", ROOT, place, "--delete", env=ONCE)
        assert done.returncode not in (0, 2), (place, what, done.returncode, done.stderr)
        assert not removals(proxy), (place, what, removals(proxy))


def test_copying_and_listing_say_so():
    for proxy, place, what, pages in places():
        if what.startswith("out of order") or what == "twice":
            continue  # which do no harm there
        for words in (("cp", "-r", place, os.path.join(TMP, "copy")), ("ls", "-r", place)):
            proxy.reset(answers(pages))
            done = run(*words, env=ONCE)
            assert done.returncode not in (0, 2), (words, what, done.returncode, done.stderr)
            assert len(proxy.requests) < 50, (words, what, len(proxy.requests))


def test_nothing_beside_the_folder():
    """A server that does not look at the prefix: what it tells of is not touched."""
    fill()
    for proxy, kind, pages in ((S3, "s3", [xml(["base/n0", "n1"])]), (GCS, "gcs", [page(["base/n0", "n1"])])):
        dowel("block", "save", f"{kind}-bucket/folder", "--bucket", "bucket", "--folder", "base", "--credentials", "demo", "--endpoint", proxy.url)
        for place in (f"{kind}-bucket/b:base/", f"{kind}-bucket/folder:"):
            for words in (("sync", ROOT, place, "--delete"), ("sync", place, ROOT, "--delete"), ("rm", "-r", place)):
                proxy.reset(answers(pages))
                fails(1, *words, env=ONCE, saying="outside the requested prefix")
                assert not [r for r in removals(proxy) if "n1" in r.path or b"n1" in r.body] and set(os.listdir(ROOT)) == set(NAMES), words


def test_out_of_order_is_copied():
    for proxy, place, pages in ((S3, "s3-bucket/b:", [xml(["n2", "n1"])]), (GCS, "gcs-bucket/b:", [page(["n2", "n1"])])):
        proxy.reset(answers(pages))
        assert sorted(dowel("ls", "-r", place).split()) == ["n1", "n2"]
        said = fails(1, "sync", place, ROOT, "--delete", saying=["n1 after", "n2", "which is not byte order", "copy instead"])
        assert "bucket" in said or "gcs-bucket/b" in said or "s3-bucket/b" in said


main(globals())
