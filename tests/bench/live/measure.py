"""T5, T8, T10 to T14: the running daemon, on loopback, durable as it is by itself."""
import os
import sys

from harness import Row, median

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import api  # noqa: E402
import follow  # noqa: E402
import latency  # noqa: E402
import rest  # noqa: E402
import restart  # noqa: E402
from live_daemon import percentile  # noqa: E402

TARGETS = ("T5", "T8", "T10", "T11", "T12", "T13", "T14")
GROUPS = 1_000_000
LINES_PER_SECOND = 5_000


def followed(context):
    rate, cpu = follow.measure(context.daemon_folder, [context.rules], context.main_log())
    return [Row("T5", "a followed file to its commit, of one thread's replay", rate / context.replay_rate(), "x",
                must=0.5, stretch=0.8,
                details={"events_per_second": round(rate), "replay_events_per_second": round(context.replay_rate()),
                         "cpu_seconds_per_million": round(cpu, 2)})]


def alerted(context):
    took, lag = latency.run(context.daemon_folder, [context.rules], context.main_log(), LINES_PER_SECOND,
                            10 if context.quick else 60)
    figures = {"p%d_ms" % share: round(percentile(took, share) * 1e3, 1) for share in (50, 90, 99, 100)}
    return [Row("T10", "line written to alert received, p99, 5,000 lines/s", figures["p99_ms"], "ms", must=50,
                stretch=5, at_most=True, relative=False,
                details=dict(figures, alerts=len(took), writer_late_ms=round(lag * 1e3, 1)))]


def at_rest(context):
    whole, own = rest.memory(context.daemon_folder)
    return [Row("T8", "memory at rest, shipped rules", whole / 1e6, "MB", must=64, stretch=26, at_most=True,
                relative=False, details={"resident_mb": round(whole / 1e6, 1), "own_mb": round(own / 1e6, 1)})]


def scraped(context):
    took, series, size = rest.scrape(context.daemon_folder)
    return [Row("T14", "a scrape of 10,000 series or more", took * 1e3, "ms", must=50, at_most=True, relative=False,
                details={"series": series, "bytes": size})]


def restarted(context):
    took, memory = restart.measure(context.daemon_folder, GROUPS)
    return [Row("T11", "restart with 1,000,000 groups, to the first alert's commit", took, "s", must=3, stretch=1,
                at_most=True, relative=False, details={"groups": GROUPS, "resident_mb": round(memory / 1e6)})]


def called(context):
    # Its two halves are pushed one after the other.
    results = api.run(context.daemon_folder, [context.rules], context.main_log(), context.tool("live/grpc_load"))
    push = results["push"]
    rows = [Row("T12", "pushed over one gRPC stream, million events/s", push["events"] / push["seconds"] / 1e6, "",
                must=0.8, stretch=1.2, relative=False,
                details={"batch_bytes": api.BATCH_BYTES,
                         "cpu_seconds_per_million": round(push["cpu"] / push["events"] * 1e6, 2)})]
    idle = median([result["p99_us"] for result in results["idle"]])
    rates = {name: median([result["calls"] / result["seconds"] for result in results[name]])
             for name in ("idle", "bare")}
    details = {"idle_p99_us": round(idle), "busy_p99_us": round(results["busy"]["p99_us"]),
               "idle_calls_per_second": round(rates["idle"]), "bare_calls_per_second": round(rates["bare"])}
    rows.append(Row("T13", "gRPC call while ingesting at full speed, p99, of idle", results["busy"]["p99_us"] / idle,
                    "x", must=5, at_most=True, details=details))
    rows.append(Row("T13", "gRPC calls of an idle daemon, of a bare server's", rates["idle"] / rates["bare"], "x",
                    must=0.8, details=details))
    return rows


# In the order of running: what needs most quiet first.
PARTS = ((("T10",), alerted), (("T5",), followed), (("T12", "T13"), called), (("T11",), restarted),
         (("T8",), at_rest), (("T14",), scraped))


def measure(context):
    rows = []
    for targets, part in PARTS:
        if any(context.wants(target) for target in targets):
            rows += part(context)
    return rows
