"""T1, T3, T4: how fast `keywatch replay` is, as a share of what the machine could do."""
from harness import Row, interleaved, median

TARGETS = ("T1", "T3", "T4")
EVENTS_SHARE = 0.28 * 1.2 / 2.0   # 1.2 M events/s where 0.28 are about 2.0 M


def measure(context):
    log = context.main_log()
    # A tenth is enough: what is compared is the cost of an event.
    shuffled = context.log(context.events() // 10, shuffled=True)
    measurements = {
        "parse": lambda: context.limit("parse", log)["cpu"],
        "replay": lambda: context.replay_cpu(log),
    }
    if context.wants("T3"):
        measurements["shuffled"] = lambda: context.replay_cpu(shuffled) * 10
    results = {name: median(values) for name, values in interleaved(measurements, context.repeats()).items()}
    events = context.events()
    context.shared["replay rate"] = events / results["replay"]
    context.shared["parse rate"] = events / results["parse"]
    details = {name + "_ns_per_event": round(seconds / events * 1e9, 1) for name, seconds in results.items()}
    rows = [Row("T1", "replay, one thread, of simdjson's parsing", results["parse"] / results["replay"], "x",
                must=0.28, stretch=0.5, details=details)]
    if "shuffled" in results:
        rows.append(Row("T3", "unknown order and escapes, of simdjson's parsing", results["parse"] / results["shuffled"],
                        "x", must=round(EVENTS_SHARE, 3), details=details))
    if context.wants("T4"):
        rows.append(threads(context, log))
    return rows


def threads(context, log):
    row = Row("T4", "two threads, of one", unit="x", must=1.8, stretch=1.95)
    if not context.has_threads():
        row.missing, row.not_run = True, "replay has no --threads"
        return row
    # Wall time: nothing else may use the machine meanwhile.
    start = context.start_cost().wall
    results = interleaved({count: (lambda count=count: context.replay(log, threads=count).wall - start)
                           for count in (1, 2)}, context.repeats())
    one, two = median(results[1]), median(results[2])
    row.value = one / two
    row.details = {"wall_seconds": {"1": round(one, 3), "2": round(two, 3)}}
    return row
