"""Every command in the tables of docs/coming_from.md exists with its flags, and every relative link of a page leads to a file."""
import glob
import os
import re
import shlex
import subprocess
import unittest

BIN, SOURCE = os.environ["DOWEL_BIN"], os.environ["DOWEL_SOURCE"]
PAGES = ["README.md", "CONTRIBUTING.md", *glob.glob("docs/*.md", root_dir=SOURCE), *glob.glob("connectors/*/README.md", root_dir=SOURCE)]
VERBS = {"block", "runs", "key", "task"}


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def help_of(words):
    """The help of the command that the words begin with; TASK stands for any task."""
    task = words[0] == "call"
    subject = words[:2] if task or words[0] in VERBS and len(words) > 1 and not words[1].startswith("-") else words[:1]
    subject = ["gcs.list" if word == "TASK" else word for word in subject]
    if words[:2] == ["block", "save"]:
        subject.append(words[2].split("/")[0])
    done = subprocess.run([BIN, *subject, "--help"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode == 0 else None


class Pages(unittest.TestCase):
    def test_commands_to_type_now(self):
        rows = re.findall(r"(?m)^\| (.*) \| (.*) \|$", read("docs/coming_from.md"))
        spans = [span for _, now in rows for span in re.findall(r"`(dowel [^`]+)`", now)]
        self.assertGreater(len(spans), 60)
        for span in spans:
            with self.subTest(span):
                words = shlex.split(span)[1:]
                text = help_of(words)
                self.assertIsNotNone(text, "no such command")
                for flag in (word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)):
                    self.assertRegex(text, rf"(?<![\w-]){re.escape(flag)}(?![\w-])", f"{flag} is not in the help")

    def test_links(self):
        for page in PAGES:
            for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", read(page)):
                with self.subTest(page=page, link=link):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, os.path.dirname(page), link)))


if __name__ == "__main__":
    unittest.main()
