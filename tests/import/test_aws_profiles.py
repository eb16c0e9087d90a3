"""AWS profiles: the keys, region and token that a block gets are those that botocore finds in the same files."""
import os

import botocore.session

from import_case import ImportTest, main

CONFIG = """
[default]
region = eu-west-1
output = json

[profile work]
region=us-east-2
s3 =
  addressing_style = path
endpoint_url = http://127.0.0.1:9000

[profile Data_Team]
aws_access_key_id = AKIADATATEAM0000000
aws_secret_access_key = data/team+secret=
region = ap-south-1

[profile role]
role_arn = arn:aws:iam::123456789012:role/report
source_profile = work
role_session_name = nightly
external_id = 42
duration_seconds = 1800
region = eu-central-1

[profile itself]
role_arn = arn:aws:iam::123456789012:role/itself
source_profile = itself
aws_access_key_id = AKIAITSELF000000000
aws_secret_access_key = itself-secret

[profile identity]
role_arn = arn:aws:iam::123456789012:role/pod
web_identity_token_file = /var/run/token

[profile chained]
role_arn = arn:aws:iam::123456789012:role/chained
source_profile = sso

[profile machine]
role_arn = arn:aws:iam::123456789012:role/machine
credential_source = Ec2InstanceMetadata

[profile device]
role_arn = arn:aws:iam::123456789012:role/device
source_profile = work
mfa_serial = arn:aws:iam::123456789012:mfa/me

[profile circle]
role_arn = arn:aws:iam::123456789012:role/circle
source_profile = circling

[profile circling]
role_arn = arn:aws:iam::123456789012:role/circling
source_profile = circle

[profile orphan]
role_arn = arn:aws:iam::123456789012:role/orphan
source_profile = nobody

[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Reader

[sso-session corp]
sso_start_url = https://corp.example.com/start
sso_region = us-east-1

[profile program]
credential_process = /bin/keys

[profile empty]
region = eu-west-1

[profile half]
aws_access_key_id = AKIAHALF00000000000
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKIADEFAULT00000000
aws_secret_access_key = default-secret

# the keys of work
[work]
aws_access_key_id=AKIAWORK00000000000
aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
aws_session_token = FwoGZXIvYXdzEXAMPLE==
"""


class Profiles(ImportTest):
    def setUp(self):
        super().setUp()
        self.config = self.home(".aws/config", CONFIG)
        self.credentials = self.home(".aws/credentials", CREDENTIALS)

    def botocores(self, profile):
        before = dict(os.environ)
        try:
            for name in [n for n in os.environ if n.startswith("AWS_")]:
                del os.environ[name]
            os.environ.update(AWS_CONFIG_FILE=self.config, AWS_SHARED_CREDENTIALS_FILE=self.credentials)
            session = botocore.session.Session(profile=profile)
            keys, scoped = session.get_credentials(), session.get_scoped_config()
            found = {"access_key_id": keys.access_key, "secret_access_key": keys.secret_key, "session_token": keys.token,
                     "region": session.get_config_variable("region"), "endpoint": scoped.get("endpoint_url")}
            return {name: value for name, value in found.items() if value}
        finally:
            os.environ.clear()
            os.environ.update(before)

    def test_keys_are_botocores(self):
        for profile, name in (("default", "default"), ("work", "work"), ("Data_Team", "data-team")):
            blocks, _ = self.imported("--from-aws-profile", profile)
            self.assertEqual(blocks, {f"aws-credentials/{name}": self.botocores(profile)})

    def test_what_is_left_out_is_named(self):
        _, said = self.imported("--from-aws-profile", "work")
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].endswith(": s3"), said)
        done = self.run_dowel("block", "import", "--from-aws-profile", "default", "aws-credentials/named")
        self.assertIn("output", done.err)
        self.assertIn("saved aws-credentials/named (revision 1)", done.out)

    def test_profiles_whose_keys_come_from_elsewhere_are_referred_to(self):
        for profile, where in (("machine", "this machine"), ("device", "code of a device"), ("sso", "single sign-on"), ("program", "a program")):
            blocks, said = self.imported("--from-aws-profile", profile)
            document = blocks[f"aws-credentials/{profile}"]
            self.assertEqual(document["profile"], profile)
            self.assertNotIn("secret_access_key", document)
            self.assertIn(where, said[0])

    def test_roles_bring_the_profiles_that_assume_them(self):
        blocks, said = self.imported("--from-aws-profile", "role", "report")
        self.assertEqual(list(blocks), ["aws-credentials/work", "aws-credentials/report"])
        self.assertEqual(blocks["aws-credentials/work"], self.botocores("work"))
        self.assertEqual(blocks["aws-credentials/report"], {
            "role_arn": "arn:aws:iam::123456789012:role/report", "role_session_name": "nightly", "external_id": "42", "role_duration": 1800.0,
            "region": "eu-central-1", "source": {"$block": "aws-credentials/work"}})
        self.assertEqual([s for s in said if "role" in s], [])
        blocks, _ = self.imported("--from-aws-profile", "itself")
        self.assertEqual(blocks["aws-credentials/itself"], {"access_key_id": "AKIAITSELF000000000", "secret_access_key": "itself-secret",
                                                            "role_arn": "arn:aws:iam::123456789012:role/itself"})
        blocks, _ = self.imported("--from-aws-profile", "identity")
        self.assertEqual(blocks["aws-credentials/identity"], {"role_arn": "arn:aws:iam::123456789012:role/pod", "web_identity_token_file": "/var/run/token"})
        blocks, said = self.imported("--from-aws-profile", "chained")
        self.assertEqual(blocks["aws-credentials/chained"]["source"], {"$block": "aws-credentials/sso"})
        self.assertEqual(blocks["aws-credentials/sso"], {"profile": "sso"})
        self.assertIn("single sign-on", said[0])

    def test_refusals(self):
        self.refused(4, "--from-aws-profile", "circle", says=["circl", "forms a cycle"])
        self.refused(3, "--from-aws-profile", "orphan", says=['"nobody"'])
        self.refused(3, "--from-aws-profile", "wrok", says=['"wrok"', 'did you mean "work"?'])
        self.refused(4, "--from-aws-profile", "half", says=["half", "aws_access_key_id without aws_secret_access_key"])
        self.refused(4, "--from-aws-profile", "empty", says=["empty", "no credentials"])
        self.home(".aws/config", "[profile work\nregion = x\n")
        self.refused(4, "--from-aws-profile", "work", says=["config"])
        os.remove(self.config)
        os.remove(self.credentials)
        self.refused(3, "--from-aws-profile", "work", says=["work"])

    def test_other_files(self):
        other = self.write("other", "[elsewhere]\naws_access_key_id = AKIAOTHER0000000000\naws_secret_access_key = s\n")
        blocks, _ = self.imported("--from-aws-profile", "elsewhere", env={"AWS_SHARED_CREDENTIALS_FILE": other})
        self.assertEqual(blocks["aws-credentials/elsewhere"]["access_key_id"], "AKIAOTHER0000000000")

    def test_text_that_is_not_utf8(self):
        """JSON cannot hold it: the setting must not be left out in silence."""
        path = self.home(".aws/config", "")
        with open(path, "wb") as file:
            file.write(b"[profile work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = planted-1\nregion = eu-\xff\n")
        said = self.refused(2, "--from-aws-profile", "work", says=['field "region" is not UTF-8'])
        self.assertNotIn("planted", said)


if __name__ == "__main__":
    main()
