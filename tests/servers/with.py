#!/usr/bin/env python3
"""Runs a command beside stand-in servers, or none: with.py [SERVER ...] -- COMMAND [ARG ...]

Each server starts on a free loopback port and is told to the command by environment variables (see the table at the end
of servers.py). The command also gets a fresh HOME and a temporary folder, DOWEL_TEST_TMP. When the command ends, is
interrupted or killed, every server is stopped and the folder removed. The exit status is the command's; 77 when a
server is not to be had here; 98 when one did not start; 99 when a secret that the servers know, or that a test planted (it is called planted-...), stands in what
the command printed or in what it left in the folders for data, configuration, state and caches; when one of the servers' stood in the
list of processes meanwhile; when a process left its memory behind (core files).
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402


def clean_environment(folder):
    """The caller's environment without anything that would let a test reach a real account."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_", "GCLOUD_", "XDG_", "PG", "DOWEL_BLOCK"))
           and k not in ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "DOWEL_DATABASE_URL", "DOWEL_KEY",
                         "DOWEL_KEY_FILE", "DOWEL_LOG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
                         "ALL_PROXY", "all_proxy")}
    for name in ("home", "tmp", "config", "data", "state", "cache"):
        os.mkdir(os.path.join(folder, name), 0o700)
    for path in (folder, os.path.join(folder, "tmp")):  # tests that become somebody else have their folders there
        os.chmod(path, 0o711)
    env.update(HOME=os.path.join(folder, "home"), TMPDIR=os.path.join(folder, "tmp"),
               XDG_CONFIG_HOME=os.path.join(folder, "config"), XDG_DATA_HOME=os.path.join(folder, "data"),
               XDG_STATE_HOME=os.path.join(folder, "state"), XDG_CACHE_HOME=os.path.join(folder, "cache"),
               DOWEL_TEST_TMP=os.path.join(folder, "tmp"), AWS_EC2_METADATA_DISABLED="true", NO_GCE_CHECK="true", NO_COLOR="1")
    return env


def reachable(program, folder):
    """The program, or a copy in `folder` where only root can reach it: some tests become somebody else."""
    path = os.path.realpath(program)
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & 0o001:
            return shutil.copy(program, os.path.join(folder, os.path.basename(program)))
    return program


def known_secrets(env):
    """What must be found nowhere: name and pattern. What tests plant themselves they may give to programs as they like."""
    found = {"access token": rb"ya29\.[A-Za-z0-9_-]{20,}", "refresh token": rb"1//refresh-token", PLANTED: rb"planted[-/][A-Za-z0-9]"}
    if "DOWEL_TEST_AWS_SECRET_ACCESS_KEY" in env:
        found["secret access key"] = re.escape(env["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"].encode())
    if "DOWEL_TEST_POSTGRES_URL" in env:
        found["database password"] = rb"planted-postgres-password"
    for path in glob.glob(os.path.join(env.get("DOWEL_TEST_OAUTH_KEYS", "/nowhere"), "*.json")):
        with open(path) as file:
            key = json.load(file).get("private_key", "")
        for line in key.splitlines()[2:6]:
            found[f"private key of {os.path.basename(path)}"] = re.escape(line.encode())
    return found


PLANTED = "planted secret"


class Watch:
    """Looks at the command lines of all processes, each a few times, since a program may have another one at first."""

    def __init__(self, secrets):
        self.secrets = {name: pattern for name, pattern in secrets.items() if name != PLANTED}
        self.found, self.over = [], threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        looks = {}
        while not self.over.wait(0.05):
            there = {name for name in os.listdir("/proc") if name.isdigit()}
            looks = {name: looks.get(name, 0) + 1 for name in there}
            for name in (name for name, count in looks.items() if count <= 3):
                try:
                    with open(f"/proc/{name}/cmdline", "rb") as file:
                        line = file.read()
                except OSError:
                    continue  # it has ended
                self.found += [f"{secret}, in the list of processes ({line.split(bytes(1))[0].decode(errors='replace')})"
                               for secret, pattern in self.secrets.items() if re.search(pattern, line)]

    def end(self):
        self.over.set()
        self.thread.join()
        return sorted(set(self.found))


def cores(folder):
    """Files with the memory of a process that broke."""
    found = []
    for root, _, files in os.walk(folder):
        for path in (os.path.join(root, name) for name in files if name.startswith("core")):
            with open(path, "rb") as file:
                head = file.read(18)
            if head[:4] == b"\x7fELF" and head[16:18] in (b"\x04\x00", b"\x00\x04"):
                found.append(f"core file {os.path.relpath(path, folder)}")
    return found


def leaks(secrets, folder, printed):
    """Where secrets stand that should not: in the open, that is; sealed they may be anywhere."""
    said = [f"{name}, printed" for name, pattern in secrets.items() if re.search(pattern, printed)]
    for kept in ("data", "config", "state", "cache"):
        for root, _, files in os.walk(os.path.join(folder, kept)):
            for path in (os.path.join(root, name) for name in files):
                if not os.path.isfile(path) or os.path.getsize(path) > 100_000_000:
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                said += [f"{name}, in {os.path.relpath(path, folder)}" for name, pattern in secrets.items()
                         if re.search(pattern, content)]
    return said


class Tee:
    """Passes on what a command prints and keeps it."""

    def __init__(self, stream, out):
        self.kept = bytearray()
        self.thread = threading.Thread(target=self.copy, args=(stream, out), daemon=True)
        self.thread.start()

    def copy(self, stream, out):
        while piece := stream.read1(65536):
            self.kept += piece
            out.buffer.write(piece)
            out.buffer.flush()


def main(arguments):
    if "--" not in arguments or arguments[-1] == "--":
        print(__doc__, file=sys.stderr)
        return 2
    cut = arguments.index("--")
    names, command = arguments[:cut], arguments[cut + 1:]

    def stop(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)

    folder = tempfile.mkdtemp(prefix="dowel-test-")
    fleet = servers.Fleet(folder)
    child = None
    try:
        env = clean_environment(folder)
        if os.geteuid() == 0 and "DOWEL_BIN" in env:
            env["DOWEL_BIN"] = reachable(env["DOWEL_BIN"], folder)
        try:
            for name in names:
                env.update(fleet.start(name))
        except servers.Missing as missing:
            print(f"SKIPPED: {missing}", flush=True)
            return 77
        except servers.NotStarted as failure:
            print(failure, file=sys.stderr, flush=True)
            return 98
        # On a terminal the command gets the terminal itself: for people.
        terminal = sys.stdout.isatty()
        secrets = known_secrets(env)
        watch = Watch(secrets)
        child = subprocess.Popen(command, env=env, preexec_fn=servers.die_with_parent, stdout=None if terminal else subprocess.PIPE,
                                 stderr=None if terminal else subprocess.PIPE)
        tees = [] if terminal else [Tee(child.stdout, sys.stdout), Tee(child.stderr, sys.stderr)]
        status = child.wait()
        child = None
        for tee in tees:
            tee.thread.join(10)
        found = watch.end() + cores(folder) + leaks(secrets, folder, b"".join(bytes(tee.kept) for tee in tees))
        if found:
            print("SECRETS IN THE OPEN: " + "; ".join(found), file=sys.stderr)
            return 99
        return 128 - status if status < 0 else status
    finally:
        if child:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        fleet.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
