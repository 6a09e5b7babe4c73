"""T2: other programs on the same log with rules that say the same, and whether they find the same.

What is found is compared as pairs of rule and key. Nothing is installed on the machine: packages are unpacked, and
modules put, into the cache folder; what cannot be had is said in its row.
"""
import json
import os
import re
import shutil
import subprocess
import sys

from harness import CACHE, Failed, Peer, Row, median, run

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import crowdsec  # noqa: E402
import queries  # noqa: E402
import sec_rules  # noqa: E402

TARGETS = ("T2",)
HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(CACHE, "peers")
DUCKDB_MODULE = "@duckdb/node-api@1"
INSTALL_SECONDS = 120


class Missing(Exception):
    """A program that cannot be had here."""


def install(command, folder):
    """Runs a command that fetches something, in the folder."""
    os.makedirs(folder, exist_ok=True)
    try:
        done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=INSTALL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing("%s: %s" % (command[0], error)) from error
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Missing("%s: %s" % (command[0], lines[-1] if lines else "failed"))


def unpacked(package):
    """The folder of a Debian package that was unpacked, not installed."""
    folder = os.path.join(FOLDER, package)
    if not os.path.isdir(os.path.join(folder, "usr")):
        shutil.rmtree(folder, ignore_errors=True)
        # apt-get fetches as another user, who may not write there; as root it says so and goes on.
        install(["apt-get", "download", package], os.path.join(FOLDER, "deb"))
        found = sorted(name for name in os.listdir(os.path.join(FOLDER, "deb")) if name.startswith(package + "_"))
        install(["dpkg-deb", "-x", found[-1], folder], os.path.join(FOLDER, "deb"))
    return folder


def duckdb_modules():
    folder = os.path.join(FOLDER, "duckdb")
    if not os.path.isdir(os.path.join(folder, "node_modules", "@duckdb", "node-api")):
        install(["npm", "install", "--no-audit", "--no-fund", "--prefix", folder, DUCKDB_MODULE], folder)
    return folder


def pairs(text, separator):
    return {tuple(line.split(separator)) for line in text.splitlines()}


def agreement(theirs, ours, rules=None, note=""):
    """How what a peer found differs from what Keywatch did, over the rules that it has."""
    if rules is not None:
        ours = {pair for pair in ours if pair[0] in rules}
    if theirs == ours:
        text = "the same %d pairs of rule and key" % len(ours)
    else:
        text = "%d of our %d pairs of rule and key, %d others" % (len(ours & theirs), len(ours), len(theirs - ours))
    return text + (": " + note if note else "")


def measured(context, command, empty, events):
    """Events a second, processor seconds per million, peak, and the output of the last run; `empty` is the same program
    over one event: its start, which is subtracted."""
    starts = [run(empty) for _ in range(2)]
    runs = [run(command) for _ in range(context.repeats(3, 1))]
    wall = median(runs, "wall") - median(starts, "wall")
    cpu = median(runs, "cpu") - median(starts, "cpu")
    return events / wall, cpu / events * 1e6, int(median(runs, "peak_bytes")), runs[-1].out


def duckdb(context, log, one, events, ours, threads):
    """All 35 rules as one query over the table of the log."""
    modules = duckdb_modules()
    commands = []
    for path in (log, one):
        statements = os.path.join(context.scratch, "duckdb.%d.json" % len(commands))
        with open(statements, "w") as file:
            json.dump(queries.program(path, False), file)
        commands.append(["node", os.path.join(HERE, "duckdb.mjs"), modules, statements, str(threads)])
    rate, cpu, peak, out = measured(context, commands[0], commands[1], events)
    version, _, rows = out.partition("\n")
    return Peer("DuckDB, %d thread%s" % (threads, "s" if threads > 1 else ""), version, "all 35 as SQL, in one batch",
                rate, cpu, peak, agreement(pairs(rows, "\t"), ours))


def sec(context, log, one, events, ours):
    """22 of the detections and the correlations, on lines of a web server."""
    folder = unpacked("sec")
    program = os.path.join(folder, "usr", "bin", "sec")
    rules = os.path.join(context.scratch, "sec.conf")
    with open(rules, "w") as file:
        file.write(sec_rules.program(False))

    def command(path):
        return ["perl", program, "--conf=" + rules, "--input=" + path, "--fromstart", "--notail", "--quote", "--debug=1"]

    rate, cpu, peak, out = measured(context, command(log), command(one), events)
    version = re.search(r"[0-9]+(\.[0-9]+)+", run(["perl", program, "--version"]).out)
    known = set(sec_rules.PATTERNS) | {rule[0] for rule in sec_rules.COUNTS + sec_rules.DISTINCT}
    found = {pair for pair in pairs(out, " ") if len(pair) == 2 and pair[0] in known}
    return Peer("SEC", version.group(0) if version else "", "22 rules + 5 correlations, text lines", rate, cpu, peak,
                agreement(found, ours, known, "its windows follow the machine's clock and so hold the whole log"))


def crowdsec_peer(context):
    """All 35 as triggers and buckets, over a part of the log: it is slow."""
    package = unpacked("crowdsec")
    events = 20_000 if context.quick else 100_000
    log = context.log(events)
    _, ours = keywatch(context, log, context.log(1), events, 1)
    command = crowdsec.prepare(context.scratch_folder("crowdsec"), package, context.free_port())
    start, _ = crowdsec.run_log(command, context.log(1), 60)
    done, found = crowdsec.run_log(command, log, 300)
    version = re.search(r"v([0-9.]+)", run(["sh", "-c", '"$0" -version 2>&1', command[0]]).out)
    return Peer("CrowdSec", version.group(1) if version else "", "30 triggers + 5 leaky buckets, {:,} events".format(events),
                events / (done.wall - start.wall), (done.cpu - start.cpu) / events * 1e6, done.peak_bytes,
                agreement(found, ours, None, "its buckets leak, they do not slide"))


def keywatch(context, log, one, events, repeats):
    seconds, found = [], set()
    out = os.path.join(context.scratch, "keywatch-peer.jsonl")
    begin = run(context.replay_command(one))
    runs = []
    for _ in range(repeats):
        runs.append(context.replay(log, out=out))
        seconds.append(runs[-1].wall - begin.wall)
    with open(out) as file:
        for line in file:
            alert = json.loads(line)
            (key,) = alert["group"].values()
            found.add((alert["rule"], key))
    version = run([context.keywatch, "--version"]).out.strip()
    cpu = (median(runs, "cpu") - begin.cpu) / events * 1e6
    return Peer("Keywatch, 1 thread", version, "30 rules + 5 correlations", events / median(seconds), cpu,
                int(median(runs, "peak_bytes")), "%d pairs of rule and key" % len(found)), found


def measure_peers(context):
    log, one = context.peer_log(), context.log(1)
    text_log, one_text = context.peer_log(combined=True), context.log(1, combined=True)
    events = context.peer_events()
    ours, found = keywatch(context, log, one, events, 3)
    peers = [ours]
    for name, must, stretch, part in (
            ("DuckDB, 1 thread", 15, 30, lambda: duckdb(context, log, one, events, found, 1)),
            ("DuckDB, 2 threads", None, None, lambda: duckdb(context, log, one, events, found, 2)),
            ("SEC", None, None, lambda: sec(context, text_log, one_text, events, found)),
            ("CrowdSec", 400, 850, lambda: crowdsec_peer(context))):
        try:
            peer = part()
        except (Missing, Failed, OSError) as error:
            peer = Peer(name, not_run=(str(error).splitlines() or [type(error).__name__])[0][:120])
        peer.must, peer.stretch = must, stretch
        peers.append(peer)
    peers.append(Peer("rsigma", not_run="neither Debian nor npm has it", must=100, stretch=200))
    return peers


def measure(context):
    context.shared["peers"] = measure_peers(context)
    ours = context.shared["peers"][0]
    rows = []
    for peer in context.shared["peers"][1:]:
        if peer.must is None:
            continue
        row = Row("T2", "processor time of %s, of replay's" % peer.name, unit="x", must=peer.must, stretch=peer.stretch,
                  not_run=peer.not_run)
        if peer.cpu_per_million:
            row.value = peer.cpu_per_million / ours.cpu_per_million
        rows.append(row)
    return rows


def peers(context):
    return context.shared["peers"]
