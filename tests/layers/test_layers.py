"""Arrows point downwards: the symbols of the static libraries show who calls whom, and the includes show who reads whose private headers."""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import unittest

SOURCE, BUILD = os.environ["DOWEL_SOURCE"], os.environ["DOWEL_BUILD"]

# From the bottom up. A library may use those before it in this list; clouds and connectors have rules of their own below.
ORDER = ["core_base", "core_stream", "core_fields", "core_database", "core_runtime", "core_http", "core_transfer", "blocks_keys", "blocks_registry",
         "a cloud", "blocks_import", "a connector", "dowel", "cli"]
# What one cloud may call of another: Google's credentials from an AWS subject are signed with SigV4.
BETWEEN_CLOUDS = {("blocks_gcp", "blocks_aws"): {"dowel_sigv4_sign", "dowel_sigv4_clear"}}


def layer(library):
    if library in ORDER:
        return ORDER.index(library)
    return ORDER.index("a cloud" if library.startswith("blocks_") else "a connector")


def problem(user, used, symbol):
    """What is wrong with a call from one library to another; None: nothing."""
    if symbol in BETWEEN_CLOUDS.get((user, used), ()):
        return None
    if layer(used) < layer(user) or user == used:
        return None
    kind = "upward" if layer(used) > layer(user) else "sideways"
    return f"{kind}: {user} uses {symbol} of {used}"


def symbols():
    """({symbol: library that defines it}, {library: {symbol it uses: object file}})"""
    defined, used = {}, collections.defaultdict(dict)
    for path in glob.glob(os.path.join(BUILD, "**", "libdowel*.a"), recursive=True):
        library = re.sub(r"^libdowel_?|\.a$", "", os.path.basename(path)) or "dowel"
        said = subprocess.run(["nm", "-A", path], capture_output=True, text=True, check=True).stdout
        for line in said.splitlines():
            place, kind, name = re.match(r"\S*:([^:]+):[0-9a-f ]*\s(\w) (\S+)$", line).groups()
            if kind in "TDBRV":
                defined[name] = library
            elif kind == "U":
                used[library][name] = place
    return defined, used


class Layers(unittest.TestCase):
    @unittest.skipUnless(shutil.which("nm"), "SKIPPED: no nm")
    def test_no_library_refers_upwards_or_sideways(self):
        defined, used = symbols()
        self.assertGreaterEqual(set(used), set(ORDER) - {"a cloud", "a connector"}, "each library was read")
        found = [f"{wrong} ({place})" for user, names in used.items() for name, place in names.items()
                 if name in defined and (wrong := problem(user, defined[name], name))]
        self.assertFalse(found, "\n".join(sorted(found)))

    def test_the_rules(self):
        for user, used, symbol, allowed in (("core_http", "core_base", "f", True), ("core_base", "core_http", "f", False), ("s3", "gcs", "f", False),
                                            ("blocks_gcp", "blocks_aws", "dowel_sigv4_sign", True), ("blocks_gcp", "blocks_aws", "f", False),
                                            ("blocks_aws", "blocks_gcp", "dowel_sigv4_sign", False), ("blocks_registry", "blocks_aws", "f", False),
                                            ("blocks_azure", "core_http", "f", True), ("azure", "blocks_azure", "f", True), ("azure", "cli", "f", False)):
            self.assertEqual(problem(user, used, symbol) is None, allowed, (user, used, symbol))

    def test_private_headers_stay_in_their_folder(self):
        """Other folders of the module include NAME_internal.h alone; the compiler sees no header of a folder that CMake does not name."""
        folder_of = {}
        for path in glob.glob("core/*/*.h", root_dir=SOURCE) + glob.glob("blocks/*/*.h", root_dir=SOURCE):
            folder_of.setdefault(os.path.basename(path), []).append(os.path.dirname(path))
        found = []
        for path in glob.glob("core/*/*.[ch]", root_dir=SOURCE) + glob.glob("blocks/*/*.[ch]", root_dir=SOURCE):
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                for name in re.findall(r'(?m)^#include "(.*)"', file.read()):
                    if os.path.dirname(path) not in folder_of.get(name, []) and not name.endswith("_internal.h"):
                        found.append(f"{path} includes {name} of {folder_of.get(name)}")
        self.assertFalse(found, "\n".join(found))

    def test_files_lie_in_folders(self):
        for module in ("core", "blocks"):
            loose = [name for name in os.listdir(os.path.join(SOURCE, module))
                     if name != "CMakeLists.txt" and not os.path.isdir(os.path.join(SOURCE, module, name))]
            self.assertFalse(loose, f"{module}: only folders, CMakeLists.txt and include")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
