"""Answers that break off anywhere before their end are failures, whatever part of them arrived."""
import json
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, main, run  # noqa: E402

HEAD = b"HTTP/1.1 200 OK\r\nETag: \"0cc175b9c0f1b6a831c399e269772661\"\r\nContent-Length: 2\r\nContent-Type: application/json\r\n\r\n"
BODY = b"{}"
ENV = {"AWS_MAX_ATTEMPTS": "1", "http_proxy": "", "no_proxy": "*", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "eu-west-1"}


class Server:
    """Gives the same answer to every request, and hangs up."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.answer, self.requests = b"", 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                data = b""
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                self.requests += 1
                connection.sendall(self.answer)


SERVER = Server()


def invoke(answer):
    SERVER.answer, SERVER.requests = answer, 0
    function = json.dumps({"function_name": "f", "endpoint": SERVER.url})
    return run("call", "lambda.invoke", "--function", function, "--json", env=ENV)


def download(answer, path):
    SERVER.answer = answer
    bucket = json.dumps({"bucket": "b", "endpoint": SERVER.url, "path_style": True})
    return run("call", "s3.get", "--bucket", bucket, "--key", "k", "--file", path, env=ENV)


def cuts(answer):
    return sorted({*range(0, len(answer), 5), len(HEAD) - 1, len(HEAD) - 2, len(HEAD) - 3, len(HEAD) - 4, len(HEAD), len(answer) - 1})


def test_an_invocation_whose_answer_breaks_off_is_in_doubt():
    for size in cuts(HEAD + BODY):
        done = invoke((HEAD + BODY)[:size])
        assert done.returncode and not done.stdout, (size, done)
        assert "may have run" in json.loads(done.stderr)["error"]["message"] and SERVER.requests == 1, (size, done)
    assert invoke(HEAD + BODY).returncode == 0


def test_a_download_whose_answer_breaks_off_leaves_no_file():
    path = os.path.join(TMP, "cut")
    for size in cuts(HEAD + BODY):
        done = download((HEAD + BODY)[:size], path)
        assert done.returncode and not os.path.exists(path), (size, done)


def test_what_is_not_http_is_called_so():
    done = invoke(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert done.returncode and "the answer is not HTTP" in json.loads(done.stderr)["error"]["message"], done


if __name__ == "__main__":
    main(globals())
