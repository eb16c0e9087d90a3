"""Application Default Credentials: the order, the metadata server, projects; and files that are of no use."""
import http.server
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ask import HOST, KEYS, TMP, URL, Ask, admin, document, last, main, stats  # noqa: E402

from oauth_state import EMAIL, MACHINE, TARGET, USER  # noqa: E402

GCLOUD = os.path.join(TMP, "gcloud")
DEFAULT = os.path.join(GCLOUD, "application_default_credentials.json")


def principal(ask, block=None):
    return ask("get", block, url=URL + "/protected/thing")["body"]["principal"]


def gcloud(credentials=None, **files):
    """A gcloud folder as its command leaves it."""
    for path in [DEFAULT]:
        if os.path.lexists(path):
            os.remove(path)
    os.makedirs(os.path.join(GCLOUD, "configurations"), exist_ok=True)
    if credentials:
        os.symlink(os.path.join(KEYS, credentials), DEFAULT)
    for name, text in files.items():
        with open(os.path.join(GCLOUD, name.replace("__", "/")), "w") as file:
            file.write(text)


def test_order():
    metadata = {"GCE_METADATA_HOST": HOST, "NO_GCE_CHECK": "false"}
    gcloud("authorized-user.json")
    with Ask(CLOUDSDK_CONFIG=GCLOUD, GOOGLE_APPLICATION_CREDENTIALS=os.path.join(KEYS, "service-account.json"), **metadata) as ask:
        assert principal(ask, "impersonated.json") == TARGET
        assert principal(ask) == EMAIL
        ask.setenv(GOOGLE_APPLICATION_CREDENTIALS="")
        assert principal(ask) == USER
        ask.setenv(GOOGLE_APPLICATION_CREDENTIALS="/nowhere/key.json")
        ask.fails("token", None, ["GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json", "check the path"])
        ask.setenv(GOOGLE_APPLICATION_CREDENTIALS=None)
        gcloud()
        ask("open")
        assert principal(ask) == MACHINE
        os.mkdir(DEFAULT)  # what is no file is passed over
        ask("open")
        assert principal(ask) == MACHINE
        os.rmdir(DEFAULT)
        with open(DEFAULT, "w") as file:
            file.write("{")
        ask("open")
        ask.fails("token", None, [DEFAULT, "damaged or cut short"])
        # Without CLOUDSDK_CONFIG, the folder is in the home.
        home = os.path.join(TMP, "home")
        os.makedirs(os.path.join(home, ".config/gcloud"))
        os.symlink(os.path.join(KEYS, "authorized-user.json"), os.path.join(home, ".config/gcloud/application_default_credentials.json"))
        ask.setenv(CLOUDSDK_CONFIG=None, HOME=home)
        assert principal(ask) == USER
        ask.setenv(HOME=TMP)
        assert principal(ask) == MACHINE
        ask.setenv(NO_GCE_CHECK="true")
        failed = ask.fails("token", None, ["no Google credentials", "gcloud auth application-default login"])
        assert os.path.join(TMP, ".config/gcloud/application_default_credentials.json") in failed.message


def test_metadata():
    with Ask(GCE_METADATA_HOST=HOST, NO_GCE_CHECK="false", HOME=TMP) as ask:
        admin("reset")
        assert principal(ask) == MACHINE
        assert last()["query"] == {"scopes": "https://www.googleapis.com/auth/cloud-platform"}
        assert stats()["pings"] == 1 and stats()["requests"] == 1
        assert principal(ask) == MACHINE and stats()["requests"] == 1
        assert ask("project")["project"] == "project-of-machine"
        assert principal(ask, {"scopes": ["a", "b"]}) == MACHINE and last()["query"] == {"scopes": "a,b"}
        ask.fails("token", {"subject": USER}, "domain-wide delegation")
        # It is flaky: asked again.
        ask("open")
        admin("reset")
        assert ask("resolve")["kind"] == "metadata server"
        admin("metadata", status=503, count=2)
        assert principal(ask) == MACHINE
        # It has no account to give.
        ask("open")
        assert ask("resolve")["kind"] == "metadata server"
        admin("metadata", status=404)
        ask.fails("token", None, ["HTTP 404", "attach a service account"], code="not_found")
        # What answers is something else.
        admin("metadata", flavor="Other")
        ask("open")
        ask.fails("token", None, "no metadata server answers")
        admin("metadata", status=404)
        ask("open")
        ask.fails("token", None, "no metadata server answers")
        admin("reset")
        # The old name of the variable; the address for the question whether there is one.
        ask.setenv(GCE_METADATA_HOST=None, GCE_METADATA_ROOT=HOST, GCE_METADATA_IP=HOST)
        assert principal(ask) == MACHINE and stats()["pings"] == 1


def test_absent_metadata_server():
    """Nobody listens; somebody listens and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            refusing = "127.0.0.1:%d" % free.getsockname()[1]
        for host in (refusing, "127.0.0.1:%d" % silent.getsockname()[1]):
            with Ask(GCE_METADATA_IP=host, NO_GCE_CHECK="false", HOME=TMP, GCE_METADATA_TIMEOUT="1",
                     GCE_METADATA_DETECT_RETRIES="1") as ask:
                ask.fails("token", None, "no metadata server answers")
                # Many threads ask once.
                assert ask("token", None, threads=32)["failed"] == 32


def test_silent_metadata_server_is_asked_once_by_many_threads():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            event.wait(0.5)
            self.send_error(404)

        def log_message(self, *_):
            pass

    event = threading.Event()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Ask(GCE_METADATA_IP="127.0.0.1:%d" % server.server_address[1], NO_GCE_CHECK="false", HOME=TMP) as ask:
        assert ask("token", None, threads=32)["failed"] == 32
    assert len(asked) < 8, f"asked {len(asked)} times"
    server.shutdown()
    server.server_close()


def test_project():
    gcloud("authorized-user.json")
    block = {"service_account_file": os.path.join(KEYS, "service-account.json")}
    with Ask(CLOUDSDK_CONFIG=GCLOUD, CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=URL) as ask:
        def project(block=None, **more):
            return ask("project", block, **more)["project"]

        failed = ask.fails("project", None, "no Google Cloud project is set", code="invalid")
        assert "GOOGLE_CLOUD_PROJECT" in failed.hint
        gcloud("authorized-user.json", active_config="mine\n", configurations__config_default="[core]\nproject = by-default\n",
               configurations__config_mine="[compute]\nproject = no\n[core]\naccount = a@example.com\n# project = no\nproject = active\n",
               configurations__config_other="[core]\nproject=other\n")
        assert project() == "active"
        ask.setenv(CLOUDSDK_ACTIVE_CONFIG_NAME="other")
        assert project() == "other"
        ask.setenv(CLOUDSDK_ACTIVE_CONFIG_NAME="../configurations/config_other")
        ask.fails("project", None, "no Google Cloud project is set", code="invalid")
        ask.setenv(CLOUDSDK_ACTIVE_CONFIG_NAME=None)
        os.remove(os.path.join(GCLOUD, "active_config"))
        assert project() == "by-default"
        ask.setenv(CLOUDSDK_CORE_PROJECT="core")
        assert project() == "core"
        assert project("external-file.json") == "project-of-number"
        assert project("external-workforce.json") == "project-of-number"
        assert project(block) == "test-project"
        ask.setenv(GOOGLE_APPLICATION_CREDENTIALS=block["service_account_file"])
        assert project() == "test-project"
        ask.setenv(GCLOUD_PROJECT="legacy")
        assert project() == "legacy"
        ask.setenv(GOOGLE_CLOUD_PROJECT="environment")
        assert project() == "environment" and project("authorized-user.json") == "environment"
        assert project(block) == "test-project"
        assert project({**block, "project": "of-block"}) == "of-block"
        assert project(block, given="given") == "given"
        ask.setenv(GOOGLE_CLOUD_QUOTA_PROJECT="quota-of-environment")

        def quota(block):
            return ask("get", block, url=URL + "/protected/x")["body"]["headers"].get("x-goog-user-project")

        assert quota("authorized-user.json") == "quota-of-environment" == quota(block)
        assert quota({**block, "quota_project": "quota-of-block"}) == "quota-of-block"
        ask.setenv(GOOGLE_CLOUD_QUOTA_PROJECT=None)
        assert quota("authorized-user.json") == "quota-project" and quota(block) is None


def test_bad_files():
    path = os.path.join(TMP, "key.json")
    key = document("service-account.json")
    external, executable = document("external-file.json"), document("external-executable-good.json")
    aws, impersonated, user = document("external-aws.json"), document("impersonated.json"), document("external-user.json")

    def without(base, *members):
        return {k: v for k, v in base.items() if k not in members}

    def source(**values):
        return {**external, "credential_source": values}

    def program(**values):
        return {**executable, "credential_source": {"executable": {**executable["credential_source"]["executable"], **values}}}

    def ec2(**values):
        return {**aws, "credential_source": {**aws["credential_source"], **values}}

    rows = [
        ("", "empty"), ("[]", "not a Google credentials file"), ("null", "not a Google credentials file"),
        (json.dumps(key)[:400], ["damaged or cut short", "line 1"]), (b"\xff\xfe{}", "UTF-16"),
        ({}, "no \"type\""), ({"type": "gdch_service_account"}, ["gdch_service_account", "supported types: service_account"]),
        (without(key, "client_email"), "\"client_email\" is missing"), (without(key, "private_key"), "\"private_key\" is missing"),
        ({**key, "private_key": "secret"}, "not a PEM private key"),
        ({**key, "private_key": key["private_key"][:300] + "\n-----END PRIVATE KEY-----\n"}, "cannot sign"),
        ({**key, "private_key": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"}, "not a PEM private key"),
        ({**key, "token_uri": "http://oauth2.example.com/token"}, "not https"), ({**key, "universe_domain": 3}, "\"universe_domain\""),
        (without(document("authorized-user.json"), "refresh_token"), "\"refresh_token\" is missing"),
        ({**document("authorized-user.json"), "scopes": [1]}, "\"scopes[0]\" is not text"),
        (without(impersonated, "source_credentials"), "\"source_credentials\" is missing"),
        ({**impersonated, "source_credentials": external}, "of type \"external_account\" are not supported"),
        ({**impersonated, "source_credentials": without(key, "private_key")}, ["source_credentials", "\"private_key\" is missing"]),
        (without(impersonated, "service_account_impersonation_url"), "\"service_account_impersonation_url\" is missing"),
        ({**impersonated, "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1"}, "does not name a service account"),
        ({**impersonated, "service_account_impersonation_url": "http://iam.example.com/x/a@b:generateAccessToken"}, "not https"),
        ({**impersonated, "delegates": "a"}, "\"delegates\" is not a list"), ({**impersonated, "delegates": [1]}, "\"delegates[0]\""),
        (without(external, "audience"), "\"audience\" is missing"), (without(external, "token_url"), "\"token_url\" is missing"),
        (without(external, "subject_token_type"), "\"subject_token_type\" is missing"),
        ({**external, "token_url": "http://sts.example.com/v1/token"}, "not https"),
        ({**external, "workforce_pool_user_project": "p"}, "for workforce pools only"),
        (without(external, "credential_source"), "\"credential_source\" is missing"), (source(), "none of file, url"),
        (source(file="a", url="https://b"), "more than one of file, url"), (source(certificate={}), "X.509"),
        (source(file=3), "\"credential_source.file\" is not text"), (source(file="a", environment_id="aws1"), "environment_id"),
        (source(file="a", format={"type": "xml"}), "neither \"text\" nor \"json\""),
        (source(file="a", format={"type": "json"}), "subject_token_field_name\" is missing"),
        (source(url="https://b", headers={"A": 1}), "headers.A\" is not text"),
        (program(command=""), "command\" is missing"), (program(timeout_millis=4999), "between 5 and 120 seconds"),
        (program(timeout_millis=120001), "between 5 and 120 seconds"), (program(interactive_timeout_millis=1), "between 30 seconds and 30"),
        (ec2(environment_id="azure1"), "is not \"aws1\""), (ec2(environment_id="aws2"), "\"aws2\" is not supported"),
        (ec2(regional_cred_verification_url=None), "regional_cred_verification_url\" is missing"),
        ({**external, "service_account_impersonation_url": "https://x/y"}, "does not name a service account"),
        ({**external, "service_account_impersonation_url": "https://x/y@z:generateAccessToken",
          "service_account_impersonation": {"token_lifetime_seconds": 100000}}, "between 1 and 43200"),
        (without(user, "refresh_token"), "needs a token, or all of refresh_token"),
    ]
    with Ask() as ask:
        for content, saying in rows:
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else
                           (content if isinstance(content, str) else json.dumps(content)).encode())
            ask("open")
            failed = ask.fails("token", {"service_account_file": path}, saying)
            assert path in failed.message and failed.hint, failed
            assert key["private_key"][100:160] not in failed.message
        os.remove(path)
        ask("open")
        ask.fails("token", {"service_account_file": path}, "No such file")
        os.mkfifo(os.path.join(TMP, "pipe"))
        for other, says in ((TMP, "Is a directory"), (os.path.join(TMP, "pipe"), "a pipe that no program writes to"), ("/dev/zero", "not a regular file")):
            ask.fails("token", {"service_account_file": other}, says)
        if os.getuid():
            with open(path, "w") as file:
                json.dump(key, file)
            os.chmod(path, 0)
            ask.fails("token", {"service_account_file": path}, ["Permission denied", "owner and mode"])
        # A file that was repaired is read again once a service refuses the token.
    with Ask() as ask:
        with open(path, "w") as file:
            json.dump(key, file)
        block = {"service_account_file": path}
        assert principal(ask, block) == EMAIL
        with open(path, "w") as file:
            json.dump(document("authorized-user.json"), file)
        assert principal(ask, block) == EMAIL
        admin("revoke")
        assert principal(ask, block) == USER


if __name__ == "__main__":
    main(globals())
