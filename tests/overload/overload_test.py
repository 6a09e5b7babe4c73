#!/usr/bin/env python3
"""Floods the real daemon with new keys, and looks for a real attack in between.

  overload_test.py BINARIES [--events N] [--keys N] [--memory SIZE] [--garbage N]

The kernel refuses the daemon more data memory than --memory (RLIMIT_DATA), so
that it dies where it should have evicted. Meanwhile one key is attacked slowly;
its alert must be there in the end. What was dropped to stay within bounds must be
counted. After the flood come lines of garbage and lines of megabytes.

The long run, with the defaults of the configuration:

  tests/overload/overload_test.py BINARIES --events 5000000 --keys 1000000 \\
      --memory 2GiB --defaults
"""
import argparse
import json
import os
import re
import resource
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from denied_rules import DENIED, many_denied  # noqa: E402
from keywatch_process import Daemon, wait_for  # noqa: E402

RULES = "---\n".join((DENIED, """\
title: Any request
name: any_request
logsource: {product: stripe, service: api}
detection:
    selection: {api.key.id|startswith: rk_}
    condition: selection
""", many_denied(12), """\
title: Many paths
name: many_paths
correlation:
    type: value_count
    rules: [any_request]
    group-by: [api.key.id]
    timespan: 1h
    condition: {field: url.path, gte: 100}
---
title: New network
name: new_network
anomaly:
    type: new_term
    rules: [any_request]
    group-by: [api.key.id]
    field: [source.as.number]
    baseline: {history: 30d, min-history: 1d, min-events: 20}
"""))
SMALL_LIMITS = """\
limits: {key_profiles: 20000, event_ids: 100000, waiting_bytes: 32MiB}
checkpoint: {interval: 200ms}
"""
ATTACKS = 12
# The flood lasts so long in event time.
SPAN_SECONDS = 600
START = 1786968000  # 2026-08-17T12:00:00Z
LINE = ('{"@timestamp":"%s","event":{"id":"req_%d"},"api":{"key":{"id":"%s","kind":"restricted"}},'
        '"http":{"request":{"method":"GET"},"response":{"status_code":%d}},"url":{"path":"/v1/things/%d"},'
        '"source":{"ip":"192.0.2.7","as":{"number":%d}},"user_agent":{"original":"flood/1"}}\n')


def size(text):
    number, unit = re.fullmatch(r"(\d+)(MiB|GiB)", text).groups()
    return int(number) << {"MiB": 20, "GiB": 30}[unit]


def stamp(milliseconds):
    seconds = START + milliseconds // 1000
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (milliseconds % 1000)


def write_flood(path, events, keys):
    """Every key comes again and again, in an order that defeats forgetting the oldest; an attack between."""
    every = events // ATTACKS
    with open(path, "w", buffering=1 << 20) as file:
        for i in range(events):
            now = i * SPAN_SECONDS * 1000 // events
            file.write(LINE % (stamp(now), i, "rk_flood_%d" % (i * 7919 % keys), 200, i % 1000, i % 60000))
            if i % every == every // 2:
                file.write(LINE % (stamp(now), events + i, "rk_victim", 403, 1, 64500))


def write_garbage(path, lines):
    with open(path, "ab", buffering=1 << 20) as file:
        for i in range(lines):
            file.write(b"{broken %d\n" % i)
        for letter in b"ABCDEFGH":
            file.write(b'{"@timestamp":"2026-08-17T12:10:00Z","x":"' + bytes([letter]) * (8 << 20) + b'"}\n')
        # New values for one key, each of kilobytes.
        for i in range(2000):
            file.write(('{"@timestamp":"%s","event":{"id":"big_%d"},"api":{"key":{"id":"rk_big"}},"http":{"response":'
                        '{"status_code":200}},"url":{"path":"/v1/%s%d"}}\n' % (
                            stamp(SPAN_SECONDS * 1000 + i), i, "x" * 6000, i)).encode())
        # Behind everything by more than the lateness.
        file.write((LINE % (stamp((SPAN_SECONDS + 60) * 1000), 10 ** 12, "rk_last", 200, 1, 1)).encode())


def metric(daemon, name):
    """The sum over all series of a metric."""
    total = 0.0
    for line in daemon.get("/metrics")[1].splitlines():
        if line.startswith(name) and line[len(name)] in " {":
            total += float(line.rsplit(" ", 1)[1])
    return total


def peak(pid):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) << 10


def stored_rows(daemon):
    with sqlite3.connect("file:%s?mode=ro" % os.path.join(daemon.dir, "state", "keywatch.db"), uri=True) as database:
        return database.execute("SELECT count(*) FROM state").fetchone()[0]


def claim(text, held, detail=""):
    print("%s: %s%s" % ("ok" if held else "FAILED", text, "" if held else "\n" + str(detail)), flush=True)
    return held


def limited(memory):
    """Makes the daemons started here die above so much data."""
    popen = subprocess.Popen

    def start(*arguments, **options):
        options["preexec_fn"] = lambda: resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        return popen(*arguments, **options)

    subprocess.Popen = start


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--keys", type=int, default=100_000)
    parser.add_argument("--garbage", type=int, default=200_000)
    parser.add_argument("--memory", type=size, default=size("400MiB"))
    parser.add_argument("--defaults", action="store_true", help="the limits that the daemon has by itself")
    options = parser.parse_args()

    small = not options.defaults
    daemon = Daemon(options.binaries, "{dir}/rules.yml", SMALL_LIMITS if small else "")
    with open(daemon.config) as file:
        config = file.read().replace("{dir}", daemon.dir)
    with open(daemon.config, "w") as file:
        file.write(config)
    cap = "max-groups: 20000\n" if small else ""
    with open(os.path.join(daemon.dir, "rules.yml"), "w") as file:
        file.write("---\n".join(
            part + (cap if "correlation:" in part or "anomaly:" in part else "") for part in RULES.split("---\n")))
    held = True
    try:
        began = time.monotonic()
        write_flood(daemon.log, options.events, options.keys)
        write_garbage(daemon.log, options.garbage)
        print("%.0f MB of log in %.0f s" % (os.path.getsize(daemon.log) / 1e6, time.monotonic() - began), flush=True)
        limited(options.memory)
        began = time.monotonic()
        daemon.start()
        pid = daemon.process.pid

        def alive():
            if daemon.ended():
                raise AssertionError("keywatchd ended with %s:\n%s" % (daemon.process.returncode, daemon.messages()))
            return True

        most = [0]

        def through():
            alive()
            most[0] = max(most[0], int(metric(daemon, "keywatch_reorder_buffer_bytes")))
            return metric(daemon, "keywatch_events_total") >= options.events + ATTACKS + 2000

        # A thousandth of a second for each is slower than any machine.
        wait_for("the flood to be read", through, 120 + options.events / 1000, 0.2)
        took = time.monotonic() - began
        used = peak(pid)
        print("%.0f s, %.0f events/s, at most %.0f MB resident, %.0f MB waiting" % (
            took, options.events / took, used / 1e6, most[0] / 1e6), flush=True)
        alerts = wait_for("the attack's alert", lambda: alive() and [
            a for a in daemon.json("alerts", "list", "--all", "--limit", "100")["alerts"]
            if a["key_id"] == "rk_victim"], 60)
        held &= claim("the attack amid the flood was found", len(alerts) == 1, alerts)
        held &= claim("resident memory stayed below the limit", used < options.memory, used)
        evicted = metric(daemon, "keywatch_rule_evictions_total")
        held &= claim("what was forgotten is counted (%d)" % evicted, evicted > 0)
        status = json.dumps(daemon.json("status")["engine"])
        held &= claim("and shown by the status", int(json.loads(status)["evictions"]) > 0, status)
        # Events are counted as they are taken, rejects with the commit that makes them lasting.
        expected = options.garbage + 8
        wait_for("the broken lines to be counted", lambda: alive() and (
            metric(daemon, "keywatch_records_rejected_total") >= expected), 60, 0.2)
        rejected = metric(daemon, "keywatch_records_rejected_total")
        held &= claim("every broken and giant line is counted", rejected == expected, rejected)
        held &= claim("nothing was taken for late or lost", metric(daemon, "keywatch_late_events_total") == 0
                      and metric(daemon, "keywatch_coverage_gaps_total") == 0)
        held &= claim("it still answers", daemon.is_ready())
        held &= claim("and stops in order", daemon.stop() == 0, daemon.messages())
        rows = stored_rows(daemon)
        began = time.monotonic()
        daemon.start()
        print("%.1f s for a restart with %d rows of engine state" % (time.monotonic() - began, rows), flush=True)
        return 0 if held else 1
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


if __name__ == "__main__":
    sys.exit(main())
