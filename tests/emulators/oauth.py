#!/usr/bin/env python3
"""Stands in for everything that Google credentials are exchanged with: oauth.py --keys FOLDER [--port N]

At start it makes accounts and writes their credentials files into FOLDER, one for each type and source: see credentials_files.py.
What is asked for is verified by third parties' libraries: assertions by google-auth, AWS signatures by botocore.

POST /token        grants urn:ietf:params:oauth:grant-type:jwt-bearer and refresh_token; with target_audience an ID token
POST /tokeninfo    the owner of a token
POST /sts/token    token exchange for external accounts, and their users' refresh_token; POST /sts/introspect
POST /v1/projects/-/serviceAccounts/EMAIL:VERB   generateAccessToken, generateIdToken, signBlob, signJwt: for who may act as EMAIL
GET  /v1/projects/NUMBER                         the project of a number
GET  /computeMetadata/v1/...                     the metadata server; GET / tells its flavor
ANY  /latest/...                                 EC2's metadata service; /subject/... subject tokens of an identity provider
GET  /certs        the public keys of Google and of the accounts, as PEM
ANY  /protected/*  needs a token that was issued here and not revoked, or one that the account signed itself; answers with the
                   request's headers as JSON
GET  /admin/stats  {"requests", "issued", "metadata", "pings", "last", "seen"}; "last": what was verified of the last token request;
                   "seen": all of them
POST /admin/reset  forgets counts and faults, revokes nothing
POST /admin/revoke revokes every token issued so far
POST /admin/verify {"email", "data", "signature"} (base64): whether google-auth finds that the account's key made the signature
POST /admin/fault  {"status", "error", "error_description", "count", "delay", "expires_in"}: the next `count` (default: all) token
                   requests wait `delay` seconds; with `status` they fail so; with `expires_in` tokens live that long
POST /admin/metadata {"status", "count", "flavor"}: the next `count` requests to the metadata server fail so; its flavor
"""
import argparse
import base64
import json
import os
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import credentials_files
import federation
import google_iam
import metadata_server
import oauth_state
from google.auth import crypt, jwt
from oauth_state import CLIENT, EMAIL, GOOGLE_TOKEN_URI, JWT_BEARER, KEY_ID, USER, Refused


def verify_assertion(state, form):
    assertion = form.get("assertion")
    if not assertion:
        raise Refused("invalid_request", "Missing parameter: assertion")
    try:
        header = jwt.decode_header(assertion)
        claims = jwt.decode(assertion, certs=state.certs(), audience=GOOGLE_TOKEN_URI)
    except Exception as reason:  # google-auth raises several kinds
        raise Refused("invalid_grant", f"Invalid JWT Signature: {reason}")
    account = state.accounts.get(claims.get("iss"))
    if not account:
        raise Refused("invalid_grant", "Invalid grant: account not found")
    if header.get("alg") != "RS256" or header.get("typ") != "JWT" or header.get("kid") != account.key_id:
        raise Refused("invalid_grant", f"Invalid JWT header: {header}")
    if account.disabled:
        raise Refused("invalid_grant", "Invalid JWT: the key of this account has expired")
    if not 0 < claims["exp"] - claims["iat"] <= 3600:
        raise Refused("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
    if not claims.get("scope") and not claims.get("target_audience"):
        raise Refused("invalid_scope", "Empty or missing scope not allowed.")
    return {"grant_type": JWT_BEARER, "header": header, "claims": claims, "principal": claims.get("sub", claims["iss"])}


def verify_refresh(form):
    if (form.get("client_id"), form.get("client_secret")) != (CLIENT["client_id"], CLIENT["client_secret"]):
        raise Refused("invalid_client", "The OAuth client was not found.", 401)
    if form.get("refresh_token") != CLIENT["refresh_token"]:
        raise Refused("invalid_grant", "Token has been expired or revoked.")
    rest = {k: v for k, v in form.items() if k not in ("client_id", "client_secret", "refresh_token")}
    return {**rest, "principal": USER}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state = None

    def log_message(self, *_):
        pass

    def answer(self, status, document, **headers):
        text = isinstance(document, str)
        body = document.encode() if text else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/text" if text else "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()

    def form(self, text):
        if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise Refused("invalid_request", "Bad content type")
        return dict(urllib.parse.parse_qsl(text, strict_parsing=True))

    def begin(self):
        """Counts a request for a token; raises the fault that was ordered."""
        with self.state.lock:
            self.state.requests += 1
            fault = self.state.take_fault()
        time.sleep(fault.get("delay", 0))
        if "status" in fault:
            raise Refused(fault.get("error", "internal_failure"), fault.get("error_description", "Injected."),
                          fault["status"])
        return fault

    def token(self, text):
        fault = self.begin()
        form = self.form(text)
        grant = form.get("grant_type")
        if grant == JWT_BEARER:
            last = verify_assertion(self.state, form)
        elif grant == "refresh_token":
            last = verify_refresh(form)
        else:
            raise Refused("unsupported_grant_type", f"Invalid grant_type: {grant}")
        self.state.saw("oauth", last)
        audience = last.get("claims", {}).get("target_audience")
        if audience:
            return self.answer(200, {"id_token": self.state.id_token(last["principal"], audience, True,
                                                                     fault.get("expires_in", 3600))})
        token = self.state.issue(last["principal"])
        self.answer(200, {"access_token": token, "expires_in": fault.get("expires_in", 3599), "token_type": "Bearer"})

    def tokeninfo(self, text):
        principal = self.state.principal(self.form(text).get("access_token", ""))
        if not principal:
            raise Refused("invalid_token", "Invalid Value")
        self.answer(200, {"email": principal, "scope": "email", "expires_in": "3000"})

    def self_signed(self, token):
        """Who signed a token that was not issued here; None: nobody who may."""
        try:
            claims = jwt.decode(token, certs=self.state.certs())
            return claims["iss"] if claims["iss"] == claims["sub"] and claims["scope"] and "aud" not in claims else None
        except Exception:
            return None

    def protected(self):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        principal = self.state.principal(token) or self.self_signed(token)
        if not principal:
            return self.answer(401, {"error": {
                "code": 401, "message": "Request had invalid authentication credentials.", "status": "UNAUTHENTICATED",
                "errors": [{"message": "Invalid Credentials", "domain": "global", "reason": "authError"}]}})
        return self.answer(200, {"path": self.path, "principal": principal,
                                 "headers": {k.lower(): v for k, v in self.headers.items()}})

    def admin(self, text):
        action = self.path.removeprefix("/admin/")
        if action == "verify":
            asked = json.loads(text)
            account = self.state.accounts.get(asked["email"])
            good = bool(account) and crypt.RSAVerifier.from_string(account.public).verify(
                base64.b64decode(asked["data"]), base64.b64decode(asked["signature"]))
            return self.answer(200, {"good": good})
        with self.state.lock:
            if action == "reset":
                self.state.reset()
            elif action == "revoke":
                self.state.tokens.clear()
            elif action == "fault":
                self.state.fault = json.loads(text)
            elif action == "metadata":
                self.state.metadata_fault = json.loads(text)
            elif action != "stats":
                return self.answer(404, {"error": "no such action"})
            return self.answer(200, self.state.stats())

    def handle_any(self):
        text = self.body()
        path = urllib.parse.urlsplit(self.path).path
        try:
            if path == "/token" and self.command == "POST":
                self.token(text)
            elif path == "/tokeninfo" and self.command == "POST":
                self.tokeninfo(text)
            elif path.startswith("/sts/"):
                federation.exchange(self, path, text)
            elif path.startswith("/v1/projects/"):
                google_iam.call(self, path, text)
            elif path == "/" or path.startswith("/computeMetadata/"):
                metadata_server.answer_google(self, path)
            elif path.startswith("/latest/"):
                metadata_server.answer_ec2(self, path)
            elif path.startswith("/subject/"):
                federation.subject(self, path)
            elif path == "/certs":
                self.answer(200, {**{k: v.decode() for k, v in self.state.certs().items()},
                                  "google": self.state.google.public.decode()})
            elif path.startswith("/protected/"):
                self.protected()
            elif path.startswith("/admin/"):
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
    server = Server(("127.0.0.1", options.port), Handler)
    url = f"http://127.0.0.1:{server.server_address[1]}"
    state = Handler.state = oauth_state.State(url)
    credentials_files.write_all(options.keys, state)
    print(f"listening on {url}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
