"""Runs comma_host in a locale with a decimal comma, which localedef makes in a temporary folder where the system has none."""
import os
import subprocess
import sys
import tempfile

NAME = "de_DE.UTF-8"

with tempfile.TemporaryDirectory(prefix="dowel-locale-") as folder:
    environment = {**os.environ, "TMPDIR": folder}
    if subprocess.run(["sh", "-c", "command -v localedef && test -f /usr/share/i18n/locales/de_DE"], stdout=subprocess.DEVNULL).returncode == 0:
        subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", os.path.join(folder, NAME)], stderr=subprocess.DEVNULL, check=False)
        environment["LOCPATH"] = folder
    # The C library keeps what it made of LOCPATH.
    environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    done = subprocess.run([os.environ["DOWEL_COMMA_HOST"], NAME], env=environment, check=False)
    if done.returncode == 77:
        print(f"SKIP locale_comma: the locale {NAME} is not installed and localedef cannot make it")
    sys.exit(done.returncode)
