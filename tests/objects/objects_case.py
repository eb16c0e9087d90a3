"""Trees of files, and what the command makes of them."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, ".."), os.path.join(HERE, "..", "cli")]
from cli_case import CommandTest  # noqa: E402
from command import unfinished  # noqa: E402, F401


class ObjectsTest(CommandTest):
    def tree(self, root, files):
        """Makes files below a folder: {name: bytes}; names may be bytes."""
        for name, content in files.items():
            path = os.path.join(os.fsencode(self.path(root)), os.fsencode(name))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)

    def files(self, root):
        """What is below a folder: {name: bytes}, links as 'link to X'."""
        found, top = {}, os.fsencode(self.path(root))
        for folder, folders, names in os.walk(top):
            for name in names + [f for f in folders if os.path.islink(os.path.join(folder, f))]:
                path = os.path.join(folder, name)
                shown = os.fsdecode(os.path.relpath(path, top))
                if os.path.islink(path):
                    found[shown] = "link to " + os.fsdecode(os.readlink(path))
                else:
                    with open(path, "rb") as file:
                        found[shown] = file.read()
        return found

    def counts(self, command, *words, **options):
        """The last event of a command: what it counted."""
        last = json.loads(self.dowel(command, *words, "--json", **options).splitlines()[-1])
        self.assertEqual(last.pop("event"), "done")
        return last

    def events(self, *words, **options):
        return [json.loads(line) for line in self.dowel(*words, "--json", **options).splitlines()]
