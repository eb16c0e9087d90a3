"""Runs the real command in tests: `dowel(...)` gives what it printed, `fails(...)` checks that it failed and gives what it said."""
import hashlib
import json
import os
import subprocess

BIN = os.environ["DOWEL_BIN"]
TMP = os.environ.get("DOWEL_TEST_TMP", "")


def run(*words, stdin=b"", env=None, timeout=120):
    """The finished process; output as bytes."""
    return subprocess.run([BIN, *map(str, words)], input=stdin, capture_output=True, timeout=timeout,
                          env={**os.environ, **(env or {})})


def dowel(*words, **options):
    """Standard output as text, of a command that must succeed."""
    done = run(*words, **options)
    assert done.returncode == 0, f"{words} exited with {done.returncode}:\n{done.stderr.decode()}\n{done.stdout.decode()}"
    return done.stdout.decode()


def call(task, *words, **options):
    """A task's result as JSON."""
    return json.loads(dowel("call", task, *words, "--json", **options))


def fails(code, *words, saying=(), **options):
    """Standard error as text, of a command that must fail with this exit code and say all of these."""
    done = run(*words, **options)
    said = done.stderr.decode()
    assert done.returncode == code, f"{words} exited with {done.returncode}, not {code}:\n{said}"
    for part in [saying] if isinstance(saying, str) else saying:
        assert part in said, f"{words} does not say {part!r}:\n{said}"
    return said


def start(*words, env=None, **options):
    """The running process, for tests that interrupt it."""
    return subprocess.Popen([BIN, *map(str, words)], env={**os.environ, **(env or {})}, **options)


def unfinished(name, random=None):
    """The name that a file has while it is written; `random`: the twelve digits of one where that name was taken."""
    folder, last = os.path.split(name)
    start = f".{last}.{random or hashlib.sha256(b'dowel file' + bytes([10]) + last.encode()).hexdigest()[:12]}"
    return os.path.join(folder, start + hashlib.sha256(b"dowel unfinished file" + bytes([10]) + start.encode()).hexdigest()[:12] + ".dowel")


def main(module):
    """Runs every test_* function of a module in order; stops at the first failure."""
    for name, function in list(module.items()):
        if name.startswith("test_") and callable(function):
            print(name, flush=True)
            function()
