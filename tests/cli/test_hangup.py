"""SIGHUP, when a terminal is closed, is like SIGTERM: the task is cancelled, tidies up and is recorded. Unless it was ignored from the start (nohup)."""
import os
import signal
import subprocess
import threading

from cli_case import BIN, CommandTest, main
from lambda_server import LambdaServer, function


class Hangup(CommandTest):
    def start(self, *words, **options):
        process = subprocess.Popen([BIN, *words], env=self.env, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.communicate()))
        return process

    def invoke(self, server, **options):
        process = self.start("call", "lambda.invoke", "--function", function(server), **options)
        self.assertTrue(server.asked.wait(60))
        return process

    @staticmethod
    def ignores(process, number):
        with open(f"/proc/{process.pid}/status") as file:
            [mask] = [line.split()[1] for line in file if line.startswith("SigIgn:")]
        return bool(int(mask, 16) >> (number - 1) & 1)

    def test_it_cancels(self):
        for times in (1, 3):
            with LambdaServer(silent=True) as server:
                process = self.invoke(server)
                # The shell and the kernel each send one: the second must not end what tidies up after the first.
                for _ in range(times):
                    process.send_signal(signal.SIGHUP)
                _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, err)
            self.assertIn(b"cancelled", err)
            self.assertEqual(self.json("runs", "--limit", "1")[0]["state"], "cancelled")

    def test_nohup(self):
        def ignore():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with LambdaServer(silent=True) as server:
            process = self.invoke(server, preexec_fn=ignore)
            self.assertTrue(self.ignores(process, signal.SIGHUP))
            process.send_signal(signal.SIGHUP)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)

    def test_outside_of_a_task_it_ends_the_process(self):
        read, write = os.pipe()
        process = self.start("block", "save", "gcs-bucket/b", "--from", "-", stdin=read)
        os.close(read)
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(60), -signal.SIGHUP)
        os.close(write)

    def test_a_multipart_upload_is_not_left_open(self):
        """The last request after a hangup is the one that aborts the upload."""
        import http.server
        seen, waiting, over = [], threading.Event(), threading.Event()

        class Storage(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, status, body=b"", **headers):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self):
                seen.append(("POST", self.path))
                self.answer(200, b"<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>o</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>")

            def do_PUT(self):
                seen.append(("PUT", self.path))
                waiting.set()
                over.wait(60)
                self.close_connection = True

            def do_DELETE(self):
                seen.append(("DELETE", self.path))
                self.answer(204)

            def do_HEAD(self):
                self.answer(404)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Storage)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        with open(self.path("large"), "wb") as file:
            file.truncate(40 << 20)
        bucket = '{"bucket": "b", "region": "us-east-1", "endpoint": "http://127.0.0.1:%d"}' % server.server_port
        self.env.update(AWS_ACCESS_KEY_ID="AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY="x")
        try:
            process = self.start("call", "s3.put", "--bucket", bucket, "--key", "o", "--file", self.path("large"), "--part-size", "5MiB")
            self.assertTrue(waiting.wait(60))
            process.send_signal(signal.SIGHUP)
            _, err = process.communicate(timeout=60)
        finally:
            over.set()
        self.assertEqual(process.returncode, 130, err)
        self.assertEqual(seen[-1][0], "DELETE", seen)
        self.assertIn("uploadId=u1", seen[-1][1])


if __name__ == "__main__":
    main()
