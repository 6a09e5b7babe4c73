"""What every measurement of this folder is given, and what it gives back.

A module that measures has

    TARGETS = ("T5", "T10")               what it can measure, for --only

    def measure(context):                 -> list of Row
    def peers(context):                   -> list of Peer (if it has any)

and is named in bench.py. Measurements are ratios within one run. Where they compare processor times, others who use the
machine disturb least; `interleaved` takes the repetitions of what is compared by turns, so that a change of the
machine's speed meets both.
"""
import dataclasses
import functools
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RULES = os.path.join(HERE, "rules")
CACHE = os.path.expanduser("~/.cache/keywatch/bench")


@dataclasses.dataclass
class Row:
    """One line of the table. A target can have several, told apart by `metric`."""
    target: str                 # "T1"; "growth" and the like for what has no target
    metric: str                 # what was measured, for people: short
    value: float = None         # as `must` counts; None when it was not measured
    unit: str = ""              # behind the value: "x", "ms", "ns", "MB"
    must: float = None
    stretch: float = None
    at_most: bool = False       # the value must be at most `must`, otherwise at least
    not_run: str = ""           # why there is no value
    missing: bool = False       # not run because the program cannot do it: a MISS
    relative: bool = True       # a ratio, compared with the reference; False for absolute times and sizes
    details: dict = dataclasses.field(default_factory=dict)   # absolute figures, into the JSON

    @property
    def key(self):
        return self.target + ": " + self.metric

    def verdict(self):
        if self.missing:
            return "MISS"
        if self.value is None:
            return "not run"
        if self.must is None:
            return ""
        return "ok" if (self.value <= self.must if self.at_most else self.value >= self.must) else "MISS"


@dataclasses.dataclass
class Peer:
    """Another program over the log of `context.peer_log()` with rules that say the same."""
    name: str                           # "CrowdSec"
    version: str = ""
    work: str = ""                      # what it did: "30 rules + 5 correlations"
    events_per_second: float = None     # of wall time, without its start
    cpu_per_million: float = None       # processor seconds for a million events
    peak_bytes: int = None
    agreement: str = ""                 # what it found of what Keywatch found
    not_run: str = ""                   # why not
    must: float = None                  # T2: Keywatch's rate over its; None: only shown
    stretch: float = None


@dataclasses.dataclass
class Finished:
    """A process that ended well."""
    wall: float      # seconds
    cpu: float       # seconds, user and system, of the process and its children
    peak_bytes: int  # resident
    out: str


class Failed(Exception):
    """A process that was measured ended badly."""


def say(text):
    print("[%s] %s" % (time.strftime("%H:%M:%S"), text), file=sys.stderr, flush=True)


def run(command, out=None):
    """Runs a program to its end. Its output is read when `out`, a file's name, is not given."""
    with tempfile.TemporaryFile() as captured, tempfile.TemporaryFile() as errors:
        target = open(out, "wb") if out else captured
        begin = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=target, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if out:
            target.close()
        if process.returncode != 0:
            errors.seek(0)
            raise Failed("%s ended with %d: %s" % (" ".join(command), process.returncode,
                                                   errors.read()[-2000:].decode(errors="replace")))
        captured.seek(0)
        return Finished(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, captured.read().decode())


def interleaved(measurements, repeats):
    """Calls each of `measurements`, {name: function}, `repeats` times by turns; gives {name: [results]}."""
    results = {name: [] for name in measurements}
    for _ in range(repeats):
        for name, function in measurements.items():
            results[name].append(function())
    return results


def median(results, what=None):
    """Of numbers, or of the attribute `what` of the results."""
    return statistics.median(getattr(result, what) if what else result for result in results)


class Context:
    """Where the binaries and logs are, and how much time there is."""

    def __init__(self, binaries, quick, only=None):
        self.only = only
        self.daemon_folder = os.path.join(binaries, "daemon")
        self.keywatch = os.path.join(self.daemon_folder, "keywatch")
        self.keywatchd = os.path.join(self.daemon_folder, "keywatchd")
        self.tools = os.path.join(binaries, "tests", "bench")
        self.quick = quick
        self.root = ROOT
        self.rules = RULES
        self.scratch = tempfile.mkdtemp(prefix="keywatch-bench-")
        # What one measurement leaves for another of the same run.
        self.shared = {}
        os.makedirs(CACHE, exist_ok=True)

    def close(self):
        shutil.rmtree(self.scratch, ignore_errors=True)

    def tool(self, name):
        """The path of a binary of this folder."""
        return os.path.join(self.tools, name)

    def scratch_folder(self, name):
        """A folder that is removed at the end of the run."""
        path = os.path.join(self.scratch, name)
        os.makedirs(path, exist_ok=True)
        return path

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def wants(self, target):
        """Whether the target is to be measured in this run."""
        return self.only is None or target in self.only

    def repeats(self, full=5, quick=3):
        return quick if self.quick else full

    def log(self, events, keys=10_000, seed=1, uniform=False, rate=100, episode_every=20_000, disorder=0,
            shuffled=False, combined=False):
        """The path of such a log of generate_log. Kept between runs in ~/.cache/keywatch/bench, with the attacks
        in FILE.labels."""
        options = ["--events", str(events), "--keys", str(keys), "--seed", str(seed), "--rate", str(rate),
                   "--episode-every", str(episode_every)]
        options += ["--disorder", str(disorder)] if disorder else []
        options += ["--uniform"] if uniform else []
        options += ["--shuffle-fields"] if shuffled else []
        options += ["--format", "combined"] if combined else []
        name = hashlib.sha256(("%s %s" % (self._generator_digest(), options)).encode()).hexdigest()[:16]
        path = os.path.join(CACHE, "%s-%d%s" % (name, events, ".log" if combined else ".jsonl"))
        if not os.path.exists(path):
            say("writing a log of %d events of %d keys" % (events, keys))
            run([self.tool("generate_log"), *options, "--labels", path + ".labels", path + ".new"])
            os.rename(path + ".new", path)
        return path

    @functools.lru_cache(maxsize=None)
    def _generator_digest(self):
        with open(self.tool("generate_log"), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()

    def events(self):
        """How many events the main measurements have."""
        return 500_000 if self.quick else 2_000_000

    def main_log(self):
        """The log of T1, which others are compared with."""
        return self.log(self.events())

    def peer_log(self, combined=False):
        """The log of the peers, most of which are slow; `combined` is the same requests as lines of nginx."""
        return self.log(self.peer_events(), combined=combined)

    def peer_events(self):
        return 100_000 if self.quick else 200_000

    def rules_with(self, name, change):
        """A copy of the rules in which `change`, a function, was applied to the text of each file."""
        folder = self.scratch_folder("rules-" + name)
        for file in sorted(os.listdir(self.rules)):
            with open(os.path.join(self.rules, file)) as source, open(os.path.join(folder, file), "w") as copy:
                copy.write(change(source.read()))
        return folder

    @functools.lru_cache(maxsize=None)
    def has_threads(self):
        return "--threads" in run([self.keywatch, "replay", "--help"]).out

    def replay_command(self, log, rules=None, threads=1, more=()):
        command = [self.keywatch, "replay", log, "--format", "json", "--rules", rules or self.rules, *more]
        return command + (["--threads", str(threads)] if self.has_threads() else [])

    def replay(self, log, rules=None, threads=1, out=os.devnull, more=()):
        """Runs `keywatch replay`, one thread unless said, and gives what it took."""
        return run(self.replay_command(log, rules, threads, more), out)

    def start_cost(self, rules=None):
        """What a replay takes over one event: reading the rules, mostly. To be subtracted."""
        rules = rules or self.rules
        starts = self.shared.setdefault("start costs", {})
        if rules not in starts:
            results = [self.replay(self.log(1), rules) for _ in range(3)]
            starts[rules] = Finished(median(results, "wall"), median(results, "cpu"),
                                     int(median(results, "peak_bytes")), "")
        return starts[rules]

    def replay_cpu(self, log, rules=None):
        """Processor seconds of a replay of one thread, without its start."""
        start = self.start_cost(rules).cpu
        return self.replay(log, rules).cpu - start

    def limit(self, *arguments):
        """What tests/bench/limits prints."""
        return json.loads(run([self.tool("limits_v3" if "avx2" in cpu_flags() else "limits"), *arguments]).out)

    def replay_rate(self):
        """Events per second of T1 in this run: one thread, 35 rules."""
        if "replay rate" not in self.shared:
            log = self.main_log()
            self.shared["replay rate"] = self.events() / median([self.replay_cpu(log) for _ in range(3)])
        return self.shared["replay rate"]


@functools.lru_cache(maxsize=None)
def cpu_flags():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()


def machine():
    """What the figures were taken on."""
    with open("/proc/cpuinfo") as file:
        model = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.MULTILINE)
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+) kB", file.read()).group(1)) << 10
    levels = [flag for flag in ("avx2", "avx512bw", "avx512_vbmi2") if flag in cpu_flags()]
    return {"cpu": model.group(1) if model else os.uname().machine, "cores": os.cpu_count(),
            "instructions": " ".join(levels), "memory_gib": round(memory / 2 ** 30, 1), "kernel": os.uname().release}
