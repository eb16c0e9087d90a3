"""No importer drops or changes a credential: it arrives whole, or nothing is saved and the error says why."""
import json
import urllib.parse

from import_case import ImportTest, main

ID, SECRET = "AKIAPLANTED0000TEST0", "planted4Ev3r"
KEY = {"type": "authorized_user", "client_id": "mine.apps.googleusercontent.com", "client_secret": "planted-client", "refresh_token": "1//planted-refresh"}


class Case(ImportTest):
    def airflow(self, text, *words):
        blocks, said = self.imported("--from-airflow", "-", "--overwrite", *words, stdin=text)
        return blocks["aws-credentials/airflow" if "aws-credentials/airflow" in blocks else "gcp-credentials/airflow"], said

    def airflow_refuses(self, text, *says, status=2):
        said = self.refused(status, "--from-airflow", "-", "--overwrite", says=list(says), stdin=text)
        self.assertNotIn("planted", said.lower())


class AirflowUri(Case):
    def test_every_secret_arrives_whole_when_it_is_percent_encoded(self):
        for secret in ("a/b", "a//b/", "/a", "a?b", "a#b", "a@b", "a:b", "a%b", "a%2Fb", "a+b", "a=b&c=d", "ü/é", "%", "/@:?#%&=+"):
            uri = f"aws://{ID}:{urllib.parse.quote(secret, safe='')}@/?region_name=eu-west-1"
            self.assertEqual(self.airflow(uri)[0], {"access_key_id": ID, "secret_access_key": secret, "region": "eu-west-1"}, secret)
            query = urllib.parse.urlencode({"aws_access_key_id": ID, "aws_secret_access_key": secret, "aws_session_token": "a+b"})
            self.assertEqual(self.airflow(f"aws:///?{query}")[0], {"access_key_id": ID, "secret_access_key": secret, "session_token": "a+b"}, secret)

    def test_what_needs_no_encoding_arrives_whole_too(self):
        for secret in ("abc+def", "abc=def", "abc@def", "abc:def", "abc&def", "abc%", "abc%zz", "abc;def", "abc!$'()*,def"):
            self.assertEqual(self.airflow(f"aws://{ID}:{secret}@")[0]["secret_access_key"], secret)

    def test_a_character_that_cuts_the_secret_is_refused_and_named(self):
        for start in (f"aws://{ID}:", f"s3://{ID}:", f"aws://{ID.lower()}/x:"):
            for secret in (f"{SECRET}/x", f"/{SECRET}", f"{SECRET}/", f"{SECRET}/x+y", f"{SECRET}/x?y"):
                for end in ("@", "@/", "@my-bucket", "@/?region_name=eu-west-1"):
                    self.airflow_refuses(start + secret + end, "%2F")
        for secret, code in ((f"{SECRET}?x", "%3F"), (f"{SECRET}#x", "%23"), (f"{SECRET}#", "%23"), (f"x@{SECRET}/y", "%2F"), (f"x@{SECRET}?y", "%")):
            for end in ("@", "@/", "@host"):
                self.airflow_refuses(f"aws://{ID}:{secret}{end}", code)
        self.airflow_refuses(f"aws://{ID}:x@{SECRET}?y=z@/", "%3F")
        self.airflow_refuses(f"aws://{ID}:{SECRET}", '"@"')
        self.airflow_refuses(f"aws://{ID}", '"@"')
        self.airflow_refuses(f"aws://{ID}:{SECRET}/?region_name=x", '"@"')

    def test_settings_in_the_query(self):
        for query, says in ((f"aws_access_key_id={ID}&aws_secret_access_key={SECRET}+x", "%2B"), (f"aws_access_key_id={ID}&aws_secret_access_key={SECRET}&x", "NAME=VALUE"),
                            (f"aws_secret_access_key={SECRET}&aws_secret_access_key=other", "twice"), (f"aws_access_key_id={ID}", "secret_access_key"),
                            (f"aws_secret_access_key={SECRET}#x", "%23")):
            self.airflow_refuses(f"aws:///?{query}", says)
        self.assertEqual(self.airflow("aws:///?region_name=a&region_name=a&role_arn=arn:aws:iam::1:role/x")[0],
                         {"region": "a", "role_arn": "arn:aws:iam::1:role/x"})
        self.airflow_refuses(f"aws://:{SECRET}@/", "access_key_id")

    def test_two_credentials_that_contradict_each_other(self):
        self.airflow_refuses(f"aws://{ID}:{SECRET}@/?aws_access_key_id=AKIAOTHER&aws_secret_access_key={SECRET}", "aws_access_key_id", "contradicts")
        self.airflow_refuses(f"aws://{ID}@/?aws_access_key_id=AKIAOTHER&aws_secret_access_key={SECRET}", "contradicts")
        self.assertEqual(self.airflow(f"aws://{ID}:{SECRET}@/?aws_access_key_id={ID}")[0]["access_key_id"], ID)


class AirflowJson(Case):
    def connection(self, conn_type="aws", **members):
        return json.dumps({"conn_type": conn_type, **members})

    def test_credentials_that_a_block_cannot_hold(self):
        for members in ({"login": ID, "password": 12345}, {"login": ID, "password": {"x": SECRET}}, {"login": ID, "password": SECRET, "passwrd_token": SECRET},
                        {"extra": {"aws_session_token": 5}}, {"extra": {"config_kwargs": {"proxies": {"proxy_password": SECRET}}}},
                        {"extra": {"role_arn": "r", "assume_role_method": "assume_role_with_web_identity"}}, {"extra": {"aws_iam_role": "r", "aws_account_id": "1"}},
                        {"extra": json.dumps({"s3_config_file": "x", "sts_token": SECRET})}):
            self.airflow_refuses(self.connection(**members), "standard input")
        for extra in ({"key_secret_name": "projects/x/secrets/y"}, {"impersonation_chain": "robot@x.iam"}, {"keyfile_dict": 5}, {"keyfile_dict": KEY, "sa_token": SECRET}):
            self.airflow_refuses(self.connection("google_cloud_platform", extra=extra), "standard input")
        self.airflow_refuses(self.connection("google_cloud_platform", password=SECRET), "password")

    def test_masks_are_not_secrets(self):
        for members in ({"login": ID, "password": "***"}, {"login": ID, "password": "********"}, {"extra": {"aws_access_key_id": ID, "aws_secret_access_key": "***"}}):
            self.airflow_refuses(self.connection(**members), "masked")
        self.airflow_refuses(self.connection("google_cloud_platform", extra={"keyfile_dict": "***"}), "masked")
        self.airflow_refuses(self.connection("google_cloud_platform", extra={"keyfile_dict": {**KEY, "client_secret": "***"}}), "masked")

    def test_an_account_that_is_acted_as_comes_along(self):
        for chain in ("a@x.iam,target@x.iam", ["a@x.iam", "target@x.iam"]):
            info = self.airflow(self.connection("google_cloud_platform", extra={"keyfile_dict": KEY, "impersonation_chain": chain}))[0]["service_account_info"]
            self.assertEqual((info["type"], info["delegates"], info["source_credentials"]), ("impersonated_service_account", ["a@x.iam"], KEY))
            self.assertIn("target@x.iam", info["service_account_impersonation_url"])

    def test_numbers(self):
        for number in ("12345678901234567890123", "1.10", "7"):
            for extra in (f'{{"project": {number}}}', json.dumps(f'{{"project": {number}}}')):
                self.assertEqual(self.airflow(f'{{"conn_type": "google_cloud_platform", "extra": {extra}}}')[0], {"project": number})
            for members in (f'"login": {number}, "password": "x"', f'"login": "{ID}", "password": {number}', f'"extra": {{"aws_secret_access_key": {number}}}'):
                self.airflow_refuses(f'{{"conn_type": "aws", {members}}}')
            self.airflow_refuses(f'{{"conn_type": "aws", "extra": {number}}}', "extra")
        self.airflow_refuses(json.dumps({"conn_type": "aws", "extra": [{"aws_secret_access_key": SECRET}]}), "extra")

    def test_what_the_command_line_gives(self):
        listed = [{"id": "1", "conn_id": "a", "conn_type": "aws", "description": None, "host": "", "schema": "", "login": ID, "password": SECRET, "port": None,
                   "is_encrypted": "False", "is_extra_encrypted": "False", "extra_dejson": {}, "get_uri": f"aws://{ID}:{SECRET}@"}]
        document, said = self.airflow("\ufeff" + json.dumps(listed))
        self.assertEqual((document, said), ({"access_key_id": ID, "secret_access_key": SECRET}, []))
        self.airflow_refuses(json.dumps(listed * 2), "one connection")
        self.airflow_refuses(json.dumps(listed)[:-2] + ', "login": "x"}]', "duplicate")


class Rclone(Case):
    def remote(self, text, *words):
        return self.imported("--from-rclone", "r", "--overwrite", "--config", "-", *words, stdin=text)

    def refuses(self, text, *says, status=2):
        said = self.refused(status, "--from-rclone", "r", "--config", "-", says=list(says), stdin=text)
        self.assertNotIn("planted", said.lower())

    def test_secrets_arrive_whole(self):
        for secret in ("a=b", "a#b", "a;b", "#a", ";a", "[a]", "a b", "a/b+c=", "ü", '"a"'):
            blocks, _ = self.remote(f"\ufeff[r]\r\ntype = s3\r\naccess_key_id = {ID}\r\nsecret_access_key = {secret}\r\n")
            self.assertEqual(blocks["aws-credentials/r"]["secret_access_key"], secret)

    def test_credentials_that_a_block_cannot_hold(self):
        keys = f"[r]\ntype = s3\naccess_key_id = {ID}\nsecret_access_key = {SECRET}\n"
        for line in (f"sse_customer_key = {SECRET}", f"sse_customer_key_base64 = {SECRET}", "shared_credentials_file = /x", f"ibm_api_key = {SECRET}"):
            self.refuses(keys + line + "\n", line.split()[0])
        self.refuses(keys + "secret_access_key = other\n", "line 5", "second value")
        self.refuses(keys + f"[r]\nsecret_access_key = {SECRET}x\n", "line 6", "second value")
        self.remote(keys + f"secret_access_key = {SECRET}\n")
        self.refuses(f"[r]\ntype = s3\naccess_key_id = {ID}\n", "access_key_id without secret_access_key", status=4)
        self.refuses(f"[r]\ntype = s3\nsecret_access_key = {SECRET}\n", "secret_access_key without access_key_id", status=4)
        self.refuses("[r]\ntype = s3\naccess_key_id = XXX\nsecret_access_key = XXX\n", "masked", "rclone config show")

    def test_the_folder_of_an_alias(self):
        for root in ("k:bucket/sub", "k:bucket/sub/", "k:bucket/sub//"):
            for remote, folder in (("r", "sub"), ("r:", "sub"), ("r:x", "sub/x"), ("r:/x/", "sub/x"), ("r://x/y", "sub/x/y")):
                text = f"[k]\ntype = s3\naccess_key_id = {ID}\nsecret_access_key = {SECRET}\n[r]\ntype = alias\nremote = {root}\n"
                blocks, _ = self.imported("--from-rclone", remote, "--overwrite", "--config", "-", stdin=text)
                self.assertEqual((blocks["s3-bucket/k"]["bucket"], blocks["s3-bucket/k"]["folder"]), ("bucket", folder), (root, remote))

    def test_remotes_that_cannot_be_imported(self):
        self.refuses(f"[r]\ntype = crypt\nremote = minio:bucket/sub\npassword = {SECRET}\n", '"crypt"', "it wraps minio:bucket/sub")
        self.refuses('[r]\ntype = google cloud storage\nservice_account_credentials = {"type":"service_account"\n', "remote r: service_account_credentials", "line 1")
        self.refuses("[r]\ntype = google cloud storage\nservice_account_file = ${RCLONE_CONFIG_DIR}/key.json\n", "variables", "${RCLONE_CONFIG_DIR}")
        _, said = self.remote("[r]\ntype = google cloud storage\n")
        self.assertIn("no credentials", said[0])


class Gcloud(Case):
    def test_credentials_that_a_block_cannot_hold(self):
        self.home(".config/gcloud/legacy_credentials/a@x/adc.json", KEY)
        for text, says in (("[auth]\naccess_token_file = /x\n", "auth/access_token_file"), (f"[proxy]\npassword = {SECRET}\n", "proxy/password")):
            self.home(".config/gcloud/configurations/config_c", "[core]\naccount = a@x\n" + text)
            self.refused(2, "--from-gcloud", "c", says=says)
        self.home(".config/gcloud/configurations/config_c", "[core]\naccount = a@x\nproject = p\nproject = q\n")
        self.refused(2, "--from-gcloud", "c", says=["line 4", "second value"])
        self.home(".config/gcloud/configurations/config_c", "[auth]\nimpersonate_service_account = t@x.iam\n")
        self.refused(4, "--from-gcloud", "c", says="t@x.iam")
        self.home(".config/gcloud/configurations/config_c", "[core]\naccount = a@x\n[auth]\ndisable_credentials = true\n")
        self.assertEqual(self.imported("--from-gcloud", "c")[0]["gcp-credentials/c"], {"anonymous": True})


class Aws(Case):
    def test_the_older_name_of_a_session_token(self):
        self.home(".aws/credentials", f"[t]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\naws_security_token = planted-token\n")
        self.assertEqual(self.imported("--from-aws-profile", "t")[0]["aws-credentials/t"],
                         {"access_key_id": ID, "secret_access_key": SECRET, "session_token": "planted-token"})


class Prefect(Case):
    def document(self, slug, name, data, **more):
        return {"name": name, "block_type": {"slug": slug}, "data": data, **more}

    def test_credentials_that_a_block_cannot_hold(self):
        for data in ({"aws_access_key_id": ID, "aws_secret_access_key": SECRET, "mfa_token": SECRET},
                     {"aws_client_parameters": {"config": {"proxies_config": {"proxy_password": SECRET}}}}):
            said = self.refused(2, "--from-prefect", "-", says="whose credentials are used", stdin=json.dumps(self.document("aws-credentials", "x", data)))
            self.assertNotIn("planted", said)
        self.refused(2, "--from-prefect", "-", says="masked", stdin=json.dumps(self.document("cloud-run-job", "x", {"image": "i", "region": "r", "args": ["********"]})))

    def test_numbers_keep_their_digits(self):
        for number in ("1.10", "0.1", "123456789012345678901234567890", "1e400", "-0", "1E2", "0.1000000000000000055511151231257827", "5"):
            for text, value in ((number, number), (f'{{"n":{number},"list":[{number},"x"]}}', f'{{"n":{number},"list":[{number},"x"]}}')):
                document = f'{{"name": "n", "block_type": {{"slug": "secret"}}, "data": {{"value": {text}}}}}'
                blocks, _ = self.imported("--from-prefect", "-", "--overwrite", stdin=document)
                self.assertEqual(blocks["secret/n"]["value"], value)
        job = '{"name": "j", "block_type": {"slug": "cloud-run-job"}, "data": {"image": "i", "region": "r", "cpu": 1.10}}'
        self.assertEqual(self.imported("--from-prefect", "-", stdin=job)[0]["cloud-run-job/j"]["cpu"], "1.10")
        key = json.dumps(KEY)[:-1] + ', "n": 1.10, "m": 123456789012345678901}'
        for words, stdin in ((["import", "--from-prefect", "-"], f'{{"name": "k", "block_type": {{"slug": "gcp-credentials"}}, "data": {{"service_account_info": {key}}}}}'),
                             (["import", "--from-airflow", "-", "gcp-credentials/k"], json.dumps({"conn_type": "google_cloud_platform", "extra": {"keyfile_dict": key}})),
                             (["import", "--from-airflow", "-", "gcp-credentials/k"], f'{{"conn_type": "google_cloud_platform", "extra": {{"keyfile_dict": {key}}}}}'),
                             (["import", "--from-airflow", "-", "gcp-credentials/k"], json.dumps({"conn_type": "google_cloud_platform", "extra": f'{{"keyfile_dict": {key}}}'})),
                             (["import", "--from-airflow", "-", "gcp-credentials/k"], "google-cloud-platform://?__extra__=" + urllib.parse.quote(f'{{"keyfile_dict": {key}}}')),
                             (["import", "--from-rclone", "k", "--config", "-"], f"[k]\ntype = google cloud storage\nservice_account_credentials = {key}\n"),
                             (["save", "gcp-credentials/k", "--service-account-info", "-"], key)):
            self.dowel("block", *words, "--overwrite", stdin=stdin)
            for shown in (self.dowel("block", "show", "gcp-credentials/k", "--show-secrets", "--json"), self.bundled("gcp-credentials/k")):
                self.assertRegex(shown, r'"n": ?1\.10\b')
                self.assertRegex(shown, r'"m": ?123456789012345678901\b')

    def test_a_folder_that_is_a_number_is_not_lost(self):
        for slug, data in (("gcs-bucket", '"bucket": "b", "bucket_folder": %s'), ("s3-bucket", '"bucket_name": "b", "bucket_folder": %s'), ("gcs", '"bucket_path": %s')):
            for number in ("2024", "20.240", "123456789012345678901"):
                self.refused(2, "--from-prefect", "-", says=["folder" if "folder" in data else "bucket", "text"],
                             stdin=f'{{"name": "n", "block_type": {{"slug": "{slug}"}}, "data": {{{data % number}}}}}')

    def test_a_job_has_a_name_that_can_be(self):
        for name in ("Job One", "Job_One", "job-one"):
            document = self.document("cloud-run-job", name, {"image": "i", "region": "r", "memory": 1.5, "memory_unit": "Gi"})
            job = self.imported("--from-prefect", "-", "--overwrite", stdin=json.dumps(document))[0]["cloud-run-job/job-one"]
            self.assertEqual((job["job"], job["memory"]), ("job-one", "1.5Gi"))

    def test_a_path_that_is_empty_says_nothing(self):
        blocks, _ = self.imported("--from-prefect", "-", stdin=json.dumps(self.document("gcp-credentials", "e", {"service_account_file": "", "service_account_info": KEY})))
        self.assertEqual(blocks["gcp-credentials/e"], {"service_account_info": KEY})

    def bundled(self, name):
        """The block after an export and a restore."""
        bundle, words = self.path("b"), self.write("words", "correct horse")
        self.dowel("block", "export", name, "--bundle", bundle, "--passphrase", "@" + words)
        self.dowel("block", "delete", name)
        self.dowel("block", "restore", bundle, "--passphrase", "@" + words)
        return self.dowel("block", "show", name, "--show-secrets", "--json")

    def test_references_to_documents_that_are_given_beside(self):
        reference = {"gcp_credentials": {"block_document": {"id": "x", "name": "main", "block_type": {"slug": "gcp-credentials"}, "data": {"project": "p"}}}}
        bucket = self.document("gcs-bucket", "results", {"bucket": "b", "gcp_credentials": {"$ref": {"block_document_id": "x"}}}, block_document_references=reference)
        credentials = self.document("gcp-credentials", "main", {"service_account_file": "~/key.json", "project": "p"})
        for documents in ([credentials, bucket], [bucket, credentials]):
            blocks, said = self.imported("--from-prefect", "-", "--overwrite", stdin=json.dumps(documents))
            self.assertEqual(blocks["gcs-bucket/results"]["credentials"], {"$block": "gcp-credentials/main"})
            self.assertEqual(blocks["gcp-credentials/main"], {"service_account_file": self.path("home", "key.json"), "project": "p"})
            self.assertIn("~/key.json is saved as", said[0])
        blocks, _ = self.imported("--from-prefect", "-", "--overwrite", stdin=json.dumps(bucket))
        self.assertEqual(blocks["gcp-credentials/main"], {"project": "p"})
        del bucket["block_document_references"]
        self.refused(2, "--from-prefect", "-", says="not here", stdin=json.dumps(bucket))


if __name__ == "__main__":
    main()
