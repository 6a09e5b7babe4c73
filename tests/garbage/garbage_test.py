#!/usr/bin/env python3
"""Feeds the daemon garbage and live key secrets, and looks for them everywhere it writes.

  garbage_test.py BINARIES RULES

A broken line, a line of 10 MB, bytes that are no UTF-8, a line that is no object,
one without a time: the daemon counts each by its reason and goes on. Secrets in
plain, escaped, percent-encoded and Base64 form are found nowhere: not in the state
directory, the log, the API or the metrics.
"""
import base64
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from keywatch_process import Daemon, wait_for  # noqa: E402

# Assembled here, so that no scanner takes this file for a leak.
SECRETS = ["_".join((kind, "live", body)) for kind, body in (
    ("rk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdefPLAIN"),
    ("sk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdUNICODE"),
    ("rk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdPERCENT"),
    ("sk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdefBASIC"),
    ("rk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdeBROKEN"),
    ("rk", "51HqwertzuiopASDFGHJKLyxcvbnmQWERTZU1234567890abcdefASKEY"),
)]


def event(number, **fields):
    record = {
        "@timestamp": "2026-08-17T12:%02d:%02d.000Z" % (number // 60, number % 60),
        "event": {"id": "req_%d" % number},
        "api": {"key": {"id": "rk_reader", "kind": "restricted"}},
        "http": {"request": {"method": "GET"}, "response": {"status_code": 403}},
        "url": {"path": "/v1/things/%d" % number, "query": ""},
        "source": {"ip": "192.0.2.7"},
        "user_agent": {"original": "TruffleHog"},
    }
    record.update(fields)
    return json.dumps(record).encode() + b"\n"


def garbage():
    plain, unicode_escaped, percent, basic, broken, as_key = SECRETS
    yield event(1)
    yield b'{"@timestamp":"2026-08-17T12:00:02Z","api":{"key":{"id":"' + broken.encode() + b'"},\n'
    yield b'{"@timestamp":"2026-08-17T12:00:03Z","x":"' + b"A" * (10 << 20) + b'"}\n'
    yield event(4).replace(b"TruffleHog", b"TruffleHog \xff\xfe\xc3")
    yield b'"just text"\n'
    yield b'{"api":{"key":{"id":"rk_reader"}}}\n'
    yield b"\n\x00\n"
    yield event(5, user_agent={"original": "TruffleHog/3 " + plain})
    yield event(6).replace(b"TruffleHog", b"TruffleHog " + "".join(
        "\\u%04x" % ord(c) for c in unicode_escaped).encode())
    yield event(7, url={"path": "/v1/x", "query": "key=" + percent.replace("_", "%5F")})
    yield event(8, error={"message": "authorization: Basic " + base64.b64encode((basic + ":").encode()).decode()})
    yield event(9, api={"key": {"id": as_key, "kind": "restricted"}})
    for number in range(10, 40):
        yield event(number)
    yield event(59 * 60)


def needles():
    """What must not be found: each secret's body, and its Base64."""
    for secret in SECRETS:
        yield secret[8:].encode()
        yield base64.b64encode((secret + ":").encode())


def search(name, data, found):
    for needle in needles():
        if needle in data:
            found.append("%s holds %s" % (name, needle[-12:].decode()))


def main():
    daemon = Daemon(sys.argv[1], sys.argv[2], "checkpoint: {interval: 50ms}\n")
    failures = []
    try:
        daemon.start()
        with open(daemon.log, "ab", buffering=0) as file:
            for piece in garbage():
                file.write(piece)

        def read_all():
            sources = [s for s in daemon.json("status")["sources"] if s["id"] == "shop"]
            return sources and int(sources[0]["events"]) >= 37 and sources[0]

        source = wait_for("the good events", read_all, 60)
        rejects = {r["reason"]: int(r["count"]) for r in source["rejects"]}
        print("rejects: %s" % rejects)
        for reason in ("malformed", "oversized", "not-object", "no-time"):
            if rejects.get(reason, 0) < 1:
                failures.append("no reject counted as %s" % reason)
        shown = daemon.cli("status").stdout
        if "oversized" not in shown:
            failures.append("keywatch status does not show the rejects:\n" + shown)
        alerts = daemon.json("alerts", "list", "--all")["alerts"]
        if not alerts:
            failures.append("the good events raised no alert")

        found = []
        for command in (["status"], ["alerts", "list", "--all"], ["keys", "list"], ["rules", "list"],
                        ["sources", "rejects"]):
            search("keywatch " + " ".join(command), daemon.cli(*command).stdout.encode(), found)
            search("keywatch --output json " + " ".join(command),
                   daemon.cli("--output", "json", *command).stdout.encode(), found)
        for alert in alerts:
            search("keywatch alerts show", daemon.cli("--output", "json", "alerts", "show", alert["id"]).stdout.encode(),
                   found)
        for key in daemon.json("keys", "list")["keys"]:
                search("keywatch keys show", daemon.cli("--output", "json", "keys", "show", key["id"]).stdout.encode(), found)
        search("/metrics", daemon.get("/metrics")[1].encode(), found)
        if subprocess.run(["promtool", "check", "metrics"], input=daemon.get("/metrics")[1].encode(),
                          capture_output=True).returncode != 0:
            failures.append("promtool refuses the metrics")
        if daemon.stop() != 0:
            failures.append("the daemon did not end in order")
        searched = 0
        for folder, _, files in os.walk(daemon.dir):
            for file in files:
                path = os.path.join(folder, file)
                if path == daemon.log or not os.path.isfile(path):
                    continue
                with open(path, "rb") as opened:
                    search(path[len(daemon.dir):], opened.read(), found)
                searched += 1
        if searched < 3:
            failures.append("only %d files were searched" % searched)
        failures += found
        for failure in failures:
            print("FAILED: " + failure)
        if failures:
            sys.stderr.write(daemon.messages())
            return 1
        print("%d files, the API and the metrics hold no secret" % searched)
        return 0
    except BaseException:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()


if __name__ == "__main__":
    sys.exit(main())
