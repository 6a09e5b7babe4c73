#include "daemon/core/event.h"

#include <cstring>
#include <new>
#include <type_traits>

namespace keywatch {

char* EventBatch::Allocate(size_t bytes) {
  bytes = (bytes + 15) & ~size_t{15};
  if (bytes > kBlock / 4) {
    // A block of its own: the current one goes on being filled.
    blocks_.emplace_back(new char[bytes]);
    return blocks_.back().get();
  }
  if (bytes > left_) {
    blocks_.emplace_back(new char[kBlock]);
    next_ = blocks_.back().get();
    left_ = kBlock;
  }
  char* result = next_;
  next_ += bytes;
  left_ -= bytes;
  return result;
}

Event* EventBatch::Add() {
  static_assert(std::is_trivially_destructible<Event>::value,
                "the arena runs no destructors");
  events_.push_back(new (Allocate(sizeof(Event))) Event);
  return events_.back();
}

absl::string_view EventBatch::CopyText(absl::string_view text) {
  if (text.empty()) return absl::string_view();
  char* copy = Allocate(text.size());
  std::memcpy(copy, text.data(), text.size());
  return absl::string_view(copy, text.size());
}

Value* EventBatch::NewValues(size_t count) {
  if (count == 0) return nullptr;
  char* memory = Allocate(count * sizeof(Value));
  Value* values = reinterpret_cast<Value*>(memory);
  // All zero, as Value() is.
  std::memset(memory, 0, count * sizeof(Value));
  return values;
}

}  // namespace keywatch
