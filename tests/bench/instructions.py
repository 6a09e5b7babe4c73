#!/usr/bin/env python3
"""Counts the instructions that an event costs `keywatch replay`, and compares them with instructions.json.

  instructions.py BAZEL_BIN [--update]

Callgrind runs a log of n events and one that is twice as long: the difference is what n events cost without the start
of the program. The count is the same on a busy machine, within a percent on another one: Valgrind's processor is what
the code is made for at most.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE = os.path.join(HERE, "instructions.json")
TOLERANCE = 0.10
# name: rules, events (twice as many in the longer run), options of generate_log, format
SCENARIOS = {
    "matching, 30 rules": ("matching", 2000, [], "json"),
    "30 rules and 5 correlations": ("rules", 2000, [], "json"),
    "35 rules, fields in any order, escapes": ("rules", 500, ["--shuffle-fields"], "json"),
    "names of the event model, combined lines": ("rules_ecs.yml", 2000, ["--format", "combined"], "combined"),
}


def count(command):
    """Instructions in user mode of a run, all threads."""
    result = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"Collected : (\d+)", result.stderr)
    if result.returncode != 0 or not found:
        sys.exit("error: valgrind %s ended with %d:\n%s" % (" ".join(command), result.returncode, result.stderr[-3000:]))
    return int(found.group(1))


def measure(binaries, folder, threads, name):
    rules, events, options, log_format = SCENARIOS[name]
    log = os.path.join(folder, re.sub(r"\W+", "-", name) + ".log")
    subprocess.run([os.path.join(binaries, "tests/bench/generate_log"), "--events", str(2 * events), "--keys", "300",
                    "--rate", "20", "--episode-every", "400", *options, log], check=True)
    # No episode begins in the last 3,000 events, so the longer log is cut, not a shorter one made.
    with open(log, "rb") as file:
        lines = file.readlines()
    with open(log + ".half", "wb") as file:
        file.writelines(lines[:events])
    path = os.path.join(folder, "matching") if rules == "matching" else os.path.join(HERE, rules)
    replay = [os.path.join(binaries, "daemon/keywatch"), "replay", "--format", log_format, *threads]
    half, whole = (count([*replay, file, "--rules", path]) for file in (log + ".half", log))
    return (whole - half) / events


def measure_all(binaries):
    with tempfile.TemporaryDirectory(prefix="keywatch-instructions-") as folder:
        os.mkdir(os.path.join(folder, "matching"))
        for file in os.listdir(os.path.join(HERE, "rules")):
            if file != "correlations.yml":
                os.symlink(os.path.join(HERE, "rules", file), os.path.join(folder, "matching", file))
        usage = subprocess.run([os.path.join(binaries, "daemon/keywatch"), "replay", "--help"], capture_output=True,
                               text=True, check=True).stdout
        threads = ["--threads", "1"] if "--threads" in usage else []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = {name: pool.submit(measure, binaries, folder, threads, name) for name in SCENARIOS}
            return {name: round(run.result()) for name, run in runs.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    measured = measure_all(options.binaries)
    try:
        with open(REFERENCE) as file:
            reference = json.load(file)
    except FileNotFoundError:
        reference = {}

    grew, shrank = [], []
    for name, now in measured.items():
        before = reference.get(name)
        change = now / before - 1 if before else None
        print("%-42s %8d instructions an event%s" % (
            name, now, "" if change is None else ", were %d (%+.1f%%)" % (before, change * 100)))
        if change is None or change > TOLERANCE:
            grew.append(name)
        elif change < -TOLERANCE:
            shrank.append(name)
    if options.update:
        with open(REFERENCE, "w") as file:
            json.dump(measured, file, indent=2)
            file.write("\n")
        print("tests/bench/instructions.json is written; commit it, and say in the message why it changed.")
        return
    if grew:
        sys.exit("error: an event costs over %d%% more instructions than tests/bench/instructions.json has (or has no "
                 "number):\n  %s\nFind out why (valgrind --tool=callgrind, callgrind_annotate). When it is worth it:\n"
                 "  tools/checks/instructions --update" % (TOLERANCE * 100, "\n  ".join(grew)))
    if shrank:
        print("An event costs over %d%% less; keep it that way:\n  tools/checks/instructions --update" % (
            TOLERANCE * 100))


if __name__ == "__main__":
    main()
