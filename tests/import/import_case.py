"""A home with the files of other tools in it, and `dowel block import` in it."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from cli_case import CommandTest, main  # noqa: E402,F401


class ImportTest(CommandTest):
    def home(self, path, content, mode=0o600):
        """A file below the home folder."""
        whole = self.path("home", path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "w", encoding="utf-8") as file:
            file.write(content if isinstance(content, str) else json.dumps(content))
        os.chmod(whole, mode)
        return whole

    def imported(self, *words, **options):
        """What was saved, with its secrets, by block; and the warnings."""
        done = json.loads(self.dowel("block", "import", *words, "--json", **options))
        shown = {b["block"]: self.json("block", "show", b["block"], "--show-secrets")["document"] for b in done["blocks"]}
        return shown, done["warnings"]

    def refused(self, status, *words, says=(), **options):
        """Fails, and leaves no block."""
        before = self.json("block", "list")
        said = self.fails(status, "block", "import", *words, says=says, **options)
        self.assertEqual(self.json("block", "list"), before)
        return said
