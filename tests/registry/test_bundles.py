"""dowel block export and restore: sealed bundles, masked templates, what is damaged, all or none."""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import CommandTest, main

PASSPHRASE = {"P": "correct horse battery"}
WITH = ("--passphrase", "env:P")


class Bundles(CommandTest):
    def setUp(self):
        super().setUp()
        self.other = {"HOME": self.path("other")}
        os.mkdir(self.path("other"))
        self.dowel("block", "save", "aws-credentials/k", "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-access-key", "-", stdin="planted-secret")
        self.dowel("block", "save", "s3-bucket/b", "--bucket", "b", "--credentials", "k")
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="planted-value")

    def export(self, *words):
        self.dowel("block", "export", *words, "--bundle", "out.bundle", *WITH, env=PASSPHRASE)
        with open(self.path("out.bundle"), "rb") as file:
            return file.read()

    def references(self, env):
        return [f"{block['type']}/{block['name']}" for block in self.json("block", "list", env=env)]

    def test_bundle(self):
        content = self.export("s3-bucket/b")
        self.assertEqual(os.stat(self.path("out.bundle")).st_mode & 0o777, 0o600)
        for secret in (b"planted", b"AKIA", b"s3-bucket"):
            self.assertNotIn(secret, content)
        other = {**self.other, **PASSPHRASE}
        self.dowel("block", "restore", "out.bundle", *WITH, env=other)
        self.assertEqual(self.references(other), ["aws-credentials/k", "s3-bucket/b"], "with what it refers to, and no more")
        self.assertEqual(self.json("block", "show", "k", "--show-secrets", env=other)["document"]["secret_access_key"], "planted-secret")
        self.fails(7, "block", "restore", "out.bundle", *WITH, env=other, says=["already exists", "--overwrite"])
        saved = self.json("block", "restore", "out.bundle", "--overwrite", *WITH, env=other)
        self.assertEqual(saved, [{"block": "aws-credentials/k", "revision": 2}, {"block": "s3-bucket/b", "revision": 2}])
        # As another's scrypt and AES-GCM read it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
        envelope = json.loads(content)
        salt, sealed = (base64.b64decode(envelope[name]) for name in ("salt", "sealed"))
        key = Scrypt(salt=salt, length=32, n=envelope["n"], r=envelope["r"], p=envelope["p"]).derive(PASSPHRASE["P"].encode())
        blocks = json.loads(AESGCM(key).decrypt(sealed[:12], sealed[12:], b"dowel-bundle\0001\0scrypt\000131072\0008\0001\0" + salt))
        self.assertEqual({block["name"] for block in blocks}, {"b", "k"})

    def test_all(self):
        self.export()
        other = {**self.other, **PASSPHRASE}
        self.dowel("block", "restore", "-", *WITH, env=other, stdin=open(self.path("out.bundle"), "rb").read())
        self.assertEqual(self.references(other), ["aws-credentials/k", "s3-bucket/b", "secret/s"])

    def test_wrong_or_damaged(self):
        envelope = json.loads(self.export())
        self.fails(4, "block", "restore", "out.bundle", *WITH, env={**self.other, "P": "wrong"}, says="the passphrase is wrong")
        self.fails(4, "block", "restore", "out.bundle", env=self.other, says="passphrase")
        sealed = bytearray(base64.b64decode(envelope["sealed"]))
        for at in (0, 11, 12, len(sealed) // 2, len(sealed) - 1):
            sealed[at] ^= 1
            self.write("bad.bundle", json.dumps({**envelope, "sealed": base64.b64encode(sealed).decode()}))
            self.fails(4, "block", "restore", "bad.bundle", *WITH, env={**self.other, **PASSPHRASE}, says=["bad.bundle", "changed"])
            sealed[at] ^= 1
        for text, status in (("", 2), ("{", 2), ("{}", 2), ("[]", 2), ('{"format": "dowel-bundle"}', 1), ('{"format": "dowel-template", "version": 1}', 2),
                             ('{"format": "dowel-template", "version": 9, "blocks": []}', 2), ('{"format": "dowel-template", "version": 1, "blocks": [5]}', 2),
                             (json.dumps({**envelope, "n": 1 << 62}), 1), (json.dumps({**envelope, "p": 1 << 20}), 1)):
            self.write("bad.bundle", text)
            self.fails(status, "block", "restore", "bad.bundle", *WITH, env={**self.other, **PASSPHRASE}, says="bad.bundle")
        self.assertEqual(self.references(self.other), [])

    def test_template(self):
        text = self.dowel("block", "export", "--template", "-")
        self.assertNotIn("planted", text)
        template = json.loads(text)
        self.assertEqual([block["name"] for block in template["blocks"]], ["k", "b", "s"])
        self.write("filled.json", text)
        self.fails(2, "block", "restore", "filled.json", env=self.other, says="is the mask")
        self.assertEqual(self.references(self.other), [], "all or none")
        for block in template["blocks"]:
            for field in ("secret_access_key", "value"):
                if field in block["document"]:
                    block["document"][field] = "filled-in"
        template["blocks"].reverse()
        self.write("filled.json", json.dumps(template))
        self.dowel("block", "restore", "filled.json", env=self.other)
        self.assertEqual(self.json("block", "show", "s", "--show-secrets", env=self.other)["document"]["value"], "filled-in")

    def test_templates_that_refer_in_circles(self):
        blocks = [{"type": "s3-bucket", "name": f"n{i}", "document": {"bucket": "b", "x": [{"$block": f"s3-bucket/n{j}"} for j in range(60)]}} for i in range(60)]
        self.write("circle.json", json.dumps({"format": "dowel-template", "version": 1, "blocks": blocks}))
        self.fails(2, "block", "restore", "circle.json", env=self.other)
        self.write("twice.json", json.dumps({"format": "dowel-template", "version": 1, "blocks": [blocks[0], blocks[0]]}))
        self.fails(2, "block", "restore", "twice.json", env=self.other, says="twice")

    def test_command_lines(self):
        self.fails(2, "block", "export", says="--bundle FILE or --template FILE")
        self.fails(2, "block", "export", "--template", "t", "--bundle", "b", says="--bundle FILE or")
        self.fails(2, "block", "export", "--template", "t", *WITH, env=PASSPHRASE, says="--passphrase needs --bundle")
        self.fails(2, "block", "export", "--bundle", "b", "--passphrase", "on-the-line", says="must not be an argument")
        self.fails(2, "block", "export", "--bundle", "b", says="passphrase")
        self.fails(3, "block", "export", "secret/none", "--template", "t", says="secret/none")
        self.assertFalse(os.path.exists(self.path("t")) or os.path.exists(self.path("b")))
        self.fails(2, "block", "restore", says="missing FILE")
        self.fails(3, "block", "restore", "nowhere", says="nowhere")


if __name__ == "__main__":
    main()
