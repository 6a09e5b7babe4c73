#include "daemon/engine/key_profiler.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/utf8.h"
#include "daemon/engine/group_key.h"

namespace keywatch {
namespace {

constexpr size_t kMaxValueBytes = 200;

// Finds the values of one dimension by hash, beginning with the one that came
// last: a key mostly does what it just did.
class Dimension {
 public:
  void Count(absl::string_view value, EventTime time,
             std::vector<SeenValue>* values, int64_t* overflow) {
    if (value.empty()) return;
    value = TruncateUtf8(value, kMaxValueBytes);
    const uint64_t hash = StableHash(value);
    if (hashes_.size() != values->size()) Index(*values);
    size_t at = last_;
    if (at >= hashes_.size() || hashes_[at] != hash) {
      at = std::find(hashes_.begin(), hashes_.end(), hash) - hashes_.begin();
    }
    if (at == hashes_.size()) {
      if (values->size() >= KeyProfile::kMaxValues) {
        if (overflow != nullptr) ++*overflow;
        return;
      }
      values->push_back({std::string(value), 0, time, time});
      hashes_.push_back(hash);
    }
    last_ = at;
    SeenValue& seen = (*values)[at];
    ++seen.count;
    seen.first_ms = std::min(seen.first_ms, time);
    seen.last_ms = std::max(seen.last_ms, time);
  }

 private:
  void Index(const std::vector<SeenValue>& values) {
    hashes_.clear();
    for (const SeenValue& seen : values) {
      hashes_.push_back(StableHash(seen.value));
    }
  }

  std::vector<uint64_t> hashes_;
  size_t last_ = 0;
};

absl::string_view Text(const Event& event, Slot slot, ScalarBuffer& buffer) {
  return ScalarText(event.at(slot), buffer);
}

int Status(const Value& value) {
  if (value.is_number()) {
    const double status = value.AsDouble();
    return status >= 0 && status < 1000 ? static_cast<int>(status) : 0;
  }
  int status = 0;
  if (value.is_string() && absl::SimpleAtoi(value.string_value(), &status)) {
    return status;
  }
  return 0;
}

// The network of an address: its first 24 (IPv4) or 48 (IPv6) bits.
std::string Prefix(absl::string_view address) {
  constexpr size_t kLongest = INET6_ADDRSTRLEN;
  if (address.empty() || address.size() > kLongest) return "";
  const std::string text(address);
  unsigned char bytes[16];
  char out[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) {
    return absl::StrCat(bytes[0], ".", bytes[1], ".", bytes[2], ".0/24");
  }
  if (inet_pton(AF_INET6, text.c_str(), bytes) != 1) return "";
  static constexpr unsigned char kMapped[12] = {0, 0, 0, 0, 0,    0,
                                                0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped, kMapped + 12, bytes)) {
    return absl::StrCat(bytes[12], ".", bytes[13], ".", bytes[14], ".0/24");
  }
  std::fill(bytes + 6, bytes + 16, 0);
  if (inet_ntop(AF_INET6, bytes, out, sizeof(out)) == nullptr) return "";
  return absl::StrCat(out, "/48");
}

}  // namespace

struct KeyProfiler::Entry {
  KeyProfile profile;
  Dimension operations;
  Dimension networks;
  Dimension user_agents;
  Dimension sensitive_fields;
  bool changed = false;
  std::list<std::unique_ptr<Entry>>::iterator place;
};

std::string NetworkOf(const Event& event, const RuleSet::WellKnown& fields) {
  ScalarBuffer asn_buffer;
  ScalarBuffer buffer;
  const absl::string_view asn = Text(event, fields.source_asn, asn_buffer);
  if (!asn.empty()) {
    const absl::string_view country =
        Text(event, fields.source_country, buffer);
    return absl::StrCat("AS", asn, country.empty() ? "" : " ", country);
  }
  return Prefix(Text(event, fields.source_ip, buffer));
}

KeyProfiler::KeyProfiler(std::shared_ptr<const RuleSet> rules, size_t max_keys,
                         Loader load)
    : rules_(std::move(rules)),
      max_keys_(std::max<size_t>(1, max_keys)),
      load_(std::move(load)) {}

KeyProfiler::~KeyProfiler() = default;

void KeyProfiler::Observe(const Event& event) {
  const RuleSet::WellKnown& fields = rules_->well_known();
  ScalarBuffer buffer;
  const absl::string_view key = Text(event, fields.key_id, buffer);
  if (key.empty()) return;
  Entry* entry = Get(key, event.time_ms);
  KeyProfile& profile = entry->profile;
  if (!entry->changed) {
    entry->changed = true;
    changed_.push_back(entry);
  }
  const EventTime time = event.time_ms;
  profile.first_seen_ms = std::min(profile.first_seen_ms, time);
  profile.last_seen_ms = std::max(profile.last_seen_ms, time);
  ++profile.requests;
  const int status = Status(event.at(fields.status));
  if (status == 401 || status == 403) {
    ++profile.denied;
    profile.last_denied_ms = std::max(profile.last_denied_ms, time);
  }
  // Logs without a status have an outcome.
  if ((status > 0 && status < 400) ||
      (status == 0 && Text(event, fields.event_outcome, buffer) == "success")) {
    profile.last_success_ms = std::max(profile.last_success_ms, time);
  }
  if (status >= 400 && status < 600) ++profile.failed;
  const absl::string_view kind = Text(event, fields.key_kind, buffer);
  if (!kind.empty() && profile.kind != kind) profile.kind = std::string(kind);

  absl::string_view operation = Text(event, fields.operation, buffer);
  if (operation.empty()) operation = Text(event, fields.event_action, buffer);
  entry->operations.Count(operation, time, &profile.operations,
                          &profile.operations_overflow);
  const Value& asn = event.at(fields.source_asn);
  if (!asn.absent() || !event.at(fields.source_ip).absent()) {
    entry->networks.Count(NetworkOf(event, fields), time, &profile.networks,
                          &profile.networks_overflow);
  }
  entry->user_agents.Count(Text(event, fields.user_agent, buffer), time,
                           &profile.user_agents, &profile.user_agents_overflow);
  event.at(fields.sensitive_fields).AnyElement([&](const Value& value) {
    entry->sensitive_fields.Count(ScalarText(value, buffer), time,
                                  &profile.sensitive_fields, nullptr);
    return false;
  });
}

KeyProfiler::Entry* KeyProfiler::Get(absl::string_view key, EventTime time) {
  const auto it = keys_.find(key);
  if (it != keys_.end()) {
    Entry* entry = it->second;
    if (entry->place != std::prev(order_.end())) {
      order_.splice(order_.end(), order_, entry->place);
    }
    return entry;
  }
  const KeyId id(key);
  absl::optional<KeyProfile> loaded;
  if (load_) loaded = load_(id);
  if (!loaded) {
    loaded.emplace();
    loaded->key = id;
    loaded->first_seen_ms = time;
    loaded->last_seen_ms = time;
  }
  return Insert(*std::move(loaded));
}

KeyProfiler::Entry* KeyProfiler::Insert(KeyProfile profile) {
  if (keys_.size() >= max_keys_) Evict();
  order_.push_back(std::make_unique<Entry>());
  Entry* entry = order_.back().get();
  entry->profile = std::move(profile);
  entry->place = std::prev(order_.end());
  keys_.emplace(entry->profile.key.view(), entry);
  return entry;
}

void KeyProfiler::Evict() {
  // Those that changed stay where they are until they are taken; TakeChanged
  // then brings the number back under the bound.
  Entry* oldest = order_.front().get();
  if (oldest->changed) return;
  keys_.erase(oldest->profile.key.view());
  order_.pop_front();
}

std::vector<KeyProfile> KeyProfiler::TakeChanged() {
  std::vector<KeyProfile> out;
  out.reserve(changed_.size());
  for (Entry* entry : changed_) {
    entry->changed = false;
    out.push_back(entry->profile);
  }
  changed_.clear();
  while (keys_.size() > max_keys_) Evict();
  std::sort(
      out.begin(), out.end(),
      [](const KeyProfile& a, const KeyProfile& b) { return a.key < b.key; });
  return out;
}

void KeyProfiler::Restore(const KeyProfile& profile) {
  const auto it = keys_.find(profile.key.view());
  if (it == keys_.end()) {
    Insert(profile);
    return;
  }
  // The table points at the name in the entry, which is about to move.
  Entry* entry = it->second;
  keys_.erase(it);
  entry->profile = profile;
  entry->operations = Dimension();
  entry->networks = Dimension();
  entry->user_agents = Dimension();
  entry->sensitive_fields = Dimension();
  keys_.emplace(entry->profile.key.view(), entry);
}

const KeyProfile* KeyProfiler::Find(const KeyId& key) const {
  const auto it = keys_.find(key.view());
  return it == keys_.end() ? nullptr : &it->second->profile;
}

}  // namespace keywatch
