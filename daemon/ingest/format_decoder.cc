#include "daemon/ingest/format_decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "daemon/core/utf8.h"
#include "daemon/ingest/combined_reader.h"
#include "daemon/ingest/event_time.h"
#include "daemon/ingest/json_reader.h"
#include "daemon/ingest/json_split.h"
#include "simdjson.h"
#include "xxhash.h"

namespace keywatch {
namespace {

constexpr size_t kSampleBytes = 512;
// Of a record that is too long that much is looked at for its sample.
constexpr size_t kSampleScan = 16 << 10;
constexpr size_t kMaxIdBytes = 128;
// What readers may read past the end of a text.
constexpr size_t kPadding = 64;

absl::string_view WithPadding(absl::string_view text, EventBatch* batch) {
  char* copy = batch->Allocate(text.size() + kPadding);
  std::memcpy(copy, text.data(), text.size());
  std::memset(copy + text.size(), 0, kPadding);
  return absl::string_view(copy, text.size());
}

// "1.2.3.4:5678" and "[2001:db8::1]:5678" without the port.
absl::string_view WithoutPort(absl::string_view address) {
  if (absl::ConsumePrefix(&address, "[")) {
    return address.substr(0, address.find(']'));
  }
  const size_t colon = address.find(':');
  if (colon != absl::string_view::npos && colon == address.rfind(':') &&
      absl::StrContains(address.substr(0, colon), ".")) {
    return address.substr(0, colon);
  }
  return address;
}

// A key that was logged as it was sent: `Bearer rk_live:...`.
absl::string_view WithoutScheme(absl::string_view key) {
  for (absl::string_view scheme : {"Bearer ", "Basic "}) {
    if (absl::StartsWithIgnoreCase(key, scheme)) {
      key.remove_prefix(scheme.size());
      while (absl::ConsumePrefix(&key, " ")) {
      }
    }
  }
  return key;
}

std::unique_ptr<RecordReader> NewReader(const FormatSpec& spec,
                                        const EventPlan& plan,
                                        const DecodeLimits& limits,
                                        const Redactor* redactor) {
  if (spec.encoding == FormatSpec::Encoding::kCombined) {
    return std::make_unique<CombinedReader>(plan.tree, plan.strings_cell,
                                            limits, redactor);
  }
  return std::make_unique<JsonReader>(plan.tree, plan.strings_cell, limits,
                                      redactor);
}

}  // namespace

FormatDecoder::FormatDecoder(std::shared_ptr<const FormatSpec> spec,
                             std::shared_ptr<const RuleSet> rules,
                             const Redactor* redactor,
                             const DecodeLimits& limits,
                             const FormatOverrides& overrides,
                             const Enricher* enricher)
    : spec_(std::move(spec)),
      rules_(std::move(rules)),
      redactor_(redactor),
      limits_(limits),
      route_(rules_->Route(spec_->logsource)),
      plan_(EventPlan::Make(*spec_, rules_->fields(), overrides)),
      reader_(NewReader(*spec_, plan_, limits, redactor)),
      deriver_(&plan_, enricher) {
  normalised_.resize(plan_.cells, false);
  for (const EventPlan::Choice& choice : plan_.choices) {
    normalised_[choice.to] = true;
  }
  for (const std::string& text : spec_->absent) {
    longest_absent_ = std::max(longest_absent_, text.size());
  }
}

const DecodeCounts& FormatDecoder::counts() const {
  total_ = counts_;
  total_.invalid_utf8 += reader_->counts().invalid_utf8;
  total_.secrets += reader_->counts().secrets;
  total_.values_cut += reader_->counts().values_cut;
  return total_;
}

void FormatDecoder::AddReject(const ReadProblem& problem,
                              absl::string_view text, const Record& record,
                              std::vector<Reject>* rejects) {
  Reject reject;
  reject.reason = std::string(problem.reason);
  reject.detail = problem.detail;
  reject.sample = std::string(TruncateUtf8(text, kSampleBytes));
  reject.stream = record.stream;
  reject.offset = record.begin;
  rejects->push_back(std::move(reject));
}

absl::string_view FormatDecoder::Clean(absl::string_view text,
                                       EventBatch* batch) {
  if (redactor_->Finds(text)) {
    text = WithPadding(redactor_->Redact(text, &counts_.secrets), batch);
  }
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    text = WithPadding(ToValidUtf8(text), batch);
    ++counts_.invalid_utf8;
  }
  return text;
}

void FormatDecoder::Decode(const Record& record, bool keep_raw,
                           EventBatch* batch, std::vector<Reject>* rejects) {
  absl::string_view text = record.bytes;
  if (record.begin == 0) absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  if (record.truncated ||
      text.size() > static_cast<size_t>(limits_.max_record_bytes)) {
    ReadProblem problem;
    problem.reason = "oversized";
    problem.detail =
        absl::StrCat("longer than ", limits_.max_record_bytes, " bytes");
    std::string sample(text.substr(0, kSampleScan));
    sample = ToValidUtf8(redactor_->Redact(sample, &counts_.secrets));
    AddReject(problem, sample, record, rejects);
    return;
  }
  while (!text.empty() && (text.back() == '\r' || text.back() == '\n' ||
                           text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  if (text.empty()) return;
  text = Clean(text, batch);

  if (spec_->encoding != FormatSpec::Encoding::kJson ||
      (text[0] == '{' && spec_->framing.records.empty())) {
    DecodeEntry(text, record, keep_raw, batch, rejects);
    return;
  }
  entries_.clear();
  const bool whole = SplitJsonRecords(text, spec_->framing.records,
                                      limits_.max_depth, &entries_);
  for (absl::string_view entry : entries_) {
    DecodeEntry(entry, record, keep_raw, batch, rejects);
  }
  if (!whole) {
    ReadProblem problem;
    problem.reason = "malformed";
    problem.detail =
        absl::StrCat("a list of records is broken after ", entries_.size());
    AddReject(problem, text, record, rejects);
  }
}

void FormatDecoder::DecodeEntry(absl::string_view text, const Record& record,
                                bool keep_raw, EventBatch* batch,
                                std::vector<Reject>* rejects) {
  cells_.resize(plan_.cells);
  Value* const cells = cells_.data();
  // All zero, as Value() is.
  std::memset(static_cast<void*>(cells), 0, plan_.cells * sizeof(Value));
  Event* const event = batch->Add();
  ReadProblem problem;
  bool usable = reader_->Read(text, batch, cells, &problem);
  if (usable) {
    PutMapsAside(cells);
    CountOverrides(cells);
    usable = FindTime(cells, &event->time_ms, &problem);
  }
  if (!usable) {
    batch->RemoveLast();
    AddReject(problem, text, record, rejects);
    return;
  }
  FindId(text, batch, cells, event);
  ChooseFields(batch, cells);
  FillPatterns(batch, cells);
  deriver_.Derive(event->time_ms, batch, cells);
  for (const auto& [cell, value] : plan_.constants) {
    if (!HasValue(cells[cell])) cells[cell] = value;
  }
  if (plan_.event_id != kNoSlot && !HasValue(cells[plan_.event_id])) {
    cells[plan_.event_id] = Value::String(event->id);
  }
  for (const auto& [cell, value] : maps_) {
    if (!normalised_[cell]) cells[cell] = value;
  }
  // Only the slots of the rules stay; the other cells have done their work.
  Value* const slots = batch->NewValues(plan_.slots);
  std::copy_n(cells, plan_.slots, slots);
  event->slots = slots;
  event->slot_count = plan_.slots;
  event->route = route_;
  event->stream = record.stream;
  event->begin = record.begin;
  event->end = record.end;
  if (keep_raw) event->raw = text;
}

void FormatDecoder::PutMapsAside(Value* cells) {
  maps_.clear();
  for (const RecordReader::MapCell& map : reader_->map_cells()) {
    Value& value = cells[map.cell];
    // Of a key that stands twice the last value counts, which may be no map.
    if (!value.is_string() || value.string_value().data() != map.text) continue;
    maps_.emplace_back(map.cell, value);
    value = Value();
  }
}

void FormatDecoder::CountOverrides(const Value* cells) {
  const auto has = [&](Slot cell) {
    return cell != kNoSlot && HasValue(cells[cell]);
  };
  counts_.named_keys += has(plan_.override_key);
  counts_.named_ids += has(plan_.override_id);
}

bool FormatDecoder::IsAbsent(absl::string_view text) const {
  return std::find(spec_->absent.begin(), spec_->absent.end(), text) !=
         spec_->absent.end();
}

bool FormatDecoder::FindTime(const Value* cells, EventTime* time,
                             ReadProblem* problem) {
  const Value* bad = nullptr;
  for (uint32_t cell : plan_.time) {
    if (!HasValue(cells[cell])) continue;
    if (ReadEventTime(cells[cell], spec_->time_format, time)) return true;
    if (bad == nullptr) bad = &cells[cell];
  }
  if (bad == nullptr) {
    problem->reason = "no-time";
    problem->detail = "the record has no time";
  } else {
    problem->reason = "bad-time";
    problem->detail = absl::StrCat("\"", TruncateUtf8(ValueText(*bad), 64),
                                   "\" is not a usable time");
  }
  return false;
}

void FormatDecoder::FindId(absl::string_view text, EventBatch* batch,
                           const Value* cells, Event* event) {
  for (uint32_t cell : plan_.id) {
    const Value& value = cells[cell];
    if (!HasValue(value) || value.is_list()) continue;
    if (value.is_string() && value.string_value().size() <= kMaxIdBytes) {
      event->id = value.string_value();
      return;
    }
    ScalarBuffer buffer;
    const absl::string_view id = ScalarText(value, buffer);
    event->id = batch->CopyText(
        id.size() <= kMaxIdBytes
            ? std::string(id)
            : absl::StrFormat("%016x", XXH3_64bits(id.data(), id.size())));
    return;
  }
  // From the record itself, so that it is the same wherever the record is read
  // again: after a restart, in a copy of the file, or stored by itself.
  event->id = batch->CopyText(
      absl::StrFormat("%016x", XXH3_64bits(text.data(), text.size())));
  event->id_is_position = true;
}

void FormatDecoder::ChooseFields(EventBatch* batch, Value* cells) {
  for (const EventPlan::Choice& choice : plan_.choices) {
    Value& value = cells[choice.to];
    if (!HasValue(value) && (!choice.from.empty() || value.is_string())) {
      // A value that stands for none is none.
      if (value.is_string() && !value.string_value().empty()) value = Value();
      for (uint32_t cell : choice.from) {
        if (HasValue(cells[cell])) {
          value = cells[cell];
          break;
        }
        if (value.absent() && !cells[cell].is_string()) value = cells[cell];
      }
    }
    if (choice.kind == EventPlan::Choice::Kind::kAny || !value.is_string()) {
      continue;
    }
    int64_t number;
    switch (choice.kind) {
      case EventPlan::Choice::Kind::kInteger:
        if (absl::SimpleAtoi(value.string_value(), &number)) {
          value = Value::Int(number);
        }
        break;
      case EventPlan::Choice::Kind::kAddress:
        value = Value::String(WithoutPort(value.string_value()));
        break;
      case EventPlan::Choice::Kind::kAny:
        break;
    }
  }
  // A key is a name, whatever the log makes of it.
  Value& key = cells[plan_.derived.key_id];
  if (key.is_list()) key = key.list_size() > 0 ? key.list_at(0) : Value();
  if (key.is_string()) {
    key = Value::String(WithoutScheme(key.string_value()));
  } else if (key.is_number()) {
    ScalarBuffer buffer;
    key = Value::String(batch->CopyText(ScalarText(key, buffer)));
  }
}

void FormatDecoder::FillPatterns(EventBatch* batch, Value* cells) {
  for (const EventPlan::Pattern& pattern : plan_.patterns) {
    if (HasValue(cells[pattern.to])) continue;
    text_.clear();
    bool complete = true;
    for (const auto& [before, cell] : pattern.parts) {
      ScalarBuffer buffer;
      complete = complete && HasValue(cells[cell]) && !cells[cell].is_list();
      if (!complete) break;
      absl::StrAppend(&text_, before, ScalarText(cells[cell], buffer));
    }
    if (!complete) continue;
    text_ += pattern.tail;
    cells[pattern.to] = Value::String(
        batch->CopyText(TruncateUtf8(text_, limits_.max_value_bytes)));
  }
}

}  // namespace keywatch
