#!/usr/bin/env python3
"""Kills the daemon at random instants while it reads a leak, and compares with an undisturbed run.

  kill_test.py BINARIES RULES SHOP [--kills N] [--seed N]

The log is written piece by piece, so that kills fall before, in and after every
stage of the attack: while events wait, when an alert has just opened, in the
middle of a commit, and while the daemon starts. In the end the alerts must be
the same ones: ids, counts, times, evidence.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from keywatch_process import Daemon, wait_for  # noqa: E402

NOON = "2026-08-17T12:00:00Z"
LEAK = "2026-08-17T12:01:30Z"
# Behind everything by more than the lateness: it pushes the watermark past the last event.
LAST = ('{"@timestamp":"2026-08-17T13:00:00.000Z","event":{"id":"req_last"},"api":{"key":{"id":"rk_checkout",'
        '"kind":"restricted"}},"http":{"request":{"method":"GET"},"response":{"status_code":200}},'
        '"url":{"path":"/v1/balance_transactions"},"source":{"ip":"198.51.100.10","as":{"number":64500},'
        '"geo":{"country_iso_code":"US"}},"user_agent":{"original":"Stripe/v1 NodeBindings/16.12.0"}}\n')
CONFIG = "checkpoint: {interval: 20ms}\n"


def shop(script, *arguments):
    return subprocess.run([sys.executable, script, *arguments], check=True, capture_output=True).stdout


def alerts(daemon):
    """What must not depend on kills: everything but versions and wall-clock times."""
    listed = daemon.json("alerts", "list", "--all", "--limit", "1000")["alerts"]
    facts = []
    for entry in listed:
        alert = daemon.json("alerts", "show", entry["id"])["alert"]
        for volatile in ("version", "state_time"):
            alert.pop(volatile, None)
        facts.append(alert)
    return sorted(facts, key=lambda alert: alert["id"])


def finished(daemon):
    """True when the last event was observed and committed."""
    try:
        status = daemon.json("status")
    except AssertionError:
        return False
    source = [s for s in status["sources"] if s["id"] == "shop"][0]
    return int(source["events"]) >= daemon.expected_events and int(status["engine"].get("reorder_buffer_events", 0)) <= 1


def run(options, log, kills, rnd):
    daemon = Daemon(options.binaries, options.rules, CONFIG)
    daemon.expected_events = log.count(b"\n")
    try:
        attack = log.find(b"TruffleHog")
        attack = log.rfind(b"\n", 0, attack) + 1
        # Everything before the attack at once; from there on in random pieces, cut anywhere.
        cuts = sorted(rnd.sample(range(attack, len(log)), kills)) if kills else []
        pieces = [log[a:b] for a, b in zip([0] + cuts, cuts + [len(log)])]
        restarts = 0
        with open(daemon.log, "wb", buffering=0) as file:
            for piece in pieces[:-1]:
                file.write(piece)
                daemon.start(ready=False)
                # From the middle of the start to well after the commit of what is there.
                time.sleep(rnd.choice([0.02, 0.08, 0.15, 0.25, 0.4]) * (0.5 + rnd.random()))
                daemon.kill()
                restarts += 1
            file.write(pieces[-1])
        daemon.start()
        wait_for("the log to be read", lambda: finished(daemon), 60)
        return alerts(daemon), restarts
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("rules")
    parser.add_argument("shop")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    log = shop(options.shop, "--history", "14d", "--end", NOON) + shop(
        options.shop, "--attack", "--start", LEAK) + LAST.encode()
    undisturbed, _ = run(options, log, 0, random.Random(0))
    if len(undisturbed) < 5:
        print("FAILED: the undisturbed run raised %d alerts; the attack should raise more" % len(undisturbed))
        return 1
    print("undisturbed: %d alerts" % len(undisturbed))
    killed, kills = run(options, log, options.kills, random.Random(options.seed))
    lost = [a for a in undisturbed if a["id"] not in {b["id"] for b in killed}]
    doubled = len(killed) - len({a["id"] for a in killed})
    extra = [a for a in killed if a["id"] not in {b["id"] for b in undisturbed}]
    different = [(a, b) for a in undisturbed for b in killed if a["id"] == b["id"] and a != b]
    print("%d kills: %d alerts, %d lost, %d doubled, %d extra, %d different" % (
        kills, len(killed), len(lost), doubled, len(extra), len(different)))
    for a, b in different[:3]:
        print("- " + json.dumps(a, sort_keys=True) + "\n+ " + json.dumps(b, sort_keys=True))
    for alert in (lost + extra)[:5]:
        print("lost or extra: " + json.dumps(alert, sort_keys=True))
    return 1 if lost or doubled or extra or different else 0


if __name__ == "__main__":
    sys.exit(main())
