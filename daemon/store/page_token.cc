#include "daemon/store/page_token.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/crypto/hash.h"

namespace keywatch {
namespace {

constexpr size_t kChecksumBytes = 8;

std::string Checksum(absl::string_view scope, absl::string_view position) {
  std::string text;
  Encoder encoder(&text);
  encoder.String("page token 1");
  encoder.String(scope);
  encoder.String(position);
  return Sha256(text).substr(0, kChecksumBytes);
}

}  // namespace

std::string MakePageToken(absl::string_view scope, absl::string_view position) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(Checksum(scope, position), position));
}

absl::StatusOr<std::string> ReadPageToken(absl::string_view scope,
                                          absl::string_view token) {
  std::string bytes;
  if (absl::WebSafeBase64Unescape(token, &bytes) &&
      bytes.size() >= kChecksumBytes) {
    std::string position = bytes.substr(kChecksumBytes);
    if (bytes.compare(0, kChecksumBytes, Checksum(scope, position)) == 0) {
      return position;
    }
  }
  return absl::InvalidArgumentError(
      "the page token is not one that this list gave out for this filter; "
      "start again without one");
}

}  // namespace keywatch
