"""The limits of the machine, beside the targets: reading, parsing and committing."""
import statistics

TARGETS = ("limits",)


def limits(context):
    """{name: {"value", "unit"}} of the log of T1."""
    log = context.main_log()
    reads = [context.limit("read", log) for _ in range(3)]
    parses = [context.limit("parse", log) for _ in range(3)]
    commits = context.limit("sqlite", context.scratch_folder("sqlite"))
    read = statistics.median(result["cpu"] for result in reads)
    parse = statistics.median(result["cpu"] for result in parses)
    size, events = parses[0]["bytes"], parses[0]["events"]
    one, hundred = commits["rows_1"], commits["rows_100"]
    return {
        "reading the file, 256 KiB at a time": _rate(size, read, events),
        "simdjson (%s), ten fields" % parses[0]["implementation"]: _rate(size, parse, events),
        "SQLite, WAL and FULL, a row each commit": _commits(one, 1),
        "SQLite, WAL and FULL, 100 rows each commit": _commits(hundred, 100),
    }


def _rate(size, seconds, events):
    return {"gb_per_second": round(size / seconds / 1e9, 2), "ns_per_event": round(seconds / events * 1e9, 1)}


def _commits(result, rows):
    return {"commits_per_second": round(result["commits"] / result["wall"]),
            "rows_per_second": round(rows * result["commits"] / result["wall"])}
