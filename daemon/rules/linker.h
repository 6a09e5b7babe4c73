#ifndef DAEMON_RULES_LINKER_H_
#define DAEMON_RULES_LINKER_H_

#include <memory>
#include <vector>

#include "daemon/rules/compiler.h"
#include "daemon/rules/rule_document.h"

namespace keywatch {

// Connects documents with each other: gives each its id and name, resolves the
// rules that correlations, anomalies and filters refer to (by id or by name,
// across files), folds filters into the detections that they are about, finds
// the fields of every input, and refuses what refers to nothing, to itself, or
// to a document that was refused. Issues are the documents' own.
//
// Returns the rules that are left, as indexes into `documents`: detections in
// their order, then stateful rules, each after its inputs.
std::vector<size_t> LinkDocuments(
    const CompileOptions& options,
    std::vector<std::unique_ptr<RuleDocument>>* documents);

}  // namespace keywatch

#endif  // DAEMON_RULES_LINKER_H_
