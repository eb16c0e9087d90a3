"""How flags are read: values, switches, --, negative numbers, policy."""
import json

from cli_case import CommandTest, main


class Flags(CommandTest):
    def save_job(self, *flags):
        self.dowel("block", "save", "cloud-run-job/j", "--job", "j", "--image", "i", "--region", "r", *flags, "--overwrite")
        return self.json("block", "show", "cloud-run-job/j")["document"]

    def test_equals_and_spaces(self):
        for flags in (("--task-count", "3"), ("--task-count=3",), ("--task_count", "3")):
            self.assertEqual(self.save_job(*flags)["task_count"], 3)
        self.assertEqual(self.save_job("--service-account=a=b")["service_account"], "a=b")
        self.fails(2, "block", "save", "gcs-bucket/b", "--bucket=", says='"bucket"')
        self.fails(2, "block", "save", "gcs-bucket/b", "--bucket", says="--bucket needs a value")

    def test_values_that_look_like_flags(self):
        self.assertEqual(self.save_job("--args=--help", "--args", "-x", "--args=-h", "--args", "--json")["args"], ["--help", "-x", "-h", "--json"])
        self.assertEqual(self.save_job("--args", "-5")["args"], ["-5"])

    def test_negative_numbers(self):
        self.fails(2, "block", "save", "cloud-run-job/j", "--job", "j", "--image", "i", "--region", "r", "--task-count", "-3", says='"task_count"')
        said = self.fails(2, "call", "gcs.list", "--bucket", '{"bucket": "b"}', "--retries", "-1", says="retries")
        self.assertNotIn("unknown flag", said)
        self.fails(2, "runs", "--limit", "-1", says=["--limit", "-1"])

    def test_lists_and_maps(self):
        self.assertEqual(self.save_job("--args", "a", "--args", "b c", "--env", "A=1", "--env", "B=x=y", "--env", "C=")["env"],
                         {"A": "1", "B": "x=y", "C": ""})
        document = self.save_job("--args", '["a", "b"]', "--env", '{"A": "1"}')
        self.assertEqual((document["args"], document["env"]), (["a", "b"], {"A": "1"}))

    def test_switches(self):
        for flags, wanted in ((("--anonymous",), True), (("--anonymous=true",), True), (("--anonymous", "true"), True),
                              (("--anonymous=no",), None), (("--anonymous", "false"), None)):
            self.dowel("block", "save", "gcp-credentials/x", *flags, "--project", "p", "--overwrite")
            document = self.json("block", "show", "gcp-credentials/x")["document"]
            self.assertEqual(document.get("anonymous") or None, wanted, flags)
            self.assertEqual(document["project"], "p")
        self.fails(2, "block", "save", "gcp-credentials/x", "--anonymous=maybe", says=['"anonymous"', "true or false"])
        self.assertEqual(self.dowel("block", "list", "--json=true"), self.dowel("block", "list", "--json"))
        self.assertEqual(self.dowel("block", "list", "--json=false"), self.dowel("block", "list"))
        self.assertTrue(self.fails(3, "block", "show", "none", "--json=true").startswith('{"error"'))
        self.fails(2, "block", "list", "--json=yes", says=["--json", "true or false", '"yes"'])
        self.fails(2, "block", "save", "gcs-bucket/b", "--bucket", "b", "--overwrite=no", says=["--overwrite", "true or false"])

    def test_double_dash(self):
        self.dowel("block", "save", "gcs-bucket/b", "--bucket", "b")
        self.assertEqual(json.loads(self.dowel("block", "show", "--json", "--", "gcs-bucket/b"))["name"], "b")
        self.fails(3, "block", "show", "--", "--json", says="--json")
        self.fails(2, "block", "show", "--", says="missing TYPE/NAME")
        self.fails(2, "call", "gcs.list", "--", "--bucket", says='"--bucket" is not a flag')
        self.fails(2, "block", "list", "--", "gcs-bucket", "x", says='unexpected argument "x"')
        self.assertIn("gcs-bucket", self.dowel("block", "list", "--"))

    def test_call_needs_a_task_and_no_stray_words(self):
        self.fails(2, "call", says="missing TASK")
        self.fails(2, "call", "--json", "gcs.list", says="missing TASK")
        self.fails(2, "call", "gcs.list", "stray", says='"stray" is not a flag')
        self.fails(2, "call", "gcs.list", "--", says='"bucket"')
        self.fails(3, "call", "", says="no task")

    def test_wrong_arguments_of_a_task(self):
        for flags, says in ((("--limit", "many"), ['gcs.list: field "limit"', '"many"']), (("--limit", "1e3"), '"limit"'), (("--limit", ""), '"limit"'),
                            ((), ['gcs.list: field "bucket" is required']), (("--bucket", ""), '"bucket"'),
                            (("--bucket", "{"), ['"bucket"', "line 1"]), (("--timeout", "soon"), '"timeout"'), (("--retries", "x"), '"retries"'),
                            (("--retry-backoff", "sideways"), ["retry_backoff", "fixed"]), (("--retry-jitter", "7"), "retry_jitter"),
                            (("--retry-delays", "x"), "retry_delays"), (("--persist-result",), "result_storage")):
            bucket = () if any(flag == "--bucket" for flag in flags) or not flags else ("--bucket", '{"bucket": "b", "endpoint": "http://127.0.0.1:1"}')
            self.fails(2, "call", "gcs.list", *bucket, *flags, says=says)
        self.fails(3, "call", "gcs.list", "--bucket", "none", says=["gcs.list", '"bucket"', "none"])
        self.fails(2, "call", "gcs.list", "--run-name", says="--run-name needs a value")
        self.fails(2, "call", "gcs.list", "--from", "-", stdin='{"bucket": {"bucket": "b", "nonsense": 1}}', says=['"bucket"', '"nonsense"'])
        self.assertEqual(self.json("runs"), [], "what was never valid is no run")

    def test_flags_of_a_call_win_over_its_document(self):
        path = self.write("args.json", '{"bucket": {"bucket": "b"}, "limit": 3, "prefix": "x"}')
        for flags in (("--from", path, "--limit", "many"), ("--limit", "many", "--from", path)):
            self.fails(2, "call", "gcs.list", *flags, says='"many"')

    def test_document_of_a_call_is_strict(self):
        self.fails(2, "call", "gcs.list", "--from", "-", stdin='{"bucket": "x",', says=["standard input", "line 1"])
        self.fails(2, "call", "gcs.list", "--from", "-", stdin="[]", says="expected a JSON object")

    def test_unusable_standard_input(self):
        self.fails(1, "block", "save", "gcs-bucket/b", "--from", "-", stdin=None, preexec_fn=lambda: __import__("os").close(0), says="standard input")


if __name__ == "__main__":
    main()
