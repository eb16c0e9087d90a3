#!/usr/bin/env python3
"""How many blocks a second are loaded, beside Prefect: loads.py BENCH_LOAD [--seconds S] [--prefect PYTHON]

A block with a secret that refers to another with a secret, both sealed, from SQLite, on one core (processor time). Prefect (its Python in --prefect or
DOWEL_BENCH_PREFECT) loads a block document with a nested one from its own SQLite, by its API inside the process; skipped where it is absent.
"""
import argparse
import json
import os
import subprocess
import tempfile

PREFECT = """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
from prefect.blocks.core import Block
from prefect.settings import temporary_settings
from pydantic import SecretStr

class Inner(Block):
    label: str
    password: SecretStr

class Outer(Block):
    label: str
    password: SecretStr
    next: Inner

inner = Inner(label="inner", password="battery staple")
inner.save("inner", overwrite=True)
Outer(label="outer", password="correct horse", next=inner).save("outer", overwrite=True)
assert Outer.load("outer").next.password.get_secret_value() == "battery staple"
begin, count = time.process_time(), 0
while time.process_time() - begin < float(sys.argv[1]):
    Outer.load("outer")
    count += 1
print(json.dumps({"median": count / (time.process_time() - begin), "loads": count}))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--prefect", default=os.environ.get("DOWEL_BENCH_PREFECT"), help="a Python with Prefect")
    options = parser.parse_args()
    own = json.loads(subprocess.run([options.bench, str(options.seconds)], check=True, capture_output=True, text=True).stdout)
    print(f"dowel    {own['median']:>10.0f} loads a second (best tenth {own['best']:.0f}, {own['loads']} loads)")
    if not options.prefect:
        print("prefect  SKIPPED: no Python with Prefect was named (--prefect or DOWEL_BENCH_PREFECT)")
        return
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home, "PREFECT_HOME": home, "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
               "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        done = subprocess.run([options.prefect, "-c", PREFECT, str(options.seconds)], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        print("prefect  SKIPPED: " + (done.stderr.strip().splitlines() or ["it failed"])[-1])
        return
    peer = json.loads(done.stdout.strip().splitlines()[-1])
    print(f"prefect  {peer['median']:>10.1f} loads a second ({peer['loads']} loads)\nratio    {own['median'] / peer['median']:>10.0f}")


if __name__ == "__main__":
    main()
