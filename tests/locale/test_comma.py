"""Runs comma_host in locales with a decimal comma, which localedef makes in a temporary folder where the system has none: one as most have
it, one with two letters I, and one whose letters are not UTF-8."""
import os
import subprocess
import sys
import tempfile

LOCALES = [("de_DE", "UTF-8"), ("tr_TR", "UTF-8"), ("tr_TR", "ISO-8859-9"), ("de_DE", "ISO-8859-1")]


def make(source, characters, folder):
    """Whether localedef made the locale in the folder."""
    name = f"{source}.{characters}"
    try:
        subprocess.run(["localedef", "-i", source, "-f", characters, os.path.join(folder, name)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        return False
    return os.path.isdir(os.path.join(folder, name))


def check(source, characters):
    """The exit status of the host program in this locale: 77 where there is none."""
    with tempfile.TemporaryDirectory(prefix="dowel-locale-") as folder:
        environment = {**os.environ, "TMPDIR": folder}
        if make(source, characters, folder):
            environment["LOCPATH"] = folder
        # The C library keeps what it made of LOCPATH.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        status = subprocess.run([os.environ["DOWEL_COMMA_HOST"], f"{source}.{characters}"], env=environment, check=False).returncode
        print(f"{'SKIP ' if status == 77 else ''}locale_comma: {source}.{characters}{' is not installed and localedef cannot make it' if status == 77 else ''}", flush=True)
        return status


results = [check(*names) for names in LOCALES]
failed = [status for status in results if status not in (0, 77)]
sys.exit(failed[0] if failed else 77 if 77 in results and 0 not in results else 0)
