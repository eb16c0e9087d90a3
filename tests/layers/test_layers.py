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
         "blocks_import", "a cloud", "a connector", "dowel", "cli"]
# No part of core knows of one of these.
CLOUD = re.compile(r"(?<![a-z])(amz|aws|amazon|goog|google|gcs|s3|lambda|bigquery)(?![a-rt-z])|cloud\s+(storage|run)", re.IGNORECASE)
# What one cloud may call of another: Google's credentials from an AWS subject are signed with SigV4, by keys of the EC2 metadata service.
BETWEEN_CLOUDS = {("blocks_gcp", "blocks_aws"): {"dowel_sigv4_sign", "dowel_sigv4_clear", "dowel_aws_metadata_ask"}}


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
                                            ("blocks_azure", "core_http", "f", True), ("azure", "blocks_azure", "f", True),
                                            ("blocks_azure", "blocks_import", "f", True), ("blocks_import", "blocks_aws", "f", False), ("azure", "cli", "f", False)):
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

    def test_core_names_no_cloud(self):
        """Not in code, messages or comments: what core must know of a service, the service tells it (dowel_http_service, dowel_objects ...)."""
        found = []
        for path in sorted(glob.glob("core/**/*", root_dir=SOURCE, recursive=True)):
            if os.path.isfile(os.path.join(SOURCE, path)):
                with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                    found += [f"{path}:{number}: {match.group()}" for number, line in enumerate(file, 1) if (match := CLOUD.search(line))]
        self.assertFalse(found, "\n".join(found))

    def test_what_counts_as_a_cloud(self):
        for text in ("x-amz-date", "X-Goog-Signature", "dowel_aws_sign", "s3.upload", "gcs-bucket", "Google", "cloud  storage", "AWS_REGION"):
            self.assertTrue(CLOUD.search(text), text)
        for text in ("draws", "sha3", "laws and flaws", "us3r"):
            self.assertFalse(CLOUD.search(text), text)

    def test_services_tell_their_names(self):
        """A service of a cloud without `names` would have its secrets masked by the generic names alone."""
        found, seen = [], 0
        for path in glob.glob("blocks/*/*.c", root_dir=SOURCE) + glob.glob("connectors/*/*.c", root_dir=SOURCE):
            with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
                text = file.read()
            if CLOUD.search(path) or re.search("dowel_(aws|gcp)_", text):
                for service in re.findall(r"const dowel_http_service \w+ = \{[^;]*;", text):
                    for one in re.findall(r"\{[^{}]*\}", service):
                        seen += 1
                        found += [] if ".names = &" in one else [f"{path}: {one}"]
        self.assertGreater(seen, 15)
        self.assertFalse(found, "\n".join(found))

    def test_files_lie_in_folders(self):
        for module in ("core", "blocks"):
            loose = [name for name in os.listdir(os.path.join(SOURCE, module))
                     if name != "CMakeLists.txt" and not os.path.isdir(os.path.join(SOURCE, module, name))]
            self.assertFalse(loose, f"{module}: only folders, CMakeLists.txt and include")


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
