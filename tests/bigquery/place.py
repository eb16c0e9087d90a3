"""The stand-in for BigQuery behind a proxy that remembers requests, and Google's own client beside dowel."""
import os
import sys

from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import discovery  # noqa: E402
from command import call, dowel, fails, run  # noqa: E402
from proxy import Proxy  # noqa: E402

URL = os.environ["DOWEL_TEST_BIGQUERY_URL"]
PROXY = Proxy(URL)
GOOGLE = bigquery.Client(project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": URL})
HERE = ["--credentials", "demo", "--endpoint", PROXY.url]


def prepare():
    dowel("block", "save", "gcp-credentials/demo", "--anonymous", "--project", "demo")


def checked():
    """Every request since the last reset is one that Google's discovery document allows."""
    for request in list(PROXY.requests):
        discovery.check(request)


def bq(task, *words, **options):
    PROXY.reset(PROXY.rule)
    got = call(f"bigquery.{task}", *HERE, *words, **options)
    checked()
    return got


def refused(code, task, *words, saying=()):
    PROXY.reset(PROXY.rule)
    said = fails(code, "call", f"bigquery.{task}", *HERE, *words, saying=saying)
    checked()
    return said


def attempt(task, *words):
    """The finished process, whatever became of it."""
    PROXY.reset(PROXY.rule)
    return run("call", f"bigquery.{task}", *HERE, "--json", *words)


def submitted():
    """What the last call sent to jobs.insert."""
    return [discovery.metadata(r) for r in PROXY.seen("POST", "/jobs") if not r.path.partition("?")[0].endswith("/cancel")]


def rows(*words):
    return bq("query", "--query", *words)["rows"]
