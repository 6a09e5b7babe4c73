#ifndef DAEMON_STORE_RECORD_CODEC_H_
#define DAEMON_STORE_RECORD_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/core/alert.h"
#include "daemon/core/key_profile.h"
#include "daemon/core/roll.h"

namespace keywatch {

// What the database keeps of a record beside its columns: bytes that begin with
// the number of their layout (daemon/store/README.md has the layouts). Decoding
// fills the fields named at Encode and leaves the others; DATA_LOSS for bytes
// that are not of a known layout. Thread-safe.

// rule_name, title, group, description, playbook, tags, evidence, notify.
std::string EncodeAlertDetail(const Alert& alert);
absl::Status DecodeAlertDetail(absl::string_view bytes, Alert* alert);

// The lists of seen values and their overflows.
std::string EncodeKeyLists(const KeyProfile& profile);
absl::Status DecodeKeyLists(absl::string_view bytes, KeyProfile* profile);

// Everything but id, old_key, state, started_ms and version.
std::string EncodeRollDetail(const Roll& roll);
absl::Status DecodeRollDetail(absl::string_view bytes, Roll* roll);

// 64-bit hashes.
std::string EncodeHashes(const std::vector<uint64_t>& hashes);
absl::Status DecodeHashes(absl::string_view bytes,
                          std::vector<uint64_t>* hashes);

}  // namespace keywatch

#endif  // DAEMON_STORE_RECORD_CODEC_H_
