#!/usr/bin/env python3
"""Kills the daemon, again and again, and compares what it stored and sent with an undisturbed run.

  crash_test.py BINARY TREE [--kills N] [--lanes N] [--seed N] [--broken]

BINARY is a keywatchd built with --config=failpoints, TREE the source tree. The log
(scenario.py) has every kind of rule in it; it comes by a file that is rotated and
cut anywhere, and by an HTTP API. The daemon dies at every named point of the source
(KEYWATCH_FAILPOINT), and at random instants: while it starts, reads, commits, sends,
reloads, and upgrades its database. In the end alerts, messages, key profiles,
positions and the engine's whole state must be those of a run in which nothing
happened.

--broken commits positions before alerts. The comparison must notice, or this test is
worth nothing: then, and only then, it exits with 0.
"""
import argparse
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import scenario  # noqa: E402
from lane import Lane, compare, make_base, undisturbed  # noqa: E402

BROKEN = "checkpoint.cursors_before_alerts"
# Passed only when an alert opens.
ALERT_POINTS = re.compile(r"^(notify\.|checkpoint\.(alert|outbox)$)")
RELOAD_POINTS = re.compile(r"^reload\.")
UPGRADE_POINTS = re.compile(r"^upgrade\.")


def named_points(tree):
    """Every failpoint that the source has."""
    points = set()
    for directory, _, files in os.walk(os.path.join(tree, "daemon")):
        for name in files:
            if name.endswith(".cc"):
                with open(os.path.join(directory, name)) as file:
                    points.update(re.findall(r'KEYWATCH_FAILPOINT\(\s*"([^"]+)"\)', file.read()))
    return sorted(points - {BROKEN})


class Attempt:
    """One run over the whole log, with kills."""

    def __init__(self, lane, rnd, plan, broken):
        self.lane = lane
        self.random = rnd
        self.plan = plan          # points that this run must die at
        self.broken = broken
        self.kills = 0
        self.hit = {}
        self.attack = [number for number, (_, record) in enumerate(lane.items)
                       if record["user_agent"]["original"] == "curl/8.5"]

    def in_attack(self):
        at = self.lane.published
        return any(at - 3 <= number < at + 6 for number in self.attack)

    def next_point(self):
        attack = self.in_attack()
        for index, point in enumerate(self.plan):
            if bool(ALERT_POINTS.match(point)) == attack:
                return self.plan.pop(index)
        return None

    def run(self, kills):
        lane, rnd = self.lane, self.random
        # Half of the pieces end in an attack, where the alerts are.
        half = kills // 2
        inside = [rnd.choice(self.attack) + rnd.randrange(0, 4) for _ in range(half)]
        anywhere = [rnd.randrange(20, len(lane.items) - 120) for _ in range(kills - half)]
        for cut in sorted(inside + anywhere):
            lane.publish(cut, cut=rnd.random() < 0.5)
            if self.broken:
                self.die_at("%s@%d" % (BROKEN, rnd.randrange(1, 3)), seconds=1.0)
                continue
            point = self.next_point() if self.in_attack() or rnd.random() < 0.75 else None
            if point:
                self.die_at(point)
            else:
                self.die_somewhere()
        for point in self.plan:
            if not ALERT_POINTS.match(point):
                self.die_at(point)
        lane.reload_with(False)
        lane.publish(len(lane.items))
        lane.start()
        lane.run_to_end()
        lane.stop()
        if lane.rotated != len(lane.rotations):
            raise AssertionError("the log was rotated %d times" % lane.rotated)

    def die_somewhere(self):
        """SIGKILL at a random instant, from before main() to long after the commit, and sometimes amid a reload."""
        rnd, lane = self.random, self.lane
        lane.start()
        time.sleep(rnd.choice([0.0, 0.01, 0.03, 0.06, 0.1]) * (0.5 + rnd.random()))
        if rnd.random() < 0.2:
            lane.reload_with(rnd.random() < 0.5)
            if lane.takes_reloads():
                lane.process.send_signal(signal.SIGHUP)
            time.sleep(0.05 * rnd.random())
        lane.kill()
        self.kills += 1

    def die_at(self, point, seconds=8.0):
        """Starts the daemon, and gives it what it needs, until it dies at `point` by itself."""
        lane, rnd = self.lane, self.random
        passes = "" if "@" in point else "@%d" % rnd.choice([1, 1, 1, 2, 3])
        if RELOAD_POINTS.match(point) or UPGRADE_POINTS.match(point) or point.startswith("open."):
            passes = ""
        if UPGRADE_POINTS.match(point):
            self.downgrade()
        if RELOAD_POINTS.match(point):
            # There must be state to erase.
            lane.reload_with(True)
        lane.start(point + passes)
        started = time.monotonic()
        fed = reloaded = started
        reloads = 0
        while lane.alive():
            now = time.monotonic()
            if now - started > seconds:
                if not self.broken:
                    raise AssertionError("%s was not passed within %.0f s\n%s" % (point, seconds, lane.messages()))
                lane.kill()
                self.kills += 1
                return
            if RELOAD_POINTS.match(point) and now - reloaded > 0.3 and lane.takes_reloads():
                if reloads:
                    lane.reload_with(reloads % 2 == 0)
                lane.process.send_signal(signal.SIGHUP)
                reloads += 1
                reloaded = now
            if now - fed > 0.12 and lane.published < len(lane.items) - 2:
                lane.publish(min(lane.published + 2, len(lane.items) - 2))
                fed = now
            time.sleep(0.005)
        if lane.process.returncode != -signal.SIGKILL:
            raise AssertionError("keywatchd ended with %d instead of dying at %s:\n%s" % (
                lane.process.returncode, point, lane.messages()))
        self.kills += 1
        name = point.split("@")[0]
        self.hit[name] = self.hit.get(name, 0) + 1

    def downgrade(self):
        """Makes the database one of the version before, as the first step left it."""
        connection = sqlite3.connect(self.lane.database)
        try:
            for (name,) in connection.execute(
                    "SELECT name FROM sqlite_schema WHERE name LIKE 'retention_%' AND type = 'index'").fetchall():
                connection.execute("DROP INDEX " + name)
            connection.execute("DROP INDEX IF EXISTS outbox_waiting")
            connection.execute("CREATE INDEX IF NOT EXISTS outbox_due ON outbox (next_attempt_ms) WHERE status = 0")
            for table in ("alert_change", "alert_continuation"):
                connection.execute("DROP TABLE IF EXISTS " + table)
            for column in ("last_success_ms", "last_denied_ms"):
                if any(row[1] == column for row in connection.execute("PRAGMA table_info(key_profile)")):
                    connection.execute("ALTER TABLE key_profile DROP COLUMN " + column)
            connection.execute("PRAGMA user_version = 1")
            connection.commit()
        finally:
            connection.close()


def one_lane(number, options, base, scratch, expected, plan, kills, results):
    rnd = random.Random(options.seed * 1000 + number)
    lane = Lane(options.binary, os.path.join(scratch, "lane%d" % number), base, seed=options.seed * 1000 + number)
    lane.peers.refuse = 0.05
    attempt = Attempt(lane, rnd, plan, options.broken)
    differences = []
    try:
        attempt.run(kills)
        differences = compare(expected, lane.facts())
        for key, before, after in lane.peers.changed_bodies:
            differences.append("message %s was about %s and then about %s" % (key, before, after))
    except AssertionError as error:
        differences = [str(error)]
    again = sum(count - 1 for count in lane.peers.accepted.values())
    lane.close(keep=bool(differences) and options.keep)
    results[number] = (attempt, differences, again)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("tree")
    parser.add_argument("--kills", type=int, default=50, help="in all lanes together, at least")
    parser.add_argument("--lanes", type=int, default=2, help="daemons at the same time")
    parser.add_argument("--per-run", type=int, default=50, help="kills over one log")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the directories of lanes that failed")
    options = parser.parse_args()
    scratch = tempfile.mkdtemp(prefix="keywatch-crash-")
    began = time.monotonic()
    points = [] if options.broken else named_points(options.tree)
    base = make_base(options.binary, os.path.join(scratch, "first"))
    expected = undisturbed(options.binary, os.path.join(scratch, "undisturbed"), base)
    print("undisturbed: %d alerts, %d messages, %d rows of engine state" % (
        len(expected["alerts"]), len(expected["messages taken"]), len(expected["engine state"])), flush=True)
    again = compare(expected, undisturbed(options.binary, os.path.join(scratch, "undisturbed2"), base))
    if again:
        print("FAILED: two undisturbed runs differ\n  " + "\n  ".join(again))
        return 1

    runs = max(1, -(-options.kills // options.per_run))
    plans = [[] for _ in range(runs)]
    rnd = random.Random(options.seed)
    for repeat in range(max(1, options.kills // (2 * max(1, len(points))))):
        order = points[:]
        rnd.shuffle(order)
        for number, point in enumerate(order):
            plans[(number + repeat) % runs].append(point)
    for plan in plans:
        # What needs much of the log comes while there is much.
        plan.sort(key=lambda point: not RELOAD_POINTS.match(point))
    results, waiting = {}, list(range(runs))
    kills = -(-options.kills // runs)

    def work():
        while True:
            try:
                number = waiting.pop()
            except IndexError:
                return
            one_lane(number, options, base, scratch, expected, plans[number], kills, results)

    threads = [threading.Thread(target=work) for _ in range(min(options.lanes, runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    died, hit, differences, repeated = 0, {}, [], 0
    for number in range(runs):
        if number not in results:
            differences.append("run %d ended early" % number)
            continue
        attempt, found, again = results[number]
        died += attempt.kills
        repeated += again
        for point, times in attempt.hit.items():
            hit[point] = hit.get(point, 0) + times
        differences += ["run %d: %s" % (number, difference) for difference in found]
    if not options.keep:
        shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.monotonic() - began
    print("%d kills in %d runs over the log, %.0f s; %d messages were sent again, under their ids" % (
        died, runs, seconds, repeated))
    print("at named points: " + ", ".join("%s %d" % item for item in sorted(hit.items())))
    if options.broken:
        print("with positions committed before alerts: %d differences" % len(differences))
        for difference in differences[:3]:
            print("  " + difference)
        caught = any(": alerts: " in difference and " lost" in difference for difference in differences)
        print("caught" if caught else "FAILED: a commit that loses alerts was not noticed")
        return 0 if caught else 1
    missed = [point for point in points if point not in hit]
    if missed:
        differences.append("never died at: " + ", ".join(missed))
    if died < options.kills:
        differences.append("only %d kills" % died)
    lost = sum(" lost, such as " in difference for difference in differences)
    doubled = sum(" rows instead of " in difference for difference in differences)
    print("kinds of rows that are: %d lost, %d doubled, %d different" % (
        lost, doubled, len(differences) - lost - doubled))
    for difference in differences:
        print("FAILED: " + difference)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
