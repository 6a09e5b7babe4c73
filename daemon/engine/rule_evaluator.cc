#include "daemon/engine/rule_evaluator.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/engine/group_key.h"

namespace keywatch {

RuleEvaluator::RuleEvaluator(EngineContext* context, uint32_t rule)
    : context_(*context),
      rule_(context->rules().rule(rule)),
      rule_index_(rule),
      owner_(absl::StrCat(rule_.id.view(), "@", rule_.meaning)),
      rearm_ms_(rule_.timespan_ms > 0 ? rule_.timespan_ms : kDefaultRearmMs),
      evidence_maker_(context->rules(), rule_) {
  const Slot key_slot = context->rules().well_known().key_id;
  const std::string& key_name = context->rules().fields().name(key_slot);
  if (!rule_.stateful()) {
    group_names_.push_back(key_name);
    plans_.push_back(context->AddGroupPlan({key_slot}));
  } else {
    group_names_ = rule_.group_by;
    for (const std::vector<FieldRef>& refs : rule_.group_refs) {
      std::vector<Slot> slots;
      for (const FieldRef& ref : refs) {
        if (ref.slot != kNoSlot) slots.push_back(ref.slot);
      }
      const bool event_only = slots.size() == refs.size();
      plans_.push_back(event_only ? context->AddGroupPlan(std::move(slots))
                                  : int64_t{-1});
    }
  }
  for (size_t i = 0; i < group_names_.size(); ++i) {
    if (group_names_[i] == key_name) key_group_index_ = static_cast<int>(i);
  }
}

bool RuleEvaluator::GroupOf(const Input& input, GroupName* out) {
  // Without group-by there is one group.
  if (rule_.stateful() && rule_.group_by.empty()) {
    *out = GroupName{"", StableHash("")};
    return true;
  }
  const int64_t plan = plans_[input.input];
  if (plan >= 0 && input.signal->event != nullptr) {
    const EngineContext::GroupPlan& made =
        context_.GroupOf(static_cast<uint32_t>(plan), *input.signal->event);
    if (!made.exists) return false;
    *out = GroupName{made.key, made.hash};
    return true;
  }
  group_scratch_.clear();
  if (!AppendFields(rule_.group_refs[input.input], *input.signal,
                    &group_scratch_)) {
    return false;
  }
  *out = GroupName{group_scratch_, StableHash(group_scratch_)};
  return true;
}

bool RuleEvaluator::AppendFields(const std::vector<FieldRef>& fields,
                                 const Signal& signal, std::string* out) {
  for (const FieldRef& field : fields) {
    if (field.slot != kNoSlot) {
      if (signal.event == nullptr ||
          !AppendGroupValue(signal.event->at(field.slot), out)) {
        return false;
      }
    } else {
      const size_t index = static_cast<size_t>(field.group_index);
      if (index >= signal.group.size() || signal.group[index].empty()) {
        return false;
      }
      AppendGroupValue(signal.group[index], out);
    }
  }
  return true;
}

std::string RuleEvaluator::FieldText(const FieldRef& field,
                                     const Signal& signal) {
  if (field.slot != kNoSlot) {
    return signal.event == nullptr ? std::string()
                                   : ValueText(signal.event->at(field.slot));
  }
  const size_t index = static_cast<size_t>(field.group_index);
  return index < signal.group.size() ? std::string(signal.group[index])
                                     : std::string();
}

bool RuleEvaluator::FieldNumber(const FieldRef& field, const Signal& signal,
                                double* out) {
  absl::string_view text;
  if (field.slot != kNoSlot) {
    if (signal.event == nullptr) return false;
    const Value& value = signal.event->at(field.slot);
    if (value.is_number()) {
      *out = value.AsDouble();
      return std::isfinite(*out);
    }
    if (!value.is_string()) return false;
    text = value.string_value();
  } else {
    const size_t index = static_cast<size_t>(field.group_index);
    if (index >= signal.group.size()) return false;
    text = signal.group[index];
  }
  return absl::SimpleAtod(text, out) && std::isfinite(*out);
}

std::string RuleEvaluator::ValuesText(const Input& input) const {
  std::string out;
  const std::vector<FieldRef>& refs = rule_.value_refs[input.input];
  for (size_t i = 0; i < refs.size(); ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ", ", rule_.value_fields[i], "=",
                    FieldText(refs[i], *input.signal));
  }
  return out;
}

std::string RuleEvaluator::ValueFieldNames() const {
  if (rule_.value_fields.size() == 1) return rule_.value_fields[0];
  return absl::StrCat("(", absl::StrJoin(rule_.value_fields, ", "), ")");
}

std::string RuleEvaluator::KeyOf(absl::string_view encoded_group,
                                 const Signal& signal) const {
  if (key_group_index_ >= 0) {
    std::vector<absl::string_view> values;
    DecodeGroup(encoded_group, &values);
    const size_t index = static_cast<size_t>(key_group_index_);
    if (index < values.size()) return std::string(values[index]);
  }
  if (!signal.key.empty()) return std::string(signal.key);
  if (signal.event == nullptr) return "";
  return ValueText(signal.event->at(context_.rules().well_known().key_id));
}

void RuleEvaluator::OpenSilently(GroupRecord* record, const Firing& firing) {
  const std::string key = KeyOf(record->key.view(), *firing.cause);
  record->episode = std::make_unique<Episode>();
  Episode& episode = *record->episode;
  episode.id = MakeAlertId(rule_.id, record->key.view(), firing.time_ms,
                           firing.cause->event_id);
  episode.key = KeyId(key);
  episode.first_fire_ms = firing.time_ms;
  episode.first_event_ms = firing.first_event_ms;
  episode.last_event_ms = firing.last_event_ms;
  episode.hold_until_ms = firing.hold_until_ms;
  episode.count = firing.count;
  // What a detection gives is every match, not every episode.
  if (!rule_.stateful()) return;
  ++context_.stats().matches[rule_index_];
  context_.SendCopy(rule_index_, *firing.cause, firing.time_ms,
                    record->key.view(), key);
}

void RuleEvaluator::Announce(GroupRecord* record) {
  ++context_.stats().episodes[rule_index_];
  record->episode->news = Episode::News::kOpen;
  context_.Opened();
  context_.AddNews(rule_index_, record->slot, record->generation);
}

void RuleEvaluator::ShowBefore(const std::vector<Evidence>& before,
                               Episode* episode) {
  Encoder encoder(&episode->evidence);
  for (const Evidence& evidence : before) {
    if (episode->evidence_count == Detection::kMaxEvidence) return;
    EncodeEvidence(evidence, &encoder);
    ++episode->evidence_count;
  }
}

void RuleEvaluator::AddEvidence(const Signal& signal, Episode* episode) {
  if (episode->evidence_count == Detection::kMaxEvidence) return;
  evidence_maker_.Append(signal, &episode->evidence);
  ++episode->evidence_count;
}

void RuleEvaluator::DecodeEvidenceList(absl::string_view encoded,
                                       std::vector<Evidence>* out) {
  Decoder decoder(encoded);
  while (!decoder.done() && decoder.ok() &&
         out->size() < Detection::kMaxEvidence) {
    Evidence evidence;
    if (!DecodeEvidence(&decoder, &evidence)) return;
    const bool shown =
        std::any_of(out->begin(), out->end(), [&](const Evidence& other) {
          return other.event_id == evidence.event_id &&
                 other.time_ms == evidence.time_ms;
        });
    if (!shown) out->push_back(std::move(evidence));
  }
}

void RuleEvaluator::Fold(GroupRecord* record, const Signal& signal) {
  Episode& episode = *record->episode;
  ++episode.count;
  episode.last_event_ms = std::max(episode.last_event_ms, signal.time_ms);
  if (!rule_.alerts) return;
  if (signal.event != nullptr) AddEvidence(signal, &episode);
  Changed(record);
}

void RuleEvaluator::Changed(GroupRecord* record) {
  if (!rule_.alerts || record->episode->news != Episode::News::kNone) return;
  record->episode->news = Episode::News::kUpdate;
  context_.AddNews(rule_index_, record->slot, record->generation);
}

void RuleEvaluator::Close(GroupRecord* record) {
  if (rule_.alerts) {
    if (record->episode->news == Episode::News::kOpen) {
      context_.AddDetection(Snapshot(*record, Detection::Kind::kOpen));
    }
    context_.AddDetection(Snapshot(*record, Detection::Kind::kClose));
  }
  record->episode.reset();
}

Detection RuleEvaluator::Snapshot(const GroupRecord& record,
                                  Detection::Kind kind) const {
  const Episode& episode = *record.episode;
  Detection out;
  out.kind = kind;
  out.rule = rule_index_;
  out.id = episode.id;
  out.key = episode.key;
  std::vector<absl::string_view> values;
  DecodeGroup(record.key.view(), &values);
  for (size_t i = 0; i < values.size() && i < group_names_.size(); ++i) {
    out.group.emplace_back(group_names_[i], std::string(values[i]));
  }
  out.first_fire_ms = episode.first_fire_ms;
  out.first_event_ms = episode.first_event_ms;
  out.last_event_ms = episode.last_event_ms;
  out.count = episode.count;
  out.late_events = episode.late_events;
  Decoder decoder(episode.evidence);
  for (int i = 0; i < episode.evidence_count; ++i) {
    out.evidence.emplace_back();
    DecodeEvidence(&decoder, &out.evidence.back());
  }
  out.explanation = episode.explanation;
  return out;
}

}  // namespace keywatch
