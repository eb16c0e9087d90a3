"""docs/writing-a-connector.md, followed to the letter: its files are built out of tree against the installed package, with CMake and
with pkg-config, and the connector is used through the command that comes of it."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, main  # noqa: E402

SOURCE, BUILD, FAULT = os.environ["DOWEL_SOURCE"], os.environ["DOWEL_BUILD"], os.environ["DOWEL_TEST_FAULT_URL"]
PREFIX = os.path.join(TMP, "prefix")
WORK = os.path.join(TMP, "work")
SECRET = f"{FAULT}/chat/T0KEN-OF-THE-WEBHOOK"


def shell(*words, code=0, env=None):
    done = subprocess.run(words, cwd=WORK, capture_output=True, text=True, env={**os.environ, **(env or {})}, timeout=300)
    assert done.returncode == code, f"{words} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done.stdout if code == 0 else done.stderr


def server(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(FAULT + path, data) as answer:
        return json.load(answer) if body is None else None


def test_the_files_of_the_document():
    with open(os.path.join(SOURCE, "docs/writing-a-connector.md")) as file:
        text = file.read()
    files = re.findall(r"^`(chat/[^`]+)`\n\n```\w+\n(.*?)^```$", text, re.M | re.S)
    assert sorted(name for name, _ in files) == ["chat/CMakeLists.txt", "chat/box.c", "chat/chat.c", "chat/include/dowel/chat.h", "chat/main.c"]
    for name, content in files:
        path = os.path.join(WORK, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
    assert sum(content.count("\n") for _, content in files) < 300


def test_build_with_cmake():
    shell("cmake", "--install", BUILD, "--prefix", PREFIX)
    compiler = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", open(os.path.join(BUILD, "CMakeCache.txt")).read(), re.M).group(1)
    shell("cmake", "-G", "Ninja", "-S", "chat", "-B", "chat/build", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_C_COMPILER={compiler}",
          "-DCMAKE_C_FLAGS=-std=c11 -Wall -Wextra -Werror -Wno-missing-field-initializers")
    shell("cmake", "--build", "chat/build")
    shutil.move(os.path.join(WORK, "chat/build/dowel-chat"), os.path.join(WORK, "dowel-chat"))


def test_the_files_are_cplusplus_too():
    """What the page shows, and the order of its tables, for those who write a connector in C++."""
    compilers = [c for c in ("g++", "clang++") if shutil.which(c)]
    assert compilers, "no C++ compiler"
    includes = [*subprocess.check_output(["pkg-config", "--cflags", "jansson"], text=True).split(), "-Ichat/include", f"-I{PREFIX}/include"]
    for compiler in compilers:
        for name in ("main.c", "chat.c", "box.c"):
            shell(compiler, "-x", "c++", "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-missing-field-initializers", "-fsyntax-only",
                  *includes, "chat/" + name)


def test_the_installed_package_is_whole():
    assert "0.1.0" in shell(os.path.join(PREFIX, "bin/dowel"), "--version")
    for name, says in (("bash-completion/completions/dowel", "complete -F"), ("zsh/site-functions/_dowel", "#compdef dowel"),
                       ("fish/vendor_completions.d/dowel.fish", "complete -c dowel"), ("doc/dowel/docs/command.md", "# The command")):
        assert says in open(os.path.join(PREFIX, "share", name)).read(), name
    named = subprocess.run(["grep", "-rlF", "--include=*.cmake", "--include=*.pc", "--include=*.h", SOURCE, PREFIX], capture_output=True)
    assert named.returncode == 1, f"the installed package names the folder that it was built in: {named.stdout.decode()}"


def test_completion_has_the_programs_name():
    script = shell("./dowel-chat", "completion", "bash")
    assert "complete -F _dowel_chat dowel-chat" in script and "< <(dowel-chat complete" in script, script
    assert "chat.post\tPosts" in shell("./dowel-chat", "complete", "call", "chat")


def test_block_and_task():
    server("/_script/chat", [{"status": 503}, {"status": 200, "body": "ok"}])
    shell("./dowel-chat", "block", "save", "chat-webhook/team", "--url", "env:CHAT_URL", env={"CHAT_URL": SECRET})
    shown = shell("./dowel-chat", "block", "show", "chat-webhook/team")
    assert "T0KEN" not in shown and "********" in shown, shown
    printed = shell("./dowel-chat", "call", "chat.post", "--webhook", "team", "--text", "The report is there", "--fields", "rows=3376",
                    env={"DOWEL_LOG": "debug"})
    assert "200" in printed, printed
    log = server("/_log/chat")
    assert len(log) == 2, "503 was to be retried once"
    body = {"channel": "general", "text": "The report is there", "fields": {"rows": "3376"}}
    assert log[1]["sha256"] == hashlib.sha256(json.dumps(body, separators=(",", ":")).encode()).hexdigest()
    assert log[1]["path"] == "/chat/T0KEN-OF-THE-WEBHOOK" and log[1]["method"] == "POST"
    said = subprocess.run(["./dowel-chat", "call", "chat.post", "--webhook", "team", "--text", "again"], cwd=WORK, capture_output=True,
                          text=True, env={**os.environ, "DOWEL_LOG": "debug"})
    assert said.returncode == 0 and "T0KEN" not in said.stderr + said.stdout, said.stderr
    runs = json.loads(shell("./dowel-chat", "runs", "--json"))
    assert [r["task"] for r in runs] == ["chat.post", "chat.post"]


class Box(BaseHTTPRequestHandler):
    """The store that the page's second connector is for."""
    TOKEN = "T0KEN-OF-THE-BOX"
    kept, seen, fails = {}, [], []

    def do(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        Box.seen.append((self.command, self.path))
        if self.headers.get("X-Box-Token") != Box.TOKEN:
            return self.answer(401)
        if Box.fails:
            return self.answer(Box.fails.pop())
        if self.command == "PUT":
            Box.kept[self.path] = body
            return self.answer(200)
        if self.path == "/files/":
            return self.answer(200, b'{"owner": "somebody"}')
        return self.answer(200 if self.path in Box.kept else 404, Box.kept.get(self.path, b""))

    do_GET = do_PUT = do

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


def test_a_secret_a_check_streams_and_storage():
    box = ThreadingHTTPServer(("127.0.0.1", 0), Box)
    threading.Thread(target=box.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{box.server_port}/files"
    try:
        shell("./dowel-chat", "block", "save", "secret/box", "--value", "env:BOX", env={"BOX": Box.TOKEN})
        shell("./dowel-chat", "block", "save", "box-account/mine", "--url", url, "--token", "box")
        report = json.loads(shell("./dowel-chat", "block", "check", "box-account/mine", "--json"))
        assert report["identity"] == "somebody", report
        content = os.urandom(300000)
        with open(os.path.join(WORK, "in"), "wb") as file:
            file.write(content)
        Box.fails[:] = [503]
        assert "a/b.bin" in shell("./dowel-chat", "call", "box.put", "--account", "mine", "--name", "a/b.bin", "--file", "in")
        assert Box.kept["/files/a/b.bin"] == content and Box.seen.count(("PUT", "/files/a/b.bin")) == 2
        shell("./dowel-chat", "call", "box.get", "--account", "mine", "--name", "a/b.bin", "--file", "out")
        with open(os.path.join(WORK, "out"), "rb") as file:
            assert file.read() == content
        piped = subprocess.run(["./dowel-chat", "call", "box.get", "--account", "mine", "--name", "a/b.bin", "--file", "-"], cwd=WORK, capture_output=True, check=True)
        assert piped.stdout == content, "nothing but the bytes comes out"
        subprocess.run(["./dowel-chat", "call", "box.put", "--account", "mine", "--name", "piped", "--file", "-"], cwd=WORK, input=b"from a pipe", capture_output=True, check=True)
        assert Box.kept["/files/piped"] == b"from a pipe"
        shell("./dowel-chat", "call", "box.get", "--account", "mine", "--name", "absent", "--file", "absent", code=3)
        assert not os.path.exists(os.path.join(WORK, "absent"))
        shell("./dowel-chat", "call", "box.put", "--account", "mine", "--name", "kept", "--file", "in", "--persist-result", "--result-storage", "box-account/mine")
        run = json.loads(shell("./dowel-chat", "runs", "--json"))[0]
        assert json.loads(shell("./dowel-chat", "runs", "result", run["id"], "--json")) == {"name": "kept"}
        assert any(path.startswith("/files/") and b"kept" in body for path, body in Box.kept.items())
        said = subprocess.run(["./dowel-chat", "call", "box.put", "--account", "mine", "--name", "x", "--file", "in"], cwd=WORK, capture_output=True, text=True,
                              env={**os.environ, "DOWEL_LOG": "debug"}, check=True)
        assert "T0KEN" not in said.stderr + said.stdout, said.stderr
    finally:
        box.shutdown()
        box.server_close()


def test_errors_and_help():
    assert "--webhook" in shell("./dowel-chat", "call", "chat.post", "--help")
    assert "chat-webhook" in shell("./dowel-chat", "block", "types")
    said = shell("./dowel-chat", "block", "save", "chat-webhook/bad", "--url", "env:CHAT_URL", code=2, env={"CHAT_URL": "ftp://x"})
    assert "url" in said and "https://" in said, said
    server("/_script/chat", [{"status": 404, "body": "no_service"}])
    said = shell("./dowel-chat", "call", "chat.post", "--webhook", "team", "--text", "x", code=3)
    assert "webhook was removed" in said and "T0KEN" not in said, said


def test_build_with_pkg_config():
    found = subprocess.check_output(["find", PREFIX, "-name", "dowel.pc"], text=True).strip()
    shell("sh", "-c", "cc -Ichat/include chat/*.c $(pkg-config --cflags --libs dowel) -o with-pkg-config",
          env={"PKG_CONFIG_PATH": os.path.dirname(found)})
    assert "chat.post" in shell("./with-pkg-config", "task", "list")


if __name__ == "__main__":
    os.makedirs(WORK)
    main(globals())
