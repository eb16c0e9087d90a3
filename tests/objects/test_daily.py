"""Several sources, patterns, mv, du, stat, switches and flags of the run, between folders on this machine."""
import json
import os
import unittest

from objects_case import ObjectsTest

FILES = {"a.csv": b"alpha", "b.csv": b"bb", "c.txt": b"c", "d/x.csv": b"1,2", "d/e/y.csv": b"yy", "2026-01/p.csv": b"p", "2026-02/p.csv": b"qq"}


class Daily(ObjectsTest):
    def setUp(self):
        super().setUp()
        self.tree("in", FILES)

    def kept(self, root="in", files=FILES):  # noqa: B006
        self.assertEqual(self.files(root), dict(files))

    def listed(self, *words):
        return self.dowel("ls", *words).splitlines()

    # ---- several sources ----

    def test_several_sources(self):
        os.mkdir(self.path("out"))
        self.assertEqual(self.dowel("cp", "in/a.csv", "in/b.csv", "in/d/x.csv", "out"), "3 copied (10 B)\n")
        self.kept("out", {"a.csv": b"alpha", "b.csv": b"bb", "x.csv": b"1,2"})
        self.dowel("cp", "-r", "in/a.csv", "in/d", "new/")
        self.kept("new", {"a.csv": b"alpha", "d/x.csv": b"1,2", "d/e/y.csv": b"yy"})

    def test_several_sources_need_a_folder(self):
        for more in ((), ("-r",), ("--dry-run",)):
            said = self.fails(2, "cp", "in/a.csv", "in/b.csv", "out", *more, says="out is not a folder")
            self.assertIn("out/", said)
        self.fails(2, "cp", "in/a.csv", "in/b.csv", "in/c.txt", says="is not a folder")
        self.fails(2, "cp", "in/*.csv", "out", says="is not a folder")
        self.fails(2, "cp", "in/a.csv", says="the destination is missing")
        self.fails(2, "cp", "in/a.csv", "-", "out/", says="cannot be one of several sources", stdin="x")
        self.assertFalse(os.path.exists(self.path("out")))
        self.kept()

    def test_two_sources_of_one_name(self):
        self.tree("other", {"a.csv": b"other"})
        self.fails(2, "cp", "in/a.csv", "other/a.csv", "out/", says=["in/a.csv and other/a.csv", "out/a.csv"])
        self.fails(2, "mv", "other/a.csv", "in/a.csv", "out/", says="moved as out/a.csv")
        self.assertFalse(os.path.exists(self.path("out")))
        self.kept()

    def test_names_of_patterns_and_folders(self):
        self.tree("x", {"a.csv": b"xa", "m/p.csv": b"xp", "only": b"x"})
        self.tree("y", {"a.csv": b"ya", "m/p.csv": b"yp", "b.csv": b"yb"})
        self.tree("w/x", {"q": b"q"})
        self.tree("w/file", {"m": b"a file, and a folder elsewhere"})
        for words, name in ((("x/*.csv", "y/*.csv"), "out/a.csv"), (("x/*.csv", "y/a.csv"), "out/a.csv"), (("y/a.csv", "x/{only,a.*}"), "out/a.csv"),
                            (("-r", "x/*", "y/m"), "out/m/p.csv"), (("-r", "x/m", "y/*"), "out/m/p.csv"), (("x/**", "y/**"), "out/a.csv"),
                            (("x/o*", "y/*/p.csv", "x/*/p.csv"), "out/m/p.csv"), (("-r", "x", "w/x"), "out/x/"), (("-r", "x/m", "w/file/m"), "out/m")):
            for command in ("cp", "mv"):
                said = self.fails(2, command, *words, "out/", says=[" would both be ", " as " + name])
                places = [word for word in words if word != "-r"]
                self.assertEqual(sum(place in said.partition(" would both")[0] for place in places), 2, said)
        self.fails(2, "cp", "-n", "x/*.csv", "y/*.csv", "out/", says="would both be copied")
        self.fails(2, "cp", "x/*.csv", *[f"y/{'?' * i}*" for i in range(64)], "out/", says="at most 64")
        self.assertFalse(os.path.exists(self.path("out")))
        self.assertEqual(self.files("x"), {"a.csv": b"xa", "m/p.csv": b"xp", "only": b"x"})
        # What is left out does not clash, and neither do two patterns without a name in common.
        self.dowel("cp", "x/a*", "y/b*", "x/only", "out/")
        self.dowel("cp", "-r", "x/*", "y/*", "less/", "--include", "only", "--include", "b.csv")
        self.kept("out", {"a.csv": b"xa", "b.csv": b"yb", "only": b"x"})
        self.kept("less", {"b.csv": b"yb", "only": b"x"})
        self.assertEqual(self.dowel("cat", "x/*.csv", "y/*.csv"), "xayayb")

    def test_one_of_several_fails(self):
        done = self.run_dowel("cp", "in/a.csv", "in/none", "in/b.csv", "out/")
        self.assertEqual(done.returncode, 3, done.err)
        self.assertIn("in/none", done.err)
        self.assertIn("1 failed, 2 copied", done.err)
        self.assertEqual(done.out, "2 copied (7 B), 1 failed\n")
        self.kept("out", {"a.csv": b"alpha", "b.csv": b"bb"})
        done = self.run_dowel("cp", "in/a.csv", "in/none", "in/b.csv", "out/", "--json")
        self.assertEqual(json.loads(done.out.splitlines()[-1]),
                         {"event": "summary", "copied": 2, "bytes": 7, "unchanged": 0, "skipped": 0, "removed": 0, "failed": 1})
        self.assertEqual(self.run_dowel("cat", "in/a.csv", "in/none").out, "alpha")
        self.assertEqual(self.run_dowel("mv", "-n", "in/a.csv", "in/none", "x/").out.splitlines()[-1], "would move 1 (5 B), 1 failed")
        done = self.run_dowel("rm", "in/a.csv", "in/none", "in/b.csv")
        self.assertEqual((done.returncode, done.out), (3, "2 removed, 1 failed\n"), done.err)
        self.assertFalse(os.path.exists(self.path("in/b.csv")))

    def test_a_folder_without_r_changes_nothing(self):
        self.fails(2, "cp", "in/a.csv", "in/d", "out/", says=["in/d is a folder", "-r"])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_cat_of_several(self):
        self.assertEqual(self.dowel("cat", "in/a.csv", "in/b.csv", "in/c.txt"), "alphabbc")
        self.assertEqual(self.dowel("cat", "in/*.csv"), "alphabb")
        self.assertEqual(self.run_dowel("cat", "in/a.csv", "in/none", "in/b.csv").out, "alpha")
        self.assertEqual(self.run_dowel("cat", "in/a.csv", "in/none", "--retries", "2", "--retry-delay", "0s").out, "alpha")

    # ---- patterns ----

    def test_patterns_of_ls(self):
        self.assertEqual(self.listed("in/*.csv"), ["in/a.csv", "in/b.csv"])
        self.assertEqual(self.listed("in/**/*.csv"), sorted("in/" + name for name in FILES if name.endswith(".csv")))
        self.assertEqual(self.listed("in/{a,c}.*"), ["in/a.csv", "in/c.txt"])
        self.assertEqual(self.listed("in/[!b].csv"), ["in/a.csv"])
        self.assertEqual(self.listed("in/2026-*"), ["in/2026-01/", "in/2026-02/"])
        self.assertEqual(self.listed("in/2026-*/p*"), ["in/2026-01/p.csv", "in/2026-02/p.csv"])
        self.assertEqual(self.listed("in/*/e"), ["in/d/e/"])
        self.assertEqual(self.listed("-r", "in/2026-*"), ["in/2026-01/p.csv", "in/2026-02/p.csv"])
        self.assertEqual(self.listed("in/{2026-01,d/{e,none}}/*.csv"), ["in/2026-01/p.csv", "in/d/e/y.csv"])
        self.fails(3, "ls", "in/*.parquet", says="nothing matches in/*.parquet")
        self.assertEqual(self.listed("in/a.csv", "in/d"), ["in/a.csv", "in/d/e/", "in/d/x.csv"])

    def test_patterns_copy(self):
        self.dowel("cp", "in/2026-*/*.csv", "out/")
        self.kept("out", {name: content for name, content in FILES.items() if name.startswith("2026")})
        self.dowel("cp", "in/*.csv", "in/below/")  # a folder in the source, which is not read
        self.kept("in/below", {"a.csv": b"alpha", "b.csv": b"bb"})
        self.dowel("cp", "-r", "in/2026-*", "tree/")
        self.kept("tree", {name: content for name, content in FILES.items() if name.startswith("2026")})
        self.assertIn("recursive (-r)", self.fails(3, "cp", "in/2026-*", "none/", says="nothing matches in/2026-*"))
        self.fails(2, "cp", "in/*.csv", "in/", says="the same folder")
        self.fails(2, "cp", "in/**", "in/below/", says="lies in the source")
        self.assertFalse(os.path.exists(self.path("none")))

    def test_patterns_remove(self):
        self.assertEqual(self.dowel("rm", "in/2026-*", "-r", "-n").splitlines()[-1], "would remove 2")
        self.fails(3, "rm", "in/2026-*", says="nothing matches")
        self.kept()
        self.assertEqual(self.dowel("rm", "in/*.csv"), "2 removed\n")
        self.assertEqual(sorted(self.files("in")), sorted(name for name in FILES if name not in ("a.csv", "b.csv")))

    def test_a_name_with_a_star_is_reachable(self):
        self.tree("in", {"*.csv": b"star", "[1].x": b"one", "1.x": b"other"})
        self.assertEqual(self.dowel("cat", "in/*.csv"), "star")  # exactly this name wins
        self.assertEqual(self.dowel("cat", "in/[1].x"), "one")
        self.assertEqual(self.listed("in/\\**"), ["in/*.csv"])
        self.dowel("rm", "in/*.csv")
        self.assertEqual(sorted(name for name in self.files("in") if "/" not in name and name.endswith("csv")), ["a.csv", "b.csv"])
        self.fails(3, "rm", "in/*.csv", "--literal", says="*.csv")
        self.fails(3, "cat", "in/*.csv", "--literal")
        self.dowel("cp", "-r", "in/[1].x", "in/2026-01", "out/")  # with -r too
        self.kept("out", {"[1].x": b"one", "2026-01/p.csv": b"p"})

    def test_braces_of_include(self):
        self.dowel("cp", "-r", "in", "out", "--include", "**.{txt,bin}", "--include", "{d,none}/x.csv")
        self.kept("out", {"c.txt": b"c", "d/x.csv": b"1,2"})
        self.dowel("cp", "-r", "in", "less", "--exclude", '["{d,2026-*}/", "[ab].csv"]')
        self.kept("less", {"c.txt": b"c"})
        self.tree("odd", {"{a}": b"1", "{b": b"2", "a": b"3", "b,c": b"4"})
        for pattern, names in (("{a}", ["{a}"]), ("{b", ["{b"]), ("{a,\\{a\\}}", ["a", "{a}"]), ("{b\\,c,x}", ["b,c"]), ("{,x}a", ["a"])):
            self.assertEqual(sorted(self.listed("-r", "odd", "--include", pattern)), sorted(names), pattern)
        self.fails(2, "ls", "-r", "odd", "--include", "{a,b}" * 12, says="more than 1024")

    def test_an_include_that_matches_nothing(self):
        for words in (("cp", "-r", "in", "out"), ("rm", "-r", "in"), ("ls", "-r", "in"), ("du", "in"), ("sync", "in", "out")):
            done = self.run_dowel(*words, "--include", "*.parquet", "--include", "c.{txt,bin}", "-n" if words[0] in ("cp", "rm", "sync") else "--json")
            self.assertEqual(done.returncode, 0, done.err)
            self.assertIn('include "*.parquet" matches nothing below in/', done.err)
            self.assertNotIn("c.{", done.err)
        events = self.events("cp", "-r", "in", "out", "--include", "*.parquet")
        self.assertEqual(events[0], {"event": "unmatched", "name": "in/", "include": "*.parquet"})
        self.assertEqual(self.run_dowel("ls", "-r", "in", "--include", "*.csv").err, "")

    def test_include_needs_something_to_choose_from(self):
        for words in (("cp", "in/a.csv", "out"), ("rm", "in/a.csv"), ("mv", "in/a.csv", "out"), ("rm", "in/a.csv", "in/b.csv")):
            done = self.run_dowel(*words, "--include", "*.txt")
            self.assertEqual(done.returncode, 2, done.err)
            self.assertIn("include and exclude need", done.err)
        self.kept()
        self.dowel("rm", "-r", "in/a.csv", "in/c.txt", "in/d", "--include", "**.txt")
        self.kept(files={name: content for name, content in FILES.items() if name != "c.txt"})

    # ---- mv ----

    def test_move(self):
        self.assertEqual(self.dowel("mv", "in/a.csv", "out/b"), "")
        self.assertEqual(self.dowel("mv", "-v", "in/b.csv", "in/c.txt", "out/").splitlines()[-1], "2 moved (3 B)")
        self.kept("out", {"b": b"alpha", "b.csv": b"bb", "c.txt": b"c"})
        self.assertEqual(self.counts("mv", "in/2026-*", "-r", "months/"), {"moved": 2, "bytes": 3, "unchanged": 0, "skipped": 0})
        self.assertEqual(self.dowel("mv", "-r", "in/d", "moved", "-n").splitlines()[-1], "would move 2 (5 B)")
        self.kept(files={name: FILES[name] for name in ("d/x.csv", "d/e/y.csv")})
        self.dowel("mv", "-r", "in/d", "moved")
        self.kept("moved", {"x.csv": b"1,2", "e/y.csv": b"yy"})
        self.assertFalse(os.path.exists(self.path("in/d/e")))

    def test_move_to_the_same_place(self):
        os.symlink("in", self.path("same"))
        self.fails(2, "mv", "in/a.csv", "in/a.csv", says="the same")
        self.fails(2, "mv", "in/a.csv", "in/", says="the same")
        self.fails(2, "mv", "in/a.csv", "same/a.csv", says="the same")
        self.fails(2, "mv", "-r", "in", "in/d", says="lies in the source")
        self.fails(2, "mv", "-r", "in/d", "same", says="lies in the destination")
        self.fails(2, "mv", "in/*.csv", "same/", says="the same folder")
        self.fails(2, "mv", "-", "x", says="cannot be moved")
        self.fails(2, "mv", "in", "x", says=["is a folder", "-r"])
        self.kept()

    def test_move_keeps_what_it_does_not_copy(self):
        os.symlink("a.csv", self.path("in/link"))
        self.tree("out", {"a.csv": b"mine", "c.txt/x": b"in the way"})
        done = self.run_dowel("mv", "-r", "in", "out", "--skip-existing")
        self.assertEqual(done.returncode, 7, done.err)
        self.assertEqual(self.files("in"), {"a.csv": b"alpha", "c.txt": b"c", "link": "link to a.csv"})
        self.assertEqual(self.files("out")["a.csv"], b"mine")

    # ---- du, stat, ls ----

    def test_usage(self):
        lines = [line.split() for line in self.dowel("du", "in").splitlines()]
        self.assertEqual(lines, [["1", "1", "object", "in/2026-01/"], ["2", "1", "object", "in/2026-02/"], ["5", "2", "objects", "in/d/"], ["16", "7", "objects", "in/"]])
        lines = [line.split()[-1] for line in self.dowel("du", "in/d", "--depth", "2").splitlines()]
        self.assertEqual(lines, ["in/d/e/", "in/d/"])
        self.assertEqual(self.dowel("du", "-s", "in").split(), ["16", "7", "objects", "in/"])
        lines = [line.split() for line in self.dowel("du", "-sh", "in/d", "in/a.csv").splitlines()]
        self.assertEqual(lines, [["5", "B", "2", "objects", "in/d/"], ["5", "B", "1", "object", "in/a.csv"], ["10", "B", "3", "objects", "total"]])
        self.assertEqual(self.dowel("du", "-s", "in/2026-*").split()[:2], ["3", "2"])
        result = self.json("call", "objects.usage", "--place", "in", "--depth", "2")
        self.assertEqual((result["size"], result["objects"], len(result["folders"])), (16, 7, 5))
        self.assertEqual(self.events("du", "in", "-s"), [{"event": "usage", "name": "in/", "size": 16, "objects": 7}, {"event": "done", "size": 16, "objects": 7}])
        self.fails(3, "du", "nowhere")

    def test_stat(self):
        os.utime(self.path("in/a.csv"), (0, 1))
        text = self.dowel("stat", "in/a.csv", "-h")
        self.assertRegex(text, r"(?m)^size: +5 B$")
        self.assertRegex(text, r"(?m)^modified: +1970-01-01T00:00:01Z$")
        self.assertEqual(self.json("stat", "in/a.csv")["size"], 5)
        self.assertEqual([o["name"] for o in self.json("stat", "in/a.csv", "in/c.txt")["objects"]], ["in/a.csv", "in/c.txt"])
        self.assertEqual([o["name"] for o in self.json("stat", "in/[ab].csv")["objects"]], ["in/a.csv", "in/b.csv"])
        self.fails(2, "stat", "in/d", says="is a folder")
        self.fails(3, "stat", "in/none")

    def test_sizes_and_totals(self):
        self.tree("big", {"x": b"x" * 1536, "y/z": b"z" * 512})
        self.assertEqual(self.dowel("ls", "-lh", "big").splitlines()[0].split()[:2], ["1.5", "KiB"])
        self.assertEqual(self.dowel("ls", "-l", "big").splitlines()[-1], "total: 1 object, 1536 bytes")
        self.assertEqual(self.dowel("ls", "-rlh", "big").splitlines()[-1], "total: 2 objects, 2.0 KiB")
        self.assertEqual(self.listed("-r", "big"), ["x", "y/z"])  # nothing but names for other programs
        self.assertTrue(self.dowel("ls", "-h").startswith("Usage: dowel ls"))

    def test_a_block_without_its_colon(self):
        self.dowel("block", "save", "local-file-system/data", "--basepath", self.path("in"))
        for word in ("local-file-system/data", "data"):
            self.assertEqual(self.listed(word), self.listed("in"))
            self.assertEqual(self.dowel("du", "-s", word).split()[:2], ["16", "7"])
        self.dowel("cp", "in/a.csv", "local-file-system/data:copy/")
        os.mkdir(self.path("data"))
        self.assertEqual(self.listed("data"), [])  # a folder of this name wins
        self.dowel("cp", "in/d/x.csv", "local-file-system/data")
        self.fails(3, "cp", "in/b.csv", "local-file-system/dat", says='did you mean "data"?')
        self.assertFalse(os.path.exists(self.path("local-file-system")))

    # ---- the run ----

    def test_flags_of_the_run(self):
        for words in (("cp", "in/a.csv", "x"), ("sync", "in", "y"), ("ls", "in"), ("du", "in"), ("stat", "in/a.csv"), ("rm", "x"), ("mv", "in/b.csv", "z"),
                      ("cat", "in/a.csv")):
            self.dowel(*words, "--retries", "2", "--retry-delay", "1ms", "--timeout", "1m", "--run-name", "mine", "--run-key", "-".join(words))
        runs = self.json("runs", "--name", "mine")
        self.assertEqual(len(runs), 8)
        self.fails(2, "cp", "a", "b", "--retrys", "1", says="did you mean --retries?")
        self.fails(2, "cp", "a", "b", "--timeout", "soon", says="timeout")
        self.fails(2, "mv", "in/a.csv", "w", "--run-key", "", says="run key")

    def test_a_key_is_not_done_twice(self):
        self.dowel("block", "save", "local-file-system/results", "--basepath", self.path("results"))
        kept = ("--persist-result", "--result-storage", "local-file-system/results")
        self.dowel("mv", "in/a.csv", "out", "--run-key", "k", *kept)
        self.tree("in", {"a.csv": b"new"})
        self.dowel("mv", "in/a.csv", "out", "--run-key", "k", *kept)
        self.assertEqual((self.files("in")["a.csv"]), b"new")
        self.dowel("rm", "in/b.csv", "--run-key", "r", *kept)
        self.tree("in", {"b.csv": b"new"})
        self.dowel("rm", "in/b.csv", "--run-key", "r", *kept)
        self.assertEqual((self.files("in")["b.csv"]), b"new")

    def test_a_resumed_removal_leaves_newer_files(self):
        """Also those whose own time is old, as a copy's is."""
        for number, words in enumerate((("-r", "in/d", "in/none"), ("in/a.csv", "in/b.csv", "in/none"), ("-r", "in/*", "none*"))):
            self.tree("in", FILES)
            key = ("--run-key", f"rm{number}")
            before = set(self.files("in"))
            self.assertEqual(self.run_dowel("rm", *words, *key).returncode, 3)
            removed = sorted(before - set(self.files("in")))
            self.assertTrue(removed)
            self.tree("in", {removed[0]: b"newer"})
            os.utime(self.path("in", removed[0]), (1, 1))
            done = self.run_dowel("rm", *words, *key)
            self.assertRegex(done.err, "skipped: it was (stored|replaced) after this run began")
            self.assertEqual(self.files("in").get(removed[0]), b"newer")

    def test_help(self):
        for command in ("cp", "mv", "sync", "ls", "du", "stat", "rm", "cat", "presign"):
            text = self.dowel(command, "--help")
            for flag in ("--run-key", "--retries", "--timeout", "Examples:"):
                self.assertIn(flag, text)

    def test_cat_takes_only_what_applies(self):
        text = self.dowel("cat", "--help")
        for flag in ("--destination", "--content-type", "--dry-run", "--recursive", "--to-endpoint", "--source"):
            self.assertNotIn(flag, text)
        self.assertIn("--literal", text)
        self.fails(2, "cat", "in/a.csv", "--dry-run", says="dowel cat does not take --dry-run")
        self.fails(2, "cat", "in/a.csv", "--destination=x", says="does not take --destination")
        self.assertFalse(os.path.exists(self.path("x")))

    def test_output_of_ls(self):
        os.symlink("a.csv", self.path("in/link"))
        lines = self.dowel("ls", "in", "--output", "csv").splitlines()
        self.assertEqual(lines[0], "name,size,modified,etag,version,storage_class")
        self.assertEqual([line.split(",")[:2] for line in lines[1:4]], [["2026-01/", ""], ["2026-02/", ""], ["a.csv", "5"]])
        self.assertEqual(self.dowel("ls", "in/*.csv", "--out", self.path("list.ndjson")), "")
        with open(self.path("list.ndjson")) as file:
            self.assertEqual([json.loads(line)["name"] for line in file], ["in/a.csv", "in/b.csv"])
        self.assertRegex(self.dowel("ls", "in", "--output", "table").splitlines()[0], "^name +size +modified$")
        self.fails(2, "ls", "in", "--output", "xml", says="expected table, csv")
        self.assertEqual(self.run_dowel("ls", "in", "--output", "csv", "--json").returncode, 2)
        self.fails(3, "ls", "in/none*", "--out", self.path("none.csv"))
        self.assertFalse(os.path.exists(self.path("none.csv")))
        self.fails(2, "cp", "in/a.csv", "x", "--output", "csv", says="unknown flag --output")

    def test_tasks(self):
        result = self.json("call", "objects.move", "--source", "in/a.csv", "--more-sources", "in/b.csv", "--destination", "out/")
        self.assertEqual(result, {"moved": 2, "bytes": 7, "unchanged": 0, "skipped": 0})
        self.assertEqual(json.loads(self.dowel("call", "objects.list", "--place", "in/*.txt", "--json"))["objects"][0]["name"], "in/c.txt")


if __name__ == "__main__":
    unittest.main()
