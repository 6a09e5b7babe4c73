"""T15: replay's alerts are those of a slow, independent reference, in every way of running."""
import gzip
import json
import os
import random
import shutil
import subprocess

from harness import Row
from slow_reference import alerts_of

TARGETS = ("T15",)


def measure(context):
    events = 100_000 if context.quick else 1_000_000
    log = context.log(events, seed=2)
    # The times of a shop with many writers: not in order, but within the allowed lateness.
    disordered = context.log(events // 2, seed=3, disorder=4_000)
    shared, ways = 0, 0
    details = {}
    for name, path in (("in order", log), ("out of order", disordered)):
        expected = alerts_of(path)
        outputs = {way: run_way(context, path) for way, run_way in WAYS.items()}
        if context.has_threads():
            outputs.update({"%d threads" % threads: replayed(context, path, threads) for threads in (2, 3, 8)})
        ways += len(outputs)
        for way, output in outputs.items():
            same = found(output) == expected and output == outputs["file"]
            shared += same
            if not same:
                details.setdefault("differ", []).append("%s, %s: %d alerts, %d expected" % (
                    name, way, len(output.splitlines()), len(expected)))
        details[name] = {"events": events if path == log else events // 2, "alerts": len(expected)}
    details["ways"] = ways
    return [Row("T15", "ways of running whose alerts are the reference's", shared / ways * 100, "%", must=100,
                details=details)]


def found(output):
    """The alerts as the reference has them."""
    alerts = []
    for line in output.splitlines():
        alert = json.loads(line)
        (key,) = alert["group"].values()
        alerts.append((alert["rule"], key, alert["first_fire"], alert["count"]))
    return sorted(alerts)


def replayed(context, log, threads=1):
    out = os.path.join(context.scratch, "alerts")
    context.replay(log, threads=threads, out=out)
    with open(out) as file:
        return file.read()


def in_pieces(context, log):
    """Through a pipe, in pieces that end anywhere."""
    sizes = random.Random(1)
    process = subprocess.Popen(context.replay_command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    # Few alerts come, and all at the end: the pipe has room for those before.
    with open(log, "rb") as file:
        while piece := file.read(sizes.randrange(1, 200_000)):
            process.stdin.write(piece)
            process.stdin.flush()
    return process.communicate()[0].decode()


def in_files(context, log):
    """In two files that follow each other."""
    parts = [os.path.join(context.scratch, name) for name in ("first.jsonl", "second.jsonl")]
    with open(log, "rb") as file:
        lines = file.readlines()
    for part, content in zip(parts, (lines[:len(lines) // 3], lines[len(lines) // 3:])):
        with open(part, "wb") as file:
            file.writelines(content)
    command = context.replay_command(parts[0])
    command.insert(command.index(parts[0]) + 1, parts[1])
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=True, text=True).stdout


def compressed(context, log):
    path = os.path.join(context.scratch, "log.jsonl.gz")
    with open(log, "rb") as file, gzip.open(path, "wb", compresslevel=1) as target:
        shutil.copyfileobj(file, target)
    return replayed(context, path)


WAYS = {"file": replayed, "file again": replayed, "pieces": in_pieces, "two files": in_files, "compressed": compressed}
