"""Globs of --include and --exclude: a table of what they mean, and random ones against a slow and obvious matcher."""
import functools
import json
import random
import unittest

from objects_case import ObjectsTest

TABLE = [
    ("*", ["a", "a.csv", ".x"], ["a/b", "x/"]), ("*.csv", ["a.csv", ".csv"], ["a.txt", "d/a.csv", "a.csv/b"]),
    ("**", ["a", "a/b/c"], []), ("**.csv", ["a.csv", "d/e/a.csv"], ["a.txt", "a.csv/x"]),
    ("**/*.csv", ["a.csv", "d/a.csv", "d/e/a.csv"], ["a.txt", "dcsv"]), ("d/**", ["d/a", "d/e/f"], ["d", "dx/a", "e/d/a"]),
    ("d/", ["d/a", "d/e/f"], ["d", "dx/a"]), ("**/tmp/", ["tmp/a", "x/tmp/a/b", "x/y/tmp/z"], ["xtmp/a", "tmp"]),
    ("d/**/x", ["d/x", "d/e/x", "d/e/f/x"], ["d/ex", "x", "d/x/y"]), ("?", ["a", "ü", "日"], ["ab", "/", ""]),
    ("[a-c]?", ["ab", "cü"], ["d1", "a", "a/"]), ("[!a-c]", ["d", "ü"], ["a", "/"]), ("[]]", ["]"], ["[", "a"]),
    ("[ü-ż]", ["ý"], ["u", "z"]), ("\\*", ["*"], ["a", "\\*"]), ("[\\]]x", ["]x"], ["\\x"]), ("[ab", ["[ab"], ["a", "b"]),
    ("a*b*c", ["abc", "aXbYc", "abbcc"], ["acb", "a/bc"]), ("***", ["a/b"], []), ("a**b", ["ab", "a/x/b", "axb"], ["a/bc"]),
]


def slow(pattern, name):
    """Literals, ?, *, ** and **/ (at the start of a part) by trying everything."""
    @functools.cache
    def match(p, n):
        if p == len(pattern):
            return n == len(name)
        if pattern.startswith("**/", p) and (p == 0 or pattern[p - 1] == "/"):
            return any(match(p + 3, k) for k in range(n, len(name) + 1) if k == n or name[k - 1] == "/")
        if pattern.startswith("**", p):
            return any(match(p + 2, k) for k in range(n, len(name) + 1))
        if pattern[p] == "*":
            end = name.find("/", n)
            return any(match(p + 1, k) for k in range(n, (len(name) if end < 0 else end) + 1))
        if n == len(name):
            return False
        return (name[n] != "/" if pattern[p] == "?" else name[n] == pattern[p]) and match(p + 1, n + 1)
    return match(0, 0)


class Globs(ObjectsTest):
    def listed(self, *words):
        words = [json.dumps([word]) if word.startswith("[") else word for word in words]  # else it would be read as a list
        return set(self.dowel("ls", "-r", "in", *words).splitlines())

    def test_table(self):
        for pattern, fits, differs in TABLE:
            for wanted, names in ((True, fits), (False, differs)):
                for name in names:
                    if not name or name.endswith("/"):
                        continue
                    self.tree("in", {name: b""})
                    self.assertEqual(self.listed("--include", pattern), {name} if wanted else set(), (pattern, name))
                    self.assertEqual(self.listed("--exclude", pattern), set() if wanted else {name}, (pattern, name))
                    self.dowel("rm", "-r", "in")

    def test_several(self):
        self.tree("in", {name: b"" for name in ("a.csv", "b.txt", "c.bin", "tmp/a.csv")})
        self.assertEqual(self.listed("--include", "**.csv", "--include", "*.txt"), {"a.csv", "b.txt", "tmp/a.csv"})
        self.assertEqual(self.listed("--include", "**.csv", "--exclude", "tmp/"), {"a.csv"})

    def test_against_the_obvious(self):
        rng = random.Random(7)
        names = {"".join(rng.choice("ab/") for _ in range(rng.randrange(1, 9))).strip("/") for _ in range(400)}
        names = {name for name in names if name and "//" not in name}
        names = {name for name in names if not any(other.startswith(name + "/") for other in names)}
        self.tree("in", {name: b"" for name in names})
        for _ in range(60):
            pattern = "".join(rng.choice(["a", "b", "/", "*", "**", "**/", "?"]) for _ in range(rng.randrange(1, 7)))
            if "***" in pattern or pattern.endswith("/") or not pattern:
                continue
            self.assertEqual(self.listed("--include", pattern), {name for name in names if slow(pattern, name)}, pattern)

    def test_no_pattern_takes_for_ever(self):
        self.tree("in", {"a" * 250: b""})
        self.assertEqual(self.listed("--include", "**a" * 60 + "b"), set())
        self.assertEqual(self.listed("--include", "*a" * 100 + "b"), set())


if __name__ == "__main__":
    unittest.main()
