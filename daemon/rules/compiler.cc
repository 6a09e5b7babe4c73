#include "daemon/rules/compiler.h"

#include <utility>

#include "daemon/rules/compiled_rule_set.h"
#include "daemon/rules/linker.h"
#include "daemon/rules/rule_document.h"
#include "daemon/rules/rule_files.h"
#include "daemon/yaml/document.h"

namespace keywatch {
namespace {

// A file with what was found wrong with it as a whole.
struct SourceFile {
  yaml::File file;
  IssueList issues;
};

// Old rule collections share keys between documents; read singly, they would
// mean something else.
const yaml::Node* FindCollectionAction(const yaml::File& file) {
  for (const yaml::Node& node : file.documents()) {
    const yaml::Node* action = node.is_map() ? node.Find("action") : nullptr;
    if (action != nullptr &&
        (action->text == "global" || action->text == "repeat" ||
         action->text == "reset")) {
      return action;
    }
  }
  return nullptr;
}

class Compiler {
 public:
  Compiler(const CompileOptions& options, bool leniently)
      : options_(options), leniently_(leniently) {}

  CompileResult Compile(std::vector<std::unique_ptr<SourceFile>> files,
                        IssueList path_issues) {
    CompileResult result;
    result.issues = path_issues;
    result.path_issues = std::move(path_issues);
    bool errors = result.issues.has_errors();
    for (const auto& source : files) ParseFile(*source);
    const std::vector<size_t> order = LinkDocuments(options_, &documents_);
    for (const auto& source : files) AddResults(*source, &result);
    for (const DocumentResult& document : result.documents) {
      errors = errors || document.issues.has_errors();
      result.issues.Append(document.issues);
    }
    if (!errors || leniently_) {
      result.rules = CompiledRuleSet::Build(options_, order, &documents_);
    }
    return result;
  }

 private:
  void ParseFile(const SourceFile& source) {
    // What could be read of a file with syntax errors may be half a rule.
    if (source.issues.has_errors()) return;
    const yaml::Node* action = FindCollectionAction(source.file);
    int position = 0;
    for (const yaml::Node& node : source.file.documents()) {
      ++position;
      if (node.is_null()) continue;
      if (action != nullptr) {
        RefuseCollection(source.file, node, position, *action);
        continue;
      }
      documents_.push_back(
          ParseRuleDocument(source.file, node, position, options_));
    }
  }

  void RefuseCollection(const yaml::File& file, const yaml::Node& node,
                        int position, const yaml::Node& action) {
    auto document = std::make_unique<RuleDocument>(file, node, options_.lint);
    document->position = position;
    document->rule.file = file.name();
    document->rule.line = node.line;
    document->reporter.Error(
        action, "rule-collection",
        "`action` of old rule collections is not part of Sigma 2",
        "write every document out in full");
    document->refused = true;
    documents_.push_back(std::move(document));
  }

  void AddResults(const SourceFile& source, CompileResult* result) {
    const size_t first = reported_;
    // Documents stand in the order of their files.
    for (; reported_ < documents_.size() &&
           &documents_[reported_]->reporter.file() == &source.file;
         ++reported_) {
      const auto& document = documents_[reported_];
      DocumentResult entry;
      entry.file = source.file.name();
      entry.line = document->node->line;
      entry.kind = std::string(DocumentKindName(document->kind));
      entry.id = document->rule.id.str();
      entry.title = document->rule.title;
      entry.loaded = !document->refused;
      entry.issues = *document->reporter.issues();
      result->documents.push_back(std::move(entry));
    }
    if (reported_ > first) {
      // Warnings: a file with errors has no documents here.
      result->documents[result->documents.size() - (reported_ - first)]
          .issues.Append(source.issues);
      return;
    }
    DocumentResult entry;
    entry.file = source.file.name();
    entry.issues = source.issues;
    if (!source.issues.has_errors()) {
      Issue issue;
      issue.code = "empty-file";
      issue.where.file = source.file.name();
      issue.message = "the file has no document";
      entry.issues.Add(std::move(issue));
    }
    result->documents.push_back(std::move(entry));
  }

  const CompileOptions& options_;
  const bool leniently_;
  std::vector<std::unique_ptr<RuleDocument>> documents_;
  size_t reported_ = 0;  // documents whose results have been added
};

CompileResult CompilePaths(const std::vector<std::string>& paths,
                           const CompileOptions& options, bool leniently) {
  IssueList issues;
  std::vector<std::unique_ptr<SourceFile>> files;
  for (const std::string& path : FindRuleFiles(paths, &issues)) {
    auto source = std::make_unique<SourceFile>();
    source->file = yaml::File::Read(path, &source->issues);
    files.push_back(std::move(source));
  }
  for (const auto& [name, text] : options.built_in) {
    auto source = std::make_unique<SourceFile>();
    source->file = yaml::File::Parse(name, text, &source->issues);
    files.push_back(std::move(source));
  }
  return Compiler(options, leniently)
      .Compile(std::move(files), std::move(issues));
}

}  // namespace

CompileResult CompileRules(const std::vector<std::string>& paths,
                           const CompileOptions& options) {
  return CompilePaths(paths, options, /*leniently=*/false);
}

CompileResult CompileRulesLeniently(const std::vector<std::string>& paths,
                                    const CompileOptions& options) {
  return CompilePaths(paths, options, /*leniently=*/true);
}

CompileResult CompileRuleTexts(
    const std::vector<std::pair<std::string, std::string>>& texts,
    const CompileOptions& options, bool leniently) {
  std::vector<std::unique_ptr<SourceFile>> files;
  for (const auto& [name, text] : texts) {
    auto source = std::make_unique<SourceFile>();
    source->file = yaml::File::Parse(name, text, &source->issues);
    files.push_back(std::move(source));
  }
  return Compiler(options, leniently).Compile(std::move(files), IssueList());
}

}  // namespace keywatch
