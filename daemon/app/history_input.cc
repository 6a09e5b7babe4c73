#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/run_input.h"
#include "daemon/core/time.h"
#include "daemon/history/history_reader.h"

namespace keywatch {
namespace {

class HistoryInput : public InputStream {
 public:
  HistoryInput(HistoryReader reader, std::shared_ptr<const RuleSet> rules)
      : reader_(std::move(reader)),
        rules_(std::move(rules)),
        matcher_(NewMatcher(rules_)),
        time_slot_(rules_->fields().Find(field::kTimestamp)),
        strings_slot_(rules_->fields().Find(FieldTable::kAllStrings)) {
    spec_.id = SourceId("history");
    // It is in the order of the engine that wrote it, without duplicates. What
    // was late then is late now.
    spec_.allowed_lateness = absl::ZeroDuration();
    spec_.dedup = false;
  }

  const PipelineSource& spec() const override { return spec_; }

  absl::StatusOr<DecodedPage> Next(absl::Time) override {
    absl::StatusOr<HistoryPage> stored = reader_.Next();
    if (!stored.ok()) return stored.status();
    DecodedPage page;
    page.batch = std::make_shared<EventBatch>();
    if (stored->events.empty()) return page;
    page.batch->Keep(stored->batch);
    if (stored->schema != schema_) Learn(stored->schema);
    for (const HistoryEvent& event : stored->events) {
      AddEvent(event, page.batch.get());
    }
    page.records = static_cast<int64_t>(stored->events.size());
    page.more = true;
    return page;
  }

  std::string name() const override { return "history"; }
  int64_t bytes_done() const override { return reader_.bytes_done(); }
  int64_t bytes_total() const override { return reader_.bytes_total(); }

  std::vector<std::string> problems() const override {
    std::vector<std::string> out = reader_.problems();
    if (!missing_.empty()) {
      out.push_back(absl::StrCat(
          "the rules read fields that the history does not hold, or not all "
          "the time, because no rule named them then: ",
          absl::StrJoin(missing_, ", ")));
    }
    return out;
  }

 private:
  // Where the fields of the schema go.
  void Learn(std::shared_ptr<const HistorySchema> schema) {
    schema_ = std::move(schema);
    const FieldTable& fields = rules_->fields();
    slots_.clear();
    std::set<std::string> held;
    for (const std::string& name : schema_->fields) {
      slots_.push_back(fields.Find(name));
      held.insert(name);
    }
    for (Slot slot = 0; slot < fields.size(); ++slot) {
      if (slot == time_slot_ || slot == strings_slot_) continue;
      if (held.count(fields.name(slot)) == 0) {
        missing_.insert(fields.name(slot));
      }
    }
    routes_.clear();
    for (const HistorySchema::Source& source : schema_->sources) {
      LogSourceSpec spec;
      spec.product = source.product;
      spec.category = source.category;
      spec.service = source.service;
      routes_.push_back(rules_->Route(spec));
    }
  }

  void AddEvent(const HistoryEvent& stored, EventBatch* batch) {
    const size_t slot_count = rules_->fields().size();
    Value* values = batch->NewValues(slot_count);
    strings_.clear();
    for (const auto& [index, value] : stored.values) {
      const Slot slot = slots_[index];
      if (slot != kNoSlot) values[slot] = value;
      if (strings_slot_ == kNoSlot) continue;
      value.AnyElement([this](const Value& element) {
        if (element.is_string()) strings_.push_back(element);
        return false;
      });
    }
    if (strings_slot_ != kNoSlot) {
      Value* list = batch->NewValues(strings_.size());
      std::copy(strings_.begin(), strings_.end(), list);
      values[strings_slot_] =
          Value::List(list, static_cast<uint32_t>(strings_.size()));
    }
    if (time_slot_ != kNoSlot) {
      values[time_slot_] =
          Value::String(batch->CopyText(FormatTime(stored.time_ms)));
    }
    Event* event = batch->Add();
    event->time_ms = stored.time_ms;
    event->id = stored.id;
    event->id_is_position = stored.id_is_position;
    event->slots = values;
    event->slot_count = static_cast<uint32_t>(slot_count);
    event->route = routes_[stored.source];
    matches_.clear();
    matcher_->Match(*event, &matches_);
    if (matches_.empty()) return;
    const size_t bytes = matches_.size() * sizeof(uint32_t);
    auto* copy = reinterpret_cast<uint32_t*>(batch->Allocate(bytes));
    std::memcpy(copy, matches_.data(), bytes);
    event->matches = absl::MakeConstSpan(copy, matches_.size());
  }

  HistoryReader reader_;
  const std::shared_ptr<const RuleSet> rules_;
  const std::unique_ptr<Matcher> matcher_;
  const Slot time_slot_;
  const Slot strings_slot_;
  PipelineSource spec_;

  std::shared_ptr<const HistorySchema> schema_;
  std::vector<Slot> slots_;       // by field of the schema
  std::vector<uint32_t> routes_;  // by source of the schema
  std::set<std::string> missing_;
  std::vector<Value> strings_;     // scratch
  std::vector<uint32_t> matches_;  // scratch
};

}  // namespace

absl::StatusOr<std::unique_ptr<InputStream>> OpenHistory(
    const RunInput& input, std::shared_ptr<const RuleSet> rules) {
  absl::StatusOr<HistoryReader> reader =
      HistoryReader::Open(input.history, input.since_ms, input.until_ms);
  if (!reader.ok()) return reader.status();
  return std::unique_ptr<InputStream>(
      new HistoryInput(*std::move(reader), std::move(rules)));
}

}  // namespace keywatch
