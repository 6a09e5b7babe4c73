// The promise of the data path: where pages end, when commits happen and how
// often the process dies changes no alert.

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/alert_builder.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/source_worker.h"
#include "daemon/core/time.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/redactor.h"
#include "daemon/rules/compiler.h"
#include "gtest/gtest.h"
#include "tests/integration/memory_source.h"

namespace keywatch {
namespace {

constexpr char kRules[] = R"(
title: Denied
name: denied
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: [401, 403]}
    condition: selection
---
title: Sensitive read
name: sensitive
level: high
logsource: {product: stripe, service: api}
detection:
    selection: {url.path|startswith: /v1/identity/}
    condition: selection
---
title: Any request
name: any_request
logsource: {product: stripe, service: api}
detection:
    selection: {api.key.id|startswith: rk_}
    condition: selection
---
title: Many denied requests
name: many_denied
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 60s
    condition: {gte: 5}
---
title: Many denied paths
name: many_paths
correlation:
    type: value_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 2m
    condition: {field: url.path, gte: 4}
---
title: Denied, then sensitive
name: denied_then_sensitive
correlation:
    type: temporal_ordered
    rules: [denied, sensitive]
    group-by: [api.key.id]
    timespan: 30s
---
title: New network
name: new_network
anomaly:
    type: new_term
    rules: [any_request]
    group-by: [api.key.id]
    field: [source.as.number]
    baseline: {history: 1d, min-history: 2m, min-events: 10}
---
title: Awake
name: awake
anomaly:
    type: dormant
    rules: [any_request]
    group-by: [api.key.id]
    condition: {field: idle, gte: 3m}
)";

std::shared_ptr<const RuleSet> Rules() {
  static const CompileResult* result = [] {
    auto* compiled = new CompileResult(
        CompileRuleTexts({{"rules.yml", kRules}}, CompileOptions()));
    EXPECT_NE(compiled->rules, nullptr) << FormatIssues(compiled->issues);
    return compiled;
  }();
  return result->rules;
}

std::string Line(EventTime time_ms, int id, int key, int status,
                 const std::string& path, int network) {
  return absl::StrCat("{\"@timestamp\":\"", FormatTime(time_ms),
                      "\",\"event\":{\"id\":\"req_", id,
                      "\"},\"api\":{\"key\":{\"id\":\"rk_", key,
                      "\"}},\"http\":{\"response\":{\"status_code\":", status,
                      "}},\"url\":{\"path\":\"", path,
                      "\"},\"source\":{\"as\":{\"number\":", network, "}}}");
}

// Requests of a few keys over half an hour: bursts, silences, new networks,
// duplicates, garbage, and disorder of at most `jitter_ms`. When `blind`, half of
// the silences are nothing but garbage.
std::vector<std::string> RandomLines(int count, int64_t jitter_ms, int first_id,
                                     std::mt19937* rnd, bool blind = false) {
  auto below = [rnd](int n) {
    return static_cast<int>((*rnd)() % static_cast<uint32_t>(n));
  };
  std::vector<std::string> lines;
  const std::string garbage = "{\"@timestamp\": broken";
  EventTime now = 1'767'571'200'000;
  for (int i = 0; i < count; ++i) {
    const bool silence = below(100) < 2;
    now += silence ? 240'000 : below(3'000);
    if (blind && silence && below(2) == 0)
      lines.insert(lines.end(), 5, garbage);
    const int id = below(20) == 0 && i > 0 ? first_id + below(i) : first_id + i;
    const EventTime time =
        now - (jitter_ms > 0 ? below(static_cast<int>(jitter_ms)) : 0);
    if (below(40) == 0) {
      lines.push_back(garbage);
      continue;
    }
    const bool sensitive = below(6) == 0;
    lines.push_back(Line(time, id, below(3), below(3) == 0 ? 403 : 200,
                         sensitive ? "/v1/identity/verification_sessions"
                                   : absl::StrCat("/v1/path/", below(8)),
                         below(60) == 0 ? 64500 + below(20) : 64500));
  }
  return lines;
}

// What survives a kill: the last commit, as a store would keep it.
struct Saved {
  PartitionState partition;
  std::map<std::pair<std::string, std::string>, StreamCursor> cursors;
  std::map<std::pair<std::string, std::string>, std::string> state;
  std::map<std::string, PendingRecord> pending;
  std::map<std::string, Alert> alerts;
  std::map<std::string, KeyProfile> profiles;
  std::map<std::string, int64_t> totals;

  void Apply(const CheckpointBatch& batch) {
    partition.watermark_ms = batch.watermark_ms;
    for (const StreamCursor& cursor : batch.cursors) {
      const auto key = std::make_pair(cursor.source.str(), cursor.stream);
      if (cursor.ended) {
        cursors.erase(key);
      } else {
        cursors[key] = cursor;
      }
    }
    for (const StateRow& row : batch.state) {
      if (row.erased) {
        state.erase({row.owner, row.group});
      } else {
        state[{row.owner, row.group}] = row.blob;
      }
    }
    for (const PendingRecord& record : batch.pending) {
      if (record.erased) {
        pending.erase(record.id);
      } else {
        pending[record.id] = record;
      }
    }
    for (const AlertUpsert& upsert : batch.alerts) {
      alerts[upsert.alert.id.str()] = upsert.alert;
    }
    for (const KeyProfile& profile : batch.profiles) {
      profiles[profile.key.str()] = profile;
    }
    for (const auto& seen : batch.seen_ids) partition.seen_ids.push_back(seen);
    for (const SourceTotals& t : batch.totals) {
      totals["records"] += t.records;
      totals["events"] += t.events;
      totals["late"] += t.late;
      totals["duplicates"] += t.duplicates;
      totals["rejected"] += t.rejected;
    }
  }
};

struct World {
  std::vector<MemoryStreams> sources;
  bool rereadable = true;
  absl::Duration lateness = absl::Seconds(10);
};

struct Running {
  std::unique_ptr<Pipeline> pipeline;
  std::vector<std::unique_ptr<SourceWorker>> workers;
};

const Redactor& TestRedactor() {
  static const Redactor* redactor = new Redactor(Secret("pepper"));
  return *redactor;
}

Running StartFrom(const World& world, const Saved& saved, size_t page_lines) {
  Running out;
  std::shared_ptr<const RuleSet> rules = Rules();
  std::vector<PipelineSource> specs;
  for (size_t i = 0; i < world.sources.size(); ++i) {
    PipelineSource spec;
    spec.id = SourceId(absl::StrCat("source", i));
    spec.allowed_lateness = world.lateness;
    spec.rereadable = world.rereadable;
    specs.push_back(spec);
  }
  Pipeline::Options options;
  options.load_profile =
      [&saved](const KeyId& key) -> absl::optional<KeyProfile> {
    auto it = saved.profiles.find(key.str());
    if (it == saved.profiles.end()) return absl::nullopt;
    return it->second;
  };
  out.pipeline =
      std::make_unique<Pipeline>(rules, std::move(specs), std::move(options));
  for (const auto& [key, blob] : saved.state) {
    if (key.first == CoverageLedger::kOwner) {
      out.pipeline->RestoreCoverage(key.second, blob);
      continue;
    }
    EXPECT_TRUE(
        out.pipeline->engine().RestoreRow(key.first, key.second, blob).ok())
        << key.first;
  }
  out.pipeline->RestorePartition(saved.partition);
  for (size_t i = 0; i < world.sources.size(); ++i) {
    SourceWorker::Options worker;
    worker.index = static_cast<uint32_t>(i);
    worker.id = SourceId(absl::StrCat("source", i));
    worker.decoder.keep_raw = !world.rereadable;
    std::vector<StreamCursor> cursors;
    for (const auto& [key, cursor] : saved.cursors) {
      if (key.first == worker.id.str()) cursors.push_back(cursor);
    }
    const SourceId id = worker.id;
    out.workers.push_back(std::make_unique<SourceWorker>(
        std::move(worker),
        std::make_unique<MemorySource>(&world.sources[i], page_lines,
                                       world.rereadable),
        *Format::Shipped("keywatch"), rules, &TestRedactor(), cursors));
    auto batch = std::make_shared<EventBatch>();
    for (const auto& [event, record] : saved.pending) {
      if (record.source == id) {
        out.workers.back()->DecodePending(record.record, batch.get());
      }
    }
    out.pipeline->RestorePending(static_cast<uint32_t>(i), batch);
  }
  return out;
}

// Reads everything. Each step may commit, and may be the last one of its
// process: what was not committed is gone then.
Saved RunWorld(const World& world, int commit_percent, int kill_percent,
               size_t max_page, uint32_t seed, int* kills) {
  std::mt19937 rnd(seed);
  auto percent = [&rnd](int p) { return static_cast<int>(rnd() % 100) < p; };
  Saved saved;
  *kills = 0;
  auto to_alert = [](const Detection& detection) {
    static const std::shared_ptr<const RuleSet> rules = Rules();
    return BuildAlert(*rules, detection, {});
  };
  while (true) {
    const size_t page = 1 + rnd() % max_page;
    const Saved before = saved;
    Running running = StartFrom(world, before, page);
    std::vector<bool> finished(world.sources.size(), false);
    bool killed = false;
    while (!killed) {
      bool all = true;
      for (size_t i = 0; i < running.workers.size(); ++i) {
        if (finished[i] || percent(30)) {
          all = all && finished[i];
          continue;
        }
        all = false;
        absl::StatusOr<DecodedPage> next =
            running.workers[i]->Next(absl::InfinitePast());
        EXPECT_TRUE(next.ok()) << next.status();
        if (!next->more) {
          finished[i] = true;
          continue;
        }
        running.pipeline->Take(*std::move(next));
      }
      if (percent(50)) running.pipeline->Release();
      if (percent(commit_percent)) {
        saved.Apply(running.pipeline->TakeCheckpoint(to_alert, 0));
      }
      if (all) break;
      killed = percent(kill_percent);
    }
    if (killed) {
      ++*kills;
      continue;
    }
    for (size_t i = 0; i < world.sources.size(); ++i) {
      running.pipeline->Finish(static_cast<uint32_t>(i));
    }
    running.pipeline->ReleaseAll(running.pipeline->newest() + 3'600'000);
    saved.Apply(running.pipeline->TakeCheckpoint(to_alert, 0));
    return saved;
  }
}

std::map<std::string, std::string> Facts(const Saved& saved) {
  std::map<std::string, std::string> out;
  for (const auto& [id, alert] : saved.alerts) {
    std::string text = absl::StrCat(
        alert.rule_name, " ", alert.key.str(), " ", alert.count, " ",
        FormatTime(alert.first_fire_ms), " ", FormatTime(alert.first_event_ms),
        " ", FormatTime(alert.last_event_ms), " ", alert.ended_ms, " ",
        alert.late_events, " ", alert.explanation);
    for (const Evidence& evidence : alert.evidence) {
      absl::StrAppend(&text, " ", evidence.event_id, "@", evidence.time_ms);
      for (const auto& [name, value] : evidence.fields) {
        absl::StrAppend(&text, " ", name, "=", value);
      }
    }
    out[id] = text;
  }
  for (const auto& [key, profile] : saved.profiles) {
    out["profile " + key] =
        absl::StrCat(profile.requests, " ", profile.denied, " ",
                     profile.first_seen_ms, " ", profile.last_seen_ms);
  }
  for (const auto& [name, total] : saved.totals) {
    out["total " + name] = absl::StrCat(total);
  }
  return out;
}

// What differs, a line each.
std::string Difference(const std::map<std::string, std::string>& expected,
                       const std::map<std::string, std::string>& actual) {
  std::string out;
  for (const auto& [id, fact] : expected) {
    auto it = actual.find(id);
    if (it == actual.end()) {
      absl::StrAppend(&out, "lost   ", id, " ", fact, "\n");
    } else if (it->second != fact) {
      absl::StrAppend(&out, "before ", id, " ", fact, "\nafter  ", id, " ",
                      it->second, "\n");
    }
  }
  for (const auto& [id, fact] : actual) {
    if (expected.count(id) == 0) {
      absl::StrAppend(&out, "extra  ", id, " ", fact, "\n");
    }
  }
  return out;
}

// Gives the facts of the undisturbed run.
std::map<std::string, std::string> ExpectSameWithKills(
    const World& world, uint32_t seed, uint32_t least_page = 5) {
  int kills = 0;
  const auto undisturbed = Facts(RunWorld(world, 10, 0, 500, seed, &kills));
  EXPECT_EQ(kills, 0);
  int alerts = 0;
  for (const auto& [id, fact] : undisturbed) alerts += id.size() == 32;
  EXPECT_GT(alerts, 5) << "the log should raise alerts";
  int total_kills = 0;
  for (uint32_t run = 0; run < 4; ++run) {
    const auto disturbed = Facts(RunWorld(world, 30, 4, least_page + run * 20,
                                          seed * 100 + run, &kills));
    total_kills += kills;
    EXPECT_EQ(Difference(undisturbed, disturbed), "")
        << "seed " << seed << " run " << run;
  }
  EXPECT_GT(total_kills, 0);
  return undisturbed;
}

TEST(PipelineRestart, SameAlertsWhenKilledWhileFollowingOneStream) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    std::mt19937 rnd(seed);
    World world;
    world.sources.resize(1);
    world.sources[0].streams = {RandomLines(1200, 9'000, 0, &rnd)};
    ExpectSameWithKills(world, seed);
  }
}

// It was blind in the runs whose pages happened to hold nothing but garbage, and
// forgot that it was when it was killed before the next event.
TEST(PipelineRestart, WhereTheSourceWasBlindIsTheSameWhereverPagesEnd) {
  int blind = 0;
  for (uint32_t seed = 21; seed <= 24; ++seed) {
    std::mt19937 rnd(seed);
    World world;
    world.sources.resize(1);
    world.sources[0].streams = {RandomLines(600, 9'000, 0, &rnd, true)};
    for (const auto& [id, fact] : ExpectSameWithKills(world, seed, 1)) {
      blind += absl::StrContains(fact, "a source was blind for");
    }
  }
  EXPECT_GT(blind, 2);
}

TEST(PipelineRestart, SameAlertsWhenSomeEventsAreLate) {
  std::mt19937 rnd(7);
  World world;
  world.lateness = absl::Seconds(3);
  world.sources.resize(1);
  world.sources[0].streams = {RandomLines(1200, 9'000, 0, &rnd)};
  ExpectSameWithKills(world, 7);
}

TEST(PipelineRestart, SameAlertsWithoutAnyLateness) {
  std::mt19937 rnd(8);
  World world;
  world.lateness = absl::ZeroDuration();
  world.sources.resize(1);
  world.sources[0].streams = {RandomLines(1200, 0, 0, &rnd)};
  ExpectSameWithKills(world, 8);
}

TEST(PipelineRestart, SameAlertsWhenTheSourceCannotBeReadAgain) {
  std::mt19937 rnd(9);
  World world;
  world.rereadable = false;
  world.sources.resize(1);
  world.sources[0].streams = {RandomLines(1200, 9'000, 0, &rnd)};
  ExpectSameWithKills(world, 9);
}

// The record of one overwrote that of the other, so a restart counted one event
// for another.
TEST(PipelineRestart, EventsOfOneIdAndDifferentTimesWaitSideBySide) {
  World world;
  world.rereadable = false;
  world.lateness = absl::Hours(1);
  world.sources.resize(1);
  world.sources[0].streams.resize(1);
  for (int i = 0; i < 8; ++i) {
    world.sources[0].streams[0].push_back(
        Line(1'767'571'200'000 + i * 1000, 7, 1, 403, "/v1/path", 64500));
  }
  int kills = 0;
  const Saved saved = RunWorld(world, 100, 30, 2, 3, &kills);
  EXPECT_GT(kills, 0);
  EXPECT_EQ(saved.profiles.at("rk_1").requests, 8);
  EXPECT_TRUE(saved.pending.empty());
}

TEST(PipelineRestart, NothingIsReadTwiceFromSourcesThatRunApart) {
  std::mt19937 rnd(10);
  World world;
  // Wide enough that no interleaving of the sources makes an event late.
  world.lateness = absl::Hours(10);
  world.sources.resize(2);
  world.sources[0].streams = {RandomLines(500, 5'000, 0, &rnd),
                              RandomLines(300, 5'000, 10'000, &rnd)};
  world.sources[1].streams = {RandomLines(500, 5'000, 20'000, &rnd)};
  // All of it waits to the end, so a run must get far without a kill.
  ExpectSameWithKills(world, 10, 150);
}

}  // namespace
}  // namespace keywatch
