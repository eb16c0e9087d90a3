"""Every public header stands by itself in C11 and C++17 without a warning, and so does every macro with arguments that one has."""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.environ["DOWEL_SOURCE"]
HEADERS = sorted(path for pattern in ("core", "blocks", "cli", "connectors/*") for path in glob.glob(f"{SOURCE}/{pattern}/include/dowel/*.h"))
FOLDERS = sorted({os.path.dirname(os.path.dirname(path)) for path in HEADERS})
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]
C = [[c, "-std=c11", "-D_POSIX_C_SOURCE=200809L"] for c in ("gcc", "clang") if shutil.which(c)]
CXX = [[c, "-std=" + standard] for c in ("g++", "clang++") if shutil.which(c) for standard in ("c++17", "c++20")]

# One use of each macro that takes arguments, in C and in C++.
USES = {
    "DOWEL_AT": "static const dowel_field at = {DOWEL_AT(args, count), .kind = DOWEL_INT, .flags = 0, .fallback = NULL, .doc = \"Count.\", .example = NULL, .values = NULL, .table = NULL, .blocks = NULL, .minimum = 0, .maximum = 0, .synonyms = NULL, .setting = NULL};",
    "DOWEL_GIVEN_AT": "static const dowel_field given_at = {DOWEL_GIVEN_AT(args), .flags = 0, .fallback = NULL, .doc = \"Count.\", .example = NULL, .values = NULL, .table = NULL, .blocks = NULL, .minimum = 0, .maximum = 0, .synonyms = NULL, .setting = NULL};",
    "DOWEL_WAS_GIVEN": "bool was_given(const args *a) { return DOWEL_WAS_GIVEN(a, count); }",
    "DOWEL_PRINTF": "void say(const char *format, ...) DOWEL_PRINTF(1, 2);",
    "DOWEL_TEXT": "", "DOWEL_INTEGER": "",  # with the next
    "DOWEL_VALUES": "int store(dowel_db *db, int64_t n, dowel_error *err) {\n"
                    "    int64_t changed;\n    dowel_rows *rows;\n"
                    "    int rc = dowel_db_exec(db, \"x\", DOWEL_VALUES(DOWEL_TEXT(\"a\"), DOWEL_INTEGER(n), DOWEL_TEXT(NULL)), &changed, err);\n"
                    "    return rc ? rc : dowel_db_query(db, \"y\", DOWEL_VALUES(DOWEL_INTEGER(1)), &rows, err);\n}",
}
INNER = {"dowel_fail", "dowel_fail_system", "dowel_no_memory"}  # for clang's analyzer alone
# Rows of tables, in a header that is not installed: C alone, as the connectors that use them.
INNER |= {f"DOWEL_PRESIGN_{row}_FIELD" for row in ("EXPIRES", "HEADERS", "QUERY", "CONDITIONS")}
PROTOTYPES = "bool was_given(const args *a);\nint store(dowel_db *db, int64_t n, dowel_error *err);\n"
CHECKS = "const void *used(int i);\nconst void *used(int i) { return i ? (const void *)&at : (const void *)&given_at; }\n"


class Headers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="dowel-headers-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.flags = [f"-I{folder}" for folder in FOLDERS] + subprocess.check_output(["pkg-config", "--cflags", "jansson"], text=True).split()

    def compiles(self, compiler, text, *more):
        path = os.path.join(self.folder, "used." + ("cc" if "++" in compiler[0] else "c"))
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        done = subprocess.run([*compiler, *STRICT, *more, *self.flags, path], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, f"{' '.join(compiler)}:\n{text}\n{done.stderr}")

    def test_each_by_itself(self):
        self.assertGreater(len(HEADERS), 15)
        self.assertTrue(C and CXX)
        for header in HEADERS:
            name = os.path.basename(header)
            for compiler in C + CXX:
                self.compiles(compiler, f"#include <dowel/{name}>\n#include <dowel/{name}>\nint here(void);\nint here(void) {{ return 0; }}\n")

    def test_every_macro(self):
        found = set()
        for header in HEADERS:
            with open(header, encoding="utf-8") as file:
                found |= set(re.findall(r"^#\s*define (\w+)\(", file.read(), re.M))
        self.assertEqual(found - INNER, set(USES), "say here how a macro is used")
        includes = "".join(f"#include <dowel/{os.path.basename(header)}>\n" for header in HEADERS)
        text = includes + "typedef struct args {\n    int64_t count;\n    const char *given;\n} args;\n" + PROTOTYPES + "\n".join(USES.values()) + "\n" + CHECKS
        for compiler in C + CXX:
            more = ["-Wno-c99-designator", "-Wno-c++20-designator", "-Wno-unknown-warning-option"] if compiler[0] == "clang++" else ["-Wno-pedantic"] if "++" in compiler[0] else []
            self.compiles(compiler, text, *more)


if __name__ == "__main__":
    unittest.main()
