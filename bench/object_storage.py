#!/usr/bin/env python3
"""dowel beside s5cmd, rclone, aws, obstore and curl on object storage: object_storage.py MEASURE DOWEL [--size MiB] [--runs N] [--json FILE]

Servers: versitygw (S3, verifies every signature) and fake-gcs-server (Cloud Storage), both here, both on disk. The tools take turns within a
round, so that a machine that is busy for a while is busy for all; medians over the rounds. Columns: wall seconds, the same until what was fetched is on
the disk (dowel ends there; the others leave it in memory), processor seconds, peak MiB; and the ratio of dowel to the best other tool (below 1: dowel
is better). curl fetches or sends one stream without any checksum: the limit of that.
rclone is told to copy what is there already, as the others do; it, s5cmd and obstore do not verify what came in parts. A tool that is not installed is left out and named.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "servers"))
import servers  # noqa: E402

BUILD = os.path.join(HERE, "..", "build")
PEERS = os.path.join(BUILD, "venv-bench", "bin")
SMALL_SIZE = 4096


def which(name):
    for folder in (PEERS, os.path.join(BUILD, "bin")):
        if os.path.exists(os.path.join(folder, name)):
            return os.path.abspath(os.path.join(folder, name))
    return shutil.which(name)


class Bench:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.fleet = servers.Fleet(work)
        self.rows = {}
        self.env = {"PATH": os.environ["PATH"], "HOME": work, "XDG_DATA_HOME": work, "AWS_EC2_METADATA_DISABLED": "true"}
        self.big = os.path.join(work, "big.bin")
        self.many = os.path.join(work, "many")

    def prepare(self):
        block = os.urandom(1 << 20)
        with open(self.big, "wb") as file:
            for i in range(self.options.size):
                file.write(i.to_bytes(8, "big") + block[8:])
        os.mkdir(self.many)
        for i in range(self.options.small):
            with open(os.path.join(self.many, f"{i:05}.bin"), "wb") as file:
                file.write(block[i:i + SMALL_SIZE])

    def measure(self, words, env=None):
        done = subprocess.run([self.options.measure, *words], env={**self.env, **(env or {})}, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(words)} failed with {done.returncode}:\n{done.stderr[-2000:]}")
        wall, cpu, peak = done.stdout.split()
        begun = time.monotonic()
        os.sync()
        return float(wall), float(wall) + time.monotonic() - begun, float(cpu), int(peak) / 1024

    def row(self, name, commands, before=None, after=None):
        """commands: tool to (words, env); {turn} in words is a new name each time."""
        taken = {tool: [] for tool in commands}
        for i in range(self.options.runs):
            order = list(commands.items())
            for tool, (words, env) in order[i % len(order):] + order[:i % len(order)]:  # to be the first may cost
                turn = f"{i}-{tool}"
                if before:
                    before(turn)
                os.sync()  # nobody pays for what another one wrote
                taken[tool].append(self.measure([word.replace("{turn}", turn) for word in words], env))
                if after:
                    after(turn)
        self.rows[name] = {tool: [statistics.median(f[i] for f in figures) for i in range(4)] for tool, figures in taken.items()}
        self.show(name)

    def show(self, name):
        row = self.rows[name]
        fetched = name.endswith("down")
        print(f"\n{name:28}{'wall s':>10}{'to disk' if fetched else '':>10}{'cpu s':>10}{'peak MiB':>10}")
        for tool, (wall, disk, cpu, peak) in row.items():
            print(f"  {tool:26}{wall:>10.2f}{f'{disk:.2f}' if fetched else '':>10}{cpu:>10.2f}{peak:>10.1f}")
        others = {t: f for t, f in row.items() if t not in ("dowel", "curl")}
        if "dowel" in row and others:
            ratios = [f"{row['dowel'][i] / min(f[i] for f in others.values()):.2f}" for i in range(4)]
            print(f"  {'dowel / best other':26}{ratios[0]:>10}{ratios[1] if fetched else '':>10}{ratios[2]:>10}{ratios[3]:>10}", flush=True)

    # ---- S3 ----

    def s3(self):
        told = self.fleet.start("versitygw-kept")
        url = told["DOWEL_TEST_VERSITYGW_URL"]
        keys = {"AWS_ACCESS_KEY_ID": told["DOWEL_TEST_VERSITYGW_ACCESS_KEY_ID"],
                "AWS_SECRET_ACCESS_KEY": told["DOWEL_TEST_VERSITYGW_SECRET_ACCESS_KEY"], "AWS_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": url, "S3_ENDPOINT_URL": url}
        curl = which("curl")
        signed = ["--aws-sigv4", "aws:amz:us-east-1:s3", "-u", f"{keys['AWS_ACCESS_KEY_ID']}:{keys['AWS_SECRET_ACCESS_KEY']}",
                  "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        subprocess.run([curl, "-fsS", "-X", "PUT", f"{url}/bench", *signed], check=True, stdout=subprocess.DEVNULL)
        remote = f":s3,provider=Other,endpoint='{url}',env_auth=true,force_path_style=true:bench/"
        tools = self.tools(["s5cmd", "rclone", "aws", "obstore", "curl"])

        def words(operation, key, path):
            up, many = operation.startswith("up"), operation.endswith("many")
            place = f"s3://bench/{key}"
            listed = operation == "list"
            table = {
                "dowel": [self.options.dowel, "ls", "-r", place + "/"] if listed else
                         [self.options.dowel, "cp", *(["-r"] if many else []), *((path, place) if up else (place, path))],
                "s5cmd": [tools.get("s5cmd"), "ls", place + "/*"] if listed else
                         [tools.get("s5cmd"), "cp", *((path + "/" if many else path, place + "/" if many else place) if up else
                                                      (place + "/*" if many else place, path + "/" if many else path))],
                "rclone": [tools.get("rclone"), "lsf", "-R", "--files-only", "--fast-list", remote + key] if listed else
                          [tools.get("rclone"), "copy" if many else "copyto", "--ignore-times", "--transfers", "32", "--s3-upload-concurrency", "8",
                           *((path, remote + key) if up else (remote + key, path))],
                "aws": [tools.get("aws"), "s3", "ls", "--recursive", place + "/"] if listed else
                       [tools.get("aws"), "s3", "cp", "--only-show-errors", *(["--recursive"] if many else []),
                        *((path, place) if up else (place, path))],
                "obstore": [os.path.join(PEERS, "python3"), os.path.join(HERE, "peer_obstore.py"), "s3", url, operation, "bench", key, path or ""],
                "curl": [curl, "-fsS", *signed, *(["-T", path, f"{url}/bench/{key}"] if up else ["-o", path, f"{url}/bench/{key}"])],
            }
            return {t: (w, keys) for t, w in table.items() if (t == "dowel" or t in tools) and not (t == "curl" and (many or listed))}

        self.rounds("S3", words)
        folder = os.path.join(self.work, "versitygw", "bench", "keys")
        for i in range((self.options.keys + 999) // 1000):
            os.makedirs(os.path.join(folder, f"{i:04}"))
            for j in range(min(1000, self.options.keys - 1000 * i)):
                open(os.path.join(folder, f"{i:04}", f"{j:04}"), "w").close()
        self.row(f"S3: list {self.options.keys} keys", words("list", "keys", None))

    # ---- Cloud Storage ----

    def gcs(self):
        url = self.fleet.start("gcs")["DOWEL_TEST_GCS_URL"]
        curl = which("curl")
        subprocess.run([curl, "-fsS", "-H", "Content-Type: application/json", "-d", '{"name": "bench"}', f"{url}/storage/v1/b?project=p"],
                       check=True, stdout=subprocess.DEVNULL)
        key_file = os.path.join(self.work, "gcs-key.json")
        with open(key_file, "w", encoding="utf-8") as file:
            json.dump({"gcs_base_url": url, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}, file)
        env = {"STORAGE_EMULATOR_HOST": url, "BENCH_GCS_KEY": key_file}
        tools = self.tools(["rclone", "obstore", "curl"])
        remote = f":gcs,anonymous=true,endpoint='{url}/storage/v1/',env_auth=false:bench/"

        def words(operation, key, path):
            up, many = operation.startswith("up"), operation.endswith("many")
            place = f"gs://bench/{key}"
            table = {
                "dowel": [self.options.dowel, "cp", *(["-r"] if many else []), *((path, place) if up else (place, path))],
                "rclone": [tools.get("rclone"), "copy" if many else "copyto", "--ignore-times", "--transfers", "32",
                           *((path, remote + key) if up else (remote + key, path))],
                "obstore": [os.path.join(PEERS, "python3"), os.path.join(HERE, "peer_obstore.py"), "gs", url, operation, "bench", key, path or ""],
                "curl": [curl, "-fsS", *(["-X", "POST", "-T", path, f"{url}/upload/storage/v1/b/bench/o?uploadType=media&name={key}"] if up else
                                         ["-o", path, f"{url}/download/storage/v1/b/bench/o/{key}?alt=media"])],
            }
            if up:
                del table["obstore"]  # it sends by the XML API, which fake-gcs-server does not take
            return {t: (w, env) for t, w in table.items() if (t == "dowel" or t in tools) and not (t == "curl" and many)}

        self.rounds("Cloud Storage", words)

    def tools(self, names):
        found = {name: which(name) for name in names if name != "obstore"}
        if os.path.exists(os.path.join(PEERS, "python3")):
            found["obstore"] = "obstore"
        missing = [name for name in names if not found.get(name)]
        if missing:
            print(f"not installed, left out: {', '.join(missing)}")
        return {name: path for name, path in found.items() if path}

    def rounds(self, title, words):
        small = self.options.small
        size, back, folder = f"{self.options.size} MiB", os.path.join(self.work, "back"), os.path.join(self.work, title.replace(" ", "-") + "-many-{turn}")

        def same(_tool):
            subprocess.run(["cmp", self.big, back], check=True)
            os.unlink(back)

        def make(turn):
            os.makedirs(folder.format(turn=turn))

        # They stay: where many files were deleted a moment ago, file systems without a journal take longer to make new ones.
        def all_there(turn):
            found = sum(len(files) for _, _, files in os.walk(folder.format(turn=turn)))
            if found != small:
                sys.exit(f"{turn}: {found} of {small} objects were fetched")

        up = words("up", "big.bin", self.big)
        self.row(f"{title}: {size} up", up)
        self.measure(*(up.get("aws") or up["dowel"]))  # what can be verified of an object is up to who stored it
        self.row(f"{title}: {size} down", words("down", "big.bin", back), after=same)
        self.row(f"{title}: {small} x {SMALL_SIZE} B up", words("up-many", "many-{turn}", self.many))
        self.row(f"{title}: {small} x {SMALL_SIZE} B down", words("down-many", "many-0-dowel", folder), before=make, after=all_there)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measure", help="the program made from measure.c")
    parser.add_argument("dowel")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the large object")
    parser.add_argument("--small", type=int, default=2000, help="small objects")
    parser.add_argument("--keys", type=int, default=100000, help="keys to list")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=["s3", "gcs"])
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    options.measure, options.dowel = os.path.abspath(options.measure), os.path.abspath(options.dowel)
    work = tempfile.mkdtemp(prefix="dowel-bench-")
    bench = Bench(options, work)
    try:
        bench.prepare()
        for name, part in (("s3", bench.s3), ("gcs", bench.gcs)):
            if options.only in (None, name):
                part()
    except servers.Missing as missing:
        print(f"SKIPPED: {missing}")
        return 77
    finally:
        bench.fleet.stop()
        shutil.rmtree(work, ignore_errors=True)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(bench.rows, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
