#!/usr/bin/env python3
"""Stands in for Google's OAuth token endpoint: oauth.py --keys FOLDER [--port N]

At start it makes a service account and a user and writes their credentials files into FOLDER:
  service-account.json  authorized-user.json
  wrong-key.json        the same service account with a private key that does not belong to it

POST /token        grants urn:ietf:params:oauth:grant-type:jwt-bearer and refresh_token. Assertions are verified by google-auth
                   against the service account's public key: signature, audience, times, issuer, scope, key id.
ANY  /protected/*  needs a token that was issued here and not revoked; answers with the request's headers as JSON.
GET  /admin/stats  {"requests", "issued", "last": {"grant_type", "header", "claims"}}
POST /admin/reset  forgets counts and faults, revokes nothing
POST /admin/revoke revokes every token issued so far
POST /admin/verify {"email", "data", "signature"} (base64): whether google-auth finds that the account's key made the signature
POST /admin/fault  {"status", "error", "error_description", "count", "delay", "expires_in"}: the next `count` (default: all) token
                   requests wait `delay` seconds; with `status` they fail so; with `expires_in` tokens live that long
"""
import argparse
import base64
import json
import os
import secrets
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EMAIL = "robot@test-project.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
CLIENT = {"client_id": "client.apps.example.com", "client_secret": "client-secret", "refresh_token": "1//refresh-token"}


class Refused(Exception):
    def __init__(self, error, description, status=400):
        super().__init__(description)
        self.status, self.body = status, {"error": error, "error_description": description}


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.public = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                         serialization.PublicFormat.SubjectPublicKeyInfo)
        self.tokens = set()
        self.token_uri = None
        self.reset()

    def reset(self):
        self.requests, self.issued, self.last, self.fault = 0, 0, None, {}

    def take_fault(self):
        fault = dict(self.fault)
        if fault and "count" in fault:
            self.fault["count"] -= 1
            if self.fault["count"] <= 0:
                self.fault = {}
        return fault

    def issue(self):
        token = "ya29." + secrets.token_urlsafe(48)
        self.tokens.add(token)
        self.issued += 1
        return token


def write_keys(folder, state):
    def pem(key):
        return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption()).decode()

    def write(name, document):
        path = os.path.join(folder, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            json.dump(document, f, indent=2)

    account = {"type": "service_account", "project_id": "test-project", "private_key_id": KEY_ID,
               "private_key": pem(state.key), "client_email": EMAIL, "client_id": "1234567890",
               "token_uri": state.token_uri}
    write("service-account.json", account)
    write("wrong-key.json", {**account, "private_key": pem(rsa.generate_private_key(65537, 2048))})
    write("authorized-user.json", {"type": "authorized_user", **CLIENT, "quota_project_id": "quota-project",
                                   "token_uri": state.token_uri})


def verify_assertion(state, form):
    assertion = form.get("assertion")
    if not assertion:
        raise Refused("invalid_request", "Missing parameter: assertion")
    try:
        header = jwt.decode_header(assertion)
        claims = jwt.decode(assertion, certs={KEY_ID: state.public}, audience=state.token_uri)
    except Exception as reason:  # google-auth raises several kinds
        raise Refused("invalid_grant", f"Invalid JWT Signature: {reason}")
    if header.get("alg") != "RS256" or header.get("typ") != "JWT" or header.get("kid") != KEY_ID:
        raise Refused("invalid_grant", f"Invalid JWT header: {header}")
    if claims.get("iss") != EMAIL:
        raise Refused("invalid_grant", "Invalid grant: account not found")
    if not 0 < claims["exp"] - claims["iat"] <= 3600:
        raise Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
    if not claims.get("scope"):
        raise Refused("invalid_scope", "Empty or missing scope not allowed.")
    return {"grant_type": JWT_BEARER, "header": header, "claims": claims}


def verify_refresh(form):
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT["client_id"], CLIENT["client_secret"]):
        raise Refused("invalid_client", "The OAuth client was not found.", 401)
    if form.get("refresh_token") != CLIENT["refresh_token"]:
        raise Refused("invalid_grant", "Token has been expired or revoked.")
    return {"grant_type": "refresh_token"}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def log_message(self, *_):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def token(self, text):
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refused("invalid_request", "Bad content type")
        with self.state.lock:
            self.state.requests += 1
            fault = self.state.take_fault()
        time.sleep(fault.get("delay", 0))
        if "status" in fault:
            raise Refused(fault.get("error", "internal_failure"), fault.get("error_description", "Injected."),
                          fault["status"])
        form = dict(urllib.parse.parse_qsl(text, strict_parsing=True))
        grant = form.get("grant_type")
        if grant == JWT_BEARER:
            last = verify_assertion(self.state, form)
        elif grant == "refresh_token":
            last = verify_refresh(form)
        else:
            raise Refused("unsupported_grant_type", f"Invalid grant_type: {grant}")
        with self.state.lock:
            self.state.last = last
            token = self.state.issue()
        self.answer(200, {"access_token": token, "expires_in": fault.get("expires_in", 3599), "token_type": "Bearer"})

    def protected(self):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        with self.state.lock:
            good = token in self.state.tokens
        if not good:
            return self.answer(401, {"error": {
                "code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED",
                "errors": [{"message": "Invalid Credentials", "domain": "global", "reason": "authError"}]}})
        return self.answer(200, {"path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}})

    def admin(self, text):
        action = self.path.removeprefix("/admin/")
        with self.state.lock:
            if action == "reset":
                self.state.reset()
            elif action == "revoke":
                self.state.tokens.clear()
            elif action == "verify":
                asked = json.loads(text)
                good = asked["email"] == EMAIL and crypt.RSAVerifier.from_string(self.state.public).verify(
                    base64.b64decode(asked["data"]), base64.b64decode(asked["signature"]))
                return self.answer(200, {"good": good})
            elif action == "fault":
                self.state.fault = json.loads(text)
            elif action != "stats":
                return self.answer(404, {"error": "no such action"})
            return self.answer(200, {"requests": self.state.requests, "issued": self.state.issued,
                                     "last": self.state.last})

    def handle_any(self):
        text = self.body()
        try:
            if self.path == "/token" and self.command == "POST":
                self.token(text)
            elif self.path.startswith("/protected/"):
                self.protected()
            elif self.path.startswith("/admin/"):
                self.admin(text)
            else:
                self.answer(404, {"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}})
        except Refused as refused:
            self.answer(refused.status, refused.body)
        except ValueError as reason:
            self.answer(400, {"error": "invalid_request", "error_description": str(reason)})

    do_GET = do_POST = do_PUT = do_DELETE = handle_any


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--keys", required=True)
    options = parser.parse_args()
    state = Handler.state = State()
    server = Server(("127.0.0.1", options.port), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    state.token_uri = url + "/token"
    os.makedirs(options.keys, exist_ok=True)
    write_keys(options.keys, state)
    print(f"listening on {url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
