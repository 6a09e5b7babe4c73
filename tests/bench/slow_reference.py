#!/usr/bin/env python3
"""What the rules of tests/bench/rules say of a JSON log, worked out slowly and plainly; shares nothing with Keywatch.

  slow_reference.py LOG      prints the alerts, one line of JSON each

Events are judged in the order of (time, request id). An alert is (rule, key, first fire, count):

  a detection     opens at a match; further matches count, and an hour without one ends it
  a correlation   opens when the number (of events, of distinct values) is reached in the window, an event exactly as
                  old as the window included; its count is that of the events in the window. From then on every event of
                  the key counts, until the number was not reached any more for as long as the window lasts.
"""
import collections
import functools
import ipaddress
import json
import re
import sys
from datetime import datetime, timezone

HOUR = 3_600_000
# An alert counts so many events at most when it opens on distinct values.
MOST_AT_OPENING = 1024


@functools.lru_cache(maxsize=None)
def within(address, network):
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


def has(text, *parts):
    return any(part in text.lower() for part in parts)


def begins(text, *parts):
    return text.lower().startswith(parts)


def ends(text, *parts):
    return text.lower().endswith(parts)


DETECTIONS = {
    "scanner_agent": lambda e: has(e["user_agent"], "sqlmap", "nikto", "nuclei", "masscan", "zgrab"),
    "delete_by_curl": lambda e: e["method"] == "DELETE" and begins(e["user_agent"], "curl/"),
    "write_by_script": lambda e: e["method"] == "POST" and begins(e["user_agent"], "python-requests/"),
    "headless_browser_lost": lambda e: e["status"] == 404 and has(e["user_agent"], "headlesschrome"),
    "go_client_lost": lambda e: e["status"] == 404 and has(e["user_agent"], "go-http-client"),
    "expired_key_by_curl": lambda e: e["error_code"] == "api_key_expired" and has(e["user_agent"], "curl"),
    "scanner_full_pages": lambda e: re.search(r"limit=(9[0-9]|100)\Z", e["query"]) and has(e["user_agent"], "sqlmap"),
    "path_traversal": lambda e: has(e["path"], "/../"),
    "web_files": lambda e: ends(e["path"], ".env", ".php", ".git/config", ".aspx"),
    "api_keys_listed": lambda e: begins(e["path"], "/v1/apikeys"),
    "file_contents": lambda e: begins(e["path"], "/v1/files/") and ends(e["path"], "/contents"),
    "sigma_queries": lambda e: begins(e["path"], "/v1/sigma/"),
    "long_object_name": lambda e: re.search(r"^/v1/(customers|accounts)/[^/]{40,}\Z", e["path"]),
    "report_from_hosting": lambda e: (begins(e["path"], "/v1/identity/verification_reports/")
                                      and within(e["source_ip"], "185.0.0.0/8")),
    "webhook_deleted": lambda e: e["method"] == "DELETE" and begins(e["path"], "/v1/webhook_endpoints"),
    "webhook_created": lambda e: e["method"] == "POST" and e["path"] == "/v1/webhook_endpoints",
    "payout_by_old_version": lambda e: (e["method"] == "POST" and e["path"] == "/v1/payouts"
                                        and begins(e["api_version"], "2019")),
    "transfer_created": lambda e: e["method"] == "POST" and e["path"] == "/v1/transfers",
    "external_account_added": lambda e: e["method"] == "POST" and has(e["path"], "external_accounts"),
    "ephemeral_key_created": lambda e: e["method"] == "POST" and e["path"] == "/v1/ephemeral_keys",
    "customer_deleted": lambda e: e["method"] == "DELETE" and begins(e["path"], "/v1/customers/"),
    "delete_by_old_version": lambda e: e["method"] == "DELETE" and begins(e["api_version"], "2019"),
    "key_refused": lambda e: e["status"] == 401,
    "slow_failure": lambda e: e["status"] >= 500 and e["latency_ms"] > 600,
    "test_secret_denied": lambda e: (e["livemode"] is False and e["key_type"] == "secret" and e["status"] == 403
                                     and e["region"] == "eu-west-1"),
    "next_page_limited": lambda e: has(e["query"], "starting_after=") and e["status"] == 429,
    "large_denial": lambda e: e["status"] == 403 and e["bytes_out"] >= 6150,
    "internal_write_failed": lambda e: (e["method"] == "POST" and e["status"] in (500, 503)
                                        and e["region"] == "ap-southeast-2"
                                        and within(e["source_ip"], "10.0.0.0/8")),
    "old_encryption": lambda e: e["host"] == "api.stripe.com" and e["tls"] != "TLSv1.3",
    "other_host": lambda e: begins(e["path"], "/v1/") and e["host"] not in ("api.stripe.com", "files.stripe.com"),
}


def denied(event):
    return event["status"] == 403


def any_request(event):
    return begins(event["key_id"], "mk_")


def sensitive_read(event):
    return event["method"] == "GET" and begins(event["path"], "/v1/identity/") and event["status"] == 200


# name: (which events, window in ms, distinct values of this field or None, how many)
CORRELATIONS = {
    "many_denied": (denied, 60_000, None, 10),
    "many_paths": (any_request, 60_000, "path", 100),
    "many_requests": (any_request, 10_000, None, 300),
    "many_sensitive_reads": (sensitive_read, 60_000, None, 20),
    "many_networks": (any_request, 300_000, "source_ip", 3),
}


class Alert:
    def __init__(self, rule, key, time, count):
        self.rule, self.key, self.first_fire, self.count = rule, key, time, count
        self.holds_until = time

    def as_tuple(self):
        return (self.rule, self.key, stamp(self.first_fire), self.count)


def stamp(milliseconds):
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % rest


def milliseconds(text):
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return round(moment.timestamp() * 1000)


class Window:
    """The events of one rule and key that are not older than the window."""

    def __init__(self, length, field, least):
        self.length, self.field, self.least = length, field, least
        self.events = collections.deque()   # (time, value)
        self.newest = {}                    # value -> when it was seen last
        self.alert = None

    def add(self, time, event):
        self.events.append((time, event[self.field] if self.field else None))
        self.newest[self.events[-1][1]] = time
        while self.events[0][0] < time - self.length:
            self.events.popleft()
        if self.field is None:
            return len(self.events) >= self.least
        self.newest = {value: seen for value, seen in self.newest.items() if seen >= time - self.length}
        return len(self.newest) >= self.least

    def holds_until(self):
        """The last instant at which the number is reached if nothing more comes."""
        if self.field is None:
            return self.events[-self.least][0] + self.length
        return sorted(self.newest.values())[-self.least] + self.length


def alerts_of(log):
    """The alerts of a log of generate_log, as (rule, key, first fire, count), sorted."""
    with open(log) as file:
        events = [json.loads(line) for line in file]
    for event in events:
        event["at"] = milliseconds(event["time"])
    events.sort(key=lambda event: (event["at"], event["request_id"]))
    opened = []
    latest = {}    # (rule, key) -> the detection's last alert
    windows = {}
    for event in events:
        time, key = event["at"], event["key_id"]
        for rule, matches in DETECTIONS.items():
            if not matches(event):
                continue
            alert = latest.get((rule, key))
            if alert is None or time - alert.holds_until > HOUR:
                latest[rule, key] = alert = Alert(rule, key, time, 1)
                opened.append(alert)
            else:
                alert.count += 1
            alert.holds_until = time
        for rule, (matches, length, field, least) in CORRELATIONS.items():
            if not matches(event):
                continue
            window = windows.get((rule, key))
            if window is None:
                window = windows[rule, key] = Window(length, field, least)
            reached = window.add(time, event)
            if window.alert is not None and time > window.alert.holds_until + length:
                window.alert = None
            if window.alert is not None:
                window.alert.count += 1
            elif reached:
                count = len(window.events) if field is None else min(len(window.events), MOST_AT_OPENING)
                # Of many events those count that reach the number.
                window.alert = Alert(rule, key, time, min(count, least) if field is None else count)
                opened.append(window.alert)
            if reached:
                window.alert.holds_until = window.holds_until()
    return sorted(alert.as_tuple() for alert in opened)


if __name__ == "__main__":
    for found in alerts_of(sys.argv[1]):
        print(json.dumps(found))
