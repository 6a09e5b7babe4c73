// Anomalies against slow references that keep every event and look through all
// of them each time.
#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

struct Seen {
  EventTime time;
  std::string value;
};

struct Expected {
  EventTime fire;
  EventTime last;
  int64_t count;
};

std::string ToText(EventTime fire, EventTime last, int64_t count) {
  return absl::StrCat("fire=", fire - kStart, " last=", last - kStart,
                      " count=", count, "\n");
}

using Reference = std::function<std::vector<Expected>(
    const std::vector<Seen>& events, EventTime end)>;
using Fill = std::function<std::vector<Seen>(std::mt19937* random)>;

// Runs both over several streams of one key each, with restarts; gives how
// many alerts there were.
size_t Compare(absl::string_view anomaly, const Fill& fill,
               const Reference& reference, int rounds = 20) {
  auto rules = CompileOrDie(absl::StrCat(R"(
title: Any
name: any
detection: {sel: {kind: a}, condition: sel}
---
title: Rule
name: rule
anomaly:
    rules: [any]
    group-by: [api.key.id]
)",
                                         anomaly));
  size_t fired = 0;
  for (int round = 0; round < rounds; ++round) {
    std::mt19937 random(static_cast<unsigned>(round));
    const std::vector<Seen> events = fill(&random);
    const EventTime end = events.back().time + 2 * kDay;
    TestLog log(rules);
    EngineHarness harness(rules);
    EventTime last = kStart - 1;
    for (const Seen& seen : events) {
      if (seen.time > last + 1 && random() % 10 == 0) {
        harness.AdvanceTo(
            last + 1 +
            static_cast<EventTime>(
                random() % static_cast<uint64_t>(seen.time - last - 1)));
      }
      if (random() % 40 == 0) harness.Restart();
      harness.Observe(log.Add(
          seen.time,
          {{"kind", "a"}, {"api.key.id", "mk_A"}, {"value", seen.value}}));
      last = seen.time;
    }
    harness.AdvanceTo(end);
    std::string expected;
    for (const Expected& e : reference(events, end)) {
      ++fired;
      expected += ToText(e.fire, e.last, e.count);
    }
    std::string actual;
    for (const Detection& d : harness.AlertsOf("rule")) {
      actual += ToText(d.first_fire_ms, d.last_event_ms, d.count);
    }
    EXPECT_EQ(actual, expected) << "round " << round;
  }
  return fired;
}

// Bursts, pauses and events of the same instant.
std::vector<Seen> Irregular(std::mt19937* random, int count, int64_t pause,
                            unsigned values) {
  std::vector<Seen> out;
  EventTime now = kStart;
  for (int i = 0; i < count; ++i) {
    if ((*random)() % 15 == 0) {
      now += static_cast<EventTime>((*random)() % static_cast<uint64_t>(pause));
    } else if ((*random)() % 4 != 0) {
      now += static_cast<EventTime>((*random)() % (2 * kMinute));
    }
    // Some values come all the time, some now and then.
    const unsigned value =
        (*random)() % 8 == 0 ? (*random)() % values : (*random)() % 2;
    out.push_back({now, absl::StrCat("v", value)});
  }
  return out;
}

TEST(AnomalyReferenceTest, NewTerm) {
  constexpr int64_t kHistory = 12 * kHour;
  constexpr int64_t kMinHistory = 2 * kHour;
  constexpr int kMinEvents = 20;
  for (const bool all : {false, true}) {
    const size_t fired = Compare(
        absl::StrCat(
            "    type: new_term\n    field: value\n    baseline: {history: "
            "12h, "
            "min-history: 2h, min-events: 20, forget-after: 30d, learn-from: ",
            all ? "all" : "unalerted", "}\n"),
        [](std::mt19937* random) {
          return Irregular(random, 600, 8 * kHour, 30);
        },
        [all](const std::vector<Seen>& events, EventTime) {
          std::vector<Expected> out;
          // An event teaches its value when it did not fire; one that is known
          // is refreshed by every event.
          std::vector<Seen> taught;
          EventTime hold = kMinEventTime;
          for (const Seen& now : events) {
            bool known = false;
            for (const Seen& old : taught) {
              known |=
                  old.value == now.value && old.time >= now.time - kHistory;
            }
            const bool ready = taught.size() >= kMinEvents &&
                               now.time - events[0].time >= kMinHistory;
            // Once it was sufficient it stays so.
            const bool fires = ready && !known;
            if (fires && !out.empty() && now.time <= hold + kHour) {
              ++out.back().count;
              out.back().last = now.time;
            } else if (fires) {
              out.push_back({now.time, now.time, 1});
            }
            if (fires) hold = now.time;
            if (!fires || all) taught.push_back(now);
          }
          return out;
        });
    EXPECT_GT(fired, 50u);
  }
}

TEST(AnomalyReferenceTest, Dormant) {
  const size_t fired = Compare(
      "    type: dormant\n    condition: {field: idle, gte: 3h}\n"
      "    baseline: {min-history: 4h, min-events: 10}\n",
      [](std::mt19937* random) { return Irregular(random, 300, 6 * kHour, 3); },
      [](const std::vector<Seen>& events, EventTime) {
        std::vector<Expected> out;
        for (size_t i = 1; i < events.size(); ++i) {
          const EventTime last = events[i - 1].time;
          const EventTime now = events[i].time;
          if (now - last < 3 * kHour || i < 10 ||
              last - events[0].time < 4 * kHour) {
            continue;
          }
          // Longer than the hour that an episode lasts: each is its own.
          out.push_back({now, now, 1});
        }
        return out;
      });
  EXPECT_GT(fired, 50u);
}

TEST(AnomalyReferenceTest, Absence) {
  const size_t fired = Compare(
      "    type: absence\n    every: 1h\n    grace: 5m\n",
      [](std::mt19937* random) { return Irregular(random, 300, 6 * kHour, 3); },
      [](const std::vector<Seen>& events, EventTime end) {
        constexpr int64_t kGrace = 5 * kMinute;
        std::vector<Expected> out;
        for (size_t i = 0; i < events.size(); ++i) {
          const EventTime last = events[i].time;
          const EventTime due = last + kHour + kGrace;
          const bool more = i + 1 < events.size();
          const EventTime next = more ? events[i + 1].time : end + 1;
          // One that comes at the very time is in time.
          if (next <= due) continue;
          int64_t missed = 0;
          for (EventTime t = last + kHour + kGrace; t <= next; t += kHour) {
            ++missed;
          }
          // The number is known when it is over.
          out.push_back({due, more ? next : last, more ? missed : 1});
        }
        return out;
      });
  EXPECT_GT(fired, 50u);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half]
                                : (values[half - 1] + values[half]) / 2;
}

TEST(AnomalyReferenceTest, Rate) {
  // Minutes of a few events, quiet hours, and bursts.
  auto fill = [](std::mt19937* random) {
    std::vector<Seen> out;
    for (int minute = 0; minute < 500; ++minute) {
      if ((*random)() % 50 == 0) minute += static_cast<int>((*random)() % 90);
      unsigned count = (*random)() % 6;
      if ((*random)() % 25 == 0) count *= 5;
      std::vector<Seen> events;
      for (unsigned i = 0; i < count; ++i) {
        events.push_back({kStart + minute * kMinute +
                              static_cast<EventTime>((*random)() % kMinute),
                          "v"});
      }
      std::sort(events.begin(), events.end(),
                [](const Seen& a, const Seen& b) { return a.time < b.time; });
      out.insert(out.end(), events.begin(), events.end());
    }
    return out;
  };
  auto reference = [](const std::vector<Seen>& events, EventTime) {
    std::vector<Expected> out;
    auto bucket_of = [](EventTime t) { return t / kMinute; };
    std::set<int64_t> unlearned;
    EventTime hold = kMinEventTime;
    const int64_t first = bucket_of(events[0].time);
    for (size_t i = 0; i < events.size(); ++i) {
      const EventTime now = events[i].time;
      const int64_t bucket = bucket_of(now);
      if (!out.empty() && now <= hold + kMinute) {
        ++out.back().count;
        out.back().last = now;
      }
      double x = 0;
      std::vector<double> samples;
      for (int64_t b = first; b < bucket; ++b) {
        if (unlearned.count(b) > 0) continue;
        double count = 0;
        for (size_t j = 0; j < i; ++j) count += bucket_of(events[j].time) == b;
        samples.push_back(count);
      }
      for (size_t j = 0; j <= i; ++j) x += bucket_of(events[j].time) == bucket;
      if (samples.size() < 16 || now - events[0].time < 30 * kMinute) continue;
      const double center = Median(samples);
      for (double& sample : samples) sample = std::fabs(sample - center);
      const double scale =
          std::max({1.0, 1.4826 * Median(samples), std::sqrt(center)});
      if (x < 4 || x <= center || x - center < 4 * scale) continue;
      const EventTime end = (bucket + 1) * kMinute - 1;
      if (out.empty() || now > hold + kMinute) {
        out.push_back({now, now, static_cast<int64_t>(x)});
      }
      hold = end;
      // The bucket, and the one that shows that it is over.
      unlearned.insert(bucket);
      unlearned.insert(bucket + 1);
    }
    return out;
  };
  const size_t fired = Compare(
      "    type: rate\n    timespan: 1m\n    floor: 4\n    condition: {field: "
      "score, gte: 4}\n    baseline: {history: 16h, min-history: 30m}\n",
      fill, reference, 6);
  EXPECT_GT(fired, 20u);
}

}  // namespace
}  // namespace keywatch
