"""Natural mistakes on the command line: the message names the thing and its cause, and the hint says what to type instead."""
from cli_case import CommandTest, main


class Mistakes(CommandTest):
    def test_a_file_without_the_at_sign(self):
        self.write("q.sql", "SELECT 1")
        self.write("payload.json", "{}")
        self.dowel("block", "save", "lambda-function/f", "--function-name", "f")
        self.fails(2, "query", "q.sql", says=['"q.sql" is the name of a file', "write @q.sql"])
        self.fails(2, "query", "missing.sql", says="write @missing.sql")
        self.fails(2, "query", "q.sql", "--json", says='"hint":"write @q.sql')
        self.fails(2, "call", "lambda.invoke", "--function", "f", "--payload", "payload.json",
                   says=["not valid JSON", "payload.json is a file: write @payload.json"])
        self.fails(2, "query", "SELECT @n AS n", "--parameters", "payload.json", says="write @payload.json")
        text = self.fails(2, "call", "lambda.invoke", "--function", "f", "--payload", "no-such-file", says="or @FILE for the content of a file")
        self.assertNotIn("@no-such-file", text, "there is no such file")

    def test_a_word_of_an_enumeration(self):
        load = ("call", "bigquery.load", "--table", "a.b", "--file", "a.csv")
        self.fails(2, *load, "--write-disposition", "TRUNCAT", says='did you mean "truncate"?')
        self.fails(2, *load, "--write-disposition", "WRITE_APEND", says='did you mean "WRITE_APPEND"?')
        self.fails(2, *load, "--write-disposition", "write-apend", says='did you mean "WRITE_APPEND"?')
        self.fails(2, *load, "--format", "NEWLINE_DELIMITED_JSO", says='did you mean "NEWLINE_DELIMITED_JSON"?')
        self.assertNotIn("did you mean", self.fails(2, *load, "--format", "spreadsheet"))

    def test_a_number_out_of_range_has_its_unit(self):
        self.fails(2, "presign", "s3://b/k", "--expires", "30d", says="30d is not between 1s and 7d")
        self.fails(2, "presign", "s3://b/k", "--expires", "169h", says="169h is not between")
        self.dowel("block", "save", "s3-bucket/b", "--bucket", "b")
        self.fails(2, "call", "s3.copy", "--bucket", "b", "--key", "k", "--to-key", "x", "--part-size", "1MiB", says="1MiB is not between 5MiB and 5GiB")
        self.fails(2, "cp", "a", "s3://b/k", "--concurrency", "0", says="0 is not between 1 and 64")

    def test_bad_input_names_its_help(self):
        self.fails(2, "call", "gcs.list", "--limit", "many", says="`dowel call gcs.list --help` says how")
        self.fails(2, "block", "save", "gcs-bucket/b", says="`dowel block save gcs-bucket --help` says how")
        self.fails(2, "cp", "a", "b", "--concurrency", "0", says="`dowel cp --help` says how")

    def test_the_block_has_another_type(self):
        self.dowel("block", "save", "s3-bucket/reports", "--bucket", "reports")
        self.fails(3, "call", "gcs.upload", "--bucket", "reports", "--data", "x", "--name", "x",
                   says=["no block gcs-bucket/reports", "s3-bucket/reports is a block of another type", "`dowel block list --type gcs-bucket`"])

    def test_the_name_of_a_bucket_instead_of_a_block(self):
        self.fails(2, "call", "gcs.create_bucket", "--bucket", "acme_landing",
                   says=['"acme_landing" is not a block name', "`dowel block save gcs-bucket/NAME --bucket acme_landing`"])

    def test_a_local_file_instead_of_a_url(self):
        self.fails(2, "call", "bigquery.load", "--table", "a.b", "--uris", "gs://b/a.csv", "--uris", "data.csv",
                   says=['field "uris[1]": "data.csv" is not a URL', "a local file is --file data.csv"])

    def test_a_command_below_a_connector(self):
        self.fails(3, "gcs", "cp", "a", "b", says=['no task "gcs.cp"', "`dowel cp` is the command for every kind of place"])
        self.fails(3, "s3", "ls", says=['no task "s3.ls"', "`dowel ls --help`"])
        self.fails(3, "s3", "lst", says='did you mean "s3.list"?')

    def test_no_keys(self):
        self.fails(4, "ls", "s3://b/", says=["no AWS keys", "`dowel block save aws-credentials/NAME`", "--credentials NAME", "AWS_PROFILE"])
        self.fails(4, "ls", "gs://b/", env={"NO_GCE_CHECK": "true"},
                   says=["`dowel block save gcp-credentials/NAME`", "gcloud auth application-default login"])

    def test_the_help_fits_a_terminal(self):
        for line in self.dowel("--help").splitlines():
            self.assertLessEqual(len(line), 84, line)


if __name__ == "__main__":
    main()
