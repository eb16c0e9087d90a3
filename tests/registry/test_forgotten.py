"""Secrets are overwritten before their memory is given back, by every command that touches them."""
import json
import os
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import BIN, CommandTest, main

SECRET = "planted-forgotten-0123456789-and-more"


class Forgotten(CommandTest):
    def watched(self, *words, stdin="", status=0, **env):
        log = self.path("frees")
        if os.path.exists(log):
            os.unlink(log)
        done = subprocess.run([BIN, *words], input=stdin, text=True, capture_output=True, timeout=60, check=False, cwd=self.folder,
                              env={**self.env, "LD_PRELOAD": os.environ["DOWEL_TEST_WATCHED_FREES"], "WATCHED_FREES": log, **env})
        self.assertEqual(done.returncode, status, done.stderr)
        if os.path.exists(log):
            with open(log) as file:
                places = sorted(set(file.read().splitlines()))
            names = []
            for place in places:
                offset = place.split()[-1]
                names.append(place + " " + subprocess.run(["addr2line", "-fe", BIN, offset], capture_output=True, text=True, check=False).stdout.replace("\n", " "))
            self.fail(f"{words}: " + "\n".join(names))
        return done.stdout

    def test_the_watch_sees(self):
        """A text that is no secret to dowel is not overwritten."""
        with self.assertRaises(AssertionError):
            self.watched("call", "local.nothing", "--name", SECRET, status=3)
            self.watched("block", "save", "gcs-bucket/b", "--bucket", "b", "--prefix", SECRET)

    def test_saving_and_showing(self):
        document = json.dumps({"value": SECRET})
        self.watched("block", "save", "secret/a", "--value", "-", stdin=SECRET)
        self.watched("block", "save", "secret/a", "--value", "env:V", V=SECRET, status=7)
        self.watched("block", "save", "secret/a", "--value", "@" + self.write("v", SECRET), "--overwrite")
        self.watched("block", "save", "secret/b", "--from", "-", stdin=document)
        self.watched("block", "save", "secret/b", "--from", "-", "--value", "env:V", "--overwrite", stdin=document, V=SECRET)
        self.watched("block", "save", "secret/c", "--from", "-", "--nonsense", stdin=document, status=2)
        self.watched("block", "show", "secret/a")
        self.watched("block", "check", "secret/a")
        self.watched("call", "block.check", "--block", "secret/a")
        self.watched("block", "show", "secret/v", DOWEL_BLOCK_SECRET__V=document)
        self.watched("block", "delete", "secret/a")

    def test_inline_secrets(self):
        credentials = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": SECRET}
        bucket = json.dumps({"bucket": "b", "endpoint": "http://127.0.0.1:1", "credentials": credentials})
        self.watched("block", "save", "s3-bucket/b", "--from", "-", stdin=bucket)
        self.watched("call", "s3.list", "--bucket", "b", "--timeout", "200ms", "--retries", "0", status=5)
        self.watched("call", "s3.list", "--from", "-", "--timeout", "200ms", "--retries", "0", stdin='{"bucket": %s}' % bucket, status=5)

    def test_keys_bundles_and_the_editor(self):
        self.watched("block", "save", "secret/a", "--value", "-", stdin=SECRET)
        self.watched("key", "rotate")
        bundle = self.path("bundle")
        self.watched("block", "export", "--bundle", bundle, "--passphrase", "env:P", P="planted-forgotten-passphrase")
        self.watched("block", "restore", bundle, "--overwrite", "--passphrase", "env:P", P="planted-forgotten-passphrase")
        template = self.write("template", json.dumps({"format": "dowel-template", "version": 1,
                                                      "blocks": [{"type": "secret", "name": "t", "document": {"value": SECRET}}]}))
        self.watched("block", "restore", template)
        self.watched("key", "protect", "--passphrase", "env:P", P="planted-forgotten-passphrase")
        self.watched("block", "show", "secret/a", DOWEL_KEY_PASSPHRASE="planted-forgotten-passphrase")
        self.watched("key", "protect", "--remove", DOWEL_KEY_PASSPHRASE="planted-forgotten-passphrase")
        editor = self.write("editor", "#!/bin/sh\nsed -i 's/\\*\\*\\*\\*\\*\\*\\*\\*/%s-new/' \"$1\"\n" % SECRET, stat.S_IRWXU)
        self.watched("block", "edit", "secret/a", EDITOR=editor)
        self.watched("block", "edit", "secret/a", EDITOR="true")


if __name__ == "__main__":
    main()
