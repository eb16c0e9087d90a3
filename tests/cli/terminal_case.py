"""A command on a terminal of its own."""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time

from cli_case import BIN, CommandTest


class TerminalTest(CommandTest):
    def start(self, *words, columns=80, env=None, stdout=True, stderr=True):
        """The command with a terminal of its own as its controlling one."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([BIN, *words], stdin=follower, stdout=follower if stdout else subprocess.PIPE,
                                   stderr=follower if stderr else subprocess.PIPE, env={**self.env, **(env or {})}, cwd=self.folder,
                                   start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(os.close, leader)
        self.follower = follower
        self.addCleanup(self.close_follower)
        return process, leader

    def close_follower(self):
        if self.follower is not None:
            os.close(self.follower)
            self.follower = None

    def read_until(self, leader, condition, seconds=60):
        text = b""
        end = time.monotonic() + seconds
        while not condition(text.decode(errors="replace")) and time.monotonic() < end:
            ready, _, _ = select.select([leader], [], [], 0.1)
            if ready:
                try:
                    piece = os.read(leader, 65536)
                except OSError:  # every writer has gone
                    break
                if not piece:
                    break
                text += piece
        return text.decode(errors="replace")

    def on_terminal(self, *words, status=0, **options):
        process, leader = self.start(*words, **options)
        self.close_follower()
        text = self.read_until(leader, lambda _: False)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
        self.assertEqual(process.wait(60), status, text)
        return text.replace("\r\n", "\n")
