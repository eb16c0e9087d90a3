"""Whom TLS trusts: files and folders, of Amazon's settings and of anybody's, for every place that gives keys; and what is said when it is nobody."""
import json
import os
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, main, run  # noqa: E402

CONFIG = os.path.join(TMP, "config")
CLEAN = {name: "" for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
CLEAN.update(AWS_CONFIG_FILE=CONFIG, AWS_SHARED_CREDENTIALS_FILE=os.path.join(TMP, "none"), AWS_REGION="us-east-1", AWS_MAX_ATTEMPTS="1",
             AWS_EC2_METADATA_DISABLED="true")


def certificate(name):
    """A folder with a certificate of its own authority, as openssl rehash leaves it."""
    folder = os.path.join(TMP, name)
    os.makedirs(folder)
    key, pem = os.path.join(TMP, name + ".key"), os.path.join(folder, "server.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem], check=True, capture_output=True)
    subprocess.run(["openssl", "rehash", folder], check=True)
    return folder, pem, key


class Server(BaseHTTPRequestHandler):
    """Keys for whoever asks, and a bucket without objects."""
    protocol_version = "HTTP/1.1"
    seen = []

    def log_message(self, *_):
        pass

    def serve(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        type(self).seen.append(self.path)
        if self.path == "/latest/api/token":
            body = b"token"
        elif self.path.endswith("security-credentials/"):
            body = b"role"
        elif "list-type" in self.path:
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        else:
            body = json.dumps({"Code": "Success", "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret", "Token": "token",
                               "Expiration": "2099-01-31T12:00:00Z"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = serve


GOOD, PEM, KEY = certificate("good")
OTHER, OTHER_PEM, _ = certificate("other")
EMPTY = os.path.join(TMP, "empty")
os.makedirs(EMPTY)
class Quiet(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # clients that do not trust it hang up


SERVER = Quiet(("127.0.0.1", 0), Server)
SERVER.daemon_threads = True
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(PEM, KEY)
SERVER.socket = CONTEXT.wrap_socket(SERVER.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=SERVER.serve_forever, daemon=True).start()
URL = f"https://127.0.0.1:{SERVER.server_address[1]}"
S3 = ["call", "s3.list", "--bucket", json.dumps({"bucket": "b", "endpoint": URL, "credentials": {"anonymous": True}})]
S3_KEYS = ["call", "s3.list", "--bucket", json.dumps({"bucket": "b", "endpoint": URL})]
GCS = ["call", "gcs.list", "--bucket", json.dumps({"bucket": "b", "endpoint": URL, "credentials": {"anonymous": True}})]
CONTAINER = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": URL + "/keys"}
INSTANCE = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": URL, "AWS_EC2_METADATA_DISABLED": "false"}


def ask(words, profile="", **env):
    with open(CONFIG, "w") as file:
        file.write("[default]\n" + profile)
    Server.seen.clear()
    done = run(*words, env={**CLEAN, **env})
    return done, done.stderr.decode()


def trusted(words, profile="", **env):
    done, said = ask(words, profile, **env)
    assert done.returncode == 0, (words, env, said)


def refused(words, saying, profile="", **env):
    done, said = ask(words, profile, **env)
    assert done.returncode and all(part in said for part in saying), (words, env, said)


def test_files_and_folders():
    for path in (PEM, GOOD, GOOD + "/"):
        trusted(S3, AWS_CA_BUNDLE=path)
        trusted(S3, f"ca_bundle = {path}\n")
        trusted(S3, SSL_CERT_FILE=path)
        trusted(S3, AWS_CA_BUNDLE=path, SSL_CERT_FILE=OTHER_PEM)
    for path in (GOOD, f"{EMPTY}:{GOOD}", f"/nowhere:{GOOD}"):
        trusted(S3, SSL_CERT_DIR=path)
        trusted(S3, SSL_CERT_DIR=path, SSL_CERT_FILE=OTHER_PEM)


def test_the_setting_that_decided_is_named():
    for path in (OTHER_PEM, OTHER, EMPTY):
        refused(S3, ["is not trusted", "AWS_CA_BUNDLE", path], AWS_CA_BUNDLE=path, SSL_CERT_FILE=PEM)
        refused(S3, ["is not trusted", "the profile's ca_bundle", path], f"ca_bundle = {path}\n")
        refused(S3, ["is not trusted", "SSL_CERT_FILE", path], SSL_CERT_FILE=path)
    refused(S3, ["is not trusted", "SSL_CERT_DIR", EMPTY], SSL_CERT_DIR=EMPTY)
    refused(S3, ["openssl rehash"], AWS_CA_BUNDLE=EMPTY)
    refused(S3, ["is not trusted", "SSL_CERT_FILE"])
    for name in ("AWS_CA_BUNDLE", "SSL_CERT_FILE"):
        refused(S3, ["cannot be read", "/nowhere/x.pem", f"correct {name}"], **{name: "/nowhere/x.pem"})
    refused(S3, ["cannot be read", "/nowhere/x.pem", "ca_bundle"], "ca_bundle = /nowhere/x.pem\n")


def test_places_that_give_keys():
    for place in (CONTAINER, INSTANCE):
        for env in ({"AWS_CA_BUNDLE": PEM}, {"AWS_CA_BUNDLE": GOOD}, {"SSL_CERT_FILE": PEM}):
            trusted(S3_KEYS, **place, **env)
        trusted(S3_KEYS, f"ca_bundle = {PEM}\n", **place)
    refused(S3_KEYS, ["is not trusted", "AWS_CA_BUNDLE"], **CONTAINER, AWS_CA_BUNDLE=OTHER_PEM)
    assert not Server.seen


def test_others_services():
    trusted(GCS, SSL_CERT_DIR=GOOD)
    refused(GCS, ["is not trusted"], AWS_CA_BUNDLE=PEM)


if __name__ == "__main__":
    main(globals())
