// The engine against a slow reference that knows nothing of its state: it goes
// through time and asks, at every instant at which something can change, what
// the window holds.
#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/engine/engine_fixture.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr int64_t kWindow = 1000;

struct Seen {
  EventTime time;
  std::string id;
  std::string kinds;
  std::string text;
  double number;
};
using Window = std::vector<const Seen*>;

struct Expected {
  EventTime fire = 0;
  std::string event_id;
  EventTime first_event = 0;
  EventTime last_event = 0;
  int64_t count = 0;
  EventTime closed = 0;  // 0 while open
};

std::string ToText(const Expected& e) {
  return absl::StrCat("fire=", e.fire, " first=", e.first_event,
                      " last=", e.last_event, " count=", e.count,
                      " closed=", e.closed);
}

// What can change, changes when an event comes or leaves, or so long after.
std::set<EventTime> Instants(const std::vector<const Event*>& events) {
  std::set<EventTime> out;
  for (const Event* event : events) {
    for (int64_t windows = 0; windows <= 3; ++windows) {
      for (int64_t step = -1; step <= 1; ++step) {
        out.insert(event->time_ms + windows * kWindow + step);
      }
    }
  }
  return out;
}

// `events` of one group, in order.
std::vector<Expected> Simulate(
    const std::vector<Seen>& events, const std::set<EventTime>& instants,
    const std::function<bool(const Window&)>& holds,
    const std::function<EventTime(const Window&)>& begin) {
  std::vector<Expected> out;
  bool open = false;
  EventTime last_hold = 0;
  size_t next = 0;
  auto window_at = [&](EventTime now) {
    Window window;
    for (size_t i = 0; i < next; ++i) {
      if (events[i].time >= now - kWindow) window.push_back(&events[i]);
    }
    return window;
  };
  for (EventTime now : instants) {
    while (next < events.size() && events[next].time == now) {
      const Seen& event = events[next++];
      const Window window = window_at(now);
      const bool held = holds(window);
      if (held) last_hold = now;
      if (open) {
        ++out.back().count;
        out.back().last_event = now;
      } else if (held) {
        open = true;
        const EventTime first = begin(window);
        out.push_back({now, event.id, first, now,
                       std::count_if(window.begin(), window.end(),
                                     [first](const Seen* seen) {
                                       return seen->time >= first;
                                     }),
                       0});
      }
    }
    if (!open) continue;
    if (holds(window_at(now))) {
      last_hold = now;
    } else if (now - last_hold >= kWindow) {
      open = false;
      out.back().closed = now;
    }
  }
  return out;
}

std::shared_ptr<const RuleSet> Rules(absl::string_view type,
                                     absl::string_view names,
                                     absl::string_view condition) {
  return CorrelationOrDie(type, names, "1s", condition);
}

EventTime WindowBegin(const Window& window) { return window.front()->time; }

// `begin` says from where on an alert counts what is in the window.
void Compare(
    std::shared_ptr<const RuleSet> rules, absl::string_view inputs,
    const std::function<bool(const Window&)>& holds,
    const std::function<bool(const Seen&)>& counts, int rounds = 25,
    const std::function<EventTime(const Window&)>& begin = WindowBegin) {
  int fired = 0;
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(round);
    std::mt19937 random(static_cast<unsigned>(round));
    TestLog log(rules);
    EngineHarness harness(rules);
    const int keys = 1 + round % 3;
    const unsigned gap = 2 + round % 12 * 25;
    std::vector<std::vector<Seen>> by_key(static_cast<size_t>(keys));
    EventTime now = kStart;
    for (int i = 0; i < 250; ++i) {
      now += random() % 20 == 0 ? random() % 3000 : random() % gap;
      Seen seen;
      seen.time = now;
      // Ids do not follow the order of arrival.
      seen.id = absl::StrCat(random() % 1000, "-", i);
      for (const char* kind : {"a", "b", "c"}) {
        if (random() % 3 == 0) seen.kinds += kind;
      }
      seen.text = absl::StrCat("v", random() % 6);
      seen.number = static_cast<double>(random() % 40) / 4;
      const size_t key = random() % by_key.size();
      log.Add(now,
              {{"kind", seen.kinds},
               {"api.key.id", absl::StrCat("k", key)},
               {"text", seen.text},
               {"number", seen.number}},
              seen.id);
      const bool matches =
          seen.kinds.find_first_of(std::string(inputs)) != std::string::npos;
      if (matches && counts(seen)) by_key[key].push_back(seen);
    }
    log.Sort();
    const std::set<EventTime> instants = Instants(log.events());
    // Ends as the engine tells them.
    std::map<std::string, EventTime> closed;
    size_t next = 0;
    for (EventTime tick : instants) {
      while (next < log.events().size() &&
             log.events()[next]->time_ms == tick) {
        harness.Observe(*log.events()[next++]);
      }
      harness.AdvanceTo(tick);
      for (const auto& [id, detection] : harness.Alerts()) {
        if (detection.kind == Detection::Kind::kClose) {
          closed.emplace(id, tick);
        }
      }
      if (random() % 50 == 0) harness.Restart();
    }
    for (size_t key = 0; key < by_key.size(); ++key) {
      std::sort(by_key[key].begin(), by_key[key].end(),
                [](const Seen& a, const Seen& b) {
                  return std::tie(a.time, a.id) < std::tie(b.time, b.id);
                });
      std::string expected;
      for (const Expected& e : Simulate(by_key[key], instants, holds, begin)) {
        ++fired;
        absl::StrAppend(&expected, ToText(e), " by ", e.event_id, "\n");
      }
      std::string actual;
      for (const Detection& d : harness.AlertsOf("rule")) {
        if (d.key.str() != absl::StrCat("k", key)) continue;
        Expected e{d.first_fire_ms, "",      d.first_event_ms,
                   d.last_event_ms, d.count, closed[d.id.str()]};
        // The event that fired stands behind those shown before it.
        for (const Evidence& evidence : d.evidence) {
          if (evidence.time_ms > d.first_fire_ms) break;
          e.event_id = evidence.event_id;
          if (rules->rule(d.rule).type != RuleType::kTemporal &&
              rules->rule(d.rule).type != RuleType::kTemporalOrdered) {
            break;
          }
        }
        absl::StrAppend(&actual, ToText(e), " by ", e.event_id, "\n");
      }
      if (rules->rule(3).type == RuleType::kTemporal ||
          rules->rule(3).type == RuleType::kTemporalOrdered) {
        // Events of the same instant may follow the one that fired.
        auto strip = [](std::string text) {
          std::string out;
          for (absl::string_view line : absl::StrSplit(text, '\n')) {
            absl::StrAppend(&out, line.substr(0, line.find(" by ")), "\n");
          }
          return out;
        };
        ASSERT_EQ(strip(actual), strip(expected));
      } else {
        ASSERT_EQ(actual, expected);
      }
    }
  }
  EXPECT_GT(fired, rounds / 3) << "the test is of no use";
}

bool Always(const Seen&) { return true; }

TEST(EngineReferenceTest, EventCount) {
  for (size_t n : {1, 2, 5, 9}) {
    SCOPED_TRACE(n);
    Compare(
        Rules("event_count", "a, b", absl::StrCat("{gte: ", n, "}")), "ab",
        [n](const Window& window) { return window.size() >= n; }, Always);
  }
}

TEST(EngineReferenceTest, ValueCount) {
  for (size_t n : {1, 3, 5}) {
    SCOPED_TRACE(n);
    Compare(
        Rules("value_count", "a", absl::StrCat("{field: text, gte: ", n, "}")),
        "a",
        [n](const Window& window) {
          std::set<std::string> values;
          for (const Seen* seen : window) values.insert(seen->text);
          return values.size() >= n;
        },
        Always);
  }
}

TEST(EngineReferenceTest, ValueSum) {
  Compare(
      Rules("value_sum", "a", "{field: number, gte: 20.5}"), "a",
      [](const Window& window) {
        double sum = 0;
        for (const Seen* seen : window) sum += seen->number;
        return sum >= 20.5;
      },
      Always);
}

TEST(EngineReferenceTest, ValueAvg) {
  for (const bool low : {false, true}) {
    Compare(
        Rules("value_avg", "a",
              low ? "{field: number, lt: 4}" : "{field: number, gt: 6}"),
        "a",
        [low](const Window& window) {
          if (window.empty()) return false;
          double sum = 0;
          for (const Seen* seen : window) sum += seen->number;
          const double mean = sum / static_cast<double>(window.size());
          return low ? mean < 4 : mean > 6;
        },
        Always);
  }
}

TEST(EngineReferenceTest, ValueMedian) {
  Compare(
      Rules("value_median", "a", "{field: number, gte: 7.125}"), "a",
      [](const Window& window) {
        std::vector<double> values;
        for (const Seen* seen : window) values.push_back(seen->number);
        if (values.empty()) return false;
        std::sort(values.begin(), values.end());
        const size_t half = values.size() / 2;
        const double median = values.size() % 2 == 1
                                  ? values[half]
                                  : (values[half - 1] + values[half]) / 2;
        return median >= 7.125;
      },
      Always);
}

bool Has(const Window& window, char kind) {
  return std::any_of(window.begin(), window.end(), [kind](const Seen* seen) {
    return seen->kinds.find(kind) != std::string::npos;
  });
}

TEST(EngineReferenceTest, Temporal) {
  Compare(
      Rules("temporal", "a, b, c", ""), "abc",
      [](const Window& window) {
        return Has(window, 'a') && Has(window, 'b') && Has(window, 'c');
      },
      Always);
  Compare(
      Rules("temporal", "a, b, c", "a and (b or c)"), "abc",
      [](const Window& window) {
        return Has(window, 'a') && (Has(window, 'b') || Has(window, 'c'));
      },
      Always);
}

// When the chain of a, b and c that begins last begins; kMinEventTime: none.
EventTime ChainBegin(const Window& window) {
  EventTime begin = kMinEventTime;
  const auto is = [](const Seen* seen, char kind) {
    return seen->kinds.find(kind) != std::string::npos;
  };
  for (const Seen* a : window) {
    if (!is(a, 'a')) continue;
    for (const Seen* b : window) {
      if (b->time < a->time || !is(b, 'b')) continue;
      for (const Seen* c : window) {
        if (c->time >= b->time && is(c, 'c')) begin = std::max(begin, a->time);
      }
    }
  }
  return begin;
}

// Everything in the window was counted: a thousand requests of a key before the
// roll that the chain begins with.
TEST(EngineReferenceTest, TemporalOrdered) {
  Compare(
      Rules("temporal_ordered", "a, b, c", ""), "abc",
      [](const Window& window) { return ChainBegin(window) != kMinEventTime; },
      Always, 25, ChainBegin);
}

}  // namespace
}  // namespace keywatch
