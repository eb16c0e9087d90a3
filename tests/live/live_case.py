"""What the tests against real accounts share: skipped unless asked for, a registry of their own, names that nobody has, and nothing left."""
import atexit
import os
import secrets
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


def begin(variable):
    """The variable's value; ends the test as skipped where it is not set. The credentials are those that the provider's own tools find."""
    value = os.environ.get(variable)
    if not value:
        print(f"SKIPPED: {variable} is not set")
        sys.exit(77)
    folder = tempfile.mkdtemp(prefix="dowel-live-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "DOWEL_TEST_TMP"):
        os.environ[name] = folder
    for name in ("DOWEL_DATABASE_URL", "DOWEL_KEY", "DOWEL_KEY_FILE"):
        os.environ.pop(name, None)
    return value


def unique(prefix):
    return f"{prefix}-{secrets.token_hex(8)}"


def attempt_all(*undo):
    """Every one of them, whatever the others did."""
    for one in undo:
        try:
            one()
        except Exception as problem:  # the rest must be undone too
            print(f"left behind: {problem}", file=sys.stderr)
