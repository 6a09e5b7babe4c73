#include "daemon/app/history_recorder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/core/field_table.h"

namespace keywatch {
namespace {

constexpr char kOwner[] = "#history";
constexpr absl::Duration kPruneInterval = absl::Minutes(1);

// Everything that an event may hold but what repeats it: its time, and all
// texts at once.
bool IsKept(const std::string& field, const HistoryConfig& config) {
  return field != field::kTimestamp && field != FieldTable::kAllStrings &&
         std::find(config.leave_out.begin(), config.leave_out.end(), field) ==
             config.leave_out.end();
}

}  // namespace

HistoryRecorder::HistoryRecorder(const Config& config, Log* log,
                                 std::unique_ptr<HistoryWriter> writer)
    : config_(config.history), log_(log), writer_(std::move(writer)) {}

absl::StatusOr<std::unique_ptr<HistoryRecorder>> HistoryRecorder::Create(
    const Config& config, Log* log) {
  HistoryWriterOptions options;
  options.directory = HistoryDirectory(config);
  options.keep_free_bytes = config.history.keep_free;
  absl::StatusOr<std::unique_ptr<HistoryWriter>> writer =
      HistoryWriter::Open(std::move(options));
  if (!writer.ok()) return writer.status();
  return std::unique_ptr<HistoryRecorder>(
      new HistoryRecorder(config, log, *std::move(writer)));
}

void HistoryRecorder::Restore(const StateRow& row) {
  if (row.owner != kOwner) return;
  committed_ = HistoryPosition::Decode(row.blob);
  if (!committed_) {
    log_->Warning("history: its position cannot be read; it begins anew");
  }
}

void HistoryRecorder::Begin(const RuleSet& rules,
                            const std::vector<HistorySchema::Source>& sources) {
  broken_ = writer_->Recover(
      committed_, [this](const std::string& text) { log_->Warning(text); });
  committed_.reset();
  if (!broken_.ok()) {
    log_->Error("history: nothing is kept until the next start: ",
                broken_.ToString());
  }
  HistorySchema schema;
  schema.sources = sources;
  std::vector<Slot> slots;
  const FieldTable& fields = rules.fields();
  for (Slot slot = 0; slot < fields.size(); ++slot) {
    if (!IsKept(fields.name(slot), config_)) continue;
    schema.fields.push_back(fields.name(slot));
    slots.push_back(slot);
  }
  writer_->SetSchema(schema, std::move(slots));
}

void HistoryRecorder::Observe(const Event& event) { writer_->Add(event); }

void HistoryRecorder::Prepare(CheckpointBatch* batch) {
  const int64_t added = writer_->added();
  if (added == 0) return;
  const EventTime oldest = writer_->added_oldest_ms();
  const EventTime newest = writer_->added_newest_ms();
  absl::Status status = broken_;
  if (status.ok()) {
    status = writer_->Flush();
  } else {
    writer_->Discard();
  }
  if (status.ok()) {
    StateRow row;
    row.owner = kOwner;
    row.blob = writer_->position().Encode();
    batch->state.push_back(std::move(row));
    if (outage_from_ms_ != kMinEventTime) log_->Info("history: written again");
    outage_from_ms_ = kMinEventTime;
    absl::MutexLock lock(&mu_);
    stats_.events += added;
    stats_.error.clear();
    return;
  }
  if (outage_from_ms_ == kMinEventTime) {
    log_->Error("history: requests are not kept: ", status.ToString());
    outage_from_ms_ = oldest;
  }
  // The same start and reason: one gap that grows.
  batch->gaps.push_back({SourceId(kHistorySource), outage_from_ms_,
                         std::max(newest, outage_from_ms_), "not written"});
  absl::MutexLock lock(&mu_);
  stats_.dropped += added;
  stats_.error = status.ToString();
}

HistoryRecorder::Stats HistoryRecorder::stats() const {
  absl::MutexLock lock(&mu_);
  return stats_;
}

void HistoryRecorder::KeepHouse(absl::Time now) {
  {
    absl::MutexLock lock(&mu_);
    if (now - pruned_ < kPruneInterval) return;
    pruned_ = now;
  }
  const absl::StatusOr<int64_t> bytes =
      PruneHistory(writer_->directory(), writer_->current_segment(),
                   config_.retention, config_.max_size, now);
  if (!bytes.ok()) {
    log_->Warning("history: ", bytes.status().ToString());
    return;
  }
  absl::MutexLock lock(&mu_);
  stats_.bytes = *bytes;
}

}  // namespace keywatch
