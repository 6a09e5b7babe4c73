#include "daemon/engine/group_key.h"

#define XXH_INLINE_ALL
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/core/utf8.h"
#include "xxhash.h"

namespace keywatch {
namespace {

// "..." and 16 digits.
constexpr size_t kHashBytes = 19;

}  // namespace

void AppendGroupValue(absl::string_view value, std::string* out) {
  Encoder encoder(out);
  if (value.size() <= kMaxGroupValueBytes) {
    encoder.String(value);
    return;
  }
  encoder.String(
      absl::StrCat(TruncateUtf8(value, kMaxGroupValueBytes - kHashBytes), "...",
                   absl::Hex(StableHash(value), absl::kZeroPad16)));
}

bool AppendGroupValue(const Value& value, std::string* out) {
  if (value.is_list()) {
    const std::string text = ValueText(value);
    if (text.empty()) return false;
    AppendGroupValue(text, out);
    return true;
  }
  ScalarBuffer buffer;
  const absl::string_view text = ScalarText(value, buffer);
  if (text.empty()) return false;
  AppendGroupValue(text, out);
  return true;
}

bool DecodeGroup(absl::string_view encoded,
                 std::vector<absl::string_view>* values) {
  values->clear();
  Decoder decoder(encoded);
  while (decoder.ok() && !decoder.done()) values->push_back(decoder.String());
  return decoder.ok();
}

uint64_t StableHash(absl::string_view text) {
  return XXH3_64bits(text.data(), text.size());
}

uint64_t StableHash(absl::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

}  // namespace keywatch
