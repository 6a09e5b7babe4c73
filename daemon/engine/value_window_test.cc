#include "daemon/engine/value_window.h"

#include <algorithm>
#include <deque>
#include <random>

#include "daemon/engine/decimal_sum.h"
#include "daemon/engine/time_ring.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

TEST(DecimalSumTest, IsExactInDecimalsAndKeepsNoTraceOfWhatLeft) {
  DecimalSum sum;
  sum.Add(0.1);
  sum.Add(0.2);
  EXPECT_EQ(sum.value(), 0.3);
  sum.Add(1e15);
  sum.Add(-0.05);
  sum.Subtract(1e15);
  EXPECT_EQ(sum.value(), 0.25);
  std::string bytes;
  Encoder encoder(&bytes);
  sum.Subtract(5);
  sum.Encode(&encoder);
  DecimalSum copy;
  Decoder decoder(bytes);
  copy.Decode(&decoder);
  EXPECT_EQ(copy.value(), -4.75);
}

TEST(ValueWindowTest, SumAndPercentilesAreThoseOfTheWindow) {
  std::mt19937 random(5);
  ValueWindow window;
  std::deque<std::pair<EventTime, double>> values;
  EventTime now = 0;
  for (int step = 0; step < 3000; ++step) {
    now += static_cast<EventTime>(random() % 10);
    const double value = static_cast<double>(random() % 1000) / 4 - 50;
    window.DropBefore(now - 100);
    window.Push(now, value);
    values.emplace_back(now, value);
    while (values.front().first < now - 100) values.pop_front();
    ASSERT_EQ(window.size(), values.size());
    ASSERT_EQ(window.front_time(), values.front().first);
    double sum = 0;
    std::vector<double> sorted;
    for (const auto& [time, v] : values) {
      sum += v;
      sorted.push_back(v);
    }
    std::sort(sorted.begin(), sorted.end());
    ASSERT_EQ(window.Sum(), sum);
    // The order is asked for from some time on only.
    if (step < 1000) continue;
    ASSERT_EQ(window.Percentile(0), sorted.front());
    ASSERT_EQ(window.Percentile(100), sorted.back());
    const double median =
        sorted.size() % 2 == 1
            ? sorted[sorted.size() / 2]
            : (sorted[sorted.size() / 2 - 1] + sorted[sorted.size() / 2]) / 2;
    ASSERT_EQ(window.Percentile(50), median);
  }
  std::string bytes;
  Encoder encoder(&bytes);
  window.Encode(&encoder);
  ValueWindow copy;
  Decoder decoder(bytes);
  ASSERT_TRUE(copy.Decode(&decoder));
  ASSERT_TRUE(decoder.done());
  EXPECT_EQ(copy.Sum(), window.Sum());
  EXPECT_EQ(copy.Percentile(95), window.Percentile(95));
}

TEST(ValueWindowTest, PercentilesLieInProportionBetweenTwoNumbers) {
  ValueWindow window;
  for (double x : {10.0, 20.0, 30.0, 40.0}) window.Push(1, x);
  EXPECT_DOUBLE_EQ(window.Percentile(50), 25);
  EXPECT_DOUBLE_EQ(window.Percentile(90), 37);
}

TEST(ValueWindowTest, KeepsABoundedNumberAndSaysSo) {
  ValueWindow window;
  for (size_t i = 0; i < ValueWindow::kMaxValues; ++i) window.Push(1, 1);
  EXPECT_FALSE(window.cut());
  window.Push(2, 7);
  EXPECT_TRUE(window.cut());
  EXPECT_EQ(window.size(), ValueWindow::kMaxValues);
  EXPECT_EQ(window.Sum(), static_cast<double>(ValueWindow::kMaxValues) + 6);
  window.DropBefore(2);
  EXPECT_FALSE(window.cut());
  EXPECT_EQ(window.size(), 1u);
}

TEST(TimeRingTest, KeepsTheNewestUpToItsLimit) {
  std::mt19937 random(9);
  TimeRing ring;
  std::deque<EventTime> times;
  EventTime now = -500;
  for (int step = 0; step < 2000; ++step) {
    now += static_cast<EventTime>(random() % 5);
    ring.DropBefore(now - 60);
    while (!times.empty() && times.front() < now - 60) times.pop_front();
    ring.Push(now, 20);
    times.push_back(now);
    if (times.size() > 20) times.pop_front();
    ASSERT_EQ(ring.size(), times.size());
    ASSERT_EQ(ring.front(), times.front());
    ASSERT_EQ(ring.back(), now);
  }
  std::string bytes;
  Encoder encoder(&bytes);
  ring.Encode(&encoder);
  TimeRing copy;
  Decoder decoder(bytes);
  ASSERT_TRUE(copy.Decode(&decoder, 20));
  for (size_t i = 0; i < times.size(); ++i) EXPECT_EQ(copy.at(i), times[i]);
  Decoder again(bytes);
  EXPECT_FALSE(copy.Decode(&again, 2));
}

}  // namespace
}  // namespace keywatch
