"""T6, T7, T9 and growth: what more rules, more keys, more values and more history cost."""
import json
import os
import re
import uuid

from harness import Row, interleaved, median, run

TARGETS = ("T6", "T7", "T9", "growth")
DOCUMENT_END = re.compile(r"^---\n", re.MULTILINE)
# What a copy of a rule looks for in place of what the rule does: something as rare, of the same form.
LITERAL = re.compile(r"(?<=[\[ '/.=(|])(sqlmap|nikto|nuclei|masscan|zgrab|curl|python-requests|HeadlessChrome|"
                     r"Go-http-client|api_key_expired|env|php|git/config|aspx|apikeys|contents|sigma|customers|accounts|"
                     r"verification_reports|webhook_endpoints|payouts|transfers|external_accounts|ephemeral_keys|2019|"
                     r"starting_after|api\.stripe\.com|ap-southeast-2|eu-west-1)(?=[\]', /=.|)\n$])")


def measure(context):
    rows = []
    for target, part in (("T6", more_rules), ("T7", more_keys), ("T9", more_values), ("growth", more_history)):
        if context.wants(target):
            rows += part(context)
    return rows


def compare(context, measurements, repeats=None):
    """Medians of processor seconds of replays: {name: (log, rules)} -> {name: seconds}."""
    # The start is measured before, so that it does not count in the turns.
    for _, rules in measurements.values():
        context.start_cost(rules)
    results = interleaved({name: (lambda log=log, rules=rules: context.replay_cpu(log, rules))
                           for name, (log, rules) in measurements.items()}, repeats or context.repeats())
    return {name: median(seconds) for name, seconds in results.items()}


def copied_rules(context, copies):
    """The thirty rules that need no state, and so many copies of them that look for something else."""
    folder = context.scratch_folder("rules-%d" % copies)
    for file in sorted(os.listdir(context.rules)):
        if file == "correlations.yml":
            continue
        with open(os.path.join(context.rules, file)) as source:
            documents = DOCUMENT_END.split(source.read())
        for copy in range(copies):
            with open(os.path.join(folder, "%d_%s" % (copy, file)), "w") as target:
                target.write("---\n".join(copied(document, copy) for document in documents))
    return folder


def copied(document, copy):
    if copy == 0:
        return document
    if "name: other_host" in document:   # what it looks for is another host: that one would be all of them
        document = document.replace("/v1/", "/v1%02x/" % copy)
    # Of the same length or nearly: the last letters say which copy it is.
    changed = LITERAL.sub(lambda found: found.group(0) + "%02x" % copy, document)
    changed = re.sub(r"status: (\d+)$", lambda found: "status: %d" % (int(found.group(1)) + 600 + copy), changed,
                     flags=re.MULTILINE) if changed == document else changed
    changed = re.sub(r"^id: .*$", "id: %s" % uuid.uuid5(uuid.NAMESPACE_URL, document + str(copy)), changed,
                     flags=re.MULTILINE)
    return re.sub(r"^name: (.*)$", r"name: \1_%d" % copy, changed, flags=re.MULTILINE)


def more_rules(context):
    log = context.log(200_000 if context.quick else 1_000_000)
    seconds = compare(context, {"30": (log, copied_rules(context, 1)), "300": (log, copied_rules(context, 10))})
    arguments = ["--quick"] if context.quick else []
    matching = {entry["rules"]: entry for entry in
                json.loads(run([context.tool("rules_benchmark"), "--json", *arguments, "one source"]).out)}
    return [
        Row("T6", "time of 300 rules, of 30 (replay)", seconds["300"] / seconds["30"], "x", must=1.5, stretch=1.15,
            at_most=True, details={"cpu_seconds": {name: round(value, 3) for name, value in seconds.items()}}),
        Row("T6", "time of 3,000 generated rules, of 100 (matching)",
            matching[3000]["event_ns"] / matching[100]["event_ns"], "x", must=3, stretch=2, at_most=True,
            details={"ns_per_event": {rules: entry["event_ns"] for rules, entry in matching.items()}}),
    ]


def with_room(document):
    """Correlations with room for millions of groups."""
    return re.sub(r"^correlation:", "max-groups: 4000000\ncorrelation:", document, flags=re.MULTILINE)


def more_keys(context):
    events = 1_000_000 if context.quick else 3_000_000
    rules = context.rules_with("room", with_room)
    # All within the shortest window but one: what came stays live.
    logs = {keys: context.log(events, keys=keys, uniform=True, rate=events / 50, episode_every=0)
            for keys in (10_000, 219_000, 1_000_000)}
    seconds = compare(context, {str(keys): (log, rules) for keys, log in logs.items()}, context.repeats(5, 1))
    details = {"ns_per_event": {keys: round(value / events * 1e9) for keys, value in seconds.items()}}
    return [Row("T7", "time with %s live keys, of 10,000" % label, seconds[keys] / seconds["10000"], "x", must=must,
                stretch=1.05, at_most=True, details=details)
            for keys, label, must in (("219000", "219,000", 1.3), ("1000000", "1,000,000", 1.6))]


NOTHING_CROSSED = """\
title: Any Request
name: any_request
logsource: {product: stripe, service: api}
detection:
    selection: {key_id|startswith: mk_}
    condition: selection
---
title: Counted
name: counted
correlation:
    type: %s
    rules: [any_request]
    group-by: [key_id]
    timespan: 30m
    condition: %s
"""


def more_values(context):
    # A hundred keys, each with one event a second: 1,800 in half an hour, each with a value of its own.
    log = context.log(400_000 if context.quick else 1_000_000, keys=100, uniform=True, episode_every=0)
    files = {}
    for name, condition in (("event_count", "{gte: 2500}"), ("value_count", "{field: request_id, gte: 2500}")):
        files[name] = os.path.join(context.scratch_folder("values"), name + ".yml")
        with open(files[name], "w") as file:
            file.write(NOTHING_CROSSED % (name, condition))
    seconds = compare(context, {name: (log, path) for name, path in files.items()})
    return [Row("T9", "rate of 1,800 distinct values in 100 groups, of plain count",
                seconds["event_count"] / seconds["value_count"], "x", must=0.5,
                details={"cpu_seconds": {name: round(value, 3) for name, value in seconds.items()}})]


def more_history(context):
    """The shipped rules, whose baselines learn for weeks: the same number of events in a day, and in a month."""
    events = 100_000 if context.quick else 300_000
    day = 24 * 3600
    rules = os.path.join(context.root, "rules")
    logs = {days: context.log(events, keys=200, rate=round(events / (days * day), 6), episode_every=0)
            for days in (1, 30)}
    seconds = compare(context, {str(days): (log, rules) for days, log in logs.items()}, context.repeats(5, 1))
    details = {"ns_per_event": {days + " days": round(value / events * 1e9) for days, value in seconds.items()}}
    return [Row("growth", "shipped rules: time of a month, of a day", seconds["30"] / seconds["1"], "x", details=details)]
