"""The cache of tokens: one request for any number of threads, renewal ahead of the end, a token server that dies meanwhile."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ask import HOST, TMP, Ask, admin, main, stats  # noqa: E402

TYPES = ("service-account.json", "authorized-user.json", "impersonated.json", "external-file.json", "external-impersonated.json", None)


def test_cold_cache():
    """64 threads, nothing cached: each identity's token is asked for once."""
    with Ask(GCE_METADATA_HOST=HOST, NO_GCE_CHECK="false", HOME=TMP) as ask:
        for block in TYPES:
            admin("reset")
            admin("fault", delay=0.1)
            answer = ask("token", block, threads=64)
            assert answer["failed"] == 0 and answer["different"] == 1, answer
            asked = [seen["endpoint"] for seen in stats()["seen"]]
            assert len(asked) == len(set(asked)) == (2 if "impersonated" in (block or "") else 1), (block, asked)
            assert stats()["pings"] == (block is None)
        admin("reset")
        admin("fault", delay=0.1)
        answer = ask("id_token", "service-account.json", threads=64, audience="x")
        assert (answer["failed"], answer["different"], stats()["requests"]) == (0, 1, 1), answer


def test_cold_cache_and_a_refusal():
    with Ask() as ask:
        admin("reset")
        admin("fault", delay=0.3)
        assert ask("token", "wrong-key.json", threads=64)["failed"] == 64
        # Whoever comes after the failure may ask once more for itself.
        assert stats()["requests"] < 8, stats()


def test_renewed_early_by_one():
    with Ask() as ask:
        for block in ("service-account.json", "external-file.json", "impersonated.json"):
            admin("reset")
            admin("fault", expires_in=200)
            first = ask("token", block)["token"]
            before = stats()["requests"]
            admin("fault", delay=0.2)
            answer = ask("token", block, threads=64)
            # One renews and gets the new one; the others go on with the old one, or come later and get the new one.
            assert answer["failed"] == 0 and answer["different"] <= 2, answer
            now = ask("token", block)["token"]
            assert now != first and stats()["requests"] - before == (2 if block == "impersonated.json" else 1)


def test_a_token_server_that_dies():
    """While the old token holds, nobody fails; afterwards the failure is told."""
    keys = os.path.join(TMP, "other-keys")
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../emulators/oauth.py")
    server = subprocess.Popen([sys.executable, script, "--keys", keys], stdout=subprocess.PIPE)
    try:
        url = server.stdout.readline().decode().split()[-1]
        block = {"service_account_file": os.path.join(keys, "service-account.json")}
        with Ask() as ask:
            order(url, "fault", expires_in=6)
            got = ask("token", block)
            order(url, "fault", delay=30)
            # It is asked, and dies before it answers.
            threading.Timer(0.5, server.kill).start()
            old = []
            while time.time() < got["expires"] - 1.5:
                answer = ask("token", block, threads=64)
                assert answer["failed"] == 0 and answer["different"] == 1 and answer["token"] == got["token"], answer
                old.append(answer["token"])
            assert old
            while time.time() <= got["expires"]:
                time.sleep(0.1)
            ask.fails("token", block, "no connection", code="network")
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
        shutil.rmtree(keys, ignore_errors=True)


def test_faults_while_the_old_token_holds():
    with Ask() as ask:
        for block in ("service-account.json", "external-file.json", "impersonated.json"):
            admin("reset")
            admin("fault", expires_in=200)
            old = ask("token", block)["token"]
            for fault in ({"status": 503}, {"status": 400, "error": "invalid_grant"}):
                admin("fault", **fault)
                answer = ask("token", block, threads=64)
                assert answer["failed"] == 0 and answer["different"] == 1 and answer["token"] == old, answer
            # But a caller whose token was refused is told.
            ask.fails("token", block, "no access token for", again=True)
        admin("reset")


def order(url, action, **body):
    urllib.request.urlopen(urllib.request.Request(f"{url}/admin/{action}", json.dumps(body).encode(), method="POST")).read()


if __name__ == "__main__":
    main(globals())
