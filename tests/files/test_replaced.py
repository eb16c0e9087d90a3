"""What a new file keeps of the one that it replaces: mode, owner and access list; and what happens where the name is a symbolic link."""
import os
import shutil
import stat
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "objects"))
from objects_case import ObjectsTest


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Replaced(ObjectsTest):
    def setUp(self):
        super().setUp()
        self.tree("in", {"a": b"new", "d/b": b"new", "large": b"new" * 100000})
        os.chmod(self.path("in/a"), 0o644)

    # ---- access ----

    def ways(self):
        """Every way in which a file is written: the words, with OUT in the place of the file."""
        return (["cp", "in/a", "OUT"], ["cp", "-", "OUT"], ["call", "objects.copy", "--source", "in/a", "--destination", "OUT"],
                ["call", "objects.sync", "--source", "in", "--destination", "FOLDER"], ["cp", "-r", "in", "FOLDER"])

    def write_over(self, words, folder="out"):
        words = [w.replace("OUT", f"{folder}/a").replace("FOLDER", folder) for w in words]
        done = self.run_dowel(*words, stdin=b"new" if "-" in words else None)
        self.assertEqual(done.returncode, 0, done.err)
        with open(self.path(folder, "a"), "rb") as file:
            self.assertEqual(file.read(), b"new")

    def test_the_mode_stays(self):
        for bits in (0o600, 0o640, 0o400, 0o755, 0o666, 0o604):
            for words in self.ways():
                shutil.rmtree(self.path("out"), ignore_errors=True)
                self.tree("out", {"a": b"old"})
                os.chmod(self.path("out/a"), bits)
                self.write_over(words)
                self.assertEqual(oct(mode(self.path("out/a"))), oct(bits), words)

    def test_a_new_file_has_what_the_umask_leaves(self):
        self.dowel("cp", "-", "fresh", stdin=b"x")
        self.assertEqual(mode(self.path("fresh")), 0o666 & ~self.umask())

    def umask(self):
        before = os.umask(0)
        os.umask(before)
        return before

    def test_set_user_id_does_not_stay(self):
        self.tree("out", {"a": b"old"})
        os.chmod(self.path("out/a"), 0o4755)
        self.write_over(["cp", "in/a", "OUT"])
        self.assertEqual(mode(self.path("out/a")), 0o755)

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_the_owner_stays(self):
        for words in self.ways():
            shutil.rmtree(self.path("out"), ignore_errors=True)
            self.tree("out", {"a": b"old"})
            os.chown(self.path("out/a"), 12345, 23456)
            os.chmod(self.path("out/a"), 0o640)
            self.write_over(words)
            found = os.stat(self.path("out/a"))
            self.assertEqual((found.st_uid, found.st_gid, mode(self.path("out/a"))), (12345, 23456, 0o640), words)

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_a_group_that_cannot_be_kept_gains_nothing(self):
        """As a user who may replace the file but is not of its group."""
        self.tree("out", {"a": b"old"})
        os.chmod(self.path("out"), 0o777)
        os.chown(self.path("out/a"), 0, 23456)
        os.chmod(self.path("out/a"), 0o660)
        for folder in (self.path(), *(os.path.dirname(self.path()[:i]) for i in range(len(self.path())) if i and self.path()[i] == "/")):
            if folder != "/" and os.stat(folder).st_uid == 0 and not mode(folder) & 1:
                os.chmod(folder, mode(folder) | 0o11)
        home = self.path("nobody")
        os.mkdir(home)
        os.chown(home, 65534, 65534)
        done = subprocess.run([os.environ["DOWEL_BIN"], "cp", "-", self.path("out/a")], input=b"new", capture_output=True, user=65534, group=65534, extra_groups=[],
                              cwd=home, env={"PATH": os.environ["PATH"], "HOME": home, "DOWEL_DATABASE_URL": "memory:"}, check=False)
        if done.returncode and b"Permission denied" in done.stderr and b"out/a" not in done.stderr:
            self.skipTest("the command cannot be run by another user here")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = os.stat(self.path("out/a"))
        self.assertEqual((found.st_uid, oct(mode(self.path("out/a")))), (65534, oct(0o600)))

    @unittest.skipUnless(hasattr(os, "setxattr"), "access lists are Linux's")
    def test_access_lists(self):
        acl = bytes.fromhex("02000000" "01000600ffffffff" "0200060039300000" "04000000ffffffff" "10000600ffffffff" "20000000ffffffff")  # user 12345 rw, group none
        self.tree("out", {"a": b"old", "plain": b"old"})
        try:
            os.setxattr(self.path("out/a"), "system.posix_acl_access", acl)
        except OSError as why:
            self.skipTest(f"no access lists here: {why}")
        self.write_over(["cp", "in/a", "OUT"])
        self.assertEqual(os.getxattr(self.path("out/a"), "system.posix_acl_access"), acl)
        default = bytes.fromhex("02000000" "01000700ffffffff" "0200070039300000" "04000700ffffffff" "10000700ffffffff" "20000700ffffffff")
        os.setxattr(self.path("out"), "system.posix_acl_default", default)
        os.chmod(self.path("out/plain"), 0o600)
        self.dowel("cp", "in/a", "out/plain")
        self.assertNotIn("system.posix_acl_access", os.listxattr(self.path("out/plain")), "a folder's default gives nobody new access")
        self.assertEqual(mode(self.path("out/plain")), 0o600)

    # ---- links ----

    def link(self, target, name="out/a"):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        if os.path.lexists(self.path(name)):
            os.unlink(self.path(name))
        os.symlink(target, self.path(name))

    def test_a_named_link_stays_and_its_file_is_replaced(self):
        for target in ("../else/real", self.path("else/real"), "hop"):
            for words in self.ways()[:3]:
                self.tree("else", {"real": b"old"})
                os.chmod(self.path("else/real"), 0o600)
                os.makedirs(self.path("out"), exist_ok=True)
                self.link("../else/real", "out/hop")
                self.link(target)
                self.write_over(words)
                self.assertEqual(os.readlink(self.path("out/a")), target)
                self.assertEqual(self.files("else"), {"real": b"new"}, "and nothing is left beside it")
                self.assertEqual(mode(self.path("else/real")), 0o600)

    def test_into_a_folder_by_name(self):
        self.tree("else", {"real": b"old"})
        self.link("../else/real")
        self.dowel("cp", "in/a", "out/")
        self.assertEqual((self.files("out"), self.files("else")), ({"a": "link to ../else/real"}, {"real": b"new"}))

    def test_a_saved_folder_is_not_left(self):
        self.tree("else", {"victim": b"untouched"})
        self.tree("out", {"real": b"old"})
        self.dowel("block", "save", "local-file-system/s", "--basepath", self.path("out"))
        self.link("../else/victim")
        done = self.run_dowel("cp", "in/a", "local-file-system/s:a")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("leads out of the folder", done.err)
        self.assertEqual((self.files("else"), self.files("out")), ({"victim": b"untouched"}, {"real": b"old", "a": "link to ../else/victim"}))
        self.link("real")
        self.dowel("cp", "in/a", "local-file-system/s:a")
        self.assertEqual(self.files("out"), {"real": b"new", "a": "link to real"})

    def test_links_to_what_is_no_file(self):
        """/dev/stdout, and what a shell makes of >(...)."""
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="x")
        for path in ("/dev/stdout", "/dev/fd/1"):
            self.assertIn("dowel-template", self.dowel("block", "export", "--template", path))
            self.assertTrue(os.path.islink("/dev/stdout"))
        with open(self.path("redirected"), "w", encoding="utf-8") as file:
            self.assertEqual(self.run_dowel("block", "export", "--template", "/dev/stdout", stdout=file).returncode, 0)
        self.assertIn(b"dowel-template", self.files(".")["redirected"])
        os.symlink("/dev/null", self.path("null"))
        self.dowel("block", "export", "--template", "null")
        self.assertEqual(os.readlink(self.path("null")), "/dev/null")

    def test_links_that_lead_nowhere(self):
        for target, says in (("nothing", "a symbolic link to nothing, which does not exist"), ("a", "symbolic links"), ("../missing/x", "does not exist")):
            for words in self.ways()[:2]:
                self.link(target)
                words = [w.replace("OUT", "out/a") for w in words]
                done = self.run_dowel(*words, stdin=b"new" if "-" in words else None)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(says, done.err)
                self.assertEqual(self.files("out"), {"a": f"link to {target}"})
        self.assertFalse(os.path.exists(self.path("missing")))

    def test_in_a_tree_a_link_is_neither_followed_nor_replaced(self):
        self.tree("else", {"victim": b"untouched"})
        for target in ("../else/victim", "d/b", "nothing"):
            for words in (["sync", "in", "out"], ["sync", "in", "out", "--delete"], ["cp", "-r", "in", "out"]):
                shutil.rmtree(self.path("out"), ignore_errors=True)
                self.link(target)
                done = self.run_dowel(*words)
                self.assertEqual(done.returncode, 7, done.err)
                self.assertIn("a is a symbolic link, which is neither followed nor replaced", done.err)
                self.assertEqual(self.files("out"), {"a": f"link to {target}", "d/b": b"new", "large": b"new" * 100000})
                self.assertEqual(self.files("else"), {"victim": b"untouched"})

    @unittest.skipUnless(os.geteuid() == 0, "needs another user")
    def test_another_users_link_in_a_shared_folder(self):
        self.tree("else", {"victim": b"untouched"})
        os.mkdir(self.path("out"))
        os.chmod(self.path("out"), 0o1777)
        self.link("../else/victim")
        os.chown(self.path("out/a"), 65534, 65534, follow_symlinks=False)
        done = self.run_dowel("cp", "-", "out/a", stdin=b"new")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.files("else"), {"victim": b"untouched"})

    def test_other_commands_that_write_files(self):
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="x")
        self.tree("else", {"real": b"old"})
        os.chmod(self.path("else/real"), 0o600)
        self.link("../else/real")
        self.dowel("block", "export", "--template", "out/a")
        self.assertEqual(os.readlink(self.path("out/a")), "../else/real")
        self.assertIn(b"dowel-template", self.files("else")["real"])
        self.assertEqual(mode(self.path("else/real")), 0o600)


if __name__ == "__main__":
    unittest.main()
