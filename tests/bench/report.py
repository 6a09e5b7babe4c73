"""The table for people, and the comparison with the reference."""
import dataclasses
import json
import os

from harness import HERE, machine

REFERENCE = os.path.join(HERE, "reference.json")


def number(value):
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    return "%.3g" % value


def with_unit(value, unit):
    if value is None:
        return "-"
    return number(value) + (unit if unit in ("x", "%") else " " + unit if unit else "")


def load_reference():
    try:
        with open(REFERENCE) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def change(row, reference):
    """How far a ratio is from that of the reference run; absolute figures depend on the machine."""
    before = reference.get("rows", {}).get(row.key)
    if not before or row.value is None or not row.relative:
        return ""
    return "%+.0f%%" % ((row.value / before - 1) * 100)


def print_table(header, lines):
    widths = [max(len(line[i]) for line in [header, *lines]) for i in range(len(header))]
    for line in [header, *lines]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())


def print_rows(rows, reference):
    lines = []
    for row in rows:
        sign = "<= " if row.at_most else ">= "
        verdict = row.verdict()
        if row.not_run:
            verdict += ": " + row.not_run
        lines.append([row.target, row.metric, with_unit(row.value, row.unit),
                      sign + with_unit(row.must, row.unit) if row.must is not None else "",
                      sign + with_unit(row.stretch, row.unit) if row.stretch is not None else "",
                      change(row, reference), verdict])
    print_table(["", "what", "measured", "must", "stretch", "change", ""], lines)


def print_peers(peers):
    if not peers:
        return
    print("\nPeers, on the same log:")
    lines = []
    for peer in peers:
        lines.append([peer.name, peer.version, peer.work,
                      number(peer.events_per_second) if peer.events_per_second else "-", number(peer.cpu_per_million),
                      "%.0f MB" % (peer.peak_bytes / 1e6) if peer.peak_bytes else "-",
                      "not run: " + peer.not_run if peer.not_run else peer.agreement])
    print_table(["", "version", "work", "events/s", "CPU s/1M", "peak", "found"], lines)


def print_limits(limits):
    if not limits:
        return
    print("\nLimits of the machine:")
    print_table(["", ""], [[name, ", ".join("%s %s" % (number(value), unit.replace("_per_", "/").replace("_", " "))
                                            for unit, value in figures.items())] for name, figures in limits.items()])


def print_absolutes(rows):
    lines = [[row.target, json.dumps(row.details)] for row in rows if row.details]
    # Rows that were measured together share their details.
    lines = [line for i, line in enumerate(lines) if line[1] not in [other[1] for other in lines[:i]]]
    if lines:
        print("\nAbsolute figures of this machine and moment:")
        print_table(["", ""], lines)


def as_json(rows, peers, limits, quick):
    return {
        "machine": machine(), "quick": quick,
        "rows": [dict(dataclasses.asdict(row), verdict=row.verdict()) for row in rows],
        "peers": [dataclasses.asdict(peer) for peer in peers], "limits": limits,
    }


def write_reference(rows, quick):
    """Keeps what was not measured this time, of a run of the same kind."""
    reference = load_reference()
    if reference.get("quick") != quick:
        reference = {}
    kept = reference.get("rows", {})
    kept.update({row.key: float("%.4g" % row.value) for row in rows if row.value is not None})
    with open(REFERENCE, "w") as file:
        json.dump({"machine": machine(), "quick": quick, "rows": dict(sorted(kept.items()))}, file, indent=2)
        file.write("\n")
