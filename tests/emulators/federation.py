"""Security Token Service and identity provider of external accounts. Subject tokens are really verified: JWTs by google-auth, AWS
signatures by botocore."""
import base64
import json
import time
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from google.auth import jwt
from oauth_state import Refused

POOL = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/pool/providers/provider"
WORKFORCE = "//iam.googleapis.com/locations/global/workforcePools/pool/providers/provider"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
ID_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id_token"
SAML_TYPE = "urn:ietf:params:oauth:token-type:saml2"
AWS_TYPE = "urn:ietf:params:aws:token-type:aws4_request"
SAML = "PHNhbWw+YXNzZXJ0aW9uPC9zYW1sPg=="
AWS_KEYS = {"AKIDEXAMPLEENVIRONMENT": "environment/secret+key", "AKIDEXAMPLEMETADATA": "metadata/secret+key"}
AWS_TOKEN = "session/token+of=aws"
CLIENT_ID, CLIENT_SECRET = "federation-client", "federation-secret"
VERIFICATION_URL = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"


def subject_token(state, audience=POOL):
    now = int(time.time())
    return jwt.encode(state.provider.signer, {"iss": state.provider.email, "sub": "workload", "aud": audience,
                                              "iat": now, "exp": now + 600}).decode()


def subject(handler, path):
    """The identity provider's own endpoint."""
    if handler.headers.get("X-Provider") != "please":
        raise Refused("invalid_request", "the header X-Provider is missing", 403)
    token = subject_token(handler.state)
    if path == "/subject/json":
        return handler.answer(200, {"access_token": token, "expires_in": 600})
    return handler.answer(200, token)


def verify_jwt(state, token, audience):
    try:
        return "principal://pool/subject/" + jwt.decode(
            token, certs={state.provider.key_id: state.provider.public}, audience=audience)["sub"]
    except Exception as reason:
        raise Refused("invalid_grant", f"The given credential is rejected: {reason}")


def verify_aws(token, audience):
    """botocore signs the same request at the same time with the same keys: the signatures must be the same."""
    request = json.loads(urllib.parse.unquote(token))
    headers = {h["key"].lower(): h["value"] for h in request["headers"]}
    authorization = headers.pop("authorization")
    names = authorization.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    access_key, date, region, service, _ = authorization.partition("Credential=")[2].partition(",")[0].split("/")
    if request["method"] != "POST" or request["url"] != VERIFICATION_URL.replace("{region}", region):
        raise Refused("invalid_grant", f"not a request for GetCallerIdentity: {request['url']}")
    if headers.get("x-goog-cloud-target-resource") != audience:
        raise Refused("invalid_grant", "the request is for another resource")
    if access_key not in AWS_KEYS or (access_key.endswith("METADATA") and headers.get("x-amz-security-token") != AWS_TOKEN):
        raise Refused("invalid_grant", "AWS does not know these keys")
    signer = SigV4Auth(Credentials(access_key, AWS_KEYS[access_key]), service, region)
    again = AWSRequest("POST", request["url"], headers={k: v for k, v in headers.items() if k in names})
    again.context["timestamp"] = headers["x-amz-date"]
    canonical = signer.canonical_request(again)
    signature = signer.signature(signer.string_to_sign(again, canonical), again)
    if not authorization.endswith("Signature=" + signature) or not {"host", "x-amz-date"} <= set(names):
        raise Refused("invalid_grant", "SignatureDoesNotMatch")
    return "principal://pool/subject/aws", {"region": region, "signed_headers": names, "key": access_key,
                                            "session": headers.get("x-amz-security-token"), "token": token}


def client_of(handler):
    given = handler.headers.get("Authorization", "")
    if not given:
        return None
    if given != "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode():
        raise Refused("invalid_client", "The OAuth client was not found.", 401)
    return CLIENT_ID


def exchange(handler, path, text):
    state, form, client = handler.state, handler.form(text), client_of(handler)
    if path == "/sts/introspect":
        principal = state.principal(form["token"])
        return handler.answer(200, {"active": bool(principal), "username": principal} if principal else {"active": False})
    fault = handler.begin()
    if form.get("grant_type") == "refresh_token":
        if not client or form.get("refresh_token") != state.external_refresh_token:
            raise Refused("invalid_grant", "The refresh token is not the newest one.")
        rotates = fault.get("rotates", True)  # as the standard has it, a server may go on with the one that it gave before
        if rotates:
            state.external_refresh_token = f"external-refresh-token-{int(state.external_refresh_token.rsplit('-', 1)[1]) + 1}"
        state.saw("sts", {"form": {k: v for k, v in form.items() if k != "refresh_token"}, "client": client})
        return handler.answer(200, {"access_token": state.issue("principal://user"), "token_type": "Bearer",
                                    "expires_in": fault.get("expires_in", 3600),
                                    **({"refresh_token": state.external_refresh_token} if rotates else {})})
    kind, audience, details = form.get("subject_token_type"), form.get("audience"), {}
    if form.get("grant_type") != EXCHANGE or audience not in (POOL, WORKFORCE) or not form.get("scope") or \
            form.get("requested_token_type") != "urn:ietf:params:oauth:token-type:access_token":
        raise Refused("invalid_request", f"Invalid token exchange: {sorted(form)}")
    if kind in (JWT_TYPE, ID_TOKEN_TYPE):
        principal = verify_jwt(state, form["subject_token"], audience)
    elif kind == SAML_TYPE and form["subject_token"] == SAML:
        principal = "principal://pool/subject/saml"
    elif kind == AWS_TYPE:
        principal, details = verify_aws(form["subject_token"], audience)
    else:
        raise Refused("invalid_grant", f"The subject token of type {kind} is rejected")
    state.saw("sts", {"form": {k: v for k, v in form.items() if k != "subject_token"}, "client": client, "aws": details,
                      "principal": principal})
    handler.answer(200, {"access_token": state.issue(principal), "token_type": "Bearer", "expires_in": fault.get("expires_in", 3600),
                         "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"})
