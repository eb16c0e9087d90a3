"""IAM's API for service accounts, and the one method of the Resource Manager that tells a project by its number."""
import base64
import datetime
import json
import time

from google.auth import jwt
from oauth_state import EMAIL, MACHINE, MIDDLE, TARGET, USER, Denied

NUMBER, PROJECT = "123456789012", "project-of-number"
# Who may act as whom: the role roles/iam.serviceAccountTokenCreator.
CREATORS = {TARGET: {EMAIL, USER, MIDDLE, "principal://pool/subject/workload", "principal://pool/subject/aws", "principal://user"},
            MIDDLE: {EMAIL, USER}, MACHINE: {MACHINE}, EMAIL: {EMAIL}}


def caller(handler):
    token = (handler.headers.get("Authorization") or "").removeprefix("Bearer ")
    principal = handler.state.principal(token) or handler.self_signed(token)
    if not principal:
        raise Denied(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    return principal


def check_chain(principal, delegates, target):
    chain = [principal, *(d.removeprefix("projects/-/serviceAccounts/") for d in delegates or []), target]
    for who, whom in zip(chain, chain[1:]):
        if who not in CREATORS.get(whom, ()):
            raise Denied(403, "PERMISSION_DENIED", f"Permission 'iam.serviceAccounts.getAccessToken' denied on {whom} for {who}")


def call(handler, path, text):
    state = handler.state
    if path == f"/v1/projects/{NUMBER}" and handler.command == "GET":
        caller(handler)
        return handler.answer(200, {"projectNumber": NUMBER, "projectId": PROJECT, "lifecycleState": "ACTIVE"})
    resource, _, verb = path.removeprefix("/v1/projects/-/serviceAccounts/").partition(":")
    account = state.accounts.get(resource)
    fault = handler.begin()
    principal = caller(handler)
    body = json.loads(text)
    if not account or handler.command != "POST":
        raise Denied(404, "NOT_FOUND", f"Unknown service account {resource}")
    check_chain(principal, body.get("delegates"), account.email)
    # An empty list and none are the same to the API.
    state.saw("iam", {"verb": verb, "account": account.email, "principal": principal,
                      "body": {k: v for k, v in body.items() if v not in (None, [])}})
    if verb == "generateAccessToken":
        if not body.get("scope"):
            raise Denied(400, "INVALID_ARGUMENT", "scope is required")
        lifetime = fault.get("expires_in", int(body.get("lifetime", "3600s").rstrip("s")))
        end = datetime.datetime.fromtimestamp(time.time() + lifetime, datetime.timezone.utc)
        return handler.answer(200, {"accessToken": state.issue(account.email), "expireTime": end.strftime("%Y-%m-%dT%H:%M:%SZ")})
    if verb == "generateIdToken":
        return handler.answer(200, {"token": state.id_token(account.email, body["audience"], body.get("includeEmail"))})
    if verb == "signBlob":
        signature = account.signer.sign(base64.b64decode(body["payload"], validate=True))
        return handler.answer(200, {"keyId": account.key_id, "signedBlob": base64.b64encode(signature).decode()})
    if verb == "signJwt":
        signed = jwt.encode(account.signer, json.loads(body["payload"])).decode()
        return handler.answer(200, {"keyId": account.key_id, "signedJwt": signed})
    raise Denied(404, "NOT_FOUND", f"no verb {verb}")
