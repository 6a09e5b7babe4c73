// What a stateful rule costs, by type and number of groups: nanoseconds for an
// event, bytes of memory for a group (as malloc counts them, and resident), bytes
// of its rows in the store, rows that a commit writes after a thousand events, and
// the time of a restart from rows. Matching is not measured here.
//
//   bazel run //tests/bench:engine_benchmark -- [--quick] [--json]
//       [--groups N]... [TYPE]...
//
//   --quick  1,000 and 100,000 groups, and fewer events

#include <malloc.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"

namespace keywatch {
namespace {

constexpr int kChunk = 50'000;
constexpr int kMeasured = 200'000;
constexpr int kMeasuredQuickly = 50'000;

struct Type {
  const char* name;
  const char* rule;
  // How far apart two events are.
  int64_t step_ms = 1;
  int events_per_group = 3;
  // Only with so many groups at most: a history takes its time.
  int max_groups = INT32_MAX;
};

// Thresholds that nobody crosses: the cost is that of watching.
constexpr Type kTypes[] = {
    {"event_count",
     "correlation: {type: event_count, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {gte: 300}}"},
    {"event_count few",
     "correlation: {type: event_count, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {eq: 300}}"},
    {"value_count",
     "correlation: {type: value_count, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {field: url.path, gte: 200}}"},
    {"temporal",
     "correlation: {type: temporal, rules: [any, bad], group-by: [api.key.id], "
     "timespan: 1h}"},
    {"temporal not",
     "correlation: {type: temporal, rules: [any, bad], group-by: [api.key.id], "
     "timespan: 1h, condition: bad and not any}"},
    {"temporal_ordered",
     "correlation: {type: temporal_ordered, rules: [any, bad], group-by: "
     "[api.key.id], timespan: 1h}"},
    // The lower rule fires for every group: each has an open episode, too.
    {"chained",
     "correlation: {type: event_count, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {gte: 2}}\n---\ntitle: Upper\n"
     "correlation: {type: event_count, rules: [rule], group-by: [api.key.id], "
     "timespan: 1h, condition: {gte: 2}}"},
    // The base rule alerts for every group.
    {"generate",
     "correlation: {type: event_count, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {gte: 300}, generate: true}"},
    {"value_sum",
     "correlation: {type: value_sum, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {field: number, gte: 1000000}}"},
    {"value_avg",
     "correlation: {type: value_avg, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {field: number, gte: 1000}}"},
    {"value_percentile",
     "correlation: {type: value_percentile, rules: [any], group-by: "
     "[api.key.id], timespan: 1h, condition: {field: number, percentile: 95, "
     "gte: 1000}}"},
    {"value_median",
     "correlation: {type: value_median, rules: [any], group-by: [api.key.id], "
     "timespan: 1h, condition: {field: number, gte: 1000}}"},
    {"new_term",
     "anomaly: {type: new_term, rules: [any], group-by: [api.key.id], field: "
     "network, baseline: {history: 30d, min-history: 7d}}"},
    {"rare_term",
     "anomaly: {type: rare_term, rules: [any], group-by: [api.key.id], field: "
     "network, condition: {field: share, lte: 0.001}, baseline: {history: 30d, "
     "min-history: 7d}}"},
    {"rate",
     "anomaly: {type: rate, rules: [any], group-by: [api.key.id], timespan: "
     "5m, floor: 100000, baseline: {history: 30d, season: hour-of-week}}"},
    {"rate of distinct",
     "anomaly: {type: rate, rules: [any], group-by: [api.key.id], timespan: "
     "1h, measure: {distinct: url.path}, floor: 100000, baseline: {history: "
     "30d, season: hour-of-day}}"},
    {"rate, a month of it",
     "anomaly: {type: rate, rules: [any], group-by: [api.key.id], timespan: "
     "5m, baseline: {history: 30d, season: hour-of-week}}",
     1800, 1440, 1000},
    {"ratio",
     "anomaly: {type: ratio, numerator: bad, denominator: any, group-by: "
     "[api.key.id], timespan: 1h, condition: {field: ratio, gt: 0.9}, floor: "
     "{denominator: 1000}}"},
    {"dormant",
     "anomaly: {type: dormant, rules: [any], group-by: [api.key.id], "
     "condition: {field: idle, gte: 30d}}"},
    {"absence",
     "anomaly: {type: absence, rules: [any], group-by: [api.key.id], every: "
     "26h}"},
    {"travel",
     "anomaly: {type: travel, rules: [any], group-by: [api.key.id], field: "
     "{lat: lat, lon: lon}, condition: {field: speed_kmh, gte: 100000}, floor: "
     "{distance_km: 500}, baseline: {history: 30d}}"},
};

constexpr char kBase[] = R"(
title: Any
name: any
detection: {sel: {kind: a}, condition: sel}
---
title: Bad
name: bad
detection: {sel: {bad: 1}, condition: sel}
---
title: Rule
name: rule
)";

struct Result {
  std::string type;
  int64_t groups = 0;
  double event_ns = 0;
  double group_bytes = 0;
  double resident_bytes = 0;  // of a group
  double row_bytes = 0;
  int64_t commit_rows = 0;
  double commit_ms = 0;
  double restart_ms = 0;
};

// Of this process's own processor time: others that use the machine count less.
double Now() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

double Used() { return static_cast<double>(mallinfo2().uordblks); }

double Resident() {
  long long size = 0;
  long long resident = 0;
  if (FILE* file = std::fopen("/proc/self/statm", "r"); file != nullptr) {
    if (std::fscanf(file, "%lld %lld", &size, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) *
         static_cast<double>(sysconf(_SC_PAGESIZE));
}

// Gives the engine events of keys in random order and measures the time it
// takes with them, not that of making and matching them.
class Run {
 public:
  Run(const Type& type, int groups, int measured)
      : type_(type),
        groups_(groups),
        measured_(measured),
        rules_(CompileOrDie(absl::StrCat(kBase, type.rule, "\n"))),
        capped_(WithCap(rules_, 2'000'000)) {}

  Result Measure() {
    Result result;
    result.type = type_.name;
    malloc_trim(0);
    const double before = Used();
    const double resident_before = Resident();
    auto engine = Engine::Create(capped_);
    // Every group comes once, then any.
    int64_t left = int64_t{groups_} * (type_.events_per_group - 1);
    for (int i = 0; i < groups_; i += kChunk) {
      Feed(engine.get(), std::min(kChunk, groups_ - i), i);
    }
    for (; left > 0; left -= kChunk) {
      Feed(engine.get(), static_cast<int>(std::min<int64_t>(kChunk, left)), -1);
      engine->TakeDirtyState();
    }
    double seconds = 0;
    for (int i = 0; i < measured_; i += kChunk) {
      seconds += Feed(engine.get(), kChunk, -1);
    }
    result.event_ns = seconds / measured_ * 1e9;
    engine->TakeDirtyState();
    result.groups = engine->stats().groups.back();
    malloc_trim(0);
    result.group_bytes = (Used() - before) / static_cast<double>(result.groups);
    result.resident_bytes =
        (Resident() - resident_before) / static_cast<double>(result.groups);
    Feed(engine.get(), 1000, -1);
    double begin = Now();
    result.commit_rows = static_cast<int64_t>(engine->TakeDirtyState().size());
    result.commit_ms = (Now() - begin) * 1e3;
    Restart(*engine, &result);
    return result;
  }

 private:
  // `first`: the key of the first event, the others follow; -1: at random.
  double Feed(Engine* engine, int events, int first) {
    TestLog log(rules_);
    for (int i = 0; i < events; ++i) {
      const unsigned key = first >= 0
                               ? static_cast<unsigned>(first + i)
                               : random_() % static_cast<unsigned>(groups_);
      now_ += type_.step_ms;
      log.Add(now_, {{"kind", "a"},
                     {"bad", random_() % 300 == 0 ? 1 : 0},
                     {"api.key.id", absl::StrCat("mk_1Abcdefghijklmnop", key)},
                     {"url.path", absl::StrCat("/v1/things/", random_() % 40)},
                     {"network", absl::StrCat("AS", key % 4)},
                     {"lat", static_cast<double>(key % 90)},
                     {"lon", static_cast<double>(key % 180)},
                     {"number", static_cast<double>(random_() % 1000) / 10}});
    }
    const double begin = Now();
    for (const Event* event : log.events()) engine->Observe(*event);
    engine->TakeDetections();
    return Now() - begin;
  }

  void Restart(const Engine& engine, Result* result) {
    const std::vector<StateChange> rows = engine.AllState();
    double bytes = 0;
    for (const StateChange& row : rows) {
      bytes += static_cast<double>(row.group.size() + row.blob.size());
    }
    result->row_bytes = bytes / static_cast<double>(result->groups);
    const double begin = Now();
    auto restored = Engine::Create(capped_);
    for (const StateChange& row : rows) {
      if (!restored->RestoreRow(row.owner, row.group, row.blob).ok()) abort();
    }
    restored->FinishRestore(now_);
    result->restart_ms = (Now() - begin) * 1e3;
  }

  const Type& type_;
  const int groups_;
  const int measured_;  // events
  const std::shared_ptr<const RuleSet> rules_;
  const std::shared_ptr<const RuleSet> capped_;
  std::mt19937 random_;
  EventTime now_ = kStart;
};

void Print(const Result& r, bool json, bool first) {
  if (json) {
    std::printf(
        "%s{\"type\":\"%s\",\"groups\":%lld,\"event_ns\":%.0f,"
        "\"group_bytes\":%.0f,\"resident_bytes\":%.0f,\"row_bytes\":%.0f,"
        "\"commit_rows\":%lld,"
        "\"commit_ms\":%.2f,\"restart_ms\":%.1f}",
        first ? "[" : ",\n", r.type.c_str(), static_cast<long long>(r.groups),
        r.event_ns, r.group_bytes, r.resident_bytes, r.row_bytes,
        static_cast<long long>(r.commit_rows), r.commit_ms, r.restart_ms);
  } else {
    if (first) {
      std::printf("%-20s %9s %9s %12s %10s %10s %12s %10s %11s\n", "type",
                  "groups", "ns/event", "bytes/group", "resident", "row bytes",
                  "commit rows", "commit ms", "restart ms");
    }
    std::printf("%-20s %9lld %9.0f %12.0f %10.0f %10.0f %12lld %10.2f %11.1f\n",
                r.type.c_str(), static_cast<long long>(r.groups), r.event_ns,
                r.group_bytes, r.resident_bytes, r.row_bytes,
                static_cast<long long>(r.commit_rows), r.commit_ms,
                r.restart_ms);
  }
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  bool json = false;
  bool quick = false;
  std::vector<int> sizes;
  std::vector<std::string> wanted;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[i], "--quick") == 0) {
      quick = true;
    } else if (std::strcmp(argv[i], "--groups") == 0 && i + 1 < argc) {
      sizes.push_back(std::atoi(argv[++i]));
    } else {
      wanted.push_back(argv[i]);
    }
  }
  if (sizes.empty()) {
    sizes = {1'000, 100'000};
    if (!quick) sizes.push_back(1'000'000);
  }
  bool first = true;
  for (const Type& type : kTypes) {
    if (!wanted.empty() &&
        std::find(wanted.begin(), wanted.end(), type.name) == wanted.end()) {
      continue;
    }
    for (int groups : sizes) {
      if (groups > type.max_groups) continue;
      const int measured = quick ? kMeasuredQuickly : kMeasured;
      Print(Run(type, groups, measured).Measure(), json, first);
      first = false;
    }
  }
  if (json) std::printf("%s]\n", first ? "[" : "");
  return 0;
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::Main(argc, argv); }
