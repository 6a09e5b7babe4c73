#include "daemon/engine/state_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/codec.h"
#include "daemon/core/time.h"
#include "daemon/engine/explain.h"
#include "daemon/engine/group_key.h"
#include "daemon/engine/supports.h"

namespace keywatch {
namespace {

// Rows of the first version have no number of uses.
constexpr uint64_t kOldVersion = 1;
constexpr uint64_t kVersion = 2;

// Reads one row; the order is that of STATE.md.
class RowReader {
 public:
  RowReader(const RuleSet& rules, const Rule& rule, absl::string_view blob,
            EventTime now_ms)
      : rules_(rules), rule_(rule), in_(blob), now_ms_(now_ms) {}

  std::string Text() {
    const uint64_t version = in_.Varint();
    if (version != kVersion && version != kOldVersion) {
      return "unreadable state";
    }
    in_.Signed();
    in_.Varint();
    if (version == kVersion) in_.Varint();
    const std::string episode = Episode();
    const std::string state = State();
    if (!in_.ok()) return "unreadable state";
    return state.empty() ? episode : absl::StrCat(state, "; ", episode);
  }

 private:
  std::string Episode() {
    if (!in_.Bool()) return "no alert open";
    in_.String();
    in_.String();
    const EventTime first_fire = in_.Signed();
    for (int i = 0; i < 3; ++i) in_.Signed();
    const int64_t count = in_.Signed();
    in_.Signed();
    const absl::string_view explanation = in_.String();
    in_.Varint();
    in_.String();
    return absl::StrCat("alert open since ", FormatTime(first_fire), ", ",
                        FormatCount(count, "event"), " (", explanation, ")");
  }

  std::string State() {
    switch (rule_.type) {
      case RuleType::kDetection:
      case RuleType::kRatio:
        return "";
      case RuleType::kEventCount:
      case RuleType::kValueCount:
      case RuleType::kValueSum:
        if (JudgedAtEnd(rule_)) return OpenWindow();
        if (rule_.type == RuleType::kEventCount) return EventCount();
        if (rule_.type == RuleType::kValueCount) return ValueCount();
        return Numbers();
      case RuleType::kValueAvg:
      case RuleType::kValuePercentile:
      case RuleType::kValueMedian:
        return Numbers();
      case RuleType::kTemporal:
        return Inputs();
      case RuleType::kTemporalOrdered:
        return Stages();
      case RuleType::kNewTerm: {
        // In the order of the row, which arguments of a call do not have.
        const std::string learned = Learned();
        return absl::StrCat(learned, ", ", SetSize(), " known");
      }
      case RuleType::kRareTerm:
      case RuleType::kTravel:
        return Learned();
      case RuleType::kDormant: {
        const std::string learned = Learned();
        return absl::StrCat(learned, ", last used ", FormatTime(in_.Signed()));
      }
      case RuleType::kAbsence: {
        const std::string learned = Learned();
        return absl::StrCat(learned, ", last seen ", FormatTime(in_.Signed()));
      }
      case RuleType::kRate: {
        const std::string learned = Learned();
        in_.Signed();
        return absl::StrCat(learned, ", ", FormatCount(in_.Signed(), "event"),
                            " in this ", FormatMillis(rule_.timespan_ms));
      }
    }
    return "";
  }

  std::string EventCount() {
    return absl::StrCat(FormatCount(Times(), "event"), Window());
  }

  std::string ValueCount() {
    if (in_.Bool()) return "distinct values are estimated";
    const uint64_t count = in_.Varint();
    int64_t inside = 0;
    EventTime time = 0;
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      in_.Fixed64();
      time += in_.Signed();
      inside += Counts(time);
    }
    return absl::StrCat(inside, " distinct ",
                        absl::StrJoin(rule_.value_fields, "+"), Window());
  }

  std::string OpenWindow() {
    if (!in_.Bool()) return "no window open";
    const EventTime begin = in_.Signed();
    in_.Signed();
    const int64_t events = in_.Signed();
    return absl::StrCat(FormatCount(events, "event"), " in the window since ",
                        FormatTime(begin), ", which is judged at its end (",
                        FormatCondition(rule_.condition), ")");
  }

  std::string Numbers() {
    const uint64_t count = in_.Varint();
    in_.Bool();
    int64_t inside = 0;
    EventTime time = 0;
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      time += in_.Signed();
      in_.Double();
      inside += Counts(time);
    }
    return absl::StrCat(FormatCount(inside, "number"), Window());
  }

  std::string Inputs() {
    const uint64_t count = in_.Varint();
    std::vector<std::string> seen;
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      const EventTime last = in_.Signed();
      in_.String();
      if (Counts(last)) {
        seen.push_back(absl::StrCat(InputName(i), " at ", FormatTime(last)));
      } else {
        seen.push_back(absl::StrCat(InputName(i), " not"));
      }
    }
    return absl::StrCat("within ", FormatMillis(rule_.timespan_ms), ": ",
                        absl::StrJoin(seen, ", "));
  }

  std::string Stages() {
    const uint64_t count = in_.Varint();
    uint64_t reached = 0;
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      const EventTime begin = in_.Signed();
      in_.Signed();
      in_.String();
      if (Counts(begin)) reached = i + 1;
    }
    const std::string steps =
        absl::StrCat(reached, " of ", rule_.inputs.size(), " steps");
    return reached == 0
               ? steps
               : absl::StrCat(steps, ", up to ", InputName(reached - 1));
  }

  std::string Learned() {
    const EventTime first = in_.Signed();
    const int64_t events = in_.Signed();
    const bool ready = in_.Bool();
    return absl::StrCat(ready ? "learned" : "learning", " since ",
                        FormatTime(first), ", ", FormatCount(events, "event"));
  }

  int64_t SetSize() {
    const uint64_t count = in_.Varint();
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      in_.Fixed64();
      in_.Signed();
    }
    return static_cast<int64_t>(count);
  }

  // How many of the times count now.
  int64_t Times() {
    const uint64_t count = in_.Varint();
    int64_t inside = 0;
    EventTime time = 0;
    for (uint64_t i = 0; i < count && in_.ok(); ++i) {
      time += in_.Signed();
      inside += Counts(time);
    }
    return inside;
  }

  bool Counts(EventTime time) const {
    return time >= now_ms_ - rule_.timespan_ms && time <= now_ms_;
  }
  std::string Window() const {
    return absl::StrCat(" in ", FormatMillis(rule_.timespan_ms), " (",
                        FormatCondition(rule_.condition), ")");
  }
  std::string InputName(uint64_t i) const {
    return i < rule_.inputs.size() ? rules_.rule(rule_.inputs[i]).name : "?";
  }

  const RuleSet& rules_;
  const Rule& rule_;
  Decoder in_;
  const EventTime now_ms_;
};

}  // namespace

std::string StateText(const RuleSet& rules, const Rule& rule,
                      absl::string_view blob, EventTime now_ms) {
  return RowReader(rules, rule, blob, now_ms).Text();
}

std::string StateGroupText(const Rule& rule, absl::string_view group) {
  if (group.empty() || group[0] != 0) return "";
  group.remove_prefix(1);
  if (rule.stateful() && rule.group_by.empty()) return "all events";
  std::vector<absl::string_view> values;
  if (!DecodeGroup(group, &values)) return "";
  if (values.empty()) return "all events";
  if (values.front().empty()) return "";
  std::vector<std::string> texts;
  for (size_t i = 0; i < values.size(); ++i) {
    texts.push_back(i < rule.group_by.size()
                        ? absl::StrCat(rule.group_by[i], "=", values[i])
                        : std::string(values[i]));
  }
  return absl::StrJoin(texts, ", ");
}

}  // namespace keywatch
