#!/usr/bin/env python3
"""Plays the demo's leak through the real servers, from log line to pager.

  e2e_test.py BINARIES TREE BUF

keywatchd reads the log; a real Alertmanager takes its alerts and hands them to a
webhook; a real Prometheus scrapes it with the shipped rules; buf calls its API by
reflection; every expression of the Grafana dashboard runs in that Prometheus.
Each claim is printed as it is held; the first that is not ends the test.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from datetime import datetime, timezone

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from keywatch_process import Daemon, free_port, wait_for  # noqa: E402

SECRET = base64.b64encode(b"an end-to-end test signs with it").decode()


class Receiver:
    """A webhook receiver that keeps what it gets."""

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((self.path, dict(self.headers), body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self, path):
        return [(headers, body) for at, headers, body in list(self.received) if at == path]


class Servers:
    """Processes that end with the test."""

    def __init__(self):
        self.running = []

    def start(self, directory, name, *command):
        log = open(os.path.join(directory, name + ".log"), "wb")
        self.running.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def stop(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def claim(text, held=True, detail=""):
    if not held:
        print("FAILED: %s\n%s" % (text, detail))
        sys.exit(1)
    print("ok: " + text, flush=True)


def rfc3339(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def signed(headers, body):
    key = base64.b64decode(SECRET)
    text = headers["webhook-id"].encode() + b"." + headers["webhook-timestamp"].encode() + b"." + body
    expected = "v1," + base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


def dashboard_expressions(path):
    """Every expression of every panel, with Grafana's variables filled in."""
    with open(path) as file:
        dashboard = json.load(file)

    def panels(nodes):
        for panel in nodes:
            yield panel
            yield from panels(panel.get("panels", []))

    for panel in panels(dashboard["panels"]):
        for target in panel.get("targets", []):
            expression = re.sub(r"\$__rate_interval|\$__interval|\$__range", "1m", target["expr"])
            yield panel.get("title", ""), re.sub(r"\$\{?\w+(:\w+)?\}?", ".*", expression)


def main():
    binaries, tree, buf = sys.argv[1:4]
    receiver, servers = Receiver(), Servers()
    alertmanager, prometheus = free_port(), free_port()
    more = """\
alerts: {{default_notify: [oncall, hook]}}
notifiers:
    - {{name: oncall, type: alertmanager, urls: ['http://127.0.0.1:{am}'], resend_interval: 5s}}
    - {{name: hook, type: webhook, url: 'http://127.0.0.1:{hook}/keywatch', secrets: [{{file: '{{dir}}/secret'}}]}}
""".format(am=alertmanager, hook=receiver.port)
    daemon = Daemon(binaries, os.path.join(tree, "rules"), more)
    directory = daemon.dir
    try:
        with open(os.path.join(directory, "secret"), "w") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("whsec_" + SECRET + "\n")
        with open(os.path.join(directory, "am.yml"), "w") as file:
            file.write("route: {receiver: pager, group_by: [alertname, key_id], group_wait: 1s, group_interval: 1s}\n"
                       "receivers: [{name: pager, webhook_configs: [{url: 'http://127.0.0.1:%d/pager'}]}]\n"
                       % receiver.port)
        with open(os.path.join(directory, "prometheus.yml"), "w") as file:
            file.write("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
                       "rule_files: ['%s']\n"
                       "scrape_configs: [{job_name: keywatch, static_configs: [{targets: ['127.0.0.1:%d']}]}]\n"
                       % (os.path.join(tree, "config/prometheus/keywatch.rules.yml"), daemon.http_port))
        servers.start(directory, "alertmanager", "prometheus-alertmanager", "--config.file=%s/am.yml" % directory,
                      "--storage.path=%s/am" % directory, "--web.listen-address=127.0.0.1:%d" % alertmanager,
                      "--cluster.listen-address=")
        servers.start(directory, "prometheus", "prometheus", "--config.file=%s/prometheus.yml" % directory,
                      "--storage.tsdb.path=%s/prometheus" % directory,
                      "--web.listen-address=127.0.0.1:%d" % prometheus)
        am_url, prometheus_url = "http://127.0.0.1:%d" % alertmanager, "http://127.0.0.1:%d" % prometheus

        # The past two weeks, and a leak that began 70 seconds ago.
        shop = os.path.join(tree, "config/demo/shop.py")
        leak = int(time.time()) - 70
        with open(daemon.log, "wb") as file:
            subprocess.run([sys.executable, shop, "--history", "14d", "--end", rfc3339(leak - 60)], check=True, stdout=file)
        with open(daemon.config) as file:
            text = file.read().replace("idle_timeout: 1h", "idle_timeout: 2s")
        with open(daemon.config, "w") as file:
            file.write(text)
        for url in (am_url, prometheus_url):
            wait_for(url, lambda: fetch(url + "/-/ready")[0] == 200)
        daemon.start()
        claim("the daemon is ready")
        attack = subprocess.run([sys.executable, shop, "--attack", "--start", rfc3339(leak)], check=True,
                                capture_output=True).stdout.splitlines(keepends=True)
        now = datetime.fromtimestamp(time.time(), timezone.utc).isoformat()
        with open(daemon.log, "ab", buffering=0) as file:
            for line in attack:
                if json.loads(line)["@timestamp"] < now[:23]:
                    file.write(line)

        with open(os.path.join(tree, "config/demo/expected_alerts")) as file:
            expected = [line.strip() for line in file if line.strip() and not line.startswith("#")]

        def opened():
            listed = daemon.json("alerts", "list", "--limit", "1000")["alerts"]
            first = {}
            for entry in sorted(listed, key=lambda a: a["first_fire_time"]):
                first.setdefault(entry["rule_name"], entry["first_fire_time"])
            return first if set(expected) <= set(first) else None

        first = wait_for("the alerts of the leak", opened, 60)
        # Two rules may fire on the same event.
        claim("the alerts of the leak stand in the order of the attack",
              all(first[a] <= first[b] for a, b in zip(expected, expected[1:])), str(first))

        def paged():
            for _, body in receiver.bodies("/pager"):
                for alert in json.loads(body)["alerts"]:
                    if alert["labels"].get("key_id") == "rk_identity_reader" and alert["status"] == "firing":
                        return alert
            return None

        alert = wait_for("the alert at the pager", paged, 60)
        claim("the alert came to the pager through Alertmanager", bool(alert["annotations"]))

        hooks = wait_for("signed webhooks", lambda: len(receiver.bodies("/keywatch")) >= 4 and receiver.bodies("/keywatch"))
        headers = [{name.lower(): value for name, value in h.items()} for h, _ in hooks]
        claim("every webhook is signed", all(signed(h, body) for h, (_, body) in zip(headers, hooks)))
        ids = [h["webhook-id"] for h in headers]
        claim("no webhook came twice", len(ids) == len(set(ids)), str(ids))

        def query(expression):
            status, body = fetch(prometheus_url + "/api/v1/query?query=" + urllib.parse.quote(expression))
            return (json.loads(body)["data"]["result"] if status == 200 else None), body

        wait_for("Prometheus to have the metric", lambda: query(
            'keywatch_rule_alerts_total{rule="key_permission_probing"} >= 1')[0], 60)
        claim("the alert is a metric in Prometheus")
        status, body = fetch(daemon.url + "/metrics")
        check = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True)
        claim("promtool check metrics is content", status == 200 and check.returncode == 0, check.stdout + check.stderr)
        count = 0
        for title, expression in dashboard_expressions(os.path.join(tree, "config/grafana/keywatch.json")):
            result, body = query(expression)
            claim("dashboard: %s" % title, result is not None, expression + "\n" + body)
            count += 1
        claim("the dashboard has expressions", count > 5)
        status, body = fetch(prometheus_url + "/api/v1/rules")
        unhealthy = [rule["name"] + ": " + rule.get("lastError", "") for group in json.loads(body)["data"]["groups"]
                     for rule in group["rules"] if rule["health"] == "err"]
        claim("every Prometheus rule evaluates", not unhealthy, str(unhealthy))

        curl = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge"]
        grpc = "http://" + daemon.address
        listed = subprocess.run(curl + ["--list-services", grpc], capture_output=True, text=True)
        for service in ("AlertService", "KeyService", "RollService", "RuleService", "StatusService"):
            claim("reflection lists " + service, "keywatch.v1." + service in listed.stdout, listed.stdout + listed.stderr)
        got = subprocess.run(curl + ["-d", "{}", grpc + "/keywatch.v1.AlertService/ListAlerts"], capture_output=True,
                             text=True)
        claim("buf curl gets the alert over gRPC", "rk_identity_reader" in got.stdout, got.stdout[:2000] + got.stderr)

        # A person handles it: resolving reaches the pager.
        first = daemon.json("alerts", "list", "--key", "rk_identity_reader")["alerts"]
        for entry in first:
            daemon.cli("alerts", "resolve", entry["id"], "--note", "rolled")
        wait_for("the resolved page", lambda: any(
            json.loads(body)["status"] == "resolved" for _, body in receiver.bodies("/pager")), 60)
        claim("resolving an alert resolves the page")
        used, begin = daemon.cpu_seconds(), time.monotonic()
        time.sleep(3)
        share = (daemon.cpu_seconds() - used) / (time.monotonic() - begin)
        claim("a daemon with nothing to read rests", share < 0.15, "it takes %.0f %% of a processor" % (100 * share))
        claim("the daemon ends in order", daemon.stop() == 0, daemon.messages())
        return 0
    except BaseException:
        sys.stderr.write(daemon.messages())
        raise
    finally:
        servers.stop()
        daemon.close()


if __name__ == "__main__":
    sys.exit(main())
