#include "daemon/history/block.h"

#include "daemon/core/codec.h"
#include "xxhash.h"
#include "zstd.h"

namespace keywatch {
namespace {

// Half the time of level 3, for a tenth more bytes.
constexpr int kCompressionLevel = 1;
constexpr size_t kHashedHeaderBytes = kBlockHeaderBytes - 8;

void Fixed32(uint32_t value, std::string* out) {
  for (int shift = 0; shift < 32; shift += 8) {
    out->push_back(static_cast<char>(value >> shift));
  }
}

uint32_t ReadFixed32(absl::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) {
    value = (value << 8) | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

}  // namespace

struct BlockCompressor::Context {
  ZSTD_CCtx* const zstd = ZSTD_createCCtx();
  ~Context() { ZSTD_freeCCtx(zstd); }
};

BlockCompressor::BlockCompressor() : context_(std::make_unique<Context>()) {}
BlockCompressor::~BlockCompressor() = default;

void BlockCompressor::Append(BlockHeader header, absl::string_view payload,
                             std::string* out) {
  const size_t bound = ZSTD_compressBound(payload.size());
  if (stored_.size() < bound) stored_.resize(bound);
  const absl::string_view stored(
      stored_.data(),
      ZSTD_compressCCtx(context_->zstd, &stored_[0], bound, payload.data(),
                        payload.size(), kCompressionLevel));
  std::string head(kBlockMagic, 4);
  head.push_back(static_cast<char>(header.kind));
  head.append(3, '\0');
  Fixed32(header.events, &head);
  Fixed32(static_cast<uint32_t>(payload.size()), &head);
  Fixed32(static_cast<uint32_t>(stored.size()), &head);
  Fixed32(0, &head);
  Encoder encoder(&head);
  encoder.Fixed64(static_cast<uint64_t>(header.oldest_ms));
  encoder.Fixed64(static_cast<uint64_t>(header.newest_ms));
  encoder.Fixed64(XXH3_64bits(stored.data(), stored.size()));
  encoder.Fixed64(XXH3_64bits(head.data(), kHashedHeaderBytes));
  out->append(head);
  out->append(stored.data(), stored.size());
}

absl::optional<BlockHeader> ParseBlockHeader(absl::string_view bytes) {
  if (bytes.size() < kBlockHeaderBytes ||
      bytes.substr(0, 4) != absl::string_view(kBlockMagic, 4)) {
    return absl::nullopt;
  }
  Decoder decoder(bytes.substr(24, 32));
  BlockHeader header;
  header.oldest_ms = static_cast<EventTime>(decoder.Fixed64());
  header.newest_ms = static_cast<EventTime>(decoder.Fixed64());
  header.payload_hash = decoder.Fixed64();
  if (decoder.Fixed64() != XXH3_64bits(bytes.data(), kHashedHeaderBytes)) {
    return absl::nullopt;
  }
  header.kind = static_cast<BlockKind>(bytes[4]);
  header.events = ReadFixed32(bytes.substr(8));
  header.raw_bytes = ReadFixed32(bytes.substr(12));
  header.stored_bytes = ReadFixed32(bytes.substr(16));
  if (header.raw_bytes > kMaxBlockBytes ||
      header.stored_bytes > ZSTD_compressBound(kMaxBlockBytes)) {
    return absl::nullopt;
  }
  return header;
}

bool UnpackBlock(const BlockHeader& header, absl::string_view stored,
                 std::string* payload) {
  if (stored.size() != header.stored_bytes ||
      XXH3_64bits(stored.data(), stored.size()) != header.payload_hash) {
    return false;
  }
  payload->resize(header.raw_bytes);
  return ZSTD_decompress(&(*payload)[0], payload->size(), stored.data(),
                         stored.size()) == header.raw_bytes;
}

}  // namespace keywatch
