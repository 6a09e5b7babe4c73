#ifndef DAEMON_CORE_CODEC_H_
#define DAEMON_CORE_CODEC_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// Encoder and Decoder write and read the small binary records that the store
// keeps: LEB128 varints, zig-zag for signed ones, little-endian doubles and
// length-prefixed strings. The formats themselves are described in
// daemon/store/README.md. Thread-compatible.
class Encoder {
 public:
  explicit Encoder(std::string* out) : out_(out) {}

  void Varint(uint64_t value) {
    while (value >= 0x80) {
      out_->push_back(static_cast<char>(value | 0x80));
      value >>= 7;
    }
    out_->push_back(static_cast<char>(value));
  }
  void Signed(int64_t value) {
    Varint((static_cast<uint64_t>(value) << 1) ^
           static_cast<uint64_t>(value >> 63));
  }
  void Double(double value) {
    char bytes[8];
    std::memcpy(bytes, &value, 8);
    out_->append(bytes, 8);
  }
  void Fixed64(uint64_t value) {
    char bytes[8];
    std::memcpy(bytes, &value, 8);
    out_->append(bytes, 8);
  }
  void Bool(bool value) { out_->push_back(value ? 1 : 0); }
  void String(absl::string_view text) {
    Varint(text.size());
    out_->append(text.data(), text.size());
  }

 private:
  std::string* out_;
};

// Decoder reads what Encoder wrote. Past the end, or on a malformed value, every
// read gives zero or empty and ok() is false from then on: callers check once,
// at the end. Strings point into the input.
class Decoder {
 public:
  explicit Decoder(absl::string_view in) : in_(in) {}

  bool ok() const { return ok_; }
  // True when everything was read, without error.
  bool done() const { return ok_ && in_.empty(); }

  uint64_t Varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) return Fail();
      const uint8_t byte = static_cast<uint8_t>(in_[0]);
      in_.remove_prefix(1);
      if (shift == 63 && byte > 1) return Fail();
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return Fail();
  }
  int64_t Signed() {
    const uint64_t value = Varint();
    return static_cast<int64_t>((value >> 1) ^ (~(value & 1) + 1));
  }
  double Double() {
    const uint64_t bits = Fixed64();
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  uint64_t Fixed64() {
    if (in_.size() < 8) return Fail();
    uint64_t value;
    std::memcpy(&value, in_.data(), 8);
    in_.remove_prefix(8);
    return value;
  }
  bool Bool() {
    if (in_.empty()) return Fail() != 0;
    const bool value = in_[0] != 0;
    in_.remove_prefix(1);
    return value;
  }
  absl::string_view String() {
    const uint64_t size = Varint();
    if (!ok_ || size > in_.size()) {
      Fail();
      return absl::string_view();
    }
    absl::string_view text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }

 private:
  uint64_t Fail() {
    ok_ = false;
    in_ = absl::string_view();
    return 0;
  }

  absl::string_view in_;
  bool ok_ = true;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_CODEC_H_
