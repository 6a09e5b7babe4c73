#include "daemon/engine/seasonal_samples.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr int64_t kDayMs = 24 * kHourMs;
// Of all slots together: 3.4 KB, ten for each hour of the week.
constexpr size_t kSamples = 1680;
// No row has more of them.
constexpr size_t kMaxRow = 2016;
// Without a season so many say enough, and are quickly sorted.
constexpr size_t kMaxPerSlot = 1008;

// 1 / 0.6745: turns a median absolute deviation into a standard deviation.
constexpr double kMadToSigma = 1.4826;

double Median(std::vector<double>* values) {
  const size_t middle = values->size() / 2;
  std::nth_element(values->begin(), values->begin() + middle, values->end());
  const double upper = (*values)[middle];
  if (values->size() % 2 == 1) return upper;
  return (*std::max_element(values->begin(), values->begin() + middle) +
          upper) /
         2;
}

// `sorted` in ascending order.
double Quantile(const std::vector<double>& sorted, double q) {
  const double rank = q * static_cast<double>(sorted.size() - 1);
  const double below = std::floor(rank);
  const auto i = static_cast<size_t>(below);
  if (i + 1 >= sorted.size()) return sorted.back();
  return sorted[i] + (rank - below) * (sorted[i + 1] - sorted[i]);
}

std::array<size_t, 2> SlotsBeside(const SampleShape& shape, size_t slot) {
  return {(slot + shape.slots() - 1) % shape.slots(),
          (slot + 1) % shape.slots()};
}

}  // namespace

SampleShape::SampleShape(const Baseline& baseline, int64_t bucket_ms,
                         const std::string& timezone)
    : season_(baseline.season), zone_(absl::UTCTimeZone()) {
  int64_t slot_ms = 0;  // of one slot in one season
  int64_t season_ms = 0;
  switch (season_) {
    case Baseline::Season::kNone:
      slots_ = 1;
      slot_ms = season_ms = kHourMs;
      break;
    case Baseline::Season::kHourOfDay:
      slots_ = 24;
      slot_ms = kHourMs;
      season_ms = kDayMs;
      break;
    case Baseline::Season::kHourOfWeek:
      slots_ = 168;
      slot_ms = kHourMs;
      season_ms = 7 * kDayMs;
      break;
  }
  // Buckets of the history that fall into one slot.
  const double buckets =
      static_cast<double>(baseline.history_ms) * static_cast<double>(slot_ms) /
      static_cast<double>(season_ms) / static_cast<double>(bucket_ms);
  const double room =
      static_cast<double>(std::min(kMaxPerSlot, kSamples / slots_));
  per_slot_ = static_cast<size_t>(std::clamp(std::ceil(buckets), 1.0, room));
  stride_ = static_cast<int64_t>(
      std::max(1.0, std::ceil(buckets / static_cast<double>(per_slot_))));
  // A stride that divides the season would take the same buckets of every
  // season, and leave some slots without any.
  if (stride_ * bucket_ms > slot_ms && season_ms % bucket_ms == 0) {
    while (std::gcd(stride_, season_ms / bucket_ms) != 1) ++stride_;
  }
  if (!timezone.empty()) absl::LoadTimeZone(timezone, &zone_);
}

size_t SampleShape::SlotOf(EventTime time) const {
  if (season_ == Baseline::Season::kNone) return 0;
  const absl::CivilHour hour = absl::ToCivilHour(FromEventTime(time), zone_);
  const auto of_day = static_cast<size_t>(hour.hour());
  if (season_ == Baseline::Season::kHourOfDay) return of_day;
  // Monday is 0.
  return static_cast<size_t>(absl::GetWeekday(absl::CivilDay(hour))) * 24 +
         of_day;
}

std::string SampleShape::SlotName(size_t slot) const {
  static constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu",
                                          "Fri", "Sat", "Sun"};
  switch (season_) {
    case Baseline::Season::kNone:
      return "";
    case Baseline::Season::kHourOfDay:
      return absl::StrFormat("%02d:00", slot);
    case Baseline::Season::kHourOfWeek:
      return absl::StrFormat("%s %02d:00", kDays[slot / 24], slot % 24);
  }
  return "";
}

uint16_t PackSample(double x) {
  if (x == 0 || std::isnan(x)) return 0;
  const uint16_t sign = x < 0 ? 0x8000 : 0;
  int exponent;
  // 0.5 <= mantissa < 1
  const double mantissa = std::frexp(std::fabs(x), &exponent);
  auto bits = static_cast<int>(std::lround((mantissa * 2 - 1) * 512));
  if (bits == 512) {
    bits = 0;
    ++exponent;
  }
  exponent += 15;  // from 2^-15 on; 0 means zero
  if (exponent < 1) return 0;
  if (exponent > 63) {
    exponent = 63;
    bits = 511;
  }
  return static_cast<uint16_t>(sign | exponent << 9 | bits);
}

double UnpackSample(uint16_t packed) {
  const int exponent = packed >> 9 & 63;
  if (exponent == 0) return 0;
  const double mantissa = (1 + (packed & 511) / 512.0) / 2;
  const double x = std::ldexp(mantissa, exponent - 15);
  return (packed & 0x8000) != 0 ? -x : x;
}

size_t SeasonalSamples::Begin(size_t slot) const {
  size_t begin = 0;
  for (size_t i = 0; i < slot; ++i) begin += Held(i);
  return begin;
}

void SeasonalSamples::Add(const SampleShape& shape, size_t slot, double x) {
  // Restored from rows of another shape: they say nothing here.
  if (per_slot_ != shape.per_slot() || added_.size() != shape.slots()) {
    Reset();
    per_slot_ = shape.per_slot();
    added_.assign(shape.slots(), 0);
  }
  const size_t at = Begin(slot) + added_[slot] % per_slot_;
  if (added_[slot] < per_slot_) {
    // Grows by little: most groups never have all samples.
    if (samples_.size() == samples_.capacity()) {
      samples_.reserve(samples_.size() +
                       std::max<size_t>(8, samples_.size() / 8));
    }
    samples_.insert(samples_.begin() + static_cast<int64_t>(at), PackSample(x));
  } else {
    samples_[at] = PackSample(x);
  }
  // Wraps around to a value with the same place in the ring.
  if (++added_[slot] >= 2 * per_slot_) {
    added_[slot] = static_cast<uint16_t>(per_slot_);
  }
}

void SeasonalSamples::CollectSlot(size_t slot, std::vector<double>* out) const {
  if (slot >= added_.size()) return;
  const size_t begin = Begin(slot);
  for (size_t i = added_[slot] - Held(slot); i < added_[slot]; ++i) {
    out->push_back(UnpackSample(samples_[begin + i % per_slot_]));
  }
}

bool SeasonalSamples::Collect(const SampleShape& shape, size_t slot,
                              size_t least, std::vector<double>* out,
                              std::string* name) const {
  out->clear();
  CollectSlot(slot, out);
  *name = shape.SlotName(slot);
  if (shape.slots() == 1) return out->size() >= least;
  if (out->size() >= kLeastOwn) return true;
  for (size_t beside : SlotsBeside(shape, slot)) CollectSlot(beside, out);
  if (out->size() >= least) {
    absl::StrAppend(name, " +- 1h");
    return false;
  }
  if (shape.slots() > 24) {
    out->clear();
    for (size_t i = 0; i < shape.slots(); ++i) {
      if (shape.SameHour(i, slot)) CollectSlot(i, out);
    }
    *name = absl::StrFormat("%02d:00 on all days", slot % 24);
    if (out->size() >= least) return false;
  }
  out->clear();
  for (size_t i = 0; i < shape.slots(); ++i) CollectSlot(i, out);
  *name = "all hours";
  return false;
}

double SeasonalSamples::SpreadAround(const SampleShape& shape,
                                     size_t slot) const {
  std::vector<double> distances;
  std::vector<double> samples;
  auto add = [&](size_t of) {
    samples.clear();
    CollectSlot(of, &samples);
    if (samples.empty()) return;
    const double median = Median(&samples);
    for (double x : samples) distances.push_back(std::fabs(x - median));
  };
  add(slot);
  for (size_t beside : SlotsBeside(shape, slot)) add(beside);
  return distances.empty() ? 0 : Median(&distances);
}

void SeasonalSamples::Encode(Encoder* out) const {
  out->Varint(added_.size());
  if (added_.empty()) return;
  out->Varint(per_slot_);
  size_t next = 0;
  for (size_t slot = 0; slot < added_.size(); ++slot) {
    out->Varint(added_[slot]);
    for (size_t i = Held(slot); i > 0; --i) out->Varint(samples_[next++]);
  }
}

bool SeasonalSamples::Decode(Decoder* in) {
  Reset();
  const uint64_t slots = in->Varint();
  if (slots == 0) return in->ok();
  per_slot_ = in->Varint();
  if (!in->ok() || slots > 168 || per_slot_ == 0 || per_slot_ > kMaxRow ||
      slots * per_slot_ > kMaxRow) {
    return false;
  }
  for (size_t slot = 0; slot < slots && in->ok(); ++slot) {
    const uint64_t added = in->Varint();
    if (added >= 2 * per_slot_) return false;
    added_.push_back(static_cast<uint16_t>(added));
    for (size_t i = Held(slot); i > 0; --i) {
      samples_.push_back(static_cast<uint16_t>(in->Varint()));
    }
  }
  return in->ok();
}

void WidenBand(double mad, Band* band) {
  if (mad <= band->spread) return;
  band->spread = mad;
  band->scale_up = std::max(band->scale_up, kMadToSigma * mad);
  band->scale_down = std::max(band->scale_down, kMadToSigma * mad);
}

Band MakeBand(Baseline::Model model, std::vector<double> samples,
              double margin) {
  Band band;
  switch (model) {
    case Baseline::Model::kMedianMad: {
      band.center = Median(&samples);
      for (double& x : samples) x = std::fabs(x - band.center);
      band.spread = Median(&samples);
      band.scale_up = band.scale_down = kMadToSigma * band.spread;
      break;
    }
    case Baseline::Model::kQuantile: {
      // The fifth and the 95th percentile lie 1.645 standard deviations from
      // the median of a normal distribution.
      std::sort(samples.begin(), samples.end());
      band.center = Quantile(samples, 0.5);
      band.scale_up = (Quantile(samples, 0.95) - band.center) / 1.645;
      band.scale_down = (band.center - Quantile(samples, 0.05)) / 1.645;
      band.spread = band.scale_up;
      break;
    }
    case Baseline::Model::kEwma: {
      // Newer samples weigh more: half of the weight lies on the last third.
      const double alpha = 2.0 / (static_cast<double>(samples.size()) + 1);
      double mean = samples[0];
      double variance = 0;
      for (size_t i = 1; i < samples.size(); ++i) {
        const double step = samples[i] - mean;
        mean += alpha * step;
        variance = (1 - alpha) * (variance + alpha * step * step);
      }
      band.center = mean;
      band.spread = std::sqrt(variance);
      band.scale_up = band.scale_down = band.spread;
      break;
    }
  }
  band.scale_up = std::max(band.scale_up, margin);
  band.scale_down = std::max(band.scale_down, margin);
  return band;
}

}  // namespace keywatch
