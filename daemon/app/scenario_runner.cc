#include "daemon/app/scenario_runner.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/app/alert_builder.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/restore.h"
#include "daemon/app/scenario_log.h"
#include "daemon/core/time.h"
#include "daemon/store/sqlite_store.h"

namespace keywatch {
namespace {

constexpr char kPartition[] = "scenario";
constexpr int64_t kPage = 500;
constexpr int64_t kEventsPerCommit = 10'000;
// Of what is done, so much is lost by a restart, as by one of the daemon.
constexpr int64_t kCommitBeforeRestartMs = 1000;
constexpr size_t kNearestShown = 5;

std::string Offset(int64_t ms) {
  return keywatch::FormatDuration(absl::Milliseconds(ms));
}

// A directory that goes away with its owner.
class TemporaryDirectory {
 public:
  ~TemporaryDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  absl::Status Create() {
    std::error_code error;
    const auto base = std::filesystem::temp_directory_path(error);
    std::string pattern = (base / "keywatch-scenario-XXXXXX").string();
    if (error || mkdtemp(&pattern[0]) == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("cannot make a directory like ", pattern));
    }
    path_ = pattern;
    return absl::OkStatus();
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The newest snapshot of every alert.
class AlertBook {
 public:
  void Take(Detection detection) {
    auto [it, inserted] =
        index_.try_emplace(detection.id.str(), alerts_.size());
    if (inserted) {
      alerts_.push_back(std::move(detection));
    } else {
      alerts_[it->second] = std::move(detection);
    }
  }
  const std::vector<Detection>& alerts() const { return alerts_; }

 private:
  std::vector<Detection> alerts_;
  absl::flat_hash_map<std::string, size_t> index_;
};

bool Concerns(const ScenarioExpectation& expectation, const Detection& alert) {
  if (alert.rule != expectation.rule) return false;
  if (!expectation.key.empty() && alert.key.str() != expectation.key) {
    return false;
  }
  for (const auto& wanted : expectation.group) {
    if (std::find(alert.group.begin(), alert.group.end(), wanted) ==
        alert.group.end()) {
      return false;
    }
  }
  return true;
}

// What the story does besides reading: at one instant in this order.
struct Step {
  enum class Kind { kGapBegin, kGapEnd, kCommit, kCheck, kRestart };
  int64_t at_ms;
  Kind kind;
  size_t index;
};

class ScenarioRun {
 public:
  ScenarioRun(const Scenario& scenario, const ScenarioTest& test,
              const std::function<void(int64_t, int64_t)>& progress)
      : scenario_(scenario),
        rules_(*scenario.rules),
        test_(test),
        progress_(progress),
        log_(scenario, test),
        lateness_ms_(absl::ToInt64Milliseconds(scenario.allowed_lateness)),
        // As in the daemon: an event within its lateness may still be on its
        // way.
        idle_ms_(absl::ToInt64Milliseconds(
            std::max(scenario.idle_timeout, scenario.allowed_lateness))),
        matches_(rules_.rules().size(), 0) {}

  absl::StatusOr<ScenarioOutcome> Run() {
    absl::Status status = Begin();
    for (const Step& step : Steps()) {
      if (status.ok()) status = ReadUntil(step.at_ms);
      if (!status.ok()) break;
      switch (step.kind) {
        case Step::Kind::kGapBegin:
          status = BeginGap(step.at_ms);
          break;
        case Step::Kind::kGapEnd:
          status = EndGap(test_.gaps[step.index]);
          break;
        case Step::Kind::kCommit:
          status = Commit();
          break;
        case Step::Kind::kCheck:
          Check(test_.expect[step.index]);
          break;
        case Step::Kind::kRestart:
          status = Restart(step.at_ms);
          break;
      }
    }
    if (status.ok()) status = End();
    if (!status.ok()) return status;
    for (const ScenarioExpectation& expectation : test_.expect) {
      if (!expectation.at_ms) Check(expectation);
    }
    Explain();
    outcome_.alerts = book_.alerts();
    std::sort(outcome_.alerts.begin(), outcome_.alerts.end(),
              [](const Detection& a, const Detection& b) {
                return std::tie(a.first_fire_ms, a.rule, a.group) <
                       std::tie(b.first_fire_ms, b.rule, b.group);
              });
    outcome_.events = log_.size();
    return std::move(outcome_);
  }

 private:
  bool durable() const { return !test_.restart_at_ms.empty(); }

  std::vector<Step> Steps() const {
    std::vector<Step> steps;
    for (size_t i = 0; i < test_.expect.size(); ++i) {
      if (!test_.expect[i].at_ms) continue;
      steps.push_back({*test_.expect[i].at_ms, Step::Kind::kCheck, i});
    }
    for (size_t i = 0; i < test_.gaps.size(); ++i) {
      steps.push_back({test_.gaps[i].from_ms, Step::Kind::kGapBegin, i});
      steps.push_back({test_.gaps[i].to_ms, Step::Kind::kGapEnd, i});
    }
    for (size_t i = 0; i < test_.restart_at_ms.size(); ++i) {
      const int64_t at = test_.restart_at_ms[i];
      steps.push_back({at, Step::Kind::kRestart, i});
      steps.push_back({std::max(int64_t{0}, at - kCommitBeforeRestartMs),
                       Step::Kind::kCommit, i});
    }
    std::stable_sort(
        steps.begin(), steps.end(), [](const Step& a, const Step& b) {
          return std::tie(a.at_ms, a.kind) < std::tie(b.at_ms, b.kind);
        });
    return steps;
  }

  void NewPipeline() {
    PipelineSource source;
    source.id = SourceId("scenario");
    source.allowed_lateness = scenario_.allowed_lateness;
    Pipeline::Options options;
    options.key_profiles = false;
    std::vector<PipelineSource> sources;
    sources.push_back(std::move(source));
    pipeline_ = std::make_unique<Pipeline>(scenario_.rules, std::move(sources),
                                           std::move(options));
  }

  absl::Status Begin() {
    NewPipeline();
    if (!durable()) return absl::OkStatus();
    absl::Status made = directory_.Create();
    return made.ok() ? OpenStore() : made;
  }

  absl::Status OpenStore() {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    absl::StatusOr<PartitionState> state = RestorePipeline(
        store_.get(), kPartition, "scenario", {}, pipeline_.get(), nullptr);
    if (!state.ok()) return state.status();
    epoch_ = state->epoch;
    next_ = 0;
    read_before_ = 0;
    for (const StreamCursor& cursor : state->cursors) {
      next_ = cursor.position;
      read_before_ = cursor.read;
    }
    return absl::OkStatus();
  }

  // What a kill loses is lost: the store alone remembers.
  absl::Status Restart(int64_t now) {
    CountMatches();
    pipeline_.reset();
    store_.reset();
    NewPipeline();
    last_arrival_ = now;
    return OpenStore();
  }

  absl::Status ReadUntil(int64_t now) {
    while (next_ < log_.size() && log_.arrives_ms(next_) <= now) {
      const int64_t first = log_.arrives_ms(next_);
      if (first - last_arrival_ >= idle_ms_) {
        absl::Status quiet = BeQuietUntil(first);
        if (!quiet.ok()) return quiet;
      }
      int64_t end = next_ + 1;
      while (end < log_.size() && end - next_ < kPage &&
             log_.arrives_ms(end) <= now &&
             log_.arrives_ms(end) - log_.arrives_ms(end - 1) < idle_ms_) {
        ++end;
      }
      last_arrival_ = std::max(last_arrival_, log_.arrives_ms(end - 1));
      DecodedPage page = log_.Read(next_, end, read_before_);
      pipeline_->Take(std::move(page));
      uncommitted_ += end - next_;
      next_ = end;
      absl::Status settled = Settle();
      if (!settled.ok()) return settled;
      if (progress_) progress_(next_, log_.size());
    }
    return now - last_arrival_ >= idle_ms_ ? BeQuietUntil(now)
                                           : absl::OkStatus();
  }

  // Time goes on without events. A source that is blind is not quiet.
  absl::Status BeQuietUntil(int64_t now) {
    pipeline_->AdvanceIdle(
        0, scenario_.start + (open_gaps_ > 0 ? blind_since_ms_ : now));
    return Settle();
  }

  absl::Status BeginGap(int64_t from_ms) {
    absl::Status status = BeQuietUntil(from_ms);
    pipeline_->CaughtUp(0, scenario_.start + from_ms);
    if (open_gaps_++ == 0) blind_since_ms_ = from_ms;
    return status;
  }

  // A gap is known once it has ended.
  absl::Status EndGap(const ScenarioGap& gap) {
    --open_gaps_;
    pipeline_->AdvanceBlind(0, scenario_.start + gap.from_ms,
                            scenario_.start + gap.to_ms);
    return durable() ? Commit() : Settle();
  }

  absl::Status Settle() {
    pipeline_->Release();
    if (!durable()) {
      for (Detection& alert : pipeline_->TakeDetections()) {
        book_.Take(std::move(alert));
      }
      return absl::OkStatus();
    }
    return pipeline_->WantsCommit() || uncommitted_ >= kEventsPerCommit
               ? Commit()
               : absl::OkStatus();
  }

  absl::Status Commit() {
    std::vector<Detection> alerts;
    const CheckpointBatch batch = pipeline_->TakeCheckpoint(
        [&](const Detection& detection) {
          alerts.push_back(detection);
          return BuildAlert(rules_, detection, {});
        },
        scenario_.start + last_arrival_);
    absl::Status committed = store_->Checkpoint(kPartition, epoch_, batch);
    if (!committed.ok()) return committed;
    for (Detection& alert : alerts) book_.Take(std::move(alert));
    uncommitted_ = 0;
    return absl::OkStatus();
  }

  absl::Status End() {
    absl::Status status = ReadUntil(test_.end_ms);
    if (!status.ok()) return status;
    // The log stays quiet: everything that waits is judged.
    status = BeQuietUntil(test_.end_ms + lateness_ms_ + 1);
    if (status.ok() && durable()) status = Commit();
    CountMatches();
    return status.ok() && durable() ? CompareWithStore() : status;
  }

  // What the pipelines said one after the other is what the store holds.
  absl::Status CompareWithStore() {
    size_t stored = 0;
    AlertFilter filter;
    filter.limit = 1000;
    do {
      absl::StatusOr<AlertPage> page = store_->ListAlerts(filter);
      if (!page.ok()) return page.status();
      stored += page->alerts.size();
      filter.page_token = page->next_page_token;
    } while (!filter.page_token.empty());
    if (stored == book_.alerts().size()) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("the store holds ", stored,
                                            " alerts, raised were ",
                                            book_.alerts().size()));
  }

  void CountMatches() {
    const EngineStats& stats = pipeline_->stats();
    for (size_t i = 0; i < matches_.size(); ++i) {
      matches_[i] += stats.matches[i];
    }
  }

  void Check(const ScenarioExpectation& expectation) {
    const auto got = std::count_if(
        book_.alerts().begin(), book_.alerts().end(),
        [&](const Detection& alert) { return Concerns(expectation, alert); });
    if (got == expectation.count) return;
    outcome_.failures.push_back({expectation, got, ""});
  }

  // With the whole story known, so that an alert that came later is shown, too.
  void Explain() {
    for (ScenarioFailure& failure : outcome_.failures) {
      failure.message = Message(failure);
    }
  }

  std::string Message(const ScenarioFailure& failure) const {
    const ScenarioExpectation& expectation = failure.expectation;
    const Rule& rule = rules_.rule(expectation.rule);
    std::string out = absl::StrCat(
        scenario_.file, ":", expectation.line, ":", expectation.column,
        ": expected ", expectation.count,
        expectation.count == 1 ? " alert of " : " alerts of ", rule.name);
    if (!expectation.key.empty()) {
      absl::StrAppend(&out, " for key ", expectation.key);
    }
    for (const auto& [name, value] : expectation.group) {
      absl::StrAppend(&out, " for ", name, " ", value);
    }
    absl::StrAppend(&out,
                    expectation.at_ms
                        ? absl::StrCat(" at ", Offset(*expectation.at_ms))
                        : " in all",
                    ", got ", failure.got);
    std::vector<const Detection*> nearest = Nearest(expectation);
    if (nearest.empty()) {
      absl::StrAppend(&out, "\nit raised none in the whole test; ",
                      rule.stateful() ? "it had " : "it matched ",
                      matches_[expectation.rule],
                      rule.stateful() ? " signals" : " events");
      for (const uint32_t input : rule.inputs) {
        absl::StrAppend(&out, "\n  its input ", rules_.rule(input).name,
                        " matched ", matches_[input]);
      }
    } else {
      out += "\nits alerts in the whole test, the nearest first:";
    }
    for (const Detection* alert : nearest) {
      absl::StrAppend(&out, "\n  ", Describe(*alert));
    }
    return out;
  }

  std::vector<const Detection*> Nearest(
      const ScenarioExpectation& expectation) const {
    std::vector<const Detection*> found;
    for (const Detection& alert : book_.alerts()) {
      if (alert.rule == expectation.rule) found.push_back(&alert);
    }
    const EventTime at = scenario_.start + expectation.at_ms.value_or(0);
    const auto distance = [&](const Detection* alert) {
      return std::make_tuple(!Concerns(expectation, *alert),
                             std::abs(alert->first_fire_ms - at));
    };
    std::sort(found.begin(), found.end(),
              [&](const Detection* a, const Detection* b) {
                return distance(a) < distance(b);
              });
    if (found.size() > kNearestShown) found.resize(kNearestShown);
    return found;
  }

  std::string Describe(const Detection& alert) const {
    std::string out = Offset(alert.first_fire_ms - scenario_.start);
    for (const auto& [name, value] : alert.group) {
      absl::StrAppend(&out, " ", name, "=", value);
    }
    absl::StrAppend(&out, ": ", alert.explanation, " (", alert.count,
                    alert.count == 1 ? " event" : " events", " until ",
                    Offset(alert.last_event_ms - scenario_.start), ")");
    return out;
  }

  const Scenario& scenario_;
  const RuleSet& rules_;
  const ScenarioTest& test_;
  const std::function<void(int64_t, int64_t)>& progress_;
  ScenarioLog log_;
  const int64_t lateness_ms_;
  const int64_t idle_ms_;

  TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;  // null for tests without a restart
  int64_t epoch_ = 0;
  std::unique_ptr<Pipeline> pipeline_;

  int64_t next_ = 0;         // position in the log
  int64_t read_before_ = 0;  // positions before it were read before a restart
  int64_t last_arrival_ = 0;
  int64_t uncommitted_ = 0;
  int open_gaps_ = 0;
  int64_t blind_since_ms_ = 0;
  std::vector<int64_t> matches_;  // per rule, over all pipelines
  AlertBook book_;
  ScenarioOutcome outcome_;
};

}  // namespace

absl::StatusOr<ScenarioOutcome> RunScenarioTest(
    const Scenario& scenario, const ScenarioTest& test,
    const std::function<void(int64_t, int64_t)>& progress) {
  return ScenarioRun(scenario, test, progress).Run();
}

}  // namespace keywatch
