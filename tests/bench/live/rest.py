#!/usr/bin/env python3
"""The daemon that has nothing to do: its memory with the shipped rules, and a scrape of 10,000 series.

  rest.py BINARIES
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_daemon import FILE_SOURCE, new_daemon, resident  # noqa: E402

SHIPPED_RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "rules")
SERIES = 10_000
SERIES_PER_RULE = 3
RULE = """\
title: Rule %d
name: rule_%d
logsource: {product: stripe, service: api}
detection:
    selection: {url.path: /v1/%d}
    condition: selection
level: low
"""


def memory(binaries):
    """Resident bytes with the shipped rules, and those of them that are no file's pages."""
    daemon = new_daemon(binaries, [os.path.abspath(SHIPPED_RULES)], FILE_SOURCE % "30s")
    try:
        daemon.start()
        # What the start needed is given back.
        time.sleep(2)
        return resident(daemon.process.pid)
    finally:
        daemon.close()


def scrape(binaries, times=20):
    """Seconds of one scrape (median), how many series it has, and its bytes."""
    daemon = new_daemon(binaries, ["rules.yml"], FILE_SOURCE % "30s")
    try:
        rules = SERIES // SERIES_PER_RULE + 1
        with open(os.path.join(daemon.dir, "rules.yml"), "w") as file:
            file.write("---\n".join(RULE % (i, i, i) for i in range(rules)))
        daemon.start()
        took = []
        for _ in range(times):
            begin = time.monotonic()
            status, body = daemon.get("/metrics")
            took.append(time.monotonic() - begin)
            assert status == 200, status
        series = sum(1 for line in body.splitlines() if line and not line.startswith("#"))
        return statistics.median(took), series, len(body)
    finally:
        daemon.close()


def main():
    whole, own = memory(sys.argv[1])
    print("at rest: %.1f MB resident, %.1f MB of them its own" % (whole / 1e6, own / 1e6))
    took, series, size = scrape(sys.argv[1])
    print("scrape: %.1f ms, %d series, %d KB" % (took * 1e3, series, size >> 10))


if __name__ == "__main__":
    sys.exit(main())
