"""T8: what a live key and a learned baseline take; the daemon at rest is measured by live/."""
import json

from harness import Row, median, run
from measure_scale import with_room

TARGETS = ("T8",)
# Within the default all of the log would wait for what comes late, and be most of the memory.
BRIEF = ("--lateness", "100ms")


def measure(context):
    return [live_keys(context), baseline(context)]


def live_keys(context):
    # Peaks of two runs over as many events: what buffers and the program take cancels out.
    events = 1_000_000
    rules = context.rules_with("room", with_room)
    few, many = 10_000, 400_000
    logs = {keys: context.log(events, keys=keys, uniform=True, rate=events / 50, episode_every=0)
            for keys in (few, many)}
    peaks = {keys: median([context.replay(log, rules, more=BRIEF).peak_bytes for _ in range(context.repeats(3, 1))])
             for keys, log in logs.items()}
    # Each event is of a key at random: some keys had none.
    live = {keys: keys * (1 - (1 - 1 / keys) ** events) for keys in logs}
    value = (peaks[many] - peaks[few]) / (live[many] - live[few])
    return Row("T8", "memory of a live key with 5 correlations", value / 1e3, "KB", must=1.5, stretch=1.25, at_most=True,
               relative=False, details={"peak_mb": {keys: round(peak / 1e6) for keys, peak in peaks.items()}})


def baseline(context):
    result = json.loads(run([context.tool("engine_benchmark"), "--quick", "--json", "--groups",
                             "300" if context.quick else "1000", "rate, a month of it"]).out)[0]
    return Row("T8", "memory of an hour-of-week baseline", result["group_bytes"] / 1e3, "KB", must=4, at_most=True,
               relative=False, details={"group_bytes": result["group_bytes"], "row_bytes": result["row_bytes"]})
