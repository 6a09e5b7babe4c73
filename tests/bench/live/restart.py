#!/usr/bin/env python3
"""A restart with many groups, until the first event after it has been judged.

  restart.py BINARIES [--groups N]

Each key of a log has a group of one rule that counts. The daemon is stopped, the one
request that is missing to an alert is written, and the daemon is started: timed is
from there to the alert's commit.
"""
import argparse
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_daemon import FILE_SOURCE, committed, new_daemon, resident, stamp, wait_for  # noqa: E402

RULES = """\
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {status: 403}
    condition: selection
---
title: Many denied
name: many_denied
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 1h
    condition: {gte: 2}
max-groups: %d
"""
LINE = '{"time":"%s","request_id":"r%d","key_id":"mk_%d","status":403,"source_ip":"192.0.2.7","path":"/v1/things"}\n'
START = 1767225600000  # 2026-01-01T00:00:00Z
SPAN_MS = 60_000


def write_log(path, groups):
    with open(path + ".new", "w", buffering=1 << 20) as file:
        for i in range(groups):
            file.write(LINE % (stamp(START + i * SPAN_MS // groups), i, i))
    os.rename(path + ".new", path)


def alerts(daemon):
    path = os.path.join(daemon.dir, "state", "keywatch.db")
    with sqlite3.connect("file:%s?mode=ro" % path, uri=True, timeout=30) as database:
        return database.execute("SELECT count(*) FROM alert").fetchone()[0]


def measure(binaries, groups):
    """Seconds from the start to the alert, and resident bytes after it."""
    daemon = new_daemon(binaries, ["rules.yml"],
                        FILE_SOURCE % "0s" + "limits: {event_ids: %d}\n" % (2 * groups))
    try:
        with open(os.path.join(daemon.dir, "rules.yml"), "w") as file:
            file.write(RULES % (groups + 1000))
        daemon.start()
        write_log(daemon.log, groups)
        size = os.path.getsize(daemon.log)
        wait_for("the log to be committed", lambda: daemon.ended() or committed(daemon, "log") >= size,
                 120 + groups / 1000, 0.1)
        if daemon.stop(120) != 0 or alerts(daemon) != 0:
            raise AssertionError("no orderly stop, or an alert too early:\n" + daemon.messages())
        with open(daemon.log, "a") as file:
            file.write(LINE % (stamp(START + SPAN_MS + 1000), groups, 7))
            # Those of one instant wait for what may come with it.
            file.write(LINE % (stamp(START + SPAN_MS + 2000), groups + 1, groups))
        begin = time.monotonic()
        daemon.start(ready=False)
        wait_for("the alert", lambda: daemon.ended() or alerts(daemon) == 1, 120, 0.005)
        took = time.monotonic() - begin
        if daemon.ended():
            raise AssertionError("keywatchd ended:\n" + daemon.messages())
        return took, resident(daemon.process.pid)[0]
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--groups", type=int, default=100_000)
    options = parser.parse_args()
    took, memory = measure(options.binaries, options.groups)
    print("%d groups: %.2f s, %.0f MB resident" % (options.groups, took, memory / 1e6))


if __name__ == "__main__":
    sys.exit(main())
