"""dowel key: what it shows, adding, rotating (killed at any moment, beside readers and writers), passphrases. In SQLite and PostgreSQL."""
import base64
import json
import os
import pty
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "cli"))
from cli_case import BIN, CommandTest, main

ROTATIONS = int(os.environ.get("DOWEL_TEST_ROTATIONS", "12"))
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3)]


class Keys(CommandTest):
    url = None

    def setUp(self):
        super().setUp()
        if self.url:
            self.env["DOWEL_DATABASE_URL"] = self.url()

    def save(self, reference, value="planted", **options):
        self.dowel("block", "save", reference, "--value", "-", "--overwrite", stdin=value, **options)

    def value(self, reference, **options):
        return self.json("block", "show", reference, "--show-secrets", **options)["document"]["value"]

    def keys(self, **options):
        return [(key["use"], key["blocks"]) for key in self.json("key", "show-id", **options)["keys"]]

    @property
    def key_file(self):
        return self.path("home", ".config", "dowel", "key")

    def test_show(self):
        self.assertIn("no key yet", self.dowel("key", "show-id"))
        self.assertFalse(os.path.exists(self.key_file), "showing makes no key")
        self.save("secret/a")
        self.save("secret/b")
        shown = self.json("key", "show-id")
        self.assertEqual((shown["origin"], self.keys()), (self.key_file, [("seals", 2)]))
        with open(self.key_file) as file:
            self.assertNotIn(file.read().strip(), self.dowel("key", "show-id"))
        self.assertEqual(self.keys(env={"DOWEL_KEY": KEYS[0]}), [("seals", 0), ("missing", 2)])
        self.fails(2, "key", "rotat", says='did you mean "rotate"')

    def test_rotate(self):
        for i in range(120):
            if i < 3 or not self.url:
                self.save(f"secret/s{i}", f"value {i}")
            if i == 60:
                break
        count = len(self.json("block", "list"))
        first = self.json("key", "show-id")["keys"][0]["id"]
        report = self.json("key", "rotate")
        self.assertEqual((report["made"], report["blocks"]), (True, count))
        self.assertEqual(self.keys(), [("seals", count), ("opens", 0)])
        self.assertNotEqual(report["key"], first)
        self.assertEqual(self.value("secret/s1"), "value 1")
        self.assertEqual(self.json("block", "show", "secret/s1")["revision"], 1)
        # Back to the first, by its id.
        self.assertEqual(self.json("key", "rotate", "--to", first), {"key": first, "made": False, "blocks": count, "handles": 0})
        self.fails(3, "key", "rotate", "--to", "0123456789abcdef", says="no key 0123456789abcdef")
        self.assertEqual(os.stat(self.key_file).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.key_file)), ["key"], "no leftovers")

    def test_add(self):
        self.save("secret/s", env={"DOWEL_KEY": KEYS[0]})
        self.save("secret/t")
        self.fails(4, "block", "show", "secret/s", "--show-secrets", says="dowel key add")
        self.dowel("key", "add", "--key", "-", stdin=KEYS[0] + "\n")
        self.assertEqual(self.value("secret/s"), "planted")
        self.assertEqual(self.keys(), [("seals", 1), ("opens", 1)])
        self.fails(7, "key", "add", "--key", "env:K", env={"K": KEYS[0]}, says="already")
        said = self.fails(2, "key", "add", "--key", KEYS[1], says="must not be an argument")
        self.assertNotIn(KEYS[1], said)
        self.fails(4, "key", "add", "--key", "-", stdin="nonsense", says="not a sealing key")
        new = self.json("key", "add")["added"]
        self.assertEqual(len(self.keys()), 3)
        self.assertEqual(self.json("key", "rotate", "--to", new)["blocks"], 2)
        self.assertEqual(self.keys(), [("seals", 2), ("opens", 0), ("opens", 0)])

    def test_keys_of_the_variable(self):
        old, both = {"DOWEL_KEY": KEYS[0]}, {"DOWEL_KEY": f"{KEYS[1]},{KEYS[0]}"}
        self.save("secret/s", env=old)
        self.fails(2, "key", "rotate", env=old, says="DOWEL_KEY")
        self.fails(2, "key", "add", env=old, says="DOWEL_KEY")
        self.assertEqual(self.json("key", "rotate", env=both)["blocks"], 1)
        self.assertEqual(self.value("secret/s", env={"DOWEL_KEY": KEYS[1]}), "planted")
        self.assertFalse(os.path.exists(self.key_file))

    def test_what_cannot_be_opened_is_left_and_named(self):
        self.save("secret/lost", env={"DOWEL_KEY": KEYS[0]})
        self.save("secret/mine")
        said = self.fails(4, "key", "rotate", says=["secret/lost", "1 could not be"])
        self.assertNotIn("planted", said)
        self.assertEqual(self.value("secret/mine"), "planted")
        self.assertEqual(self.value("secret/lost", env={"DOWEL_KEY": KEYS[0]}), "planted")

    def test_passphrase(self):
        self.save("secret/s")
        right, wrong = {"DOWEL_KEY_PASSPHRASE": "correct horse"}, {"DOWEL_KEY_PASSPHRASE": "wrong horse"}
        with open(self.key_file) as file:
            plain = file.read().strip()
        self.dowel("key", "protect", "--passphrase", "env:P", env={"P": "correct horse"})
        with open(self.key_file) as file:
            text = file.read()
        self.assertNotIn(plain, text)
        envelope = json.loads(text)
        self.assertEqual((envelope["format"], envelope["kdf"], envelope["n"]), ("dowel-key-file", "scrypt", 131072))
        # What another's scrypt and AES-GCM make of it.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
        salt, sealed = (base64.b64decode(envelope[name]) for name in ("salt", "sealed"))
        key = Scrypt(salt=salt, length=32, n=envelope["n"], r=envelope["r"], p=envelope["p"]).derive(b"correct horse")
        bound = b"dowel-key-file\0" + b"1\0scrypt\0" + b"131072\0" + b"8\0" + b"1\0" + salt
        self.assertEqual(AESGCM(key).decrypt(sealed[:12], sealed[12:], bound).decode().strip(), plain)
        self.fails(4, "block", "show", "secret/s", "--show-secrets", says=["passphrase", "DOWEL_KEY_PASSPHRASE"])
        self.fails(4, "block", "show", "secret/s", "--show-secrets", env=wrong, says="the passphrase is wrong")
        self.assertIn("********", self.dowel("block", "show", "secret/s"))
        self.assertEqual(self.value("secret/s", env=right), "planted")
        self.dowel("key", "rotate", env=right)
        self.fails(4, "block", "show", "secret/s", "--show-secrets", says="passphrase")
        self.assertEqual(self.value("secret/s", env=right), "planted")
        with open(self.key_file) as file:
            text = file.read()
        envelope = json.loads(text)
        for change in ({"n": 1 << 40}, {"n": 3}, {"r": 0}, {"p": -1}, {"salt": "AA=="}, {"sealed": "AAAA"}, {"version": 2}, {"format": "x"}, {"kdf": "md5"}):
            with open(self.key_file, "w") as file:
                json.dump({**envelope, **change}, file)
            self.assertNotEqual(self.run_dowel("block", "show", "secret/s", "--show-secrets", env=right).returncode, 0, change)
        self.write(self.key_file, text)
        self.dowel("key", "protect", "--remove", env=right)
        self.assertEqual(self.value("secret/s"), "planted")

    def test_passphrase_on_a_terminal(self):
        self.save("secret/s")
        self.assertEqual(self.type("key", "protect", lines=["correct horse", "correct house"])[0], 2)
        self.assertEqual(self.value("secret/s"), "planted", "two that differ change nothing")
        status, shown = self.type("key", "protect", lines=["correct horse", "correct horse"])
        self.assertEqual(status, 0, shown)
        self.assertNotIn("correct", shown)
        status, shown = self.type("block", "show", "secret/s", "--show-secrets", lines=["correct horse"])
        self.assertEqual(status, 0, shown)
        self.assertIn("planted", shown)
        self.assertNotIn("correct", shown)

    def type(self, *words, lines):
        child, leader = pty.fork()
        if not child:
            os.execve(BIN, [BIN, *words], self.env)
        shown = b""
        asked = 0
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:
                break
            if not piece:
                break
            shown += piece
            if asked < len(lines) and shown.count(b": ") > asked and b"passphrase" in shown + b"repeat the passphrase":
                asked += 1
                os.write(leader, lines[asked - 1].encode() + b"\n")
        os.close(leader)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def test_a_file_that_cannot_be_written(self):
        self.save("secret/s")
        os.makedirs(self.path("mounted"))
        os.rename(self.key_file, self.path("mounted", "key"))
        env = {"DOWEL_KEY_FILE": "/proc/self/no-such/key"}
        self.fails(4, "key", "rotate", env=env, says="DOWEL_KEY_FILE")
        self.assertEqual(self.value("secret/s", env={"DOWEL_KEY_FILE": self.path("mounted", "key")}), "planted")

    def test_killed_at_any_moment_beside_readers_and_writers(self):
        blocks = [f"secret/s{i}" for i in range(8)]
        for block in blocks:
            self.save(block, block)
        stop, troubles, reads = threading.Event(), [], [0]

        def read():
            while not stop.is_set():
                block = random.choice(blocks)
                done = self.run_dowel("block", "show", block, "--show-secrets", "--json")
                reads[0] += 1
                if done.returncode or json.loads(done.out)["document"]["value"] != block:
                    troubles.append(done.err or done.out)

        def write():
            while not stop.is_set():
                block = random.choice(blocks)
                done = self.run_dowel("block", "save", block, "--value", "-", "--overwrite", stdin=block)
                if done.returncode:
                    troubles.append(done.err)

        threads = [threading.Thread(target=work) for work in (read, write)]
        for thread in threads:
            thread.start()
        killed = 0
        try:
            for _ in range(ROTATIONS):
                rotation = subprocess.Popen([BIN, "key", "rotate"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                time.sleep(random.uniform(0, 0.012))
                rotation.send_signal(signal.SIGKILL)
                _, said = rotation.communicate(timeout=60)
                killed += rotation.returncode < 0
                if rotation.returncode > 0:
                    troubles.append(said.decode())
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(troubles, [])
        for block in blocks:
            self.assertEqual(self.value(block), block)
        self.json("key", "rotate")
        uses = self.keys()
        self.assertEqual((uses[0], sum(count for _, count in uses[1:])), (("seals", len(blocks)), 0), "run again, it finishes")
        left = [name for name in os.listdir(os.path.dirname(self.key_file)) if name != "key"]
        self.assertLessEqual(len(left), killed, "a killed one leaves at most a file of its own")
        print(f"{ROTATIONS} rotations, {killed} killed, {reads[0]} reads meanwhile")


if os.environ.get("DOWEL_TEST_POSTGRES_URL"):
    def schema(test):
        """A schema for each test, made by the command's own start."""
        import glob
        name = "k" + os.path.basename(test.folder).replace("-", "").replace("_", "").lower()
        psql = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1] + "/psql"
        url = os.environ["DOWEL_TEST_POSTGRES_URL"]
        password = url.split(":")[2].split("@")[0]
        subprocess.run([psql, "-Xq", url.replace(f":{password}@", "@"), "-c", f"CREATE SCHEMA {name}"], check=True,
                       env={**os.environ, "PGPASSWORD": password})
        return f"{os.environ['DOWEL_TEST_POSTGRES_URL']}?options=-csearch_path%3D{name}"
    Keys.url = schema

if __name__ == "__main__":
    main()
