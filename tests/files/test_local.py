"""cp, sync, ls, rm, cat between folders of this machine: what the rules of places, names, links and comparison are, whatever the provider."""
import json
import os
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "objects"))
from objects_case import ObjectsTest, unfinished

FILES = {"a.txt": b"alpha", "d/b.csv": b"1,2\n", "d/e/c": b"", "d-x": b"before d/", "d.x": b"after", "grün/ü": b"umlaut", "z z": b"space"}


class Local(ObjectsTest):
    # ---- one object ----

    def test_one_file(self):
        self.tree("in", FILES)
        os.utime(self.path("in/a.txt"), ns=(10**18, 10**18 + 123456000))
        os.mkdir(self.path("out"))
        for target, lands in (("out/new.txt", "out/new.txt"), ("out", "out/a.txt"), ("deep/er/", "deep/er/a.txt"), ("out/x/y/z", "out/x/y/z")):
            self.assertEqual(self.dowel("cp", "in/a.txt", target), "")
            self.assertEqual(self.files(os.path.dirname(lands))[os.path.basename(lands)], b"alpha")
            self.assertEqual(os.stat(self.path(lands)).st_mtime_ns, 10**18 + 123456000)
        self.dowel("cp", "file://" + self.path("in/d/b.csv"), "out/new.txt")
        self.assertEqual(self.files("out")["new.txt"], b"1,2\n")
        self.assertEqual(self.dowel("cp", "-v", "in/a.txt", "out/v"), "copied in/a.txt -> out/v\n")
        self.fails(3, "cp", "in/nothing", "out/", says="nothing")
        self.fails(2, "cp", "in", "out", says="in is a folder")
        self.fails(2, "cp", "in/a.txt", "in/a.txt", says="the same")
        self.fails(2, "cp", "", "out", says="source")

    def test_standard_streams(self):
        self.dowel("cp", "-", "made/from-stdin", stdin=b"piped\0bytes")
        self.assertEqual(self.files("made"), {"from-stdin": b"piped\0bytes"})
        self.assertEqual(self.run_dowel("cat", "made/from-stdin").stdout, b"piped\0bytes")
        self.assertEqual(self.run_dowel("cp", "made/from-stdin", "-").stdout, b"piped\0bytes")
        self.assertEqual(self.run_dowel("call", "objects.copy", "--source", "made/from-stdin", "--destination", "-").stdout, b"piped\0bytes")
        self.fails(2, "cp", "-", "-", says="both")
        self.fails(2, "cp", "-", "made/", says="no name", stdin=b"x")
        self.fails(2, "cp", "-r", "-", "made", says="has no name")

    def test_a_named_link_is_followed(self):
        self.tree("in", {"real": b"content"})
        os.symlink("real", self.path("in/link"))
        self.dowel("cp", "in/link", "out/")
        self.assertEqual(self.files("out"), {"link": b"content"})

    def test_overwriting_is_whole(self):
        self.tree("in", {"new": b"new"})
        self.tree("out", {"victim": b"old"})
        self.dowel("cp", "in/new", "out/")
        self.assertEqual(self.files("out"), {"victim": b"old", "new": b"new"})
        os.link(self.path("out/new"), self.path("out/second"))
        self.tree("in", {"new": b"newer"})
        self.dowel("cp", "in/new", "out/new")
        self.assertEqual(self.files("out"), {"victim": b"old", "new": b"newer", "second": b"new"})
        self.dowel("cp", "in/new", "out/victim", "--skip-existing")
        self.assertEqual(self.files("out")["victim"], b"old")

    # ---- trees ----

    def test_recursive(self):
        self.tree("in", FILES)
        self.assertEqual(self.counts("cp", "-r", "in", "out"), {"copied": 7, "bytes": sum(map(len, FILES.values())), "unchanged": 0, "skipped": 0, "removed": 0})
        self.assertEqual(self.files("out"), FILES)
        self.assertEqual(self.counts("cp", "-r", "in/", "out/", "--skip-existing")["unchanged"], 7)
        self.assertEqual(self.counts("cp", "-r", "in/d", "sub/here")["copied"], 2)
        self.assertEqual(self.files("sub"), {"here/b.csv": b"1,2\n", "here/e/c": b""})
        self.fails(2, "cp", "-r", "in", "in/d/copy", says="lies in the source")
        os.symlink("in", self.path("same"))
        self.fails(2, "cp", "-r", "in", "same/copy", says="lies in the source")
        self.fails(3, "cp", "-r", "nothing", "out", says="nothing")

    def test_sync_is_rsync(self):
        """Random trees and random changes: the result is what rsync -a --delete makes of them (without its empty folders)."""
        rng = random.Random(20260131)
        names = [f"{a}{b}{c}" for a in ("", "x/", "x-/", "x./", "y/z/") for b in ("n", "x", "-", "ü") for c in ("", ".csv", "-1")]

        def change():
            for name in rng.sample(names, 15):
                path = self.path("in", name)
                if os.path.isdir(path):
                    shutil.rmtree(path)
                elif os.path.exists(path) and rng.random() < 0.5:
                    os.remove(path)
                    continue
                above = os.path.dirname(path)
                while not os.path.exists(above):
                    above = os.path.dirname(above)
                if os.path.isfile(above):
                    os.remove(above)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as file:
                    file.write(rng.randbytes(rng.randrange(20)))
                if rng.random() < 0.3:  # the same size, another time
                    os.utime(path, ns=(rng.randrange(10**18), rng.randrange(10**18)))

        os.mkdir(self.path("in"))
        os.mkdir(self.path("out"))
        for _ in range(12):
            change()
            self.dowel("sync", "in", "out", "--delete")
            self.assertEqual(self.files("out"), self.files("in"))
            times = {name: os.stat(self.path("in", name)).st_mtime_ns // 1000 for name in self.files("in")}
            self.assertEqual({name: os.stat(self.path("out", name)).st_mtime_ns // 1000 for name in times}, times)
            self.assertEqual(self.counts("sync", "in", "out", "--delete"), {"copied": 0, "bytes": 0, "unchanged": len(times), "skipped": 0, "removed": 0})
            if shutil.which("rsync"):
                subprocess.run(["rsync", "-a", "--delete", self.path("in") + "/", self.path("peer")], check=True)
                self.assertEqual(self.files("out"), self.files("peer"))

    def test_comparison(self):
        self.tree("in", {"f": b"12345", "g": b"12345"})
        self.dowel("sync", "in", "out")
        self.tree("out", {"f": b"54321"})
        os.utime(self.path("out/f"), ns=(0, os.stat(self.path("in/f")).st_mtime_ns))
        self.assertEqual(self.counts("sync", "in", "out")["copied"], 0)
        self.assertEqual(self.counts("sync", "in", "out", "--compare", "checksum")["copied"], 1)
        self.assertEqual(self.files("out")["f"], b"12345")
        os.utime(self.path("out/f"), ns=(0, 0))
        self.assertEqual(self.counts("sync", "in", "out", "--compare", "size")["copied"], 0)
        self.assertEqual(self.counts("sync", "in", "out", "--compare", "checksum")["copied"], 0)
        self.assertEqual(self.counts("sync", "in", "out")["copied"], 1)
        self.tree("in", {"f": b"123456"})
        self.assertEqual(self.counts("sync", "in", "out", "--compare", "size")["copied"], 1)

    def test_times_at_and_before_the_epoch(self):
        self.tree("in", {"epoch": b"0", "before": b"1", "long-before": b"2"})
        for name, time_ in (("epoch", 0), ("before", -1_500_000_000), ("long-before", -10**18)):
            os.utime(self.path("in", name), ns=(time_, time_))
        self.assertEqual(self.counts("sync", "in", "out")["copied"], 3)
        self.assertEqual(self.counts("sync", "in", "out")["unchanged"], 3)
        for name in self.files("in"):
            self.assertLessEqual(abs(os.stat(self.path("in", name)).st_mtime_ns - os.stat(self.path("out", name)).st_mtime_ns), 1000, name)

    def test_dry_run_changes_nothing(self):
        self.tree("in", FILES)
        self.tree("out", {"a.txt": b"other", "extra": b"x"})
        before = self.files("out")
        said = self.dowel("sync", "in", "out", "--delete", "-n")
        self.assertIn("would copy in/a.txt -> out/a.txt\n", said)
        self.assertIn("would remove out/extra\n", said)
        self.dowel("cp", "-rn", "in", "fresh")
        self.dowel("cp", "-n", "in/a.txt", "fresh/")
        self.dowel("rm", "-rn", "out")
        self.assertEqual(self.files("out"), before)
        self.assertFalse(os.path.exists(self.path("fresh")))
        plan = {(e["event"], e["name"]) for e in self.events("sync", "in", "out", "--delete", "--dry-run") if e["event"] != "done"}
        done = {(e["event"], e["name"]) for e in self.events("sync", "in", "out", "--delete") if e["event"] != "done"}
        self.assertEqual(plan, done)

    def test_delete_stays_below_the_folder_and_keeps_what_is_excluded(self):
        self.tree("in", {"keep": b"k"})
        self.tree("all", {"out/old": b"o", "out/tmp/cache": b"c", "out-side": b"s", "other/x": b"x"})
        self.dowel("sync", "in", "all/out", "--delete", "--exclude", "tmp/")
        self.assertEqual(self.files("all"), {"out/keep": b"k", "out/tmp/cache": b"c", "out-side": b"s", "other/x": b"x"})
        self.fails(2, "sync", "all/out", "all", "--delete", says="would be removed")

    def test_files_and_folders_change_places(self):
        self.tree("in", {"a": b"file now", "b/c": b"folder now"})
        self.tree("out", {"a/x": b"folder before", "b": b"file before"})
        said = self.fails_partly("sync", "in", "out")
        self.assertIn("a is a folder", said)
        self.assertIn("cannot write b/c: one of the folders in its path is a file or a link", said)
        self.dowel("sync", "in", "out", "--delete")
        self.assertEqual(self.files("out"), self.files("in"))

    def fails_partly(self, *words, status=7):
        done = self.run_dowel(*words)
        self.assertEqual(done.returncode, status, done.out + done.err)
        return done.err

    # ---- links and odd things ----

    def test_links(self):
        self.tree("in", {"f": b"f", "d/g": b"g"})
        self.tree("else", {"where": b"outside"})
        os.symlink("f", self.path("in/link"))
        os.symlink("../else", self.path("in/folder"))
        os.symlink(".", self.path("in/loop"))
        os.symlink("nowhere", self.path("in/dangling"))
        os.mkfifo(self.path("in/pipe"))
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path("in/socket"))
        done = self.run_dowel("cp", "-r", "in", "skipped")
        self.assertEqual(done.returncode, 0, done.err)
        for name in ("link", "folder", "loop", "dangling"):
            self.assertIn(f"in/{name}: skipped: a symbolic link", done.err)
        self.assertIn("in/pipe: skipped: a device, pipe or socket", done.err)
        self.assertEqual(self.files("skipped"), {"f": b"f", "d/g": b"g"})
        done = self.run_dowel("cp", "-r", "in", "followed", "--symlinks", "follow")
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("in/loop/: skipped: a symbolic link to a folder above it", done.err)
        self.assertEqual(self.files("followed"), {"f": b"f", "d/g": b"g", "link": b"f", "folder/where": b"outside"})
        done = self.run_dowel("cp", "-r", "in", "failed", "--symlinks", "fail")
        self.assertEqual(done.returncode, 1, done.err)
        self.assertEqual(self.files("failed"), {"f": b"f", "d/g": b"g"})

    def test_writing_never_follows_links(self):
        self.tree("outside", {"victim": b"untouched"})
        self.tree("in", {"d/victim": b"evil", "fine": b"fine"})
        os.mkdir(self.path("out"))
        os.symlink("../outside", self.path("out/d"))
        self.fails_partly("cp", "-r", "in", "out")
        self.assertEqual(self.files("outside"), {"victim": b"untouched"})
        self.assertEqual(self.files("out")["fine"], b"fine")
        self.dowel("sync", "in", "out", "--delete")
        self.assertEqual(self.files("outside"), {"victim": b"untouched"})
        self.assertEqual(self.files("out"), self.files("in"))
        os.symlink("../outside", self.path("out/e"))
        self.dowel("rm", "-r", "out")
        self.assertEqual(self.files("outside"), {"victim": b"untouched"})

    def test_removing_never_follows_links_either(self):
        """A saved folder whose links are read: what lies behind them is listed, and is neither written nor removed."""
        self.tree("outside", {"victim": b"untouched"})
        self.tree("in", {"fine": b"fine"})
        self.tree("out", {"old": b"old"})
        os.symlink("../outside", self.path("out/d"))
        self.dowel("block", "save", "local-file-system/linked", "--basepath", self.path("out"), "--follow-links")
        said = self.fails_partly("sync", "in", "local-file-system/linked:", "--delete", status=1)
        self.assertIn("d/victim is reached through a symbolic link", said)
        self.assertEqual(self.files("outside"), {"victim": b"untouched"})
        self.assertEqual(self.files("out"), {"fine": b"fine", "d": "link to ../outside"})
        self.fails_partly("rm", "-r", "local-file-system/linked:", status=1)
        self.tree("in", {"d/victim": b"evil"})
        self.fails_partly("sync", "in", "local-file-system/linked:")
        self.assertEqual(self.files("outside"), {"victim": b"untouched"})

    def test_a_folder_that_is_read_in_part_is_no_whole_one(self):
        """The disk fails in the middle of a folder: nothing is removed for what did not come."""
        self.tree("in", {f"{i}": b"x" for i in range(20)})
        self.dowel("sync", "in", "out")
        done = self.run_dowel("sync", "in", "out", "--delete", env={"LD_PRELOAD": os.environ["DOWEL_TEST_FAILING_FOLDERS"]})
        if "Sanitizer" in done.err or "runtime does not come first" in done.err:
            self.skipTest("a sanitizer wants to be the first library")
        self.assertEqual(done.returncode, 1, done.out + done.err)
        self.assertIn("cannot read the folder . completely: Input/output error", done.err)
        self.assertEqual(len(self.files("out")), 20)

    # ---- content and permissions ----

    def test_permissions_are_kept_as_the_umask_lets(self):
        self.tree("in", {f"{mode:o}": b"x" for mode in (0o600, 0o644, 0o664, 0o755, 0o700, 0o777, 0o4755, 0o400, 0o500)})
        for name in os.listdir(self.path("in")):
            os.chmod(self.path("in", name), int(name, 8))
        for umask, out in ((0o022, "a"), (0o077, "b"), (0o002, "c")):
            before = os.umask(umask)
            try:
                self.dowel("cp", "-r", "in", out)
            finally:
                os.umask(before)
            for name in os.listdir(self.path("in")):
                self.assertEqual(stat.S_IMODE(os.stat(self.path(out, name)).st_mode), int(name, 8) & 0o777 & ~umask, (name, oct(umask)))

    def test_holes_stay_holes(self):
        size = 64 << 20
        os.mkdir(self.path("in"))
        for name, pieces in (("hole", []), ("start", [(0, b"x" * 5000)]), ("end", [(size - 3, b"end")]),
                             ("several", [(1 << 20, b"a" * 70000), (30 << 20, b"b"), (50 << 20, b"c" * 200000)])):
            with open(self.path("in", name), "wb") as file:
                file.truncate(size)
                for at, data in pieces:
                    file.seek(at)
                    file.write(data)
        self.tree("in", {"plain": random.Random(1).randbytes(3 << 20), "empty": b""})
        self.dowel("sync", "in", "out")
        for name in os.listdir(self.path("in")):
            with open(self.path("in", name), "rb") as a, open(self.path("out", name), "rb") as b:
                while piece := a.read(1 << 22):
                    self.assertEqual(piece, b.read(1 << 22), name)
                self.assertEqual(b.read(), b"", name)
            self.assertLessEqual(os.stat(self.path("out", name)).st_blocks, os.stat(self.path("in", name)).st_blocks + 64, name)
        with open(self.path("in/plain"), "r+b") as file:  # smaller than what an earlier copy left half done
            file.truncate(1000)
        self.tree("out", {unfinished("plain"): b"z" * 5000})
        self.dowel("sync", "in", "out")
        with open(self.path("in/plain"), "rb") as a, open(self.path("out/plain"), "rb") as b:
            self.assertEqual(a.read(), b.read())

    def test_across_file_systems_and_from_the_kernel(self):
        self.tree("in", {"x": random.Random(2).randbytes(700_001)})
        if os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != os.stat(self.folder).st_dev:
            with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
                self.dowel("cp", "in/x", other + "/x")
                with open(other + "/x", "rb") as file:
                    self.assertEqual(file.read(), self.files("in")["x"])
                self.dowel("cp", other + "/x", "back")
        self.dowel("cp", "/proc/self/cmdline", "from-kernel")
        with open(self.path("from-kernel"), "rb") as file:
            self.assertIn(b"cmdline", file.read())

    def test_what_cannot_be_read_fails_alone_and_nothing_is_removed(self):
        if os.geteuid() == 0:
            self.skipTest("root reads everything")
        self.tree("in", {"a": b"a", "locked/x": b"x", "z": b"z", "unreadable": b"u"})
        self.tree("out", {"locked/x": b"saved before", "old": b"old"})
        os.chmod(self.path("in/locked"), 0)
        os.chmod(self.path("in/unreadable"), 0)
        self.addCleanup(os.chmod, self.path("in/locked"), stat.S_IRWXU)
        done = self.run_dowel("sync", "in", "out", "--delete")
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn("Permission denied", done.err)
        self.assertEqual(self.files("out"), {"a": b"a", "z": b"z", "locked/x": b"saved before", "old": b"old"})

    def test_names(self):
        """Any name that the file system takes: not UTF-8, with newlines, as long as names can be."""
        names = [b"new\nline", b"\xff\xfe", b"tab\tx", b"n" * 255, b"-dash", b"a:b", b"\\back", b"$(x)", b"*", b".hidden", b"...", b"esc\x1b[31m"]
        self.tree("in", {name: name for name in names})
        self.assertEqual(self.counts("sync", "in", "out")["copied"], len(names))
        self.assertEqual(self.files("out"), self.files("in"))
        self.assertEqual(self.counts("sync", "in", "out", "--delete")["unchanged"], len(names))
        listed = self.run_dowel("ls", "in").stdout
        self.assertNotIn(b"\x1b", listed)
        self.assertEqual(len(listed.splitlines()), len(names))

    def test_many_in_byte_order(self):
        self.tree("in", {f"{i % 7}/{'-' * (i % 3)}{i}": b"%d" % i for i in range(3000)})
        names = [event["name"] for event in self.events("ls", "-r", "in") if event["event"] == "object"]
        self.assertEqual(names, sorted(names, key=os.fsencode))
        self.assertEqual(len(names), 3000)
        self.assertEqual(self.counts("sync", "in", "out")["copied"], 3000)
        self.assertEqual(self.files("out"), self.files("in"))
        self.assertEqual(self.counts("rm", "-r", "out"), {"removed": 3000, "skipped": 0})
        self.assertEqual(os.listdir(self.path("out")), [])

    # ---- interruption, change ----

    def test_what_a_killed_process_left(self):
        """The names of unfinished files belong to nobody's content: they are not copied, not listed as objects, and cannot be written to. Users'
        own files whose names only look like them are files like others."""
        long = "n" * 251 + "ü"
        own = {name: name.encode() for name in (".dowel", ".x.dowel", "..dowel", ".x.0123456789ab.dowel", ".x.0123456789abcdef01234567.dowel",
                                                "d/.y.dowel", unfinished("x")[1:], unfinished("x") + ".dowel", "." + unfinished("x"))}
        left = [unfinished("x"), unfinished("d/y"), unfinished("x", random="0123456789ab")]
        self.tree("in", {"x": b"x", long: b"long", **own, **{name: b"half" for name in left}})
        done = self.run_dowel("sync", "in", "out")
        self.assertEqual(done.returncode, 0, done.err)
        for name in left:
            self.assertIn(f"in/{name}: skipped: an unfinished file", done.err)
        self.assertEqual(self.files("out"), {"x": b"x", long: b"long", **own})
        self.fails(2, "cp", "in/x", "out/" + unfinished("x"), says="reserves names of this form for unfinished files")
        self.tree("out", {unfinished("gone"): b"half"})
        self.dowel("sync", "in", "out", "--delete")
        self.assertEqual(self.files("out"), {"x": b"x", long: b"long", **own})
        self.assertEqual(self.counts("rm", "-r", "out")["removed"], 2 + len(own))

    def test_a_killed_copy_leaves_what_is_recognised(self):
        """What really stands there while a file is written is what tests call unfinished."""
        os.mkdir(self.path("k"))
        running = subprocess.Popen([os.environ["DOWEL_BIN"], "cp", "-", self.path("k/target")], stdin=subprocess.PIPE, env=self.env)
        running.stdin.write(b"z" * 3_000_000)
        running.stdin.flush()
        deadline = time.monotonic() + 60
        while not os.listdir(self.path("k")) and time.monotonic() < deadline:
            time.sleep(0.01)
        running.kill()
        running.communicate()
        self.assertEqual(os.listdir(self.path("k")), [unfinished("target")])
        self.assertIn("1 skipped", self.dowel("sync", "k", "copy"))
        self.assertEqual(self.files("copy"), {})

    def test_interrupted(self):
        """SIGTERM in the middle leaves whole files only, and a second sync completes."""
        self.tree("in", {f"{i}": random.Random(i).randbytes(300_000) for i in range(200)})
        process = subprocess.Popen([os.environ["DOWEL_BIN"], "sync", "in", "out", "-v"], env=self.env, cwd=self.folder, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.readline()  # output is buffered: by then much was copied, or all
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        whole = self.files("in")
        for name, content in self.files("out").items():
            self.assertEqual(content, whole[name], "no part of a file, no temporary one")
        self.dowel("sync", "in", "out")
        self.assertEqual(self.files("out"), whole)

    def test_a_file_that_changes_is_noticed(self):
        """A writer that goes on while the file is read: the copy fails or is of one moment, and never has the final name otherwise."""
        self.tree("in", {"log": b"x" * 5_000_000})
        writer = subprocess.Popen(["sh", "-c", f"while :; do echo more >> '{self.path('in/log')}'; done"])
        try:
            deadline, done = time.monotonic() + 60, None
            while time.monotonic() < deadline and (done is None or done.returncode == 0):
                done = self.run_dowel("cp", "in/log", "out/")
                if done.returncode:
                    break
            self.assertEqual(done.returncode, 7, done.err)
            self.assertIn("changed while it was copied", done.err)
        finally:
            writer.kill()
            writer.wait()
        self.dowel("cp", "in/log", "out/")

    # ---- the rest of the commands ----

    def test_list(self):
        self.tree("in", FILES)
        os.utime(self.path("in/a.txt"), (0, 1))
        self.assertEqual(self.dowel("ls", "in").splitlines(), ["a.txt", "d-x", "d.x", "d/", "grün/", "z z"])
        self.assertEqual(self.dowel("ls", "in/d/").splitlines(), ["b.csv", "e/"])
        self.assertEqual(self.dowel("ls", "-r", "in").splitlines(), sorted(FILES, key=os.fsencode))
        self.assertEqual(self.dowel("ls", "in/a.txt"), "a.txt\n")
        self.assertRegex(self.dowel("ls", "-l", "in/a.txt"), r"^ +5  1970-01-01T00:00:01Z +a.txt\ntotal: 1 object, 5 bytes\n$")
        self.fails(3, "ls", "nowhere")
        result = self.json("call", "objects.list", "--place", "in", "--recursive", "--limit", "3")
        self.assertEqual([o["name"] for o in result["objects"]], ["a.txt", "d-x", "d.x"])
        self.assertTrue(result["truncated"])
        self.assertEqual(self.json("call", "objects.stat", "--place", "in/d/b.csv")["size"], 4)

    def test_remove(self):
        self.tree("in", FILES)
        self.dowel("rm", "in/d/e/c")
        self.dowel("rm", "-r", "in/grün")
        self.assertNotIn("grün/ü", self.files("in"))
        self.fails(3, "rm", "in/d/e/c")
        self.fails(2, "rm", "in/d", says="recursive")
        self.assertEqual(self.counts("rm", "-r", "in", "--include", "d**"), {"removed": 3, "skipped": 0})
        self.assertEqual(self.dowel("rm", "-rv", "in").splitlines()[-1], "2 removed")
        self.assertEqual(self.files("in"), {})

    def test_saved_blocks(self):
        self.tree("kept", FILES)
        self.dowel("block", "save", "local-file-system/store", "--basepath", self.path("kept"))
        self.assertEqual(self.dowel("ls", "local-file-system/store:d/").splitlines(), ["b.csv", "e/"])
        self.dowel("cp", "-r", "local-file-system/store:d/", "out")
        self.assertEqual(self.files("out"), {"b.csv": b"1,2\n", "e/c": b""})
        self.dowel("cp", "out/b.csv", "local-file-system/store:new/")
        self.assertEqual(self.run_dowel("cat", "local-file-system/store:new/b.csv").stdout, b"1,2\n")
        for name in ("../escape", "/absolute", "a//b", "a/./b", "a/../b", "n" * 256):
            self.fails(2, "cp", "out/b.csv", f"local-file-system/store:{name}", says="is not a valid file name")
        self.fails(2, "cp", "local-file-system/store:a", "out/", "--from-endpoint", "x", says="a saved block has its own")
        self.fails(3, "ls", "local-file-system/none:x", says="local-file-system/none")
        self.fails(2, "ls", "secret/none:x", says="do not hold objects")

    def test_places(self):
        self.fails(2, "ls", "gz://b/x", says=['unknown scheme "gz://"', 'did you mean "gs://"?'])
        self.fails(2, "ls", "gs:///x", says="the bucket is missing")
        self.fails(2, "ls", "file://relative", says="expected file:///path")
        self.fails(2, "cp", "x", says="the destination is missing")
        self.fails(2, "sync", "a", "b", "c", says='unexpected argument "c"')
        self.fails(2, "cp", "-z", "a", "b", says="unknown flag -z")
        self.fails(2, "sync", "a", "b", "--delte", says="did you mean --delete?")
        self.fails(2, "presign", "a.txt", says="only objects in a bucket have URLs")

    def test_hints_about_missing_sources(self):
        os.mkdir(self.path("in"))
        for source in ("none", "bucket/landing"):
            for words in (("cp", source, "out"), ("cat", source), ("ls", source)):
                error = self.fails(3, *words, says="TYPE/NAME:PATH")
                self.assertNotIn("-r", error)
        self.assertNotIn("-r", self.fails(2, "cat", "in/", says=["is a folder", "name one object"]))
        self.fails(2, "cp", "in/", "out", says=["is a folder", "-r"])

    def test_history(self):
        self.tree("in", FILES)
        self.dowel("sync", "in", "out")
        run = self.json("runs")[0]
        self.assertEqual((run["task"], run["state"]), ("objects.sync", "completed"))
        self.assertEqual(json.loads(self.dowel("runs", "show", run["id"], "--json"))["args"]["source"], self.path("in"))


if __name__ == "__main__":
    unittest.main()
