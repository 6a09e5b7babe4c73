#include "daemon/history/history_event.h"

#include "daemon/core/codec.h"

namespace keywatch {
namespace {

void EncodeValue(const Value& value, Encoder* encoder) {
  encoder->Varint(static_cast<uint64_t>(value.type()));
  switch (value.type()) {
    case Value::Type::kBool:
      encoder->Bool(value.bool_value());
      break;
    case Value::Type::kInt:
      encoder->Signed(value.int_value());
      break;
    case Value::Type::kDouble:
      encoder->Double(value.double_value());
      break;
    case Value::Type::kString:
      encoder->String(value.string_value());
      break;
    case Value::Type::kList:
      encoder->Varint(value.list_size());
      for (uint32_t i = 0; i < value.list_size(); ++i) {
        EncodeValue(value.list_at(i), encoder);
      }
      break;
    default:
      break;
  }
}

// `in_list` ends malformed nesting: a list holds scalars.
absl::optional<Value> DecodeValue(Decoder* decoder, EventBatch* arena,
                                  bool in_list) {
  const uint64_t type = decoder->Varint();
  switch (type) {
    case static_cast<uint64_t>(Value::Type::kNull):
      return Value::Null();
    case static_cast<uint64_t>(Value::Type::kBool):
      return Value::Bool(decoder->Bool());
    case static_cast<uint64_t>(Value::Type::kInt):
      return Value::Int(decoder->Signed());
    case static_cast<uint64_t>(Value::Type::kDouble):
      return Value::Double(decoder->Double());
    case static_cast<uint64_t>(Value::Type::kString):
      return Value::String(decoder->String());
    case static_cast<uint64_t>(Value::Type::kList): {
      const uint64_t size = decoder->Varint();
      constexpr uint64_t kMaxList = 1 << 20;
      if (in_list || size > kMaxList) return absl::nullopt;
      std::vector<Value> elements;
      for (uint64_t i = 0; i < size && decoder->ok(); ++i) {
        const absl::optional<Value> element =
            DecodeValue(decoder, arena, /*in_list=*/true);
        if (!element) return absl::nullopt;
        elements.push_back(*element);
      }
      Value* list = arena->NewValues(elements.size());
      for (size_t i = 0; i < elements.size(); ++i) list[i] = elements[i];
      return Value::List(list, static_cast<uint32_t>(elements.size()));
    }
    default:
      return absl::nullopt;
  }
}

void EncodeHead(EventTime time_ms, absl::string_view id, uint32_t source,
                bool id_is_position, EventTime* last_ms, Encoder* encoder) {
  encoder->Varint(uint64_t{source} << 1 | (id_is_position ? 1 : 0));
  // Differences wrap around, so that any two times have one.
  encoder->Signed(static_cast<int64_t>(static_cast<uint64_t>(time_ms) -
                                       static_cast<uint64_t>(*last_ms)));
  *last_ms = time_ms;
  encoder->String(id);
}

}  // namespace

std::string EncodeSchema(const HistorySchema& schema) {
  std::string out;
  Encoder encoder(&out);
  encoder.Varint(schema.fields.size());
  for (const std::string& field : schema.fields) encoder.String(field);
  encoder.Varint(schema.sources.size());
  for (const HistorySchema::Source& source : schema.sources) {
    encoder.String(source.name);
    encoder.String(source.product);
    encoder.String(source.category);
    encoder.String(source.service);
  }
  return out;
}

absl::optional<HistorySchema> DecodeSchema(absl::string_view payload) {
  Decoder decoder(payload);
  HistorySchema schema;
  for (uint64_t left = decoder.Varint(); left > 0 && decoder.ok(); --left) {
    schema.fields.emplace_back(decoder.String());
  }
  for (uint64_t left = decoder.Varint(); left > 0 && decoder.ok(); --left) {
    HistorySchema::Source source;
    source.name = std::string(decoder.String());
    source.product = std::string(decoder.String());
    source.category = std::string(decoder.String());
    source.service = std::string(decoder.String());
    schema.sources.push_back(std::move(source));
  }
  if (!decoder.done()) return absl::nullopt;
  return schema;
}

void EncodeEvent(const Event& event, const std::vector<Slot>& slots,
                 EventTime* last_ms, std::string* payload) {
  Encoder encoder(payload);
  EncodeHead(event.time_ms, event.id, event.source, event.id_is_position,
             last_ms, &encoder);
  uint64_t count = 0;
  for (const Slot slot : slots) count += event.at(slot).absent() ? 0 : 1;
  encoder.Varint(count);
  for (size_t i = 0; i < slots.size(); ++i) {
    const Value& value = event.at(slots[i]);
    if (value.absent()) continue;
    encoder.Varint(i);
    EncodeValue(value, &encoder);
  }
}

void EncodeEvent(const HistoryEvent& event, EventTime* last_ms,
                 std::string* payload) {
  Encoder encoder(payload);
  EncodeHead(event.time_ms, event.id, event.source, event.id_is_position,
             last_ms, &encoder);
  encoder.Varint(event.values.size());
  for (const auto& [field, value] : event.values) {
    encoder.Varint(field);
    EncodeValue(value, &encoder);
  }
}

absl::optional<std::vector<HistoryEvent>> DecodeEvents(
    absl::string_view payload, const HistorySchema& schema, EventBatch* arena) {
  Decoder decoder(payload);
  std::vector<HistoryEvent> events;
  EventTime last_ms = 0;
  while (decoder.ok() && !decoder.done()) {
    HistoryEvent event;
    const uint64_t head = decoder.Varint();
    event.source = static_cast<uint32_t>(head >> 1);
    event.id_is_position = (head & 1) != 0;
    last_ms = static_cast<EventTime>(static_cast<uint64_t>(last_ms) +
                                     static_cast<uint64_t>(decoder.Signed()));
    event.time_ms = last_ms;
    event.id = decoder.String();
    const uint64_t count = decoder.Varint();
    if (head >> 1 >= schema.sources.size() || count > schema.fields.size()) {
      return absl::nullopt;
    }
    event.values.reserve(count);
    for (uint64_t i = 0; i < count; ++i) {
      const uint64_t field = decoder.Varint();
      const absl::optional<Value> value =
          DecodeValue(&decoder, arena, /*in_list=*/false);
      if (!value || field >= schema.fields.size()) return absl::nullopt;
      event.values.push_back({static_cast<uint32_t>(field), *value});
    }
    events.push_back(std::move(event));
  }
  if (!decoder.ok()) return absl::nullopt;
  return events;
}

}  // namespace keywatch
