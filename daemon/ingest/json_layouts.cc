#include "daemon/ingest/json_layouts.h"

#include <cstring>
#include <utility>

namespace keywatch {
namespace {

// A log that makes up keys must not make the memory grow.
constexpr size_t kMaxSteps = 4096;
constexpr size_t kMaxStepBytes = 512;
constexpr size_t kMaxOthers = 8;
constexpr size_t kBlock = 16;
// Of that many records at least that many must be found, or the layouts are
// forgotten and nothing is tried for the next kPause records.
constexpr uint32_t kWindow = 256;
constexpr uint32_t kMaxMissed = 128;
constexpr uint32_t kPause = 8192;

}  // namespace

void JsonLayouts::Clear() {
  steps_.clear();
  steps_.emplace_back();
}

void JsonLayouts::Tried(bool found) {
  ++tried_;
  if (!found) ++missed_;
  if (tried_ < kWindow) return;
  if (missed_ > kMaxMissed) {
    Clear();
    pause_ = kPause;
  }
  tried_ = 0;
  missed_ = 0;
}

void JsonLayouts::ToFront(uint32_t parent, uint32_t before, uint32_t index) {
  steps_[before].other = steps_[index].other;
  steps_[index].other = steps_[parent].next;
  steps_[parent].next = index;
}

uint32_t JsonLayouts::Child(uint32_t parent, absl::string_view text,
                            const Place* place) {
  size_t others = 0;
  for (uint32_t at = steps_[parent].next; at != 0; at = steps_[at].other) {
    const Step& step = steps_[at];
    if (step.end == (place == nullptr) &&
        text == absl::string_view(step.text.get(), step.size)) {
      return at;
    }
    ++others;
  }
  if (others >= kMaxOthers || steps_.size() >= kMaxSteps ||
      text.size() > kMaxStepBytes) {
    return 0;
  }
  Step step;
  step.text.reset(new char[(text.size() / kBlock + 1) * kBlock]());
  std::memcpy(step.text.get(), text.data(), text.size());
  step.size = static_cast<uint32_t>(text.size());
  step.end = place == nullptr;
  if (place != nullptr) {
    step.depth = place->depth;
    step.node = place->node;
    step.cell = place->cell;
  }
  step.other = steps_[parent].next;
  const uint32_t index = static_cast<uint32_t>(steps_.size());
  steps_.push_back(std::move(step));
  steps_[parent].next = index;
  return index;
}

void JsonLayouts::Learn(absl::string_view record,
                        absl::Span<const Place> places) {
  uint32_t at = kStart;
  size_t done = 0;
  for (const Place& place : places) {
    at = Child(at, record.substr(done, place.begin - done), &place);
    if (at == 0) return;
    done = place.end;
  }
  Child(at, record.substr(done), nullptr);
}

}  // namespace keywatch
