#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/schedule.h"
#include "daemon/rules/stateful_keys.h"

namespace keywatch {
namespace {

// In the order of RuleType, from kNewTerm on.
const std::vector<std::string>& TypeNames() {
  static const auto* const kNames = new std::vector<std::string>{
      "new_term", "rare_term", "rate", "ratio", "dormant", "absence", "travel"};
  return *kNames;
}

class AnomalyParser {
 public:
  AnomalyParser(const yaml::Node& node, RuleDocument* document)
      : document_(*document),
        rule_(document->rule),
        anomaly_(document->rule.anomaly),
        reporter_(document->reporter),
        reader_(document->reporter.file(), &node, document->reporter.issues()) {
  }

  void Parse() {
    const yaml::Node* type = reader_.Require("type");
    if (type == nullptr) return;
    const auto& names = TypeNames();
    const auto found = std::find(names.begin(), names.end(), type->text);
    if (!type->is_scalar() || found == names.end()) {
      reporter_.Error(
          *type, "unknown-type",
          absl::StrCat("\"", type->text, "\" is no type of anomaly"),
          SuggestionHint(type->text, names));
      return;
    }
    rule_.type = static_cast<RuleType>(static_cast<int>(RuleType::kNewTerm) +
                                       (found - names.begin()));
    ParseInputs(&reader_, rule_.type != RuleType::kRatio, &document_);
    switch (rule_.type) {
      case RuleType::kNewTerm:
        ParseFields(/*required=*/true);
        ParseBaseline(/*seasonal=*/false);
        ParsePeers();
        break;
      case RuleType::kRareTerm:
        ParseFields(/*required=*/true);
        ParseCondition("share", /*required=*/true);
        CheckCondition(0, 1, "a share is between 0 and 1");
        ParseBaseline(/*seasonal=*/false);
        ParsePeers();
        break;
      case RuleType::kRate:
        ParseRate();
        break;
      case RuleType::kRatio:
        ParseRatio();
        break;
      case RuleType::kDormant:
        ParseIdle();
        ParseBaseline(/*seasonal=*/false);
        break;
      case RuleType::kAbsence:
        ParseAbsence();
        break;
      case RuleType::kTravel:
        ParseTravel();
        break;
      default:
        break;
    }
    reader_.Finish();
  }

 private:
  void ParseFields(bool required) {
    document_.value_fields = ParseNames(&reader_, "field", required);
    CopyValueFields();
  }

  void CopyValueFields() {
    for (const NameNode& name : document_.value_fields) {
      rule_.value_fields.push_back(name.name);
    }
  }

  void ParsePeers() { document_.peers = ParseNames(&reader_, "peers", false); }

  int64_t Ms(yaml::MapReader* reader, absl::string_view key,
             int64_t fallback_ms) {
    return absl::ToInt64Milliseconds(
        reader->Duration(key, absl::Milliseconds(fallback_ms),
                         absl::ZeroDuration(), absl::Hours(24 * 3660)));
  }

  void ParseBaseline(bool seasonal) {
    const yaml::Node* node = reader_.Get("baseline");
    if (node == nullptr) return;
    Baseline& baseline = anomaly_.baseline;
    yaml::MapReader reader(reporter_.file(), node, reporter_.issues());
    baseline.history_ms = Ms(&reader, "history", baseline.history_ms);
    baseline.min_history_ms =
        Ms(&reader, "min-history", baseline.min_history_ms);
    baseline.min_events =
        reader.Int("min-events", baseline.min_events, 0, 1'000'000'000);
    const int64_t forget =
        std::max(baseline.history_ms, baseline.forget_after_ms);
    baseline.forget_after_ms = Ms(&reader, "forget-after", forget);
    baseline.learn_from_unalerted_only =
        reader.Choice("learn-from", {"unalerted", "all"}, 0) == 0;
    if (seasonal) {
      baseline.season = static_cast<Baseline::Season>(
          reader.Choice("season", {"none", "hour-of-day", "hour-of-week"}, 0));
      baseline.model = static_cast<Baseline::Model>(
          reader.Choice("model", {"median-mad", "quantile", "ewma"}, 0));
    }
    if (baseline.history_ms == 0) {
      reader.Error("history", "bad-value", "`history` must not be 0");
    }
    if (baseline.min_history_ms > baseline.history_ms) {
      reader.Error("min-history", "bad-value",
                   "`min-history` is longer than `history`",
                   "the rule would learn for ever");
    }
    reader.Finish();
  }

  // `condition: {field: <quantity>, gte: ...}`; the field may be left out.
  void ParseCondition(const char* quantity, bool required) {
    const yaml::Node* node =
        required ? reader_.Require("condition") : reader_.Get("condition");
    if (node == nullptr) return;
    yaml::MapReader reader(reporter_.file(), node, reporter_.issues());
    CheckQuantity(&reader, quantity);
    rule_.condition = ParseComparisons(&reader);
    reader.Finish();
  }

  void CheckQuantity(yaml::MapReader* reader, const char* quantity) {
    if (!reader->Has("field")) return;
    reader->Choice("field", {quantity}, 0);
  }

  void CheckCondition(double low, double high, const char* message) {
    const yaml::Node* node = reader_.Get("condition");
    for (const Comparison& comparison : rule_.condition) {
      if (comparison.number >= low && comparison.number <= high) continue;
      reporter_.Error(*node, "bad-value", message);
      return;
    }
  }

  void ParseTimespanKey() {
    if (const yaml::Node* timespan = reader_.Require("timespan")) {
      rule_.timespan_ms = ParseTimespan(*timespan, &reporter_);
    }
  }

  void ParseMeasure() {
    const yaml::Node* node = reader_.Get("measure");
    if (node == nullptr || (node->is_scalar() && node->text == "count")) {
      return;
    }
    static const auto* const kWords =
        new std::vector<std::string>{"count", "distinct", "sum", "avg"};
    if (!node->is_map() || node->map.size() != 1) {
      reporter_.Error(*node, "bad-value",
                      "a measure is `count`, {distinct: field}, {sum: field} "
                      "or {avg: field}");
      return;
    }
    const yaml::Node& word = node->map.front().first;
    const auto found = std::find(kWords->begin() + 1, kWords->end(), word.text);
    if (found == kWords->end()) {
      reporter_.Error(word, "bad-value",
                      absl::StrCat("\"", word.text, "\" is no measure"),
                      SuggestionHint(word.text, *kWords));
      return;
    }
    anomaly_.measure.kind = static_cast<Measure::Kind>(found - kWords->begin());
    yaml::MapReader reader(reporter_.file(), node, reporter_.issues());
    document_.value_fields = ParseNames(&reader, word.text, true);
    if (document_.value_fields.size() > 1 &&
        anomaly_.measure.kind != Measure::Kind::kDistinct) {
      reporter_.Error(*document_.value_fields[1].node, "bad-value",
                      absl::StrCat("`", word.text, "` reads one field"));
    }
    CopyValueFields();
  }

  void ParseRate() {
    ParseTimespanKey();
    ParseMeasure();
    ParseCondition("score", /*required=*/false);
    if (rule_.condition.empty()) {
      rule_.condition.push_back({Comparison::Op::kGte, 6});
    }
    anomaly_.score = rule_.condition.front().number;
    if (rule_.condition.size() != 1 || anomaly_.score <= 0 ||
        (rule_.condition.front().op != Comparison::Op::kGte &&
         rule_.condition.front().op != Comparison::Op::kGt)) {
      reader_.Error("condition", "bad-value",
                    "the score is compared with one positive number by gte "
                    "or gt",
                    "`direction` says which side is meant");
    }
    anomaly_.direction = static_cast<Anomaly::Direction>(
        reader_.Choice("direction", {"up", "down", "both"}, 0));
    anomaly_.margin = reader_.Double("margin", 1, 0, 1e15);
    anomaly_.floor = reader_.Double("floor", 0, 0, 1e15);
    anomaly_.for_ms = Ms(&reader_, "for", 0);
    anomaly_.keep_ms = Ms(&reader_, "keep", 0);
    ParseBaseline(/*seasonal=*/true);
    ParseTimezone(anomaly_.baseline.season != Baseline::Season::kNone,
                  "`timezone` belongs to `season`");
    ParsePeers();
  }

  // `why_not` says what it would need.
  void ParseTimezone(bool has_use, const char* why_not) {
    anomaly_.timezone = reader_.String("timezone");
    absl::TimeZone zone;
    if (anomaly_.timezone.empty()) return;
    if (!has_use) {
      reader_.Error("timezone", "bad-value", why_not);
    } else if (!absl::LoadTimeZone(anomaly_.timezone, &zone)) {
      reader_.Error("timezone", "bad-value",
                    absl::StrCat("\"", anomaly_.timezone, "\" is no time zone"),
                    "names are like Europe/Berlin");
    }
  }

  void ParseRatio() {
    if (!document_.inputs.empty()) {
      reporter_.Error(*document_.inputs.front().node, "bad-value",
                      "ratio names its rules by `numerator` and "
                      "`denominator`");
      document_.inputs.clear();
    }
    for (const char* key : {"numerator", "denominator"}) {
      const std::vector<NameNode> names = ParseNames(&reader_, key, true);
      if (names.size() > 1) {
        reporter_.Error(*names[1].node, "bad-value",
                        absl::StrCat("`", key, "` is one rule"));
      }
      if (!names.empty()) document_.inputs.push_back(names.front());
    }
    if (document_.inputs.size() == 2 &&
        document_.inputs[0].name == document_.inputs[1].name) {
      reporter_.Error(*document_.inputs[1].node, "duplicate-name",
                      "numerator and denominator are the same rule");
    }
    anomaly_.numerator = 0;
    anomaly_.denominator = 1;
    ParseTimespanKey();
    ParseCondition("ratio", /*required=*/true);
    if (const yaml::Node* node = reader_.Get("floor")) {
      yaml::MapReader floor(reporter_.file(), node, reporter_.issues());
      anomaly_.floor_denominator = floor.Double("denominator", 0, 0, 1e15);
      floor.Finish();
    }
  }

  // The condition of dormant compares durations.
  void ParseIdle() {
    const yaml::Node* node = reader_.Require("condition");
    if (node == nullptr) return;
    yaml::MapReader reader(reporter_.file(), node, reporter_.issues());
    CheckQuantity(&reader, "idle");
    for (const auto& [key, op] : {std::make_pair("gte", Comparison::Op::kGte),
                                  std::make_pair("gt", Comparison::Op::kGt)}) {
      if (!reader.Has(key)) continue;
      const absl::Duration idle =
          reader.Duration(key, absl::ZeroDuration(), absl::Milliseconds(1),
                          absl::Hours(24 * 3660));
      rule_.condition.push_back(
          {op, static_cast<double>(absl::ToInt64Milliseconds(idle))});
    }
    if (rule_.condition.size() != 1 && node->is_map()) {
      reporter_.Error(*node, "bad-value", "dormant needs one time of idleness",
                      "like {field: idle, gte: 30d}");
    }
    reader.Finish();
  }

  void ParseAbsence() {
    const yaml::Node* every = reader_.Get("every");
    const yaml::Node* schedule = reader_.Get("schedule");
    if ((every == nullptr) == (schedule == nullptr)) {
      reporter_.Error(every == nullptr ? *reader_.node() : *schedule,
                      "bad-value",
                      "absence needs either `every` or `schedule`");
    }
    if (every != nullptr) anomaly_.every_ms = ParseTimespan(*every, &reporter_);
    if (schedule != nullptr) {
      anomaly_.schedule = reader_.String("schedule");
      const absl::Status status = CheckSchedule(anomaly_.schedule);
      if (schedule->is_scalar() && !status.ok()) {
        reporter_.Error(*schedule, "bad-value", std::string(status.message()),
                        "minute, hour, day, month, weekday: 30 6 * * 1-5");
      }
    }
    ParseTimezone(schedule != nullptr, "`timezone` belongs to `schedule`");
    anomaly_.grace_ms = Ms(&reader_, "grace", 0);
  }

  void ParseTravel() {
    const yaml::Node* node = reader_.Require("field");
    if (node != nullptr) {
      yaml::MapReader place(reporter_.file(), node, reporter_.issues());
      for (const char* key : {"lat", "lon"}) {
        const std::vector<NameNode> names = ParseNames(&place, key, true);
        if (names.size() > 1) {
          reporter_.Error(*names[1].node, "bad-value",
                          absl::StrCat("`", key, "` is one field"));
        }
        if (!names.empty()) document_.value_fields.push_back(names.front());
      }
      place.Finish();
      CopyValueFields();
    }
    ParseCondition("speed_kmh", /*required=*/true);
    if (const yaml::Node* floor_node = reader_.Get("floor")) {
      yaml::MapReader floor(reporter_.file(), floor_node, reporter_.issues());
      anomaly_.floor_distance_km = floor.Double("distance_km", 0, 0, 20038);
      floor.Finish();
    }
    anomaly_.known_places = reader_.Bool("known-places", true);
    ParseBaseline(/*seasonal=*/false);
  }

  RuleDocument& document_;
  Rule& rule_;
  Anomaly& anomaly_;
  Reporter& reporter_;
  yaml::MapReader reader_;
};

}  // namespace

void ParseAnomaly(const yaml::Node& node, RuleDocument* document) {
  AnomalyParser(node, document).Parse();
}

}  // namespace keywatch
