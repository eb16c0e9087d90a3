#!/usr/bin/env python3
"""How long the command takes to start, beside curl: startup.py MEASURE DOWEL [--runs N] [--json FILE]

`dowel block show NAME` (opens the registry, reads a block) and others are run in turn with `curl --version`, so that a machine that is
busy for a while is busy for all. Medians of the wall time and of the processor time, peak memory, and the ratio to curl, pair by pair.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

REFERENCE = "curl --version"


def measure(program, words, env):
    """Wall seconds, processor seconds and peak KiB of one finished process."""
    done = subprocess.run([program, *words], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed with status {done.returncode}: {done.stderr}")
    wall, cpu, peak = done.stdout.split()
    return float(wall), float(cpu), int(peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measure", help="the program made from measure.c")
    parser.add_argument("dowel")
    parser.add_argument("--runs", type=int, default=101)
    parser.add_argument("--json", metavar="FILE", help="also write the figures there; - is standard output")
    options = parser.parse_args()
    dowel = os.path.abspath(options.dowel)
    curl = subprocess.run(["sh", "-c", "command -v curl"], capture_output=True, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as home:
        env = {"PATH": os.environ["PATH"], "HOME": home}
        save = [dowel, "block", "save", "aws-credentials/example", "--access-key-id", "AKIAIOSFODNN7EXAMPLE", "--secret-access-key", "-"]
        subprocess.run(save, env=env, input=b"secret", check=True, stdout=subprocess.DEVNULL)
        commands = {REFERENCE: [curl, "--version"], "dowel --version": [dowel, "--version"],
                    "dowel block show NAME": [dowel, "block", "show", "aws-credentials/example"],
                    "dowel block list": [dowel, "block", "list"], "dowel task list": [dowel, "task", "list"]}
        taken = {name: [] for name in commands}
        for run in range(options.runs + 3):
            for name, words in commands.items():
                figures = measure(options.measure, words, env)
                if run >= 3:  # the first fill the caches
                    taken[name].append(figures)
    report = {}
    for name, figures in taken.items():
        ratios = [own[0] / other[0] for own, other in zip(figures, taken[REFERENCE])]
        report[name] = {"wall_ms": round(1e3 * statistics.median(f[0] for f in figures), 3),
                        "cpu_ms": round(1e3 * statistics.median(f[1] for f in figures), 3),
                        "peak_mib": round(max(f[2] for f in figures) / 1024, 2), "ratio_to_curl": round(statistics.median(ratios), 3)}
    print(f"{'':24}{'wall ms':>10}{'cpu ms':>10}{'peak MiB':>10}{'x curl':>10}   (medians of {options.runs} interleaved runs)")
    for name, row in report.items():
        print(f"{name:24}{row['wall_ms']:>10.2f}{row['cpu_ms']:>10.2f}{row['peak_mib']:>10.1f}{row['ratio_to_curl']:>10.2f}")
    if options.json:
        text = json.dumps({"runs": options.runs, "commands": report}, indent=2) + "\n"
        if options.json == "-":
            sys.stdout.write(text)
        else:
            with open(options.json, "w", encoding="utf-8") as file:
                file.write(text)


if __name__ == "__main__":
    main()
