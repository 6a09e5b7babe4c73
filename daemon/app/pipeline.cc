#include "daemon/app/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

// A commit is due after so many events even when no alert opened: it bounds
// what a restart must do again.
constexpr int64_t kMaxObservedPerCheckpoint = 100'000;
constexpr size_t kMaxRejectSamples = 64;
// A reload stops reading for a moment, and senders try again.
constexpr int64_t kLeastDownMs = 10'000;

}  // namespace

Pipeline::Pipeline(std::shared_ptr<const RuleSet> rules,
                   std::vector<PipelineSource> sources, Options options)
    : rules_(std::move(rules)),
      options_(std::move(options)),
      engine_(Engine::Create(rules_)) {
  if (options_.key_profiles) {
    profiler_ = std::make_unique<KeyProfiler>(rules_, options_.max_profiles,
                                              options_.load_profile);
  }
  for (PipelineSource& source : sources) {
    const int seen_with = source.seen_with;
    sources_.emplace_back(std::move(source));
    Source& added = sources_.back();
    added.seen = seen_with >= 0
                     ? sources_[seen_with].seen
                     : std::make_shared<SeenIds>(
                           absl::ToInt64Milliseconds(added.spec.dedup_horizon) +
                               added.lateness_ms,
                           options_.max_seen_ids);
    sources_.back().totals.source = sources_.back().spec.id;
    sources_.back().committed.source = sources_.back().spec.id;
  }
}

void Pipeline::RestorePartition(const PartitionState& state) {
  watermark_ = state.watermark_ms;
  restored_watermark_ = state.watermark_ms;
  for (Source& source : sources_) {
    // What was newer is read again and moves it forward; see the class comment.
    source.watermark = state.watermark_ms;
    if (source.spec.rereadable && !source.spec.unordered &&
        !source.spec.clocked) {
      for (const StreamCursor& cursor : state.cursors) {
        if (cursor.source == source.spec.id && cursor.position < cursor.read) {
          source.rereading.emplace(cursor.stream, cursor.read);
        }
      }
    }
    for (const auto& [id, hashes] : state.seen_ids) {
      if (id != source.spec.id) continue;
      source.seen->Restore(hashes);
    }
  }
  engine_->FinishRestore(state.watermark_ms);
}

void Pipeline::RestorePending(uint32_t index,
                              std::shared_ptr<const EventBatch> batch) {
  Source& source = sources_[index];
  for (size_t i = 0; i < batch->size(); ++i) {
    const Event& event = batch->at(i);
    source.stored_pending.insert(PendingName(event));
    source.stored_pending.emplace(event.id);  // its name in older versions
    if (source.spec.dedup && !event.id_is_position) {
      source.seen->Insert(Identity(event), event.time_ms, kMinEventTime);
    }
    source.newest = std::max(source.newest, event.time_ms);
    buffer_.Push(&event, batch);
  }
  // These are not read again: nothing else says how far the source has come.
  if (batch->size() > 0) {
    source.watermark =
        std::max(source.watermark, source.newest - source.lateness_ms - 1);
  }
}

void Pipeline::RestoreCoverage(absl::string_view group,
                               absl::string_view blob) {
  for (Source& source : sources_) {
    if (source.ledger && source.ledger->RestoreRow(group, blob)) return;
  }
  // The source is no longer configured.
  stale_coverage_.emplace_back(group);
}

void Pipeline::Begin(EventTime now) {
  for (Source& source : sources_) {
    if (!source.ledger || !source.spec.lost_while_down ||
        now - source.ledger->read_through() < kLeastDownMs ||
        source.ledger->read_through() == kMinEventTime) {
      continue;
    }
    source.ledger->Blind(GapKind::kDown, now, now);
    TakeGaps(source);
  }
  MoveWatermark();
}

void Pipeline::Take(DecodedPage page) {
  Source& source = sources_[page.source];
  for (DecodedPage::Stream& stream : page.streams) {
    if (source.streams.size() <= stream.index) {
      source.streams.resize(stream.index + 1);
    }
    Stream& known = source.streams[stream.index];
    known.name = std::move(stream.name);
    known.position = stream.position;
    known.read = stream.read;
    known.attributes = std::move(stream.attributes);
    known.changed = true;
    known.known = true;
    dirty_ = true;
  }
  for (std::string& ended : page.ended) {
    source.ended.push_back(std::move(ended));
    dirty_ = true;
  }
  source.totals.records += page.records;
  if (source.ledger) {
    for (SourceGap& gap : page.gaps) {
      // What waited at the last commit was to be read again.
      const bool waits = source.rereads && restored_watermark_ != kMinEventTime;
      source.ledger->Lost(gap.kind, std::move(gap.reason),
                          waits ? restored_watermark_ : kMaxEventTime);
    }
  }
  TakeRejects(source, &page);
  const std::shared_ptr<EventBatch> batch = Charge(page);
  const size_t count = batch->size();
  size_t i = 0;
  for (const size_t rejected_at : page.rejects_at) {
    for (; i < rejected_at; ++i) {
      TakeEvent(source, batch->at(i), batch, page.received_ms);
    }
    if (source.ledger) source.ledger->Rejected();
  }
  for (; i < count; ++i) {
    TakeEvent(source, batch->at(i), batch, page.received_ms);
  }
  if (!source.rereading.empty()) {
    for (const DecodedPage::Stream& stream : page.streams) {
      WasReread(source, stream.index);
    }
    for (const std::string& ended : source.ended) {
      source.rereading.erase(ended);
    }
    FollowNewest(source);
  }
  BoundWaiting();
}

void Pipeline::TakeRejects(Source& source, DecodedPage* page) {
  for (Reject& reject : page->rejects) {
    ++source.totals.rejected;
    ++source.rejects[reject.reason];
    dirty_ = true;
    if (reject_samples_.size() < kMaxRejectSamples) {
      RejectSample sample;
      sample.source = source.spec.id;
      sample.reason = std::move(reject.reason);
      sample.stream = source.streams.size() > reject.stream
                          ? source.streams[reject.stream].name
                          : "";
      sample.offset = reject.offset;
      sample.text = std::move(reject.sample);
      reject_samples_.push_back(std::move(sample));
    }
  }
}

void Pipeline::TakeGaps(Source& source) {
  if (!source.ledger->has_news()) return;
  // The engine is told at the same point of event time wherever a page ended.
  Release();
  for (BlindStretch& blind : source.ledger->TakeBlind()) {
    engine_->ObserveGap(blind.from_ms, blind.to_ms);
    gaps_.push_back(
        {source.spec.id, blind.from_ms, blind.to_ms,
         blind.detail.empty()
             ? std::string(GapKindName(blind.kind))
             : absl::StrCat(GapKindName(blind.kind), ": ", blind.detail)});
    dirty_ = true;
  }
}

std::shared_ptr<EventBatch> Pipeline::Charge(const DecodedPage& page) {
  // The text is there a second time where it had escapes or was kept.
  const int64_t bytes =
      2 * page.bytes +
      static_cast<int64_t>(
          page.batch->size() *
          (sizeof(Event) + rules_->fields().size() * sizeof(Value)));
  struct Charged {
    Charged(std::shared_ptr<EventBatch> batch_in,
            std::shared_ptr<int64_t> total_in, int64_t bytes_in)
        : batch(std::move(batch_in)),
          total(std::move(total_in)),
          bytes(bytes_in) {
      *total += bytes;
    }
    ~Charged() { *total -= bytes; }
    const std::shared_ptr<EventBatch> batch;
    const std::shared_ptr<int64_t> total;
    const int64_t bytes;
  };
  auto charged = std::make_shared<Charged>(page.batch, waiting_bytes_, bytes);
  EventBatch* const batch = charged->batch.get();
  return std::shared_ptr<EventBatch>(std::move(charged), batch);
}

void Pipeline::BoundWaiting() {
  while (*waiting_bytes_ > options_.max_waiting_bytes && !buffer_.empty()) {
    Release();
    if (*waiting_bytes_ <= options_.max_waiting_bytes || buffer_.empty()) {
      return;
    }
    // A sixteenth of the time that waits, so that as little as possible comes
    // out of order.
    const EventTime oldest = buffer_.oldest();
    watermark_ =
        std::max(watermark_, oldest + (buffer_.newest() - oldest) / 16);
    const size_t before = buffer_.size();
    Release();
    forced_ += static_cast<int64_t>(before - buffer_.size());
  }
}

bool Pipeline::IsLast(uint32_t index) const {
  for (const Source& source : sources_) {
    if (source.holds_back() && source.watermark < sources_[index].watermark) {
      return false;
    }
  }
  return true;
}

bool Pipeline::TakeFuture(Source& source, const Event& event,
                          EventTime received_ms) {
  if (source.max_future_ms == kMaxEventTime || received_ms == kMaxEventTime) {
    return false;
  }
  const EventTime least_received = event.time_ms - source.max_future_ms;
  if (!event.reread && least_received <= received_ms) return false;
  const uint64_t hash = Identity(event);
  // Read again, it had its turn already. What had not was waiting, whatever
  // the clock says now.
  if (event.reread) return source.seen->Contains(hash, least_received);
  dirty_ = true;
  // Its own time may never come: what is remembered of it is when it was read.
  if (!source.seen->Insert(hash, received_ms, watermark_)) {
    ++source.totals.duplicates;
    return true;
  }
  ++source.totals.events;
  ++source.future;
  engine_->ObserveLate(event);
  RememberProcessed(source, hash, received_ms);
  ++observed_since_checkpoint_;
  return true;
}

void Pipeline::TakeEvent(Source& source, const Event& event,
                         const std::shared_ptr<EventBatch>& batch,
                         EventTime received_ms) {
  if (!source.rereading.empty()) {
    // The records of a stream are together in a page.
    if (event.stream != source.stream) WasReread(source, source.stream);
    if (!event.reread) {
      source.rereading.erase(source.streams[event.stream].name);
      FollowNewest(source);
    }
  }
  source.stream = event.stream;
  if (event.reread && event.time_ms <= restored_watermark_) return;
  if (TakeFuture(source, event, received_ms)) return;
  if (source.spec.dedup && !event.id_is_position &&
      !source.seen->Insert(Identity(event), event.time_ms, watermark_)) {
    if (!event.reread) ++source.totals.duplicates;
    return;
  }
  if (!event.reread) {
    ++source.totals.events;
    if (source.ledger) {
      source.ledger->Saw(event.time_ms);
      if (source.ledger->has_news()) TakeGaps(source);
    }
  }
  if (source.spec.unordered) {
    engine_->ObserveLate(event);
    Processed(event);
    source.newest = std::max(source.newest, event.time_ms);
    return;
  }
  source.idle = false;
  if (event.time_ms <= watermark_) {
    ++source.totals.late;
    // Everything up to the watermark comes first, whatever the page.
    Release();
    engine_->ObserveLate(event);
    Observed(event);
  } else if (!options_.only_matched || !event.matches.empty()) {
    buffer_.Push(&event, batch);
  }
  if (event.time_ms > source.newest) {
    source.newest = event.time_ms;
    FollowNewest(source);
  }
}

void Pipeline::FollowNewest(Source& source) {
  if (!source.rereading.empty() || source.newest == kMinEventTime) return;
  // Another event of the very same instant may still come.
  const EventTime watermark = source.newest - source.lateness_ms - 1;
  if (watermark > source.watermark) {
    source.watermark = watermark;
    MoveWatermark();
  }
}

void Pipeline::WasReread(Source& source, uint32_t stream) {
  if (stream >= source.streams.size()) return;
  const auto it = source.rereading.find(source.streams[stream].name);
  if (it == source.rereading.end() ||
      source.streams[stream].position < it->second) {
    return;
  }
  source.rereading.erase(it);
  FollowNewest(source);
}

void Pipeline::AllReread(Source& source) {
  if (source.rereading.empty()) return;
  source.rereading.clear();
  FollowNewest(source);
}

void Pipeline::MoveWatermark() {
  EventTime least = kMaxEventTime;
  EventTime clock = kMaxEventTime;
  EventTime bound = kMaxEventTime;
  for (uint32_t i = 0; i < sources_.size(); ++i) {
    const Source& source = sources_[i];
    if (source.spec.unordered) continue;
    clock = std::min(clock, heard(i));
    if (source.spec.clocked) bound = std::min(bound, heard(i));
    if (source.holds_back()) least = std::min(least, source.watermark);
  }
  if (least == kMaxEventTime) least = newest();
  awaited_ = least > bound ? least : kMinEventTime;
  watermark_ = std::max(watermark_, std::min(least, bound));
  if (clock != kMaxEventTime) clock_ = std::max(clock_, clock);
}

uint64_t Pipeline::Identity(const Event& event) const {
  ScalarBuffer buffer;
  const Value& key = event.at(rules_->well_known().key_id);
  return SeenIds::Hash(
      key.is_list() ? absl::string_view() : ScalarText(key, buffer),
      SeenIds::Hash(event.id, options_.seen_seed) +
          static_cast<uint64_t>(event.time_ms));
}

std::string Pipeline::PendingName(const Event& event) const {
  return absl::StrCat(event.id, "#",
                      absl::Hex(Identity(event), absl::kZeroPad16));
}

EventTime Pipeline::newest() const {
  EventTime newest = kMinEventTime;
  for (const Source& source : sources_) {
    if (!source.spec.unordered) newest = std::max(newest, source.newest);
  }
  return newest;
}

void Pipeline::SetIdle(uint32_t index) {
  if (sources_[index].idle) return;
  AllReread(sources_[index]);
  sources_[index].idle = true;
  MoveWatermark();
}

void Pipeline::AdvanceIdle(uint32_t index, EventTime now) {
  Source& source = sources_[index];
  AllReread(source);
  source.idle = true;
  source.clock = std::max(source.clock, now - source.lateness_ms - 1);
  MoveWatermark();
}

void Pipeline::CaughtUp(uint32_t index, EventTime now) {
  Source& source = sources_[index];
  AllReread(source);
  if (!source.ledger) return;
  source.rereads = false;
  source.ledger->CaughtUp(now);
  TakeGaps(source);
  dirty_ = dirty_ || source.ledger->dirty();
}

void Pipeline::AdvanceBlind(uint32_t index, EventTime since, EventTime now) {
  Source& source = sources_[index];
  if (source.ledger) {
    source.ledger->Blind(GapKind::kUnreachable, since, now);
    TakeGaps(source);
  }
  AdvanceIdle(index, now);
}

void Pipeline::Finish(uint32_t index) {
  sources_[index].watermark = kMaxEventTime;
  MoveWatermark();
}

void Pipeline::Release() {
  if (watermark_ == kMinEventTime) return;
  buffer_.Release(watermark_,
                  [this](const Event& event) { ObserveInOrder(event); });
  engine_->AdvanceTo(watermark_);
  if (clock_ > watermark_) engine_->AdvanceClock(clock_);
  for (Source& source : sources_) source.seen->AdvanceTo(watermark_);
}

void Pipeline::ReleaseAll(EventTime end) {
  watermark_ = std::max(watermark_, newest());
  Release();
  if (end > watermark_) {
    watermark_ = end;
    engine_->AdvanceTo(end);
  }
}

void Pipeline::ObserveInOrder(const Event& event) {
  engine_->Observe(event);
  Observed(event);
}

void Pipeline::Observed(const Event& event) {
  if (profiler_ && sources_[event.source].spec.requests) {
    profiler_->Observe(event);
  }
  if (options_.on_event) options_.on_event(event);
  Processed(event);
}

void Pipeline::Processed(const Event& event) {
  ++observed_since_checkpoint_;
  dirty_ = true;
  Source& source = sources_[event.source];
  if (!source.spec.dedup || event.id_is_position || options_.only_matched) {
    return;
  }
  RememberProcessed(source, Identity(event), event.time_ms);
}

void Pipeline::RememberProcessed(Source& source, uint64_t id_hash,
                                 EventTime time_ms) {
  SeenIds::Pack(id_hash, time_ms, &source.processed);
  source.processed_newest = std::max(source.processed_newest, time_ms);
}

bool Pipeline::WantsCommit() const {
  return engine_->HasOpened() ||
         observed_since_checkpoint_ >= kMaxObservedPerCheckpoint;
}

CheckpointBatch Pipeline::TakeCheckpoint(
    const std::function<AlertUpsert(const Detection&)>& to_alert,
    int64_t now_ms) {
  Release();
  CheckpointBatch out;
  out.watermark_ms = watermark_;
  out.now_ms = now_ms;
  CollectCursors(&out);
  CollectPending(&out);
  for (StateChange& change : engine_->TakeDirtyState()) {
    out.state.push_back({std::move(change.owner), std::move(change.group),
                         std::move(change.blob), change.erased});
  }
  for (const Detection& detection : engine_->TakeDetections()) {
    if (detection.rule == options_.self_test_rule) {
      self_test_ms_ = std::max(self_test_ms_, detection.last_event_ms);
    } else {
      out.alerts.push_back(to_alert(detection));
    }
  }
  if (profiler_) out.profiles = profiler_->TakeChanged();
  out.reject_samples.swap(reject_samples_);
  for (RejectSample& sample : out.reject_samples) sample.at_ms = watermark_;
  out.gaps.swap(gaps_);
  for (Source& source : sources_) {
    if (source.ledger) source.ledger->TakeState(&out.state);
  }
  for (std::string& group : stale_coverage_) {
    out.state.push_back({CoverageLedger::kOwner, std::move(group), "", true});
  }
  stale_coverage_.clear();
  for (Source& source : sources_) {
    for (const auto& [reason, count] : source.rejects) {
      out.rejects.push_back({source.spec.id, reason, count});
    }
    source.rejects.clear();
    SourceTotals delta = source.totals;
    delta.records -= source.committed.records;
    delta.events -= source.committed.events;
    delta.late -= source.committed.late;
    delta.duplicates -= source.committed.duplicates;
    delta.rejected -= source.committed.rejected;
    delta.newest_event_ms = source.newest;
    source.committed = source.totals;
    out.totals.push_back(delta);
    if (!source.processed.empty()) {
      out.seen_until_ms = std::max(
          out.seen_until_ms, source.seen->NeededUntil(source.processed_newest));
      out.seen_ids.emplace_back(source.spec.id, std::move(source.processed));
      source.processed.clear();
      source.processed_newest = kMinEventTime;
    }
  }
  observed_since_checkpoint_ = 0;
  dirty_ = false;
  return out;
}

void Pipeline::CollectCursors(CheckpointBatch* out) {
  // The oldest waiting record of every stream.
  std::vector<std::vector<int64_t>> waiting(sources_.size());
  for (size_t i = 0; i < sources_.size(); ++i) {
    waiting[i].assign(sources_[i].streams.size(), INT64_MAX);
  }
  buffer_.ForEach([&](const Event& event) {
    if (!sources_[event.source].spec.rereadable) return;
    int64_t& oldest = waiting[event.source][event.stream];
    oldest = std::min(oldest, event.begin);
  });
  for (size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    for (size_t j = 0; j < source.streams.size(); ++j) {
      Stream& stream = source.streams[j];
      const bool waits = waiting[i][j] != INT64_MAX;
      const auto ended =
          std::find(source.ended.begin(), source.ended.end(), stream.name);
      const bool ends = ended != source.ended.end() && !waits;
      if (!stream.known ||
          (!stream.changed && !stream.waits && !waits && !ends)) {
        continue;
      }
      StreamCursor cursor;
      cursor.source = source.spec.id;
      cursor.stream = stream.name;
      cursor.position = waits ? waiting[i][j] : stream.position;
      cursor.read = stream.read;
      cursor.attributes = stream.attributes;
      if (ends) {
        cursor.ended = true;
        source.ended.erase(ended);
        stream.known = false;
      }
      stream.changed = false;
      stream.waits = waits;
      out->cursors.push_back(std::move(cursor));
    }
    // Streams of an earlier run that ended before anything was read of them.
    for (auto it = source.ended.begin(); it != source.ended.end();) {
      const bool known = std::any_of(
          source.streams.begin(), source.streams.end(),
          [&](const Stream& s) { return s.known && s.name == *it; });
      if (known) {
        ++it;
        continue;
      }
      StreamCursor cursor;
      cursor.source = source.spec.id;
      cursor.stream = *it;
      cursor.ended = true;
      out->cursors.push_back(std::move(cursor));
      it = source.ended.erase(it);
    }
  }
}

void Pipeline::CollectPending(CheckpointBatch* out) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    Source& source = sources_[i];
    if (source.spec.rereadable) continue;
    absl::flat_hash_set<std::string> now;
    buffer_.ForEach([&](const Event& event) {
      if (event.source != i) return;
      std::string name = PendingName(event);
      if (!source.stored_pending.contains(name)) {
        out->pending.push_back(
            {source.spec.id, name, std::string(event.raw), false});
      }
      now.insert(std::move(name));
    });
    for (const std::string& name : source.stored_pending) {
      if (!now.contains(name)) {
        out->pending.push_back({source.spec.id, name, "", true});
      }
    }
    source.stored_pending = std::move(now);
  }
}

}  // namespace keywatch
