#ifndef DAEMON_RULES_STATEFUL_KEYS_H_
#define DAEMON_RULES_STATEFUL_KEYS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/rules/rule_document.h"
#include "daemon/yaml/document.h"

namespace keywatch {

// Keys that correlations and anomalies have in common.

// One name or a list of them; `required` makes their absence an error. Empty
// and repeated names are errors.
std::vector<NameNode> ParseNames(yaml::MapReader* reader, absl::string_view key,
                                 bool required);

// `rules`, `group-by`, `aliases` and `generate`. An alias is one name for a
// field that each rule calls differently.
void ParseInputs(yaml::MapReader* reader, bool rules_required,
                 RuleDocument* document);

// A duration as Sigma writes it, a number and one of s m h d (and w, with a
// lint), in milliseconds; 0 when it is refused.
int64_t ParseTimespan(const yaml::Node& node, Reporter* reporter);

// The comparisons of a condition map, `gt gte lt lte eq neq`, of which there
// must be one and may be more (all must hold). Other keys are left to the
// caller.
std::vector<Comparison> ParseComparisons(yaml::MapReader* condition);

}  // namespace keywatch

#endif  // DAEMON_RULES_STATEFUL_KEYS_H_
