"""Every ```sh or ```bash fence with dowel commands in README.md, docs/ and the connectors' READMEs is run against the stand-in servers.

Fences of one file run in order in one folder with a registry that holds the blocks of examples/main_job.sh. What needs a real account is
in a ```console fence, with a prompt.
"""
import csv
import glob
import json
import os
import re
import shutil
import subprocess
import sys

SOURCE, TMP, BIN = os.environ["DOWEL_SOURCE"], os.environ["DOWEL_TEST_TMP"], os.environ["DOWEL_BIN"]
FENCE = re.compile(r"(?ms)^```(\w*)[^\n]*\n(.*?)^```")
COMMAND = re.compile(r"(?m)(^|[ |(])dowel ")


def documents():
    for pattern in ("README.md", "docs/*.md", "connectors/*/README.md"):
        yield from sorted(glob.glob(pattern, root_dir=SOURCE))


def fences(path):
    """(line, language, text) of every fence that is run."""
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        text = file.read()
    for match in FENCE.finditer(text):
        line = text.count("\n", 0, match.start()) + 2
        language, body = match.groups()
        if language in ("sh", "bash") and COMMAND.search(body):
            assert not re.search(r"(?m)^\$ ", body), f"{path}:{line}: a sh fence has no prompts; console has"
            yield line, language, body
        elif language == "console":
            assert re.search(r"(?m)^\$ ", body), f"{path}:{line}: a console fence shows a prompt"


def environment(home):
    env = dict(os.environ)
    env.update(PATH=os.path.dirname(BIN) + ":" + env["PATH"], HOME=home, XDG_DATA_HOME=os.path.join(home, "data"),
               XDG_CONFIG_HOME=os.path.join(home, "config"), STORAGE_EMULATOR_HOST=env["DOWEL_TEST_GCS_URL"],
               BIGQUERY_EMULATOR_HOST=env["DOWEL_TEST_BIGQUERY_URL"], AWS_ENDPOINT_URL_S3=env["DOWEL_TEST_MOTO_URL"],
               AWS_ENDPOINT_URL_STS=env["DOWEL_TEST_MOTO_URL"], AWS_ENDPOINT_URL_LAMBDA=env["DOWEL_TEST_LAMBDA_URL"])
    return env


def script(text, folder, env, shell="sh"):
    return subprocess.run([shell, "-eu", "-c", text], cwd=folder, env=env, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)


def sample_files(folder):
    """What a reader has at hand: a key file, tables, a report."""
    os.makedirs(folder)
    for name in ("key.json", "service-account.json"):
        shutil.copy(os.path.join(os.environ["DOWEL_TEST_OAUTH_KEYS"], "service-account.json"), os.path.join(folder, name))
    rows = [("iata", "name", "city", "state", "country", "latitude", "longitude"), ("ANC", "Ted Stevens", "Anchorage", "AK", "USA", 61.17, -149.99),
            ("DFW", "Dallas-Fort Worth", "Dallas", "TX", "USA", 32.89, -97.03), ("LAX", "Los Angeles", "Los Angeles", "CA", "USA", 33.94, -118.4)]
    for name in ("airports.csv", "data.csv"):
        with open(os.path.join(folder, name), "w", newline="") as file:
            csv.writer(file).writerows(rows)
    for name in ("report.json", "payload.json"):
        with open(os.path.join(folder, name), "w") as file:
            json.dump({"rows": [{"state": "AK", "airports": 263}]}, file)


def prepare():
    """A registry with the main job's blocks, and their buckets, dataset and table."""
    home = os.path.join(TMP, "prepared")
    sample_files(os.path.join(home, "files"))
    with open(os.path.join(SOURCE, "examples/main_job.sh")) as file:
        blocks, found, _ = file.read().partition("run block list\n")
    assert found and blocks.count("run block save") >= 6, "the main job saves its blocks before it lists them"
    more = """
        run call gcs.create_bucket --bucket landing
        run call gcs.upload --bucket landing --file airports.csv
        run call s3.create_bucket --bucket reports
        run call s3.put --bucket reports --file report.json --key report.json
        run call bigquery.create_dataset --dataset travel --credentials demo
        run call bigquery.load --table travel.airports --file airports.csv --autodetect --credentials demo
        """
    done = script(blocks + more, os.path.join(home, "files"), environment(home))
    assert done.returncode == 0, f"preparing failed:\n{done.stdout}\n{done.stderr}"
    return home


def main():
    prepared, ran, failed = None, 0, []
    for path in documents():
        found = list(fences(path))
        if not found:
            continue
        prepared = prepared or prepare()
        home = os.path.join(TMP, path.replace("/", "-"))
        shutil.copytree(prepared, home)
        env = environment(home)
        for line, language, body in found:
            done = script(body, os.path.join(home, "files"), env, language)
            ran += 1
            if done.returncode:
                failed.append(f"{path}:{line}")
                print(f"{path}:{line}: exit status {done.returncode}\n{body}\n{done.stdout}{done.stderr}")
    print(f"{ran} fences ran, {len(failed)} failed: {' '.join(failed)}")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
