#include "daemon/rules/contains_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"

namespace keywatch {
namespace {

// How likely a byte is in logs, roughly: rarer ones make better grams.
int Commonness(char c) {
  const unsigned char u = static_cast<unsigned char>(c);
  if (absl::ascii_isdigit(u)) return 3;
  if (std::memchr("etaoinsrhldc", c, 12) != nullptr) return 4;
  if (absl::ascii_islower(u)) return 2;
  if (std::memchr(" /._-\\:", c, 7) != nullptr) return 3;
  return 1;
}

}  // namespace

void ContainsIndex::Add(absl::string_view text, uint32_t id) {
  if (text.size() >= 4) {
    entries_.push_back({std::string(text), id, 0});
  } else if (text.size() >= 2) {
    const bool has_third = text.size() == 3;
    shorts_.push_back(
        {Pair(text.data()), has_third, has_third ? text[2] : '\0', id});
  } else {
    if (singles_.empty()) singles_.assign(256, kNone);
    singles_[static_cast<uint8_t>(text[0])] = id;
  }
}

void ContainsIndex::BuildShorts() {
  if (shorts_.empty()) return;
  std::stable_sort(
      shorts_.begin(), shorts_.end(),
      [](const Short& a, const Short& b) { return a.pair < b.pair; });
  pairs_.assign(65536 / 64, 0);
  for (uint32_t i = 0; i < shorts_.size(); ++i) {
    const uint32_t pair = shorts_[i].pair;
    if (i == 0 || shorts_[i - 1].pair != pair) pair_first_.push_back(i);
    pairs_[pair / 64] |= uint64_t{1} << (pair % 64);
  }
  pair_first_.push_back(static_cast<uint32_t>(shorts_.size()));
  uint32_t rank = 0;
  for (const uint64_t word : pairs_) {
    pair_ranks_.push_back(rank);
    rank += static_cast<uint32_t>(__builtin_popcountll(word));
  }
}

void ContainsIndex::Build() {
  BuildShorts();
  if (entries_.empty()) return;

  absl::flat_hash_map<uint32_t, uint32_t> uses;
  for (const Entry& entry : entries_) {
    for (size_t i = 0; i + 4 <= entry.text.size(); ++i) {
      ++uses[Gram(entry.text.data() + i)];
    }
  }
  for (Entry& entry : entries_) {
    int best = -1;
    for (size_t i = 0; i + 4 <= entry.text.size(); ++i) {
      int score = static_cast<int>(
          std::min<uint32_t>(uses[Gram(entry.text.data() + i)], 1000) * 4);
      for (size_t k = 0; k < 4; ++k) score += Commonness(entry.text[i + k]);
      if (best >= 0 && score >= best) continue;
      best = score;
      entry.offset = static_cast<uint32_t>(i);
    }
  }
  const auto gram = [](const Entry& entry) {
    return Gram(entry.text.data() + entry.offset);
  };
  std::sort(
      entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) {
        return std::make_pair(gram(a), a.id) < std::make_pair(gram(b), b.id);
      });

  // Eight places for each text keep false alarms near one in ten; the usual
  // few texts stay within the nearest cache.
  int bits = 10;
  while (bits < 18 && (size_t{1} << bits) < entries_.size() * 8) ++bits;
  maybe_.assign(size_t{1} << bits, 0);
  maybe_shift_ = 32 - bits;
  int table_bits = 2;
  while ((size_t{1} << table_bits) < entries_.size() * 2) ++table_bits;
  table_.assign(size_t{1} << table_bits, Bucket());
  table_shift_ = 32 - table_bits;
  for (uint32_t i = 0; i < entries_.size();) {
    const uint32_t key = gram(entries_[i]);
    uint32_t end = i;
    while (end < entries_.size() && gram(entries_[end]) == key) ++end;
    const uint32_t hash = key * kMultiplier;
    maybe_[hash >> maybe_shift_] = 1;
    uint32_t slot = hash >> table_shift_;
    while (table_[slot].first != table_[slot].last) slot = Next(slot);
    table_[slot] = {key, i, end};
    i = end;
  }
}

}  // namespace keywatch
