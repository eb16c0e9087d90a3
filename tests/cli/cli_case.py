"""The real command, run in a home of its own: the base of every test here."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BIN = os.environ["DOWEL_BIN"]
# Nothing of the caller's accounts, database or preferences reaches a test.
KEPT = ("PATH", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LD_LIBRARY_PATH", "SSL_CERT_FILE")


class CommandTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dowel-cli-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.addCleanup(self.look_for_secrets)
        self.env = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.env.update(HOME=self.path("home"), TMPDIR=self.path("tmp"), TERM="xterm",
                        AWS_EC2_METADATA_DISABLED="true", GCE_METADATA_HOST="127.0.0.1:1")
        for name in ("home", "tmp"):
            os.mkdir(self.path(name), 0o700)

    def look_for_secrets(self):
        """What tests plant is called planted-...: dowel keeps it sealed, and nothing else of it."""
        for kept in (".local", ".cache", ".config/dowel"):
            for root, _, files in os.walk(self.path("home", kept)):
                for path in (os.path.join(root, name) for name in files):
                    with open(path, "rb") as file:
                        self.assertNotIn(b"planted", file.read(), path)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write(self, name, content, mode=0o600):
        path = self.path(name)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path

    @property
    def database(self):
        return self.path("home", ".local", "share", "dowel", "dowel.db")

    def run_dowel(self, *arguments, stdin=b"", env=None, **options):
        done = subprocess.run([BIN, *arguments], input=stdin.encode() if isinstance(stdin, str) else stdin,
                              stdout=options.pop("stdout", subprocess.PIPE), stderr=options.pop("stderr", subprocess.PIPE),
                              env={**self.env, **(env or {})}, cwd=self.folder, timeout=120, check=False, **options)
        done.out = (done.stdout or b"").decode()
        done.err = (done.stderr or b"").decode()
        return done

    def dowel(self, *arguments, **options):
        """Runs, expects success, returns standard output."""
        done = self.run_dowel(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"dowel {arguments}: {done.out}{done.err}")
        return done.out

    def json(self, *arguments, **options):
        return json.loads(self.dowel(*arguments, "--json", **options))

    def fails(self, status, *arguments, says=(), **options):
        """Runs, expects this exit status, nothing on standard output, and every text of `says` in the message."""
        done = self.run_dowel(*arguments, **options)
        what = f"dowel {arguments}: {done.out}{done.err}"
        self.assertEqual(done.returncode, status, what)
        self.assertEqual(done.out, "", what)
        self.assertTrue(done.err.startswith("dowel: ") or done.err.startswith('{"error"'), what)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.err)
        return done.err

    def tasks(self):
        return [row["task"] for row in self.json("task", "list")]

    def types(self):
        return [row["type"] for row in self.json("block", "types")]


main = unittest.main
