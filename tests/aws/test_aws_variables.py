"""Variables as mounted secrets and CRLF files leave them: a line break at the end does not count; what is wrong within is named."""
import base64
import json
import os
import sys
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import TMP, call, dowel, fails, main, run  # noqa: E402

URL, FAULT, GCS = (os.environ[f"DOWEL_TEST_{name}_URL"] for name in ("MOTO", "FAULT", "GCS"))
KEY, SECRET = os.environ["DOWEL_TEST_AWS_ACCESS_KEY_ID"], os.environ["DOWEL_TEST_AWS_SECRET_ACCESS_KEY"]
CONFIG, CREDENTIALS = os.path.join(TMP, "config"), os.path.join(TMP, "credentials")
GOOD = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": URL, "AWS_MAX_ATTEMPTS": "2",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_RETRY_MODE": "standard", "AWS_CONFIG_FILE": CONFIG, "AWS_SHARED_CREDENTIALS_FILE": CREDENTIALS}
ENDS = ["\n", "\r", "\r\n", " ", " \t\r\n"]
LIST = ["call", "s3.list", "--bucket", '{"bucket":"vars"}']
with open(CONFIG, "w") as f:
    f.write("[profile work]\nregion = us-east-1\n")
with open(CREDENTIALS, "w") as f:
    f.write(f"[work]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
dowel("call", "s3.create_bucket", "--bucket", '{"bucket":"vars"}', env=GOOD)


def test_white_space_around_a_variable():
    for name, value in GOOD.items():
        for end in ENDS:
            dowel(*LIST, env={**GOOD, name: value + end})
        dowel(*LIST, env={**GOOD, name: "\n " + value})
    dowel(*LIST, env={name: value + "\r\n" for name, value in GOOD.items()})
    by_profile = {**{name: value for name, value in GOOD.items() if "KEY" not in name and name != "AWS_REGION"}, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    for end in ENDS:
        for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
            dowel(*LIST, env={**by_profile, name: "work" + end})
        dowel(*LIST, env={**GOOD, "AWS_REGION": "", "AWS_DEFAULT_REGION": "us-east-1" + end})
        dowel(*LIST, env={**GOOD, "AWS_ENDPOINT_URL_S3": "", "AWS_ENDPOINT_URL": URL + end})
        dowel(*LIST, env={**GOOD, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false" + end})


def test_what_is_wrong_within_is_named():
    for name, what in (("AWS_ACCESS_KEY_ID", "access key id"), ("AWS_SECRET_ACCESS_KEY", "secret access key"), ("AWS_SESSION_TOKEN", "session token")):
        for wrong, said in (("ab cd", "blank"), ("ab\ncd", "line break"), ("ab\tcd", "blank"), ("ab\x01cd", "control character"), ("ab\u00a0cd", "not ASCII")):
            if "SECRET" in name and said in ("blank", "not ASCII") and "\t" not in wrong:
                continue  # of MinIO and its like they may be any words
            text = fails(4, *LIST, env={**GOOD, name: wrong + "\n"}, saying=["environment variables", what, said, "at character 3", "hint:"])
            assert wrong not in text, text
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        fails(2, *LIST, env={**GOOD, "AWS_REGION": "", name: "us east"}, saying=[name, "is not a region"])
    fails(2, *LIST, env={**GOOD, "AWS_ENDPOINT_URL_S3": URL + " x"}, saying="endpoint")


def test_secrets_of_blocks():
    words = ["block", "save", "aws-credentials/new", "--access-key-id", KEY, "--region", "us-east-1", "--endpoint", URL, "--overwrite"]
    bucket = ["call", "s3.list", "--bucket", '{"bucket":"vars","credentials":{"$block":"aws-credentials/new"}}']
    path = os.path.join(TMP, "secret.txt")
    for end in ("", "\n", "\r\n", *ENDS):
        dowel(*words, "--secret-access-key", "env:NEW", env={"NEW": SECRET + end})
        dowel(*bucket)
        dowel(*words, "--secret-access-key", "-", stdin=(SECRET + end).encode())
        dowel(*bucket)
        with open(path, "w", newline="") as file:
            file.write(SECRET + end)
        dowel(*words, "--secret-access-key", "@" + path)
        dowel(*bucket)
    fails(2, *words, "--secret-access-key", "env:NEW", env={"NEW": "ab\ncd\n"}, saying=["secret_access_key", "line break", "at character 3"])
    fails(2, "block", "save", "aws-credentials/none", "--access-key-id", "AK IA", "--secret-access-key", "env:NEW", env={"NEW": SECRET}, saying=["access_key_id", "blank"])
    fails(3, "block", "show", "aws-credentials/none")
    fails(2, *words, "--secret-access-key", "env:NEW", env={"NEW": "\n"}, saying=["secret_access_key", "NEW", "empty"])


def seen(name):
    with urllib.request.urlopen(f"{FAULT}/_log/{name}") as answer:
        return json.load(answer)


def script(name, steps):
    urllib.request.urlopen(f"{FAULT}/_script/{name}", json.dumps(steps).encode())


def test_variables_of_google():
    script("storage", [{"body": {"items": []}}])
    listed = ["call", "gcs.list", "--bucket", json.dumps({"bucket": "b", "endpoint": FAULT, "credentials": {"$block": "gcp-credentials/tok"}})]
    dowel("block", "save", "gcp-credentials/tok", "--token", "env:TOK", "--project", "p", env={"TOK": "ya29.abc\n"})
    dowel(*listed, env={"GOOGLE_CLOUD_QUOTA_PROJECT": "quota\r\n"})
    headers = seen("storage")[-1]["headers"]
    assert headers["authorization"] == "Bearer ya29.abc" and headers["x-goog-user-project"] == "quota", headers
    for wrong in ("ya29.a\nb", "ya29.abc\r\n\n", "ya29 abc"):
        fails(2, "block", "save", "gcp-credentials/bad", "--token", "env:TOK", "--project", "p", env={"TOK": wrong}, saying='"token"')
    done = run("call", "gcs.create_bucket", "--bucket", '{"bucket":"vars"}', env={"STORAGE_EMULATOR_HOST": GCS + "\n", "GOOGLE_CLOUD_PROJECT": "demo\r\n"})
    assert done.returncode == 0, done.stderr


def test_variables_of_dowel():
    base = os.path.join(TMP, "variables")
    os.makedirs(os.path.join(base, "blocks", "gcp-credentials"))
    with open(os.path.join(base, "blocks", "gcp-credentials", "mounted.json"), "w") as file:
        file.write('{"anonymous": true}')
    with open(os.open(os.path.join(base, "key"), os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(base64.b64encode(os.urandom(32)))
    plain = {"DOWEL_DATABASE_URL": f"sqlite:{base}/x.db", "DOWEL_KEY_FILE": f"{base}/key"}
    dowel("block", "save", "aws-credentials/a", "--access-key-id", KEY, "--secret-access-key", "env:K", env={**plain, "K": SECRET})
    for end in ENDS:
        env = {name: value + end for name, value in plain.items()}
        assert "aws-credentials" in dowel("block", "list", env=env)
        dowel("call", "s3.list", "--bucket", '{"bucket":"vars","region":"us-east-1","credentials":{"$block":"aws-credentials/a"},"endpoint":"%s"}' % URL, env=env)
        assert "mounted" in dowel("block", "list", env={**plain, "DOWEL_BLOCKS_DIR": f"{base}/blocks{end}"})
        assert b"DOWEL_LOG" not in run("block", "list", env={**plain, "DOWEL_LOG": "error" + end}).stderr
    assert not [name for name in os.listdir(base) if name.strip() != name], os.listdir(base)


def test_what_becomes_a_header():
    script("b", [{"headers": {"ETag": '"e"'}}])
    s3 = ["call", "s3.put", "--bucket", json.dumps({"bucket": "b", "endpoint": FAULT, "credentials": {"anonymous": True}}), "--key", "k", "--data", "x"]
    for flag in ("content-type", "cache-control", "content-disposition"):
        for wrong in ("a\nX-Evil: 1", "a\rb", "a\x01b", "a\x7fb"):
            fails(2, *s3, f"--{flag}", wrong, saying=flag.replace("-", "_"))
    assert not seen("b")


if __name__ == "__main__":
    main(globals())
