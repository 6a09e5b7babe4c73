#include "daemon/rules/regex_index.h"

#include <algorithm>
#include <utility>

#include "re2/re2.h"
#include "re2/set.h"

namespace keywatch {
namespace {

// Many expressions in one automaton can make it grow beyond its memory, from
// where on it is slow.
constexpr size_t kBatch = 64;
constexpr int64_t kBatchMemory = 16 << 20;
constexpr size_t kLeastForSet = 3;

}  // namespace

struct RegexIndex::Batch {
  size_t begin;
  size_t end;
  std::unique_ptr<re2::RE2::Set> set;
};

RegexIndex::RegexIndex() = default;
RegexIndex::RegexIndex(RegexIndex&&) noexcept = default;
RegexIndex& RegexIndex::operator=(RegexIndex&&) noexcept = default;
RegexIndex::~RegexIndex() = default;

void RegexIndex::Add(std::shared_ptr<const re2::RE2> regex, uint32_t id) {
  entries_.push_back({std::move(regex), id});
}

void RegexIndex::Build() {
  for (size_t begin = 0; begin < entries_.size(); begin += kBatch) {
    Batch batch{begin, std::min(begin + kBatch, entries_.size()), nullptr};
    if (batch.end - begin >= kLeastForSet) {
      re2::RE2::Options options = entries_[begin].regex->options();
      options.set_max_mem(kBatchMemory);
      batch.set =
          std::make_unique<re2::RE2::Set>(options, re2::RE2::UNANCHORED);
      bool usable = true;
      for (size_t i = begin; i < batch.end && usable; ++i) {
        usable = batch.set->Add(entries_[i].regex->pattern(), nullptr) ==
                 static_cast<int>(i - begin);
      }
      if (!usable || !batch.set->Compile()) batch.set = nullptr;
    }
    batches_.push_back(std::move(batch));
  }
}

void RegexIndex::Find(absl::string_view text,
                      std::vector<uint32_t>* ids) const {
  const re2::StringPiece piece(text.data(), text.size());
  std::vector<int> found;
  for (const Batch& batch : batches_) {
    if (batch.set != nullptr) {
      re2::RE2::Set::ErrorInfo error;
      if (batch.set->Match(piece, &found, &error)) {
        for (const int i : found) {
          ids->push_back(entries_[batch.begin + static_cast<size_t>(i)].id);
        }
        continue;
      }
      if (error.kind == re2::RE2::Set::kNoError) continue;
      // Out of memory: one by one.
    }
    for (size_t i = batch.begin; i < batch.end; ++i) {
      if (re2::RE2::PartialMatch(piece, *entries_[i].regex)) {
        ids->push_back(entries_[i].id);
      }
    }
  }
}

}  // namespace keywatch
