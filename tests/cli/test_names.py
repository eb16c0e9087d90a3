"""Names of blocks on the command line: other words for verbs, new names, places without a type, URLs where a name belongs; how much is told."""
import os

from cli_case import CommandTest, main


class Verbs(CommandTest):
    def test_other_words(self):
        self.assertEqual(self.dowel("block", "create", "gcs-bucket/landing", "--bucket", "b"), "saved gcs-bucket/landing (revision 1)\n")
        self.assertEqual(self.dowel("block", "ls"), self.dowel("block", "list"))
        self.assertEqual(self.dowel("task", "ls"), self.dowel("task", "list"))
        self.assertEqual(self.dowel("runs", "ls"), self.dowel("runs", "list"))
        self.assertIn("(also: ls)", self.dowel("block", "--help"))
        self.assertEqual(self.dowel("block", "rm", "landing"), "deleted gcs-bucket/landing\n")

    def test_create_never_replaces(self):
        self.dowel("block", "create", "gcs-bucket/landing", "--bucket", "first")
        self.fails(7, "block", "create", "gcs-bucket/landing", "--bucket", "second", says=("already exists", "block save --overwrite"))
        self.fails(2, "block", "create", "gcs-bucket/landing", "--bucket", "second", "--overwrite", says="unknown flag --overwrite")
        self.assertEqual(self.json("block", "show", "landing")["document"]["bucket"], "first")


class Rename(CommandTest):
    def setUp(self):
        super().setUp()
        self.dowel("block", "create", "gcp-credentials/prod", "--service-account-info", "env:INFO", env={"INFO": self.key()})
        self.dowel("block", "create", "gcs-bucket/landing", "--bucket", "b", "--credentials", "prod")
        self.dowel("block", "create", "gcs-bucket/other", "--bucket", "prod")

    @staticmethod
    def key():
        with open(os.path.join(os.environ["DOWEL_TEST_OAUTH_KEYS"], "service-account.json"), encoding="utf-8") as file:
            return file.read()

    def test_secrets_and_references_follow(self):
        secret = self.json("block", "show", "prod", "--show-secrets")["document"]
        renamed = self.json("block", "rename", "prod", "main")
        self.assertEqual(renamed, {"block": "gcp-credentials/main", "renamed_from": "gcp-credentials/prod", "rewritten": ["gcs-bucket/landing"]})
        self.assertEqual(self.json("block", "show", "main", "--show-secrets")["document"], secret)
        self.assertEqual(self.json("block", "show", "landing")["document"]["credentials"], {"$block": "gcp-credentials/main"})
        self.assertEqual(self.json("block", "show", "other")["document"]["bucket"], "prod", "a text of the same name is not a reference")
        self.fails(3, "block", "show", "gcp-credentials/prod")
        self.fails(7, "block", "rm", "main", says="gcs-bucket/landing refers to it")
        self.assertEqual({key["blocks"] for key in self.json("key", "show-id")["keys"]}, {3}, "all of them have a seal")

    def test_refused_and_nothing_changed(self):
        before = self.json("block", "list")
        self.fails(7, "block", "rename", "landing", "other", says=("gcs-bucket/other already exists", "choose another name"))
        self.fails(2, "block", "rename", "landing", "s3-bucket/landing", says="a block keeps its type")
        self.fails(2, "block", "rename", "landing", "Large", says="1 to 63 of the characters a-z, 0-9 and -")
        self.fails(2, "block", "rename", "landing", "landing", says="already has this name")
        self.fails(2, "block", "rename", "landing", says="missing NEW-NAME")
        self.fails(3, "block", "rename", "nothing", "x")
        blocks = {"DOWEL_BLOCK_GCS_BUCKET__LANDING": '{"bucket": "b"}'}
        self.fails(7, "block", "rename", "gcs-bucket/landing", "x", says="read-only", env=blocks)
        self.fails(7, "block", "rename", "gcs-bucket/other", "landing", says="read-only", env=blocks)
        self.assertEqual(self.json("block", "list"), before)


class Places(CommandTest):
    def setUp(self):
        super().setUp()
        os.makedirs(self.path("data", "sub"))
        self.write("data/a.txt", "hello")
        self.dowel("block", "create", "local-file-system/data", "--basepath", "data")

    def test_a_name_without_a_type(self):
        self.assertEqual(self.dowel("ls", "data:"), "a.txt\nsub/\n")
        self.assertEqual(self.dowel("cat", "data:a.txt"), "hello")
        self.dowel("cp", "data:a.txt", "data:sub/b.txt")
        self.assertEqual(self.dowel("cat", "local-file-system/data:sub/b.txt"), "hello")

    def test_a_mistyped_name_is_no_file(self):
        self.fails(3, "cp", "data/a.txt", "daat:a.txt", says=('did you mean "data"?', "./daat:a.txt"))
        self.assertFalse(os.path.exists(self.path("daat:a.txt")))
        self.dowel("cp", "data/a.txt", "./daat:a.txt")
        self.assertTrue(os.path.exists(self.path("daat:a.txt")))

    def test_two_of_one_name(self):
        self.dowel("block", "create", "gcs-bucket/data", "--bucket", "b")
        self.fails(2, "ls", "data:", says=("gcs-bucket/data", "local-file-system/data", "type/name"))
        self.assertIn("a.txt", self.dowel("ls", "local-file-system/data:"))

    def test_a_block_that_holds_no_objects(self):
        self.dowel("block", "create", "gcp-credentials/only", "--anonymous")
        self.fails(3, "ls", "only:", says='no block "only" of type')


class Urls(CommandTest):
    def document(self, name):
        return self.json("block", "show", name)["document"]

    def test_a_url_instead_of_a_bucket(self):
        done = self.run_dowel("block", "create", "gcs-bucket/one", "--bucket", "gs://landing/2026/q1/")
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("note: bucket is saved as landing\n", done.err)
        self.assertIn("note: folder is saved as 2026/q1\n", done.err)
        self.assertEqual(self.document("one"), {"bucket": "landing", "folder": "2026/q1"})
        self.dowel("block", "create", "s3-bucket/two", "--bucket", "s3://reports")
        self.assertEqual(self.document("two"), {"bucket": "reports"})

    def test_refused(self):
        self.fails(2, "block", "create", "gcs-bucket/x", "--bucket", "s3://reports/a", says="dowel block save s3-bucket/NAME --bucket reports")
        self.fails(2, "block", "create", "gcs-bucket/x", "--bucket", "https://reports/a", says="give the name of the bucket alone")
        self.fails(2, "block", "create", "gcs-bucket/x", "--bucket", "gs://b/a", "--folder", "c", says="give one of them")
        self.fails(2, "block", "create", "gcs-bucket/x", "--bucket", "gs://")
        self.assertEqual(self.json("block", "list"), [])

    def test_a_url_where_a_block_belongs(self):
        self.fails(2, "call", "gcs.list", "--bucket", "gs://landing/2026", says=("is a URL", "dowel block save gcs-bucket/NAME --bucket landing"))


class Told(CommandTest):
    """-v, -vv and -q stand anywhere."""

    def requests(self, *arguments, env=None):
        """What listing a bucket that is not there says."""
        self.env["STORAGE_EMULATOR_HOST"] = os.environ["DOWEL_TEST_GCS_URL"]
        return self.run_dowel(*arguments, env=env).err

    def test_a_line_for_each_request(self):
        line = r"(?m)^\S+ info GET http://\S+/storage/v1/b/x/o(/\.\.\.)? -> 404, \d+ ms$"
        for arguments, env in ((("-v", "ls", "gs://x/"), {}), (("ls", "-v", "gs://x/"), {}), (("ls", "gs://x/", "-v"), {}), (("ls", "gs://x/"), {"DOWEL_LOG": "info"})):
            said = self.requests(*arguments, env=env)
            self.assertRegex(said, line, arguments)
            self.assertNotIn(" debug ", said, arguments)
        self.assertIn(" debug ", self.requests("ls", "gs://x/", "-vv"))
        self.assertNotIn(" info ", self.requests("ls", "gs://x/"))
        run = self.json("runs", "--limit", "1")[0]["id"]
        self.assertNotIn("-> 404, ", self.dowel("runs", "show", run), "the history is not filled with requests")

    def test_only_errors(self):
        self.assertEqual(self.run_dowel("-q", "block", "create", "local-file-system/a", "--basepath", "x").err, "")
        self.assertIn("note: basepath", self.run_dowel("block", "create", "local-file-system/b", "--basepath", "x").err)
        warning = {"DOWEL_BLOCK_NONSENSE": "x"}
        self.assertIn(" warning ", self.run_dowel("block", "ls", env=warning).err)
        self.assertEqual(self.run_dowel("block", "-q", "ls", env=warning).err, "")
        self.assertIn("no block", self.run_dowel("-q", "block", "show", "nothing").err)

    def test_a_value_is_not_taken_for_one(self):
        self.dowel("block", "create", "secret/a", "--value", "env:V", env={"V": "x"})
        self.assertEqual(self.json("block", "show", "a")["type"], "secret")
        self.dowel("block", "create", "gcs-bucket/c", "--bucket", "b", "--folder", "-v")
        self.assertEqual(self.json("block", "show", "c")["document"]["folder"], "-v")

    def test_lines_of_objects_stay(self):
        self.write("a", "x")
        done = self.run_dowel("cp", "-v", "a", "b")
        self.assertEqual((done.returncode, done.out, done.err), (0, "copied a -> b\n", ""))


if __name__ == "__main__":
    main()
