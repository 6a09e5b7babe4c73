#ifndef TESTS_BENCH_RANDOM_H_
#define TESTS_BENCH_RANDOM_H_

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace keywatch {

// Random is SplitMix64: the same numbers from the same seed on every machine
// and with every standard library, which <random>'s distributions do not
// promise. Cheap to make: a key's own properties are drawn anew whenever they
// are wanted. Thread-compatible.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // What belongs to the `b`-th part of the `a`-th thing of `seed`.
  Random(uint64_t seed, uint64_t a, uint64_t b = 0)
      : state_(Mix(Mix(seed ^ 0x6b65797761746368) + a * kStep) + b * kStep) {}

  uint64_t Next() { return Mix(state_ += kStep); }
  // In [0, n).
  uint64_t Below(uint64_t n) {
    return static_cast<uint64_t>((__uint128_t{Next()} * n) >> 64);
  }
  // In [0, 1).
  double Share() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  bool Chance(double share) { return Share() < share; }
  // Exponential, in whole units; the same as long as `std::log` is right to a
  // few bits.
  int64_t Exponential(double mean) {
    return static_cast<int64_t>(-std::log(1 - Share()) * mean);
  }
  // Bell-shaped, mean 0, deviation 1: the sum of twelve.
  double Bell() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += Share();
    return sum;
  }
  void AppendName(size_t length, std::string* out) {
    static constexpr char kLetters[] =
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint64_t bits = 0;
    for (size_t i = 0; i < length; ++i) {
      if (i % 10 == 0) bits = Next();
      out->push_back(kLetters[bits % 62]);
      bits /= 62;
    }
  }
  std::string Name(size_t length) {
    std::string name;
    AppendName(length, &name);
    return name;
  }
  template <typename T, size_t N>
  const T& Of(const T (&values)[N]) {
    return values[Below(N)];
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  static uint64_t Mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

}  // namespace keywatch

#endif  // TESTS_BENCH_RANDOM_H_
