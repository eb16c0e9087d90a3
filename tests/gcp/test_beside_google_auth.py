"""The same files, to dowel and to google-auth: the same kind of credentials, the same endpoints and scopes, the same request as the server saw
it, and failures of the same cause."""
import json
import os
import sys
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from ask import HOST, KEYS, TMP, URL, Ask, Failed, admin, document, main, stats  # noqa: E402

os.environ.update(GCE_METADATA_HOST=HOST, GCE_METADATA_IP=HOST, GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES="1", HOME=TMP,
                  AWS_ACCESS_KEY_ID="AKIDEXAMPLEENVIRONMENT", AWS_SECRET_ACCESS_KEY="environment/secret+key", AWS_REGION="eu-west-1")
os.environ.pop("NO_GCE_CHECK", None)

import google.auth  # noqa: E402
from google.auth import (aws, compute_engine, exceptions, external_account, external_account_authorized_user, iam,  # noqa: E402
                         identity_pool, impersonated_credentials, pluggable)
from google.auth.transport.requests import Request  # noqa: E402
from google.oauth2 import credentials as users  # noqa: E402
from google.oauth2 import service_account  # noqa: E402

warnings.simplefilter("ignore")
# google-auth asks these at Google, whatever the file says; dowel takes a stand-in's address from the file.
THEIR_TOKEN_URI = users._GOOGLE_OAUTH2_TOKEN_ENDPOINT
users._GOOGLE_OAUTH2_TOKEN_ENDPOINT = URL + "/token"
for name in ("_IAM_ENDPOINT", "_IAM_SIGN_ENDPOINT", "_IAM_IDTOKEN_ENDPOINT"):
    setattr(iam, name, getattr(iam, name).replace("https://iamcredentials.googleapis.com", URL))

external_account._CLOUD_RESOURCE_MANAGER = URL + "/v1/projects/"
# google-auth sends the line break at the end of such a file along, and is refused.
with open(os.path.join(KEYS, "sources/subject.txt"), "r+") as subject_file:
    subject_token = subject_file.read().strip()
    subject_file.seek(0)
    subject_file.truncate()
    subject_file.write(subject_token)

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
KINDS = {service_account.Credentials: "service account", users.Credentials: "authorized user",
         impersonated_credentials.Credentials: "impersonation of a service account",
         external_account_authorized_user.Credentials: "external account's authorized user",
         identity_pool.Credentials: "external account", aws.Credentials: "external account", pluggable.Credentials: "external account",
         compute_engine.Credentials: "metadata server"}
FILES = ("service-account", "authorized-user", "impersonated", "impersonated-by-user", "impersonated-delegates", "external-file",
         "external-file-json", "external-url", "external-url-json", "external-impersonated", "external-workforce", "external-client",
         "external-aws", "external-executable-good", "external-executable-saml", "other-universe")


def load(config, scopes=(SCOPE,)):
    """What google-auth makes of it, as its clients ask for it."""
    theirs, project = google.auth.load_credentials_from_dict(config)
    return google.auth.credentials.with_scopes_if_required(theirs, list(scopes)), project


def described(theirs):
    """In dowel's words."""
    kind, url = KINDS[type(theirs)], getattr(theirs, "_service_account_impersonation_url", None)
    if kind == "impersonation of a service account":
        said = {"kind": kind, "email": theirs.service_account_email, "source": described(theirs._source_credentials),
                "scopes": " ".join(theirs._target_scopes), "universe": theirs.universe_domain, "quota_project": theirs.quota_project_id,
                "delegates": theirs._delegates or [], "lifetime": theirs._lifetime}
    elif url:
        inner = theirs._initialize_impersonated_credentials()
        said = {**described(inner), "quota_project": theirs.quota_project_id}
    else:
        said = {"kind": kind, "token_uri": getattr(theirs, "_token_uri", None) or getattr(theirs, "_token_url", None),
                "email": getattr(theirs, "service_account_email", None), "key_id": getattr(getattr(theirs, "_signer", None), "key_id", None),
                "scopes": " ".join(theirs.scopes or []) if kind != "metadata server" else None, "universe": theirs.universe_domain,
                "quota_project": theirs.quota_project_id, "client_id": getattr(theirs, "_client_id", None),
                "audience": getattr(theirs, "_audience", None), "subject_token_type": getattr(theirs, "_subject_token_type", None),
                "user_project": getattr(theirs, "_workforce_pool_user_project", None),
                "credential_source": getattr(theirs, "_credential_source", None)}
    return {k: v for k, v in said.items() if v}


def ours(said):
    """The same members of what dowel says."""
    said = dict(said)
    if said["kind"].startswith("impersonation"):
        said.setdefault("lifetime", 3600)
    said.setdefault("universe", "googleapis.com")
    for member in ("project", "iam", "token_info_uri"):
        said.pop(member, None)
    if "source" in said:
        said["source"] = ours(said["source"])
        said["source"].pop("quota_project", None)
    return {k: v for k, v in said.items() if v}


def without_quota_of_source(said):
    if "source" in said:
        said["source"].pop("quota_project", None)
    return said


def steady(seen):
    """What was asked for, without what differs from one second to the next."""
    for one in seen:
        for claim in ("iat", "exp"):
            one.get("claims", {}).pop(claim, None)
        one.get("aws", {}).pop("token", None)
    return seen


def requests_of(call):
    admin("reset")
    call()
    return steady(stats()["seen"])


def test_resolved_alike():
    with Ask() as ask:
        for name in FILES:
            config = document(name + ".json")
            theirs, project = load(config)
            mine = ask("resolve", {"service_account_info": config})
            assert ours(mine) == without_quota_of_source(described(theirs)), f"{name}:\n{ours(mine)}\n{described(theirs)}"
            if config["type"] == "service_account":
                assert mine["project"] == project
        config = document("external-user.json")
        theirs, _ = load(config)
        assert ours(ask("resolve", {"service_account_info": config})) == described(theirs)


def test_asked_alike():
    with Ask() as ask:
        for name in FILES:
            config = document(name + ".json")
            ask("open")
            theirs = requests_of(lambda: load(config)[0].refresh(Request()))
            mine = requests_of(lambda: ask("token", {"service_account_info": config}))
            assert mine == theirs, f"{name}:\n{mine}\n{theirs}"
            assert mine or name == "other-universe"
        config, subject = document("service-account.json"), "somebody@example.com"
        theirs = requests_of(lambda: load(config, ["a", "b"])[0].with_subject(subject).refresh(Request()))
        assert requests_of(lambda: ask("token", {"service_account_info": config, "scopes": ["a", "b"], "subject": subject})) == theirs


def test_id_tokens_asked_alike():
    with Ask() as ask:
        config = document("service-account.json")
        theirs = service_account.IDTokenCredentials.from_service_account_info(config, target_audience="x")
        assert requests_of(lambda: ask("id_token", {"service_account_info": config}, audience="x")) == \
            requests_of(lambda: theirs.refresh(Request()))
        ask("open")
        config = document("impersonated-delegates.json")
        theirs = impersonated_credentials.IDTokenCredentials(load(config)[0], target_audience="x", include_email=True)
        mine = requests_of(lambda: ask("id_token", {"service_account_info": config}, audience="x"))
        assert mine == requests_of(lambda: theirs.refresh(Request())), mine


def test_default_alike():
    """The order, and the project, with what is there taken away step by step."""
    gcloud = os.path.join(TMP, "gcloud")
    os.makedirs(gcloud)
    path = os.path.join(gcloud, "application_default_credentials.json")
    with open(path, "w") as file:
        json.dump(document("authorized-user.json"), file)
    settings = [{"GOOGLE_APPLICATION_CREDENTIALS": os.path.join(KEYS, "service-account.json"), "GOOGLE_CLOUD_PROJECT": "environment"},
                {"GOOGLE_APPLICATION_CREDENTIALS": os.path.join(KEYS, "service-account.json")},
                {"GOOGLE_APPLICATION_CREDENTIALS": os.path.join(KEYS, "service-account.json"), "GCLOUD_PROJECT": "legacy"},
                {"GOOGLE_APPLICATION_CREDENTIALS": os.path.join(KEYS, "external-impersonated.json")},
                {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere"}, {"GOOGLE_APPLICATION_CREDENTIALS": ""}, {"CLOUDSDK_CONFIG": TMP}]
    kinds = []
    for setting in settings:
        setting = {"CLOUDSDK_CONFIG": gcloud, **setting}
        os.environ.update(setting)
        try:
            theirs, project = google.auth.default(scopes=[SCOPE])
            expected = (described(theirs)["kind"], project)
        except exceptions.DefaultCredentialsError:
            expected = (None, None)
        with Ask(NO_GCE_CHECK="false", CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER=URL, **setting) as ask:
            try:
                got = ask("resolve")["kind"]
                try:
                    found = ask("project")["project"]
                except Failed:
                    found = None
            except Failed as failed:
                assert failed.code == "credentials", failed
                got = found = None
        assert (got, found) == expected, (setting, got, found, expected)
        kinds.append(got)
        for name in setting:
            del os.environ[name]
    assert kinds == ["service account"] * 3 + ["impersonation of a service account", None, "authorized user", "metadata server"], kinds


def test_refused_alike():
    key, user, impersonated, external = (document(f"{name}.json") for name in (
        "service-account", "authorized-user", "impersonated", "external-file"))
    executable, aws_file, external_user = (document(f"{name}.json") for name in (
        "external-executable-good", "external-aws", "external-user"))

    def without(base, *members):
        return {k: v for k, v in base.items() if k not in members}

    def source(base, **values):
        return {**base, "credential_source": values}

    def program(**values):
        return {**executable, "credential_source": {"executable": {**executable["credential_source"]["executable"], **values}}}

    # What is wrong, and a word that both must say.
    rows = [
        ({}, "type"), ({"type": "other"}, "type"), (without(key, "client_email"), "client_email"), (without(key, "token_uri"), "token_uri"),
        (without(key, "private_key"), "private_key"), ({**key, "private_key": "x"}, None),
        (without(user, "client_id"), "client_id"), (without(user, "refresh_token"), "refresh_token"),
        ({**impersonated, "source_credentials": external}, "external_account"), ({**impersonated, "source_credentials": {}}, "not supported"),
        ({**impersonated, "service_account_impersonation_url": "https://x"}, None), (without(external, "credential_source"), None),
        (source(external), None), (source(external, file="a", url="b"), None), (source(external, file="a", environment_id="aws1"), None),
        (source(external, file="a", format={"type": "xml"}), None), (source(external, file="a", format={"type": "json"}), None),
        ({**external, "workforce_pool_user_project": "x"}, None), (source(executable, executable={}), "credential_source"),
        (program(command=""), "command"), (program(timeout_millis=1), "5"), (program(interactive_timeout_millis=1), "30"),
        ({**aws_file, "credential_source": {**aws_file["credential_source"], "environment_id": "azure1"}}, None),
        ({**aws_file, "credential_source": {**aws_file["credential_source"], "environment_id": "aws2"}}, "not supported"),
        ({**aws_file, "credential_source": {**aws_file["credential_source"], "regional_cred_verification_url": None}}, None),
        (without(external_user, "client_secret"), None),
        # Only when a token is asked for.
        (source(external, file="/nowhere/token"), "/nowhere/token"), (program(command="/nowhere/program"), "/nowhere/program"),
        (document("external-executable-failure.json"), "Caller not authorized"), (document("external-executable-expired.json"), "expired"),
        (document("external-executable-version.json"), "version"), (document("external-executable-malformed.json"), "version"),
        (document("wrong-key.json"), "invalid_grant"), (document("expired-key.json"), "expired"),
        (document("impersonated-refused.json"), "PERMISSION_DENIED"), ({**user, "refresh_token": "x"}, "invalid_grant"),
        ({**aws_file, "credential_source": {**aws_file["credential_source"], "regional_cred_verification_url": "http://x"}}, None),
    ]
    with Ask() as ask:
        for config, word in rows:
            try:
                load(config)[0].refresh(Request())
                raise AssertionError(f"google-auth takes {config}")
            except (exceptions.GoogleAuthError, ValueError, OSError, AttributeError) as reason:
                theirs, cause = str(reason), reason.__cause__
                theirs += f" {cause}" if cause else ""
            try:
                ask("token", {"service_account_info": config})
                raise AssertionError(f"dowel takes {config}; google-auth says {theirs}")
            except Failed as failed:
                assert failed.code in ("credentials", "invalid"), failed
                said = f"{failed.message} {failed.hint}"
            for text in (said, theirs) if word else ():
                assert word.lower() in text.lower(), f"{word}:\n{said}\n{theirs}"


if __name__ == "__main__":
    assert THEIR_TOKEN_URI == "https://oauth2.googleapis.com/token"
    main(globals())
