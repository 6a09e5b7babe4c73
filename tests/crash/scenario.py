"""The recorded log of the crash tests: three hours of three keys and a thief, with every rule of rules/ in it.

The same on every call: what differs between two runs is what was done to the daemon.
"""
import json
import os
import random

from datetime import datetime, timezone

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules")
BEGIN = 1786960800  # 2026-08-17T10:00:00Z
END = BEGIN + 3 * 3600
ROLLED = "rk_rolled"
ROLL_TIME = BEGIN + 2 * 3600
HOME = (64500, "US", 40.7, -74.0)
ABROAD = (64666, "BR", -23.5, -46.6)
# The last event is so much later than all others that every window of the rules is over by then.
LAST = END + 2 * 86400
# Rules that must have alerted, or the comparison says nothing about them.
ALERTING = ["x_detection", "x_shadow", "x_event_count", "x_event_count_few", "x_value_count", "x_value_sum",
            "x_value_avg", "x_value_median", "x_value_percentile", "x_temporal", "x_temporal_absence",
            "x_temporal_count", "x_temporal_ordered", "x_lifecycle", "x_chain", "x_new_term", "x_rare_term", "x_rate",
            "x_rate_ewma", "x_ratio", "x_dormant", "x_absence", "x_travel"]


def when(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.events = []  # (time, order, record)

    def add(self, at, key, method, path, status=200, place=HOME, agent="shop/1.0", size=None):
        number, country, lat, lon = place
        order = len(self.events)
        self.events.append((at, order, {
            "@timestamp": when(at), "event": {"id": "req_%05d" % order},
            "api": {"key": {"id": key, "kind": "restricted"}},
            "http": {"request": {"method": method},
                     "response": {"status_code": status, "body": {"bytes": size or self.random.randrange(200, 2000)}}},
            "url": {"path": path}, "user_agent": {"original": agent},
            "source": {"ip": "198.51.100.%d" % (number % 200), "as": {"number": number},
                       "geo": {"country_iso_code": country, "location": {"lat": lat, "lon": lon}}}}))

    def everyday(self):
        rnd = self.random
        for key, pause in (("rk_shop", 22), ("rk_ledger", 35), ("rk_identity", 40)):
            at = BEGIN + rnd.random() * pause
            while at < END:
                # No key is quiet without a reason, and none is loud.
                at += pause * (0.7 + 0.6 * rnd.random())
                denied = rnd.random() < 0.01
                self.add(at, key, "GET", "/v1/%s/%d" % (rnd.choice(["charges", "customers"]), rnd.randrange(4)),
                         403 if denied else 200)
        # A key that sleeps for two hours, one that was rolled, a health check, a job with a hole.
        for at in range(0, 600, 60):
            self.add(BEGIN + at, "rk_sleeper", "GET", "/v1/charges/1")
        self.add(END - 1800, "rk_sleeper", "GET", "/v1/charges/1")
        for at in range(0, 10500, 300):
            self.add(BEGIN + at + 1, ROLLED, "GET", "/v1/charges/1")
            self.add(BEGIN + at + 2, "rk_health", "GET", "/v1/charges/0", 403, agent="HealthCheck/2")
        for at in range(0, 10800, 600):
            if not 5000 < at < 8000:
                self.add(BEGIN + at + 3, "rk_job", "GET", "/v1/reports/daily", agent="nightly-job")

    def attack(self, key, begin):
        rnd, at = self.random, begin
        thief = dict(place=ABROAD, agent="curl/8.5")
        self.add(at, key, "GET", "/v1/canary", **thief)
        for path in ("balance", "payouts", "accounts", "events", "invoices", "cards", "disputes", "refunds"):
            at += 2 + rnd.random()
            self.add(at, key, "GET", "/v1/" + path, 403, **thief)
        for number in range(30):
            at += 1 + rnd.random()
            self.add(at, key, "GET", "/v1/reports/%d" % number, size=rnd.randrange(3500, 6000), **thief)
        for number in range(6):
            at += 3
            self.add(at, key, "POST", "/v1/file_links", **thief)
        # One link is followed by its redaction, much later than the rule allows for the others.
        self.add(at + 200, key, "POST", "/v1/sessions/7/redact", **thief)

    def links(self):
        """Links that nobody redacts, so that the absence is judged by the watermark alone."""
        for at in (4000, 9000):
            self.add(BEGIN + at, "rk_ledger", "POST", "/v1/file_links")


def events(seed=1):
    """Pairs of time and record, in the order in which they come: nearly that of their times."""
    writer = Writer(seed)
    writer.everyday()
    writer.attack("rk_identity", BEGIN + 5400)
    writer.attack("rk_shop", BEGIN + 8400)
    writer.links()
    rnd = random.Random(seed + 1)
    # Up to 1.5 seconds out of order; the lateness of the sources is 2 s.
    coming = sorted(writer.events, key=lambda event: (event[0] + 1.5 * rnd.random(), event[1]))
    return [(at, record) for at, _, record in coming]


def last(name):
    """Behind everything: pushes the watermark past the last event."""
    writer = Writer(0)
    writer.add(LAST, "rk_last", "GET", "/last")
    record = writer.events[0][2]
    record["event"]["id"] = "last_" + name
    return LAST, record


def text(record):
    return json.dumps(record, separators=(",", ":"))
