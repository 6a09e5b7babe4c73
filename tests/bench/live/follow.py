#!/usr/bin/env python3
"""A followed file, from its appearance to the commit behind its last line.

  follow.py BINARIES RULES LOG

Prints events a second and seconds of processor time for a million events. The log
is put into place whole, so that the daemon is never without work.
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_daemon import FILE_SOURCE, committed, new_daemon, place, wait_for  # noqa: E402


def measure(binaries, rules, log):
    """Events a second, processor seconds per million events."""
    size = os.path.getsize(log)
    with open(log, "rb") as file:
        events = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
    daemon = new_daemon(binaries, rules, FILE_SOURCE % "2s")
    try:
        daemon.start()
        cpu = daemon.cpu_seconds()
        began = time.monotonic()
        place(log, daemon.log)

        def done():
            if daemon.ended():
                raise AssertionError("keywatchd ended:\n" + daemon.messages())
            return committed(daemon, "log") >= size

        wait_for("the log to be committed", done, 60 + events / 10_000, 0.01)
        took = time.monotonic() - began
        return events / took, (daemon.cpu_seconds() - cpu) / events * 1e6
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("rules")
    parser.add_argument("log")
    options = parser.parse_args()
    rate, cpu = measure(options.binaries, [options.rules], options.log)
    print("%.0f events/s, %.2f s of processor time per million events" % (rate, cpu))


if __name__ == "__main__":
    sys.exit(main())
