#!/usr/bin/env python3
"""Does to the sources of the real daemon what production does to them.

  faults_test.py BINARIES [NAME...]

Each case produces its fault for real (an HTTP server that refuses, a log that is
rotated, truncated, copied over or deleted, a second daemon) while the daemon
runs, while it is down, or both. What must hold afterwards: every request that
could be read counts exactly once, every stretch that could not is a gap with its
reason, and the status says what is wrong while it is wrong.
"""
import argparse
import gzip
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from denied_rules import DENIED, many_denied  # noqa: E402
from keywatch_process import Daemon, free_port, wait_for  # noqa: E402

RULES = DENIED + "---\n" + many_denied(5)
HTTP_SOURCE = """\
state_directory: {dir}/state
grpc: {{listen: 127.0.0.1:{grpc}, allow_unauthenticated: true}}
http: {{listen: 127.0.0.1:{http}}}
rules:
    paths: [{rules}]
{more}
sources:
    - name: shop
      type: http
      url: http://127.0.0.1:%d/list
      format: keywatch
      id_path: event.id
      order: oldest_first
      start: beginning
      interval: 200ms
      backoff_max: 1s
      allowed_lateness: 1s
      idle_timeout: 1s
      max_silence: 3s
      max_future: 36500d
"""
FAST = "checkpoint: {interval: 50ms}\n"


def now():
    return time.time()


def stamp(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + ".%03dZ" % (seconds % 1 * 1000)


def record(number, key="rk_a", status=200, at=None):
    return json.dumps({"@timestamp": stamp(at or now()), "event": {"id": "req_%d" % number},
                       "api": {"key": {"id": key}}, "http": {"response": {"status_code": status}}})


class List:
    """A list of records over HTTP, oldest first, that can refuse and forget."""

    def __init__(self):
        self.records, self.status, self.headers, self.requests = [], 200, {}, []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                outer.requests.append(time.monotonic())
                status, body = outer.answer(query.get("starting_after", [None])[0])
                self.send_response(status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self.handler = Handler
        self.port = free_port()
        self.server = None
        self.up()

    def answer(self, after):
        if self.status != 200:
            return self.status, b"no"
        records = list(self.records)
        if after is not None:
            ids = [json.loads(r)["event"]["id"] for r in records]
            if after not in ids:
                return 404, b"{}"
            records = records[ids.index(after) + 1:]
        page = records[:50]
        return 200, ('{"data":[%s],"has_more":%s}' % (
            ",".join(page), "true" if len(records) > 50 else "false")).encode()

    def up(self):
        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True

            def handle_error(self, request, client_address):
                pass  # a client that was killed

        self.server = Server(("127.0.0.1", self.port), self.handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


class Case:
    def __init__(self, binaries, config="", extra=None):
        self.daemon = Daemon(binaries, "RULES", config or FAST, extra=extra)
        rules = os.path.join(self.daemon.dir, "rules.yml")
        with open(rules, "w") as file:
            file.write(RULES)
        with open(self.daemon.config) as file:
            text = file.read()
        with open(self.daemon.config, "w") as file:
            file.write(text.replace("[RULES]", "[%s]" % rules))
        self.number = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *rest):
        if kind is not None:
            sys.stderr.write(self.daemon.messages())
        self.daemon.close()

    def next(self, **fields):
        self.number += 1
        return record(self.number, **fields)

    def write(self, count=1, path=None, **fields):
        with open(path or self.daemon.log, "a") as file:
            for _ in range(count):
                file.write(self.next(**fields) + "\n")

    def source(self):
        return [s for s in self.daemon.json("status")["sources"] if s["id"] == "shop"][0]

    def events(self):
        return int(self.source()["events"])

    def expect(self, events):
        wait_for("%d events, there are %d" % (events, self.events()), lambda: self.events() >= events, 30)
        time.sleep(0.5)  # one too many would come now
        assert self.events() == events, "%d events instead of %d" % (self.events(), events)

    def gaps(self):
        return [g["reason"] for g in self.daemon.json("sources", "gaps").get("gaps", [])]

    def blind(self):
        return [s for source in self.daemon.json("coverage", "--since", "1h")["sources"]
                for s in source.get("stretches", []) if s["kind"] == "blind"]

    def restart(self, between=lambda: None):
        self.daemon.kill()
        between()
        self.daemon.start()


# --- HTTP


def http_unreachable(binaries):
    """Connection refused, then 503: failing is shown, nothing is lost, and a long failure is a gap."""
    server = List()
    with Case(binaries, extra=HTTP_SOURCE % server.port) as case:
        server.records.append(case.next())
        case.daemon.start()
        case.expect(1)
        server.down()
        server.records.append(case.next())
        wait_for("the failure to be shown", lambda: case.source()["state"] == "failing")
        assert "keywatch_source_errors_total" in case.daemon.get("/metrics")[1]
        server.status = 503
        server.up()
        wait_for("503 to be shown", lambda: "503" in case.source()["error"])
        wait_for("the gap", lambda: any(s["reason"] == "unreachable" for s in case.blind()), 30)
        server.status = 200
        case.expect(2)
        assert case.source()["state"] != "failing"
        assert case.gaps() == ["unreachable"], case.gaps()
    server.down()


def http_retry_after(binaries):
    """429 with Retry-After is obeyed, and loses nothing."""
    server = List()
    with Case(binaries, extra=HTTP_SOURCE % server.port) as case:
        server.records.append(case.next())
        case.daemon.start()
        case.expect(1)
        server.headers = {"Retry-After": "3"}
        server.status = 429
        server.records += [case.next() for _ in range(120)]
        wait_for("429 to be shown", lambda: "429" in case.source()["error"])
        refused = server.requests[-1]
        server.headers, server.status = {}, 200
        case.expect(121)
        pause = min(t for t in server.requests if t > refused + 0.01) - refused
        assert pause >= 2.9, "asked again after %.1f s" % pause
    server.down()


def http_cursor_expired(binaries):
    """The provider forgot where the daemon stood, while it was down: a gap, and on from the oldest that is left."""
    server = List()
    with Case(binaries, extra=HTTP_SOURCE % server.port) as case:
        server.records += [case.next(), case.next()]
        case.daemon.start()
        case.expect(2)

        def forget():
            case.number += 7  # what nobody saw
            time.sleep(2)
            server.records = [case.next(), case.next()]
        case.restart(forget)
        case.expect(4)
        wait_for("the gap", lambda: [g for g in case.gaps() if g.startswith("cursor expired")])
        assert any(s["reason"] == "cursor expired" for s in case.blind()), case.blind()
    server.down()


def http_downtime(binaries):
    """A provider that keeps its history: downtime is no gap."""
    server = List()
    with Case(binaries, extra=HTTP_SOURCE % server.port) as case:
        server.records += [case.next(), case.next()]
        case.daemon.start()
        case.expect(2)

        def on():
            server.records += [case.next() for _ in range(130)]
            time.sleep(1)
        case.restart(on)
        case.expect(132)
        assert case.gaps() == [], case.gaps()
    server.down()


# --- Files


def both(case, fault):
    """The fault while the daemon runs, and again while it is down."""
    case.write(20)
    case.daemon.start()
    case.expect(20)
    fault()
    case.write(20)
    case.expect(case.number)
    case.write(5)

    def down():
        case.write(5)
        fault()
        case.write(5)
    case.expect(case.number)
    case.restart(down)
    case.expect(case.number)


def rotated(binaries):
    """Renamed and begun anew, running and down."""
    with Case(binaries) as case:
        turn = [0]

        def fault():
            turn[0] += 1
            os.rename(case.daemon.log, "%s.%d" % (case.daemon.log, turn[0]))
        both(case, fault)
        assert case.gaps() == [], case.gaps()


def rotated_and_compressed(binaries):
    """Renamed, begun anew, the old one compressed and removed, while the daemon is down."""
    with Case(binaries) as case:
        case.write(20)
        case.daemon.start()
        case.expect(20)

        def fault():
            case.write(10)
            with open(case.daemon.log, "rb") as plain, gzip.open(case.daemon.log + ".1.gz", "wb") as packed:
                shutil.copyfileobj(plain, packed)
            os.remove(case.daemon.log)
            case.write(10)
        case.restart(fault)
        case.expect(40)
        assert case.gaps() == [], case.gaps()


def copied_and_truncated(binaries):
    """Copied to another name and truncated (copytruncate), running and down."""
    with Case(binaries) as case:
        turn = [0]

        def fault():
            turn[0] += 1
            shutil.copyfile(case.daemon.log, "%s.%d" % (case.daemon.log, turn[0]))
            os.truncate(case.daemon.log, 0)
        both(case, fault)
        assert case.gaps() == [], case.gaps()


def truncated(binaries):
    """Truncated without a copy while the daemon is down: what it had not read is a gap, the rest counts."""
    with Case(binaries) as case:
        case.write(20)
        case.daemon.start()
        case.expect(20)

        def fault():
            case.write(10)
            os.truncate(case.daemon.log, 0)
            case.number -= 10
            case.write(10)
        case.restart(fault)
        wait_for("the gap", lambda: case.gaps())
        assert all(g.startswith("rotated away") for g in case.gaps()), case.gaps()
        case.expect(30)


def copied_over(binaries):
    """Another file of the same size written over it in place."""
    with Case(binaries) as case:
        case.write(20)
        case.daemon.start()
        case.expect(20)
        lines = [case.next() for _ in range(20)]
        with open(case.daemon.log, "r+") as file:
            file.write("".join(line + "\n" for line in lines))
            file.truncate()
        case.expect(40)


def vanished(binaries):
    """Deleted before it was read, while the daemon is down: a gap with its reason, and on with the next."""
    with Case(binaries) as case:
        case.write(20)
        case.daemon.start()
        case.expect(20)

        def fault():
            case.write(10)
            os.remove(case.daemon.log)
            case.number -= 10
            time.sleep(1)
            case.write(10, key="rk_b")
        case.restart(fault)
        case.expect(30)
        wait_for("the gap", lambda: any(s["reason"] == "rotated away" for s in case.blind()))
        assert 'keywatch_coverage_gaps_total{reason="rotated away",source="shop"} 1' in case.daemon.get("/metrics")[1]


def malformed(binaries):
    """Garbage between requests: counted, shown with its place, and nothing else is lost."""
    with Case(binaries) as case:
        case.write(10)
        with open(case.daemon.log, "ab") as file:
            file.write(b"{broken\n\xff\xfe\n[1, 2]\n" + b"x" * 3_000_000 + b"\n")
        case.write(10)
        case.daemon.start()
        case.expect(20)
        rejects = case.daemon.json("sources", "rejects")
        assert sum(int(r["count"]) for s in rejects["counts"] for r in s["rejects"]) == 5, rejects
        assert len(rejects["rejects"]) == 5, rejects


# --- The machine


def second_daemon(binaries):
    """On the same state, and on the same port with another state: refused, and the first goes on."""
    with Case(binaries) as case:
        case.daemon.start()
        second = subprocess.run([case.daemon.keywatchd, "--config", case.daemon.config],
                                capture_output=True, text=True, timeout=60)
        assert second.returncode != 0 and str(case.daemon.process.pid) in second.stderr + second.stdout, second
        other = os.path.join(case.daemon.dir, "other.yaml")
        with open(case.daemon.config) as file:
            text = file.read().replace("/state", "/other").replace("keywatchd.sock", "other.sock")
        with open(other, "w") as file:
            file.write(text)
        second = subprocess.run([case.daemon.keywatchd, "--config", other], capture_output=True, text=True, timeout=60)
        assert second.returncode != 0 and "listen" in second.stderr + second.stdout, second
        case.write(10)
        case.expect(10)


def time_zone(binaries):
    """Times without a zone and with one mean the same wherever the daemon runs."""
    with Case(binaries) as case:
        os.environ["TZ"] = "Asia/Kolkata"
        try:
            case.write(6, status=403, at=1786968000)
            case.write(1, at=1786968000 + 30)
            case.daemon.start()
        finally:
            del os.environ["TZ"]
        alert = wait_for("the alert", lambda: case.daemon.json("alerts", "list", "--all").get("alerts"))[0]
        assert alert["first_fire_time"].startswith("2026-08-17T12:00:00"), alert


def notifier_down(binaries):
    """The receiver is away over two restarts: the message comes once it is back, under one id."""
    port, received = free_port(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.headers["webhook-id"], body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    config = FAST + ("alerts: {default_notify: [hook]}\nnotifiers: [{name: hook, type: webhook, url: "
                     "'http://127.0.0.1:%d/'}]\noutbox: {poll_interval: 100ms, initial_backoff: 200ms, "
                     "max_backoff: 500ms}\n" % port)
    with Case(binaries, config) as case:
        case.write(6, status=403, at=1786968000)
        case.write(1, at=1786968000 + 30)
        case.daemon.start()
        wait_for("the message to wait", lambda: int(case.daemon.json("status")["outbox"].get("pending", 0)) == 1)
        case.restart()
        case.restart(lambda: time.sleep(0.5))
        assert int(case.daemon.json("status")["outbox"]["pending"]) == 1
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wait_for("the message", lambda: received)
        wait_for("the outbox to be empty", lambda: int(case.daemon.json("status")["outbox"].get("pending", 0)) == 0)
        assert len({identity for identity, _ in received}) == 1, received
        server.shutdown()


CASES = [http_unreachable, http_retry_after, http_cursor_expired, http_downtime, rotated, rotated_and_compressed,
         copied_and_truncated, truncated, copied_over, vanished, malformed, second_daemon, time_zone, notifier_down]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    failed = 0
    for case in CASES:
        if options.names and case.__name__ not in options.names:
            continue
        try:
            case(options.binaries)
            print("ok: %s: %s" % (case.__name__, case.__doc__), flush=True)
        except Exception as error:  # every case is to be seen
            failed += 1
            print("FAILED: %s: %s\n%r" % (case.__name__, case.__doc__, error), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
