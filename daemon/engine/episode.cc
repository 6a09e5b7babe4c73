#include "daemon/engine/episode.h"

#include <algorithm>
#include <utility>

#include "daemon/core/utf8.h"
#include "daemon/crypto/hash.h"

namespace keywatch {

void Episode::Encode(Encoder* out) const {
  out->String(id.view());
  out->String(key.view());
  out->Signed(first_fire_ms);
  out->Signed(first_event_ms);
  out->Signed(last_event_ms);
  out->Signed(hold_until_ms);
  out->Signed(count);
  out->Signed(late_events);
  out->String(explanation);
  out->Varint(static_cast<uint64_t>(evidence_count));
  out->String(evidence);
}

bool Episode::Decode(Decoder* in) {
  id = AlertId(in->String());
  key = KeyId(in->String());
  first_fire_ms = in->Signed();
  first_event_ms = in->Signed();
  last_event_ms = in->Signed();
  hold_until_ms = in->Signed();
  count = in->Signed();
  late_events = in->Signed();
  explanation = std::string(in->String());
  const uint64_t count = in->Varint();
  evidence = std::string(in->String());
  if (!in->ok() || count > Detection::kMaxEvidence) return false;
  evidence_count = static_cast<int>(count);
  Decoder decoder(evidence);
  for (uint64_t i = 0; i < count; ++i) {
    Evidence one;
    if (!DecodeEvidence(&decoder, &one)) return false;
  }
  return decoder.done();
}

void EncodeEvidence(const Evidence& evidence, Encoder* out) {
  out->String(evidence.event_id);
  out->Signed(evidence.time_ms);
  out->Varint(evidence.fields.size());
  for (const auto& [name, text] : evidence.fields) {
    out->String(name);
    out->String(text);
  }
}

bool DecodeEvidence(Decoder* in, Evidence* out) {
  out->event_id = std::string(in->String());
  out->time_ms = in->Signed();
  const uint64_t size = in->Varint();
  // Each field takes two bytes at least: a longer count is a lie.
  constexpr uint64_t kMaxFields = 4096;
  if (!in->ok() || size > kMaxFields) return false;
  out->fields.clear();
  for (uint64_t i = 0; i < size && in->ok(); ++i) {
    std::string name(in->String());
    out->fields.emplace_back(std::move(name), std::string(in->String()));
  }
  return in->ok();
}

AlertId MakeAlertId(const RuleId& rule, absl::string_view encoded_group,
                    EventTime first_fire_ms, absl::string_view event_id) {
  std::string text;
  Encoder encoder(&text);
  encoder.String(rule.view());
  encoder.String(encoded_group);
  encoder.Signed(first_fire_ms);
  encoder.String(event_id);
  return AlertId(Sha256Hex(text, 32));
}

EvidenceMaker::EvidenceMaker(const RuleSet& rules, const Rule& rule) {
  auto add = [&](Slot slot) {
    if (slot == kNoSlot || slot >= rules.fields().size()) return;
    const std::string& name = rules.fields().name(slot);
    if (name == FieldTable::kAllStrings) return;
    for (const Field& field : fields_) {
      if (field.slot == slot) return;
    }
    fields_.push_back({slot, name});
  };
  const RuleSet::WellKnown& known = rules.well_known();
  for (Slot slot : {known.operation, known.method, known.path, known.status,
                    known.error_code, known.source_ip, known.source_asn,
                    known.source_country, known.user_agent, known.request_id}) {
    add(slot);
  }
  for (Slot slot : rule.evidence_slots) add(slot);
  for (uint32_t input : rule.inputs) {
    for (Slot slot : rules.rule(input).evidence_slots) add(slot);
  }
}

void EvidenceMaker::Append(const Signal& signal, std::string* out) const {
  Encoder encoder(out);
  encoder.String(signal.event_id);
  encoder.Signed(signal.time_ms);
  auto shown = [&](const Field& field) {
    if (signal.event == nullptr) return false;
    const Value& value = signal.event->at(field.slot);
    switch (value.type()) {
      case Value::Type::kAbsent:
      case Value::Type::kNull:
        return false;
      case Value::Type::kString:
        return !value.string_value().empty();
      case Value::Type::kList:
        return value.list_size() > 0;
      default:
        return true;
    }
  };
  uint64_t count = 0;
  for (const Field& field : fields_) count += shown(field) ? 1 : 0;
  encoder.Varint(count);
  for (const Field& field : fields_) {
    if (!shown(field)) continue;
    encoder.String(field.name);
    const Value& value = signal.event->at(field.slot);
    if (value.is_list()) {
      encoder.String(TruncateUtf8(ValueText(value), kMaxValueBytes));
    } else {
      ScalarBuffer buffer;
      encoder.String(TruncateUtf8(ScalarText(value, buffer), kMaxValueBytes));
    }
  }
}

}  // namespace keywatch
