#ifndef DAEMON_ENGINE_DECIMAL_SUM_H_
#define DAEMON_ENGINE_DECIMAL_SUM_H_

#include <cmath>
#include <cstdint>

#include "daemon/core/codec.h"

namespace keywatch {

// DecimalSum adds and takes away numbers with nine decimals, exactly: the sum
// depends on the numbers alone, never on their order or on what was in it
// before, and 0.1 + 0.2 is 0.3. Numbers beyond +-1e15 count as that, what is
// no number as 0. Thread-compatible.
class DecimalSum {
 public:
  void Add(double x) { units_ += ToUnits(x); }
  void Subtract(double x) { units_ -= ToUnits(x); }
  void Reset() { units_ = 0; }
  double value() const {
    const __int128 whole = units_ / kUnit;
    const __int128 rest = units_ % kUnit;
    return static_cast<double>(whole) + static_cast<double>(rest) / 1e9;
  }

  void Encode(Encoder* out) const {
    const auto bits = static_cast<unsigned __int128>(units_);
    out->Fixed64(static_cast<uint64_t>(bits));
    out->Fixed64(static_cast<uint64_t>(bits >> 64));
  }
  void Decode(Decoder* in) {
    const uint64_t low = in->Fixed64();
    const uint64_t high = in->Fixed64();
    units_ = static_cast<__int128>(
        (static_cast<unsigned __int128>(high) << 64) | low);
  }

 private:
  static constexpr int64_t kUnit = 1'000'000'000;
  static constexpr double kMax = 1e15;

  static __int128 ToUnits(double x) {
    if (std::isnan(x)) return 0;
    if (x > kMax) x = kMax;
    if (x < -kMax) x = -kMax;
    const double whole = std::trunc(x);
    return static_cast<__int128>(static_cast<int64_t>(whole)) * kUnit +
           std::llround((x - whole) * 1e9);
  }

  __int128 units_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_DECIMAL_SUM_H_
