"""Secrets: where they may come from, and that they are seen nowhere."""
import glob
import json
import os
import subprocess
import time

from cli_case import BIN, CommandTest, main

PLANTED = "planted-4Ev3r-s3cret"


class Secrets(CommandTest):
    def shown(self, reference):
        return self.json("block", "show", reference, "--show-secrets")["document"]

    def test_where_secrets_come_from(self):
        path = self.write("secret.txt", PLANTED + "\n")
        for name, flag, options in (("a", "@" + path, {}), ("b", "-", {"stdin": PLANTED + "\n"}), ("c", "-", {"stdin": PLANTED}),
                                    ("d", "env:PLANTED", {"env": {"PLANTED": PLANTED}})):
            for words in (("--value", flag), (f"--value={flag}",)):
                self.dowel("block", "save", f"secret/{name}", *words, "--overwrite", **options)
                self.assertEqual(self.shown(f"secret/{name}"), {"value": PLANTED}, flag)

    def test_a_secret_of_several_lines_is_kept_as_it_is(self):
        for text in ("-----BEGIN\nx\n-----END\n", " a \n\n"):
            self.dowel("block", "save", "secret/pem", "--value", "@" + self.write("pem", text), "--overwrite")
            self.assertEqual(self.shown("secret/pem"), {"value": text})
        self.dowel("block", "save", "secret/pem", "--value", "-", "--overwrite", stdin="windows\r\n")
        self.assertEqual(self.shown("secret/pem"), {"value": "windows"})

    def test_never_as_they_are(self):
        for words in (("--value", PLANTED), (f"--value={PLANTED}",)):
            said = self.fails(2, "block", "save", "secret/x", *words, says=["must not be an argument", "env:VARIABLE", "prompt", "@FILE"])
            self.assertNotIn(PLANTED, said)
        self.fails(2, "block", "save", "secret/x", "--value", "env:NOT_SET", says="NOT_SET")
        self.fails(2, "block", "save", "secret/x", "--value", "env:EMPTY", env={"EMPTY": ""}, says="EMPTY")
        self.fails(3, "block", "save", "secret/x", "--value", "@" + self.path("none"), says=['"value"', "No such file"])
        for words in (("block", "save", "secret/x", "--value", "@"), ("block", "save", "secret/x", "--value=@"), ("call", "s3.put", "--bucket", "b", "--key", "k", "--data", "@")):
            self.fails(2, *words, says="expected a file name after the @")  # as of @"$FILE" where FILE is not set
        self.fails(2, "block", "save", "secret/x", "--value", "-", stdin="", says='"value"')
        self.fails(2, "block", "save", "secret/x", "--value", "-", stdin="\n", says='"value"')
        self.fails(2, "block", "save", "secret/x", "--value", "@" + self.write("blank", "\r\n"), says='"value"')
        self.fails(2, "block", "save", "secret/x", "--value", "-", stdin=b"\xff\xfe" + PLANTED.encode(), says="UTF-8")
        self.fails(2, "block", "save", "secret/x", "--value", says="--value needs a value")
        self.fails(2, "block", "save", "secret/x", "--value", "prompt", says="nothing was entered", start_new_session=True)
        self.assertEqual(self.json("block", "list"), [])

    def test_nor_within_a_block_that_is_not_saved(self):
        bucket = json.dumps({"bucket": "b", "region": "r", "endpoint": "http://127.0.0.1:1",
                             "credentials": {"access_key_id": "A", "secret_access_key": PLANTED}})
        said = self.fails(2, "call", "s3.list", "--bucket", bucket, says=['"bucket"', '"secret_access_key"', "@FILE"])
        self.assertNotIn(PLANTED, said)
        said = self.fails(2, "call", "block.check", "--block", json.dumps({"$type": "secret", "value": PLANTED}), says='"value"')
        self.assertNotIn(PLANTED, said)
        self.fails(5, "call", "s3.list", "--bucket", "@" + self.write("bucket.json", bucket), "--timeout", "300ms")
        self.fails(5, "call", "s3.list", "--bucket", "-", "--timeout", "300ms", stdin=bucket)
        self.fails(2, "call", "s3.list", "--bucket", "@" + self.write("list.json", "[1]"), says='"bucket"')
        self.fails(3, "call", "s3.list", "--bucket", "@none.json", says=['"bucket"', "none.json"])

    def test_standard_input_is_read_once(self):
        self.fails(2, "block", "save", "secret/x", "--from", "-", "--value", "-", stdin='{"value": "v"}', says=["--value", "--from", "standard input"])
        self.fails(2, "block", "save", "aws-credentials/x", "--secret-access-key", "-", "--session-token", "-", stdin="v",
                   says="standard input")

    def everywhere(self):
        """Every place where a secret could have been written."""
        for path in glob.glob(self.path("**"), recursive=True) + glob.glob(self.path("home", ".*", "**"), recursive=True):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    yield path, file.read()

    def test_masked_everywhere(self):
        key = {"type": "service_account", "project_id": "p", "private_key": PLANTED, "client_email": "a@example.com"}
        env = {"PLANTED": PLANTED, "KEY": json.dumps(key), "DOWEL_LOG": "debug"}
        saves = [("secret/s", ("--value", "env:PLANTED")),
                 ("aws-credentials/a", ("--access-key-id", "AKIA1", "--secret-access-key", "env:PLANTED", "--session-token", "env:PLANTED")),
                 ("gcp-credentials/t", ("--token", "env:PLANTED")),
                 ("gcp-credentials/k", ("--service-account-info", "env:KEY"))]  # refused: it is no key, and not quoted
        seen = []
        for reference, flags in saves:
            seen.append(self.run_dowel("block", "save", reference, *flags, env=env))
            seen.append(self.run_dowel("block", "save", reference, *flags, env=env))  # exists
            seen.append(self.run_dowel("block", "show", reference, env=env))
            seen.append(self.run_dowel("block", "show", reference, "--json", env=env))
        endpoint = "http://127.0.0.1:1"
        seen.append(self.run_dowel("block", "list", "--json", env=env))
        seen.append(self.run_dowel("call", "s3.list", "--json", "--timeout", "300ms", "--bucket",
                                   json.dumps({"bucket": "b", "region": "r", "endpoint": endpoint, "credentials": {"$block": "aws-credentials/a"}}), env=env))
        for credentials in ("t", "k"):
            seen.append(self.run_dowel("call", "bigquery.query", "--query", "SELECT 1", "--project", "p", "--endpoint", endpoint, "--timeout", "300ms",
                                       "--credentials", credentials, env=env))
        runs = self.json("runs")
        self.assertEqual(len(runs), 2)
        for run in runs:
            seen.append(self.run_dowel("runs", "show", run["id"], env=env))
            seen.append(self.run_dowel("runs", "show", run["id"], "--json", env=env))
        seen.append(self.run_dowel("config", env={**env, "AWS_SECRET_ACCESS_KEY": PLANTED, "AWS_SESSION_TOKEN": PLANTED, "DOWEL_KEY": PLANTED,
                                                  "HTTPS_PROXY": f"http://u:{PLANTED}@127.0.0.1"}))
        for done in seen:
            self.assertNotIn(PLANTED, done.out)
            self.assertNotIn(PLANTED, done.err)
        for path, content in self.everywhere():
            self.assertNotIn(PLANTED.encode(), content, path)
        self.assertIn("********", self.dowel("block", "show", "secret/s"))
        self.assertIn(PLANTED, self.dowel("block", "show", "secret/s", "--show-secrets"), "the check itself can see a secret")

    def test_inline_secret_in_a_document_is_masked_in_history(self):
        bucket = {"bucket": "b", "region": "r", "endpoint": "http://127.0.0.1:1",
                  "credentials": {"access_key_id": "AKIA1", "secret_access_key": PLANTED}}
        done = self.run_dowel("call", "s3.list", "--timeout", "300ms", "--from", "-", stdin=json.dumps({"bucket": bucket}), env={"DOWEL_LOG": "debug"})
        self.assertEqual(done.returncode, 5, done.err)
        run = self.json("runs")[0]
        shown = self.dowel("runs", "show", run["id"], "--json")
        self.assertIn("AKIA1", shown)
        for text in (done.out, done.err, shown, self.dowel("runs", "show", run["id"])):
            self.assertNotIn(PLANTED, text)
        for path, content in self.everywhere():
            self.assertNotIn(PLANTED.encode(), content, path)

    def test_arguments_of_the_process_hold_no_secret(self):
        read, write = os.pipe()
        process = subprocess.Popen([BIN, "block", "save", "secret/s", "--value", "-"], stdin=read, env=self.env,
                                   stdout=subprocess.DEVNULL)
        try:
            os.write(write, PLANTED.encode())
            path = f"/proc/{process.pid}/cmdline"
            if os.path.exists(path):
                end = time.monotonic() + 30
                line = b""
                while not line and time.monotonic() < end:
                    with open(path, "rb") as file:
                        line = file.read()
                self.assertIn(b"secret/s", line)
                self.assertNotIn(PLANTED.encode(), line)
        finally:
            os.close(write)
            os.close(read)
            self.assertEqual(process.wait(60), 0)

    def test_files_are_private(self):
        self.dowel("block", "save", "secret/s", "--value", "-", stdin=PLANTED)
        for path in glob.glob(self.path("home", ".*", "**"), recursive=True):
            if "dowel" in path[len(self.path("home")):]:
                self.assertEqual(os.stat(path).st_mode & 0o077, 0, path)


class CredentialsFiles(CommandTest):
    """What is wrong with a credentials file is said when its path is saved, and when it is used, with its path."""

    def use(self, path, *says, status=4):
        save = ["block", "save", "gcp-credentials/x", "--service-account-file", path, "--project", "p", "--overwrite"]
        if os.path.exists(path):
            self.assertNotIn("BEGIN", self.fails(2, *save, says=["gcp-credentials/x was not saved", *says]))
            os.rename(path, path + ".away")
            self.dowel(*save)  # of another machine, for all that anybody knows
            os.rename(path + ".away", path)
        else:
            self.dowel(*save)
        said = self.fails(status, "call", "bigquery.query", "--query", "SELECT 1", "--credentials", "x", "--endpoint", "http://127.0.0.1:1", says=says)
        self.assertNotIn("BEGIN", said)
        return said

    def test_bad_files(self):
        self.use(self.path("none.json"), "none.json", "No such file")
        self.use(self.write("empty.json", ""), "empty.json", "empty")
        self.use(self.write("truncated.json", '{"type": "service_account", "private_key": "-----BEGIN'), "truncated.json", "line 1")
        self.use(self.write("text.json", "hello"), "text.json", "JSON")
        self.use(self.write("list.json", "[]"), "list.json")
        self.use(self.write("other.json", '{"type": "frobnicator"}'), "other.json", "frobnicator")
        self.use(self.write("no-type.json", '{"a": 1}'), "no-type.json", "type")
        self.use(self.write("client.json", '{"installed": {"client_id": "x", "client_secret": "y"}}'), "client.json")
        self.use(self.write("no-key.json", '{"type": "service_account", "client_email": "a@example.com"}'), "no-key.json", "private_key")
        bad = {"type": "service_account", "client_email": "a@example.com", "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
               "private_key_id": "1", "token_uri": "http://127.0.0.1:1/token"}
        self.use(self.write("bad-key.json", json.dumps(bad)), "bad-key.json")
        os.mkdir(self.path("folder"))
        self.use(self.path("folder"), "Is a directory")

    def test_unreadable_file(self):
        """Root may read everything: the command runs as somebody else then."""
        closed, other = self.write("closed.json", "{}", 0), {}
        if not os.getuid():
            other = {"user": 65534, "group": 65534, "extra_groups": []}
            for path in (self.folder, self.path("home"), self.path("tmp")):
                os.chown(path, 65534, 65534)
            try:
                subprocess.run([BIN, "--version"], check=True, stdout=subprocess.DEVNULL, **other)
            except (PermissionError, subprocess.CalledProcessError):
                self.skipTest("only root may run the command here")
        self.dowel("block", "save", "gcp-credentials/closed", "--service-account-file", closed, **other)
        self.fails(4, "call", "bigquery.query", "--query", "SELECT 1", "--project", "p", "--credentials", "closed",
                   says=["closed.json", "Permission denied"], **other)

    def test_wrong_type_given_inline(self):
        for text in ('{"type": "frobnicator"}', "[]", '"text"', '{"type": "service_account"'):
            path = self.write("x.json", text)
            done = self.run_dowel("block", "save", "gcp-credentials/y", "--service-account-info", "@" + path)
            if done.returncode == 0:
                done = self.run_dowel("call", "bigquery.query", "--query", "SELECT 1", "--project", "p", "--credentials", "y")
            self.assertIn(done.returncode, (2, 4), done.err)


if __name__ == "__main__":
    main()
