"""The shared files of profiles, as people write them: read as botocore reads them, once, and only where they matter."""
import configparser
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402

import botocore.configloader  # noqa: E402
import botocore.exceptions  # noqa: E402
import botocore.session  # noqa: E402

URL = os.environ["DOWEL_TEST_MOTO_URL"]
KEY, SECRET = os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
READER, COUNTER = os.environ["DOWEL_TEST_AWS_READER"], os.environ["DOWEL_TEST_COUNTED_OPENS"]
CONFIG, CREDENTIALS = os.path.join(TMP, "config"), os.path.join(TMP, "credentials")
ENV = {"AWS_CONFIG_FILE": CONFIG, "AWS_SHARED_CREDENTIALS_FILE": CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}
os.environ.update(ENV)
for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    os.environ.pop(name, None)


def write(config=None, credentials=None):
    for path, text in ((CONFIG, config), (CREDENTIALS, credentials)):
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
        else:
            with open(path, "wb") as file:
                file.write(text if isinstance(text, bytes) else text.encode())


def ours():
    done = subprocess.run([READER], capture_output=True, check=True)
    return json.loads(done.stdout)


def plain(sections):
    """Values as both have them: nested settings as pairs, blank lines of a value left out."""
    def value(text):
        if isinstance(text, dict):
            return text
        if text.startswith("\n"):
            return {k.strip(): v.strip() for k, v in (line.split("=", 1) for line in text.splitlines() if line.strip())}
        return "\n".join(line for line in text.split("\n") if line)
    return {name: {k: value(v) for k, v in settings.items()} for name, settings in sections.items()}


def theirs():
    """What botocore makes of the files; None: it refuses them; a word: it refuses them for a reason that dowel need not share."""
    try:
        return botocore.session.Session().full_config
    except botocore.exceptions.ConfigParseError:
        for path in (CONFIG, CREDENTIALS):
            try:
                configparser.RawConfigParser().read([path])
            except (configparser.DuplicateSectionError, configparser.DuplicateOptionError):
                return "twice"  # which the SDKs' own test suite allows
            except (configparser.Error, UnicodeDecodeError):
                return None
        return "nested"  # settings below a setting, which matter only where the section does


def compare():
    wanted, got = theirs(), ours()
    text = [open(path, "rb").read() if os.path.exists(path) else None for path in (CONFIG, CREDENTIALS)]
    if wanted is None:
        assert got["problem"], f"botocore refuses this:\n{text}\n{got}"
    elif wanted not in ("twice", "nested"):
        assert not got["problem"], f"{got['problem']}\n{text}"
        for kind in ("profiles", "sso_sessions", "services"):
            mine, botocores = plain(got[kind]), plain(wanted.get(kind, {}))
            assert mine == botocores, f"{kind}\n{text}\nbotocore: {botocores}\ndowel:    {mine}"
    return wanted


def test_forms_that_people_write():
    rows = [("[profile work]\nregion = here\n", "[work]\n    aws_access_key_id = a\n    aws_secret_access_key = b\n"),
            ("  [profile work]\n    region = here\n", "\t[work]\n\taws_access_key_id = a\n\taws_secret_access_key = b\n"),
            ("[profile \"my team\"]\nregion = here\n[profile 'other team']\nregion = there\n[profile a\\ b]\nregion = x\n", "[my team]\naws_access_key_id=a\n"),
            ("[profile work]\nregion: here\noutput : json\nendpoint_url: http://x:1/y=z\n", "[work]\naws_access_key_id:a\n"),
            ("[profile work]\nregion = here\n\nexport AWS_PROFILE\n", None), (None, "text\n[work]\na=b\n"), ("[profile work\nregion = x\n", None),
            ("# comment\n  ; another\n[profile work] # tail ]\n  # inside\nregion = here\n    # deeper\n    continued\n", None),
            ("[profile work]\ns3 =\n    addressing_style = path\n    # in between\n\n    max_concurrent_requests = 3\nregion = here\n", None),
            ("[profile work]\n  s3 =\n      addressing_style = path\n  region = here\n", None), ("[profile work]\ns3:\n  x = 1\n  bad\nregion = here\n", None),
            ("[profile work]\r\nregion = here\r\n\r\n[profile b]\r\n  region = there\r\n", "[work]\r\naws_access_key_id = a\r\n"), (b"[profile work]\rregion = here\r", None),
            ("[services local]\ns3 =\n  endpoint_url = http://x\n[sso-session s]\nsso_region = here\n[profile work]\nservices = local\n", None),
            ("[profile work]\nREGION = here\nin valid = x\n= y\n", None), ("[default]\nregion = here\n[plugins]\na = b\n[preview]\n x = y\n", "[default]\naws_access_key_id = a\n"),
            ("[profile work]\ncredential_process = /bin/x \"a #b\" ; c\nregion\t=\there\t \n", None), ("[profile work]\nregion =\noutput = json\n", None),
            ("[profile work]\nregion = here\n  output = json\n", None), ("[profile work]\n\n\n   region = here\n\n\n", None), ("[profile]\na = b\n[profile a b c]\nd = e\n", None),
            ("[profile \"open]\na = b\n", None), ("", ""), ("[profile work]", None), ("[profile \"a]b\"]\nregion = x\n", None)]
    refused = 0
    for config, credentials in rows:
        write(config, credentials)
        refused += compare() is None
    assert refused >= 4, refused


def test_files_that_are_generated():
    dice = random.Random(20240131)
    names = ["work", "\"my team\"", "'x y'", "a-b.c", "\\ z", "e\\\"f"]

    def line():
        kind, pad = dice.randrange(14), dice.choice(["", "", "", " ", "  ", "\t", "    "])
        if kind < 3:
            word = dice.choice(["profile ", "profile ", "sso-session ", "services ", ""])
            return f"{pad}[{word}{dice.choice(names)}]{dice.choice(['', '', ' ', ' # c', ' tail'])}"
        if kind < 8:
            key = dice.choice(["region", "output", "s3", "Endpoint_URL", "sso_region", "role_arn", "x_process"])
            value = dice.choice(["", "here", "a b", "a=b", "a:b", "http://h:1/p", "\"q\"", "[x]", "a#b", "%(x)s", "ü"])
            return f"{pad}{key}{dice.choice([' = ', '=', ': ', ':', ' : ', chr(9) + '=' + chr(9)])}{value}{dice.choice(['', '', ' ', chr(9)])}"
        if kind < 10:
            return f"{pad}{dice.choice(['# c', '; c', '#', ';x=y'])}"
        if kind < 12:
            return dice.choice(["", " ", "\t"])
        if kind == 12:
            return f"{pad}nested{dice.randrange(3)} = {dice.choice(['v', '', 'a=b'])}"
        return f"{pad}text" if dice.randrange(4) == 0 else ""

    def file():
        end = dice.choice(["\n", "\n", "\r\n", "\r"])
        return end.join(["[default]", *(line() for _ in range(dice.randrange(1, 12)))]) + dice.choice(["", end])

    read = refused = 0
    for _ in range(400):
        write(file(), None)
        wanted = compare()
        read += not isinstance(wanted, (str, type(None)))
        refused += wanted is None
    assert read > 40 and refused > 10, (read, refused)


def test_what_botocore_cannot_read_and_dowel_can():
    write(b"\xef\xbb\xbf[profile work]\nregion = here # by the sea\n[profile work]\noutput = json\nregion = there\n", None)
    assert ours() == {"profiles": {"work": {"region": "there", "output": "json"}}, "sso_sessions": {}, "services": {}, "problem": None}


BROKEN = ["[work]\naws_access_key_id\n", "no section = x\n", "[profile \n", "[a]\n = b\n", b"\xff\xfe[\0w\0]\0", b"[a]\nb = \xe4\n", "[profile p]\ns3 =\n bad\n", b"x" * 2000000]


def test_blocks_of_their_own_keys_do_not_need_the_files():
    write()
    dowel("block", "save", "aws-credentials/own", "--access-key-id", KEY, "--secret-access-key", "env:K", "--region", "us-east-1", env={"K": SECRET})
    dowel("block", "save", "s3-bucket/own", "--bucket", "own", "--credentials", "own", "--endpoint", URL)
    call("s3.create_bucket", "--bucket", "own")
    for text in BROKEN:
        for config, credentials in ((text, None), (None, text), (text, text)):
            write(config, credentials)
            done = run("call", "s3.list", "--bucket", "own")
            assert done.returncode == 0, (text[:40], done.stderr)
    # Whoever needs them is told which line of which file.
    for text in ("[work]\naws_access_key_id\n", "[a]\nb = c\nexport AWS_PROFILE\n"):
        for path, files in ((CONFIG, (text, None)), (CREDENTIALS, (None, text))):
            write(*files)
            fails(4, "call", "s3.list", "--bucket", json.dumps({"bucket": "own", "endpoint": URL, "credentials": {"profile": "work"}}),
                  saying=[path, f"line {len(text.splitlines())}", "hint:"])


def test_profiles_that_are_not_there():
    write("[profile work]\nregion = us-east-1\n[profile \"my team\"]\n", None)
    for words, env in ((["lambda.invoke", "--function", '{"function_name":"f","credentials":{"profile":"wrok"}}'], {}),
                       (["lambda.invoke", "--function", '{"function_name":"f"}'], {"AWS_PROFILE": "wrok"}),
                       (["lambda.invoke", "--function", '{"function_name":"f"}'], {"AWS_DEFAULT_PROFILE": "wrok\n"}),
                       (["s3.list", "--bucket", '{"bucket":"b","endpoint":"http://127.0.0.1:1","credentials":{"profile":"wrok"}}'], {})):
        fails(4, "call", *words, env=env, saying=['no profile "wrok"', CONFIG, f"{CREDENTIALS} (not there)", 'did you mean "work"?', "my team"])
    write(None, None)
    fails(4, "call", "lambda.invoke", "--function", '{"function_name":"f"}', env={"AWS_PROFILE": "x"}, saying=['"x"', "(not there)", "no profiles at all"])
    write("[profile work]\n", None)
    fails(2, "call", "lambda.invoke", "--function", '{"function_name":"f"}', env={"AWS_PROFILE": "work"}, saying="no AWS region")


def test_the_files_are_read_once():
    config = f"[profile work]\nregion = us-east-1\nmax_attempts = 2\n[profile roles]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = work\nendpoint_url = {URL}\n"
    keys = f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    write(config, keys)
    tree = os.path.join(TMP, "tree")
    os.makedirs(tree, exist_ok=True)
    for i in range(20):
        with open(os.path.join(tree, f"f{i}"), "w") as file:
            file.write("x" * i)
    for profile in ("work", "roles"):
        bucket = json.dumps({"bucket": "own", "endpoint": URL, "region": "us-east-1", "credentials": {"profile": profile}})
        for words in (["call", "s3.list", "--bucket", bucket],
                      ["cp", "-r", tree + "/", f"s3://own/{profile}/", "--endpoint", URL, "--credentials", json.dumps({"profile": profile})],
                      ["block", "check", "aws-credentials/" + profile]):
            if words[0] == "block":
                dowel("block", "save", words[2], "--profile", profile, "--endpoint", URL, "--overwrite")
            log = os.path.join(TMP, "opens")
            if os.path.exists(log):
                os.unlink(log)
            done = run(*words, env={"LD_PRELOAD": COUNTER, "COUNTED_OPENS": log, "COUNTED_OPENS_OF": TMP, "AWS_MAX_ATTEMPTS": "1"})
            assert done.returncode == 0 or profile == "roles", done.stderr  # the stand-in knows no such role
            with open(log) as file:
                opened = [line for line in file.read().split("\n") if line in (CONFIG, CREDENTIALS)]
            assert sorted(opened) == [CONFIG, CREDENTIALS], (words, opened)


if __name__ == "__main__":
    main(globals())
