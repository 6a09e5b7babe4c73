#ifndef DAEMON_ENGINE_SEASONAL_SAMPLES_H_
#define DAEMON_ENGINE_SEASONAL_SAMPLES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "daemon/core/codec.h"
#include "daemon/core/event.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// SampleShape says how the samples of one rule are kept: which slot of the
// season a time belongs to, how many samples a slot has room for, and which
// time buckets give a sample at all, so that the samples of a slot spread over
// the whole history. Immutable.
class SampleShape {
 public:
  SampleShape(const Baseline& baseline, int64_t bucket_ms,
              const std::string& timezone);

  size_t slots() const { return slots_; }
  size_t per_slot() const { return per_slot_; }
  // Of `stride` buckets one gives a sample.
  int64_t stride() const { return stride_; }
  size_t SlotOf(EventTime time) const;
  // "Tue 14:00", "14:00", or "" without a season.
  std::string SlotName(size_t slot) const;
  // The slots that stand in for one with too few samples: those of the same
  // hour, then all.
  bool SameHour(size_t a, size_t b) const { return a % 24 == b % 24; }

 private:
  Baseline::Season season_;
  size_t slots_;
  size_t per_slot_;
  int64_t stride_;
  absl::TimeZone zone_;
};

// SeasonalSamples keeps what a measure was in earlier time buckets, apart by
// slot of the season: at most some 1,700 samples of two bytes in all, and room
// for no more than there are. A sample is exact for whole numbers up to 1024,
// and to 0.1 % beyond. Thread-compatible.
class SeasonalSamples {
 public:
  void Add(const SampleShape& shape, size_t slot, double x);

  // With so many samples a slot is judged by its own: a nightly job is not
  // compared with the hours beside it.
  static constexpr size_t kLeastOwn = 5;

  // The samples by which a time in `slot` is judged: the slot's own (then it is
  // true), or, when they are too few, with those of the hours beside it, or
  // those of the same hour on all days, or all, whichever are `least`.
  // Oldest first within a slot. `name` says which, as "median for Tue 14:00".
  bool Collect(const SampleShape& shape, size_t slot, size_t least,
               std::vector<double>* out, std::string* name) const;
  // The median distance of samples of this slot and of those beside it, each
  // from the median of its slot.
  double SpreadAround(const SampleShape& shape, size_t slot) const;

  void Reset() {
    std::vector<uint16_t>().swap(samples_);
    std::vector<uint16_t>().swap(added_);
  }
  size_t HeapBytes() const {
    return samples_.size() * sizeof(uint16_t) +
           added_.size() * sizeof(uint16_t);
  }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);

 private:
  size_t Held(size_t slot) const {
    return std::min<size_t>(added_[slot], per_slot_);
  }
  // Where the samples of the slot begin.
  size_t Begin(size_t slot) const;
  void CollectSlot(size_t slot, std::vector<double>* out) const;

  // Slot by slot; the samples of each as a ring once it is full.
  std::vector<uint16_t> samples_;
  // Per slot, ever, but never more than twice its room; empty before the first.
  std::vector<uint16_t> added_;
  size_t per_slot_ = 0;  // of the shape that they were added with
};

// A number in two bytes: sign, six bits of exponent, nine of mantissa.
uint16_t PackSample(double x);
double UnpackSample(uint16_t packed);

// What is normal, and how wide it is: scores are distances from the centre in
// units of the scale of that side.
struct Band {
  double center = 0;
  double spread = 0;  // median absolute deviation, or what the model has
  double scale_up = 0;
  double scale_down = 0;
};

// Takes a median absolute deviation as the least one.
void WidenBand(double mad, Band* band);

// The band of at least one sample. `margin` is the least scale.
Band MakeBand(Baseline::Model model, std::vector<double> samples,
              double margin);

}  // namespace keywatch

#endif  // DAEMON_ENGINE_SEASONAL_SAMPLES_H_
