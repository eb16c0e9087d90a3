"""No file gets its name before its bytes are flushed, and no name is the last thing that happens in its folder: seen from between the command and the
C library. A file that the disk does not take fails alone."""
import errno
import os
import unittest

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
        unflushed, looked, named, renamed = set(), set(), set(), []
        syncs = 0
        for what, path in events:
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
                unflushed, named = set(), set()
            elif what == "looked":
                looked.add(path)
            elif what == "renamed":
                self.assertNotIn(path, unflushed)
                self.assertIn(path, looked, "whether it could be written was not asked")
                named.add(path)
                renamed.append(path)
        self.assertEqual(named, set(), "these names are not flushed")
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


if __name__ == "__main__":
    unittest.main()
