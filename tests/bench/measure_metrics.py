"""T14: what metrics cost an event; the scrape is measured by live/."""
import json

from harness import Row, run

TARGETS = ("T14",)
# Few for a daemon that is busy: it commits once a second, or at an alert.
EVENTS_OF_A_COMMIT = 1000


def measure(context):
    figures = json.loads(run([context.tool("metrics_benchmark")]).out)
    return [Row("T14", "metrics of an event, with a commit every 1,000", figures["commit_ns"] / EVENTS_OF_A_COMMIT, "ns",
                must=3, stretch=1, at_most=True, relative=False, details=figures)]
