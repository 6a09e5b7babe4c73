#!/usr/bin/env python3
"""From a line in a log to the alert at a receiver, while the log grows by 5,000 lines a second.

  latency.py BINARIES RULES LOG [--rate N] [--seconds N]

The source's allowed lateness is 0, so that nothing waits for lines that may come
late. What is timed begins before the write() of the third denied request of a key,
which makes a rule of three in a minute alert, and ends when the receiver has read
the message; in between are reading, decoding, all rules, the commit with its
fsync, and the HTTP request. The other lines are those of LOG with the time of now.
"""
import argparse
import os
import selectors
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from live_daemon import FILE_SOURCE, at, new_daemon, percentile, wait_for  # noqa: E402

PROBE_RULES = """\
title: Probe
name: probe
logsource: {product: stripe, service: api}
detection:
    selection: {key_id|startswith: probe_, status: 403}
    condition: selection
---
title: Probed
name: probed
status: stable
correlation:
    type: event_count
    rules: [probe]
    group-by: [api.key.id]
    timespan: 60s
    condition: {gte: 3}
level: high
response: {notify: [receiver]}
"""
NOTIFIERS = """\
notifiers:
    - {name: receiver, type: webhook, url: 'http://127.0.0.1:%d/'}
"""
PROBE = ('{"time":"%s","request_id":"probe_%d_%d","key_id":"probe_%d","method":"GET","path":"/v1/balance",'
         '"status":403,"source_ip":"192.0.2.7","user_agent":"probe/1"}\n')
PROBES_PER_SECOND = 50
TICK = 0.002
# At first the daemon learns the keys of the log, and its database grows.
WARM_SECONDS = 2


class Receiver:
    """Takes webhooks, one thread for all; remembers when each probe's came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.came = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.ending = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ending:
            for key, _ in self.selector.select(0.2):
                if key.data is None:
                    connection, _ = self.listener.accept()
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.selector.register(connection, selectors.EVENT_READ, bytearray())
                else:
                    self.read(key.fileobj, key.data)

    def read(self, connection, data):
        part = connection.recv(65536)
        if not part:
            self.selector.unregister(connection)
            connection.close()
            return
        data += part
        while True:
            head, separator, rest = data.partition(b"\r\n\r\n")
            if not separator:
                return
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            if len(rest) < length:
                if b"100-continue" in head.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            now = time.monotonic()
            connection.sendall(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
            probe = bytes(rest[:length]).partition(b"probe_")[2]
            digits = probe[:len(probe) - len(probe.lstrip(b"0123456789"))]
            self.came.setdefault(int(digits or b"-1"), now)
            del data[:len(head) + 4 + length]

    def close(self):
        self.ending = True
        self.thread.join()
        self.selector.close()
        self.listener.close()


def write_log(path, lines, rate, seconds):
    """Writes the lines at the rate; gives when each probe was about to be written, and the greatest lag."""
    wrote, lag, next_probe, probe, at_line = {}, 0.0, WARM_SECONDS, 0, 0
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    began = time.monotonic()
    try:
        while True:
            now = time.monotonic() - began
            if now >= seconds + WARM_SECONDS:
                return wrote, lag
            due = int(now * rate)
            stamp = int(time.time() * 1000)
            text = "".join(at(lines[i % len(lines)], stamp) for i in range(at_line, due))
            at_line = due
            if now >= next_probe:
                text += "".join(PROBE % (at('{"time":"' + " " * 24, stamp)[9:], probe, i, probe) for i in range(3))
                lag = max(lag, now - next_probe)
                next_probe += 1 / PROBES_PER_SECOND
                wrote[probe] = time.monotonic()
                probe += 1
            os.write(log, text.encode())
            time.sleep(max(0.0, TICK - (time.monotonic() - began - now)))
    finally:
        os.close(log)


def run(binaries, rules, log, rate, seconds):
    """The latencies in seconds, sorted, and how late the writer was at worst."""
    with open(log) as file:
        lines = [line for line, _ in zip(file, range(rate * (seconds + WARM_SECONDS)))]
    receiver = Receiver()
    daemon = new_daemon(binaries, [*rules, "probe.yml"],
                        FILE_SOURCE % "0s" + NOTIFIERS % receiver.port)
    try:
        with open(os.path.join(daemon.dir, "probe.yml"), "w") as file:
            file.write(PROBE_RULES)
        with open(daemon.log, "w"):
            pass
        daemon.start()
        wrote, lag = write_log(daemon.log, lines, rate, seconds)
        # The last event waits for one behind it.
        write_log(daemon.log, lines[:10], 100, 0.5 - WARM_SECONDS)
        wait_for("the alerts", lambda: len(receiver.came) >= len(wrote), 20)
        return sorted(receiver.came[probe] - began for probe, began in wrote.items()), lag
    except Exception:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        daemon.close()
        receiver.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binaries")
    parser.add_argument("rules")
    parser.add_argument("log")
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    latencies, lag = run(options.binaries, [options.rules], options.log, options.rate, options.seconds)
    print("%d alerts; p50 %.1f ms, p90 %.1f ms, p99 %.1f ms, max %.1f ms; the writer was late by %.1f ms at most" % (
        len(latencies), *(percentile(latencies, share) * 1e3 for share in (50, 90, 99, 100)), lag * 1e3))


if __name__ == "__main__":
    sys.exit(main())
