#include "daemon/store/record_codec.h"

#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"

namespace keywatch {
namespace {

constexpr uint64_t kLayout = 1;

// A list is its length and its elements. A length that the bytes do not hold is
// found by the first element that is not there, so nothing is reserved by it.
template <typename T, typename F>
void EncodeList(Encoder& encoder, const std::vector<T>& list, F encode) {
  encoder.Varint(list.size());
  for (const T& element : list) encode(element);
}
template <typename T, typename F>
void DecodeList(Decoder& decoder, std::vector<T>* list, F decode) {
  list->clear();
  const uint64_t size = decoder.Varint();
  for (uint64_t i = 0; i < size && decoder.ok(); ++i) {
    list->emplace_back();
    decode(&list->back());
  }
}

void EncodeStrings(Encoder& encoder, const std::vector<std::string>& list) {
  EncodeList(encoder, list, [&](const std::string& s) { encoder.String(s); });
}
void DecodeStrings(Decoder& decoder, std::vector<std::string>* list) {
  DecodeList(decoder, list,
             [&](std::string* s) { *s = std::string(decoder.String()); });
}

using Pairs = std::vector<std::pair<std::string, std::string>>;
void EncodePairs(Encoder& encoder, const Pairs& pairs) {
  EncodeList(encoder, pairs, [&](const Pairs::value_type& pair) {
    encoder.String(pair.first);
    encoder.String(pair.second);
  });
}
void DecodePairs(Decoder& decoder, Pairs* pairs) {
  DecodeList(decoder, pairs, [&](Pairs::value_type* pair) {
    pair->first = std::string(decoder.String());
    pair->second = std::string(decoder.String());
  });
}

void EncodeSeen(Encoder& encoder, const std::vector<SeenValue>& values) {
  EncodeList(encoder, values, [&](const SeenValue& value) {
    encoder.String(value.value);
    encoder.Signed(value.count);
    encoder.Signed(value.first_ms);
    encoder.Signed(value.last_ms);
  });
}
void DecodeSeen(Decoder& decoder, std::vector<SeenValue>* values) {
  DecodeList(decoder, values, [&](SeenValue* value) {
    value->value = std::string(decoder.String());
    value->count = decoder.Signed();
    value->first_ms = decoder.Signed();
    value->last_ms = decoder.Signed();
  });
}

absl::Status Done(const Decoder& decoder, uint64_t layout,
                  absl::string_view what) {
  if (layout == kLayout && decoder.done()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the stored record of ", what, " cannot be read"));
}

}  // namespace

std::string EncodeAlertDetail(const Alert& alert) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Varint(kLayout);
  encoder.String(alert.rule_name);
  encoder.String(alert.title);
  EncodePairs(encoder, alert.group);
  encoder.String(alert.description);
  encoder.String(alert.playbook);
  EncodeStrings(encoder, alert.tags);
  EncodeList(encoder, alert.evidence, [&](const Evidence& evidence) {
    encoder.String(evidence.event_id);
    encoder.Signed(evidence.time_ms);
    EncodePairs(encoder, evidence.fields);
  });
  EncodeStrings(encoder, alert.notify);
  return bytes;
}

absl::Status DecodeAlertDetail(absl::string_view bytes, Alert* alert) {
  Decoder decoder(bytes);
  const uint64_t layout = decoder.Varint();
  alert->rule_name = std::string(decoder.String());
  alert->title = std::string(decoder.String());
  DecodePairs(decoder, &alert->group);
  alert->description = std::string(decoder.String());
  alert->playbook = std::string(decoder.String());
  DecodeStrings(decoder, &alert->tags);
  DecodeList(decoder, &alert->evidence, [&](Evidence* evidence) {
    evidence->event_id = std::string(decoder.String());
    evidence->time_ms = decoder.Signed();
    DecodePairs(decoder, &evidence->fields);
  });
  DecodeStrings(decoder, &alert->notify);
  return Done(decoder, layout, absl::StrCat("alert ", alert->id.view()));
}

std::string EncodeKeyLists(const KeyProfile& profile) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Varint(kLayout);
  EncodeSeen(encoder, profile.operations);
  EncodeSeen(encoder, profile.networks);
  EncodeSeen(encoder, profile.user_agents);
  EncodeSeen(encoder, profile.sensitive_fields);
  encoder.Signed(profile.operations_overflow);
  encoder.Signed(profile.networks_overflow);
  encoder.Signed(profile.user_agents_overflow);
  return bytes;
}

absl::Status DecodeKeyLists(absl::string_view bytes, KeyProfile* profile) {
  Decoder decoder(bytes);
  const uint64_t layout = decoder.Varint();
  DecodeSeen(decoder, &profile->operations);
  DecodeSeen(decoder, &profile->networks);
  DecodeSeen(decoder, &profile->user_agents);
  DecodeSeen(decoder, &profile->sensitive_fields);
  profile->operations_overflow = decoder.Signed();
  profile->networks_overflow = decoder.Signed();
  profile->user_agents_overflow = decoder.Signed();
  return Done(decoder, layout, absl::StrCat("key ", profile->key.view()));
}

std::string EncodeRollDetail(const Roll& roll) {
  std::string bytes;
  Encoder encoder(&bytes);
  encoder.Varint(kLayout);
  encoder.String(roll.new_key.view());
  encoder.String(roll.reason);
  encoder.String(roll.alert.view());
  encoder.String(roll.started_by);
  encoder.Signed(roll.old_expires_ms);
  encoder.Signed(roll.new_key_first_success_ms);
  encoder.Signed(roll.old_key_last_success_ms);
  encoder.Signed(roll.old_key_refused_ms);
  encoder.String(roll.dashboard_url);
  EncodeList(encoder, roll.follow_ups, [&](const RollFollowUp& follow_up) {
    encoder.Signed(follow_up.id);
    encoder.String(follow_up.what);
    encoder.Bool(follow_up.closed);
    encoder.String(follow_up.closed_by);
    encoder.Signed(follow_up.closed_at_ms);
  });
  EncodeList(encoder, roll.steps, [&](const RollStep& step) {
    encoder.Signed(step.at_ms);
    encoder.String(step.actor);
    encoder.String(step.what);
  });
  return bytes;
}

absl::Status DecodeRollDetail(absl::string_view bytes, Roll* roll) {
  Decoder decoder(bytes);
  const uint64_t layout = decoder.Varint();
  roll->new_key = KeyId(decoder.String());
  roll->reason = std::string(decoder.String());
  roll->alert = AlertId(decoder.String());
  roll->started_by = std::string(decoder.String());
  roll->old_expires_ms = decoder.Signed();
  roll->new_key_first_success_ms = decoder.Signed();
  roll->old_key_last_success_ms = decoder.Signed();
  roll->old_key_refused_ms = decoder.Signed();
  roll->dashboard_url = std::string(decoder.String());
  DecodeList(decoder, &roll->follow_ups, [&](RollFollowUp* follow_up) {
    follow_up->id = decoder.Signed();
    follow_up->what = std::string(decoder.String());
    follow_up->closed = decoder.Bool();
    follow_up->closed_by = std::string(decoder.String());
    follow_up->closed_at_ms = decoder.Signed();
  });
  DecodeList(decoder, &roll->steps, [&](RollStep* step) {
    step->at_ms = decoder.Signed();
    step->actor = std::string(decoder.String());
    step->what = std::string(decoder.String());
  });
  return Done(decoder, layout, absl::StrCat("roll ", roll->id.view()));
}

std::string EncodeHashes(const std::vector<uint64_t>& hashes) {
  std::string bytes;
  bytes.reserve(1 + hashes.size() * 8);
  Encoder encoder(&bytes);
  encoder.Varint(kLayout);
  for (const uint64_t hash : hashes) encoder.Fixed64(hash);
  return bytes;
}

absl::Status DecodeHashes(absl::string_view bytes,
                          std::vector<uint64_t>* hashes) {
  Decoder decoder(bytes);
  const uint64_t layout = decoder.Varint();
  for (size_t left = bytes.size() / 8; left > 0; --left) {
    hashes->push_back(decoder.Fixed64());
  }
  return Done(decoder, layout, "seen event ids");
}

}  // namespace keywatch
