#ifndef DAEMON_RULES_FILTER_FOLDER_H_
#define DAEMON_RULES_FILTER_FOLDER_H_

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/rule_names.h"

namespace keywatch {

// FilterFolder ANDs filters to the detections that they are about. Filters that
// name what is no detection, was refused or has another logsource are refused;
// from its expiry on a filter lets every event pass. Thread-compatible.
class FilterFolder {
 public:
  // All must outlive the folder.
  FilterFolder(const CompileOptions& options, const RuleNames& names,
               std::vector<std::unique_ptr<RuleDocument>>* documents)
      : options_(options), names_(names), documents_(*documents) {}

  // Folds every filter there is. Detections must have been judged before.
  void Fold();

 private:
  void Apply(RuleDocument* filter);
  std::vector<size_t> Targets(RuleDocument* filter) const;

  const CompileOptions& options_;
  const RuleNames& names_;
  std::vector<std::unique_ptr<RuleDocument>>& documents_;
  // By document: what its filters add to it.
  absl::flat_hash_map<size_t, std::vector<Expression>> parts_;
  size_t nodes_ = 0;  // of all copies
};

}  // namespace keywatch

#endif  // DAEMON_RULES_FILTER_FOLDER_H_
