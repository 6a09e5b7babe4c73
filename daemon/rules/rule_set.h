#ifndef DAEMON_RULES_RULE_SET_H_
#define DAEMON_RULES_RULE_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/field_table.h"
#include "daemon/core/ids.h"
#include "daemon/core/level.h"

namespace keywatch {

enum class RuleType {
  kDetection,
  // Sigma correlations.
  kEventCount,
  kValueCount,
  kTemporal,
  kTemporalOrdered,
  kValueSum,
  kValueAvg,
  kValuePercentile,
  kValueMedian,
  // Anomalies.
  kNewTerm,
  kRareTerm,
  kRate,
  kRatio,
  kDormant,
  kAbsence,
  kTravel,
};

absl::string_view RuleTypeName(RuleType type);

// A field as an input rule gives it: a slot of the event when the input is a
// detection; when it is a correlation or an anomaly, the index of the field in
// that rule's group. Exactly one of the two is set.
struct FieldRef {
  Slot slot = kNoSlot;
  int group_index = -1;
};

// A comparison of a number; several in one condition are ANDed.
struct Comparison {
  enum class Op { kGt, kGte, kLt, kLte, kEq, kNeq };
  Op op = Op::kGte;
  double number = 0;
  bool Holds(double x) const {
    switch (op) {
      case Op::kGt:
        return x > number;
      case Op::kGte:
        return x >= number;
      case Op::kLt:
        return x < number;
      case Op::kLte:
        return x <= number;
      case Op::kEq:
        return x == number;
      case Op::kNeq:
        return x != number;
    }
    return false;
  }
};

// A boolean expression over the inputs of a temporal correlation, in postfix
// order. `input` indexes Rule::inputs.
struct BooleanStep {
  enum class Op { kInput, kAnd, kOr, kNot };
  Op op = Op::kInput;
  uint32_t input = 0;
};

// What an anomaly measures in each time bucket.
struct Measure {
  enum class Kind { kCount, kDistinct, kSum, kAvg };
  Kind kind = Kind::kCount;
};

// How a baseline learns. Durations in milliseconds of event time.
struct Baseline {
  enum class Season { kNone, kHourOfDay, kHourOfWeek };
  enum class Model { kMedianMad, kQuantile, kEwma };
  int64_t history_ms = 30 * int64_t{86'400'000};
  int64_t min_history_ms = 0;
  int64_t min_events = 0;
  int64_t forget_after_ms = 90 * int64_t{86'400'000};
  // An open alert's events never train the baseline.
  bool learn_from_unalerted_only = true;
  Season season = Season::kNone;
  Model model = Model::kMedianMad;
};

struct Anomaly {
  Baseline baseline;
  Measure measure;
  // rate
  enum class Direction { kUp, kDown, kBoth };
  Direction direction = Direction::kUp;
  double score = 0;     // threshold of the score
  double margin = 0;    // least width of the band
  double floor = 0;     // absolute minimum of the measure
  int64_t for_ms = 0;   // the score must hold this long
  int64_t keep_ms = 0;  // and then keeps firing this long
  // ratio
  uint32_t numerator = 0;  // indexes into Rule::inputs
  uint32_t denominator = 0;
  double floor_denominator = 0;
  // absence
  int64_t every_ms = 0;
  std::string schedule;  // five-field cron, empty when `every` is used
  std::string timezone;  // IANA name; empty is UTC
  int64_t grace_ms = 0;
  // travel
  double floor_distance_km = 0;
  bool known_places = true;
  // Fields whose values name the peer group that lends its baseline.
  std::vector<std::vector<FieldRef>> peers;  // [input][field]
};

// What a rule asks for; notifiers are checked against the configuration by the
// App.
struct Response {
  std::vector<std::string> notify;
  // True when the document names a notify list (even an empty one); else the
  // configured default applies.
  bool notify_set = false;
  enum class RollMode { kNever, kPropose, kApprove, kAuto };
  RollMode roll = RollMode::kNever;
  int approvals = 1;
  std::string roll_expire = "now";
};

// Rule is one compiled document. Immutable.
struct Rule {
  // --- What it says of itself.
  RuleId id;
  std::string name;  // the document's `name`, else its id
  std::string title;
  std::string description;
  std::string status;
  std::string author;
  Level level = Level::kMedium;
  Stage stage = Stage::kNotify;
  std::vector<std::string> tags;
  std::vector<std::string> references;
  std::vector<std::string> false_positives;
  std::string playbook;
  Response response;
  std::string file;
  int line = 0;

  // --- What it means.
  RuleType type = RuleType::kDetection;
  // Hash of the compiled meaning, 16 hex digits: the same for two documents
  // that differ in comments, title or order of keys only. State survives a
  // reload when rule id and meaning did not change.
  std::string meaning;
  // False for a base rule of a correlation without `generate: true`.
  bool alerts = true;

  // --- Detections only.
  // The group of a detection's alerts: the key, when the event has one.
  // The logsource, filters and expression live in the Matcher.
  // Slots that evidence shows beside the usual ones: fields that the rule
  // reads (for a stateful rule: of its groups and values), and `fields:`.
  std::vector<Slot> evidence_slots;

  // --- Correlations and anomalies.
  std::vector<uint32_t> inputs;       // rules, as indexes into the RuleSet
  std::vector<std::string> group_by;  // as shown in alerts
  std::vector<std::vector<FieldRef>> group_refs;  // [input][group_by]
  int64_t timespan_ms = 0;
  // Of what the type measures: events, distinct values, a sum, ...; for
  // rare_term a share from 0 to 1, for rate the score, for ratio the quotient,
  // for dormant milliseconds of idleness, for travel km/h.
  std::vector<Comparison> condition;
  std::vector<BooleanStep> expression;    // temporal ones; empty = all inputs
  std::vector<std::string> value_fields;  // value_count's tuple, ...
  std::vector<std::vector<FieldRef>> value_refs;  // [input][value_fields]
  double percentile = 50;
  Anomaly anomaly;
  uint32_t max_groups = 100'000;
  // Stateful rules that take this rule as input.
  std::vector<uint32_t> consumers;

  bool stateful() const { return type != RuleType::kDetection; }
};

// A logsource as a format declares it for its events. Empty = not declared.
struct LogSourceSpec {
  std::string product;
  std::string category;
  std::string service;
};

// RuleSet is the compiled, immutable, hashed set of rules: everything that
// matching and the engine need. Built by RuleSetBuilder (compiler.h). Safe to
// use from any thread; shared as shared_ptr<const RuleSet>.
class RuleSet {
 public:
  virtual ~RuleSet() = default;

  // The fields that some rule, evidence or the key profile needs.
  const FieldTable& fields() const { return fields_; }
  // Every rule, detections before the stateful rules that consume them; a
  // stateful rule stands after all its inputs.
  const std::vector<Rule>& rules() const { return rules_; }
  const Rule& rule(uint32_t index) const { return rules_[index]; }
  // The rule of that id, or nullptr.
  const Rule* Find(const RuleId& id) const;
  // Hash over all rules' meaning, 16 hex digits.
  const std::string& hash() const { return hash_; }

  // The route of events whose format declares `source`: with it the Matcher
  // tries just the rules whose logsource fits. Equal specs have equal routes.
  virtual uint32_t Route(const LogSourceSpec& source) const = 0;

  // Slots of the normalised fields that the engine, the profile and evidence
  // read; always interned, in this order. `key_id` is the field that the
  // options name as the key's.
  struct WellKnown {
    Slot key_id, key_kind, operation, method, path, status, error_code,
        error_message, source_ip, source_asn, source_country, user_agent,
        request_id, event_action, event_outcome, sensitive_fields, organization;
  };
  const WellKnown& well_known() const { return well_known_; }

 protected:
  RuleSet() = default;
  // `key_field` is the field that names the key.
  void InternWellKnown(absl::string_view key_field);

  FieldTable fields_;
  std::vector<Rule> rules_;
  absl::flat_hash_map<std::string, uint32_t> by_id_;
  std::string hash_;
  WellKnown well_known_;
};

// Matcher finds the detection rules that an event satisfies. It keeps scratch
// memory: one per thread. Results depend on the event alone.
class Matcher {
 public:
  virtual ~Matcher() = default;
  // Appends the indexes of the matching detection rules of the event's route,
  // ascending.
  virtual void Match(const Event& event, std::vector<uint32_t>* matches) = 0;
};

// A matcher over `rules`, which it keeps alive.
std::unique_ptr<Matcher> NewMatcher(std::shared_ptr<const RuleSet> rules);

}  // namespace keywatch

#endif  // DAEMON_RULES_RULE_SET_H_
