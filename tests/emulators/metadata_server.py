"""Google's metadata server and EC2's metadata service."""
import json
import time
import urllib.parse

from federation import AWS_KEYS, AWS_TOKEN
from oauth_state import MACHINE, Refused

SESSION = "imds-session-token"


def answer_google(handler, path):
    state, query = handler.state, dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(handler.path).query))
    flavor = {"Metadata_Flavor": state.metadata_fault.get("flavor", "Google")}
    with state.lock:
        state.pings += path == "/"
        state.metadata += path != "/"
        fault = state.take_metadata_fault()
    if "status" in fault:
        return handler.answer(fault["status"], "Injected.", **flavor)
    if path == "/":
        return handler.answer(200, "computeMetadata/\n", **flavor)
    if handler.headers.get("Metadata-Flavor") != "Google":
        return handler.answer(403, "Missing Metadata-Flavor:Google header.", **flavor)
    account = "instance/service-accounts/default/"
    what = path.removeprefix("/computeMetadata/v1/")
    if what == "project/project-id":
        return handler.answer(200, "project-of-machine", **flavor)
    if what == "universe/universe-domain":
        return handler.answer(200, "googleapis.com", **flavor)
    if what == account + "email":
        return handler.answer(200, MACHINE, **flavor)
    if what == account and query.get("recursive") == "true":
        return handler.answer(200, {"aliases": ["default"], "email": MACHINE,
                                    "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}, **flavor)
    if what == account + "token":
        fault = handler.begin()
        state.saw("metadata", {"path": what, "query": query})
        return handler.answer(200, {"access_token": state.issue(MACHINE), "token_type": "Bearer",
                                    "expires_in": fault.get("expires_in", 3599)}, **flavor)
    if what == account + "identity" and query.get("audience"):
        handler.begin()
        state.saw("metadata", {"path": what, "query": query})
        return handler.answer(200, state.id_token(MACHINE, query["audience"], query.get("format") == "full"), **flavor)
    return handler.answer(404, "Not found.", **flavor)


def answer_ec2(handler, path):
    credentials = "/latest/meta-data/iam/security-credentials"
    if path == "/latest/api/token":
        if handler.command != "PUT" or not handler.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            raise Refused("invalid_request", "a session token is asked for with PUT", 405)
        return handler.answer(200, SESSION)
    if path.startswith("/latest/v2") and handler.headers.get("X-aws-ec2-metadata-token") != SESSION:
        raise Refused("unauthorized", "a session token is needed", 401)
    path = path.replace("/latest/v2/", "/latest/")
    if path == "/latest/meta-data/placement/availability-zone":
        return handler.answer(200, "us-east-2b")
    if path == credentials:
        return handler.answer(200, "role-of-machine")
    if path == credentials + "/role-of-machine":
        key = "AKIDEXAMPLEMETADATA"
        end = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
        return handler.answer(200, json.dumps({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": AWS_KEYS[key],
                                               "Token": AWS_TOKEN, "Expiration": end}))
    raise Refused("not_found", path, 404)
