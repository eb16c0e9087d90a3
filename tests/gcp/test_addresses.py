"""The addresses of a credentials file are asked as they stand there, past proxies where they are of this machine; a user's token stays within its
universe; what programs leave is read within limits."""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ask import HOST, KEYS, TMP, URL, Ask, admin, document, main  # noqa: E402

import google.auth  # noqa: E402
from google.auth import exceptions  # noqa: E402
from google.auth.transport.requests import Request  # noqa: E402
from oauth_state import MACHINE, TARGET, USER  # noqa: E402
from proxy import Proxy  # noqa: E402

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
WORKLOAD = "principal://pool/subject/workload"
OUTPUT = os.path.join(TMP, "output.json")
with open(os.path.join(KEYS, "sources/subject.txt")) as subject_file:
    SUBJECT = subject_file.read().strip()
# Without a line break at the end, which google-auth sends along.
SUBJECT_FILE = os.path.join(TMP, "subject")
with open(SUBJECT_FILE, "w") as subject_file:
    subject_file.write(SUBJECT)


def ask_google(config):
    theirs, _ = google.auth.load_credentials_from_dict(config)
    google.auth.credentials.with_scopes_if_required(theirs, [SCOPE]).refresh(Request())


def asked(proxy, call):
    """Method, address and what the credentials file says of the headers, of each request."""
    proxy.reset(proxy.rule)
    call()
    return [(r.method, r.path, r.headers.get("metadata"), r.headers.get("x-provider")) for r in proxy.requests]


def external(**values):
    return {"service_account_info": {**document("external-url-json.json"), **values}}


def principal(ask, block=None):
    return ask("get", block, url=URL + "/protected/thing")["body"]["principal"]


def test_addresses_as_google_auth_asks_them():
    """An identity provider's address may have a query (Azure's has), escapes, a slash at the end, or no path at all; so may the token service's."""
    proxy = Proxy(URL)
    places = ("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2FAzureADTokenExchange", "/subject/json/",
              "?x=%2F&y", "", "/", "/a%2Fb/c%20d?e=%26&f=+", "/subject//twice")
    # Whatever the path: the provider's token.
    proxy.rule = lambda r: None if r.path.startswith(("/sts/", "/v1/")) else {
        "answer": (200, [("Content-Type", "application/json")], json.dumps({"access_token": SUBJECT, "expires_in": "600"}).encode())}
    with Ask() as ask:
        for place in places:
            config = external(token_url=proxy.url + "/sts/token", credential_source={
                "url": proxy.url + place, "headers": {"Metadata": "True", "X-Provider": "please"},
                "format": {"type": "json", "subject_token_field_name": "access_token"}})
            ask("open")
            theirs = asked(proxy, lambda: ask_google(config["service_account_info"]))
            mine = asked(proxy, lambda: ask("token", config))
            assert mine == theirs and len(mine) == 2 and mine[0][2:] == ("True", "please"), f"{place}:\n{mine}\n{theirs}"
        for place in ("/sts/token?a=b&c", "/sts/token"):
            config = external(token_url=proxy.url + place, credential_source={"file": SUBJECT_FILE})
            ask("open")
            theirs = asked(proxy, lambda: ask_google(config["service_account_info"]))
            mine = asked(proxy, lambda: ask("token", config))
            assert mine == theirs == [("POST", place, None, None)], f"{place}:\n{mine}\n{theirs}"
        for place, saying in (("/a b", "the URL contains a control character"), ("/a\nb", "the URL contains a control character")):
            ask.fails("token", external(credential_source={"url": proxy.url + place}), ["credential source", saying], code="invalid")
        ask.fails("token", external(credential_source={"url": "http://user@" + HOST + "/x"}), "contains an invalid character", code="invalid")


def test_past_proxies():
    """A proxy cannot know the machine that asks, and would see secrets: whoever answers on this machine is asked without it."""
    proxy, aws = Proxy(URL), document("external-aws-v2.json")
    outside = {"http_proxy": proxy.url, "all_proxy": proxy.url, "no_proxy": "", "NO_PROXY": ""}
    with Ask(GCE_METADATA_HOST=HOST, NO_GCE_CHECK="false", HOME=TMP, AWS_EC2_METADATA_DISABLED="", **outside) as ask:
        for block, asks in ((None, []), ("external-url.json", ["/sts/token"]), ({"service_account_info": aws}, ["/sts/token"])):
            proxy.reset()
            token = ask("token", block)["token"]
            assert token.startswith("ya29.")
            # The token service's address is not known to be of this machine: as for any other, proxies count.
            assert [r.path for r in proxy.requests] == [URL + path for path in asks], (block, proxy.requests)
        assert ask("project")["project"] == "project-of-machine"
        assert ask("id_token", audience="x")["token"] and [r.path for r in proxy.requests] == [URL + "/sts/token"]


def test_users_within_their_universe():
    """The token endpoint gives tokens for Google's own services, which another universe's are not to get; google-auth refuses alike."""
    user, key = document("authorized-user.json"), document("impersonated-by-user.json")
    with Ask() as ask:
        assert principal(ask, {"service_account_info": {**user, "universe_domain": "googleapis.com"}}) == USER
        assert principal(ask, {"service_account_info": key}) == TARGET
        other = {**user, "universe_domain": "universe.example.com"}
        try:
            ask_google(other)
            raise AssertionError("google-auth refreshes it")
        except exceptions.RefreshError as reason:
            assert "universe.example.com" in str(reason) and "googleapis.com" in str(reason)
        admin("reset")
        for config in (other, {**key, "source_credentials": other}):
            ask.fails("token", {"service_account_info": config}, ["universe.example.com", "googleapis.com", "use a service account"])
        assert admin("stats")["requests"] == 0, "the user's secrets were sent"


def test_what_programs_leave():
    """A file of a program that is endless, a pipe that nobody writes to, or no JSON: as if there were none."""
    config = document("external-executable-good.json")
    executable = config["credential_source"]["executable"]
    program = executable["command"].split()[0]

    def source(mode):
        return {"service_account_info": {**config, "credential_source": {"executable": {**executable, "command": f"{program} {mode}",
                                                                                         "output_file": OUTPUT}}}}

    def ran():
        try:
            os.remove(os.path.join(KEYS, "sources/told.json"))
            return True
        except FileNotFoundError:
            return False

    answer = {"version": 1, "success": True, "token_type": "urn:ietf:params:oauth:token-type:jwt", "id_token": SUBJECT,
              "expiration_time": 4000000000}
    with Ask(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") as ask:
        def says(mode="good"):
            ask("open")
            ran()
            assert principal(ask, source(mode)) == WORKLOAD
            return ran()

        def put(text):
            with open(OUTPUT, "w") as file:
                file.write(text)

        put(json.dumps(answer))
        assert not says(), "what the file holds is used"
        put(json.dumps(answer) + " " * 1_000_000)
        assert not says()
        put(json.dumps(answer) + " " * 1_100_000)
        assert says(), "more than a mebibyte was read"
        for text in ("", "{", "null", "\0" * 100, "[" * 100_000):
            put(text)
            assert says(), text[:10]
        os.remove(OUTPUT)
        for name in ("/dev/zero", "/dev/null", TMP):
            os.symlink(name, OUTPUT)
            assert says(), name
            os.remove(OUTPUT)
        os.mkfifo(OUTPUT)
        assert says(), "a pipe without a writer"
        writer = os.open(OUTPUT, os.O_RDWR)
        assert says(), "a pipe whose writer waits"
        os.close(writer)
        os.remove(OUTPUT)
        # A program that prints nothing and leaves too much.
        ask("open")
        os.symlink("/dev/zero", OUTPUT)
        ask.fails("token", source("nothing"), "did not print JSON")
        ask.fails("token", source("endless"), "printed more than 1024 KiB")
        os.remove(OUTPUT)


def test_programs_inherit_nothing():
    """Not the connections that are kept, nor databases."""
    with Ask(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") as ask:
        assert principal(ask, "service-account.json") and principal(ask, "external-executable-good.json") == WORKLOAD
    with open(os.path.join(KEYS, "sources/told.json")) as file:
        files = json.load(file)["files"]
    assert files.count("/dev/null") == 2 and not [name for name in files if name.startswith("socket:") or name.endswith(".db")], files


def test_machine_past_dead_proxy():
    dead = "http://127.0.0.1:9"
    with Ask(GCE_METADATA_HOST=HOST, NO_GCE_CHECK="false", HOME=TMP, http_proxy=dead, all_proxy=dead, no_proxy="") as ask:
        assert ask("resolve")["kind"] == "metadata server"
        ask.fails("get", None, "no connection", url=URL + "/protected/x", code="network")
        assert ask("check")["report"]["identity"] == MACHINE


if __name__ == "__main__":
    main(globals())
