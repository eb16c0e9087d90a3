"""Addresses of services, regions, and what configures them: dowel and botocore find the same in the same environment."""
import itertools
import json
import os
import subprocess
import sys
import tempfile

import botocore.endpoint_provider
import botocore.exceptions
import botocore.session

PROBE = sys.argv[1]
SERVICES = {"s3": "s3", "lambda": "lambda", "sts": "sts", "sso": "sso", "sso_oidc": "sso-oidc"}
REGIONS = ["us-east-1", "eu-central-1", "ap-southeast-7", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1",
           "eu-isoe-west-1", "us-isof-south-1", "eusc-de-east-1", "mx-central-1"]


def probe(env, *arguments):
    out = subprocess.run([PROBE, *arguments], env=env, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(out.stdout)


class Environment:
    """Variables and shared files for both."""

    def __init__(self, variables=None, config="", credentials=""):
        self.folder = tempfile.TemporaryDirectory()
        for name, text in (("config", config), ("credentials", credentials)):
            with open(os.path.join(self.folder.name, name), "w") as file:
                file.write(text)
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder.name, "AWS_EC2_METADATA_DISABLED": "true",
                    "AWS_CONFIG_FILE": os.path.join(self.folder.name, "config"),
                    "AWS_SHARED_CREDENTIALS_FILE": os.path.join(self.folder.name, "credentials"), **(variables or {})}

    def botocore_url(self, service, region=None):
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.env)
        try:
            client = botocore.session.Session().create_client(SERVICES[service], region_name=region, aws_access_key_id="a",
                                                              aws_secret_access_key="b")
            return client.meta.endpoint_url
        finally:
            os.environ.clear()
            os.environ.update(before)


def same(environment, service, region=None):
    (got,) = probe(environment.env, "url", service, *([region] if region else []))
    wanted = environment.botocore_url(service, region)
    assert got.get("url", "").rstrip("/") == wanted.rstrip("/"), (environment.env, service, region, got, wanted)


def rules(service):
    loader = botocore.session.Session().get_component("data_loader")
    return botocore.endpoint_provider.EndpointProvider(loader.load_service_model(SERVICES[service], "endpoint-rule-set-1"),
                                                       loader.load_data("partitions"))


def test_own_addresses():
    for service in SERVICES:
        provider = rules(service)
        for fips, dual in itertools.product((False, True), repeat=2):
            environment = Environment({"AWS_USE_FIPS_ENDPOINT": str(fips), "AWS_USE_DUALSTACK_ENDPOINT": str(dual).lower()})
            for name, got in zip(REGIONS, probe(environment.env, "url", service, *REGIONS)):
                try:
                    wanted = provider.resolve_endpoint(Region=name, UseFIPS=fips, UseDualStack=dual).url
                except botocore.exceptions.EndpointProviderError:
                    assert "message" in got and "url" not in got, (service, fips, dual, name, got)
                    continue
                assert got.get("url") == wanted, (service, fips, dual, name, got, wanted)


def test_buckets():
    provider = rules("s3")
    for bucket in ("plain-bucket", "dotted.bucket"):
        for fips, dual in itertools.product((False, True), repeat=2):
            environment = Environment({"AWS_USE_FIPS_ENDPOINT": str(fips), "AWS_USE_DUALSTACK_ENDPOINT": str(dual),
                                       "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
            for name, got in zip(REGIONS, probe(environment.env, "bucket", bucket, *REGIONS)):
                try:
                    wanted = provider.resolve_endpoint(Bucket=bucket, Region=name, UseFIPS=fips, UseDualStack=dual).url
                except botocore.exceptions.EndpointProviderError:
                    assert "url" not in got, (bucket, fips, dual, name, got)
                    continue
                assert got.get("url", "").rstrip("/") == wanted, (bucket, fips, dual, name, got, wanted)


def test_switches_in_the_profile():
    environment = Environment({"AWS_PROFILE": "p"}, "[profile p]\nregion = eu-west-1\nuse_fips_endpoint = true\nuse_dualstack_endpoint = True\n")
    for service in SERVICES:
        same(environment, service)
    environment.env["AWS_USE_FIPS_ENDPOINT"] = "false"
    same(environment, "lambda")
    environment.env["AWS_USE_FIPS_ENDPOINT"] = "maybe"
    assert "AWS_USE_FIPS_ENDPOINT" in probe(environment.env, "url", "lambda")[0]["message"]


CONFIG = """[default]
region = eu-west-1
endpoint_url = http://profile.test
services = mine
[services mine]
s3 =
  endpoint_url = http://services-s3.test
  other = x
sso_oidc =
  endpoint_url = http://services-oidc.test
"""


def test_configured_addresses():
    for variables in ({}, {"AWS_ENDPOINT_URL": "http://all.test:8080/base"}, {"AWS_ENDPOINT_URL_S3": "http://one.test"},
                      {"AWS_ENDPOINT_URL": "http://all.test", "AWS_ENDPOINT_URL_SSO_OIDC": "http://oidc.test"},
                      {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://all.test"},
                      {"AWS_ENDPOINT_URL_LAMBDA": "", "AWS_ENDPOINT_URL": "http://all.test"}):
        environment = Environment(variables, CONFIG)
        for service in SERVICES:
            same(environment, service)
    ignoring = Environment({"AWS_ENDPOINT_URL_S3": "http://one.test"}, CONFIG.replace("[default]", "[default]\nignore_configured_endpoint_urls = true"))
    same(ignoring, "s3")
    same(ignoring, "lambda")


def region(variables, config=""):
    environment = Environment(variables, config)
    got = probe(environment.env, "region")
    return got.get("region") or got["message"]


def test_region():
    config = "[default]\nregion = from-default\n[profile p]\nregion = from-p\n"
    assert region({}, config) == "from-default"
    assert region({"AWS_PROFILE": "p"}, config) == "from-p"
    assert region({"AWS_DEFAULT_REGION": "dd"}, config) == "dd"
    assert region({"AWS_DEFAULT_REGION": "dd", "AWS_REGION": "rr"}, config) == "rr"
    assert "no AWS region" in region({})
    assert "is not a region" in region({"AWS_REGION": "evil.test/"})


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print("ok", name)
