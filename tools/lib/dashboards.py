"""Checks Grafana dashboards without a Grafana.

  dashboards.py DASHBOARD.json... --catalogue catalogue.h --rules RULES.yml
                --write-rules OUT.yml

Looks at what Grafana forgives silently and people notice late: panels without
an expression or a description, two of one id, two in one place, an unknown
variable, a data source that is not the chosen one, and metrics that Keywatch
does not have. OUT.yml then holds every expression, with the variables filled
in, as a file of recording rules that promtool can parse.
"""

import argparse
import json
import re
import sys

# What Grafana puts in by itself.
BUILT_IN = {"__rate_interval": "1m", "__range": "1h", "__interval": "1m"}
METRIC = re.compile(r"\b(?:keywatch|grpc_server|process)_[a-z0-9_]+\b")


def catalogue(path):
    """The names of all metrics, and of a histogram's parts."""
    with open(path, encoding="utf-8") as file:
        names = set(re.findall(r'"((?:keywatch|grpc|process)_[a-z0-9_]+)"',
                               file.read()))
    if len(names) < 20:
        sys.exit(f"{path}: found only {len(names)} metrics")
    return names | {name + part for name in names
                    if name.endswith("_seconds")
                    for part in ("_bucket", "_sum", "_count")}


class Dashboard:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.model = json.load(file)
        self.variables = {v["name"]: v
                          for v in self.model["templating"]["list"]}
        self.wrong = []
        self.expressions = []

    def complain(self, place, what):
        self.wrong.append(f"{self.path}: {place}: {what}")

    def fill_in(self, place, text):
        """The text with every variable replaced as Grafana would."""
        def value(match):
            name = match.group(1) or match.group(2)
            if name in BUILT_IN:
                return BUILT_IN[name]
            if name not in self.variables:
                self.complain(place, f"no variable ${name}")
                return "x"
            return self.variables[name].get("allValue") or "x"
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, text)

    def expression(self, place, text):
        self.expressions.append((place, self.fill_in(place, text)))

    def source(self, place, datasource):
        if datasource != {"type": "prometheus", "uid": "${datasource}"}:
            self.complain(place, "does not use the chosen data source")

    def check(self):
        for key in ("uid", "title", "schemaVersion", "panels", "time"):
            if not self.model.get(key):
                self.complain("dashboard", f"has no {key}")
        if self.model.get("id") is not None:
            self.complain("dashboard", "has the id of one installation")
        chosen = self.variables.get("datasource", {})
        if (chosen.get("type"), chosen.get("query")) != ("datasource",
                                                        "prometheus"):
            self.complain("dashboard", "has no variable for the data source")
        for variable in self.variables.values():
            if variable["type"] == "query":
                place = f"variable {variable['name']}"
                self.source(place, variable["datasource"])
                inner = re.fullmatch(r"label_values\((.*), \w+\)",
                                     variable["definition"])
                if inner:
                    self.expression(place, inner.group(1))
                else:
                    self.complain(place, "is no label_values(...)")
        for annotation in self.model["annotations"]["list"]:
            if "expr" in annotation:
                self.expression(f"annotation {annotation['name']}",
                                annotation["expr"])
        self.panels()

    def panels(self):
        ids = set()
        taken = {}
        for panel in self.model["panels"]:
            place = f"panel \"{panel.get('title')}\""
            if panel["id"] in ids:
                self.complain(place, f"its id {panel['id']} is taken")
            ids.add(panel["id"])
            grid = panel["gridPos"]
            if grid["x"] + grid["w"] > 24:
                self.complain(place, "is wider than the page")
            for x in range(grid["x"], grid["x"] + grid["w"]):
                for y in range(grid["y"], grid["y"] + grid["h"]):
                    if (x, y) in taken:
                        self.complain(place, f"lies on {taken[x, y]}")
                    taken[x, y] = place
            if panel["type"] == "row":
                continue
            if not panel.get("description"):
                self.complain(place, "has no description")
            if not panel.get("targets"):
                self.complain(place, "shows nothing")
            self.source(place, panel.get("datasource"))
            for target in panel.get("targets", []):
                self.source(place, target.get("datasource"))
                self.expression(place, target["expr"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dashboards", nargs="+")
    parser.add_argument("--catalogue", required=True)
    parser.add_argument("--rules", required=True)
    parser.add_argument("--write-rules", required=True)
    options = parser.parse_args()
    known = catalogue(options.catalogue)
    wrong = []
    expressions = []
    for path in options.dashboards:
        dashboard = Dashboard(path)
        dashboard.check()
        wrong += dashboard.wrong
        expressions += [(path, place, text)
                        for place, text in dashboard.expressions]
    for path, place, text in expressions:
        for name in METRIC.findall(text):
            if name not in known:
                wrong.append(f"{path}: {place}: no metric {name}")
    with open(options.rules, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.lstrip().startswith(("#", "- name:")):
                continue
            for name in METRIC.findall(line):
                if name not in known:
                    wrong.append(f"{options.rules}:{number}: no metric {name}")
    with open(options.write_rules, "w", encoding="utf-8") as file:
        file.write("groups:\n  - name: dashboards\n    rules:\n")
        for number, (_, _, text) in enumerate(expressions):
            file.write(f"      - record: dashboard:expression_{number}\n"
                       f"        expr: {json.dumps(text)}\n")
    for line in wrong:
        print(line)
    if not wrong:
        print(f"{len(expressions)} expressions of {len(options.dashboards)} "
              "dashboards name metrics that exist")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
