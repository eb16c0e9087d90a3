"""No file gets its name before its bytes are flushed, and no name is the last thing that happens in its folder: seen from between the command and the
C library. A file that the disk does not take fails alone."""
import errno
import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "objects"))
from objects_case import ObjectsTest


class Flushes(ObjectsTest):
    def watched(self, *words, **env):
        log = self.path("log")
        if os.path.exists(log):
            os.unlink(log)
        done = self.run_dowel(*words, env={"LD_PRELOAD": os.environ["DOWEL_TEST_WATCHED_FLUSHES"], "WATCHED_FLUSHES": log, **env})
        if "Sanitizer" in done.err or "runtime does not come first" in done.err:
            self.skipTest("a sanitizer wants to be the first library")
        with open(log, encoding="utf-8") as file:
            return done, [line.rstrip("\n").split(" ", 1) for line in file]

    def check(self, events, wanted):
        """How many flushes of the whole file system there were."""
        unflushed, looked, named, renamed, made = set(), set(), set(), [], set()
        syncs = 0
        for what, path in events:
            if what == "made" and not path.startswith(self.path("out")):
                continue  # the command's own
            if what == "made":
                made.add(path)
            elif what == "fsync":
                made = {p for p in made if os.path.dirname(p) != path}
            if not path.startswith(self.path("out")) and what != "syncfs":
                continue
            if what == "wrote":
                unflushed.add(path)
            elif what == "fsync":
                unflushed.discard(path)
                looked.add(path)
                named = {p for p in named if os.path.dirname(p) != path}
            elif what == "syncfs":
                syncs += 1
                unflushed, named, made = set(), set(), set()
            elif what == "looked":
                looked.add(path)
            elif what == "renamed":
                self.assertNotIn(path, unflushed)
                self.assertIn(path, looked, "whether it could be written was not asked")
                named.add(path)
                renamed.append(path)
        self.assertEqual(named, set(), "these names are not flushed")
        self.assertEqual(made, set(), "these folders' names are not flushed")
        self.assertEqual(len(renamed), wanted)
        return syncs

    def content(self):
        files = {f"{i % 5}/{i:03}": b"content %d" % i * 500 for i in range(200)}
        files["large"] = os.urandom(3 << 20)
        self.tree("in", files)
        return files

    def test_many_files(self):
        files = self.content()
        done, events = self.watched("cp", "-r", "in", "out")
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(self.files("out"), files)
        together = self.check(events, len(files))
        if together:
            self.assertLess(sum(what == "fsync" for what, _ in events), len(files))

    def test_one_by_one_where_not_all_can_be_flushed(self):
        files = self.content()
        done, events = self.watched("cp", "-r", "in", "out", FAILING_SYNCFS="yes")
        self.assertEqual(done.returncode, 0, done.err)
        self.assertEqual(self.files("out"), files)
        self.assertEqual(self.check(events, len(files)), 0)

    def test_a_file_that_the_disk_does_not_take(self):
        files = self.content()
        for name in ("3/unwritable", "large-unwritable"):
            with open(self.path("in", name), "wb") as file:
                file.write(bytes(2 << 20 if name.startswith("large") else 100))
        for env in ({}, {"FAILING_SYNCFS": "yes"}):
            done, events = self.watched("cp", "-r", "in", "out", **env)
            self.assertEqual(done.returncode, 1, done.err)
            for name in ("3/unwritable", "large-unwritable"):
                self.assertIn(f"cannot finish out/{name}: Input/output error", done.err)
            self.assertIn("2 failed, 201 copied", done.err)
            self.assertEqual(self.files("out"), files)
            self.check(events, len(files))

    def test_a_folder_whose_names_cannot_be_flushed(self):
        self.tree("in", {"a": b"1", "d/b": b"2"})
        for words in (["cp", "in/a", "out/a"], ["cp", "-r", "in", "out"], ["cat", "in/a"]):
            done, _ = self.watched(*words, FAILING_SYNCFS="yes", FAILING_FOLDERS=str(errno.EIO))
            if words[0] == "cat":  # standard output has no folder
                self.assertEqual(done.returncode, 0, done.err)
            else:
                self.assertEqual(done.returncode, 1, done.err)
                self.assertIn("out/a is written, but its folder cannot be flushed to the disk: Input/output error", done.err)
        self.assertEqual(self.files("out"), {"a": b"1", "d/b": b"2"}, "what was written stays")

    def test_a_file_system_that_flushes_no_folders(self):
        self.tree("in", {"a": b"1", "d/b": b"2"})
        for code in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            done, _ = self.watched("cp", "-r", "in", f"out{code}", FAILING_SYNCFS="yes", FAILING_FOLDERS=str(code))
            self.assertEqual(done.returncode, 0, done.err)
            self.assertEqual(self.files(f"out{code}"), {"a": b"1", "d/b": b"2"})


    def test_new_folders_on_the_way_to_one_file(self):
        """A loss of power takes none of them: each is flushed into the folder that it is in. What was there before is left alone."""
        self.tree("in", {"a": b"1"})
        self.tree("out", {"there/x": b"x"})
        for target in ("out/new/dir/f", "out/there/b", "out/there/deep/er/still/f", "out/tree/"):
            words = ("cp", "in/a", target) if not target.endswith("/") else ("sync", "in", target)
            before = set(folder for folder, _, _ in os.walk(self.path("out")))
            done, events = self.watched(*words)
            self.assertEqual(done.returncode, 0, done.err)
            self.check(events, 1)
            new = set(folder for folder, _, _ in os.walk(self.path("out"))) - before
            self.assertEqual({path for what, path in events if what == "made" and path.startswith(self.path("out"))}, new)
            flushed = [path for what, path in events if what == "fsync" and os.path.isdir(path) and path.startswith(self.path("out"))]
            file = os.path.dirname(self.path(target + "a" if target.endswith("/") else target))
            self.assertEqual(sorted(flushed), sorted({os.path.dirname(path) for path in new} | {file}))

    def test_a_folder_above_that_cannot_be_flushed(self):
        self.tree("in", {"a": b"1"})
        for target in ("out/new/f", "out/new/er/f"):
            done, _ = self.watched("cp", "in/a", target, FAILING_SYNCFS="yes", FAILING_FOLDER=self.path("out"))
            self.assertEqual(done.returncode, 1, done.err)
            self.assertIn(f"{target} is written, but its folder cannot be flushed to the disk: Input/output error", done.err)
            shutil.rmtree(self.path("out/new"))

    def test_many_folders_are_flushed_together(self):
        """Not one flush for each file, and few of folders."""
        files = {f"{i // 100}/{i // 10}/{i}": b"x" for i in range(600)}
        self.tree("in", files)
        for env in ({}, {"FAILING_SYNCFS": "yes"}):
            done, events = self.watched("cp", "-r", "in", "out", "--concurrency", "8", **env)
            self.assertEqual(done.returncode, 0, done.err)
            self.assertEqual(self.files("out"), files)
            together = self.check(events, len(files))
            folders = [path for what, path in events if what == "fsync" and os.path.isdir(path)]
            if together:
                self.assertLess(len(folders), len(files) // 2)
            shutil.rmtree(self.path("out"))


if __name__ == "__main__":
    unittest.main()
