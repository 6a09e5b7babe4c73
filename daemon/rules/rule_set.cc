#include "daemon/rules/rule_set.h"

namespace keywatch {

absl::string_view RuleTypeName(RuleType type) {
  switch (type) {
    case RuleType::kDetection:
      return "detection";
    case RuleType::kEventCount:
      return "event_count";
    case RuleType::kValueCount:
      return "value_count";
    case RuleType::kTemporal:
      return "temporal";
    case RuleType::kTemporalOrdered:
      return "temporal_ordered";
    case RuleType::kValueSum:
      return "value_sum";
    case RuleType::kValueAvg:
      return "value_avg";
    case RuleType::kValuePercentile:
      return "value_percentile";
    case RuleType::kValueMedian:
      return "value_median";
    case RuleType::kNewTerm:
      return "new_term";
    case RuleType::kRareTerm:
      return "rare_term";
    case RuleType::kRate:
      return "rate";
    case RuleType::kRatio:
      return "ratio";
    case RuleType::kDormant:
      return "dormant";
    case RuleType::kAbsence:
      return "absence";
    case RuleType::kTravel:
      return "travel";
  }
  return "";
}

const Rule* RuleSet::Find(const RuleId& id) const {
  const auto it = by_id_.find(id.str());
  return it == by_id_.end() ? nullptr : &rules_[it->second];
}

void RuleSet::InternWellKnown(absl::string_view key_field) {
  const auto intern = [this](const char* name) { return fields_.Intern(name); };
  // The usual name keeps its place in the order, whatever the key is called.
  well_known_.key_id = intern(field::kKeyId);
  well_known_.key_kind = intern(field::kKeyKind);
  well_known_.operation = intern(field::kOperation);
  well_known_.method = intern(field::kMethod);
  well_known_.path = intern(field::kPath);
  well_known_.status = intern(field::kStatus);
  well_known_.error_code = intern(field::kErrorCode);
  well_known_.error_message = intern(field::kErrorMessage);
  well_known_.source_ip = intern(field::kSourceIp);
  well_known_.source_asn = intern(field::kSourceAsn);
  well_known_.source_country = intern(field::kSourceCountry);
  well_known_.user_agent = intern(field::kUserAgent);
  well_known_.request_id = intern(field::kRequestId);
  well_known_.event_action = intern(field::kEventAction);
  well_known_.event_outcome = intern(field::kEventOutcome);
  well_known_.sensitive_fields = intern(field::kSensitiveFields);
  well_known_.organization = intern(field::kOrganization);
  if (!key_field.empty()) well_known_.key_id = fields_.Intern(key_field);
}

}  // namespace keywatch
