"""Ctrl-C: the first cancels the task and records it, the second ends the process; nothing but tasks catches it."""
import os
import signal
import subprocess
import time

from cli_case import BIN, CommandTest, main
from lambda_server import LambdaServer, function


class Signals(CommandTest):
    def start(self, *words, **options):
        process = subprocess.Popen([BIN, *words], env=self.env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        return process

    def test_a_task_is_cancelled_and_recorded(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with LambdaServer(silent=True) as server:
                process = self.start("call", "lambda.invoke", "--function", function(server))
                self.assertTrue(server.asked.wait(60))
                process.send_signal(number)
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn(b"cancelled", err)
            self.assertEqual(self.json("runs", "--limit", "1")[0]["state"], "cancelled")

    def test_waiting_between_retries_is_cancelled(self):
        bucket = '{"bucket": "b", "endpoint": "http://127.0.0.1:1", "credentials": {"anonymous": true}}'
        process = self.start("call", "gcs.list", "--bucket", bucket, "--timeout", "1ms", "--retries", "5", "--retry-delay", "1h")
        self.wait_for(lambda: [run["state"] for run in self.json("runs")] == ["retrying"])
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.json("runs")[0]["state"], "cancelled")

    def wait_for(self, condition):
        end = time.monotonic() + 60
        while not condition():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def test_the_second_ends_it_at_once(self):
        """A task that waits for standard input does not notice the first."""
        with LambdaServer(b'"x"') as server:
            read, write = os.pipe()
            bucket = '{"bucket": "b", "endpoint": "%s", "credentials": {"anonymous": true}}' % server.url
            process = self.start("call", "gcs.upload", "--bucket", bucket, "--name", "o", "--file", "-", stdin=read)
            os.close(read)
            self.wait_for(lambda: [run["state"] for run in self.json("runs")] == ["running"])
            end = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < end:
                process.send_signal(signal.SIGINT)
                time.sleep(0.1)
            os.close(write)
            self.assertIn(process.returncode, (-signal.SIGINT, 130))

    def test_what_is_no_task_ends_at_once(self):
        read, write = os.pipe()
        process = self.start("block", "save", "gcs-bucket/b", "--from", "-", stdin=read)
        os.close(read)
        os.write(write, b"{")
        self.wait_for(lambda: self.waits(process.pid))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), -signal.SIGINT)
        os.close(write)
        self.assertEqual(self.json("block", "list"), [])

    @staticmethod
    def waits(pid):
        """Whether the process sleeps, as it does when it waits for input."""
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "S"


if __name__ == "__main__":
    main()
