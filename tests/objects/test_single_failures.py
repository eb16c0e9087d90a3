"""What befalls one object does not stop the others: it is named and counted, and the counts are true however a command ends. What would befall all of
them stops the work, and is said once."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "s3")]
from command import TMP, dowel, fails, main, run, start  # noqa: E402
from proxy import Proxy  # noqa: E402
from target import AMAZON, KEY_ID, PREFIX, URL as S3_URL  # noqa: E402

GCS_URL = os.environ["DOWEL_TEST_GCS_URL"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": GCS_URL})
PROXIES = {"gcs": Proxy(GCS_URL), "s3": Proxy(S3_URL)}
FILES = [f"{i:02}" for i in range(40)]
ROOT = os.path.join(TMP, "in/")


def names(kind):
    if kind == "gcs":
        return {blob.name for blob in GOOGLE.list_blobs("single")}
    return {entry["Key"] for entry in AMAZON.list_objects_v2(Bucket="single").get("Contents", [])}


def answer(kind, status, reason):
    if kind == "gcs":
        return status, [("Content-Type", "application/json")], json.dumps({"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}).encode()
    return status, [("Content-Type", "application/xml")], f"<Error><Code>{reason}</Code><Message>no</Message></Error>".encode() if reason else b""


def key_of(request):
    """The object that a request is about, of either protocol."""
    path = request.path.partition("?")[0]
    return path.rpartition("/o/" if "/o/" in path else "/")[2].replace("%2F", "/").rpartition("/")[2]


def counted(said):
    found = re.search(r"(\d+) failed,(?: (\d+) copied, (\d+) unchanged,)? (\d+) removed", said)
    assert found, said
    return tuple(int(n or 0) for n in found.groups())


def test_prepare():
    for bucket in ("single", "copies"):
        GOOGLE.create_bucket(bucket)
        AMAZON.create_bucket(Bucket=bucket)
    os.makedirs(ROOT)
    for name in FILES:
        with open(ROOT + name, "w") as file:
            file.write(name)
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", KEY_ID, "--secret-access-key", f"env:{PREFIX}_SECRET_ACCESS_KEY", "--region",
          "us-east-1")
    for kind, proxy in PROXIES.items():
        dowel("block", "save", f"{kind}-bucket/b", "--bucket", "single", "--credentials", "demo", "--endpoint", proxy.url)
        dowel("block", "save", f"{kind}-bucket/c", "--bucket", "copies", "--credentials", "demo", "--endpoint", proxy.url)
        dowel("block", "save", f"{kind}-bucket/gone", "--bucket", "gone", "--credentials", "demo", "--endpoint", proxy.url)


def clear():
    for kind, proxy in PROXIES.items():
        proxy.reset()
        if names(kind):
            dowel("rm", "-r", f"{kind}-bucket/b:")


def test_one_that_is_not_taken():
    """404 for one name, with any code or none, on the way up, down and within: at the start, in the middle, at the end."""
    codes = ((404, ""), (404, "NoSuchUpload"), (404, "NoSuchKey"), (403, "AccessDenied"), (400, "InvalidRequest"), (409, "Conflict"), (410, "Gone"))
    for wrong in ({"00"}, {"17", "18"}, {"39"}):
        for status, code in codes:
            clear()
            proxy = PROXIES["s3"]
            proxy.reset(lambda r: {"answer": answer("s3", status, code)} if r.method == "PUT" and key_of(r) in wrong else None)
            for command in (("sync", "--concurrency", "1"), ("cp", "-r"), ("sync", "--delete")):
                done = run(command[0], ROOT, "s3-bucket/b:", *command[1:])
                said = done.stderr.decode()
                assert done.returncode and counted(said)[0] == len(wrong) and sum(counted(said)) == len(FILES), (status, code, said)
                assert all(f"{ROOT}{name}: " in said for name in wrong), said
                assert names("s3") == set(FILES) - wrong
            proxy.reset()
            dowel("sync", ROOT, "s3-bucket/b:")
            for target in (os.path.join(TMP, "down/"), f"gcs-bucket/c:{status}-{code}-{min(wrong)}/", f"s3-bucket/c:{status}-{code}-{min(wrong)}/"):
                proxy.reset(lambda r: {"answer": answer("s3", status, code)} if key_of(r) in wrong and
                            (r.method == "GET" or (r.method == "PUT" and "x-amz-copy-source" in r.headers)) else None)
                done = run("cp", "-r", "s3-bucket/b:", target)
                said = done.stderr.decode()
                assert done.returncode and counted(said) == (len(wrong), len(FILES) - len(wrong), 0, 0), (status, code, target, said)
            shutil.rmtree(os.path.join(TMP, "down"))
            if status == 404 and code:
                break  # the other codes are read in the same place


def test_one_that_is_not_taken_by_google():
    clear()
    proxy = PROXIES["gcs"]
    dowel("sync", ROOT, "gcs-bucket/b:")
    for status, reason in ((404, "notFound"), (403, "forbidden")):
        proxy.reset(lambda r: {"answer": answer("gcs", status, reason)} if r.method == "GET" and r.query("alt") == "media" and key_of(r) == "17" else None)
        for target in (os.path.join(TMP, f"google-{status}/"), f"s3-bucket/b:google-{status}/"):
            done = run("sync", "gcs-bucket/b:", target)
            assert done.returncode and counted(done.stderr.decode())[:2] == (1, len(FILES) - 1), done
        proxy.reset(lambda r: {"answer": answer("gcs", status, reason)} if "rewriteTo" in r.path and "/o/17/" in r.path else None)
        done = run("sync", "gcs-bucket/b:", f"gcs-bucket/c:copy-{status}/")
        assert done.returncode and counted(done.stderr.decode())[:2] == (1, len(FILES) - 1), done


def test_the_destination_is_gone():
    """The same answer, and it is that of all."""
    clear()
    for kind, proxy in PROXIES.items():
        for command in (("cp", "-r"), ("sync",)):
            proxy.reset()
            said = fails(3, *command, ROOT, f"{kind}-bucket/gone:", "--concurrency", "2")
            assert len([line for line in said.splitlines() if line.startswith("dowel: ")]) == 1, said
            assert len([r for r in proxy.requests if r.method in ("PUT", "POST")]) <= 2, proxy.requests


def test_the_first_ones_are_refused():
    """Objects for which somebody else has the permission, more than anyone would try before giving up, and all at the start."""
    for count in (4, 5, 9, 39):
        wrong, proxy = set(FILES[:count]), PROXIES["s3"]
        for command in (("sync", "--concurrency", "1"), ("cp", "-r", "--concurrency", "16"), ("sync", "--delete")):
            clear()
            proxy.reset(lambda r: {"answer": answer("s3", 403, "AccessDenied")} if r.method == "PUT" and key_of(r) in wrong else None)
            done = run(command[0], ROOT, "s3-bucket/b:", *command[1:])
            said = done.stderr.decode()
            assert done.returncode == 4 and counted(said)[0] == count and sum(counted(said)) == len(FILES), said
            assert all(said.count(f"{ROOT}{name}: ") == 1 for name in wrong), said
            assert names("s3") == set(FILES) - wrong
    clear()
    dowel("sync", ROOT, "s3-bucket/b:")
    PROXIES["s3"].reset(lambda r: {"answer": answer("s3", 403, "AccessDenied")} if r.method == "GET" and key_of(r) < "30" and key_of(r) in FILES else None)
    fails(4, "sync", "s3-bucket/b:", os.path.join(TMP, "late/"), saying="30 failed, 10 copied")


def test_some_may_not_be_removed():
    clear()
    for kind, proxy in PROXIES.items():
        dowel("sync", ROOT, f"{kind}-bucket/b:")
        wrong = set(FILES[:6])

        def still_there(status, headers, body):
            for key in wrong:
                AMAZON.put_object(Bucket="single", Key=key, Body=b"locked")
            errors = "".join(f"<Error><Key>{key}</Key><Code>AccessDenied</Code><Message>no</Message></Error>" for key in wrong)
            return 200, [("Content-Type", "application/xml")], f"<DeleteResult>{errors}</DeleteResult>".encode()

        def some(request):
            if request.method == "POST" and "delete" in request.path and kind == "s3":
                return {"edit": still_there}
            if "/batch/" in request.path:
                return {"answer": (404, [], b"{}")}
            if request.method == "DELETE" and key_of(request) in wrong:
                return {"answer": answer(kind, 403, "forbidden")}
            return None

        proxy.reset(some)
        done = run("rm", "-r", f"{kind}-bucket/b:")
        said = done.stderr.decode()
        assert done.returncode == 4 and counted(said) == (6, 0, 0, len(FILES) - 6), (kind, done, proxy.requests)
        assert names(kind) == wrong


def test_nothing_is_removed_after_a_failure():
    """One copy fails: what only the destination has stays, which is said to people and to machines; when nothing fails any more, it is removed."""
    refusals = [(1, 403, "AccessDenied", 4), (1, 404, "", 3), (5, 403, "AccessDenied", 4), (2, 400, "InvalidRequest", None)]
    for count, status, code, exit_status in refusals:
        wrong, proxy = set(FILES[20:20 + count]), PROXIES["s3"]
        for first in (False, True):  # there already is all but those, or nothing
            clear()
            for extra in ("aside", "z/old"):
                AMAZON.put_object(Bucket="single", Key=extra, Body=b"old")
            if not first:
                dowel("sync", ROOT, "s3-bucket/b:")
                for name in wrong:
                    AMAZON.delete_object(Bucket="single", Key=name)
            proxy.reset(lambda r: {"answer": answer("s3", status, code)} if r.method == "PUT" and key_of(r) in wrong else None)
            done = run("sync", ROOT, "s3-bucket/b:", "--delete")
            said = done.stderr.decode()
            assert done.returncode and exit_status in (None, done.returncode), done
            assert counted(said)[0] == count and counted(said)[3] == 0 and "2 would have been" in said, said
            assert f"nothing is removed, because {count} failed; 2 extraneous objects stay" in said, said
            assert names("s3") == (set(FILES) - wrong) | {"aside", "z/old"}
            done = run("sync", ROOT, "s3-bucket/b:", "--delete", "--json")
            kept = [event for event in map(json.loads, done.stdout.splitlines()) if event["event"] not in ("fail", "copy", "summary")]
            assert done.returncode and kept == [{"event": "kept", "name": "s3-bucket/b:", "count": 2, "why": f"nothing is removed, because {count} failed"}], kept
            assert not [r for r in proxy.requests if r.method == "DELETE" or (r.method == "POST" and "delete" in r.path)]
            proxy.reset()
            done = run("sync", ROOT, "s3-bucket/b:", "--delete")
            assert not done.returncode and names("s3") == set(FILES), done


def test_archived_objects():
    """Those that have to be restored first are named, the others are there, and those that were restored are read like any."""
    clear()
    for name in FILES[:8]:
        AMAZON.put_object(Bucket="single", Key="x/a" + name, Body=b"cold", StorageClass="DEEP_ARCHIVE" if name > "03" else "GLACIER")
        AMAZON.put_object(Bucket="single", Key="x/b" + name, Body=b"warm", StorageClass="STANDARD_IA")
    AMAZON.restore_object(Bucket="single", Key="x/a07", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})
    wanted = {"a07", *("b" + name for name in FILES[:8])}
    # What the stand-in says of copies that need no restored object is none of our business here.
    for number, command in enumerate((("sync",), ("cp", "-r"), ("sync", "--delete"))):
        target = os.path.join(TMP, f"thawed-{number}/")
        os.makedirs(target)
        with open(target + "old", "w"):
            pass
        done = run(command[0], "s3-bucket/b:x/", target, *command[1:])
        said = done.stderr.decode()
        assert done.returncode == 1 and counted(said)[:2] == (7, 9), said
        assert said.count("archived") == 1 and all(f"x/a{name}: " in said for name in FILES[:7]), said
        assert set(os.listdir(target)) - {"old"} == wanted
        assert "old" in os.listdir(target)  # some failed: nothing is removed
        assert ("nothing is removed, because 7 failed" in said) == ("--delete" in command), said
    done = run("sync", "s3-bucket/b:x/", "gcs-bucket/b:x/", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and {e["event"] for e in events} == {"copy", "fail", "summary"}, done
    assert [sum(e["event"] == kind for e in events) for kind in ("copy", "fail")] == [9, 7]
    assert "7 failed, 9 copied" in json.loads(done.stderr)["error"]["message"], done.stderr
    done = run("sync", "s3-bucket/b:x/", "s3-bucket/b:y/")
    assert done.returncode == 1 and counted(done.stderr.decode())[0] >= 7, done
    assert {name[2:] for name in names("s3") if name.startswith("y/b")} == {name for name in wanted if name[0] == "b"}
    fails(1, "cp", "s3-bucket/b:x/a00", "-", saying=["InvalidObjectState", "restore it first"])


def test_counts_when_the_work_stops():
    """Whatever ended it: what was done by then is what is said, for people and for machines."""
    proxy = PROXIES["s3"]
    for json_ in ((), ("--json",)):
        clear()
        # The first ones get in, then nobody is known any more; what is on its way by then arrives.
        proxy.reset(lambda r: {"answer": answer("s3", 401, "Unauthorized")} if r.method == "PUT" and key_of(r) == "20" else
                    {"hold": 0.3} if r.method == "PUT" and "14" < key_of(r) < "20" else None)
        done = run("cp", "-r", ROOT, "s3-bucket/b:", "--concurrency", "8", *json_)
        said = json.loads(done.stderr)["error"]["message"] if json_ else done.stderr.decode()
        there = len(names("s3"))
        assert done.returncode == 4 and there >= 15, done
        copied = re.search(r"stopped after (\d+) copied, 0 removed, 0 failed: all others would fail like ", said)
        assert copied and int(copied[1]) <= there, said
        if json_:
            assert int(copied[1]) == sum(json.loads(line)["event"] == "copy" for line in done.stdout.splitlines())


def test_a_token_that_expires_midway():
    clear()
    for status, code in ((400, "ExpiredToken"), (400, "InvalidToken"), (401, "")):
        PROXIES["s3"].reset(lambda r: {"answer": answer("s3", status, code)} if r.method == "PUT" and key_of(r) >= "20" else None)
        said = fails(4, "cp", "-r", ROOT, "s3-bucket/b:", "--concurrency", "1", saying="stopped after 20 copied, 0 removed, 0 failed: all others would fail")
        assert len([line for line in said.splitlines() if line.startswith("dowel: ")]) == 1, said
        assert len([r for r in PROXIES["s3"].requests if r.method == "PUT"]) <= 22, PROXIES["s3"].requests


def test_counts_of_what_was_on_its_way():
    """All begin together, and one of them ends the work: each file that is there was counted."""
    clear()
    dowel("sync", ROOT, "s3-bucket/b:")
    for turn in range(12):
        target = os.path.join(TMP, f"on-its-way-{turn}/")
        PROXIES["s3"].reset(lambda r: {"answer": answer("s3", 401, "Unauthorized")} if r.method == "GET" and key_of(r) == "05" else None)
        done = run("cp", "-r", "s3-bucket/b:", target, "--concurrency", "40")
        said, there = done.stderr.decode(), [name for name in os.listdir(target) if name in FILES] if os.path.exists(target) else []
        assert done.returncode == 4 and f"stopped after {len(there)} copied, 0 removed, 0 failed: " in said, (len(there), said)


def test_counts_after_an_interrupt():
    clear()
    proxy, reached, release = PROXIES["s3"], threading.Event(), threading.Event()

    def hold(request):
        if request.method == "PUT" and key_of(request) == "25":
            reached.set()
            release.wait(60)
        return None

    proxy.reset(hold)
    process = start("sync", ROOT, "s3-bucket/b:", "--concurrency", "1", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert reached.wait(60)
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    release.set()
    assert process.returncode == 130, (process.returncode, said)
    assert "25 copied, 0 removed" in json.loads(said)["error"]["hint"], said
    assert sum(json.loads(line)["event"] == "copy" for line in out.splitlines()) == 25


def test_a_full_disk():
    """It is said once, and nothing more is tried; what is whole is kept."""
    disk = tempfile.mkdtemp(dir=TMP)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, check=False).returncode:
        print("  no file system can be mounted here", flush=True)
        return
    clear()
    many = os.path.join(TMP, "many/")
    os.makedirs(many)
    for i in range(60):
        with open(f"{many}{i:02}", "wb") as file:
            file.write(os.urandom(5000))
    try:
        dowel("sync", many, "s3-bucket/b:many/")
        dowel("sync", many, "gcs-bucket/b:many/")
        for number, source in enumerate((many, "s3-bucket/b:many/", "gcs-bucket/b:many/")):
            for kind in PROXIES:
                PROXIES[kind].reset()
            target = f"{disk}/{number}/"
            for command in (("sync",), ("cp", "-r"), ("sync", "--delete")):
                said = fails(1, command[0], source, target, *command[1:], saying=["No space left on device", "stopped after ", "all others would fail like"])
                assert len([line for line in said.splitlines() if line.startswith("dowel: ")]) == 1, said
            for name in os.listdir(target):
                with open(target + name, "rb") as a, open(many + name, "rb") as b:
                    assert a.read() == b.read(), name
            fetched = [r for kind in PROXIES for r in PROXIES[kind].requests if r.method == "GET" and re.search(r"many(/|%2F)\d\d\b", r.path)]
            assert len(fetched) < 60, len(fetched)
            shutil.rmtree(target)
        said = fails(1, "cp", "-r", many, disk + "/x/", "--json")
        assert json.loads(said)["error"]["reason"] == "ENOSPC", said
        # A file system that can only be read.
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        said = fails(1, "sync", many, disk + "/y/", saying=["Read-only file system"])
        assert len([line for line in said.splitlines() if line.startswith("dowel: ")]) == 1, said
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


if __name__ == "__main__":
    main(globals())
