#!/usr/bin/env python3
"""The gRPC API: a push source at full speed, and calls that find it busy or idle.

  api.py BINARIES RULES LOG GRPC_LOAD

The first half of LOG is pushed alone, on one stream in batches of 64 KiB: its rate
ends with the acknowledgement, and so the commit, of the last batch. While the second
half is pushed, one client gets an alert again and again. The same calls to the idle
daemon are compared with those to a bare gRPC server that gives the same answer.
Clients and server share the processors.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_daemon import new_daemon, stamp, wait_for  # noqa: E402

SOURCE = """\
sources:
    - {name: pushed, type: push, format: json, allowed_lateness: 2s, idle_timeout: 1h, max_future: 36500d}
"""
BATCH_BYTES = 64 << 10
CALL_SECONDS = 2
BEFORE_LOG = 1735689600000  # 2025-01-01T00:00:00Z
# The alert that is asked for.
PROBE = ('{"time":"%s","request_id":"probe_%d","key_id":"mk_probe","method":"POST","path":"/v1/transfers","status":401,'
         '"source_ip":"192.0.2.7","user_agent":"probe/1","error_code":"api_key_expired"}\n')


class Load:
    """Calls of grpc_load."""

    def __init__(self, program):
        self.program = program

    def start(self, *arguments):
        return subprocess.Popen([self.program, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        out, error = process.communicate(timeout=600)
        if process.returncode != 0:
            raise AssertionError("grpc_load ended with %d: %s" % (process.returncode, error))
        return json.loads(out)

    def __call__(self, *arguments):
        return self.finish(self.start(*arguments))


def halves(log, folder):
    """The paths of both halves of the log."""
    paths = [os.path.join(folder, name) for name in ("first.jsonl", "second.jsonl")]
    with open(log, "rb") as file:
        lines = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))
        file.seek(0)
        for path, count in zip(paths, (lines // 2, lines - lines // 2)):
            with open(path, "wb") as out:
                out.writelines(itertools.islice(file, count))
    return paths


def first_alert(daemon, load):
    """An alert of one request."""
    probe = os.path.join(daemon.dir, "probe.jsonl")
    with open(probe, "w") as file:
        # Before the log; those of one moment wait for what may still come with it.
        for i in range(2):
            file.write(PROBE % (stamp(BEFORE_LOG + i * 60_000), i))
    load("push", daemon.address, "pushed", probe, BATCH_BYTES)
    return wait_for("the alert", lambda: daemon.json("alerts", "list", "--all").get("alerts"))[0]["id"]


def against_echo(daemon, load, alert, repeats):
    """Results of calls to the idle daemon, and to the bare server."""
    echo = load.start("echo", daemon.address, alert)
    try:
        bare = "127.0.0.1:%d" % int(echo.stdout.readline())
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(load("unary", daemon.address, alert, CALL_SECONDS))
            theirs.append(load("unary", bare, alert, CALL_SECONDS))
        return ours, theirs
    finally:
        echo.communicate("", timeout=30)


def run(binaries, rules, log, program, repeats=3):
    """{"push": one result, "idle": results, "bare": results, "busy": one result, "pushing": one result}."""
    load = Load(program)
    daemon = new_daemon(binaries, rules, SOURCE)
    try:
        first, second = halves(log, daemon.dir)
        daemon.start()
        alert = first_alert(daemon, load)
        idle, bare = against_echo(daemon, load, alert, repeats)
        cpu = daemon.cpu_seconds()
        push = load("push", daemon.address, "pushed", first, BATCH_BYTES)
        push["cpu"] = daemon.cpu_seconds() - cpu
        pushing = load.start("push", daemon.address, "pushed", second, BATCH_BYTES)
        # It reads its file first.
        load("unary", daemon.address, alert, CALL_SECONDS / 4)
        busy = load("unary", daemon.address, alert, CALL_SECONDS)
        if pushing.poll() is not None:
            raise AssertionError("the log is too short: nothing was pushed any more while calls were timed")
        return {"push": push, "idle": idle, "bare": bare, "busy": busy, "pushing": load.finish(pushing)}
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


def main():
    parser = argparse.ArgumentParser()
    for name in ("binaries", "rules", "log", "grpc_load"):
        parser.add_argument(name)
    options = parser.parse_args()
    for name, result in run(options.binaries, [options.rules], options.log, options.grpc_load).items():
        print(name, json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
