#include "daemon/app/scenario_log.h"

#include <algorithm>
#include <cstring>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace keywatch {
namespace {

// The same in every run and on every machine (splitmix64).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void Number(const std::string& number, TestValue* value) {
  value->text = absl::StrReplaceAll(value->text, {{"{n}", number}});
  for (TestValue& item : value->list) Number(number, &item);
}

bool HasId(const TestEvent& event) {
  return std::any_of(event.fields.begin(), event.fields.end(),
                     [](const auto& f) { return f.first == field::kEventId; });
}

}  // namespace

ScenarioLog::ScenarioLog(const Scenario& scenario, const ScenarioTest& test)
    : scenario_(scenario), test_(test), matcher_(NewMatcher(scenario.rules)) {
  for (uint32_t i = 0; i < test.series.size(); ++i) {
    const ScenarioSeries& series = test.series[i];
    builders_.emplace_back(scenario.rules.get(), series.route);
    builders_.back().Restart(scenario.start);
    for (int64_t n = 0; n < series.times; ++n) {
      int64_t time = series.at_ms + n * series.every_ms;
      if (series.jitter_ms > 0) {
        const uint64_t random = Mix(Mix(i) + static_cast<uint64_t>(n));
        time += static_cast<int64_t>(random %
                                     static_cast<uint64_t>(series.jitter_ms));
      }
      records_.push_back({time + series.late_ms, time, n, i});
    }
  }
  std::sort(records_.begin(), records_.end(),
            [](const Entry& a, const Entry& b) {
              return std::tie(a.arrives_ms, a.time_ms, a.series, a.number) <
                     std::tie(b.arrives_ms, b.time_ms, b.series, b.number);
            });
}

TestEvent ScenarioLog::EventOf(const Entry& entry) const {
  const ScenarioSeries& series = test_.series[entry.series];
  TestEvent event = series.event;
  for (const auto& [name, values] : series.vary) {
    const size_t turn = static_cast<size_t>(entry.number) % values.size();
    event.fields.push_back({name, values[turn]});
  }
  if (series.numbered) {
    const std::string number = absl::StrCat(entry.number);
    for (auto& field : event.fields) Number(number, &field.second);
  }
  event.time_ms = scenario_.start + entry.time_ms;
  return event;
}

DecodedPage ScenarioLog::Read(int64_t begin, int64_t end, int64_t read_before) {
  DecodedPage page;
  page.batch = std::make_shared<EventBatch>();
  EventBatch* batch = page.batch.get();
  for (int64_t position = begin; position < end; ++position) {
    const Entry& entry = records_[position];
    const TestEvent fields = EventOf(entry);
    Event* event = builders_[entry.series].Build(fields, batch);
    if (!HasId(fields)) {
      event->id =
          batch->CopyText(absl::StrCat(entry.series, "-", entry.number));
    }
    event->begin = position;
    event->end = position + 1;
    event->reread = position < read_before;
    matches_.clear();
    matcher_->Match(*event, &matches_);
    if (!matches_.empty()) {
      const size_t bytes = matches_.size() * sizeof(uint32_t);
      auto* copy = reinterpret_cast<uint32_t*>(batch->Allocate(bytes));
      std::memcpy(copy, matches_.data(), bytes);
      event->matches = absl::MakeConstSpan(copy, matches_.size());
    }
    if (!event->reread) ++page.records;
  }
  DecodedPage::Stream stream;
  stream.name = "scenario";
  stream.position = end;
  stream.read = std::max(end, read_before);
  page.streams.push_back(std::move(stream));
  return page;
}

}  // namespace keywatch
