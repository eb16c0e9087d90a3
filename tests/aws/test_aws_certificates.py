"""Which certificates Amazon's services are trusted by: as botocore has it, in every combination of variable, profile and what anybody trusts."""
import itertools
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, dowel, main, run  # noqa: E402

import botocore.config  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402

URL, GOOD = os.environ["DOWEL_TEST_VERSITYGW_URL"], os.environ["DOWEL_TEST_VERSITYGW_CERTIFICATE"]
KEY, SECRET = os.environ["DOWEL_TEST_VERSITYGW_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_VERSITYGW_SECRET_ACCESS_KEY"]
OTHER, ABSENT = os.path.join(TMP, "other.pem"), os.path.join(TMP, "absent.pem")
CONFIG = os.path.join(TMP, "config")
UNTRUSTED, NO_FILE = "the server's certificate is not trusted", "the file of trusted certificates cannot be read"
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=other", "-keyout", os.devnull, "-out", OTHER],
               check=True, capture_output=True)
os.environ.update(AWS_CONFIG_FILE=CONFIG, AWS_PROFILE="p", AWS_REGION="us-east-1")


def write(bundle):
    with open(CONFIG, "w") as file:
        file.write(f"[profile p]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n" + (f"ca_bundle = {bundle}\n" if bundle else ""))


def botocore_trusts(variables):
    # What anybody trusts is SSL_CERT_FILE's here, and for botocore what this variable names.
    os.environ.update({name.replace("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"): value for name, value in variables.items()})
    try:
        client = botocore.session.Session().create_client("s3", endpoint_url=URL, config=botocore.config.Config(
            retries={"max_attempts": 0}, s3={"addressing_style": "path"}))
        client.list_objects_v2(Bucket="bucket")
        return True
    except (botocore.exceptions.HTTPClientError, OSError):
        return False
    finally:
        for name in ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
            os.environ.pop(name, None)


def fails(*words, saying="", **options):
    done = run(*words, **options)
    said = done.stderr.decode()
    assert done.returncode and saying in said, (words, done)
    return said


def test_alike():
    write(GOOD)
    botocore.session.Session().create_client("s3", endpoint_url=URL).create_bucket(Bucket="bucket")
    dowel("block", "save", "aws-credentials/p", "--profile", "p", "--region", "us-east-1")
    dowel("block", "save", "s3-bucket/named", "--bucket", "bucket", "--credentials", "p", "--endpoint", URL)
    dowel("block", "save", "s3-bucket/default", "--bucket", "bucket", "--endpoint", URL)
    seen = set()
    for variable, setting, anybody in [*itertools.product((None, GOOD, OTHER), (None, GOOD, OTHER, ABSENT), (None, GOOD)), (ABSENT, GOOD, GOOD), (None, None, OTHER)]:
        write(setting)
        env = {name: value for name, value in (("AWS_CA_BUNDLE", variable), ("SSL_CERT_FILE", anybody)) if value}
        trusted = botocore_trusts(env)
        seen.add(trusted)
        for block in ("named", "default"):
            done = run("call", "s3.list", "--bucket", block, env=env)
            assert (done.returncode == 0) == trusted, (variable, setting, anybody, trusted, done)
            saying = NO_FILE if (variable or setting or anybody) == ABSENT else UNTRUSTED
            assert trusted or saying.encode() in done.stderr, (variable, setting, anybody, done)
    assert seen == {True, False}


def test_services_of_credentials():
    """STS answers over TLS, too: who assumes a role trusts the same."""
    with open(CONFIG, "w") as file:
        file.write(f"[profile base]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
                   f"[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\nca_bundle = {GOOD}\n"
                   f"[profile q]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
                   "[profile s]\nsso_session = s\nsso_account_id = 1\nsso_role_name = R\n"
                   "[sso-session s]\nsso_region = us-east-1\nsso_start_url = https://x.test/start\n")
    env = {"AWS_ENDPOINT_URL_STS": URL}
    said = fails("call", "s3.list", "--bucket", "default", env=env, saying="HTTP ")
    assert UNTRUSTED not in said, said
    fails("call", "s3.list", "--bucket", "default", env={**env, "AWS_PROFILE": "q"}, saying=UNTRUSTED)
    fails("call", "s3.list", "--bucket", "default", env={**env, "AWS_CA_BUNDLE": OTHER}, saying=UNTRUSTED)


def test_others_services():
    """They are not Amazon's: what is trusted there says nothing of them."""
    dowel("block", "save", "gcp-credentials/nobody", "--anonymous")
    dowel("block", "save", "gcs-bucket/b", "--bucket", "bucket", "--credentials", "nobody", "--endpoint", URL)
    fails("call", "gcs.list", "--bucket", "b", env={"AWS_CA_BUNDLE": GOOD}, saying=UNTRUSTED)
    assert UNTRUSTED not in fails("call", "gcs.list", "--bucket", "b", env={"SSL_CERT_FILE": GOOD, "AWS_CA_BUNDLE": OTHER})


if __name__ == "__main__":
    main(globals())
