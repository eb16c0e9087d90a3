"""What the parts of oauth.py share: accounts with their keys, the tokens that were issued, faults, counts."""
import secrets
import threading
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt, jwt

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EMAIL = "robot@test-project.iam.gserviceaccount.com"
TARGET = "target@test-project.iam.gserviceaccount.com"
MIDDLE = "middle@test-project.iam.gserviceaccount.com"
MACHINE = "machine@test-project.iam.gserviceaccount.com"
EXPIRED = "expired@test-project.iam.gserviceaccount.com"
USER = "somebody@example.com"
KEY_ID = "0123456789abcdef0123456789abcdef01234567"
CLIENT = {"client_id": "client.apps.example.com", "client_secret": "client-secret", "refresh_token": "1//refresh-token"}


class Refused(Exception):
    def __init__(self, error, description, status=400):
        super().__init__(description)
        self.status, self.body = status, {"error": error, "error_description": description}


class Denied(Refused):
    """As Google's APIs say it."""

    def __init__(self, status, name, message):
        super().__init__(name, message, status)
        self.body = {"error": {"code": status, "message": message, "status": name}}


class Account:
    def __init__(self, email, key_id, disabled=False):
        self.email, self.key_id, self.disabled = email, key_id, disabled
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()).decode()
        self.public = self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                         serialization.PublicFormat.SubjectPublicKeyInfo)
        self.signer = crypt.RSASigner.from_string(self.pem, key_id)


class State:
    def __init__(self, url):
        self.url = url
        self.token_uri = url + "/token"
        self.lock = threading.Lock()
        accounts = [Account(EMAIL, KEY_ID), Account(TARGET, "target-key"), Account(MACHINE, "machine-key"),
                    Account(MIDDLE, "middle-key"), Account(EXPIRED, "expired-key", disabled=True)]
        self.accounts = {account.email: account for account in accounts}
        self.google = Account("accounts.google.com", "google-key")
        self.provider = Account("https://provider.example.com", "provider-key")
        self.tokens = {}
        self.external_refresh_token = "external-refresh-token-0"
        self.reset()

    def reset(self):
        self.requests, self.issued, self.metadata, self.pings = 0, 0, 0, 0
        self.last, self.seen, self.fault, self.metadata_fault = None, [], {}, {}

    def stats(self):
        return {"requests": self.requests, "issued": self.issued, "metadata": self.metadata, "pings": self.pings,
                "last": self.last, "seen": self.seen}

    def certs(self):
        return {account.key_id: account.public for account in self.accounts.values()}

    @staticmethod
    def counted(fault):
        """The fault that is in force, and what is left of it."""
        if fault and "count" in fault:
            rest = {**fault, "count": fault["count"] - 1}
            return dict(fault), rest if rest["count"] > 0 else {}
        return dict(fault), fault

    def take_fault(self):
        fault, self.fault = self.counted(self.fault)
        return fault

    def take_metadata_fault(self):
        fault, self.metadata_fault = self.counted(self.metadata_fault)
        return fault

    def saw(self, endpoint, what):
        with self.lock:
            self.last = {"endpoint": endpoint, **what}
            self.seen.append(self.last)

    def issue(self, principal):
        token = "ya29." + secrets.token_urlsafe(48)
        with self.lock:
            self.tokens[token] = principal
            self.issued += 1
        return token

    def principal(self, token):
        with self.lock:
            return self.tokens.get(token)

    def id_token(self, email, audience, with_email, lifetime=3600):
        now = int(time.time())
        claims = {"iss": "https://accounts.google.com", "aud": audience, "sub": email, "iat": now, "exp": now + lifetime}
        if with_email:
            claims.update(email=email, email_verified=True)
        with self.lock:
            self.issued += 1
        return jwt.encode(self.google.signer, claims).decode()
