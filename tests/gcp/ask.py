"""Asks dowel (through gcp_ask) and the stand-in for Google."""
import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../emulators"))
from command import main  # noqa: E402,F401

URL, KEYS = os.environ["DOWEL_TEST_OAUTH_URL"], os.environ["DOWEL_TEST_OAUTH_KEYS"]
HOST = URL.removeprefix("http://")
TMP = os.environ["DOWEL_TEST_TMP"]


class Failed(Exception):
    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']} (hint: {error.get('hint', '')})")
        self.code, self.message, self.hint = error["code"], error["message"], error.get("hint", "")


class Ask:
    """One process with one handle. `block`: a document, the name of a credentials file, or None for the default."""

    def __init__(self, **env):
        self.process = subprocess.Popen([os.environ["DOWEL_GCP_ASK"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "NO_GCE_CHECK": "true", **env})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(60)
        self.process.stdout.close()
        assert code == 0, f"gcp_ask ended with {code}"

    def __call__(self, do, block=None, **more):
        if isinstance(block, str):
            block = {"service_account_file": os.path.join(KEYS, block)}
        self.process.stdin.write(json.dumps({"do": do, "block": block, **more}).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"gcp_ask ended with {self.process.wait(10)}"
        answer = json.loads(line)
        if "error" in answer and "failed" not in answer:
            raise Failed(answer["error"])
        if answer.get("failed") and more.get("threads", 1) == 1:
            raise Failed(answer["error"])
        return answer

    def setenv(self, **values):
        for name, value in values.items():
            self("setenv", name=name, value=value)
        self("open")

    def fails(self, do, block=None, saying=(), code="credentials", **more):
        try:
            answer = self(do, block, **more)
        except Failed as failed:
            assert failed.code == code, failed
            for part in [saying] if isinstance(saying, str) else saying:
                assert part in failed.message + " " + failed.hint, f"does not say {part!r}: {failed}"
            assert failed.hint or failed.code != "credentials" or saying, f"no hint: {failed}"
            return failed
        raise AssertionError(f"{do} of {block} succeeded: {answer}")


def admin(action, **body):
    request = urllib.request.Request(f"{URL}/admin/{action}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stats():
    return admin("stats")


def last():
    return stats()["last"]


def certs():
    with urllib.request.urlopen(URL + "/certs") as answer:
        return json.load(answer)


def document(name):
    with open(os.path.join(KEYS, name)) as file:
        return json.load(file)
