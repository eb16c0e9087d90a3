"""Functions that really run, behind a proxy that remembers the requests."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, run  # noqa: E402
from proxy import Proxy  # noqa: E402

PROXY = Proxy(os.environ["DOWEL_TEST_LAMBDA_URL"])
KEY = {"DOWEL_SECRET": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}


def prepare():
    dowel("block", "save", "aws-credentials/demo", "--access-key-id", "AKIDEXAMPLE", "--secret-access-key", "env:DOWEL_SECRET",
          "--region", "eu-west-1", env=KEY)
    for name in ("echo", "fail", "slow", "count", "summarise", "nothing"):
        function(name, f"dowel-test-dev-{name}")


def function(block, name, *more):
    dowel("block", "save", f"lambda-function/{block}", "--function-name", name, "--credentials", "demo", "--endpoint", PROXY.url,
          "--overwrite", *more)


def invoke(name, *words, **options):
    PROXY.reset(PROXY.rule)
    return call("lambda.invoke", "--function", name, *words, **options)


def refused(code, name, *words, saying=(), **options):
    PROXY.reset(PROXY.rule)
    return fails(code, "call", "lambda.invoke", "--function", name, *words, saying=saying, **options)


def attempt(name, *words):
    """The finished process, whatever became of it."""
    PROXY.reset(PROXY.rule)
    return run("call", "lambda.invoke", "--function", name, "--json", *words)


class Counter:
    """How often the function `count` ran."""

    def __init__(self, name):
        self.path = os.path.join(TMP, name)
        self.payload = ["--payload", f'{{"file": "{self.path}"}}']

    def ran(self):
        return open(self.path).read().count("ran\n") if os.path.exists(self.path) else 0
