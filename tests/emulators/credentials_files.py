"""Writes a credentials file of every type and source for the accounts of oauth.py."""
import json
import os
import sys

import federation
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oauth_state import CLIENT, EMAIL, EXPIRED, MIDDLE, TARGET

# Prints an answer as AIP-4117 wants it; what it was told in its environment goes into a file beside it.
PROGRAM = """#!{python}
import json, os, sys, time
here = os.path.dirname(os.path.abspath(__file__))
told = {{k: v for k, v in os.environ.items() if k.startswith("GOOGLE_EXTERNAL_ACCOUNT_")}}
with open(os.path.join(here, "told.json"), "w") as file:
    files = [os.readlink(link.path) for link in os.scandir("/proc/self/fd") if os.path.lexists(link.path)]
    json.dump({{"arguments": sys.argv[1:], "told": told, "files": files}}, file)
mode = sys.argv[1]
if mode == "sleep":
    time.sleep(60)
if mode == "status":
    sys.exit(3)
if mode == "nothing":
    sys.exit(0)
if mode == "endless":
    while True:
        print("x" * 65536)
answer = {{"version": 1, "success": True, "token_type": "{jwt}", "id_token": open(os.path.join(here, "subject.txt")).read().strip(),
          "expiration_time": int(time.time()) + 600}}
answer.update({{"saml": {{"token_type": "{saml_type}", "saml_response": "{saml}"}}, "expired": {{"expiration_time": 1}},
               "version": {{"version": 2}}, "type": {{"token_type": "other"}}}}.get(mode, {{}}))
if mode == "failure":
    answer = {{"version": 1, "success": False, "code": "401", "message": "Caller not authorized."}}
if mode == "file":
    with open(told["GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE"], "w") as file:
        json.dump(answer, file)
elif mode == "garbage":
    print("not JSON")
elif mode == "malformed":
    print(json.dumps({{"success": True}}))
else:
    print(json.dumps(answer))
"""


def write_all(folder, state):
    sources = os.path.join(folder, "sources")
    os.makedirs(sources, exist_ok=True)

    def write(name, document):
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(document) if isinstance(document, str) else json.dump(document, f, indent=2)
        return path

    def key_of(email):
        account = state.accounts[email]
        return {"type": "service_account", "project_id": "test-project", "private_key_id": account.key_id,
                "private_key": account.pem, "client_email": email, "client_id": "1234567890", "token_uri": state.token_uri}

    def impersonation(email):
        return f"{state.url}/v1/projects/-/serviceAccounts/{email}:generateAccessToken"

    account = key_of(EMAIL)
    wrong = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    user = {"type": "authorized_user", **CLIENT, "quota_project_id": "quota-project", "token_uri": state.token_uri}
    write("service-account.json", account)
    write("wrong-key.json", {**account, "private_key": wrong})
    write("expired-key.json", key_of(EXPIRED))
    write("other-universe.json", {**account, "universe_domain": "universe.example.com"})
    write("authorized-user.json", user)

    impersonated = {"type": "impersonated_service_account", "service_account_impersonation_url": impersonation(TARGET),
                    "delegates": []}
    write("impersonated.json", {**impersonated, "source_credentials": account})
    write("impersonated-by-user.json", {**impersonated, "source_credentials": user, "quota_project_id": "quota-project"})
    write("impersonated-delegates.json", {**impersonated, "source_credentials": account, "delegates": [MIDDLE],
                                          "scopes": ["scope-of-file"]})
    write("impersonated-refused.json", {**impersonated, "source_credentials": account,
                                        "service_account_impersonation_url": impersonation(EXPIRED)})

    token = federation.subject_token(state)
    text = write("sources/subject.txt", token + "\n")
    document = write("sources/subject.json", {"id": {"not": "it"}, "token": token})
    external = {"type": "external_account", "audience": federation.POOL, "subject_token_type": federation.JWT_TYPE,
                "token_url": state.url + "/sts/token", "token_info_url": state.url + "/sts/introspect"}
    write("external-file.json", {**external, "credential_source": {"file": text}})
    write("external-file-json.json", {**external, "credential_source": {
        "file": document, "format": {"type": "json", "subject_token_field_name": "token"}}})
    write("external-url.json", {**external, "credential_source": {
        "url": state.url + "/subject/text", "headers": {"X-Provider": "please"}}})
    write("external-url-json.json", {**external, "credential_source": {
        "url": state.url + "/subject/json", "headers": {"X-Provider": "please"},
        "format": {"type": "json", "subject_token_field_name": "access_token"}}})
    write("external-impersonated.json", {**external, "credential_source": {"file": text},
                                         "service_account_impersonation_url": impersonation(TARGET),
                                         "service_account_impersonation": {"token_lifetime_seconds": 2800}})
    write("external-workforce.json", {**external, "audience": federation.WORKFORCE, "subject_token_type": federation.ID_TOKEN_TYPE,
                                      "workforce_pool_user_project": "123456789012",
                                      "credential_source": {"file": write("sources/workforce.txt", federation.subject_token(
                                          state, federation.WORKFORCE))}})
    write("external-client.json", {**external, "credential_source": {"file": text}, "client_id": federation.CLIENT_ID,
                                   "client_secret": federation.CLIENT_SECRET})
    aws = {**external, "subject_token_type": federation.AWS_TYPE}
    ec2 = {"environment_id": "aws1", "region_url": state.url + "/latest/meta-data/placement/availability-zone",
           "url": state.url + "/latest/meta-data/iam/security-credentials",
           "regional_cred_verification_url": federation.VERIFICATION_URL}
    write("external-aws.json", {**aws, "credential_source": ec2})
    write("external-aws-v2.json", {**aws, "credential_source": {
        **{k: v.replace("/latest/", "/latest/v2/") for k, v in ec2.items()},
        "imdsv2_session_token_url": state.url + "/latest/api/token"}})

    program = write("sources/program.py", PROGRAM.format(python=sys.executable, jwt=federation.JWT_TYPE,
                                                         saml_type=federation.SAML_TYPE, saml=federation.SAML))
    os.chmod(program, 0o700)
    for mode in ("good", "saml", "sleep", "status", "failure", "expired", "version", "type", "garbage", "malformed", "file"):
        executable = {"command": f"{program} {mode} 'two words' \"a \\\"quoted\\\" one\" back\\ slash", "timeout_millis": 5000}
        if mode == "file":
            executable["output_file"] = os.path.join(sources, "output.json")
        write(f"external-executable-{mode}.json", {
            **external, "credential_source": {"executable": executable},
            "subject_token_type": federation.SAML_TYPE if mode == "saml" else federation.JWT_TYPE})
    write("external-user.json", {"type": "external_account_authorized_user", "audience": federation.WORKFORCE,
                                 "client_id": federation.CLIENT_ID, "client_secret": federation.CLIENT_SECRET,
                                 "refresh_token": state.external_refresh_token, "token_url": state.url + "/sts/token",
                                 "token_info_url": state.url + "/sts/introspect", "quota_project_id": "quota-project"})
