"""Importing from gcloud, Prefect, Airflow and rclone: sample documents as those tools write them."""
import json
import os
import urllib.parse

import google.auth
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from import_case import ImportTest, main

KEY = {"type": "service_account", "project_id": "demo", "private_key_id": "planted-4Ev3r", "client_email": "robot@demo.iam.gserviceaccount.com",
       "private_key": rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(), "client_id": "7",
       "token_uri": "https://oauth2.googleapis.com/token"}
USER = {"type": "authorized_user", "client_id": "32555940559.apps.googleusercontent.com", "client_secret": "planted-client",
        "refresh_token": "1//planted-refresh"}
MASK = "********"


class Gcloud(ImportTest):
    FOLDER = ".config/gcloud"

    def configuration(self, name, text, account="somebody@example.com", credentials=USER):
        self.home(f"{self.FOLDER}/configurations/config_{name}", text)
        if credentials:
            self.home(f"{self.FOLDER}/legacy_credentials/{account}/adc.json", credentials)

    def test_account_and_project(self):
        self.configuration("work", "[core]\naccount = somebody@example.com\nproject = demo\ndisable_prompts = true\n\n[compute]\nregion = europe-west1\n")
        blocks, said = self.imported("--from-gcloud", "work")
        document = blocks["gcp-credentials/work"]
        self.assertEqual(document, {"project": "demo", "service_account_info": USER})
        self.assertIn("core/disable_prompts, compute/region", said[0])
        found, _ = google.auth.load_credentials_from_dict(document["service_account_info"])
        self.assertEqual((found.refresh_token, found.client_id), (USER["refresh_token"], USER["client_id"]))

    def test_a_service_account_and_who_pays(self):
        self.configuration("ci", "[core]\naccount = robot@demo.iam.gserviceaccount.com\nproject = demo\n[billing]\nquota_project = payer\n",
                           KEY["client_email"], KEY)
        self.assertEqual(self.imported("--from-gcloud", "ci")[0]["gcp-credentials/ci"],
                         {"project": "demo", "quota_project": "payer", "service_account_info": KEY})

    def test_impersonation(self):
        self.configuration("as", "[core]\naccount = somebody@example.com\n[auth]\nimpersonate_service_account = a@demo.iam,b@demo.iam,target@demo.iam\n"
                           "[billing]\nquota_project = CURRENT_PROJECT\n")
        info = self.imported("--from-gcloud", "as")[0]["gcp-credentials/as"]
        self.assertEqual(list(info), ["service_account_info"])
        found, _ = google.auth.load_credentials_from_dict(info["service_account_info"], scopes=["https://www.googleapis.com/auth/cloud-platform"])
        self.assertEqual(found.service_account_email, "target@demo.iam")
        self.assertEqual(found._delegates, ["a@demo.iam", "b@demo.iam"])

    def test_the_active_one_and_where_it_is(self):
        self.configuration("default", "[core]\nproject = first\naccount = somebody@example.com\n")
        self.configuration("second", "[core]\nproject = second\naccount = somebody@example.com\n")
        self.assertEqual(self.imported("--from-gcloud", "active", "gcp-credentials/one")[0]["gcp-credentials/one"]["project"], "first")
        self.home(f"{self.FOLDER}/active_config", "second\n")
        self.assertEqual(self.imported("--from-gcloud", "active")[0]["gcp-credentials/second"]["project"], "second")
        blocks, _ = self.imported("--from-gcloud", "active", "three", env={"CLOUDSDK_ACTIVE_CONFIG_NAME": "default"})
        self.assertEqual(blocks["gcp-credentials/three"]["project"], "first")
        os.rename(self.path("home", self.FOLDER), self.path("moved"))
        blocks, _ = self.imported("--from-gcloud", "second", "--overwrite", env={"CLOUDSDK_CONFIG": self.path("moved")})
        self.assertEqual(blocks["gcp-credentials/second"]["project"], "second")

    def test_properties_of_all_configurations_come_first(self):
        self.home(f"{self.FOLDER}/properties", "[core]\nproject = everywhere\naccount = somebody@example.com\n")
        self.configuration("bare", "[core]\n")
        self.assertEqual(self.imported("--from-gcloud", "bare")[0]["gcp-credentials/bare"]["project"], "everywhere")

    def test_a_file_in_place_of_the_account(self):
        key = self.write("key.json", json.dumps(KEY))
        self.configuration("file", f"[core]\naccount = nobody@example.com\n[auth]\ncredential_file_override = {key}\n", credentials=None)
        self.assertEqual(self.imported("--from-gcloud", "file")[0]["gcp-credentials/file"]["service_account_info"], KEY)

    def test_without_an_account(self):
        self.configuration("none", "[core]\nproject = demo\n", credentials=None)
        blocks, said = self.imported("--from-gcloud", "none")
        self.assertEqual(blocks["gcp-credentials/none"], {"project": "demo"})
        self.assertIn("no account", said[0])

    def test_refusals(self):
        self.configuration("work", "[core]\naccount = gone@example.com\n", credentials=None)
        self.refused(4, "--from-gcloud", "work", says=["gone@example.com", "gcloud auth login"])
        self.refused(3, "--from-gcloud", "other", says=["other", "configurations list"])
        self.refused(2, "--from-gcloud", "../work", says="is not the name")
        self.configuration("escape", "[core]\naccount = ../../../etc\n", credentials=None)
        self.refused(2, "--from-gcloud", "escape", says="is not valid")
        self.configuration("broken", "[core]\nwhat is this\n")
        self.refused(2, "--from-gcloud", "broken", says=["config_broken", "line 2"])
        self.home(f"{self.FOLDER}/legacy_credentials/gone@example.com/adc.json", '{"type": ')
        self.refused(2, "--from-gcloud", "work", says=["adc.json", "line 1"])


def prefect(slug, name, data, references=None):
    """A block document in the shape of Prefect's API."""
    return {"id": "8c5ce7f2-0000-4000-8000-000000000001", "created": "2026-01-01T00:00:00Z", "updated": "2026-01-01T00:00:00Z", "name": name,
            "data": data, "block_schema_id": "8c5ce7f2-0000-4000-8000-000000000002", "block_type_id": "8c5ce7f2-0000-4000-8000-000000000003",
            "block_type": {"id": "8c5ce7f2-0000-4000-8000-000000000003", "name": slug.title(), "slug": slug, "is_protected": False},
            "block_document_references": references or {}, "is_anonymous": False}


def reference(slug, name, anonymous=False, references=None):
    return {"block_document": {"id": "8c5ce7f2-0000-4000-8000-000000000009", "name": name, "is_anonymous": anonymous,
                               "block_type": {"slug": slug, "name": slug.title()}, "block_document_references": references or {}}}


class Prefect(ImportTest):
    def from_document(self, document, *words):
        return self.imported("--from-prefect", "-", *words, stdin=json.dumps(document))

    def test_credentials(self):
        blocks, said = self.from_document(prefect("gcp-credentials", "my-gcp-creds", {
            "service_account_file": None, "service_account_info": KEY, "project": "demo", "block_type_slug": "gcp-credentials"}))
        self.assertEqual(blocks, {"gcp-credentials/my-gcp-creds": {"service_account_info": KEY, "project": "demo"}})
        self.assertEqual(said, [])
        blocks, said = self.from_document(prefect("aws-credentials", "my_AWS", {
            "region_name": "eu-west-1", "profile_name": None, "aws_access_key_id": "AKIAPREFECT", "aws_session_token": "planted-token",
            "aws_secret_access_key": "planted-4Ev3r", "aws_client_parameters": {
                "use_ssl": True, "verify": True, "api_version": None, "endpoint_url": "http://127.0.0.1:9000", "config": {"retries": 3}}}))
        self.assertEqual(blocks, {"aws-credentials/my-aws": {
            "access_key_id": "AKIAPREFECT", "secret_access_key": "planted-4Ev3r", "session_token": "planted-token", "region": "eu-west-1",
            "endpoint": "http://127.0.0.1:9000"}})
        self.assertIn("aws_client_parameters.config", said[0])
        blocks, _ = self.from_document(prefect("minio-credentials", "local", {
            "minio_root_user": "minio", "minio_root_password": "planted", "region_name": None, "aws_client_parameters": {}}))
        self.assertEqual(blocks["aws-credentials/local"], {"access_key_id": "minio", "secret_access_key": "planted"})

    def test_buckets_and_the_credentials_inside(self):
        blocks, _ = self.from_document(prefect("gcs-bucket", "prefect-results", {
            "bucket": "flow-results", "bucket_folder": "prefect-results/", "gcp_credentials": {"service_account_info": KEY, "project": None}},
            {"gcp_credentials": reference("gcp-credentials", "my-gcp-creds")}))
        self.assertEqual(blocks, {"gcp-credentials/my-gcp-creds": {"service_account_info": KEY}, "gcs-bucket/prefect-results": {
            "bucket": "flow-results", "folder": "prefect-results", "credentials": {"$block": "gcp-credentials/my-gcp-creds"}}})
        blocks, _ = self.from_document(prefect("s3-bucket", "reports", {
            "bucket_name": "reports", "bucket_folder": "", "credentials": {"aws_access_key_id": "A", "aws_secret_access_key": "planted"}},
            {"credentials": reference("aws-credentials", "anonymous-1b2c", anonymous=True)}))
        self.assertEqual(blocks["s3-bucket/reports"], {"bucket": "reports", "credentials": {"$block": "aws-credentials/reports"}})
        self.assertEqual(blocks["aws-credentials/reports"]["secret_access_key"], "planted")
        blocks, _ = self.from_document(prefect("s3-bucket", "mine", {"bucket_name": "m", "credentials": {
            "minio_root_user": "u", "minio_root_password": "planted", "block_type_slug": "minio-credentials"}}), "s3-bucket/other")
        self.assertEqual(blocks["s3-bucket/other"]["credentials"], {"$block": "aws-credentials/other"})

    def test_older_types_that_hold_their_credentials(self):
        blocks, _ = self.from_document(prefect("s3", "old", {"bucket_path": "bucket/a/b/", "aws_access_key_id": "A", "aws_secret_access_key": "planted"}))
        self.assertEqual(blocks["s3-bucket/old"], {"bucket": "bucket", "folder": "a/b", "credentials": {"$block": "aws-credentials/old"}})
        blocks, _ = self.from_document(prefect("gcs", "old", {"bucket_path": "bucket", "service_account_info": json.dumps(KEY), "project": "demo"}))
        self.assertEqual(blocks["gcp-credentials/old"], {"service_account_info": KEY, "project": "demo"})
        self.assertEqual(blocks["gcs-bucket/old"], {"bucket": "bucket", "credentials": {"$block": "gcp-credentials/old"}})

    def test_the_others(self):
        blocks, _ = self.from_document([prefect("secret", "password", {"value": "planted-4Ev3r"}), prefect("secret", "several", {"value": {"a": [1]}}),
                                        prefect("local-file-system", "here", {"basepath": "/tmp/results"})])
        self.assertEqual(blocks, {"secret/password": {"value": "planted-4Ev3r"}, "secret/several": {"value": '{"a":[1]}'},
                                  "local-file-system/here": {"basepath": "/tmp/results"}})
        blocks, said = self.from_document(prefect("cloud-run-job", "nightly", {
            "type": "cloud-run-job", "image": "gcr.io/demo/report", "region": "europe-west1", "command": None, "args": ["--all"], "env": {"A": "b"},
            "labels": {}, "cpu": 2, "memory": 512, "memory_unit": "Mi", "timeout": 600, "max_retries": 1, "keep_job": False, "vpc_connector_name": "v",
            "stream_output": True, "name": None, "credentials": {"service_account_file": "/key.json"}},
            {"credentials": reference("gcp-credentials", "runner")}))
        document = blocks["cloud-run-job/nightly"]
        self.assertEqual({k: document[k] for k in ("job", "image", "cpu", "memory", "args", "env", "delete_after", "max_retries", "credentials")}, {
            "job": "nightly", "image": "gcr.io/demo/report", "cpu": "2", "memory": "512Mi", "args": ["--all"], "env": {"A": "b"}, "delete_after": True,
            "max_retries": 1, "credentials": {"$block": "gcp-credentials/runner"}})
        self.assertIn("vpc_connector_name", said[0])
        blocks, _ = self.from_document(prefect("lambda-function", "f", {"function_name": "report", "qualifier": "live", "aws_credentials": {
            "region_name": "eu-west-1"}}, {"aws_credentials": reference("aws-credentials", "caller")}))
        self.assertEqual(blocks["lambda-function/f"], {"function_name": "report", "qualifier": "live", "credentials": {"$block": "aws-credentials/caller"}})

    def test_several_with_one_credentials_block(self):
        inner = {"service_account_info": KEY, "project": None}
        documents = [prefect("gcs-bucket", name, {"bucket": name, "gcp_credentials": inner}, {"gcp_credentials": reference("gcp-credentials", "shared")})
                     for name in ("one", "two")]
        documents.append(prefect("slack-webhook", "chat", {"url": MASK}))
        blocks, said = self.from_document(documents)
        self.assertEqual(list(blocks), ["gcp-credentials/shared", "gcs-bucket/one", "gcs-bucket/two"])
        self.assertIn("slack-webhook", said[0])
        documents[1]["data"]["gcp_credentials"] = {**inner, "project": "other"}
        self.refused(2, "--from-prefect", "-", "--overwrite", says="two different blocks", stdin=json.dumps(documents))

    def test_refusals(self):
        for document, says in (
                (prefect("gcp-credentials", "x", {"service_account_info": {"private_key": MASK}}), ["masked", "include_secrets=true"]),
                (prefect("aws-credentials", "x", {"aws_secret_access_key": MASK}), ["aws_secret_access_key", "masked"]),
                (prefect("gcs-bucket", "x", {"bucket": "b", "gcp_credentials": {"service_account_info": MASK}}), "masked"),
                (prefect("slack-webhook", "x", {"url": "u"}), ["slack-webhook", "no counterpart"]),
                (prefect("secret", "???", {"value": "v"}), "cannot be turned into a block name"),
                (prefect("s3-bucket", "x", {"bucket_folder": "f"}), ['"bucket" is required', "s3-bucket"]),
                (prefect("gcs-bucket", "x", {"bucket": 5}), ['"bucket"', "expected text"]),
                ({"name": "x"}, "block_type"), ([], "no block document"), ("text", "expected a block document"), ({"block_type": {"slug": "secret"}}, '"data"')):
            self.refused(2, "--from-prefect", "-", says=says, stdin=json.dumps(document))
        self.refused(2, "--from-prefect", "-", says=["standard input", "line 1"], stdin='{"name": ')
        self.refused(3, "--from-prefect", self.path("absent.json"), says="absent.json")


class Airflow(ImportTest):
    def from_uri(self, uri, *words):
        return self.imported("--from-airflow", "-", *words, stdin=uri)

    def test_amazon(self):
        secret = "planted/4Ev3r+=@:?#%"
        uri = f"aws://AKIAAIRFLOW:{urllib.parse.quote(secret, safe='')}@/?region_name=eu-west-1&aws_session_token=a%2Bb&config_kwargs=%7B%7D&verify="
        blocks, said = self.from_uri(uri + "\n", "flows")
        self.assertEqual(blocks, {"aws-credentials/flows": {"access_key_id": "AKIAAIRFLOW", "secret_access_key": secret, "session_token": "a+b",
                                                            "region": "eu-west-1"}})
        self.assertIn("extra.config_kwargs", said[0])
        self.assertNotIn("verify", said[0])

    def test_extra_as_json(self):
        extra = {"region_name": "eu-west-1", "endpoint_url": "http://127.0.0.1:9000", "session_kwargs": {"profile_name": "work"},
                 "service_config": {"s3": {"bucket_name": "landing"}}, "role_arn": "arn:aws:iam::123456789012:role/x",
                 "assume_role_kwargs": {"ExternalId": "e", "DurationSeconds": 900, "Tags": []}}
        blocks, said = self.from_uri("aws:///?__extra__=" + urllib.parse.quote_plus(json.dumps(extra)), "lake")
        self.assertEqual(blocks, {"aws-credentials/lake": {"profile": "work", "region": "eu-west-1", "endpoint": "http://127.0.0.1:9000", "external_id": "e",
                                                           "role_arn": "arn:aws:iam::123456789012:role/x", "role_duration": 900.0},
                                  "s3-bucket/lake": {"bucket": "landing", "credentials": {"$block": "aws-credentials/lake"}}})
        self.assertEqual(said, ["connection airflow: not imported, because dowel has no such setting: extra.assume_role_kwargs"])
        extra = {"role_arn": "arn:aws:iam::123456789012:role/x", "assume_role_method": "assume_role_with_saml"}
        self.refused(2, "--from-airflow", "-", "saml", says="extra.role_arn", stdin="aws:///?__extra__=" + urllib.parse.quote_plus(json.dumps(extra)))

    def test_google(self):
        uri = "google-cloud-platform://?" + urllib.parse.urlencode({
            "project": "demo", "keyfile_dict": json.dumps(KEY), "scope": "https://a.example/x,https://a.example/y", "num_retries": "5"})
        blocks, said = self.from_uri(uri)
        self.assertEqual(blocks, {"gcp-credentials/airflow": {"project": "demo", "service_account_info": KEY,
                                                              "scopes": ["https://a.example/x", "https://a.example/y"]}})
        self.assertEqual(said, [])
        blocks, _ = self.from_uri("google-cloud-platform://?extra__google_cloud_platform__key_path=%2Fkeys%2Fkey.json"
                                  "&extra__google_cloud_platform__project=old&extra__google_cloud_platform__num_retries=5", "old")
        self.assertEqual(blocks["gcp-credentials/old"], {"service_account_file": "/keys/key.json", "project": "old"})

    def test_googles_credential_configuration_as_a_path_or_as_itself(self):
        federation = {"type": "external_account", "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
                      "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": "https://sts.googleapis.com/v1/token",
                      "credential_source": {"file": "/var/run/token"}}
        for given, expected in ((json.dumps(federation), {"service_account_info": federation}), ("/keys/pool.json", {"service_account_file": "/keys/pool.json"})):
            blocks, said = self.from_uri("google-cloud-platform://?" + urllib.parse.urlencode({"credential_config_file": given}), "--overwrite")
            self.assertEqual(blocks, {"gcp-credentials/airflow": expected})
            self.assertEqual(said, [])

    def test_a_connection_as_json_in_airflows_own_variable(self):
        connection = {"conn_type": "aws", "login": "AKIAAIRFLOW", "password": "planted-4Ev3r", "host": "", "port": None, "schema": "",
                      "extra": json.dumps({"region_name": "eu-west-1"})}
        blocks, said = self.imported("--from-airflow", "env:AIRFLOW_CONN_MY_AWS", env={"AIRFLOW_CONN_MY_AWS": json.dumps(connection)})
        self.assertEqual(blocks, {"aws-credentials/my-aws": {"access_key_id": "AKIAAIRFLOW", "secret_access_key": "planted-4Ev3r", "region": "eu-west-1"}})
        self.assertEqual(said, [])
        connection.update(conn_type="google_cloud_platform", login=None, password=None, extra={"is_anonymous": True, "project": "p"})
        path = self.write("connection.json", json.dumps(connection))
        blocks, _ = self.imported("--from-airflow", "@" + path, "gcp-credentials/open")
        self.assertEqual(blocks["gcp-credentials/open"], {"anonymous": True, "project": "p"})

    def test_refusals(self):
        said = self.refused(2, "--from-airflow", "aws://A:planted-4Ev3r@/", says=["must not be an argument", "env:AIRFLOW_CONN_MAIN"])
        self.assertNotIn("planted", said)
        self.refused(2, "--from-airflow", "env:NOT_SET", says="NOT_SET is not set")
        for text, says in (("postgres://u:planted@host/db", ["postgres", "no counterpart"]), ("what", "not a connection URI"), ("", "not a connection URI"),
                           ('{"conn_type": ', "line 1"), ('{"conn_type": "aws", "extra": "{"}', "line 1"),
                           ("aws://AKIA@/", "secret_access_key"), ("google-cloud-platform://?keyfile_dict=%7B", "keyfile_dict"),
                           ("aws://?a=%00", "not a connection URI"), ("aws://?a=%ff", "not a connection URI"), ("aws://AKIA:planted\0" + "x" * 100000, "NUL byte")):
            said = self.refused(2, "--from-airflow", "-", says=says, stdin=text)
            self.assertNotIn("planted", said)


RCLONE = f"""
# remotes
[minio]
type = s3
provider = Minio
access_key_id = AKIARCLONE
secret_access_key = planted/4Ev3r=
endpoint = minio.example.com:9000
region = us-east-1
force_path_style = true
acl = private

[env]
type = s3
provider = AWS
env_auth = true
region = eu-west-1

[public]
type = s3
provider = AWS

[google]
type = google cloud storage
project_number = 12345
service_account_credentials = {json.dumps(KEY)}
bucket_policy_only = true

[file]
type = google cloud storage
service_account_file = ~/key.json

[user]
type = google cloud storage
client_id = mine.apps.googleusercontent.com
client_secret = planted-client
token = {{"access_token":"ya29.x","token_type":"Bearer","refresh_token":"1//planted-refresh","expiry":"2026-01-01T00:00:00Z"}}

[rclones]
type = google cloud storage
token = {{"access_token":"ya29.x","refresh_token":"1//planted-refresh"}}

[data]
type = alias
remote = minio:data/2026

[loop]
type = alias
remote = loop:

[drive]
type = drive
"""


class Rclone(ImportTest):
    def setUp(self):
        super().setUp()
        self.config = self.home(".config/rclone/rclone.conf", RCLONE)

    def test_s3(self):
        blocks, said = self.imported("--from-rclone", "minio:bucket/a/b/")
        self.assertEqual(blocks, {
            "aws-credentials/minio": {"access_key_id": "AKIARCLONE", "secret_access_key": "planted/4Ev3r=", "region": "us-east-1",
                                      "endpoint": "https://minio.example.com:9000"},
            "s3-bucket/minio": {"bucket": "bucket", "folder": "a/b", "addressing": "path", "credentials": {"$block": "aws-credentials/minio"}}})
        self.assertIn(": acl", said[0])
        self.assertEqual(self.imported("--from-rclone", "env")[0]["aws-credentials/env"], {"region": "eu-west-1"})
        self.assertEqual(self.imported("--from-rclone", "public")[0]["aws-credentials/public"], {"anonymous": True})

    def test_an_alias(self):
        blocks, _ = self.imported("--from-rclone", "data:march", "s3-bucket/march")
        self.assertEqual(blocks["s3-bucket/march"]["folder"], "2026/march")
        self.assertEqual(blocks["s3-bucket/march"]["bucket"], "data")
        self.refused(2, "--from-rclone", "loop", says="alias")

    def test_google(self):
        blocks, said = self.imported("--from-rclone", "google:bucket")
        self.assertEqual(blocks["gcp-credentials/google"], {"project": "12345", "service_account_info": KEY})
        self.assertEqual(blocks["gcs-bucket/google"], {"bucket": "bucket", "credentials": {"$block": "gcp-credentials/google"}})
        self.assertIn("bucket_policy_only", said[0])
        self.assertEqual(self.imported("--from-rclone", "file")[0]["gcp-credentials/file"], {"service_account_file": self.path("home", "key.json")})
        info = self.imported("--from-rclone", "user")[0]["gcp-credentials/user"]["service_account_info"]
        found, _ = google.auth.load_credentials_from_dict(info)
        self.assertEqual((found.client_id, found.client_secret, found.refresh_token),
                         ("mine.apps.googleusercontent.com", "planted-client", "1//planted-refresh"))

    def test_where_the_file_is(self):
        other = self.write("other.conf", "[there]\ntype = s3\nenv_auth = true\n")
        self.assertIn("aws-credentials/there", self.imported("--from-rclone", "there", "--config", other)[0])
        self.assertIn("aws-credentials/two", self.imported("--from-rclone", "there", "two", env={"RCLONE_CONFIG": other})[0])
        self.assertIn("aws-credentials/three", self.imported("--from-rclone", "there", "three", "--config", "-", stdin="[there]\ntype = s3\nenv_auth = true\n")[0])
        os.rename(self.config, self.path("home", ".rclone.conf"))
        self.assertIn("aws-credentials/env", self.imported("--from-rclone", "env")[0])

    def test_refusals(self):
        self.refused(3, "--from-rclone", "mino", says=["rclone.conf", "mino", 'did you mean "minio"?'])
        self.refused(2, "--from-rclone", "drive", says=["drive", "google cloud storage"])
        self.refused(4, "--from-rclone", "rclones", says=["rclone's own OAuth client", "gcloud auth"])
        self.refused(2, "--from-rclone", "x", "--config", self.write("enc", "# Encrypted rclone Configuration File\n\nRCLONE_ENCRYPT_V0:\nabcd\n"),
                     says=["encrypted", "rclone config show x"])
        self.refused(2, "--from-rclone", "x", "--config", self.write("bad", "[x]\ntype = s3\nnonsense\n"), says="line 3")
        self.refused(3, "--from-rclone", "x", env={"RCLONE_CONFIG": "/no/such/file"}, says=["/no/such/file", "--config FILE"])


class Command(ImportTest):
    DOCUMENT = prefect("gcs-bucket", "results", {"bucket": "b", "gcp_credentials": {"service_account_info": KEY}},
                       {"gcp_credentials": reference("gcp-credentials", "creds")})

    def test_a_dry_run_shows_masked_documents_and_saves_nothing(self):
        document = json.dumps(self.DOCUMENT)
        done = self.run_dowel("block", "import", "--from-prefect", "-", "--dry-run", stdin=document)
        self.assertEqual(done.returncode, 0, done.err)
        for text in ("gcp-credentials/creds", "gcs-bucket/results", MASK, "nothing was saved"):
            self.assertIn(text, done.out)
        shown = json.loads(self.dowel("block", "import", "--from-prefect", "-", "--dry-run", "--json", stdin=document))
        self.assertEqual([b["block"] for b in shown["blocks"]], ["gcp-credentials/creds", "gcs-bucket/results"])
        self.assertEqual(shown["blocks"][0]["document"]["service_account_info"], MASK)
        self.assertNotIn("planted", done.out + done.err + json.dumps(shown))
        self.assertEqual(self.json("block", "list"), [])
        self.assertFalse(os.path.exists(self.path("home", ".config", "dowel")), "no key is made")

    def test_a_dry_run_refuses_what_saving_would_refuse(self):
        for data, says in (({"service_account_info": {**KEY, "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}, "cannot sign"),
                           ({"service_account_info": KEY, "service_account_file": "/key.json"}, "exclude each other")):
            document = json.dumps(prefect("gcs-bucket", "results", {"bucket": "b", "gcp_credentials": data}, {"gcp_credentials": reference("gcp-credentials", "creds")}))
            for words in (["--dry-run"], []):
                self.refused(2, "--from-prefect", "-", *words, says=says, stdin=document)

    def test_all_or_nothing(self):
        self.dowel("block", "save", "gcs-bucket/results", "--bucket", "mine")
        said = self.refused(7, "--from-prefect", "-", says=["gcs-bucket/results already exists", "--overwrite", "nothing was saved"],
                            stdin=json.dumps(self.DOCUMENT))
        self.assertNotIn("planted", said)
        self.assertEqual([b["name"] for b in self.json("block", "list")], ["results"])
        blocks, _ = self.imported("--from-prefect", "-", "--overwrite", stdin=json.dumps(self.DOCUMENT))
        self.assertEqual(blocks["gcs-bucket/results"]["bucket"], "b")
        with open(self.database, "rb") as file:
            self.assertNotIn(b"planted", file.read())

    def test_names_and_types(self):
        document = json.dumps(self.DOCUMENT)
        self.refused(2, "--from-prefect", "-", "s3-bucket/x", says=["gcs-bucket, not s3-bucket"], stdin=document)
        self.refused(3, "--from-prefect", "-", "gcs-buckt/x", says="gcs-bucket", stdin=document)
        for name in ("Bad_Name", "x" * 64, "-x", "x-", "a/b", ""):
            self.refused(2, "--from-prefect", "-", "--dry-run", f"gcs-bucket/{name}", says="is not a block name", stdin=document)
        blocks, _ = self.imported("--from-prefect", "-", "gcs-bucket/named", stdin=document)
        self.assertEqual(list(blocks), ["gcp-credentials/creds", "gcs-bucket/named"])

    def test_wrong_words(self):
        self.fails(2, "block", "import", says="no source given")
        self.fails(2, "block", "import", "--from-aws-profile", says="from-aws-profile")
        self.fails(2, "block", "import", "--from-aws-profile", "a", "--from-gcloud", "b", says="one source at a time")
        self.fails(2, "block", "import", "--from-gcloud", "a", "--config", "b", says="--from-gcloud takes no --config")
        self.fails(2, "block", "import", "--from-gcloud", "a", "b", "c", says='unexpected argument "c"')
        self.fails(2, "block", "import", "--from-aws-profil", "a", says="--from-aws-profile")


if __name__ == "__main__":
    main(warnings="ignore")  # Google's advice on files from strangers
