"""A service whose clock and this machine's differ by hours: requests are signed by its clock after the first refusal, and S3 and STS take them."""
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main  # noqa: E402
from proxy import Proxy  # noqa: E402

import boto3  # noqa: E402

MOTO = os.environ["DOWEL_TEST_MOTO_URL"]
KEY, SECRET = os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
proxy = Proxy(MOTO)
s3 = boto3.client("s3", endpoint_url=MOTO, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET)


def clock(hours, code, sts=False):
    """A rule of the proxy: what is not signed by a clock that is off by so many hours is refused."""
    def rule(request):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=hours)
        signed = datetime.datetime.strptime(request.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        if abs((signed - now).total_seconds()) < 300:
            return None
        error = f"<Error><Code>{code}</Code><Message>refused</Message></Error>"
        body = (f"<ErrorResponse>{error}</ErrorResponse>" if sts else error).encode()
        return {"answer": (403, [("Date", now.strftime("%a, %d %b %Y %H:%M:%S GMT")), ("Content-Type", "application/xml")], body)}
    return rule


def setup():
    s3.create_bucket(Bucket="clock")
    dowel("block", "save", "aws-credentials/clock", "--access-key-id", KEY, "--secret-access-key", "env:DOWEL_TEST_AWS_SECRET_ACCESS_KEY",
          "--region", "us-east-1", "--endpoint", proxy.url)
    dowel("block", "save", "s3-bucket/clock", "--bucket", "clock", "--credentials", "clock")
    with open(os.path.join(TMP, "small"), "w") as file:
        file.write("small")


def test_each_reason_and_direction():
    setup()
    for hours, code in ((5, "RequestTimeTooSkewed"), (-5, "RequestExpired"), (30, "SignatureDoesNotMatch"), (-1, "InvalidSignatureException")):
        proxy.reset(clock(hours, code))
        name = f"{code}{hours}"
        call("s3.put", "--bucket", "clock", "--file", os.path.join(TMP, "small"), "--key", name)
        assert s3.get_object(Bucket="clock", Key=name)["Body"].read() == b"small"
        refused = [r for r in proxy.requests if r.status == 403]
        assert len(refused) == 1, (code, proxy.requests)


def test_an_answer_without_a_reason():
    proxy.reset(clock(5, "RequestTimeTooSkewed"))
    got = os.path.join(TMP, "got")
    call("s3.get", "--bucket", "clock", "--key", "RequestExpired-5", "--file", got)
    with open(got) as file:
        assert file.read() == "small"
    assert len([r for r in proxy.requests if r.status == 403]) == 1, proxy.requests


def test_the_token_service():
    proxy.reset(clock(-48, "SignatureDoesNotMatch", sts=True))
    report = json.loads(dowel("block", "check", "aws-credentials/clock", "--json"))
    assert report["identity"].endswith("user/dowel") and report["keys_from"] == "fields of the block", report
    assert len(proxy.requests) == 2, proxy.requests


def test_a_wrong_secret_is_not_tried_again():
    dowel("block", "save", "aws-credentials/wrong", "--access-key-id", KEY, "--secret-access-key", "env:WRONG", "--region", "us-east-1",
          "--endpoint", proxy.url, env={"WRONG": "x" * 40})
    proxy.reset()
    fails(4, "block", "check", "aws-credentials/wrong", saying="SignatureDoesNotMatch")
    assert len(proxy.requests) == 1, proxy.requests


def test_a_clock_that_goes_on_differing_is_an_error():
    def rule(request):
        return {"answer": (403, [("Date", "Thu, 01 Jan 2015 00:00:00 GMT")], b"<Error><Code>RequestTimeTooSkewed</Code></Error>")}
    proxy.reset(rule)
    fails(4, "call", "s3.list", "--bucket", "clock", saying=["RequestTimeTooSkewed", "clock"])
    assert len(proxy.requests) == 2, proxy.requests


def test_how_often_it_is_tried():
    """As the environment or the profile has it; botocore counts the same."""
    import botocore.config
    import botocore.exceptions
    config = os.path.join(TMP, "config")
    for settings, env, times in (("", {"AWS_MAX_ATTEMPTS": "2"}, 2), ("", {"AWS_RETRY_MODE": "standard"}, 3), ("max_attempts = 1\n", {}, 1),
                                 ("max_attempts = 4\n", {"AWS_MAX_ATTEMPTS": "2"}, 2), ("retry_mode = adaptive\n", {}, 3)):
        with open(config, "w") as file:
            file.write("[default]\n" + settings)
        env["AWS_CONFIG_FILE"] = config
        proxy.reset(lambda request: {"answer": (500, [], b"")})
        fails(5, "call", "s3.list", "--bucket", "clock", saying="HTTP 500", env=env)
        assert len(proxy.requests) == times, (env, settings, len(proxy.requests))
        before = {name: os.environ.get(name) for name in env}
        os.environ.update(env)
        proxy.reset(lambda request: {"answer": (500, [], b"")})
        try:
            boto3.session.Session().client("s3", endpoint_url=proxy.url, region_name="us-east-1", aws_access_key_id=KEY,
                                           aws_secret_access_key=SECRET).list_objects_v2(Bucket="clock")
            raise AssertionError("botocore succeeded")
        except botocore.exceptions.ClientError:
            assert len(proxy.requests) == times, (env, settings, len(proxy.requests))
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
    proxy.reset(lambda request: {"answer": (500, [], b"")} if request.number < 3 else None)
    call("s3.list", "--bucket", "clock", env={"AWS_MAX_ATTEMPTS": "none"})  # said in a warning, and passed over


if __name__ == "__main__":
    main(globals())
