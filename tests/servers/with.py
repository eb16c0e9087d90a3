#!/usr/bin/env python3
"""Runs a command beside stand-in servers: with.py SERVER ... -- COMMAND [ARG ...]

Each server starts on a free loopback port and is told to the command by environment variables (see the table at the end
of servers.py). The command also gets a fresh HOME and a temporary folder, DOWEL_TEST_TMP. When the command ends, is
interrupted or killed, every server is stopped and the folder removed. The exit status is the command's; 77 when a
server is not to be had here.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import servers  # noqa: E402


def clean_environment(folder):
    """The caller's environment without anything that would let a test reach a real account."""
    env = {k: v for k, v in os.environ.items()
           if not k.startswith(("AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_", "GCLOUD_", "XDG_"))
           and k not in ("STORAGE_EMULATOR_HOST", "BIGQUERY_EMULATOR_HOST", "DOWEL_DATABASE_URL", "DOWEL_KEY",
                         "DOWEL_KEY_FILE", "DOWEL_LOG", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy",
                         "ALL_PROXY", "all_proxy")}
    for name in ("home", "tmp", "config", "data", "state", "cache"):
        os.mkdir(os.path.join(folder, name), 0o700)
    env.update(HOME=os.path.join(folder, "home"), TMPDIR=os.path.join(folder, "tmp"),
               XDG_CONFIG_HOME=os.path.join(folder, "config"), XDG_DATA_HOME=os.path.join(folder, "data"),
               XDG_STATE_HOME=os.path.join(folder, "state"), XDG_CACHE_HOME=os.path.join(folder, "cache"),
               DOWEL_TEST_TMP=os.path.join(folder, "tmp"), AWS_EC2_METADATA_DISABLED="true", NO_COLOR="1")
    return env


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
        try:
            for name in names:
                env.update(fleet.start(name))
        except servers.Missing as missing:
            print(f"SKIPPED: {missing}", flush=True)
            return 77
        child = subprocess.Popen(command, env=env, preexec_fn=servers.die_with_parent)
        status = child.wait()
        child = None
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
