"""Who may be able to read a key file: its user; and where root mounts it for a group, as Kubernetes does with secrets, the processes of that group."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
from cli_case import CommandTest, main  # noqa: E402

GROUP = 23456


class Modes(CommandTest):
    def setUp(self):
        super().setUp()
        self.dowel("block", "save", "secret/s", "--value", "-", stdin="planted")
        self.key = self.path("home", ".config", "dowel", "key")
        if not os.path.exists(self.key):
            self.key = next(os.path.join(folder, name) for folder, _, names in os.walk(self.folder) for name in names if name == "key")

    def reads(self, **options):
        done = self.run_dowel("block", "show", "secret/s", "--show-secrets", "--json", **options)
        self.assertIn(done.returncode, (0, 4), done.err)
        if done.returncode:
            self.assertIn("can be read by other users", done.err)
            self.assertIn("chmod 600", done.err)
            self.assertNotIn("planted", done.out + done.err)
        return done.returncode == 0

    def test_the_users_own(self):
        for mode, good in ((0o600, True), (0o400, True), (0o644, False), (0o444, False), (0o604, False), (0o620, False), (0o601, False)):
            os.chmod(self.key, mode)
            self.assertEqual(self.reads(), good, oct(mode))

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    def test_mounted_by_root_for_a_group(self):
        for owner, group, mode, groups, good in (
                (0, GROUP, 0o440, [GROUP], True), (0, GROUP, 0o640, [1, GROUP, 2], True), (0, 0, 0o440, [], True), (0, GROUP, 0o440, [], False),
                (0, GROUP, 0o440, [GROUP + 1], False), (0, GROUP, 0o444, [GROUP], False), (0, GROUP, 0o460, [GROUP], False), (0, GROUP, 0o441, [GROUP], False),
                (65534, GROUP, 0o440, [GROUP], False), (65534, GROUP, 0o400, [GROUP], True)):
            os.chown(self.key, owner, group)
            os.chmod(self.key, mode)
            self.assertEqual(self.reads(extra_groups=groups), good, (owner, group, oct(mode), groups))


if __name__ == "__main__":
    main()
