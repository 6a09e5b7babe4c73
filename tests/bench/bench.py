#!/usr/bin/env python3
"""Measures Keywatch against its targets, and prints a table; tools/bench calls it."""
import argparse
import importlib
import json
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import Context, Failed, Row, say  # noqa: E402
import report  # noqa: E402

# In the order in which they run: first what nothing may disturb.
MODULES = [
    "measure_replay",
    "measure_scale",
    "live.measure",
    "peers.measure",
    "measure_memory",
    "measure_metrics",
    "measure_exactness",
]
TARGETS = ["T%d" % number for number in range(1, 16)]


def wanted_module(module, only):
    return only is None or bool(only & set(module.TARGETS))


def measure_all(context, modules, only):
    rows, peers, failed = [], [], []
    for module in modules:
        if not wanted_module(module, only):
            continue
        begin = time.monotonic()
        say("measuring %s" % ", ".join(module.TARGETS))
        try:
            if hasattr(module, "measure"):
                rows += module.measure(context)
            if hasattr(module, "peers"):
                peers += module.peers(context)
        except Exception as error:   # whatever it was, the other modules are measured
            if not isinstance(error, (Failed, OSError)):
                traceback.print_exc()
            reason = (str(error).splitlines() or [""])[0] or type(error).__name__
            say("failed: %s" % error)
            failed.append(module.__name__)
            rows += [Row(target, module.__name__, not_run="failed: " + reason[:100]) for target in module.TARGETS]
        say("  took %.0f s" % (time.monotonic() - begin))
    return rows, peers, failed


def complete(rows, only):
    """In the order of the targets, and with those that nothing measured."""
    if only is not None:
        rows = [row for row in rows if row.target in only]
    measured = {row.target for row in rows}
    for target in TARGETS:
        if target not in measured and (only is None or target in only):
            rows.append(Row(target, "", not_run="nothing measures it"))
    order = {target: i for i, target in enumerate(TARGETS)}
    return sorted(rows, key=lambda row: order.get(row.target, len(order)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries", help="bazel-bin")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", type=lambda text: set(text.replace(" ", "").split(",")))
    parser.add_argument("--output", choices=["text", "json"], default="text")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--update-reference", action="store_true")
    options = parser.parse_args()

    begin = time.monotonic()
    modules = [importlib.import_module(name) for name in MODULES]
    context = Context(options.binaries, options.quick, options.only)
    try:
        rows, peers, failed = measure_all(context, modules, options.only)
        limits = importlib.import_module("measure_limits").limits(context) if options.only is None or \
            "limits" in options.only else {}
    finally:
        context.close()
    rows = complete(rows, options.only)
    result = report.as_json(rows, peers, limits, options.quick)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    if options.output == "json":
        print(json.dumps(result, indent=2))
    else:
        reference = report.load_reference()
        report.print_rows(rows, reference)
        report.print_peers(peers)
        report.print_limits(limits)
        report.print_absolutes(rows)
        missed = sum(row.verdict() == "MISS" for row in rows)
        print("\n%s; %d missed; %.0f s" % (", ".join("%s %s" % item for item in result["machine"].items()), missed,
                                           time.monotonic() - begin))
    if options.update_reference:
        report.write_reference(rows, options.quick)
    # A miss is a result; a measurement that did not come about is not.
    if failed:
        sys.exit("not measured: %s" % ", ".join(failed))


if __name__ == "__main__":
    main()
