"""Jobs of the stand-in server, behind a proxy that remembers the requests. What the server holds is read from the server, not from dowel."""
import json
import os
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, call, dowel, fails, run, start  # noqa: E402,F401
from proxy import Proxy  # noqa: E402

URL = os.environ["DOWEL_TEST_CLOUD_RUN_URL"]
PROXY = Proxy(URL)
JSON = {"Content-Type": "application/json"}
HOME = "projects/demo/locations/europe-west1/jobs"
PARENT = f"/v2/{HOME}"


def server(path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(URL + path, data, JSON, method=method)) as answer:
        return json.load(answer)


def job(name):
    """As the server has it; None where there is none."""
    try:
        return server(f"{PARENT}/{name}")
    except urllib.error.HTTPError as problem:
        assert problem.code == 404, problem
        return None


def container(name):
    return job(name)["template"]["template"]["containers"][0]


def executions(name, deleted=False):
    found, token = [], ""
    try:
        while True:
            page = server(f"{PARENT}/{name}/executions?pageToken={token}" + ("&showDeleted=true" if deleted else ""))
            found += page.get("executions", [])
            token = urllib.parse.quote(page.get("nextPageToken", ""))
            if not token:
                return found
    except urllib.error.HTTPError as problem:
        assert problem.code == 404, problem
        return []


def ours(name):
    """Those that dowel started."""
    return [e for e in executions(name) if e["template"]["containers"][0]["image"] != "local/other"]


def prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def block(name, *more, image="local/report"):
    dowel("block", "save", f"cloud-run-job/{name}", "--job", name, "--region", "europe-west1", "--credentials", "demo", "--endpoint", PROXY.url,
          "--overwrite", *(["--image", image] if image else []), *more)


def script(text):
    return ["--command", "sh", "--args", "-c", "--args", text]


def fault(**what):
    server("/_faults", what)


def newest_run():
    return json.loads(dowel("runs", "--json", "--task", "cloud_run.run"))[0]


def until(what, process=None, limit=60):
    end = time.monotonic() + limit
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end and (process is None or process.poll() is None), "waited in vain"
        time.sleep(0.02)
