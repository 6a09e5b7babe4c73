#ifndef DAEMON_RULES_REPORTER_H_
#define DAEMON_RULES_REPORTER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/core/issue.h"
#include "daemon/yaml/document.h"

namespace keywatch {

// Reporter collects the issues of one document, each at a node of its file or
// at a part of a node's text. Thread-compatible.
class Reporter {
 public:
  // `file` must outlive the reporter. Lints are dropped unless `lint`.
  Reporter(const yaml::File& file, bool lint) : file_(&file), lint_(lint) {}

  void Error(const yaml::Node& node, std::string code, std::string message,
             std::string hint = "");
  void Warning(const yaml::Node& node, std::string code, std::string message,
               std::string hint = "");
  // Advice that is not wanted when rules are merely loaded.
  void Lint(const yaml::Node& node, std::string code, std::string message,
            std::string hint = "");
  // At `length` bytes of the scalar's text from `offset` on. Where the text
  // does not stand so in the file (folded or escaped scalars), at the node.
  void ErrorWithin(const yaml::Node& node, size_t offset, size_t length,
                   std::string code, std::string message,
                   std::string hint = "");
  // Advice about such a part.
  void LintWithin(const yaml::Node& node, size_t offset, size_t length,
                  std::string code, std::string message, std::string hint = "");

  // Takes `bytes`, about, of the memory that one document may make of itself:
  // 128 MiB. False when it asks for more than is left.
  bool Spend(size_t bytes) {
    constexpr size_t kBytes = size_t{128} << 20;
    if (bytes > kBytes - spent_) return false;
    spent_ += bytes;
    return true;
  }

  bool has_errors() const { return issues_.has_errors(); }
  const yaml::File& file() const { return *file_; }
  bool lint() const { return lint_; }
  IssueList* issues() { return &issues_; }

 private:
  bool Full(Issue::Severity severity) const;
  void Add(const yaml::Node& node, Issue::Severity severity, std::string code,
           std::string message, std::string hint);
  void AddWithin(const yaml::Node& node, size_t offset, size_t length,
                 Issue::Severity severity, std::string code,
                 std::string message, std::string hint);

  const yaml::File* file_;
  bool lint_;
  size_t spent_ = 0;
  IssueList issues_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_REPORTER_H_
