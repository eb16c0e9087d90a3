"""docs/writing-a-connector.md, followed to the letter: its files are built out of tree against the installed package, with CMake and
with pkg-config, and the connector is used through the command that comes of it."""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request

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
    assert sorted(name for name, _ in files) == ["chat/CMakeLists.txt", "chat/chat.c", "chat/include/dowel/chat.h", "chat/main.c"]
    for name, content in files:
        path = os.path.join(WORK, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)
    assert sum(content.count("\n") for _, content in files) < 150


def test_build_with_cmake():
    shell("cmake", "--install", BUILD, "--prefix", PREFIX)
    compiler = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", open(os.path.join(BUILD, "CMakeCache.txt")).read(), re.M).group(1)
    shell("cmake", "-G", "Ninja", "-S", "chat", "-B", "chat/build", f"-DCMAKE_PREFIX_PATH={PREFIX}", f"-DCMAKE_C_COMPILER={compiler}",
          "-DCMAKE_C_FLAGS=-std=c11 -Wall -Wextra -Werror -Wno-missing-field-initializers")
    shell("cmake", "--build", "chat/build")
    shutil.move(os.path.join(WORK, "chat/build/dowel-chat"), os.path.join(WORK, "dowel-chat"))


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
