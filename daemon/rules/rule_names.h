#ifndef DAEMON_RULES_RULE_NAMES_H_
#define DAEMON_RULES_RULE_NAMES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "daemon/rules/rule_document.h"

namespace keywatch {

// RuleNames gives documents their ids and names, and finds the rules that other
// documents refer to by them. Thread-compatible.
class RuleNames {
 public:
  // Names every document: one without an id gets its file and position, one
  // without a name its id, one without a title its name. An id that is used
  // twice refuses the later document. `documents` must outlive the object.
  explicit RuleNames(std::vector<std::unique_ptr<RuleDocument>>* documents);

  // The rule, no filter, that `name` refers to in `from`, as an index of the
  // documents. Ids go before names. Nothing, and `from` is refused, when there
  // is none or more than one.
  absl::optional<size_t> Find(const NameNode& name, RuleDocument* from) const;

  // Whether `name` is the id or the name of that document.
  bool RefersTo(const std::string& name, size_t document) const;

 private:
  std::string Hint(absl::string_view name) const;

  std::vector<std::unique_ptr<RuleDocument>>& documents_;
  absl::flat_hash_map<std::string, size_t> by_id_;
  absl::flat_hash_map<std::string, std::vector<size_t>> by_name_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_RULE_NAMES_H_
