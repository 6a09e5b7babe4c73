"""Lists the test cases of one `bazel test`, from its build event file.

Usage: test_cases.py EVENTS BUILD_LOG

Prints one line per test case: passed, failed or skipped; its name; its log,
separated by tabs. A target whose result names no cases counts as one, as does a
target that did not build, or that failed although none of its cases did.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree


def path_of(uri):
    return urllib.parse.unquote(urllib.parse.urlparse(uri).path)


def cases_of(path):
    """Returns [(name, outcome)] of one test.xml; [] when it has none."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return []
    cases = []
    for case in root.iter("testcase"):
        if case.get("status") == "notrun":
            continue
        # What Bazel writes for a test without a report of its own: one case
        # with the name of the target.
        suite = case.get("classname")
        name = case.get("name", "")
        if not suite:
            return []
        outcome = "passed"
        for child in case:
            if child.tag in ("failure", "error"):
                outcome = "failed"
            elif child.tag == "skipped" and outcome == "passed":
                outcome = "skipped"
        if case.get("result") == "skipped" and outcome == "passed":
            outcome = "skipped"
        cases.append((suite + "." + name, outcome))
    return cases


def main(events_path, build_log):
    targets = {}  # label of a test -> did its build succeed
    results = {}  # (label, run, shard) -> event of the last attempt
    with open(events_path, encoding="utf-8") as events:
        for line in events:
            event = json.loads(line)
            identity = event.get("id", {})
            if "targetConfigured" in identity:
                kind = event.get("configured", {}).get("targetKind", "")
                if kind.split(" ")[0].endswith("_test"):
                    targets.setdefault(
                        identity["targetConfigured"]["label"], None
                    )
            elif "testResult" in identity and "testResult" in event:
                key = identity["testResult"]
                results[
                    (key["label"], key.get("run", 1), key.get("shard", 1))
                ] = event["testResult"]

    lines = []
    seen = set()
    for (label, _, _), result in sorted(results.items()):
        seen.add(label)
        outputs = {
            output["name"]: path_of(output["uri"])
            for output in result.get("testActionOutput", [])
            if "uri" in output
        }
        log = outputs.get("test.log", "")
        ok = result.get("status") in ("PASSED", "FLAKY")
        cases = cases_of(outputs.get("test.xml", ""))
        for name, outcome in cases:
            lines.append((outcome, label + " " + name, log))
        if not cases:
            lines.append(("passed" if ok else "failed", label, log))
        elif not ok and all(outcome != "failed" for _, outcome in cases):
            reason = result.get("status", "failed").lower()
            lines.append(("failed", label + " (" + reason + ")", log))
    for label in sorted(set(targets) - seen):
        lines.append(("failed", label + " (did not build or run)", build_log))

    for line in lines:
        print("\t".join(line))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
