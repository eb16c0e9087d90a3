"""docs/command.md names every command, flag, exit status and variable that there is, and none that there is not."""
import glob
import json
import os
import re
import subprocess
import tempfile
import unittest

BIN, SOURCE = os.environ["DOWEL_BIN"], os.environ["DOWEL_SOURCE"]
HOME = tempfile.TemporaryDirectory(prefix="dowel-manual-")
ENVIRONMENT = {"PATH": os.environ["PATH"], "HOME": HOME.name}


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def dowel(*words, env=None):
    return subprocess.run([BIN, *words], env={**ENVIRONMENT, **(env or {})}, capture_output=True, check=True, text=True).stdout


MANUAL = read("docs", "command.md")


def section(title):
    return re.search(rf"(?ms)^## {title}\n(.*?)(?=^## |\Z)", MANUAL)[1]


def first_cells(text):
    """Every code span in the first column of the tables."""
    return [span for line in re.findall(r"(?m)^\| (.*?) \|", text) for span in re.findall(r"`([^`]+)`", line)]


def usages():
    """`block save` and the like: every command that the help shows."""
    found = set()
    for command in re.findall(r"(?m)^  ([a-z]+)  ", dowel("--help")):
        lines = re.findall(rf"(?m)^(?:Usage:|      ) dowel ({command}.*)", dowel(command, "--help"))
        for line in lines:
            words = line.split()
            verb = words[1] if len(words) > 1 and re.fullmatch(r"[a-z][a-z-]*", words[1]) else ""
            found.add(f"{command} {verb}".strip())
    return found


class Manual(unittest.TestCase):
    maxDiff = None

    def test_commands(self):
        named = set()
        for span in first_cells(MANUAL.split("## ")[0]):
            words = span.split()
            self.assertEqual(words[0], "dowel", span)
            named.add(" ".join(word for word in words[1:3] if re.fullmatch(r"[a-z][a-z-]*", word)))
        named = {"completion" if name == "completion bash" else name for name in named}
        self.assertEqual(named, usages())

    def test_flags(self):
        table = "\n".join(line for line in section("Flags").splitlines() if line.startswith("| `-"))
        own = set(re.findall(r"--[a-z-]+", "".join(line.split("|")[1] for line in table.splitlines())))
        policy = set(re.findall(r"`(--[a-z-]+)`", section("Flags").split("Every `call` takes")[1]))
        helped = set(re.findall(r"(?m)^  (--[a-z-]+)", dowel("call", "--help")))
        self.assertEqual(helped, policy | {"--from", "--run-name", "--run-key", "--take-over", "--output", "--out", "--json"})
        usage = "".join(re.sub(r"(?s)\nFields:\n.*?\n\n", "\n", dowel(command.split()[0], "--help").split("\nExample")[0]) for command in usages())
        real = set(re.findall(r"(--[a-z-]+)", usage)) - {"--field", "--policy-"}
        self.assertEqual(own | policy, real | {"--version", "--help", "--overwrite"})
        for row in table.splitlines():
            flags, where = row.split("|")[1], row.split("|")[2]
            for command in re.findall(r"`([a-z ]+)`", where):
                if command in ("dowel", "completion"):
                    continue
                subject = {"block save": ["secret/x"], "call": ["gcs.list"]}.get(command, [])
                for flag in re.findall(r"--[a-z-]+", flags):
                    words = [*command.split(), *subject, flag]
                    done = subprocess.run([BIN, *words], env=ENVIRONMENT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
                    self.assertNotIn("unknown flag", done.stderr, words)

    def test_exit_statuses(self):
        named = dict(re.findall(r"(?m)^\| (\d+) \| (.*) \|$", section("Exit status")))
        codes = set(re.findall(r'DOWEL_\w+, "\w+", (\d+)\}', read("core", "base", "error.c")))
        self.assertEqual(set(named), codes)
        help_text = dowel("--help")
        for status in named:
            self.assertRegex(help_text, rf"\b{status} [a-z]", status)

    def test_variables(self):
        named = set(first_cells(section("Environment")))
        valid = {"DOWEL_DATABASE_URL": "memory:", "DOWEL_LOG": "warning"}
        listed = set(json.loads(dowel("config", "--json", env={name: valid.get(name, "/x") for name in named}))["environment"])
        self.assertEqual(listed, named, "`dowel config` shows each of them")
        source = "".join(read(path) for folder in ("core/*", "blocks/*", "connectors/*", "cli") for path in glob.glob(folder + "/*.c", root_dir=SOURCE))
        honoured = set(re.findall(r'(?:getenv|variable|env)\("([A-Z][A-Z_]+)"\)', source)) - {"HOME", "TERM"}
        self.assertLessEqual(honoured, named)
        for name in named - {"ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy", "http_proxy"}:  # libcurl's
            where = source.replace(read("cli", "config.c"), "")
            self.assertTrue(f'"{name}"' in where or name.startswith("AWS_ENDPOINT_URL_"), f"{name} is read nowhere")

    def test_help_of_the_command_agrees(self):
        for name in re.findall(r"\b(?:DOWEL_[A-Z_]+|NO_COLOR)\b", dowel("--help")):
            self.assertIn(f"`{name}`", MANUAL)


if __name__ == "__main__":
    unittest.main()
