#ifndef DAEMON_ENGINE_RULE_EVALUATOR_H_
#define DAEMON_ENGINE_RULE_EVALUATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"
#include "daemon/engine/engine_context.h"
#include "daemon/engine/episode.h"
#include "daemon/engine/evaluator.h"
#include "daemon/engine/group_key.h"
#include "daemon/engine/group_table.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// For rules without a timespan: how long a group must be quiet before its
// episode ends.
constexpr int64_t kDefaultRearmMs = 3'600'000;

// RuleEvaluator is the part of an evaluator that does not depend on what is
// kept per group: fields and groups of inputs, and the life of episodes.
class RuleEvaluator : public Evaluator {
 protected:
  RuleEvaluator(EngineContext* context, uint32_t rule);

  EngineContext& context() { return context_; }
  const RuleSet& rules() const { return context_.rules(); }
  const Rule& rule() const { return rule_; }
  uint32_t rule_index() const { return rule_index_; }
  const std::string& owner() const { return owner_; }
  int64_t rearm_ms() const { return rearm_ms_; }

  // --- Inputs.

  struct GroupName {
    absl::string_view key;  // encoded; valid until the next event
    uint64_t hash = 0;
  };
  // False when the input forms no group.
  bool GroupOf(const Input& input, GroupName* out);
  // The group that `fields` make of the input, appended to `out`.
  static bool AppendFields(const std::vector<FieldRef>& fields,
                           const Signal& signal, std::string* out);
  // The field's text; "" when it is absent. Lists are joined by ",".
  static std::string FieldText(const FieldRef& field, const Signal& signal);
  // The field's number, or that of its text; false when it is none.
  static bool FieldNumber(const FieldRef& field, const Signal& signal,
                          double* out);
  // Calls `f(hash)` for the value that the rule's value fields make of the
  // input: each element when one field is a list, the tuple when there are
  // several. Absent, null and empty values make none.
  template <typename F>
  void ForEachValue(const Input& input, F f) {
    const std::vector<FieldRef>& refs = rule_.value_refs[input.input];
    if (refs.size() == 1 && refs[0].slot == kNoSlot) {
      // The same value has the same hash, whoever gives it.
      const std::string text = FieldText(refs[0], *input.signal);
      if (!text.empty()) f(StableHash(text), absl::string_view(text));
      return;
    }
    if (refs.size() == 1 && input.signal->event != nullptr) {
      input.signal->event->at(refs[0].slot).AnyElement([&](const Value& value) {
        ScalarBuffer buffer;
        const absl::string_view text = ScalarText(value, buffer);
        if (!text.empty()) f(StableHash(text), text);
        return false;
      });
      return;
    }
    std::string& tuple = scratch_;
    tuple.clear();
    if (AppendFields(refs, *input.signal, &tuple)) {
      f(StableHash(tuple), absl::string_view(tuple));
    }
  }
  // "source.as.number=64511, source.geo.country_iso_code=RU".
  std::string ValuesText(const Input& input) const;
  // The value fields' names: "a" or "(a, b)".
  std::string ValueFieldNames() const;

  // --- Episodes.

  struct Firing {
    EventTime time_ms = 0;
    const Signal* cause = nullptr;  // its id and, when there is one, its event
    EventTime first_event_ms = 0;
    EventTime last_event_ms = 0;
    EventTime hold_until_ms = 0;
    int64_t count = 0;
  };
  // Opens the record's episode, tells the consumers of the rule, and, when the
  // rule alerts, calls `explain()` for the explanation and shows the cause as
  // evidence after `before` (may be null).
  template <typename F>
  void Open(GroupRecord* record, const Firing& firing, F explain,
            std::vector<Evidence>* before = nullptr) {
    OpenSilently(record, firing);
    if (!rule_.alerts) return;
    Episode& episode = *record->episode;
    episode.explanation = explain();
    if (before != nullptr) ShowBefore(*before, &episode);
    if (firing.cause->event != nullptr) {
      AddEvidence(*firing.cause, &episode);
    }
    Announce(record);
  }
  // One more event counts for the open episode.
  void Fold(GroupRecord* record, const Signal& signal);
  // The episode changed in another way.
  void Changed(GroupRecord* record);
  // Ends the episode.
  void Close(GroupRecord* record);
  // The episode as a detection.
  Detection Snapshot(const GroupRecord& record, Detection::Kind kind) const;

  // The event as the rule's evidence shows it, encoded and appended to `out`;
  // nothing when the rule does not alert.
  void AppendEvidence(const Signal& signal, std::string* out) const {
    if (rule_.alerts) evidence_maker_.Append(signal, out);
  }
  // Adds what AppendEvidence wrote (any number of them), each event once.
  static void DecodeEvidenceList(absl::string_view encoded,
                                 std::vector<Evidence>* out);

 private:
  void OpenSilently(GroupRecord* record, const Firing& firing);
  static void ShowBefore(const std::vector<Evidence>& before, Episode* episode);
  void AddEvidence(const Signal& signal, Episode* episode);
  void Announce(GroupRecord* record);
  std::string KeyOf(absl::string_view encoded_group,
                    const Signal& signal) const;

  EngineContext& context_;
  const Rule& rule_;
  const uint32_t rule_index_;
  const std::string owner_;
  const int64_t rearm_ms_;
  const EvidenceMaker evidence_maker_;
  std::vector<std::string> group_names_;
  int key_group_index_ = -1;    // which of them is the key
  std::vector<int64_t> plans_;  // by input; -1: made of a lower rule's group
  std::string group_scratch_;
  std::string scratch_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_RULE_EVALUATOR_H_
