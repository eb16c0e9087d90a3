"""Each type of credentials file gets its tokens: access and ID tokens, signatures, from a server that verifies with others' libraries."""
import base64
import glob
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ask import KEYS, TMP, URL, Ask, admin, certs, document, last, main, stats  # noqa: E402

import federation  # noqa: E402
from google.auth import aws, jwt  # noqa: E402
from oauth_state import EMAIL, MACHINE, MIDDLE, TARGET, USER  # noqa: E402

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
IAM_SCOPE = "https://www.googleapis.com/auth/iam"
AUDIENCE = "https://service.example.com"


def who(ask, block, **more):
    """Whom the server takes for the caller."""
    return ask("get", block, url=URL + "/protected/thing", **more)["body"]


def test_service_account():
    with Ask() as ask:
        block = {"service_account_file": os.path.join(KEYS, "service-account.json"), "scopes": ["a", "b"]}
        assert who(ask, block)["principal"] == EMAIL
        assert last()["claims"]["scope"] == "a b" and "sub" not in last()["claims"]
        assert who(ask, {**block, "subject": USER})["principal"] == USER
        ask.fails("token", "wrong-key.json", ["invalid_grant", EMAIL, "wrong-key.json"])
        ask.fails("token", "expired-key.json", ["invalid_grant", "expired", "create a new key"])


def test_authorized_user():
    with Ask() as ask:
        answer = who(ask, "authorized-user.json")
        assert answer["principal"] == USER and answer["headers"]["x-goog-user-project"] == "quota-project"
        assert last() == {"endpoint": "oauth", "grant_type": "refresh_token", "principal": USER}
        block = {"service_account_file": os.path.join(KEYS, "authorized-user.json"), "scopes": ["a", "b"]}
        assert who(ask, block)["principal"] == USER and last()["scope"] == "a b"
        ask.fails("token", {**block, "subject": USER}, "domain-wide delegation")
        ask.fails("token", {"service_account_info": {**document("authorized-user.json"), "refresh_token": "other"}},
                  ["invalid_grant", "log in again"])


def test_impersonated():
    with Ask() as ask:
        assert who(ask, "impersonated.json")["principal"] == TARGET
        assert last() == {"endpoint": "iam", "verb": "generateAccessToken", "account": TARGET, "principal": EMAIL,
                          "body": {"scope": [SCOPE], "lifetime": "3600s"}}
        assert stats()["seen"][-2]["claims"]["scope"] == IAM_SCOPE
        answer = who(ask, "impersonated-by-user.json")
        assert answer["principal"] == TARGET and answer["headers"]["x-goog-user-project"] == "quota-project"
        assert last()["principal"] == USER
        assert who(ask, "impersonated-delegates.json")["principal"] == TARGET
        assert last()["body"] == {"scope": ["scope-of-file"], "lifetime": "3600s", "delegates": [MIDDLE]}
        block = {"service_account_file": os.path.join(KEYS, "impersonated.json"), "scopes": ["x"], "subject": USER, "token_uri": URL + "/token"}
        assert who(ask, block)["principal"] == USER
        assert last()["claims"]["iss"] == TARGET and last()["claims"]["scope"] == "x" and last()["header"]["kid"] == "target-key"
        ask.fails("token", "impersonated-refused.json", ["PERMISSION_DENIED", "roles/iam.serviceAccountTokenCreator"])
        # A token of the source that was revoked is replaced, too.
        admin("revoke")
        admin("reset")
        assert who(ask, "impersonated.json")["principal"] == TARGET
        assert [seen["endpoint"] for seen in stats()["seen"]] == ["oauth", "iam"]


def test_external_account():
    with Ask() as ask:
        expected = {"grant_type": federation.EXCHANGE, "audience": federation.POOL, "scope": SCOPE,
                    "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
                    "subject_token_type": federation.JWT_TYPE}
        for name in ("file", "file-json", "url", "url-json", "executable-good"):
            if name == "executable-good":
                ask.setenv(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1")
            assert who(ask, f"external-{name}.json")["principal"] == "principal://pool/subject/workload", name
            assert last()["form"] == expected and last()["client"] is None, last()
        assert who(ask, "external-client.json")["principal"] == "principal://pool/subject/workload"
        assert last()["client"] == federation.CLIENT_ID
        who(ask, "external-workforce.json")
        assert last()["form"]["options"] == "%7B%22userProject%22%3A%20%22123456789012%22%7D"
        assert who(ask, "external-impersonated.json")["principal"] == TARGET
        assert last()["body"] == {"scope": [SCOPE], "lifetime": "2800s"}
        assert stats()["seen"][-2]["form"]["scope"] == IAM_SCOPE


def test_external_account_sources_that_fail():
    with Ask() as ask:
        external = document("external-file.json")

        def fails(source, saying):
            ask.fails("token", {"service_account_info": {**external, "credential_source": source}}, saying)

        empty, other = os.path.join(TMP, "empty"), os.path.join(TMP, "other")
        open(empty, "w").close()
        with open(other, "w") as file:
            file.write("{\"token\": 3}")
        pipe = os.path.join(TMP, "pipe")
        os.mkfifo(pipe)
        for path in (pipe, TMP, "/dev/null"):
            fails({"file": path}, ["cannot read the subject token", "Is a directory"] if path == TMP else "not a regular file")
        fails({"file": "/nowhere/token"}, ["cannot read the subject token /nowhere/token", "credential_source.file"])
        fails({"file": empty}, "empty")
        fails({"file": other, "format": {"type": "json", "subject_token_field_name": "token"}}, "no text \"token\"")
        fails({"file": other}, ["invalid_grant", "rejected"])
        ask.fails("token", {"service_account_info": {**external, "credential_source": {"url": URL + "/subject/text"}}},
                  ["HTTP 403", "credential_source"], code="permission")


def test_aws():
    """The signature is verified by botocore; the text is the same, byte for byte, as google-auth makes it."""
    with Ask(AWS_ACCESS_KEY_ID="AKIDEXAMPLEENVIRONMENT", AWS_SECRET_ACCESS_KEY="environment/secret+key", AWS_REGION="eu-west-1") as ask:
        assert who(ask, "external-aws.json")["principal"] == "principal://pool/subject/aws"
        said = last()["aws"]
        assert (said["key"], said["region"], said["session"]) == ("AKIDEXAMPLEENVIRONMENT", "eu-west-1", None), said
        same_as_google_auth(said["token"], "eu-west-1", "AKIDEXAMPLEENVIRONMENT", "environment/secret+key", None)
        ask.setenv(AWS_SECRET_ACCESS_KEY="wrong")
        ask.fails("token", "external-aws.json", "SignatureDoesNotMatch")
        ask.setenv(AWS_SECRET_ACCESS_KEY=None, AWS_REGION=None)
        for name in ("external-aws.json", "external-aws-v2.json"):
            assert who(ask, name)["principal"] == "principal://pool/subject/aws"
            said = last()["aws"]
            assert (said["key"], said["region"], said["session"]) == ("AKIDEXAMPLEMETADATA", "us-east-2", federation.AWS_TOKEN), said
            same_as_google_auth(said["token"], "us-east-2", "AKIDEXAMPLEMETADATA", "metadata/secret+key", federation.AWS_TOKEN)
        config = document("external-aws.json")
        del config["credential_source"]["url"]
        ask.fails("token", {"service_account_info": config}, ["AWS keys", "AWS_ACCESS_KEY_ID"])
        config = document("external-aws-v2.json")
        del config["credential_source"]["imdsv2_session_token_url"]
        ask.fails("token", {"service_account_info": config}, "HTTP 401", code="permission")


def same_as_google_auth(token, region, key, secret, session):
    import datetime
    import urllib.parse
    from unittest import mock
    headers = {h["key"]: h["value"] for h in json.loads(urllib.parse.unquote(token))["headers"]}
    then = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")

    class Supplier(aws.AwsSecurityCredentialsSupplier):
        def get_aws_security_credentials(self, context, request):
            return aws.AwsSecurityCredentials(key, secret, session)

        def get_aws_region(self, context, request):
            return region

    theirs = aws.Credentials(audience=federation.POOL, subject_token_type=federation.AWS_TYPE,
                             aws_security_credentials_supplier=Supplier())
    with mock.patch("google.auth._helpers.utcnow", lambda: then):
        assert theirs.retrieve_subject_token(None) == token


def test_executable():
    with Ask() as ask:
        ask.fails("token", "external-executable-good.json", ["not allowed", "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1"])
        ask.setenv(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="true")
        ask.fails("token", "external-executable-good.json", "not allowed")
        ask.setenv(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1", GOOGLE_EXTERNAL_ACCOUNT_REVOKE="1")
        assert who(ask, "external-executable-good.json")["principal"] == "principal://pool/subject/workload"
        with open(os.path.join(KEYS, "sources/told.json")) as file:
            told = json.load(file)
        assert told["arguments"] == ["good", "two words", "a \"quoted\" one", "back slash"], told
        assert told["told"] == {
            "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1", "GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE": federation.POOL,
            "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE": federation.JWT_TYPE, "GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE": "0",
            "GOOGLE_EXTERNAL_ACCOUNT_REVOKE": "0", "GOOGLE_EXTERNAL_ACCOUNT_ID": ""}, told
        assert who(ask, "external-executable-saml.json")["principal"] == "principal://pool/subject/saml"
        for mode, saying in (("status", "status 3"), ("failure", "401: Caller not authorized."), ("expired", "expired token"),
                             ("version", "version"), ("type", "token_type"), ("garbage", "did not print JSON"), ("malformed", "version")):
            ask.fails("token", f"external-executable-{mode}.json", saying)
        config = document("external-executable-good.json")
        for command, saying in (("/nowhere/program", "No such file"), ("unended 'quote", "command line")):
            config["credential_source"]["executable"]["command"] = command
            ask.fails("token", {"service_account_info": config}, saying)


def test_executable_output_file():
    output = os.path.join(KEYS, "sources/output.json")
    with Ask(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") as ask:
        assert who(ask, "external-executable-file.json")["principal"] == "principal://pool/subject/workload"
        with open(os.path.join(KEYS, "sources/told.json")) as file:
            assert json.load(file)["told"]["GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"] == output
        os.remove(os.path.join(KEYS, "sources/told.json"))
        ask("open")
        assert who(ask, "external-executable-file.json")["principal"] == "principal://pool/subject/workload"
        assert not os.path.exists(os.path.join(KEYS, "sources/told.json")), "the program ran although its file holds a token"
        with open(output) as file:
            answer = json.load(file)
        with open(output, "w") as file:
            json.dump({**answer, "expiration_time": 1}, file)
        ask("open")
        assert who(ask, "external-executable-file.json")["principal"] == "principal://pool/subject/workload"
        assert os.path.exists(os.path.join(KEYS, "sources/told.json")), "the program did not run although its token has expired"
        with open(output, "w") as file:
            json.dump({"version": 1, "success": True}, file)
        ask("open")
        ask.fails("token", "external-executable-file.json", ["output.json", "token_type"])
    os.remove(output)


def test_executable_is_stopped():
    with Ask(GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1") as ask:
        ask.fails("token", "external-executable-sleep.json", ["did not end in time", "timeout_millis"])
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as file:
                    assert KEYS.encode() + b"/sources/program.py\0sleep" not in file.read(), "the program runs on"
            except OSError:
                pass  # it ended meanwhile


def test_external_user():
    with Ask() as ask:
        for _ in range(3):
            answer = who(ask, "external-user.json")
            assert answer["principal"] == "principal://user" and answer["headers"]["x-goog-user-project"] == "quota-project"
            assert last() == {"endpoint": "sts", "form": {"grant_type": "refresh_token"}, "client": federation.CLIENT_ID}
            admin("revoke")  # the next token is got with the refresh token that came with this one
        for rotates in (False, False, True, False, False):  # an answer without one leaves the newest in force
            admin("fault", rotates=rotates, count=1)
            assert who(ask, "external-user.json")["principal"] == "principal://user", rotates
            admin("revoke")
        config = document("external-user.json")
        for member in ("refresh_token", "token_url"):
            del config[member]
        config.update(token="token-of-file", expiry="2999-01-01T00:00:00Z")
        assert ask("token", {"service_account_info": config})["token"] == "token-of-file"
        config.update(expiry="2020-01-01T00:00:00Z")
        ask.fails("token", {"service_account_info": config}, ["expired", "log in again"])


def test_self_signed():
    """Another universe's services accept what the account signs itself; nobody is asked. Google's own do, too."""
    with Ask() as ask:
        admin("reset")
        assert who(ask, "other-universe.json")["principal"] == EMAIL
        token = ask("token", "other-universe.json")["token"]
        claims = jwt.decode(token, certs=certs())
        assert claims["iss"] == claims["sub"] == EMAIL and claims["scope"] == SCOPE and "aud" not in claims
        assert claims["exp"] - claims["iat"] == 3600 and stats()["requests"] == 0
        ask.fails("get", "other-universe.json", ["universe.example.com", "endpoint"], url="https://storage.googleapis.com/b")
        block = {"service_account_file": os.path.join(KEYS, "other-universe.json"), "subject": USER}
        ask.fails("token", block, "no domain-wide delegation")


def test_id_tokens():
    with Ask(GCE_METADATA_HOST=URL.removeprefix("http://"), NO_GCE_CHECK="false") as ask:
        for block, email in (("service-account.json", EMAIL), ("impersonated.json", TARGET), ("external-impersonated.json", TARGET),
                             ("impersonated-delegates.json", TARGET), (None, MACHINE)):
            admin("reset")
            token = ask("id_token", block, audience=AUDIENCE)["token"]
            claims = jwt.decode(token, certs={"google-key": certs()["google"]}, audience=AUDIENCE)
            assert claims["email"] == email and claims["iss"] == "https://accounts.google.com"
            asked = stats()["requests"]
            assert ask("id_token", block, audience=AUDIENCE)["token"] == token and stats()["requests"] == asked
            other = ask("id_token", block, audience="other")
            assert jwt.decode(other["token"], certs={"google-key": certs()["google"]}, audience="other")["exp"] == other["expires"]
        for block in ("authorized-user.json", "external-file.json", {"token": "mine"}, {"anonymous": True}):
            ask.fails("id_token", block, ["of this kind have no ID token", "use a service account"], audience=AUDIENCE)
        ask.fails("id_token", "service-account.json", "needs an audience", code="invalid", audience="")
        # In another universe, IAM makes them.
        ask.setenv(CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS=URL + "/")
        token = ask("id_token", "other-universe.json", audience=AUDIENCE)["token"]
        assert jwt.decode(token, certs={"google-key": certs()["google"]}, audience=AUDIENCE)["email"] == EMAIL


def test_signatures():
    with Ask(GCE_METADATA_HOST=URL.removeprefix("http://"), NO_GCE_CHECK="false",
             CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS=URL) as ask:
        for block, email in (("service-account.json", EMAIL), ("impersonated.json", TARGET), ("external-impersonated.json", TARGET),
                             ("impersonated-delegates.json", TARGET), (None, MACHINE)):
            signed = ask("sign", block, data="GOOG4-RSA-SHA256\n")
            assert signed["email"] == email
            for data, good in (("GOOG4-RSA-SHA256\n", True), ("other", False)):
                verdict = admin("verify", email=email, data=base64.b64encode(data.encode()).decode(), signature=signed["signature"])
                assert verdict == {"good": good}, (email, data)
        for block in ("authorized-user.json", "external-file.json", "external-user.json", {"token": "mine"}, {"anonymous": True}):
            ask.fails("sign", block, "cannot sign", data="x")
        ask.fails("sign", "impersonated-refused.json", "roles/iam.serviceAccountTokenCreator", data="x")


def test_who_it_is():
    """What `dowel block check` says."""
    with Ask(GCE_METADATA_HOST=URL.removeprefix("http://"), NO_GCE_CHECK="false", GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1",
             CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=URL) as ask:
        for block, kind, identity, project in (
                ("service-account.json", "service account", EMAIL, "test-project"),
                ("authorized-user.json", "authorized user", USER, None),
                ("impersonated.json", "impersonation of a service account", TARGET, None),
                ("external-file.json", "external account", "principal://pool/subject/workload", "project-of-number"),
                ("external-impersonated.json", "impersonation of a service account", TARGET, "project-of-number"),
                ("external-user.json", "external account's authorized user", "principal://user", None),
                (None, "metadata server", MACHINE, "project-of-machine")):
            if block == "external-user.json":
                continue  # its refresh token was used up by another test
            report = ask("check", block)["report"]
            assert (report["kind"], report["identity"], report.get("project")) == (kind, identity, project), report
            assert report["token_expires"] > "2026"
        assert ask("check", "impersonated.json")["report"]["through_identity"] == EMAIL
        assert ask("check", {"anonymous": True})["report"]["identity"] == "anonymous"
        ask.fails("check", "wrong-key.json", "invalid_grant")


if __name__ == "__main__":
    main(globals())
