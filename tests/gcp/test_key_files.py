"""Key files in the forms in which people have them: each works, or is refused when it is saved and the message names what it is."""
import base64
import json
import os
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from command import BIN, TMP, dowel, fails, main, run  # noqa: E402

from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: E402
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat  # noqa: E402

GCS, KEYS = os.environ["DOWEL_TEST_GCS_URL"], os.environ["DOWEL_TEST_OAUTH_KEYS"]
KEYFILE = os.path.join(KEYS, "service-account.json")
with open(KEYFILE, encoding="utf-8") as opened:
    KEY = json.load(opened)
PEM = KEY["private_key"]
EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SHORT = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
LINES = PEM.strip().split("\n")


def with_key(key):
    return json.dumps({**KEY, "private_key": key})


WORKS = {
    "plain": json.dumps(KEY), "bom": "\ufeff" + json.dumps(KEY, indent=2), "crlf": json.dumps(KEY, indent=2).replace("\n", "\r\n"),
    "blanks": "\n \t" + json.dumps(KEY) + "\n\n \n", "escaped-twice": with_key(PEM.replace("\n", "\\n")), "escaped-twice-crlf": with_key(PEM.replace("\n", "\\r\\n")),
    "bom-and-escaped-twice": "\ufeff" + with_key(PEM.replace("\n", "\\n")), "no-last-newline": with_key(PEM.strip()), "crlf-in-key": with_key(PEM.replace("\n", "\r\n")),
    "one-line": with_key("\n".join([LINES[0], "".join(LINES[1:-1]), LINES[-1]])), "text-in-text": json.dumps(json.dumps(KEY)),
    "escaped-three-times": with_key(PEM.replace("\n", "\\\\n")), "blanks-for-newlines": with_key(PEM.replace("\n", " ")), "tabs-for-newlines": with_key(PEM.replace("\n", "\t")),
    "joined": with_key("".join(LINES)), "indented": with_key("".join(f"    {line}\n" for line in LINES)), "quoted": with_key(f'"{PEM}"'), "noise-around": with_key(f"Key:\n{PEM}\n\n"),
}
REFUSED = {
    "real-newlines": (json.dumps(KEY).replace("\\n", "\n"), ["line 1", "line break"]), "base64": (base64.b64encode(json.dumps(KEY).encode()), ["base64"]),
    "base64-lines": (base64.encodebytes(json.dumps(KEY, indent=1).encode()), ["base64"]), "single-quotes": (str(KEY), ["double quotes around names"]),
    "utf16": (json.dumps(KEY).encode("utf-16"), ["UTF-16"]), "utf16-be": (json.dumps(KEY).encode("utf-16-be"), ["UTF-16"]), "utf16-le": (json.dumps(KEY).encode("utf-16-le"), ["UTF-16"]),
    "latin-1": (json.dumps({**KEY, "note": "ü"}, ensure_ascii=False).encode("latin-1"), ["not UTF-8"]),
    "duplicate": ('{"project_id": "other", ' + json.dumps(KEY)[1:], ["duplicate", "twice"]), "cut": (json.dumps(KEY)[:300], ["line 1"]), "empty": ("", ["empty"]),
    "damaged-key": (with_key("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n"), ["private key cannot sign", "as Google created it"]),
    "cut-key": (with_key("\n".join(LINES[:5] + LINES[-1:])), ["private key cannot sign"]), "ec-key": (with_key(EC), ["not an RSA key"]),
    "short-key": (with_key(SHORT), ["2048 bits"]), "flipped": (with_key("\n".join([*LINES[:3], LINES[3][::-1], *LINES[4:]])), ["private key cannot sign"]),
    "no-end": (with_key("\n".join(LINES[:-1])), ["private key cannot sign"]),
    "no-pem": (with_key("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"), ["not a PEM private key"]), "certificate": (with_key(PEM.replace("PRIVATE KEY", "CERTIFICATE")), ["certificate"]),
    "public": (with_key(PEM.replace("PRIVATE KEY", "PUBLIC KEY")), ["public key"]), "encrypted": (with_key(PEM.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")), ["encrypted"]),
    "impersonated": (json.dumps({"type": "impersonated_service_account", "service_account_impersonation_url":
                                 "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/x@y.iam:generateAccessToken",
                                 "source_credentials": {**KEY, "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"}}), ["private key cannot sign"]),
}


def written(name, content):
    path = os.path.join(TMP, name + ".json")
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    return path


def listing(*words):
    return ["ls", "gs://key-files/", "--endpoint", GCS, *words]


def saved():
    return [block["name"] for block in json.loads(dowel("block", "list", "--type", "gcp-credentials", "--json"))]


def test_what_works():
    dowel("block", "save", "gcp-credentials/first", "--service-account-file", KEYFILE, "--project", "p")
    dowel("block", "save", "gcs-bucket/b", "--bucket", "key-files", "--credentials", "first", "--endpoint", GCS)
    dowel("call", "gcs.create_bucket", "--bucket", "b")
    for name, content in WORKS.items():
        path = written(name, content)
        for field in (["--service-account-file", path], ["--service-account-info", "@" + path]):
            dowel("block", "save", f"gcp-credentials/{name}", *field, "--project", "p", "--overwrite")
            dowel(*listing("--credentials", name))


def test_what_does_not_is_refused_when_it_is_saved():
    before = saved()
    for name, (content, says) in REFUSED.items():
        path = written(name, content)
        for field in (["--service-account-file", path], ["--service-account-info", "@" + path]):
            said = fails(2, "block", "save", f"gcp-credentials/bad-{name}", *field, saying=says)
            assert "PRIVATE KEY-----" not in said and LINES[3] not in said, said
    assert saved() == before, "something was saved"
    fails(2, "block", "save", "gcp-credentials/first", "--service-account-file", written("x", REFUSED["damaged-key"][0]), "--overwrite", saying="was not saved")
    dowel(*listing("--credentials", "first"))


def test_a_file_of_another_machine_may_be_saved():
    done = run("block", "save", "gcp-credentials/elsewhere", "--service-account-file", "/no/such/key.json")
    assert done.returncode == 0 and b"cannot read /no/such/key.json on this machine" in done.stderr, done.stderr


def test_pipes():
    path = os.path.join(TMP, "pipe")
    os.mkfifo(path)

    def write():
        with open(path, "w", encoding="utf-8") as pipe:
            pipe.write(WORKS["bom"])

    for environment, words in (({"GOOGLE_APPLICATION_CREDENTIALS": path, "GOOGLE_CLOUD_PROJECT": "p"}, []), ({}, ["--credentials", json.dumps({"service_account_file": path})])):
        writer = threading.Thread(target=write)
        writer.start()
        dowel(*listing(*words), env=environment)
        writer.join()
    dowel("block", "save", "gcp-credentials/pipe", "--service-account-file", path)  # of somebody who writes when it is used
    writer = threading.Thread(target=write)
    writer.start()
    dowel(*listing("--credentials", "pipe"))
    writer.join()


def shell(script):
    """<(...) is bash's."""
    return subprocess.run(["bash", "-c", script], env={**os.environ, "DOWEL": BIN, "KEY": KEYFILE, "GCS": GCS}, capture_output=True, text=True, check=False)


def test_what_a_shell_substitutes():
    done = shell('GOOGLE_CLOUD_PROJECT=p GOOGLE_APPLICATION_CREDENTIALS=<(cat "$KEY") "$DOWEL" ls gs://key-files/ --endpoint "$GCS"')
    assert done.returncode == 0, done.stderr
    done = shell('"$DOWEL" block save gcp-credentials/shell --service-account-info @<(cat "$KEY") && "$DOWEL" ls gs://key-files/ --endpoint "$GCS" --credentials shell')
    assert done.returncode == 0, done.stderr
    done = shell('"$DOWEL" block save gcp-credentials/gone --service-account-file <(cat "$KEY")')
    assert done.returncode == 2 and "exists only while this command runs" in done.stderr and "--service-account-info @" in done.stderr, done.stderr
    assert "gone" not in saved()


def test_a_variable_with_a_line_break_or_a_tilde():
    environment = {"GOOGLE_CLOUD_PROJECT": "p"}
    for end in ("\n", "\r\n", "\r"):
        dowel(*listing(), env={**environment, "GOOGLE_APPLICATION_CREDENTIALS": KEYFILE + end})
    for path, says in (("~/key.json", os.environ["HOME"] + "/key.json"), (f'"{KEYFILE}"', "quote"), ("key.json", "relative"), (KEYFILE + " ", "space")):
        fails(4, *listing(), env={**environment, "GOOGLE_APPLICATION_CREDENTIALS": path}, saying=["GOOGLE_APPLICATION_CREDENTIALS", says])


if __name__ == "__main__":
    main(globals())
