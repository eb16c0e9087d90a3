"""Amazon's small services that give keys, on loopback: a container's endpoint, instance metadata (version 2), the portal and the token
service of IAM Identity Center. They answer as their API references say, and note what they were asked."""
import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LATER = "2099-01-01T00:00:00Z"


def keys(name):
    return {"AccessKeyId": f"ASIA{name}", "SecretAccessKey": f"secret-{name}", "Token": f"token-{name}", "Expiration": LATER}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, body=b"", content_type="application/json", **headers):
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        services = self.server.services
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        services.requests.append((self.command, self.path, dict(self.headers.items()), body))
        path, _, query = self.path.partition("?")
        if path.startswith("/container"):
            self.container(services)
        elif path.startswith("/latest/"):
            self.metadata(services, path)
        elif path == "/federation/credentials":
            self.portal(services, dict(urllib.parse.parse_qsl(query)))
        elif path == "/token":
            self.token(services, json.loads(body))
        else:
            self.send(404)

    do_GET = do_PUT = do_POST = serve

    def container(self, services):
        if self.headers.get("Authorization") != services.container_token:
            self.send(401, {"code": "InvalidAuthorization", "message": "who are you"})
        else:
            self.send(200, {**keys("CONTAINER"), "AccountId": "111122223333"})

    def metadata(self, services, path):
        role = "/latest/meta-data/iam/security-credentials/"
        if path == "/latest/api/token":
            if services.trouble:
                services.trouble -= 1
                self.send(503)
            elif services.metadata_version != 2:
                self.send(404 if services.metadata_version == 1 else 403)
            elif self.command != "PUT" or not self.headers.get("x-aws-ec2-metadata-token-ttl-seconds"):
                self.send(400)
            else:
                self.send(200, "AQAEA-stands-for-a-token", "text/plain", x_aws_ec2_metadata_token_ttl_seconds="21600")
        elif services.metadata_version == 2 and self.headers.get("x-aws-ec2-metadata-token") != "AQAEA-stands-for-a-token":
            self.send(401)
        elif path == services.stale_at or services.stale_tokens:
            services.stale_at = None
            services.stale_tokens = max(services.stale_tokens - 1, 0)
            self.send(401)
        elif services.role and path == role:
            self.send(200, services.role, "text/plain")
        elif services.role and path == role + services.role:
            self.send(200, {"Code": "Success", "Type": "AWS-HMAC", **keys("INSTANCE")})
        else:
            self.send(404)

    def portal(self, services, query):
        token = self.headers.get("x-amz-sso_bearer_token")
        if token not in services.tokens:
            self.send(401, {"message": "Session token not found or invalid"}, x_amzn_ErrorType="UnauthorizedException:http://internal/")
        elif query.get("role_name") != "Reader":
            self.send(403, {"message": "No access"}, x_amzn_ErrorType="ForbiddenException")
        else:
            self.send(200, {"roleCredentials": {"accessKeyId": "ASIASSO", "secretAccessKey": "secret-SSO", "sessionToken": f"token-for-{token}",
                                                "expiration": 4070908800000}})

    def token(self, services, asked):
        if asked.get("grantType") != "refresh_token" or asked.get("refreshToken") != services.refresh_token or not asked.get("clientSecret"):
            self.send(400, {"error": "invalid_grant", "error_description": "Invalid refresh token provided"},
                      x_amzn_ErrorType="InvalidGrantException")
            return
        services.issued += 1
        services.tokens.add(f"renewed-{services.issued}")
        self.send(200, {"accessToken": f"renewed-{services.issued}", "expiresIn": 28800, "refreshToken": services.refresh_token,
                        "tokenType": "Bearer"})


class Services:
    def __init__(self):
        self.requests = []
        self.container_token = "container-token"
        self.metadata_version = 2
        self.role = "instance-role"
        self.trouble = self.stale_tokens = 0  # how many of the next requests fail
        self.stale_at = None  # the next request for this does
        self.tokens = {"login-token"}
        self.refresh_token = "refresh-me"
        self.issued = 0
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.services = self
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def rfc3339(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
