"""Cloud Storage when things go wrong: through a proxy that breaks connections, answers and bytes, and with the faults of Google's
storage testbench. Whatever happens, what is stored or fetched is whole and right, or there is nothing and an error that says why."""
import base64
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, call, dowel, fails, main, run, start  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ["DOWEL_TEST_TESTBENCH_URL"]
OAUTH, KEYS = os.environ["DOWEL_TEST_OAUTH_URL"], os.environ["DOWEL_TEST_OAUTH_KEYS"]
GOOGLE = storage.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
BUCKET = GOOGLE.create_bucket("dowel-faults")
PROXY = Proxy(URL)
QUANTUM = 256 * 1024
UPLOAD = ["gcs.upload", "--bucket", "faulty"]
SESSION = ["--resumable-threshold", "0", "--chunk-size", "256KiB"]
DATA = os.urandom(12 * QUANTUM + 17)


def write(name, data):
    path = os.path.join(TMP, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


FILE = write("data.bin", DATA)


def testbench(path, body=None):
    request = urllib.request.Request(URL + path, None if body is None else json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def inject(**instructions):
    """Faults of the testbench, for every request through the proxy; gives a function that tells whether all happened."""
    test = testbench("/retry_test", {"instructions": {k.replace("_", "."): v for k, v in instructions.items()}})["id"]
    PROXY.reset(lambda request: {"headers": {"x-retry-test-id": test}})
    return lambda: testbench("/retry_test/" + test)["completed"]


def check(name, data=DATA):
    blob = BUCKET.get_blob(name)
    assert blob is not None, f"{name} is not there"
    got = blob.download_as_bytes(checksum="crc32c")
    assert got == data, f"{name}: {len(got)} of {len(data)} bytes, the same up to {len(os.path.commonprefix([got, data]))}"
    return blob


def folder_left(path):
    """What a failed download left."""
    return sorted(os.listdir(path))


def fresh(name):
    path = os.path.join(TMP, name)
    os.mkdir(path)
    return path


def answer(status, reason, message):
    body = {"error": {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}}
    return {"answer": (status, [("Content-Type", "application/json")], json.dumps(body).encode())}


BACKGROUND, PROBLEMS = [], []


def meanwhile(*works):
    """Runs what waits long by design beside the other tests; the last test waits for it."""
    def guard(work):
        try:
            work()
        except BaseException as problem:  # noqa: B902
            PROBLEMS.append(problem)
    for work in works:
        BACKGROUND.append(threading.Thread(target=guard, args=(work,)))
        BACKGROUND[-1].start()


def save(block, url, *words, credentials="demo"):
    dowel("block", "save", f"gcs-bucket/{block}", "--bucket", "dowel-faults", "--credentials", credentials, "--endpoint", url, *words)


def test_prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")
    dowel("block", "save", "gcp-credentials/robot", "--service-account-file", os.path.join(KEYS, "service-account.json"))
    save("faulty", PROXY.url)
    save("robot", PROXY.url, credentials="robot")
    BUCKET.blob("big").upload_from_string(DATA)


# ---- what waits long ----

def test_a_session_that_never_gets_on():
    def storm():
        proxy = Proxy(URL)
        proxy.rule = lambda r: {**answer(503, "backendError", "Come back later.")} if r.method == "PUT" else None
        save("never", proxy.url)
        fails(5, "call", "gcs.upload", "--bucket", "never", "--file", FILE, "--name", "never", *SESSION,
              saying=["never", "503", "Come back later.", "attempts"])
        assert len(proxy.seen("DELETE", "upload")) == 1, proxy.requests  # the session is given up
        assert BUCKET.get_blob("never") is None

    def stuck():
        proxy = Proxy(URL)
        proxy.rule = lambda r: {"answer": (308, [("Range", f"bytes=0-{QUANTUM - 1}")], b"")} if r.method == "PUT" else None
        save("stuck", proxy.url)
        fails(5, "call", "gcs.upload", "--bucket", "stuck", "--file", FILE, "--name", "stuck", *SESSION, saying="accepts no more bytes")

    meanwhile(storm, stuck)


def test_storms_and_refused_connections():
    """Retried, with longer and longer waits, then an error that says what the service said."""
    def storm(status, reason):
        proxy = Proxy(URL)
        proxy.rule = lambda r: answer(status, reason, "Busy, sorry.")
        save(f"storm-{status}", proxy.url)
        fails(5, "call", "gcs.stat", "--bucket", f"storm-{status}", "--name", "big",
              saying=["big", str(status), "Busy, sorry.", reason, "after 6 attempts"])
        assert len(proxy.requests) == 6, proxy.requests

    def over_soon():
        proxy = Proxy(URL)
        proxy.rule = lambda r: answer(502, "badGateway", "no") if len(proxy.requests) < 4 else None
        save("soon", proxy.url)
        assert call("gcs.stat", "--bucket", "soon", "--name", "big")["size"] == len(DATA)

    def refused():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
            port = s.getsockname()[1]
            save("refused", f"http://127.0.0.1:{port}")
            fails(5, "call", "gcs.stat", "--bucket", "refused", "--name", "big",
                  saying=[str(port), "no connection", "check the endpoint"])

    meanwhile(*(lambda s=s, r=r: storm(s, r) for s, r in ((503, "backendError"), (429, "rateLimitExceeded"), (500, "internalError"))),
             over_soon, refused)


def test_download_never_whole():
    """A server that closes midway, every time: an error, and no file."""
    proxy = Proxy(URL)
    proxy.rule = lambda r: {"cut_download": 100000}
    save("closes", proxy.url)

    def to(name):
        folder = fresh("closes-" + name)
        target = os.path.join(folder, "target")
        if name == "kept":
            write("closes-kept/target", b"what was there before")
        fails(5, "call", "gcs.download", "--bucket", "closes", "--name", "big", "--file", target, saying=["big", "after 6 attempts"])
        assert folder_left(folder) == (["target"] if name == "kept" else [])
        assert name != "kept" or open(target, "rb").read() == b"what was there before"

    meanwhile(lambda: to("new"), lambda: to("kept"))


# ---- uploads ----

def test_file_goes_up_in_one_request():
    """A file is one stream, however large: no chunk more than needed."""
    PROXY.reset()
    call(*UPLOAD, "--file", FILE, "--name", "one", *SESSION)
    check("one")
    puts = PROXY.seen("PUT")
    assert [p.size for p in puts] == [len(DATA)], puts
    assert puts[0].headers["content-range"] == f"bytes 0-{len(DATA) - 1}/{len(DATA)}", puts[0].headers


def test_pipe_goes_up_in_chunks():
    PROXY.reset()
    call(*UPLOAD, "--file", "-", "--name", "piped", *SESSION, stdin=DATA)
    check("piped")
    sizes = [p.size for p in PROXY.seen("PUT")]
    assert sizes == [QUANTUM] * 12 + [17], sizes


def test_upload_resumes_where_the_service_is():
    for name, words, stdin in (("resumed", ["--file", FILE], b""), ("resumed-pipe", ["--file", "-"], DATA)):
        happened = inject(storage_objects_insert=["return-503-after-512K", "return-503-after-1536K"])
        call(*UPLOAD, *words, "--name", name, *SESSION, stdin=stdin)
        check(name)
        assert happened()
        starts = [int(p.headers["content-range"].split()[1].split("-")[0]) for p in PROXY.seen("PUT") if p.size]
        if not stdin:
            assert starts == [0, 2 * QUANTUM, 6 * QUANTUM], starts
        assert len(PROXY.seen("POST")) == 1, PROXY.requests


def test_upload_survives_broken_connections():
    for fault in ("return-reset-connection", "return-503", "return-429", "return-408", "return-500", "return-504",
                  f"return-broken-stream-final-chunk-after-{QUANTUM}B"):
        for words, stdin in ((["--file", FILE], b""), (["--file", "-"], DATA)):
            happened = inject(storage_objects_insert=[fault])
            call(*UPLOAD, *words, "--name", "broken", *SESSION, stdin=stdin)
            assert happened(), fault
            check("broken")


def test_upload_cut_midway():
    """The connection breaks inside the stream: what was lost is sent again, once."""
    for words, stdin in ((["--file", FILE], b""), (["--file", "-"], DATA)):
        PROXY.reset(lambda r: {"cut_upload": QUANTUM // 2} if r.method == "PUT" and r.number in (1, 2) else None)
        call(*UPLOAD, *words, "--name", "cut", *SESSION, stdin=stdin)
        check("cut")


def test_lost_answer_of_the_last_byte():
    """The object is there though its answer was lost: it is found, not sent again."""
    for words, stdin in ((["--file", FILE], b""), (["--file", "-"], DATA)):
        PROXY.reset(lambda r: {"lose": r.method == "PUT" and r.headers["content-range"].endswith(f"-{len(DATA) - 1}/{len(DATA)}")})
        got = call(*UPLOAD, *words, "--name", "lost", *SESSION, stdin=stdin)
        assert str(check("lost").generation) == str(got["generation"])
        last = [p for p in PROXY.seen("PUT") if p.size and p.headers["content-range"].split("/")[0].endswith(str(len(DATA) - 1))]
        assert len(last) == 1 or stdin, PROXY.requests  # libcurl repeats a chunk on a kept connection that died


def test_conditions_when_answers_are_lost():
    """The second attempt meets what the first one wrote: that is no conflict. What another wrote is, though the bytes are the same."""
    small = DATA[:1000]
    path = write("small", small)
    for name, lost in (("lost", {"lose": True}), ("failed", {"edit": lambda status, headers, body: answer(503, "backendError", "Sorry.")["answer"]})):
        name, generation = "once-" + name, "0"
        for data in (small, small[::-1]):
            PROXY.reset(lambda r: lost if r.method == "POST" and r.number == 1 else None)
            got = call(*UPLOAD, "--file", write("small", data), "--name", name, "--if-generation-match", generation)
            generation = str(check(name, data).generation)
            assert str(got["generation"]) == generation and len(PROXY.seen("POST")) == 2, (got, PROXY.requests)
        fails(7, "call", *UPLOAD, "--file", path, "--name", name, "--if-generation-match", "0", saying="412")

    def another(r):
        if r.method == "POST" and r.number == 1:
            BUCKET.blob("theirs").upload_from_string(small)
            return {"lose": True}
        return None
    PROXY.reset(another)
    fails(7, "call", *UPLOAD, "--file", write("small", small), "--name", "theirs", "--if-generation-match", "0", saying="412")


def test_lost_session_starts_again():
    for status in (404, 410):
        PROXY.reset(lambda r: answer(status, "gone", "The session is gone.") if r.method == "PUT" and r.number == 1
                    and len(PROXY.seen("POST")) == 1 else None)
        call(*UPLOAD, "--file", FILE, "--name", "anew", *SESSION)
        check("anew")
        assert len(PROXY.seen("POST")) == 2, PROXY.requests
        BUCKET.delete_blob("anew")
    PROXY.reset(lambda r: answer(410, "gone", "The session is gone.") if r.method == "PUT" else None)
    fails(1, "call", *UPLOAD, "--file", FILE, "--name", "anew", *SESSION, saying=["anew", "410", "The session is gone."])
    assert len(PROXY.seen("POST")) == 3, PROXY.requests
    assert BUCKET.get_blob("anew") is None


def test_a_session_that_claims_too_much():
    PROXY.reset(lambda r: {"answer": (308, [("Range", f"bytes=0-{len(DATA) * 2}")], b"")} if r.method == "PUT" else None)
    fails(1, "call", *UPLOAD, "--file", FILE, "--name", "claims", *SESSION, saying="were sent")


def test_service_stores_other_bytes():
    """An answer with another checksum than that of what was sent: an error, and the object is deleted."""
    def lie(status, headers, body):
        document = json.loads(body)
        document["crc32c"] = "AAAAAA=="
        return status, headers, json.dumps(document).encode()

    for method, way in (("PUT", SESSION), ("POST", [])):
        PROXY.reset(lambda r: {"edit": lie} if r.method == method else None)
        fails(1, "call", *UPLOAD, "--file", FILE, "--name", "lied", *way, saying=["lied", "differ from the uploaded ones", "was deleted"])
        assert BUCKET.get_blob("lied") is None
        assert PROXY.seen("DELETE")[0].query("generation"), PROXY.requests


def test_bytes_changed_on_the_way_up():
    """The service is told the checksum beforehand and refuses."""
    marked = write("marked.bin", b"before MARK after")
    PROXY.reset(lambda r: {"replace": (b"MARK", b"mark")})
    done = run("call", *UPLOAD, "--file", marked, "--name", "marked")
    assert done.returncode and b"crc32c validation failed" in done.stderr, done
    assert BUCKET.get_blob("marked") is None


def test_file_that_shrinks():
    path = write("shrinks.bin", DATA)

    def shrink(request):
        if request.method == "POST":
            os.truncate(path, QUANTUM)
    PROXY.reset(shrink)
    fails(1, "call", *UPLOAD, "--file", path, "--name", "shrunk", *SESSION, saying=["shrunk", "did the file shrink"])
    assert BUCKET.get_blob("shrunk") is None
    assert len(PROXY.seen("DELETE", "upload")) == 1, PROXY.requests


def test_small_upload_is_repeated_only_when_safe():
    """Without a precondition a second try could overwrite what somebody else wrote meanwhile."""
    small = write("small.bin", b"small")
    happened = inject(storage_objects_insert=["return-503"])
    fails(5, "call", *UPLOAD, "--file", small, "--name", "small", saying=["small", "503"])
    assert happened() and len(PROXY.seen("POST")) == 1, PROXY.requests
    happened = inject(storage_objects_insert=["return-503", "return-429"])
    call(*UPLOAD, "--file", small, "--name", "small", "--if-generation-match", "0")
    assert happened() and len(PROXY.seen("POST")) == 3, PROXY.requests
    check("small", b"small")
    PROXY.reset(lambda r: answer(503, "backendError", "later") if r.number == 1 else None)
    call(*UPLOAD, "--file", small, "--name", "small2", "--retries", "1", "--retry-delay", "0")
    check("small2", b"small")


def test_interrupted_upload_gives_up_its_session():
    reached, release = threading.Event(), threading.Event()

    def hold(request):
        if request.method == "PUT":
            reached.set()
            release.wait(30)
            return {"cut_upload": 0}
    PROXY.reset(hold)
    process = start("call", *UPLOAD, "--file", FILE, "--name", "interrupted", *SESSION)
    assert reached.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    release.set()
    assert len(PROXY.seen("DELETE", "upload")) == 1, PROXY.requests
    assert BUCKET.get_blob("interrupted") is None


def test_session_address_is_secret():
    PROXY.reset()
    done = run("call", *UPLOAD, "--file", FILE, "--name", "secret", *SESSION, env={"DOWEL_LOG": "debug"})
    assert done.returncode == 0 and b"PUT" in done.stderr, done.stderr
    upload = PROXY.seen("PUT")[0].query("upload_id").encode()
    assert upload and upload not in done.stderr + done.stdout, done.stderr
    shown = dowel("runs", "--json")
    newest = json.loads(shown)[0]["id"]
    assert upload.decode() not in dowel("runs", "show", newest, "--json")


def test_a_session_elsewhere_is_not_told_who_calls():
    """Its address is enough to write to it: a token is for the service that it was meant for."""
    elsewhere = Proxy(URL)

    def moved(status, headers, body):
        return status, [(name, value.replace(PROXY.url, elsewhere.url)) for name, value in headers], body

    PROXY.reset(lambda r: {"edit": moved} if r.method == "POST" else None)
    call("gcs.upload", "--bucket", "robot", "--file", FILE, "--name", "elsewhere", *SESSION)
    check("elsewhere")
    assert PROXY.seen("POST")[0].headers["authorization"].startswith("Bearer ")
    sent = elsewhere.seen("PUT")
    assert sent and not any("authorization" in r.headers for r in sent), [r.headers for r in sent]


# ---- downloads ----

def test_download_survives_broken_connections():
    folder = fresh("survives")
    for fault in ("return-broken-stream", "return-broken-stream-after-256K", "return-reset-connection", "return-503", "return-429",
                  "return-408"):
        happened = inject(storage_objects_get=[fault, fault])
        target = os.path.join(folder, "got")
        call("gcs.download", "--bucket", "faulty", "--name", "big", "--file", target)
        assert happened(), fault
        assert open(target, "rb").read() == DATA, fault
        assert folder_left(folder) == ["got"]
        os.unlink(target)


def test_download_to_standard_output_goes_on():
    """What was written cannot be taken back: the rest is asked for, of the same object, or it fails."""
    def headers(request):
        return {"headers": {"x-retry-test-id": test}, "says": {"ETag": '"one"'}}

    for fault in ("return-broken-stream-after-256K", "return-reset-connection", "return-503"):
        test = testbench("/retry_test", {"instructions": {"storage.objects.get": [fault]}})["id"]
        PROXY.reset(headers)
        done = run("call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", "-")
        assert testbench("/retry_test/" + test)["completed"], fault
        assert done.returncode == 0 and done.stdout == DATA, (fault, done.returncode, len(done.stdout), done.stderr)
    happened = inject(storage_objects_get=["return-broken-stream-after-256K"])  # the testbench sends no ETag
    done = run("call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", "-")
    assert happened() and done.returncode == 5 and b"no ETag" in done.stderr, (done.returncode, done.stderr)
    PROXY.reset(lambda r: {"cut_download": 100000, "says": {"ETag": '"one"'}} if r.number == 1
                else {"answer": (412, [("ETag", '"two"')], b"changed")})
    done = run("call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", "-")
    assert done.returncode == 7 and len(done.stdout) == 100000, (done.returncode, len(done.stdout), done.stderr)


def test_download_corrupt():
    folder = fresh("corrupt")
    PROXY.reset(lambda r: {"corrupt": True})
    fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", os.path.join(folder, "new"),
          saying=["big", "differ from the stored ones", "CRC32C"])
    assert folder_left(folder) == []
    fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", "-", saying="differ from the stored ones")


def test_download_to_where_it_cannot():
    folder = fresh("unwritable")
    PROXY.reset()

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    for restore in (False, True):  # whether the signal SIGXFSZ is ignored, as some parents leave it, or not
        done = subprocess.run([BIN, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file",
                               os.path.join(folder, "new")], capture_output=True, preexec_fn=limit, restore_signals=restore)
        assert done.returncode == 1 and b"File too large" in done.stderr, (restore, done)
        assert folder_left(folder) == []
    said = fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", "/dev/full", saying="No space left")
    assert "/dev/full" in said, said
    fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", os.path.join(folder, "no/such/place"),
          saying="No such file or directory")
    fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", folder, saying="s a directory")
    os.chmod(folder, 0o500)
    if os.geteuid():
        fails(1, "call", "gcs.download", "--bucket", "faulty", "--name", "big", "--file", os.path.join(folder, "new"),
              saying="Permission denied")
    os.chmod(folder, 0o700)
    assert folder_left(folder) == []


# ---- storms, refusals, credentials ----

def test_retry_after_is_heeded():
    busy = answer(429, "rateLimitExceeded", "slow down")
    status, headers, body = busy["answer"]
    PROXY.reset(lambda r: {"answer": (status, [*headers, ("Retry-After", "2")], body)} if r.number == 1 else None)
    began = time.monotonic()
    call("gcs.stat", "--bucket", "faulty", "--name", "big")
    assert time.monotonic() - began >= 2


def test_forbidden():
    PROXY.reset(lambda r: answer(403, "forbidden", "robot@demo does not have storage.objects.get access."))
    for words in (["gcs.stat", "--name", "big"], ["gcs.download", "--name", "big", "--file", os.path.join(TMP, "x")],
                  ["gcs.upload", "--name", "x", "--file", FILE, *SESSION], ["gcs.list"], ["gcs.delete", "--name", "big"]):
        fails(4, "call", *words, "--bucket", "faulty", saying=["storage.objects.get access", "forbidden", "roles/storage"])
    assert len(PROXY.requests) == 5, PROXY.requests  # a refusal is not repeated


def test_expired_token():
    """A 401 makes one fresh token; a second 401 is the end."""
    def issued():
        return json.load(urllib.request.urlopen(OAUTH + "/admin/stats"))["issued"]

    PROXY.reset(lambda r: answer(401, "authError", "Invalid Credentials") if r.number == 1 else None)
    before = issued()
    assert call("gcs.stat", "--bucket", "robot", "--name", "big")["size"] == len(DATA)
    tokens = [r.headers["authorization"] for r in PROXY.requests]
    assert len(tokens) == 2 and tokens[0] != tokens[1] and all(t.startswith("Bearer ya29.") for t in tokens), tokens
    assert issued() == before + 2

    PROXY.reset(lambda r: answer(401, "authError", "Invalid Credentials"))
    fails(4, "call", "gcs.stat", "--bucket", "robot", "--name", "big", saying=["401", "Invalid Credentials"])
    assert len(PROXY.requests) == 2, PROXY.requests

    # In the middle of a session, with a file that has to be sent again.
    PROXY.reset(lambda r: answer(401, "authError", "Invalid Credentials") if r.method == "PUT" and r.number == 1 else None)
    call("gcs.upload", "--bucket", "robot", "--file", FILE, "--name", "token", *SESSION)
    check("token")


def test_what_waited_long():
    for thread in BACKGROUND:
        thread.join()
    for problem in PROBLEMS:
        raise problem


main(globals())
