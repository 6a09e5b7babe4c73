#include "daemon/app/engine_runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/app/alert_builder.h"
#include "daemon/app/restore.h"
#include "daemon/core/failpoint.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

// How long a fetch may wait for something to come: a stop waits as long.
constexpr absl::Duration kFetchWait = absl::Milliseconds(200);
constexpr absl::Duration kFirstCommitRetry = absl::Milliseconds(100);
constexpr absl::Duration kMaxCommitRetry = absl::Seconds(5);
// While a source is behind, alerts are late whatever is done, and each commit
// holds them up further: commits pause for so many times what the last one took.
constexpr int kPausePerCommit = 4;
// A source is behind when so many pages in a row were not the last: a file that
// grows while it is read has more now and then.
constexpr int kBehindPages = 4;
// The engine looks at idle sources this often.
constexpr absl::Duration kIdleTick = absl::Milliseconds(100);
// The watermark of a source that fails moves in steps of this: each is a gap
// that grows, and a commit.
constexpr int64_t kBlindStepMs = 10'000;

}  // namespace

// Members are guarded by the runner's `mu_` where said; the worker belongs to
// the source's thread.
struct EngineRunner::SourceThread {
  RunnerSource config;
  std::unique_ptr<SourceWorker> worker;
  std::thread thread;
  // Of the engine's thread.
  int behind_pages = 0;  // in a row, with more behind
  bool taken_since_commit = false;

  // Guarded by the runner's mu_.
  absl::optional<DecodedPage> page;
  bool taken = true;     // the mailbox is free
  absl::Time caught_up;  // begin of the last fetch that left nothing
  // Event time waits for a fetch that begins at this time or later (Look).
  absl::Time awaited = absl::InfinitePast();
  bool look = false;     // it does, or stopping
  absl::Time last_data;  // when something came last
  absl::Time last_success;
  bool gave = false;  // something, now or before a restart
  std::string error;
  int64_t errors = 0;
  DecodeCounts decode;
  std::vector<std::string> problems;
};

EngineRunner::EngineRunner(std::shared_ptr<const RuleSet> rules,
                           Options options, Store* store, Clock* clock,
                           Log* log)
    : rules_(std::move(rules)),
      options_(std::move(options)),
      store_(store),
      clock_(clock),
      log_(log) {}

absl::StatusOr<std::unique_ptr<EngineRunner>> EngineRunner::Start(
    std::shared_ptr<const RuleSet> rules, std::vector<RunnerSource> sources,
    Options options, Store* store, Clock* clock, const Redactor* redactor,
    Log* log) {
  std::unique_ptr<EngineRunner> runner(
      new EngineRunner(rules, std::move(options), store, clock, log));

  std::vector<PipelineSource> specs;
  for (const RunnerSource& source : sources) specs.push_back(source.spec);
  Pipeline::Options pipeline_options;
  pipeline_options.seen_seed = runner->options_.seen_seed;
  pipeline_options.max_seen_ids = runner->options_.max_seen_ids;
  pipeline_options.max_profiles = runner->options_.max_profiles;
  pipeline_options.max_waiting_bytes = runner->options_.max_waiting_bytes;
  for (size_t i = 0; i < rules->rules().size(); ++i) {
    if (rules->rules()[i].id == runner->options_.self_test_rule) {
      pipeline_options.self_test_rule = static_cast<int64_t>(i);
    }
  }
  pipeline_options.on_event = runner->options_.on_event;
  pipeline_options.load_profile =
      [store](const KeyId& key) -> absl::optional<KeyProfile> {
    absl::StatusOr<KeyProfile> profile = store->GetKey(key);
    if (!profile.ok()) return absl::nullopt;
    return *std::move(profile);
  };
  runner->pipeline_ = std::make_unique<Pipeline>(rules, std::move(specs),
                                                 std::move(pipeline_options));

  int dropped = 0;
  absl::StatusOr<PartitionState> state = RestorePipeline(
      store, runner->options_.partition, runner->options_.owner,
      runner->options_.on_state_row, runner->pipeline_.get(), &dropped);
  if (!state.ok()) return state.status();
  if (runner->options_.on_restored) runner->options_.on_restored();
  runner->epoch_ = state->epoch;
  if (dropped > 0) {
    log->Info("dropped the state of ", dropped,
              " rules that are gone or whose meaning changed");
  }

  const absl::Time now = clock->Now();
  for (size_t i = 0; i < sources.size(); ++i) {
    auto thread = std::make_unique<SourceThread>();
    thread->config = std::move(sources[i]);
    thread->caught_up = absl::InfinitePast();
    thread->last_data = now;
    thread->last_success = now;
    const SourceId& id = thread->config.spec.id;
    std::vector<StreamCursor> cursors;
    for (const StreamCursor& cursor : state->cursors) {
      if (cursor.source == id) cursors.push_back(cursor);
    }
    thread->gave = !cursors.empty();
    SourceWorker::Options worker_options;
    worker_options.index = static_cast<uint32_t>(i);
    worker_options.id = id;
    worker_options.decoder.keep_raw = !thread->config.spec.rereadable;
    worker_options.decoder.limits = thread->config.limits;
    worker_options.decoder.overrides = thread->config.overrides;
    worker_options.decoder.enricher = thread->config.enricher;
    thread->worker = std::make_unique<SourceWorker>(
        std::move(worker_options), thread->config.open(),
        *thread->config.format, rules, redactor, cursors);
    auto batch = std::make_shared<EventBatch>();
    for (const PendingRecord& record : state->pending) {
      if (record.source == id) {
        thread->worker->DecodePending(record.record, batch.get());
      }
    }
    runner->pipeline_->RestorePending(static_cast<uint32_t>(i), batch);
    runner->sources_.push_back(std::move(thread));
  }
  runner->pipeline_->Begin(ToEventTime(now));
  runner->Publish();
  KEYWATCH_FAILPOINT("open.restored");

  for (auto& source : runner->sources_) {
    SourceThread* thread = source.get();
    thread->thread =
        std::thread([r = runner.get(), thread] { r->RunSource(thread); });
  }
  runner->engine_thread_ = std::thread([r = runner.get()] { r->RunEngine(); });
  return runner;
}

EngineRunner::~EngineRunner() { Stop(); }

void EngineRunner::Stop() {
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return;
    stopped_ = true;
    stopping_ = true;
    work_ = true;
    for (auto& source : sources_) source->look = true;
  }
  for (auto& source : sources_) source->worker->Wake();
  for (auto& source : sources_) {
    if (source->thread.joinable()) source->thread.join();
  }
  if (engine_thread_.joinable()) engine_thread_.join();
}

void EngineRunner::RunSource(SourceThread* source) {
  SourceWorker& worker = *source->worker;
  bool failing = false;
  while (true) {
    {
      absl::MutexLock lock(&mu_);
      // The page before must have been taken: nothing piles up here.
      auto ready = [this, source]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return stopping_ || source->taken;
      };
      mu_.Await(absl::Condition(&ready));
      if (stopping_) return;
    }
    const absl::Time begin = clock_->Now();
    absl::StatusOr<DecodedPage> page = worker.Next(begin + kFetchWait);
    if (absl::IsCancelled(page.status())) continue;  // by Stop
    const bool empty = page.ok() && page->records == 0 &&
                       page->batch->size() == 0 && page->streams.empty() &&
                       page->ended.empty() && page->gaps.empty();
    if (!page.ok() && options_.on_source_error) {
      options_.on_source_error(worker.id(), page.status());
    }
    if (!page.ok() && !failing) {
      log_->Warning("source ", worker.id().str(), ": ",
                    page.status().ToString());
    } else if (page.ok() && failing) {
      log_->Info("source ", worker.id().str(), ": reads again");
    }
    failing = !page.ok();

    std::vector<std::string> problems = worker.problems();
    absl::MutexLock lock(&mu_);
    source->decode = worker.decode_counts();
    source->problems = std::move(problems);
    if (!page.ok()) {
      source->error = page.status().ToString();
      ++source->errors;
    } else {
      source->error.clear();
      source->last_success = begin;
      if (!page->more) source->caught_up = begin;
      // A place alone is no data: a list that is asked again and again may
      // move its place each time.
      if (page->records > 0 || page->batch->size() > 0) {
        source->last_data = begin;
      }
      if (!empty) {
        page->received_ms = ToEventTime(clock_->Now());
        source->page = *std::move(page);
        source->taken = false;
        work_ = true;
        continue;
      }
    }
    Rest(source, worker.pause(), failing);
  }
}

void EngineRunner::Rest(SourceThread* source, absl::Duration pause,
                        bool failing) {
  // Looking again at once would find the same error.
  if (!source->config.spec.clocked || failing) {
    clock_->SleepOrWake(&mu_, &stopping_, pause);
    return;
  }
  // The engine may wait for what was found.
  work_ = true;
  clock_->SleepOrWake(&mu_, &source->look, pause);
  if (stopping_) return;
  source->look = false;
  const absl::Duration early = source->awaited - clock_->Now();
  if (early > absl::ZeroDuration()) {
    clock_->SleepOrWake(&mu_, &stopping_, std::min(early, pause));
  }
}

void EngineRunner::Look() {
  const EventTime awaited = pipeline_->awaited();
  if (awaited == kMinEventTime) return;
  absl::MutexLock lock(&mu_);
  for (auto& source : sources_) {
    if (!source->config.spec.clocked) continue;
    // What a fetch has not found may still come with the very time of its begin.
    source->awaited = FromEventTime(awaited) + absl::Milliseconds(1);
    source->look = true;
  }
}

void EngineRunner::RunEngine() {
  absl::Time next_commit = clock_->Now() + options_.checkpoint_interval;
  bool wanted = false;
  while (true) {
    bool stopping;
    {
      absl::MutexLock lock(&mu_);
      const absl::Time due =
          wanted ? std::min(next_commit, no_commit_before_) : next_commit;
      const absl::Duration wait = std::max(
          absl::ZeroDuration(), std::min(kIdleTick, due - clock_->Now()));
      if (!work_) clock_->SleepOrWake(&mu_, &work_, wait);
      work_ = false;
      stopping = stopping_;
    }
    TakePages();
    AdvanceIdleSources();
    pipeline_->Release();
    Look();
    const absl::Time now = clock_->Now();
    wanted = pipeline_->WantsCommit() || (pipeline_->dirty() && SendersWait());
    if ((wanted && now >= no_commit_before_) ||
        (now >= next_commit && pipeline_->dirty()) || stopping) {
      if (!Commit()) return;
      wanted = false;
      const absl::Time end = clock_->Now();
      no_commit_before_ = end + CommitPause(end - now);
      next_commit = end + options_.checkpoint_interval;
    } else if (now >= next_commit) {
      next_commit = now + options_.checkpoint_interval;
    }
    Publish();
    if (stopping) return;
  }
}

bool EngineRunner::SendersWait() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const auto& source) {
    return source->taken_since_commit && source->config.wants_commit &&
           source->config.wants_commit();
  });
}

absl::Duration EngineRunner::CommitPause(absl::Duration took) const {
  const bool behind = std::any_of(
      sources_.begin(), sources_.end(),
      [](const auto& source) { return source->behind_pages >= kBehindPages; });
  if (!behind) return absl::ZeroDuration();
  return std::min(took * kPausePerCommit, options_.checkpoint_interval);
}

bool EngineRunner::TakePages() {
  bool any = false;
  for (auto& source : sources_) {
    const uint32_t index = source->worker->index();
    // What is ahead of the others would only wait here for its turn.
    if (pipeline_->HoldsMuch() && !pipeline_->IsLast(index)) continue;
    absl::optional<DecodedPage> page;
    {
      absl::MutexLock lock(&mu_);
      page.swap(source->page);
      // The source reads its next page while this one is observed.
      source->taken = true;
    }
    if (page) {
      any = true;
      source->behind_pages = page->more ? source->behind_pages + 1 : 0;
      source->taken_since_commit = true;
      pipeline_->Take(*std::move(page));
    }
  }
  return any;
}

void EngineRunner::AdvanceIdleSources() {
  const absl::Time now = clock_->Now();
  for (size_t i = 0; i < sources_.size(); ++i) {
    AdvanceIdleSource(static_cast<uint32_t>(i), now);
  }
}

void EngineRunner::AdvanceIdleSource(uint32_t index, absl::Time now) {
  const SourceThread& source = *sources_[index];
  absl::Time caught_up;
  absl::Time last_success;
  bool idle = false;
  bool failing = false;
  bool gave = false;
  {
    absl::MutexLock lock(&mu_);
    if (source.page) return;
    gave = source.gave;
    caught_up = source.caught_up;
    last_success = source.last_success;
    failing = !source.error.empty();
    idle = now - source.last_data >= source.config.idle_timeout;
  }
  if (!failing) {
    if (caught_up == absl::InfinitePast()) return;
    pipeline_->CaughtUp(index, ToEventTime(caught_up));
    if (idle) pipeline_->AdvanceIdle(index, ToEventTime(caught_up));
    return;
  }
  // Nothing is known to come from there: nobody waits for it.
  if (!gave) pipeline_->SetIdle(index);
  if (now - last_success >= source.config.max_silence) {
    const EventTime until = ToEventTime(now) / kBlindStepMs * kBlindStepMs;
    pipeline_->AdvanceBlind(index, ToEventTime(last_success), until);
  }
}

bool EngineRunner::Commit() {
  const absl::Time begin = clock_->Now();
  std::vector<std::string> opened;
  CheckpointBatch batch = pipeline_->TakeCheckpoint(
      [&](const Detection& detection) {
        if (detection.kind == Detection::Kind::kOpen) {
          const Rule& rule = rules_->rule(detection.rule);
          opened.push_back(absl::StrCat("alert ", detection.id.str(), " ",
                                        LevelName(rule.level), " ", rule.name,
                                        ", key ", detection.key.str(), ": ",
                                        detection.explanation));
        }
        return BuildAlert(*rules_, detection, options_.default_notify);
      },
      ToEventTime(begin));
  if (options_.prepare_commit) options_.prepare_commit(&batch);
  KEYWATCH_FAILPOINT("commit.taken");
  for (auto& source : sources_) source->taken_since_commit = false;
  absl::Duration retry = kFirstCommitRetry;
  bool failed = false;
  while (true) {
    absl::Status status =
        options_.before_commit ? options_.before_commit() : absl::OkStatus();
    if (status.ok()) {
      status = store_->Checkpoint(options_.partition, epoch_, batch);
    }
    absl::MutexLock lock(&mu_);
    if (status.ok()) {
      if (failed) log_->Info("commits work again");
      status_.commit_error.clear();
      status_.last_commit = clock_->Now();
      status_.self_test_ms = pipeline_->self_test_ms();
      break;
    }
    if (options_.on_commit_failure) options_.on_commit_failure(status);
    status_.commit_error = status.ToString();
    ++status_.turns;
    if (absl::IsAborted(status)) {
      status_.fenced = true;
      stopping_ = true;
      log_->Error(
          "another process took over this state; this one has stopped "
          "and written nothing since: ",
          status.ToString());
      return false;
    }
    if (!failed) {
      log_->Error("commit failed, reading stops until it works: ",
                  status.ToString());
    }
    failed = true;
    if (stopping_) {
      log_->Error(
          "stopping with an uncommitted page; it is read again at the "
          "next start");
      return false;
    }
    clock_->SleepOrWake(&mu_, &stopping_, retry);
    retry = std::min(retry * 2, kMaxCommitRetry);
  }
  for (const std::string& line : opened) log_->Info(line);
  KEYWATCH_FAILPOINT("commit.done");
  if (options_.on_commit) options_.on_commit(batch, clock_->Now() - begin);
  return true;
}

void EngineRunner::Publish() {
  absl::MutexLock lock(&mu_);
  ++status_.turns;
  status_.watermark_ms = pipeline_->heard();
  status_.waiting = pipeline_->waiting();
  status_.waiting_bytes = pipeline_->waiting_bytes();
  status_.forced = pipeline_->forced();
  status_.engine = pipeline_->stats();
  status_.sources.resize(sources_.size());
  for (size_t i = 0; i < sources_.size(); ++i) {
    const SourceThread& source = *sources_[i];
    SourceStatus& out = status_.sources[i];
    out.id = source.config.spec.id;
    out.totals = pipeline_->totals(static_cast<uint32_t>(i));
    out.newest_ms = pipeline_->newest(static_cast<uint32_t>(i));
    out.error = source.error;
    out.errors = source.errors;
    out.last_success = source.last_success;
    out.last_data = source.last_data;
    out.decode = source.decode;
    out.problems = source.problems;
    out.watermark_ms = pipeline_->heard(static_cast<uint32_t>(i));
    out.future = pipeline_->future(static_cast<uint32_t>(i));
    if (const CoverageLedger* ledger =
            pipeline_->coverage(static_cast<uint32_t>(i))) {
      out.blind_ms = ledger->blind_ms();
      out.gaps = ledger->gaps();
    }
  }
}

CoverageHours EngineRunner::coverage(size_t source, EventTime since) const {
  // The list of sources does not change, and ledgers synchronise themselves.
  const CoverageLedger* ledger =
      source < sources_.size()
          ? pipeline_->coverage(static_cast<uint32_t>(source))
          : nullptr;
  return ledger == nullptr ? CoverageHours() : ledger->Hours(since);
}

RunnerStatus EngineRunner::status() const {
  absl::MutexLock lock(&mu_);
  return status_;
}

}  // namespace keywatch
