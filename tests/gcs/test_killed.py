"""Transfers whose process is killed, and then resumed: the object or file is whole and right, and what was there is not sent again.
DOWEL_TEST_KILLS says at how many random points each way is killed; without it, a few."""
import base64
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, dowel, fails, main, start, unfinished  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ["DOWEL_TEST_TESTBENCH_URL"]
KILLS = int(os.environ.get("DOWEL_TEST_KILLS", "12"))
SEED = int(os.environ.get("DOWEL_TEST_SEED", random.randrange(1 << 32)))
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.create_bucket("dowel-killed")
PROXY = Proxy(URL)
QUANTUM = 256 * 1024
DATA = random.Random(SEED).randbytes(12 * QUANTUM + 17)
UPLOAD = ["call", "gcs.upload", "--bucket", "killed", "--resumable-threshold", "1"]
DATABASE = os.path.join(os.environ["XDG_DATA_HOME"], "dowel", "dowel.db")


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


FILE = write("data.bin", DATA)


def faults(*instructions):
    body = json.dumps({"instructions": {"storage.objects.insert": list(instructions)}}).encode()
    request = urllib.request.Request(URL + "/retry_test", body, {"Content-Type": "application/json"})
    return {"headers": {"x-retry-test-id": json.load(urllib.request.urlopen(request))["id"]}}


def newest():
    return json.loads(dowel("runs", "--json", "--limit", "1"))[0]


def check(name, data=DATA):
    got = BUCKET.blob(name).download_as_bytes()
    assert got == data, f"{name}: {len(got)} of {len(data)} bytes (seed {SEED})"


def killed_upload(name, rule, when, file=FILE):
    """Starts an upload, kills it at the request of which `when` holds, and gives the run's id."""
    reached, release = threading.Event(), threading.Event()

    def hold(request):
        if when(request):
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}
        return rule

    PROXY.reset(hold)
    process = start(*UPLOAD, "--name", name, "--file", file, stderr=subprocess.DEVNULL)
    assert reached.wait(30)
    process.kill()
    process.wait()
    release.set()
    found = newest()
    assert found["state"] == "crashed", found
    return found["id"]


def is_question(request):
    return request.method == "PUT" and request.headers["content-range"].startswith("bytes */")


def sent():
    """From where to where bodies went up."""
    return [p.headers["content-range"].split()[1].split("/")[0] for p in PROXY.seen("PUT") if not is_question(p)]


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcs-bucket/killed", "--bucket", "dowel-killed", "--credentials", "demo", "--endpoint", PROXY.url)


def test_goes_on_where_the_service_is():
    run_id = killed_upload("goes-on", faults("return-503-after-512K"), is_question)
    upload_id = PROXY.seen("PUT")[0].query("upload_id")
    with sqlite3.connect(DATABASE) as database:
        assert upload_id not in "\n".join(database.iterdump())  # kept sealed
    PROXY.reset()
    said = json.loads(dowel("runs", "resume", run_id, "--json"))
    assert said["size"] == len(DATA), said
    assert not PROXY.seen("POST") and sent() == [f"{2 * QUANTUM}-{len(DATA) - 1}"], PROXY.requests
    check("goes-on")
    fails(7, "runs", "resume", run_id, saying="completed")
    with sqlite3.connect(DATABASE) as database:
        assert not database.execute("SELECT * FROM run_handles WHERE run = ?", [run_id]).fetchall()


def test_goes_on_after_a_rotation_of_the_keys():
    """The session of the upload is sealed with the new key: the old one may go. Names of objects may be long."""
    name = "long/" * 150 + "name"
    run_id = killed_upload(name, faults("return-503-after-512K"), is_question)
    (before,) = json.loads(dowel("key", "show-id", "--json"))["keys"]
    assert (before["blocks"], before["handles"]) == (2, 1), before
    report = json.loads(dowel("key", "rotate", "--json"))
    assert (report["blocks"], report["handles"]) == (2, 1), report
    keys = json.loads(dowel("key", "show-id", "--json"))["keys"]
    assert [(key["use"], key["handles"]) for key in keys] == [("seals", 1), ("opens", 0)], keys
    path = os.path.join(os.environ["XDG_CONFIG_HOME"], "dowel", "key")
    with open(path) as file:
        lines = file.read().splitlines()
    with open(path, "w") as file:
        file.write(lines[0] + "\n")
    # Where a key is missing, that is shown, and a rotation leaves what it cannot open.
    other = {"DOWEL_KEY": ",".join(base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))}
    assert [(key["use"], key["handles"]) for key in json.loads(dowel("key", "show-id", "--json", env=other))["keys"]] == [
        ("seals", 0), ("opens", 0), ("missing", 1)]
    fails(4, "key", "rotate", "--json", env=other, saying=["is left unchanged", "2 could not be"])
    PROXY.reset()
    assert json.loads(dowel("runs", "resume", run_id, "--json"))["size"] == len(DATA)
    assert not PROXY.seen("POST") and sent() == [f"{2 * QUANTUM}-{len(DATA) - 1}"], PROXY.requests
    check(name)


def test_the_same_call_with_the_same_key_goes_on():
    PROXY.reset()
    seen = threading.Event()

    def hold(request):
        if is_question(request) and not seen.is_set():
            seen.set()
            time.sleep(1)
            return {"cut_upload": 0}
        return faulty

    faulty = faults("return-503-after-512K")
    PROXY.reset(hold)
    words = [*UPLOAD, "--name", "keyed", "--file", FILE, "--run-key", "nightly"]
    process = start(*words, stderr=subprocess.DEVNULL)
    assert seen.wait(30)
    process.kill()
    process.wait()
    PROXY.reset()
    dowel(*words)
    assert not PROXY.seen("POST") and sent() == [f"{2 * QUANTUM}-{len(DATA) - 1}"], PROXY.requests
    check("keyed")


def test_a_file_that_changed_meanwhile():
    """What was sent is of another file: the service is told the checksum of the whole and refuses; it is sent anew."""
    other = write("changes.bin", DATA)
    run_id = killed_upload("changed", faults("return-503-after-512K"), is_question, other)
    changed = b"other" + DATA[5:]
    write("changes.bin", changed)
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert len(PROXY.seen("POST")) == 1, PROXY.requests
    check("changed", changed)
    # Of another size: not the same upload at all.
    other = write("grows.bin", DATA)
    run_id = killed_upload("grown", faults("return-503-after-512K"), is_question, other)
    write("grows.bin", DATA + b"more")
    PROXY.reset()
    dowel("runs", "resume", run_id)
    check("grown", DATA + b"more")


def test_a_session_that_is_gone():
    run_id = killed_upload("gone", faults("return-503-after-512K"), is_question)
    PROXY.reset(lambda r: {"answer": (410, [], b"")} if r.number == 1 and r.method == "PUT" else None)
    dowel("runs", "resume", run_id)
    assert len(PROXY.seen("POST")) == 1, PROXY.requests
    check("gone")


def test_an_upload_that_was_over():
    """The object was stored, and its answer never read: it is found, and nothing is sent."""
    reached = threading.Event()

    def lose(request):
        if request.method == "PUT" and not is_question(request):
            return {"edit": lambda *answer: (reached.set(), time.sleep(1), answer)[-1]}

    PROXY.reset(lose)
    process = start(*UPLOAD, "--name", "over", "--file", FILE, stderr=subprocess.DEVNULL)
    assert reached.wait(30)
    process.kill()
    process.wait()
    generation = BUCKET.get_blob("over").generation
    PROXY.reset()
    dowel("runs", "resume", newest()["id"])
    assert not PROXY.seen("POST") and sent() == [], PROXY.requests
    assert BUCKET.get_blob("over").generation == generation
    check("over")


def test_given_up_is_forgotten():
    """A run that failed for good has ended its session: the next attempt begins anew."""
    PROXY.reset(lambda r: {"answer": (403, [], b"{}")} if r.method == "PUT" else None)
    fails(4, *UPLOAD, "--name", "refused", "--file", FILE)
    PROXY.reset()
    dowel("runs", "resume", newest()["id"])
    assert len(PROXY.seen("POST")) == 1, PROXY.requests
    check("refused")


def test_several_into_one_file():
    """Each writes beside it in a file of its own; whoever is last wins, and one that is killed does not disturb the others."""
    BUCKET.blob("one").upload_from_string(DATA)
    folder = os.path.join(TMP, "one")
    os.mkdir(folder)
    target = os.path.join(folder, "target")
    PROXY.reset(lambda r: time.sleep(0.01))
    for _ in range(3):
        running = [start("call", "gcs.download", "--bucket", "killed", "--name", "one", "--file", target, "--part-size", "256KiB",
                         stdout=subprocess.DEVNULL) for _ in range(4)]
        running[0].kill()
        assert [p.wait() for p in running][1:] == [0, 0, 0]
        assert open(target, "rb").read() == DATA
    dowel("call", "gcs.download", "--bucket", "killed", "--name", "one", "--file", target)
    left = [name for name in os.listdir(folder) if name != "target"]
    assert unfinished("target") not in left and len(left) <= 3, left
    for name in left:  # which a later copy of the folder leaves out
        assert name == unfinished("target", random=name.split(".")[2][:12]), left


def test_a_killed_download_fetches_only_the_rest():
    BUCKET.blob("rest").upload_from_string(DATA)
    reached, release = threading.Event(), threading.Event()
    words = ["call", "gcs.download", "--bucket", "killed", "--name", "rest", "--file", os.path.join(TMP, "rest"), "--part-size", "256KiB",
             "--concurrency", "1"]

    def slow(request):
        if len(PROXY.seen("GET")) < 9:
            time.sleep(0.15)  # what arrived is written down twice a second
        else:
            reached.set()
            release.wait(30)

    def killed():
        reached.clear(), release.clear()
        PROXY.reset(slow)
        process = start(*words, stderr=subprocess.DEVNULL)
        assert reached.wait(30)
        process.kill()
        process.wait()
        release.set()
        return newest()["id"]

    run_id = killed()
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert open(os.path.join(TMP, "rest"), "rb").read() == DATA
    again = [p.headers["range"] for p in PROXY.seen("GET") if "range" in p.headers]
    assert again and len(again) <= 10, again  # of 13
    # Of another generation nothing is kept.
    run_id = killed()
    BUCKET.blob("rest").upload_from_string(DATA[::-1])
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert open(os.path.join(TMP, "rest"), "rb").read() == DATA[::-1]
    # Of a smaller one neither, and it is fetched once.
    BUCKET.blob("rest").upload_from_string(DATA)
    run_id = killed()
    BUCKET.blob("rest").upload_from_string(DATA[1:700_000])
    PROXY.reset()
    dowel("runs", "resume", run_id)
    assert open(os.path.join(TMP, "rest"), "rb").read() == DATA[1:700_000]
    again = [p.headers["range"] for p in PROXY.seen("GET") if "range" in p.headers]
    assert len(again) == len(set(again)) == 3, again


def kill_somewhere(words, longest, chance):
    """Runs a command, kills it after a random while, resumes it until it is through. How often it had to be."""
    process = start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(chance.uniform(0, longest))
    process.kill()
    process.wait()
    found = json.loads(dowel("runs", "--json", "--limit", "1"))
    last = found[0] if found else {"state": None}
    if last["state"] == "crashed":
        dowel("runs", "resume", last["id"])
        return 1
    if process.returncode == -signal.SIGKILL:  # before there was a run, or with its last breath
        dowel(*words)
    return 0


def test_killed_anywhere():
    chance = random.Random(SEED)
    print("seed", SEED)
    for way in ("upload", "download"):
        folder = os.path.join(TMP, way)
        os.mkdir(folder)
        BUCKET.blob("down").upload_from_string(DATA)
        resumed, longest = 0, 0.05
        for number in range(KILLS):
            steps = faults(*(f"return-503-after-{k}K" for k in sorted(chance.sample(range(256, 3072, 256), 2))))
            PROXY.reset(lambda r: (time.sleep(0.01), steps if way == "upload" else None)[-1])
            target = os.path.join(folder, f"got-{number}")
            words = [*UPLOAD, "--name", f"up-{number}", "--file", FILE] if way == "upload" else \
                ["call", "gcs.download", "--bucket", "killed", "--name", "down", "--file", target, "--part-size", "256KiB"]
            if number == 0:  # how long it takes
                began = time.monotonic()
                dowel(*words)
                longest = time.monotonic() - began
            else:
                resumed += kill_somewhere(words, longest, chance)
            if way == "upload":
                check(f"up-{number}")
            else:
                assert open(target, "rb").read() == DATA, (number, SEED)
                seen = sorted(os.listdir(folder))  # what the killed process left, too
                assert seen == sorted(f"got-{n}" for n in range(number + 1)), (seen, SEED)
        print(f"{way}: {KILLS - 1} killed within {longest:.2f} s, {resumed} resumed")
    assert {b.name for b in BUCKET.list_blobs(prefix="up-")} == {f"up-{n}" for n in range(KILLS)}


main(globals())
