#ifndef DAEMON_RULES_RULE_DOCUMENT_H_
#define DAEMON_RULES_RULE_DOCUMENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/condition.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/inline_tests.h"
#include "daemon/rules/reporter.h"
#include "daemon/rules/rule_set.h"
#include "daemon/yaml/document.h"

namespace keywatch {

// A name in the text of a document, with its place.
struct NameNode {
  std::string name;
  const yaml::Node* node = nullptr;
};

// `aliases:` of a correlation: one name for a field that each rule calls
// differently.
struct FieldAlias {
  NameNode alias;
  // Rule as it is referred to, and its field.
  std::vector<std::pair<NameNode, std::string>> fields;
};

// A field of an input, as names: the field of a detection's events, or the
// place in the group of a stateful input.
struct ResolvedField {
  std::string field;  // empty when group_index is set
  int group_index = -1;
};

// RuleDocument is one YAML document, parsed and checked by itself; what it says
// about other documents is still names. Thread-compatible.
struct RuleDocument {
  enum class Kind { kUnknown, kDetection, kCorrelation, kFilter, kAnomaly };

  RuleDocument(const yaml::File& file, const yaml::Node& node, bool lint)
      : node(&node), reporter(file, lint) {}

  // Reports an error and refuses the document.
  void Refuse(const yaml::Node& at, std::string code, std::string message,
              std::string hint = "") {
    reporter.Error(at, std::move(code), std::move(message), std::move(hint));
    refused = true;
  }

  const yaml::Node* node;
  Reporter reporter;
  Kind kind = Kind::kUnknown;
  int position = 1;  // in its file, from 1
  bool refused = false;

  // Header, and what else a document says without others.
  Rule rule;
  bool has_level = false;
  LogSourceSpec logsource;
  std::vector<std::string> fields;
  std::vector<InlineTest> tests;

  // Detections and filters.
  Expression expression;
  std::vector<std::string> conditions;  // as one line each

  // Correlations and anomalies.
  std::vector<NameNode> inputs;
  std::vector<NameNode> group_by;
  std::vector<NameNode> value_fields;
  std::vector<NameNode> peers;
  std::vector<FieldAlias> aliases;
  bool generate = false;
  // The boolean expression of a temporal correlation.
  absl::optional<Condition> temporal;
  const yaml::Node* temporal_node = nullptr;

  // Set by the linker: the inputs as indexes of documents, and for each input
  // its fields.
  std::vector<size_t> input_documents;
  std::vector<std::vector<ResolvedField>> group_fields;
  std::vector<std::vector<ResolvedField>> value_field_refs;
  std::vector<std::vector<ResolvedField>> peer_fields;

  // Filters.
  bool any_rule = false;
  std::vector<NameNode> targets;
  std::string owner;
  EventTime expires_ms = 0;  // 0: never
};

// "detection", "correlation", "filter", "anomaly", "".
absl::string_view DocumentKindName(RuleDocument::Kind kind);

// Parses one document. Issues are in the document's reporter; `refused` says
// whether there is an error among them.
std::unique_ptr<RuleDocument> ParseRuleDocument(const yaml::File& file,
                                                const yaml::Node& node,
                                                int position,
                                                const CompileOptions& options);

// The parts of ParseRuleDocument, each for its own key of the document.
void ParseHeader(RuleDocument* document);
void ParseTests(const yaml::Node& node, RuleDocument* document);
void ParseDetection(const yaml::Node& node, const CompileOptions& options,
                    RuleDocument* document);
void ParseFilter(const yaml::Node& node, const CompileOptions& options,
                 RuleDocument* document);
void ParseCorrelation(const yaml::Node& node, RuleDocument* document);
void ParseAnomaly(const yaml::Node& node, RuleDocument* document);

}  // namespace keywatch

#endif  // DAEMON_RULES_RULE_DOCUMENT_H_
