// What an event costs the engine, by kind of rule and number of groups, and how
// many bytes a group takes: in memory and as a row of the store.
//
//   bazel run //daemon/engine:engine_benchmark -- --benchmark_filter=...
#include <malloc.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "daemon/engine/engine_fixture.h"

namespace keywatch {
namespace {

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

struct Kind {
  const char* name;
  const char* rule;
};

// Thresholds that nobody crosses: the cost is that of watching.
constexpr Kind kKinds[] = {
    {"unmatched", "detection: {sel: {kind: nothing}, condition: sel}"},
    {"event_count",
     "correlation: {type: event_count, rules: [any], group-by: [api.key.id], "
     "timespan: 60s, condition: {gte: 300}}"},
    {"value_count",
     "correlation: {type: value_count, rules: [any], group-by: [api.key.id], "
     "timespan: 60s, condition: {field: url.path, gte: 200}}"},
    {"temporal",
     "correlation: {type: temporal, rules: [any, bad], group-by: [api.key.id], "
     "timespan: 60s}"},
    {"temporal_ordered",
     "correlation: {type: temporal_ordered, rules: [any, bad], group-by: "
     "[api.key.id], timespan: 60s}"},
    {"value_avg",
     "correlation: {type: value_avg, rules: [any], group-by: [api.key.id], "
     "timespan: 60s, condition: {field: number, gte: 1000}}"},
    {"value_percentile",
     "correlation: {type: value_percentile, rules: [any], group-by: "
     "[api.key.id], timespan: 60s, condition: {field: number, percentile: 95, "
     "gte: 1000}}"},
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
    {"ratio",
     "anomaly: {type: ratio, numerator: bad, denominator: any, group-by: "
     "[api.key.id], timespan: 5m, condition: {field: ratio, gt: 0.9}, floor: "
     "{denominator: 1000}}"},
    {"dormant",
     "anomaly: {type: dormant, rules: [any], group-by: [api.key.id], "
     "condition: {field: idle, gte: 30d}}"},
    {"absence",
     "anomaly: {type: absence, rules: [any], group-by: [api.key.id], every: "
     "26h}"},
};

// The five correlations of the peers' comparison, over one group-by.
constexpr char kFive[] = R"(
title: b403
name: b403
detection: {sel: {http.response.status_code: 403}, condition: sel}
---
title: bany
name: bany
detection: {sel: {kind: a}, condition: sel}
---
title: bsens
name: bsens
detection: {sel: {bad: 1}, condition: sel}
---
title: c1
name: c1
correlation: {type: event_count, rules: [b403], group-by: [api.key.id], timespan: 60s, condition: {gte: 10}}
---
title: c2
name: c2
correlation: {type: value_count, rules: [bany], group-by: [api.key.id], timespan: 60s, condition: {field: url.path, gte: 100}}
---
title: c3
name: c3
correlation: {type: event_count, rules: [bany], group-by: [api.key.id], timespan: 10s, condition: {gte: 300}}
---
title: c4
name: c4
correlation: {type: event_count, rules: [bsens], group-by: [api.key.id], timespan: 60s, condition: {gte: 20}}
---
title: c6
name: c6
correlation: {type: value_count, rules: [bany], group-by: [api.key.id], timespan: 300s, condition: {field: source.ip, gte: 3}}
)";

// `groups` keys in random order, 100 events a second in all.
std::unique_ptr<TestLog> MakeLog(const std::shared_ptr<const RuleSet>& rules,
                                 int groups) {
  constexpr int kEvents = 200'000;
  auto log = std::make_unique<TestLog>(rules);
  std::mt19937 random(1);
  for (int i = 0; i < kEvents; ++i) {
    const unsigned key = random() % static_cast<unsigned>(groups);
    log->Add(kStart + i * 10,
             {{"kind", "a"},
              {"bad", random() % 300 == 0 ? 1 : 0},
              {"http.response.status_code", random() % 100 == 0 ? 403 : 200},
              {"api.key.id", absl::StrCat("mk_1Abcdefghijklmnop", key)},
              {"url.path", absl::StrCat("/v1/things/", random() % 40)},
              {"source.ip", absl::StrCat("10.0.0.", key % 250)},
              {"network", absl::StrCat("AS", key % 4)},
              {"number", static_cast<double>(random() % 1000) / 10}});
  }
  return log;
}

size_t Allocated() { return mallinfo2().uordblks; }

// Goes through the log again and again, each time later.
void MeasureObserve(benchmark::State& state, const std::string& yaml) {
  const auto groups = static_cast<int>(state.range(0));
  auto rules = WithCap(CompileOrDie(yaml), 2'000'000);
  auto log = MakeLog(rules, groups);
  const size_t before = Allocated();
  auto engine = Engine::Create(rules);
  for (const Event* event : log->events()) engine->Observe(*event);
  size_t rows = 0;
  size_t row_bytes = 0;
  for (const StateChange& row : engine->AllState()) {
    ++rows;
    row_bytes += row.blob.size();
  }
  const int64_t held = engine->stats().groups.back();
  state.counters["groups"] = static_cast<double>(held);
  if (held > 0) {
    state.counters["bytes/group"] =
        static_cast<double>(Allocated() - before) / static_cast<double>(held);
    state.counters["row bytes"] =
        static_cast<double>(row_bytes) / static_cast<double>(rows);
  }
  engine->TakeDirtyState();
  size_t next = 0;
  EventTime shift = 0;
  const EventTime length =
      log->events().back()->time_ms - log->events().front()->time_ms + 10;
  for (auto _ : state) {
    if (next == 0) shift += length;
    Event event = *log->events()[next];
    event.time_ms += shift;
    engine->Observe(event);
    if (++next == log->events().size()) {
      next = 0;
      state.PauseTiming();
      engine->TakeDirtyState();
      engine->TakeDetections();
      state.ResumeTiming();
    }
  }
  state.SetItemsProcessed(state.iterations());
}

void MeasureCommit(benchmark::State& state) {
  const auto groups = static_cast<int>(state.range(0));
  auto rules = WithCap(CompileOrDie(kFive), 2'000'000);
  auto log = MakeLog(rules, groups);
  int64_t rows = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto engine = Engine::Create(rules);
    for (const Event* event : log->events()) engine->Observe(*event);
    state.ResumeTiming();
    rows += static_cast<int64_t>(engine->TakeDirtyState().size());
  }
  state.SetItemsProcessed(rows);
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) {
  for (const auto& kind : keywatch::kKinds) {
    benchmark::RegisterBenchmark(
        absl::StrCat("Observe/", kind.name).c_str(),
        [kind](benchmark::State& state) {
          keywatch::MeasureObserve(
              state, absl::StrCat(keywatch::kBase, kind.rule, "\n"));
        })
        ->Arg(1'000)
        ->Arg(100'000);
  }
  benchmark::RegisterBenchmark("Observe/five correlations",
                               [](benchmark::State& state) {
                                 keywatch::MeasureObserve(state,
                                                          keywatch::kFive);
                               })
      ->Arg(1'000)
      ->Arg(10'000)
      ->Arg(100'000)
      ->Arg(1'000'000);
  benchmark::RegisterBenchmark("TakeDirtyState", keywatch::MeasureCommit)
      ->Arg(10'000)
      ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
