"""Saved defaults: what they fill in, what they never replace, and what overrides them."""
import os
import sqlite3

from cli_case import CommandTest, main


class Defaults(CommandTest):
    def setUp(self):
        super().setUp()
        self.env.update(STORAGE_EMULATOR_HOST=os.environ["DOWEL_TEST_GCS_URL"], AWS_ENDPOINT_URL_S3=os.environ["DOWEL_TEST_MOTO_URL"])
        for name in ("prod", "other"):
            self.dowel("block", "create", f"gcp-credentials/{name}", "--anonymous", "--project", f"of-{name}")
        self.dowel("block", "create", "aws-credentials/work", "--from", "-", stdin='{"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "planted"}')

    def arguments(self, *call, env=None):
        """What the history has of a call that was just made."""
        self.run_dowel("call", *call, env=env)
        run = self.json("runs", "show", self.json("runs", "--limit", "1")[0]["id"])
        self.assertEqual(run["task"], call[0])
        return run["args"]

    def defaults(self, **env):
        return {row["name"]: (row["value"], row["source"]) for row in self.json("config", env=env)["defaults"]}


class Commands(Defaults):
    def test_set_get_unset(self):
        self.assertEqual(self.defaults()["project"], (None, "default"))
        self.assertEqual(self.dowel("config", "set", "gcp-credentials", "prod"), "gcp-credentials: gcp-credentials/prod\n")
        self.assertEqual(self.dowel("config", "set", "project", "acme"), "project: acme\n")
        self.assertEqual(self.defaults()["gcp-credentials"], ("gcp-credentials/prod", "registry"))
        self.assertEqual(self.dowel("config", "get", "project"), "acme\n")
        self.assertRegex(self.dowel("config"), r"(?m)^project +acme +registry$")
        self.assertEqual(self.dowel("config", "unset", "project"), "project: not set\n")
        self.fails(3, "config", "get", "project", says="dowel config set project VALUE")
        self.assertEqual(self.defaults()["gcp-credentials"], ("gcp-credentials/prod", "registry"), "the others stay")

    def test_variables_override(self):
        self.dowel("config", "set", "project", "acme")
        self.dowel("config", "set", "aws-credentials", "work")
        self.assertEqual(self.defaults(GOOGLE_CLOUD_PROJECT="cloud")["project"], ("cloud", "variable GOOGLE_CLOUD_PROJECT"))
        self.assertEqual(self.defaults(GOOGLE_CLOUD_PROJECT="cloud", DOWEL_PROJECT="mine")["project"], ("mine", "variable DOWEL_PROJECT"))
        self.assertEqual(self.defaults(DOWEL_GCP_CREDENTIALS="prod")["gcp-credentials"], ("gcp-credentials/prod", "variable DOWEL_GCP_CREDENTIALS"))
        self.assertEqual(self.defaults(AWS_ACCESS_KEY_ID="planted")["aws-credentials"], (None, "variable AWS_ACCESS_KEY_ID"), "no secret")
        self.assertEqual(self.dowel("config", "set", "project", "x", env={"DOWEL_PROJECT": "mine"}), "project: saved, but the variable DOWEL_PROJECT overrides it\n")

    def test_refused(self):
        self.fails(3, "config", "set", "gcp-credentials", "prodd", says='did you mean "prod"?')
        self.fails(3, "config", "set", "gcp-credentials", "work")
        self.fails(2, "config", "set", "locaton", "EU", says="did you mean location?")
        self.fails(2, "config", "set", "project", "", says="dowel config unset")
        self.fails(2, "config", "set", "project", says="missing VALUE")
        self.fails(2, "config", "set", "aws-region", "europe-west1", says="use gcp-region")
        self.fails(2, "config", "set", "region", "nowhere", says=("gcp-region", "aws-region"))
        self.assertEqual({value for value, _ in self.defaults().values()}, {None})

    def test_region_is_of_the_cloud_that_has_it(self):
        self.assertEqual(self.dowel("config", "set", "region", "eu-west-1"), "aws-region: eu-west-1\n")
        self.assertEqual(self.dowel("config", "set", "region", "europe-west1"), "gcp-region: europe-west1\n")
        self.assertEqual(self.defaults()["aws-region"][0], "eu-west-1")

    def test_what_a_default_names_stays(self):
        self.dowel("config", "set", "gcp-credentials", "prod")
        self.fails(7, "block", "rm", "prod", says="config/defaults refers to it")
        self.dowel("block", "rename", "prod", "main")
        self.assertEqual(self.dowel("config", "get", "gcp-credentials"), "gcp-credentials/main\n")


class Calls(Defaults):
    def setUp(self):
        super().setUp()
        self.dowel("config", "set", "gcp-credentials", "prod")
        self.dowel("config", "set", "project", "acme")

    def test_fields_that_are_not_given(self):
        used = self.arguments("gcs.list_buckets")
        self.assertEqual((used["credentials"], used["project"]), ({"$block": "gcp-credentials/prod"}, "acme"), "the history has what was used")

    def test_never_replaces_what_is_given(self):
        self.assertEqual(self.arguments("gcs.list_buckets", "--project", "given")["project"], "given")
        self.assertEqual(self.arguments("gcs.list_buckets", "--project", "")["project"], "")

    def test_goes_with_the_default_credentials(self):
        used = self.arguments("gcs.list_buckets", "--credentials", "other")
        self.assertEqual(used["credentials"], {"$block": "gcp-credentials/other"})
        self.assertNotIn("project", used, "the project of the other credentials is theirs")
        self.assertEqual(self.arguments("gcs.list_buckets", "--credentials", "prod")["project"], "acme")

    def test_never_one_clouds_for_another(self):
        self.dowel("config", "set", "gcp-region", "europe-west1")
        used = self.arguments("s3.list_buckets", "--credentials", "work")
        self.assertNotIn("region", used)
        self.dowel("config", "set", "aws-region", "eu-west-1")
        self.dowel("config", "set", "aws-credentials", "work")
        used = self.arguments("s3.list_buckets")
        self.assertEqual((used["credentials"], used["region"]), ({"$block": "aws-credentials/work"}, "eu-west-1"))
        self.assertNotIn("project", used)

    def test_variables(self):
        used = self.arguments("gcs.list_buckets", env={"DOWEL_PROJECT": "mine", "DOWEL_GCP_CREDENTIALS": "other"})
        self.assertEqual((used["credentials"], used["project"]), ({"$block": "gcp-credentials/other"}, "mine"))
        used = self.arguments("gcs.list_buckets", env={"GOOGLE_CLOUD_PROJECT": "cloud"})
        self.assertNotIn("project", used, "left to the cloud's own rules")

    def test_urls(self):
        self.dowel("call", "gcs.create_bucket", "--bucket", '{"bucket": "defaults-urls"}')
        self.dowel("ls", "gs://defaults-urls/")
        run = self.json("runs", "--limit", "1")[0]["id"]
        self.assertIn("gs://defaults-urls/: with the default credentials gcp-credentials/prod", self.dowel("runs", "show", run))
        self.dowel("block", "rm", "prod", "--force")
        self.fails(3, "ls", "gs://defaults-urls/", says="the default gcp-credentials: no block gcp-credentials/prod")

    def test_a_saved_block_does_not_change(self):
        done = self.run_dowel("block", "create", "gcs-bucket/later", "--bucket", "b")
        self.assertIn("note: credentials is saved as gcp-credentials/prod, the default\n", done.err)
        self.assertEqual(self.json("block", "show", "later")["document"]["credentials"], {"$block": "gcp-credentials/prod"})
        self.dowel("config", "set", "gcp-credentials", "other")
        self.assertEqual(self.json("block", "show", "later")["document"]["credentials"], {"$block": "gcp-credentials/prod"})
        self.dowel("block", "create", "s3-bucket/no", "--bucket", "b")
        self.assertNotIn("credentials", self.json("block", "show", "no")["document"])

    def test_changed_outside_of_dowel(self):
        with sqlite3.connect(self.database) as database:
            database.execute("UPDATE blocks SET document = replace(document, 'gcp-credentials/prod', 'gcp-credentials/other') WHERE type = 'config'")
        self.assertIn("changed outside of dowel", self.run_dowel("call", "gcs.list_buckets").err)

    def test_without_a_database(self):
        done = self.run_dowel("call", "gcs.list_buckets", "--credentials", '{"anonymous": true, "project": "p"}', env={"DOWEL_DATABASE_URL": "sqlite:/dev/null/x.db"})
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(done.err.count("the saved defaults (`dowel config`) cannot be read"), 1, done.err)


class Results(Defaults):
    def test_result_storage(self):
        self.dowel("block", "create", "local-file-system/results", "--basepath", "results")
        self.fails(2, "call", "objects.list", "--place", ".", "--persist-result", says="result_storage")
        self.dowel("config", "set", "result-storage", "local-file-system/results")
        self.dowel("call", "objects.list", "--place", ".", "--persist-result")
        self.assertEqual(len(os.listdir(self.path("results"))), 1)
        self.dowel("call", "objects.list", "--place", ".")
        self.assertEqual(len(os.listdir(self.path("results"))), 1, "only where it is asked for")


if __name__ == "__main__":
    main()
