"""In one environment after another, dowel and botocore find the same keys, or both refuse. STS is moto, which verifies signatures; the other
services are in aws_services.py."""
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from aws_services import Services, rfc3339  # noqa: E402
from command import TMP, dowel, fails, main, start  # noqa: E402
from proxy import Proxy  # noqa: E402

import boto3  # noqa: E402
import botocore.credentials  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402
import botocore.tokens  # noqa: E402

PROBE = sys.argv[1]
MOTO = os.environ["DOWEL_TEST_MOTO_URL"]
KEY, SECRET = os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
ROLE = "arn:aws:iam::123456789012:role/"
BASE = f"[base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
services = Services()
sts = Proxy(MOTO)


def client(service, **keys):
    return boto3.client(service, endpoint_url=MOTO, region_name="us-east-1", **(keys or {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}))


SETUP = client("sts")  # made in the tests' own environment


def with_token(body):
    """AssumeRoleWithWebIdentity, which needs no signature: moto refuses it while it verifies signatures."""
    form = dict(urllib.parse.parse_qsl(body.decode()))
    if form.get("Action") != "AssumeRoleWithWebIdentity" or form.get("WebIdentityToken") != "a.web.token":
        return 400, [], b"<ErrorResponse><Error><Code>InvalidIdentityToken</Code></Error></ErrorResponse>"
    role = SETUP.assume_role(RoleArn=form["RoleArn"], RoleSessionName=form["RoleSessionName"])
    keys = role["Credentials"]
    xml = "".join(f"<{name}>{keys[name]}</{name}>" for name in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
    action = form["Action"]
    return 200, [("Content-Type", "text/xml")], (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result><Credentials>{xml}'
        f"<Expiration>{keys['Expiration'].strftime('%Y-%m-%dT%H:%M:%SZ')}</Expiration></Credentials><AssumedRoleUser>"
        f"<Arn>{role['AssumedRoleUser']['Arn']}</Arn><AssumedRoleId>x</AssumedRoleId></AssumedRoleUser>"
        f"</{action}Result></{action}Response>").encode()


sts.rule = lambda request: None if "authorization" in request.headers else {"edit": lambda *_: with_token(request.body)}


class World:
    """A home folder and variables, for dowel and for botocore."""

    def __init__(self, config="", credentials="", cache=None, **variables):
        self.home = tempfile.mkdtemp(dir=TMP)
        os.makedirs(os.path.join(self.home, ".aws/sso/cache"))
        for name, text in (("config", config), ("credentials", credentials)):
            with open(os.path.join(self.home, ".aws", name), "w") as file:
                file.write(text.replace("HOME", self.home))
        for key, token in (cache or {}).items():
            with open(self.cache_file(key), "w") as file:
                json.dump(token, file)
        with open(os.path.join(self.home, "token"), "w") as file:
            file.write("a.web.token")
        self.env = {"PATH": os.environ["PATH"], "HOME": self.home, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
                    "AWS_ENDPOINT_URL_STS": sts.url, "AWS_ENDPOINT_URL_SSO": services.url, "AWS_ENDPOINT_URL_SSO_OIDC": services.url,
                    **{name: value.replace("HOME", self.home) for name, value in variables.items()}}

    def cache_file(self, key):
        return os.path.join(self.home, ".aws/sso/cache", hashlib.sha1(key.encode()).hexdigest() + ".json")

    def dowel(self, **more):
        done = subprocess.run([PROBE, "keys"], env={**self.env, "DOWEL_LOG": "debug", **more}, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        # Whatever happens on the way, nothing that would let its reader act is logged.
        for secret in (SECRET, found.get("secret_access_key"), found.get("session_token"), "container-token", "AQAEA-stands-for-a-token", "login-token",
                       "refresh-me", "client-secret", "a.web.token"):
            assert not secret or len(secret) < 6 or secret not in done.stderr, done.stderr
        return found

    def botocore(self):
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.env)
        # It looked for the home folder when it was imported.
        folder = os.path.join(self.home, ".aws/sso/cache")
        botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR = botocore.tokens.SSOTokenProvider._SSO_TOKEN_CACHE_DIR = folder
        try:
            found = botocore.session.Session().get_credentials()
            if not found:
                return None
            frozen = found.get_frozen_credentials()
            return {"access_key_id": frozen.access_key, "secret_access_key": frozen.secret_key, "session_token": frozen.token}
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, ValueError) as error:
            return error
        finally:
            os.environ.clear()
            os.environ.update(before)


def caller(found):
    return client("sts", aws_access_key_id=found["access_key_id"], aws_secret_access_key=found["secret_access_key"],
                  aws_session_token=found.get("session_token")).get_caller_identity()["Arn"]


def same(world, role=None):
    """The same keys; of an assumed role, which gives new ones each time, the same identity."""
    ours, theirs = world.dowel(), world.botocore()
    assert "access_key_id" in ours and isinstance(theirs, dict), (ours, theirs)
    if role:
        assert role in caller(ours) and role in caller(theirs), (ours["origin"], caller(ours), caller(theirs))
    else:
        assert {k: ours.get(k) for k in theirs} == theirs, (ours, theirs)
    return ours


def both_refuse(world, saying):
    ours, theirs = world.dowel(), world.botocore()
    assert not isinstance(theirs, dict), theirs
    assert "access_key_id" not in ours and saying in ours["message"] + ours.get("hint", ""), ours
    return ours


def test_roles_are_there():
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
    for name in ("first", "second", "web"):
        client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust)
        client("iam").put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy)


def test_environment():
    same(World(AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY="s"))
    same(World(credentials=BASE.replace("base", "default"), AWS_ACCESS_KEY_ID="AKIDENV", AWS_SECRET_ACCESS_KEY="s", AWS_SESSION_TOKEN="t"))
    both_refuse(World(AWS_ACCESS_KEY_ID="AKIDENV"), "AWS_SECRET_ACCESS_KEY")
    both_refuse(World(), "no AWS keys")


def test_static_profiles():
    same(World(credentials=BASE.replace("base", "default")))
    same(World(config="[default]\naws_access_key_id = A\naws_secret_access_key = B\naws_session_token = C\n"))
    for tokens in ("aws_security_token = S\n", "aws_security_token = S\naws_session_token = C\n"):  # an older name
        assert same(World(credentials="[default]\naws_access_key_id = A\naws_secret_access_key = B\n" + tokens))["session_token"] == "S"
    same(World(credentials=BASE, AWS_PROFILE="base"))
    same(World(config="[profile p]\naws_access_key_id = A\naws_secret_access_key = B\n", credentials="[p]\naws_access_key_id = C\naws_secret_access_key = D\n",
               AWS_PROFILE="p"))
    same(World(credentials=BASE, AWS_DEFAULT_PROFILE="base"))
    assert World(credentials=BASE + "[other]\naws_access_key_id = A\naws_secret_access_key = B\n", AWS_PROFILE="other",
                 AWS_DEFAULT_PROFILE="base").dowel()["access_key_id"] == "A"
    both_refuse(World(credentials=BASE, AWS_DEFAULT_PROFILE="absent"), "absent")
    both_refuse(World(credentials=BASE, AWS_PROFILE="bass"), 'did you mean "base"')
    both_refuse(World(credentials="[default]\naws_access_key_id = A\n"), "aws_secret_access_key")
    both_refuse(World(config="[default\n"), "line 1")


def test_role_chains():
    one = f"[profile one]\nrole_arn = {ROLE}first\nsource_profile = base\nrole_session_name = alpha\nexternal_id = from-outside\nduration_seconds = 900\n"
    same(World(one, BASE, AWS_PROFILE="one"), "assumed-role/first/alpha")
    two = one + f"[profile two]\nrole_arn = {ROLE}second\nsource_profile = one\nrole_session_name = beta\n"
    assert "assumed by" in same(World(two, BASE, AWS_PROFILE="two"), "assumed-role/second/beta")["origin"]
    own = f"[default]\nrole_arn = {ROLE}first\nsource_profile = default\nrole_session_name = own\n"
    same(World(own, BASE.replace("base", "default")), "assumed-role/first/own")
    variables = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
    named = World(f"[profile n]\nrole_arn = {ROLE}first\ncredential_source = Environment\nrole_session_name = env\n", AWS_PROFILE="n", **variables)
    found = named.dowel()  # both take the environment's own keys before any profile
    assert found["access_key_id"] == KEY and named.botocore()["access_key_id"] == KEY


def test_role_chains_that_cannot_be():
    both_refuse(World("[profile a]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = s\nsource_profile = a\n", AWS_PROFILE="a"), "forms a cycle")
    both_refuse(World("[profile a]\nrole_arn = r\nsource_profile = c\n", AWS_PROFILE="a"), "source_profile")
    both_refuse(World("[profile a]\nrole_arn = r\nsource_profile = c\ncredential_source = Environment\n", AWS_PROFILE="a"), "both")
    both_refuse(World("[profile a]\nrole_arn = r\ncredential_source = Nowhere\n", AWS_PROFILE="a"), "Nowhere")
    refused = World(f"[profile m]\nrole_arn = {ROLE}first\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\n", BASE, AWS_PROFILE="m").dowel()
    assert "mfa_serial" in refused["message"] and "mfa_process" in refused["hint"], refused


def test_a_code_of_a_device():
    profile = f"[profile m]\nrole_arn = {ROLE}first\nsource_profile = base\nmfa_serial = arn:aws:iam::1:mfa/me\nrole_session_name = coded\nmfa_process = "
    found = World(profile + "echo 123456\n", BASE, AWS_PROFILE="m").dowel()
    assert caller(found).endswith("assumed-role/first/coded"), found
    asked = dict(urllib.parse.parse_qsl(sts.requests[-1].body.decode()))
    assert (asked["SerialNumber"], asked["TokenCode"]) == ("arn:aws:iam::1:mfa/me", "123456"), asked
    for bad in ("echo 98765", "echo 987654 7", "exit 1"):
        refused = World(profile + bad + "\n", BASE, AWS_PROFILE="m").dowel()
        assert "mfa_process" in refused["message"] and "98765" not in refused["message"], refused


def test_web_identity():
    same(World(AWS_ROLE_ARN=ROLE + "web", AWS_WEB_IDENTITY_TOKEN_FILE="HOME/token", AWS_ROLE_SESSION_NAME="pod"), "assumed-role/web/pod")
    config = f"[profile w]\nrole_arn = {ROLE}web\nweb_identity_token_file = HOME/token\nrole_session_name = prof\n"
    same(World(config, AWS_PROFILE="w"), "assumed-role/web/prof")
    chained = config + f"[profile c]\nrole_arn = {ROLE}first\nsource_profile = w\nrole_session_name = chained\n"
    same(World(chained, AWS_PROFILE="c"), "assumed-role/first/chained")
    both_refuse(World(AWS_WEB_IDENTITY_TOKEN_FILE="HOME/token"), "AWS_ROLE_ARN")
    refused = World(AWS_ROLE_ARN=ROLE + "web", AWS_WEB_IDENTITY_TOKEN_FILE="HOME/absent").dowel()
    assert "absent" in refused["message"], refused


def process(document, status=0):
    path = os.path.join(tempfile.mkdtemp(dir=TMP), "give")
    with open(path, "w") as file:
        file.write(f"#!/bin/sh\ncat <<'END'\n{document if isinstance(document, str) else json.dumps(document)}\nEND\nexit {status}\n")
    os.chmod(path, 0o700)
    return f"[default]\ncredential_process = {path} --flag 'two words'\n"


def test_processes():
    keys = {"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "not-to-be-said"}
    same(World(process(keys)))
    found = same(World(process({**keys, "SessionToken": "t", "Expiration": rfc3339(3600), "AccountId": "1"})))
    assert found["account_id"] == "1" and found["expires"] > 0
    true = process({"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET})
    same(World(true + f"[profile r]\nrole_arn = {ROLE}first\nsource_profile = default\nrole_session_name = over\n", AWS_PROFILE="r"),
         "assumed-role/first/over")
    for bad, what in ((process({**keys, "Version": 2}), "Version"), (process(keys, 3), "exited with status 3"), (process("not-to-be-said"), "JSON"),
                      (process({"Version": 1}), "AccessKeyId")):
        assert "not-to-be-said" not in json.dumps(both_refuse(World(bad), what))


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "XZ"  # it ended, and nobody has asked how
    except (FileNotFoundError, ProcessLookupError):
        return True


def gone(pid):
    """A signal takes a moment to end a process."""
    end = time.monotonic() + 20
    while not has_ended(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return has_ended(pid)


def test_a_process_that_does_not_end_is_ended():
    """With the run that waits for it: one that will not be told to, one whose output ended before it did."""
    dowel("block", "save", "aws-credentials/hangs", "--profile", "hangs", "--region", "us-east-1", "--endpoint", MOTO)
    dowel("block", "save", "s3-bucket/hangs", "--bucket", "hangs", "--credentials", "hangs")
    for n, habit in enumerate(("trap '' TERM", "exec >&-")):
        program, config, told = (os.path.join(TMP, f"hangs-{n}.{kind}") for kind in ("sh", "config", "pid"))
        with open(program, "w") as file:
            file.write(f"#!/bin/sh\n{habit}\necho $$ > {told}.new\nmv {told}.new {told}\nexec sleep 600\n")
        os.chmod(program, 0o700)
        with open(config, "w") as file:
            file.write(f"[profile hangs]\ncredential_process = {program}\n")
        running = start("call", "s3.list", "--bucket", "hangs", env={"AWS_CONFIG_FILE": config}, stderr=subprocess.PIPE)
        while not os.path.exists(told):
            assert running.poll() is None, running.stderr.read()
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
        assert running.returncode and b"cancel" in said.lower(), (running.returncode, said)
        with open(told) as file:
            assert gone(int(file.read())), "it runs on"


SESSION = "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = Reader\n[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.test/start\n"
LEGACY = "[default]\nsso_start_url = https://x.test/start\nsso_region = eu-west-1\nsso_account_id = 123456789012\nsso_role_name = Reader\n"


def login(seconds=86400, token="login-token", **more):
    return {"startUrl": "https://x.test/start", "region": "eu-west-1", "accessToken": token, "expiresAt": rfc3339(seconds), "clientId": "client",
            "clientSecret": "client-secret", "registrationExpiresAt": rfc3339(900000), "refreshToken": "refresh-me", **more}


def test_identity_center():
    found = same(World(SESSION, cache={"s": login()}))
    assert found["account_id"] == "123456789012" and found["expires"] == 4070908800
    same(World(LEGACY, cache={"https://x.test/start": login()}))
    same(World(SESSION.replace("sso_session = s\n", "sso_session = s\nsso_region = eu-west-1\n"), cache={"s": login()}))
    for world in (World(SESSION), World(LEGACY, cache={"https://x.test/start": login(-60)}), World(SESSION, cache={"s": login(token="unknown")}),
                  World(SESSION, cache={"s": login(-60, registrationExpiresAt=rfc3339(-60))})):
        both_refuse(world, "aws sso login --profile default")
    both_refuse(World(SESSION.replace("Reader", "Writer"), cache={"s": login()}), "No access")
    both_refuse(World(SESSION.replace("sso_region = eu-west-1\n", ""), cache={"s": login()}), "sso_region")
    # A region becomes part of the host that gets the token.
    elsewhere = World(SESSION.replace("eu-west-1", "eu.example.com/"), cache={"s": login()}, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true")
    both_refuse(elsewhere, "is not a region")


def test_identity_center_token_is_renewed_and_kept():
    world = World(SESSION, cache={"s": login(-60)})
    path = world.cache_file("s")
    found = world.dowel()
    assert found["session_token"].startswith("token-for-renewed-"), found
    with open(path) as file:
        kept = json.load(file)
    assert kept["accessToken"] in services.tokens and kept["clientSecret"] == "client-secret" and kept["refreshToken"] == "refresh-me", kept
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, oct(os.stat(path).st_mode)
    issued = services.issued
    assert same(world)["session_token"] == found["session_token"] and services.issued == issued  # botocore reads what dowel kept
    # A renewal that fails while the token holds is none of the user's concern.
    soon = World(SESSION, cache={"s": login(300, refreshToken="revoked")})
    assert soon.dowel()["session_token"] == "token-for-login-token"
    expired = World(SESSION, cache={"s": login(-60, refreshToken="revoked")}).dowel()
    assert "InvalidGrantException" in expired["message"] and "aws sso login" in expired["hint"], expired


def test_containers():
    full = services.url + "/container?a=1"
    found = same(World(AWS_CONTAINER_CREDENTIALS_FULL_URI=full, AWS_CONTAINER_AUTHORIZATION_TOKEN="container-token"))
    assert found["account_id"] == "111122223333"
    world = World(AWS_CONTAINER_CREDENTIALS_FULL_URI=full, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="HOME/pod-token")
    for content in ("container-token", "container-token\n"):
        with open(os.path.join(world.home, "pod-token"), "w") as file:
            file.write(content)
        assert world.dowel()["access_key_id"] == "ASIACONTAINER"
    with open(os.path.join(world.home, "pod-token"), "w") as file:
        file.write("two\nlines")
    both_refuse(world, "line break")
    both_refuse(World(AWS_CONTAINER_CREDENTIALS_FULL_URI=full, AWS_CONTAINER_AUTHORIZATION_TOKEN="wrong"), "who are you")
    for bad in ("http://192.0.2.1/keys", "http://example.com/keys", "http://127.0.0.1.example.com/", "http://169.254.170.24/x", "ftp://127.0.0.1/"):
        both_refuse(World(AWS_CONTAINER_CREDENTIALS_FULL_URI=bad), "AWS_CONTAINER_CREDENTIALS_FULL_URI")
    for bad in ("@192.0.2.1/x", ".example.com/x", "keys"):
        refused = World(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=bad).dowel()
        assert "RELATIVE_URI" in refused["message"], refused
    before = len(services.requests)
    refused = World(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://127.0.0.1:1@" + services.url[7:] + "/container").dowel()
    assert "access_key_id" not in refused and len(services.requests) == before, refused
    role = f"[profile r]\nrole_arn = {ROLE}first\ncredential_source = EcsContainer\n"
    assert "HTTP 403" in World(role, AWS_PROFILE="r", AWS_CONTAINER_CREDENTIALS_FULL_URI=full, AWS_CONTAINER_AUTHORIZATION_TOKEN="container-token").dowel()["message"]


def test_no_proxy_sees_the_services_of_this_machine():
    variables = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    assert World(AWS_CONTAINER_CREDENTIALS_FULL_URI=services.url + "/container", AWS_CONTAINER_AUTHORIZATION_TOKEN="container-token",
                 **variables).dowel()["access_key_id"] == "ASIACONTAINER"


def test_instances():
    here = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": services.url}
    same(World(**here))
    same(World("[default]\nregion = eu-west-1\n", **here))
    same(World(f"[default]\nec2_metadata_service_endpoint = {services.url}\n", AWS_EC2_METADATA_DISABLED="false"))
    services.role = ""
    both_refuse(World(**here), "no AWS keys")
    services.role = "instance-role"
    services.role = "two\0parts"
    assert "the answer contains a NUL" in World(**here).dowel()["message"]
    services.role = "instance-role"
    services.metadata_version = 1
    refused = World(**here).dowel()
    assert "version 1 is refused" in refused["message"] and "AWS_EC2_METADATA_V1_DISABLED" in refused["hint"], refused
    same(World(**here, AWS_EC2_METADATA_V1_DISABLED="false"))
    same(World("[default]\nec2_metadata_v1_disabled = false\n", **here))
    services.metadata_version = 403  # some other cloud's
    refused = World(**here).dowel()
    assert "no AWS keys" in refused["message"] and "HTTP 403" in refused["message"] and "AWS_PROFILE" in refused["hint"], refused
    services.metadata_version = 2
    services.trouble = 3
    assert World(**here).dowel()["access_key_id"] == "ASIAINSTANCE"
    services.stale_tokens = 1
    assert World(**here).dowel()["access_key_id"] == "ASIAINSTANCE"
    # A token that ends between two requests: only the refused one is asked again.
    roles = "/latest/meta-data/iam/security-credentials/"
    services.stale_at, before = roles + "instance-role", len(services.requests)
    assert World(**here).dowel()["access_key_id"] == "ASIAINSTANCE"
    token = ("PUT", "/latest/api/token")
    assert [r[:2] for r in services.requests[before:]] == [token, ("GET", roles), ("GET", roles + "instance-role"), token, ("GET", roles + "instance-role")]
    for odd in ("nan", "inf", "1e300", "-1", "x"):
        assert World(**here, AWS_METADATA_SERVICE_NUM_ATTEMPTS=odd, AWS_METADATA_SERVICE_TIMEOUT=odd).dowel()["access_key_id"] == "ASIAINSTANCE", odd
    both_refuse(World(AWS_EC2_METADATA_DISABLED="false", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9"), "no AWS keys")
    both_refuse(World(AWS_EC2_METADATA_SERVICE_ENDPOINT=services.url), "no AWS keys")


def test_order():
    everything = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": services.url,
                  "AWS_CONTAINER_CREDENTIALS_FULL_URI": services.url + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "container-token"}
    assert same(World(**everything))["access_key_id"] == "ASIACONTAINER"
    web = {"AWS_ROLE_ARN": ROLE + "web", "AWS_WEB_IDENTITY_TOKEN_FILE": "HOME/token", "AWS_ROLE_SESSION_NAME": "order"}
    same(World(**everything, **web), "assumed-role/web/order")
    assert same(World(credentials=BASE.replace("base", "default"), **everything))["access_key_id"] == KEY


def test_blocks():
    save = ["--region", "us-east-1", "--endpoint", MOTO]
    dowel("block", "save", "aws-credentials/base", "--access-key-id", KEY, "--secret-access-key", "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY", *save)
    dowel("block", "save", "aws-credentials/role", "--role-arn", ROLE + "first", "--role-session-name", "from-block", "--source", "base",
          "--external-id", "from-outside", "--role-duration", "20m")
    report = json.loads(dowel("block", "check", "aws-credentials/role", "--json"))
    assert report["identity"].endswith("assumed-role/first/from-block"), report
    assert report["keys_from"] == f"role {ROLE}first, assumed by keys of fields of the block" and report["keys_expire"], report
    assert report["uses"][0]["identity"].endswith("user/dowel"), report
    with open(os.path.join(TMP, "web-token"), "w") as file:
        file.write("a.web.token")
    dowel("block", "save", "aws-credentials/web", "--role-arn", ROLE + "web", "--web-identity-token-file", os.path.join(TMP, "web-token"), "--region", "us-east-1",
          "--endpoint", sts.url)
    assert "assumed-role/web/dowel-" in json.loads(dowel("block", "check", "aws-credentials/web", "--json"))["identity"]
    fails(2, "block", "save", "aws-credentials/bad", "--external-id", "x", saying='"role_arn" is required beside "external_id"')
    fails(2, "block", "save", "aws-credentials/bad", "--role-arn", "r", "--profile", "p", "--source", "base", saying="only one")
    fails(2, "block", "save", "aws-credentials/bad", "--role-arn", "r", "--role-duration", "10s", saying="role_duration")


if __name__ == "__main__":
    main(globals())
