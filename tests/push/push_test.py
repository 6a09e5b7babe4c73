#!/usr/bin/env python3
"""Pushes records into the real daemon and kills it at random, and kills senders too.

  push_test.py BINARIES [--kills N] [--seed N]

What was acknowledged is there after any kill; what was not is sent again and
counts once. A sender that never sees its acknowledgements (killed after the
commit, before it could read them) sends everything again: nothing counts twice.
"""
import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from denied_rules import DENIED, many_denied  # noqa: E402
from keywatch_process import Daemon, wait_for  # noqa: E402

RULES = DENIED + "---\n" + many_denied(50)
CONFIG = """\
state_directory: {dir}/state
grpc: {{listen: 127.0.0.1:{grpc}, allow_unauthenticated: true, unix_socket: ''}}
http: {{listen: 127.0.0.1:{http}}}
rules:
    paths: [{dir}/rules.yml]
checkpoint: {{interval: 30ms}}
{more}
sources:
    - name: shop
      type: push
      format: keywatch
      queue_bytes: 64KiB
      dedup_horizon: 2h
      allowed_lateness: 2s
      idle_timeout: 1h
      max_future: 36500d
    - name: file
      type: file
      paths: ['{log}']
      format: keywatch
      idle_timeout: 100ms
      max_future: 36500d
"""


def record(number):
    return json.dumps({"@timestamp": "2026-08-17T12:%02d:%02d.000Z" % (number // 60 % 60, number % 60),
                       "event": {"id": "req_%d" % number}, "api": {"key": {"id": "rk_a"}},
                       "http": {"response": {"status_code": 403}}})


def claim(text, held, detail=""):
    print("%s: %s%s" % ("ok" if held else "FAILED", text, "" if held else "\n" + str(detail)), flush=True)
    return held


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print("seed %d" % options.seed)
    rnd = random.Random(options.seed)
    daemon = Daemon(options.binaries, "", extra=CONFIG)
    with open(os.path.join(daemon.dir, "rules.yml"), "w") as file:
        file.write(RULES)
    count = 2000
    records = os.path.join(daemon.dir, "records.jsonl")
    with open(records, "w") as file:
        for number in range(count):
            file.write(record(number) + "\n")

    def push(path, **more):
        return subprocess.Popen([daemon.keywatch, "--address", daemon.address, "sources", "push", "shop", path,
                                 "--retry", "60s"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def source():
        return [s for s in daemon.json("status")["sources"] if s["id"] == "shop"][0]

    held = True
    try:
        daemon.start()
        wrong = daemon.cli("sources", "push", "file", records, check=False)
        held &= claim("a source of another type takes no pushes", wrong.returncode != 0 and "no pushes" in wrong.stderr,
                      wrong)
        wrong = daemon.cli("sources", "push", "nowhere", records, check=False)
        held &= claim("nor does an unknown one", wrong.returncode != 0 and "nowhere" in wrong.stderr, wrong)

        # Line by line through a pipe, so that there are many batches, and kills between them.
        sender = push("/dev/stdin", stdin=subprocess.PIPE)
        with open(records) as file:
            lines = file.readlines()
        cuts = sorted(rnd.sample(range(1, count), options.kills))
        for begin, end in zip([0] + cuts, cuts + [count]):
            for at in range(begin, end, 25):
                sender.stdin.write("".join(lines[at:min(at + 25, end)]))
                sender.stdin.flush()
                time.sleep(0.01)
            if end < count:
                daemon.kill()
                daemon.start()
        out, err = sender.communicate(timeout=120)
        held &= claim("the sender got every acknowledgement over %d kills" % options.kills,
                      sender.returncode == 0 and "%d records" % count in out, out + err)
        events = int(source()["events"])
        held &= claim("every record counts once", events == count, source())
        daemon.kill()
        daemon.start()
        held &= claim("what was acknowledged is there after a kill", int(source()["events"]) == count, source())

        # Senders that die before they see an acknowledgement, and one that starts over.
        for _ in range(3):
            sender = push(records)
            time.sleep(rnd.random() * 0.3)
            sender.send_signal(signal.SIGKILL)
            sender.communicate()
        again = daemon.cli("sources", "push", "shop", records)
        held &= claim("who sends everything again is acknowledged", "%d records" % count in again.stdout, again)
        state = source()
        held &= claim("and nothing counts twice", int(state["events"]) == count
                      and int(state["duplicate_events"]) >= count, state)

        # A reload while records are pushed goes unnoticed.
        with open(records, "w") as file:
            for number in range(count, 2 * count):
                file.write(record(number) + "\n")
        sender = push(records)
        for _ in range(3):
            daemon.cli("rules", "reload", check=False)
        out, err = sender.communicate(timeout=60)
        held &= claim("a reload costs no sender anything", sender.returncode == 0 and not err, out + err)
        held &= claim("and no record", int(source()["events"]) == 2 * count, source())
        alerts = wait_for("the alert", lambda: daemon.json("alerts", "list", "--all").get("alerts"))
        held &= claim("one alert", len(alerts) == 1, alerts)

        # Down for longer than a reload: nobody kept what was pushed elsewhere.
        daemon.kill()
        time.sleep(11)
        daemon.start()
        gaps = wait_for("the gap", lambda: daemon.json("sources", "gaps", "shop").get("gaps"))
        held &= claim("downtime of a push source is a gap", all(g["reason"] == "down" for g in gaps), gaps)
        began = time.monotonic()
        held &= claim("stops in order", daemon.stop() == 0, daemon.messages())
        held &= claim("and soon", time.monotonic() - began < 5)
        return 0 if held else 1
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


if __name__ == "__main__":
    sys.exit(main())
