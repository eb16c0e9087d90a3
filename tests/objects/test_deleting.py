"""What `sync --delete` must never remove, between folders of this machine: everything for a source that is empty or not there, what could not be
looked at, what lies in the source."""
import os
import shutil
import stat
import subprocess
import tempfile
import unittest

from objects_case import ObjectsTest

BEFORE = {"a": b"a", "d/b": b"b", "d/e/c": b"c", "d-x": b"beside"}
NOBODY = 65534


class Deleting(ObjectsTest):
    def kept(self, root="out", files=None):
        self.assertEqual(self.files(root), BEFORE if files is None else files)

    def refuses(self, *words, status=3, says=("nothing",), root="out"):
        """With and without --dry-run: an error, nothing planned, nothing removed."""
        for more in ((), ("--dry-run",), ("--verbose",)):
            done = self.run_dowel("sync", *words, "--delete", *more)
            self.assertEqual(done.returncode, status, done.out + done.err)
            self.assertNotIn("remove ", done.out)
            for text in says:
                self.assertIn(text, done.err)
            self.kept(root)

    # ---- nothing to copy ----

    def test_an_empty_source(self):
        self.tree("out", BEFORE)
        os.makedirs(self.path("in"))
        self.refuses("in/", "out", says=["there is nothing below in/", "allow_empty"])
        os.makedirs(self.path("in/only/folders/are"))
        self.refuses("in/", "out")
        self.refuses("not-there", "out", says=["not-there"])
        self.dowel("block", "save", "local-file-system/in", "--basepath", self.path("in"))
        self.dowel("block", "save", "local-file-system/out", "--basepath", self.path("out"))
        for place in ("local-file-system/in:", "local-file-system/in:only/", "local-file-system/in:none/"):
            self.refuses(place, "local-file-system/out:")
        events = self.run_dowel("sync", "in", "out", "--delete", "--json")
        self.assertEqual((events.returncode, events.out), (3, ""))
        self.assertEqual(self.counts("sync", "in", "out")["removed"], 0)  # nothing is asked for
        self.assertEqual(self.counts("sync", "in", "out", "--delete", "--allow-empty", "--dry-run")["removed"], 4)
        self.kept()
        self.assertEqual(self.counts("sync", "in", "out", "--delete", "--allow-empty")["removed"], 4)
        self.assertEqual(self.files("out"), {})

    def test_a_source_in_which_all_is_left_out(self):
        self.tree("out", BEFORE)
        os.makedirs(self.path("links"))
        os.symlink("../out/a", self.path("links/a"))
        os.symlink("nowhere", self.path("links/z"))
        self.refuses("links", "out", says=["nothing to copy below links/", "links/a: skipped: a symbolic link"])
        os.makedirs(self.path("odd"))
        os.mkfifo(self.path("odd/pipe"))
        self.refuses("odd", "out")
        self.tree("other", {"x.txt": b"x"})
        self.refuses("other", "out", "--include", "d**")
        self.refuses("other", "out", "--exclude", "*.txt")
        # Where nothing would be removed, nothing is wrong: what is asked for is there on neither side.
        self.assertEqual(self.counts("sync", "other", "out", "--delete", "--include", "2026/**")["removed"], 0)
        self.kept()
        self.assertEqual(self.counts("sync", "other", "out", "--delete", "--include", "d**", "--allow-empty")["removed"], 3)
        self.kept(files={"a": b"a"})

    def test_behind_a_link_that_is_left_out(self):
        """Nobody looked behind the link: what the destination has there from earlier, when it was a folder or was followed, stays."""
        self.tree("real", {"b": b"b", "e/c": b"c"})
        self.tree("in", {"a": b"a", "d-x": b"beside"})
        os.symlink("../real", self.path("in/d"))
        self.assertEqual(self.counts("sync", "in", "out", "--symlinks", "follow")["copied"], 4)
        self.tree("out", {"d.y": b"extra", "da": b"extra", "z": b"extra"})
        counts = self.counts("sync", "in", "out", "--delete")
        self.assertEqual((counts["removed"], counts["skipped"]), (3, 1))
        self.kept()
        # The same where it is followed and leads nowhere: another disk that is not mounted.
        os.rename(self.path("real"), self.path("unmounted"))
        self.counts("sync", "in", "out", "--delete", "--symlinks", "follow")
        self.kept()

    def test_a_folder_of_a_saved_one_that_is_not_there(self):
        """A name mistyped: nothing is there, which is said, as of buckets."""
        self.tree("in", BEFORE)
        self.dowel("block", "save", "local-file-system/in", "--basepath", self.path("in"))
        for place in ("local-file-system/in:none/", "local-file-system/in:../in/", "local-file-system/in:d//", "local-file-system/in:./d/"):
            for words in (("sync", place, "out"), ("cp", "-r", place, "out"), ("rm", "-r", place)):
                self.fails(3, *words, says="there is nothing below")
        self.assertFalse(os.path.exists(self.path("out")))
        self.kept("in")

    # ---- what cannot be read ----

    def sync_as_nobody(self, *words):
        """As somebody for whom permissions hold, also where the test is run by root; in a new home, since the other is not theirs."""
        if os.geteuid():
            return self.run_dowel(*words)
        home = tempfile.mkdtemp(prefix="dowel-nobody-")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        for path in (home, self.folder):
            os.chmod(path, 0o755)
        for folder, folders, files in os.walk(self.path("out")):
            for name in folders + files + ["."]:
                os.chown(os.path.join(folder, name), NOBODY, NOBODY)
        os.chown(home, NOBODY, NOBODY)
        return self.run_dowel(*words, env={"HOME": home, "TMPDIR": home}, user=NOBODY, group=NOBODY, extra_groups=[])

    def test_a_folder_that_cannot_be_read(self):
        self.tree("in", {**BEFORE, "z": b"z"})
        self.tree("out", {**BEFORE, "old": b"old"})
        os.chmod(self.path("in/d"), 0)
        self.addCleanup(os.chmod, self.path("in/d"), stat.S_IRWXU)
        done = self.sync_as_nobody("sync", "in", "out", "--delete", "--verbose")
        self.assertEqual(done.returncode, 1, done.out + done.err)
        self.assertIn("in/d/: a folder that cannot be read: Permission denied", done.err)
        self.assertIn("nothing is removed, because a part of the source could not be listed", done.err)
        self.assertNotIn("removed in", done.out)
        self.kept(files={**BEFORE, "old": b"old", "z": b"z"})

    def test_a_source_whose_own_folder_cannot_be_read(self):
        """A place in a saved folder: neither the folder itself nor one on the way to it passes for an empty one."""
        self.tree("in", {"way/in/x": b"x"})
        self.tree("out", BEFORE)
        self.addCleanup(os.chmod, self.path("in/way"), stat.S_IRWXU)
        for closed in ("in/way/in", "in/way", "in"):
            mode = stat.S_IMODE(os.stat(self.path(closed)).st_mode)
            os.chmod(self.path(closed), 0)
            for more in ((), ("--allow-empty",)):
                place = '{"basepath": "%s"}' % self.path("in")
                block = self.write("block.json", place, 0o644)
                script = (f"'{os.environ['DOWEL_BIN']}' block save local-file-system/in --from '{block}' --overwrite >/dev/null && "
                          f"'{os.environ['DOWEL_BIN']}' sync local-file-system/in:way/in/ '{self.path('out')}' --delete {' '.join(more)}")
                done = self.shell_as_nobody(script)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn(b"Permission denied", done.stderr)
                self.kept()
            os.chmod(self.path(closed), mode)
        # A link on the way: a saved folder follows none unless it says so.
        os.rename(self.path("in/way"), self.path("elsewhere"))
        os.symlink("../elsewhere", self.path("in/way"))
        self.dowel("block", "save", "local-file-system/in", "--basepath", self.path("in"))
        for words in ((), ("--delete",), ("--delete", "--allow-empty")):
            done = self.run_dowel("sync", "local-file-system/in:way/in/", "out", *words)
            self.assertEqual(done.returncode, 1, done.out + done.err)
            self.assertIn("a symbolic link", done.err)
            self.kept()

    def shell_as_nobody(self, script):
        home = tempfile.mkdtemp(prefix="dowel-nobody-")
        self.addCleanup(shutil.rmtree, home, ignore_errors=True)
        options = {}
        if not os.geteuid():
            os.chmod(self.folder, 0o755)
            os.chown(home, NOBODY, NOBODY)
            for folder, folders, files in os.walk(self.path("out")):
                for name in folders + files + ["."]:
                    os.chown(os.path.join(folder, name), NOBODY, NOBODY)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return subprocess.run(["sh", "-c", script], env={**self.env, "HOME": home, "TMPDIR": home}, cwd="/", capture_output=True, timeout=120, check=False,
                              **options)

    # ---- one in the other ----

    def mounted(self, what, where):
        """A second way to a folder, which no path tells; False: it cannot be had here."""
        os.makedirs(self.path(where), exist_ok=True)
        if os.geteuid() or subprocess.run(["mount", "--bind", self.path(what), self.path(where)], capture_output=True, check=False).returncode:
            return False
        self.addCleanup(subprocess.run, ["umount", "-l", self.path(where)], capture_output=True, check=False)
        return True

    def test_a_source_in_the_destination(self):
        self.tree("all", {"other": b"other", "sub/x": b"x", "sub/deep/y": b"y"})
        os.symlink("all/sub", self.path("link"))
        os.symlink("all", self.path("up"))
        before = self.files("all")
        for source in ("all/sub", "./all/../all/sub/", "link", "link/deep", "up/sub", "file://" + self.path("all/sub")):
            for target in ("all", "up/", "link/.."):
                self.fails(2, "sync", source, target, "--delete", says="would be removed")
        self.dowel("block", "save", "local-file-system/all", "--basepath", self.path("up"))
        self.fails(2, "sync", "link", "local-file-system/all:", "--delete", says="would be removed")
        self.fails(2, "sync", "local-file-system/all:sub/", "all", "--delete", says="would be removed")
        self.assertEqual(self.files("all"), before)
        # Names that only begin alike are beside each other.
        self.tree("al", {"other": b"other"})
        self.assertEqual(self.counts("sync", "al", "all", "--delete", "--dry-run")["removed"], 2)

    def test_a_source_in_the_destination_by_a_mount(self):
        self.tree("all", {"sub/x": b"x", "sub/deep/y": b"y", "other": b"other"})
        if not self.mounted("all/sub", "mounted"):
            self.skipTest("no bind mounts here")
        for source in ("mounted", "mounted/deep"):
            done = self.run_dowel("sync", source, "all", "--delete")
            self.assertEqual(done.returncode, 2, done.out + done.err)
            self.assertIn("lies in the destination", done.err)
        for name, content in {"sub/x": b"x", "sub/deep/y": b"y", "other": b"other"}.items():
            self.assertEqual(self.files("all")[name], content)
        # The destination in the source: it is not copied into itself, and nothing is removed.
        done = self.run_dowel("sync", "all", "mounted", "--delete")
        self.assertEqual(done.returncode, 7, done.out + done.err)
        self.assertIn("the other folder of this copy", done.err)
        self.assertIn(b"y", self.files("all")["sub/deep/y"])
        self.assertFalse(os.path.exists(self.path("all/sub/sub")))
        self.fails(2, "sync", "all/sub", "mounted", says="lies in the source")

    def test_a_link_into_the_destination_is_not_copied_for_ever(self):
        self.tree("in", {"x": b"x"})
        self.tree("out", {"y": b"y"})
        os.symlink("../out", self.path("in/link"))
        for command in (("cp", "-r"), ("sync",), ("sync", "--delete")):
            done = self.run_dowel(command[0], "in", "out", *command[1:], "--symlinks", "follow")
            self.assertEqual(done.returncode, 7, done.out + done.err)
            self.assertEqual(self.files("out"), {"x": b"x", "y": b"y"})

    def test_one_file_onto_itself(self):
        self.tree("in", {"a": b"a", "d/b": b"b"})
        os.symlink("a", self.path("in/link"))
        os.link(self.path("in/a"), self.path("in/hard"))
        os.symlink("in", self.path("again"))
        for source, target in (("in/a", "in/link"), ("in/link", "in/a"), ("in/a", "in/hard"), ("in/a", "again/a"), ("again/a", "in/"), ("in/a", "in/../in/a"),
                               ("in/a", "in/d/..//a"), ("file://" + self.path("in/a"), "again/")):
            self.fails(2, "cp", source, target, says="the same")
        self.assertEqual(self.files("in"), {"a": b"a", "d/b": b"b", "link": "link to a", "hard": b"a"})

    # ---- what changed meanwhile ----

    def test_what_changed_after_it_was_listed_is_not_removed(self):
        """As where a file system takes two names for one: what was listed as extraneous is by then what was just written."""
        self.tree("in", {"0": b"0", "a": b"new"})
        self.tree("out", {"A": b"old", "B": b"old"})
        os.utime(self.path("out/A"), (1, 1))
        done = self.run_dowel("sync", "in", "out", "--delete", env={"LD_PRELOAD": os.environ["DOWEL_TEST_CHANGING_FILES"], "CHANGING_FILE": self.path("out/A")})
        if "Sanitizer" in done.err or "runtime does not come first" in done.err:
            self.skipTest("a sanitizer wants to be the first library")
        self.assertEqual(done.returncode, 0, done.out + done.err)
        self.assertIn("out/A: skipped: it changed after it was listed, and is not removed", done.err)
        self.assertEqual(self.files("out"), {"0": b"0", "a": b"new", "A": b"changed"})


if __name__ == "__main__":
    unittest.main()
