"""One state directory, its sources and its receivers, over which daemons live and die one after the other."""
import http.server
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import scenario
from keywatch_process import free_port, wait_for

CONFIG = """\
log_level: warning
state_directory: {dir}/state
grpc: {{listen: none, unix_socket: '{dir}/socket'}}
http: {{listen: {http}}}
rules: {{paths: ['{dir}/rules']}}
checkpoint: {{interval: 10ms}}
# Its events are as many as minutes pass.
self_test: {{enabled: false}}
sources:
    - {{name: file, type: file, paths: ['{dir}/requests.log*'], format: keywatch, poll_interval: 20ms,
       allowed_lateness: 2s, idle_timeout: 1d, max_silence: 1d}}
    - {{name: list, type: http, url: 'http://127.0.0.1:{port}/list', format: keywatch, start: beginning,
       records_path: data, id_path: event.id, order: oldest_first, interval: 100ms, page_size: 50,
       allowed_lateness: 2s, idle_timeout: 1d, max_silence: 1d}}
notifiers:
    - {{name: hook, type: webhook, url: 'http://127.0.0.1:{port}/hook'}}
    - {{name: second, type: webhook, url: 'http://127.0.0.1:{port}/second'}}
    - {{name: manager, type: alertmanager, urls: ['http://127.0.0.1:{port}'], resend_interval: 5s}}
alerts: {{default_notify: [hook, manager]}}
outbox: {{poll_interval: 20ms, initial_backoff: 20ms, max_backoff: 100ms}}
"""

# An unrelated rule with state of its own, which reloads bring and take.
PASSING_RULE = """\
title: Comes And Goes
id: passing
name: passing
logsource: {product: stripe, service: api}
detection:
    selection: {url.path|startswith: /v1/}
    condition: selection
level: low
---
title: Counts, And Never Fires
id: passing_count
name: passing_count
correlation: {type: event_count, rules: [passing], group-by: [api.key.id], timespan: 1h, condition: {gte: 100000}}
level: low
"""


class Peers:
    """The HTTP source and the receivers of one lane. A receiver honours ids: it takes each message once."""

    def __init__(self, seed):
        self.lock = threading.Lock()
        self.listed = []       # records of the HTTP source so far
        self.accepted = {}     # (path, webhook-id) -> times
        self.bodies = {}       # (path, webhook-id) -> what the message is about
        self.changed_bodies = []
        self.starts = {}       # labels -> set of startsAt
        self.refuse = 0.0      # share of messages that get a 503
        rnd = random.Random(seed)
        peers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, body=b"{}"):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.reply(200, peers.page(self.path))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with peers.lock:
                    refused = rnd.random() < peers.refuse
                    if not refused:
                        peers.take(self.path, self.headers.get("webhook-id"), json.loads(body))
                self.reply(503 if refused else 200)

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass  # a daemon that was killed leaves its connections behind

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def page(self, path):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        with self.lock:
            ids = [record["event"]["id"] for record in self.listed]
            after = query.get("starting_after")
            begin = ids.index(after) + 1 if after in ids else 0
            end = begin + int(query.get("limit", "50"))
            return json.dumps({"data": self.listed[begin:end], "has_more": end < len(ids)}).encode()

    def take(self, path, message, body):
        if path.startswith("/api/"):
            for alert in body:
                self.starts.setdefault(json.dumps(alert["labels"], sort_keys=True), set()).add(alert["startsAt"])
            return
        key = (path, message)
        self.accepted[key] = self.accepted.get(key, 0) + 1
        about = (body["type"], body["data"]["alert"]["id"] if "alert" in body["data"] else body["data"].get("id"))
        if self.bodies.setdefault(key, about) != about:
            self.changed_bodies.append((key, self.bodies[key], about))

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Lane:
    def __init__(self, keywatchd, directory, base=None, seed=0, serve=False):
        """`base` is a state directory to begin with; `serve` opens the HTTP port."""
        self.keywatchd = keywatchd
        self.dir = directory
        self.log = os.path.join(directory, "requests.log")
        self.database = os.path.join(directory, "state", "keywatch.db")
        self.random = random.Random(seed)
        self.peers = Peers(seed)
        self.process = None
        self.http_port = free_port() if serve else 0
        os.makedirs(directory, exist_ok=True)
        shutil.copytree(scenario.RULES, os.path.join(directory, "rules"))
        if base:
            shutil.copytree(base, os.path.join(directory, "state"), dirs_exist_ok=True)
        self.config = os.path.join(directory, "keywatchd.yaml")
        with open(self.config, "w") as file:
            file.write(CONFIG.format(dir=directory, port=self.peers.port,
                                     http="127.0.0.1:%d" % self.http_port if serve else "none"))
        self.output = open(os.path.join(directory, "daemon.log"), "ab")
        # The same division between the two sources in every lane.
        divide = random.Random(7)
        self.items = [(divide.random() < 0.3, record) for _, record in scenario.events()]
        self.items.append((False, scenario.last("file")[1]))
        self.items.append((True, scenario.last("list")[1]))
        self.rotations = {len(self.items) // 4, len(self.items) // 2, len(self.items) * 7 // 10}
        self.published = 0
        self.rest = b""  # of a line that was cut
        # The next file of the log has now a greater, now a smaller number than the one before.
        self.spares = [os.path.join(directory, "spare.%d" % number) for number in range(len(self.rotations) + 1)]
        for spare in self.spares:
            open(spare, "xb").close()
        random.Random(seed).shuffle(self.spares)
        os.rename(self.spares.pop(), self.log)
        self.file = open(self.log, "ab", buffering=0)
        self.rotated = 0

    # --- The sources.

    def publish(self, until, cut=False):
        """Everything before item `until`; with `cut`, the last line of the file only in part."""
        until = min(until, len(self.items))
        data, records = self.rest, []
        self.rest = b""
        for number in range(self.published, until):
            listed, record = self.items[number]
            if number in self.rotations:
                self.file.write(data)
                data = b""
                self.rotate()
            if listed:
                records.append(record)
            else:
                data += scenario.text(record).encode() + b"\n"
        self.published = max(self.published, until)
        if cut and len(data) > 2:
            place = self.random.randrange(1, min(len(data), 400))
            if (self.published not in self.rotations) and until < len(self.items):
                data, self.rest = data[:-place], data[-place:]
        with self.peers.lock:
            self.peers.listed.extend(records)
        self.file.write(data)

    def rotate(self):
        self.rotated += 1
        for number in range(self.rotated - 1, 0, -1):
            os.rename("%s.%d" % (self.log, number), "%s.%d" % (self.log, number + 1))
        os.rename(self.log, self.log + ".1")
        self.file.close()
        if self.spares:
            os.rename(self.spares.pop(), self.log)
        self.file = open(self.log, "ab", buffering=0)

    # --- The daemon.

    def start(self, failpoint=None, prefix=()):
        environment = dict(os.environ)
        environment.pop("KEYWATCH_FAILPOINT", None)
        if failpoint:
            environment["KEYWATCH_FAILPOINT"] = failpoint
        self.process = subprocess.Popen([*prefix, self.keywatchd, "--config", self.config], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.output, env=environment)

    def get(self, path):
        """HTTP GET from the daemon: status and body; 0 when it does not answer."""
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d%s" % (self.http_port, path), timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name):
        """The sum of a metric over its labels."""
        found = [float(line.split()[-1]) for line in self.get("/metrics")[1].splitlines()
                 if re.match(re.escape(name) + r"[{ ]", line)]
        return sum(found)

    def wait_ready(self):
        wait_for("the daemon to be ready", lambda: self.get("/-/ready")[0] == 200 or not self.alive(), 60)
        if not self.alive():
            raise AssertionError("keywatchd ended with %s:\n%s" % (self.process.returncode, self.messages()))

    def watermark(self):
        """Event time up to which everything is committed, in seconds."""
        value = self.value("SELECT watermark_ms FROM partition")
        return (value or 0) / 1000

    def wait_read(self, item, seconds=60):
        """Until all before item number `item` that the lateness lets go is committed."""
        newest = {}
        for (at, _), (listed, _) in zip(scenario.events()[:item], self.items):
            newest[listed] = max(at, newest.get(listed, 0))
        due = min(newest.values()) - 2.01
        wait_for("item %d to be committed" % item, lambda: self.watermark() >= due or not self.alive(), seconds)
        if not self.alive():
            raise AssertionError("keywatchd ended with %s:\n%s" % (self.process.returncode, self.messages()))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.send_signal(signal.SIGKILL)
        return self.process.wait()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=60)
        if code != 0:
            raise AssertionError("keywatchd ended with %d:\n%s" % (code, self.messages()))

    def takes_reloads(self):
        """True once SIGHUP is waited for; before, it ends the process."""
        tasks = "/proc/%d/task" % self.process.pid
        try:
            for task in os.listdir(tasks):
                # The thread that waits for signals shows them as not blocked; those that it started block them.
                with open("%s/%s/status" % (tasks, task)) as file:
                    blocked = [line for line in file if line.startswith("SigBlk:")]
                if blocked and int(blocked[0].split()[1], 16) & 1 == 1:
                    return True
        except OSError:
            pass
        return False

    def reload_with(self, passing):
        path = os.path.join(self.dir, "rules", "passing.yml")
        if passing:
            with open(path, "w") as file:
                file.write(PASSING_RULE)
        elif os.path.exists(path):
            os.remove(path)

    # --- What is stored.

    def query(self, sql, *parameters):
        connection = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=10)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            connection.close()

    def value(self, sql):
        try:
            rows = self.query(sql)
        except sqlite3.Error:
            return None
        return rows[0][0] if rows else None

    def finished(self):
        """Everything but the last events was observed and committed, and every message delivered."""
        watermark = self.value("SELECT watermark_ms FROM partition")
        if watermark is None or watermark < (scenario.LAST - 10) * 1000:
            return False
        return self.value("SELECT count(*) FROM outbox WHERE status = 0") == 0

    def run_to_end(self, seconds=60):
        end = time.monotonic() + seconds
        while not self.finished():
            if not self.alive():
                raise AssertionError("keywatchd ended with %s:\n%s" % (self.process.returncode, self.messages()))
            if time.monotonic() > end:
                raise AssertionError("not everything was read and sent after %d s; watermark %s, pending %s\n%s" % (
                    seconds, self.value("SELECT watermark_ms FROM partition"),
                    self.value("SELECT count(*) FROM outbox WHERE status = 0"), self.messages()))
            time.sleep(0.02)

    def facts(self):
        """All that must not depend on how often the daemon died: table -> sorted rows."""
        facts = {}
        facts["alerts"] = self.query(
            "SELECT a.id, rule_id, key_id, fingerprint, level, stage, first_fire_ms, first_event_ms, last_event_ms, "
            "ended_ms, count, late_events, explanation, state, hex(body) FROM alert a JOIN alert_detail d "
            "ON d.num = a.num")
        facts["outbox"] = self.query("SELECT idempotency_key, notifier, event, status FROM outbox")
        facts["key profiles"] = self.query(
            "SELECT key_id, kind, first_seen_ms, last_seen_ms, requests, denied, failed, hex(lists) FROM key_profile")
        # Names of streams have the number of the file in them, which differs.
        facts["cursors"] = self.query(
            "SELECT source, CASE source WHEN 'list' THEN 0 ELSE position END, "
            "CASE source WHEN 'list' THEN 0 ELSE read_position END FROM cursor")
        facts["waiting records"] = self.query("SELECT source, event_id FROM pending")
        facts["totals"] = self.query(
            "SELECT source, events, late, CASE source WHEN 'list' THEN 0 ELSE records END, rejected, newest_event_ms, "
            "CASE source WHEN 'list' THEN 0 ELSE duplicates END FROM source_totals")
        facts["rejects"] = self.query("SELECT source, reason, count FROM reject_count")
        facts["gaps"] = self.query("SELECT source, from_ms, to_ms, reason FROM gap WHERE source != 'history'")
        # Without what the clock says (up to when a source was read), and where a file stands that dying cuts elsewhere.
        facts["engine state"] = self.query(
            "SELECT o.name, hex(s.grp), hex(s.value) FROM state_owner o JOIN state s ON s.owner = o.num "
            "WHERE o.name NOT LIKE '%passing%' AND o.name NOT IN ('#coverage', '#history')")
        facts["history"] = self.history()
        facts["watermark"] = self.query("SELECT name, watermark_ms FROM partition")
        facts = {table: sorted(rows) for table, rows in facts.items()}
        with self.peers.lock:
            facts["messages taken"] = sorted(self.peers.accepted)
            facts["startsAt"] = sorted((labels, sorted(starts)) for labels, starts in self.peers.starts.items())
        return facts

    def history(self):
        """Source and id of every request that the history holds."""
        done = subprocess.run(
            [os.path.join(os.path.dirname(self.keywatchd), "keywatch"), "requests", "--limit", "0", "--output", "json",
             "--history", os.path.join(self.dir, "state", "history")], capture_output=True, text=True, check=True)
        requests = [json.loads(line) for line in done.stdout.splitlines()]
        return [(request["source"], request["event.id"]) for request in requests]

    def messages(self):
        self.output.flush()
        with open(os.path.join(self.dir, "daemon.log"), errors="replace") as file:
            return file.read()[-4000:]

    def close(self, keep=False):
        if self.alive():
            self.kill()
        self.output.close()
        self.file.close()
        self.peers.close()
        if not keep:
            shutil.rmtree(self.dir, ignore_errors=True)


def compare(expected, found):
    """What differs, in words; empty when nothing does."""
    differences = []
    for table, rows in expected.items():
        lost = [row for row in rows if row not in found[table]]
        extra = [row for row in found[table] if row not in rows]
        for what, some in (("lost", lost), ("extra", extra)):
            if some:
                differences.append("%s: %d %s, such as %s" % (table, len(some), what, str(some[0])[:400]))
        if len(found[table]) != len(rows) and not lost and not extra:
            differences.append("%s: %d rows instead of %d" % (table, len(found[table]), len(rows)))
    return differences


def undisturbed(keywatchd, directory, base):
    """What a run gives in which nothing happens."""
    lane = Lane(keywatchd, directory, base)
    try:
        lane.publish(len(lane.items))
        lane.start()
        lane.run_to_end()
        lane.stop()
        facts = lane.facts()
    finally:
        lane.close()
    alerted = {row[1] for row in facts["alerts"]}
    silent = [name for name in scenario.ALERTING if name not in alerted]
    if silent:
        raise AssertionError("rules that should alert and do not: " + ", ".join(silent))
    if any(count != 1 for count in lane.peers.accepted.values()):
        raise AssertionError("a message came twice without a kill")
    return facts


def make_base(keywatchd, directory):
    """A state directory that was used before: with its pepper, and a key that was rolled in the time of the log."""
    lane = Lane(keywatchd, directory)
    try:
        lane.start()
        end = time.monotonic() + 30
        while lane.value("SELECT count(*) FROM partition") != 1:
            if not lane.alive() or time.monotonic() > end:
                raise AssertionError("the daemon does not start:\n" + lane.messages())
            time.sleep(0.02)
        lane.stop()
        with sqlite3.connect(lane.database) as connection:
            connection.execute(
                "INSERT INTO lifecycle (sequence, time_ms, action, key_id, new_key, roll_id, actor) "
                "VALUES (NULL, ?, 'key_expired', ?, 'rk_next', 'roll_1', 'ann')",
                (scenario.ROLL_TIME * 1000, scenario.ROLLED))
        connection.close()
        base = directory + ".base"
        shutil.copytree(os.path.join(directory, "state"), base)
        return base
    finally:
        lane.close()
