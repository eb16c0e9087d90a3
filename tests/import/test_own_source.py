"""An import source that a program's own connector brings is a flag of `block import` like the built-in ones."""
import json
import os
import subprocess

from import_case import ImportTest, main


class OwnSource(ImportTest):
    def acme(self, *words, status=0, env=None, stdin=""):
        done = subprocess.run([os.environ["DOWEL_TEST_ACME"], *words], env={**self.env, **(env or {})}, cwd=self.folder, input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_help_and_completion(self):
        for words in (("block", "import", "--help"), ("block", "--help")):
            usage = self.acme(*words)
            self.assertIn("--from-acme-note @FILE|-|env:VAR", usage)
            self.assertIn("--from-gcloud CONFIGURATION", usage)
        self.assertIn("--from-acme-note\ta note of Acme's\n", self.acme("complete", "block", "import", "--from-a"))
        self.assertEqual(self.acme("complete", "block", "import", "--from-acme-note", ""), ":files\n", "names of files complete its value")

    def test_import(self):
        self.acme("block", "import", "--from-acme-note", "env:ACME_KEY", env={"ACME_KEY": "planted-1"})
        self.acme("block", "import", "--from-acme-note", "-", "secret/other", stdin="planted-2")
        for name, value in (("key", "planted-1"), ("other", "planted-2")):
            shown = json.loads(self.acme("block", "show", f"secret/{name}", "--show-secrets", "--json"))
            self.assertEqual(shown["document"], {"value": value})
        said = self.acme("block", "import", "--from-acme-note", "planted-3", status=2)
        self.assertIn("--from-acme-note: the text holds a secret", said)
        self.assertIn("env:ACME_", said)
        self.assertNotIn("planted", said)
        self.assertIn("did you mean --from-acme-note?", self.acme("block", "import", "--from-acme-nota", "x", status=2))
        self.assertIn("one source at a time", self.acme("block", "import", "--from-acme-note", "-", "--from-gcloud", "x", status=2))


if __name__ == "__main__":
    main()
