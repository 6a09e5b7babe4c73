#!/usr/bin/env python3
"""Measures how the real daemon starts again with many groups.

  tools/build && tests/overload/restart_test.py bazel-bin/daemon [--keys N] [--rule NAME] [--seconds S]

Every key gets a group of one rule: `count` keeps times (event_count), `terms`
keeps what is usual of a key (new_term). Then the daemon is stopped and started,
and, to be sure that it counts on where it was, killed and started. Printed are
the time until it is ready, its memory and the rows of engine state. With
--seconds a start that takes longer fails.
"""
import argparse
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from denied_rules import DENIED  # noqa: E402
from keywatch_process import Daemon, wait_for  # noqa: E402
from overload_test import LINE, claim, metric, stamp, stored_rows  # noqa: E402

COUNT = """\
title: Many denied
name: many_denied
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 1h
    condition: {gte: 5}
max-groups: %d
"""
TERMS = """\
title: New network
name: new_network
anomaly:
    type: new_term
    rules: [denied]
    group-by: [api.key.id]
    field: [source.as.number]
    baseline: {history: 30d, min-history: 1m, min-events: 4}
max-groups: %d
"""
SPAN_SECONDS = 600
VICTIM_EVENTS = 4


def memory(pid):
    with open("/proc/%d/status" % pid) as file:
        text = file.read()
    return [int(re.search(name + r":\s+(\d+) kB", text).group(1)) / 1024 for name in ("VmRSS", "VmHWM")]


def write_log(path, keys):
    """One request per key, and some of a victim that the rules are one short of."""
    every = keys // VICTIM_EVENTS
    with open(path, "w", buffering=1 << 20) as file:
        for i in range(keys):
            now = i * SPAN_SECONDS * 1000 // keys
            file.write(LINE % (stamp(now), i, "rk_key_%d" % i, 403, i % 1000, 64500))
            if i % every == 0:
                file.write(LINE % (stamp(now), keys + i, "rk_victim", 403, 1, 64500))
        # What comes last waits for what may come late.
        file.write(LINE % (stamp((SPAN_SECONDS + 10) * 1000), 3 * keys, "rk_end_0", 403, 1, 64500))


def start(daemon, what):
    began = time.monotonic()
    daemon.start(ready=False)
    wait_for("the daemon to be ready", lambda: daemon.is_ready() or daemon.ended(), 120, 0.01)
    took = time.monotonic() - began
    if daemon.ended():
        raise AssertionError("keywatchd ended:\n" + daemon.messages())
    resident, peak = memory(daemon.process.pid)
    print("%s: ready in %.2f s, %.0f MB resident, %.0f MB at most, %.2f s of processor" % (
        what, took, resident, peak, daemon.cpu_seconds()), flush=True)
    return took


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rule", choices=("count", "terms"), default="count")
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()

    daemon = Daemon(options.binaries, "", "limits: {event_ids: %d}\n" % (2 * options.keys))
    rules = os.path.join(daemon.dir, "rules.yml")
    with open(rules, "w") as file:
        rule = {"count": COUNT, "terms": TERMS}[options.rule]
        file.write("---\n".join((DENIED, rule % (options.keys + 1000))))
    with open(daemon.config) as file:
        config = file.read().replace("paths: []", "paths: [%s]" % rules)
    with open(daemon.config, "w") as file:
        file.write(config)
    held = True
    try:
        write_log(daemon.log, options.keys)
        start(daemon, "empty")
        expected = options.keys + VICTIM_EVENTS + 1
        began = time.monotonic()
        wait_for("the log to be read", lambda: daemon.ended() or metric(daemon, "keywatch_events_total") >= expected,
                 120 + options.keys / 1000, 0.2)
        print("read %d events in %.1f s" % (expected, time.monotonic() - began), flush=True)
        resident, peak = memory(daemon.process.pid)
        print("before: %.0f MB resident, %.0f MB at most" % (resident, peak))
        held &= claim("no group was evicted", metric(daemon, "keywatch_rule_evictions_total") == 0)
        began = time.monotonic()
        held &= claim("it stops in order", daemon.stop(120) == 0, daemon.messages())
        print("stopped in %.2f s" % (time.monotonic() - began))
        rows = stored_rows(daemon)
        size = os.path.getsize(os.path.join(daemon.dir, "state", "keywatch.db")) / 1e6
        print("%d rows of engine state, %.0f MB of database" % (rows, size))
        held &= claim("there is a row for each key", rows > options.keys, rows)
        took = [start(daemon, "after a stop")]
        daemon.kill()
        took.append(start(daemon, "after a kill"))
        held &= claim("each start took less than %.0f s" % options.seconds, max(took) < options.seconds, took)
        with open(daemon.log, "a") as file:
            for i, number in enumerate((64500, 64501)):
                file.write(LINE % (stamp((SPAN_SECONDS + 20 + i) * 1000), 5 * options.keys + i, "rk_victim", 403, 2,
                                   number))
            file.write(LINE % (stamp((SPAN_SECONDS + 60) * 1000), 6 * options.keys, "rk_end_1", 403, 1, 64500))
        alerts = wait_for("the victim's alert", lambda: daemon.json("alerts", "list", "--all")["alerts"], 60)
        held &= claim("it counts on where it was", [a["key_id"] for a in alerts] == ["rk_victim"], alerts)
        return 0 if held else 1
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


if __name__ == "__main__":
    sys.exit(main())
