#!/usr/bin/env python3
"""Writes the request log of a small shop that uses Stripe Identity.

The log is what an egress proxy in front of the Stripe API writes: one ECS JSON
object a line, keys named by alias, never by secret. Everything follows from the
seed and the start time, so two runs with the same arguments write the same
bytes.

  shop.py --history 14d --end 2026-08-17T12:00:00Z          the past, at once
  shop.py --attack  --start 2026-08-17T12:00:00Z            the leak, at once
  shop.py --live --leak-after 8s                            both in real time

The leak: a restricted key with access to sensitive verification results was
committed to a public repository. A scanner verifies it, somebody tries what it
may do, lists the sessions, reads dates of birth and ID numbers one by one, and
asks for links to the images that live for an hour.
"""
import argparse
import heapq
import json
import math
import random
import sys
import time
from datetime import datetime, timezone

DAY = 86400.0

# alias, kind, requests a day at full shop size, user agent, networks, routes
KEYS = [
    ("rk_checkout", "restricted", 700, "Stripe/v1 NodeBindings/16.12.0",
     [("198.51.100.{}", 64500, "US")],
     ["POST /v1/payment_intents", "GET /v1/payment_intents/:id", "GET /v1/customers/:id",
      "POST /v1/payment_intents/:id/confirm"]),
    ("rk_identity_reader", "restricted", 260, "Stripe/v1 PythonBindings/11.1.1",
     [("203.0.113.{}", 64501, "DE")],
     ["GET /v1/identity/verification_sessions/:id", "GET /v1/identity/verification_reports/:id"]),
    ("rk_identity_images", "restricted", 60, "Stripe/v1 PythonBindings/11.1.1",
     [("203.0.113.{}", 64501, "DE")],
     ["POST /v1/file_links"]),
    ("sk_backoffice", "secret", 220, "Stripe/v1 RubyBindings/10.15.0",
     [("198.51.100.{}", 64500, "US"), ("192.0.2.{}", 64502, "IE")],
     ["GET /v1/charges", "GET /v1/customers/:id", "POST /v1/refunds", "GET /v1/disputes",
      "GET /v1/identity/verification_sessions/:id"]),
    ("rk_reporting", "restricted", 48, "Stripe/v1 GoBindings/76.25.0",
     [("192.0.2.{}", 64502, "IE")],
     ["GET /v1/balance_transactions", "GET /v1/payouts"]),
]
PREFIX = {"payment_intents": "pi_", "customers": "cus_", "verification_sessions": "vs_",
          "verification_reports": "vr_", "file_links": "link_"}
LEAKED = "rk_identity_reader"
THIEF_IP, THIEF_AS, THIEF_COUNTRY = "185.220.101.{}", 64666, "NL"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Somebody verifies themselves every so many seconds.
VERIFICATION_EVERY = 600


def identifier(rnd, length):
    return "".join(rnd.choices(ALPHABET, k=length))


def stripe_id(rnd, created):
    """An id as Stripe makes them: it holds the second of its creation, and the account."""
    second, digits = int(created) - 1342389380, ""
    for _ in range(5):
        digits = ALPHABET[second % 62] + digits
        second //= 62
    return "1" + digits + "LkdIwHu7ix" + identifier(rnd, 8)


def stamp(seconds):
    moment = datetime.fromtimestamp(math.floor(seconds * 1000) / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (moment.microsecond // 1000)


class Shop:
    def __init__(self, seed):
        self.seed = seed
        self.rnd = random.Random(seed)

    def verification(self, at, youngest, oldest):
        """The id, without prefix, of a verification that is between so many seconds old at `at`."""
        first, last = (int((at - age) // VERIFICATION_EVERY) for age in (oldest, youngest))
        created = self.rnd.randint(first, last) * VERIFICATION_EVERY
        return stripe_id(random.Random(self.seed * 1000003 + created), created)

    def line(self, at, key, kind, method, path, query="", status=200, ip="", asn=0, country="",
             agent="", error=None, body=None):
        """One log line; `error` is (type, code, message)."""
        record = {
            "@timestamp": stamp(at),
            "event": {"id": "req_" + identifier(self.rnd, 14),
                      "outcome": "success" if status < 400 else "failure"},
            "api": {"key": {"id": key, "kind": kind, "livemode": True}},
            "http": {"request": {"method": method},
                     "response": {"status_code": status, "body": {"bytes": 300 + self.rnd.randrange(4000)}}},
            "url": {"path": path, "query": query},
            "source": {"ip": ip, "as": {"number": asn}, "geo": {"country_iso_code": country}},
            "user_agent": {"original": agent},
        }
        if body:
            record["http"]["request"]["body"] = {"content": body}
        if error:
            record["error"] = {"type": error[0], "code": error[1], "message": error[2]}
        return json.dumps(record, separators=(",", ":"))

    def normal(self, at, key):
        """One everyday request of `key` (an entry of KEYS)."""
        rnd = self.rnd
        name, kind, _, agent, networks, routes = key
        network, asn, country = networks[0] if rnd.random() < 0.8 else rnd.choice(networks)
        method, path = rnd.choice(routes).split(" ")
        query, body, status, error = "", None, 200, None
        if path == "/v1/file_links":
            body = "file=file_1P%s&expires_at=%d" % (identifier(rnd, 14), int(at) + 25)
        if ":id" in path:
            kind_of = path.split("/")[-2] if path.endswith(":id") else path.split("/")[-3]
            prefix = PREFIX.get(kind_of, "ob_")
            # Results are read when they come in, and once more the next day.
            ident = prefix + (self.verification(at, VERIFICATION_EVERY, 1.5 * DAY)
                              if prefix in ("vs_", "vr_") else "1P" + identifier(rnd, 14))
            path = path.replace(":id", ident)
        elif method == "GET":
            query = "limit=%d" % rnd.choice([10, 25, 100])
        if name == "rk_identity_reader" and "/verification_sessions/" in path and rnd.random() < 0.3:
            query = "expand[0]=verified_outputs.dob"
        chance = rnd.random()
        if chance < 0.010:
            status, error = 404, ("invalid_request_error", "resource_missing", "No such object")
        elif chance < 0.013:
            status, error = 429, ("invalid_request_error", "rate_limit", "Request rate limit exceeded.")
        elif chance < 0.014:
            status, error = 500, ("api_error", "", "An error occurred")
        return self.line(at, name, kind, method, path, query, status,
                         network.format(rnd.randrange(10, 14)), asn, country, agent, error, body)

    def traffic(self, begin, end, scale):
        """Everyday requests in [begin, end), by time: busier by day than by night."""
        rnd = self.rnd
        queue = []
        for index, key in enumerate(KEYS):
            heapq.heappush(queue, (begin + rnd.random() * DAY / (key[2] * scale), index))
        while queue:
            at, index = heapq.heappop(queue)
            if at >= end:
                continue
            rate = KEYS[index][2] * scale * (1 + 0.7 * math.sin((at / DAY - 0.25) * 2 * math.pi))
            heapq.heappush(queue, (at + rnd.expovariate(max(rate, 1) / DAY), index))
            yield at, self.normal(at, KEYS[index])

    def leak(self, begin):
        """The attack, by time, from `begin` on; about 50 seconds."""
        rnd = self.rnd
        ip = lambda: THIEF_IP.format(rnd.randrange(30, 34))
        thief = dict(asn=THIEF_AS, country=THIEF_COUNTRY)
        at = begin
        # The scanner that found the key verifies that it lives.
        yield at, self.line(at, LEAKED, "restricted", "GET", "/v1/charges", "limit=1", 403, "192.0.2.200", 64600, "US",
                            "TruffleHog", denied("charge_read"))
        # Somebody tries what the key may do.
        for path, permission in [("/v1/balance", "balance_read"), ("/v1/customers", "customer_read"),
                                 ("/v1/payouts", "payout_read"), ("/v1/accounts", "connected_account_read"),
                                 ("/v1/webhook_endpoints", "webhook_read"), ("/v1/issuing/cards", "issuing_card_read"),
                                 ("/v1/invoices", "invoice_read"), ("/v1/events", "event_read")]:
            at += 1.0 + rnd.random()
            yield at, self.line(at, LEAKED, "restricted", "GET", path, "limit=1", 403, ip(), agent="curl/8.5.0",
                                error=denied(permission), **thief)
        # What works: the sessions, page by page.
        after = ""
        for _ in range(12):
            at += 0.4 + rnd.random() * 0.3
            yield at, self.line(at, LEAKED, "restricted", "GET", "/v1/identity/verification_sessions",
                                "limit=100" + after, 200, ip(), agent="python-requests/2.31.0", **thief)
            after = "&starting_after=vs_" + self.verification(at, DAY, 60 * DAY)
        # Then every result by its id, with the sensitive fields.
        sessions = sorted({"vs_" + self.verification(at, DAY, 60 * DAY) for _ in range(60)})
        for session in sessions:
            at += 0.15 + rnd.random() * 0.1
            yield at, self.line(at, LEAKED, "restricted", "GET", "/v1/identity/verification_sessions/" + session,
                                "expand[]=verified_outputs.dob&expand[]=verified_outputs.id_number", 200, ip(),
                                agent="python-requests/2.31.0", **thief)
        # And the images, by links that live for an hour.
        for _ in range(30):
            at += 0.2 + rnd.random() * 0.1
            yield at, self.line(at, LEAKED, "restricted", "POST", "/v1/file_links", "", 200, ip(),
                                agent="python-requests/2.31.0",
                                body="file=file_1P%s&expires_at=%d" % (identifier(rnd, 14), int(at) + 3600), **thief)


def denied(permission):
    return ("invalid_request_error", "",
            "The provided key 'rk_live_...W4ie' does not have the required permissions for this endpoint. "
            "Having the '%s' permission would allow this request to continue." % permission)


def seconds(text):
    unit = {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]
    return float(text[:-1]) * unit


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def merge(*streams):
    return heapq.merge(*streams, key=lambda entry: entry[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20260817)
    parser.add_argument("--scale", type=float, default=1.0, help="size of the shop: 1 is about 1,300 requests a day")
    parser.add_argument("--history", type=seconds, help="write this much everyday traffic that ends at --end")
    parser.add_argument("--end", type=moment, help="when the history ends; default now")
    parser.add_argument("--attack", action="store_true", help="write the leak, amid everyday traffic")
    parser.add_argument("--start", type=moment, help="when the attack starts; default now")
    parser.add_argument("--live", action="store_true", help="go on in real time until ended")
    parser.add_argument("--leak-after", type=seconds, help="with --live: play the leak after so long")
    parser.add_argument("--for", dest="duration", type=seconds, help="with --live: end after so long")
    parser.add_argument("--output", default="-", help="file to append to; default standard output")
    options = parser.parse_args()
    out = sys.stdout if options.output == "-" else open(options.output, "a", buffering=1 << 16)
    shop = Shop(options.seed)
    if options.history:
        end = options.end or time.time()
        for _, line in shop.traffic(end - options.history, end, options.scale):
            out.write(line + "\n")
        out.flush()
    if options.attack:
        start = options.start or time.time()
        quiet = shop.traffic(start - 60, start + 120, options.scale * 40)
        for _, line in merge(quiet, shop.leak(start)):
            out.write(line + "\n")
        out.flush()
    if options.live:
        begin = time.time()
        end = begin + (options.duration or 10 * 365 * DAY)
        streams = [shop.traffic(begin, end, options.scale * 40)]
        if options.leak_after is not None:
            streams.append(shop.leak(begin + options.leak_after))
        for at, line in merge(*streams):
            if at >= end:
                break
            wait = at - time.time()
            if wait > 0:
                out.flush()
                time.sleep(wait)
            out.write(line + "\n")
        out.flush()


if __name__ == "__main__":
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        pass
