#ifndef DAEMON_HISTORY_BLOCK_H_
#define DAEMON_HISTORY_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/event.h"

namespace keywatch {

// A segment file is blocks one after the other; README.md describes the bytes.
enum class BlockKind : uint8_t { kSchema = 'S', kEvents = 'E' };

struct BlockHeader {
  BlockKind kind = BlockKind::kEvents;
  uint32_t events = 0;
  uint32_t raw_bytes = 0;     // of the payload
  uint32_t stored_bytes = 0;  // of the payload, compressed
  EventTime oldest_ms = kMaxEventTime;
  EventTime newest_ms = kMinEventTime;
  uint64_t payload_hash = 0;  // XXH3 of the stored bytes
};

constexpr size_t kBlockHeaderBytes = 56;
constexpr uint32_t kMaxBlockBytes = 64 << 20;
constexpr char kBlockMagic[] = "KWB1";

// Makes blocks; what zstd works with is kept between them. Thread-compatible.
class BlockCompressor {
 public:
  BlockCompressor();
  ~BlockCompressor();
  BlockCompressor(const BlockCompressor&) = delete;
  BlockCompressor& operator=(const BlockCompressor&) = delete;

  // Appends header and compressed payload to `out`; sizes and hash of `header`
  // are found here.
  void Append(BlockHeader header, absl::string_view payload, std::string* out);

 private:
  struct Context;
  const std::unique_ptr<Context> context_;
  std::string stored_;
};

// The header in the first kBlockHeaderBytes of `bytes`; nullopt when there is
// none, or a damaged one.
absl::optional<BlockHeader> ParseBlockHeader(absl::string_view bytes);

// The payload of `stored`; false when it is damaged.
bool UnpackBlock(const BlockHeader& header, absl::string_view stored,
                 std::string* payload);

}  // namespace keywatch

#endif  // DAEMON_HISTORY_BLOCK_H_
