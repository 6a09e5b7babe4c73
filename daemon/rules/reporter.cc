#include "daemon/rules/reporter.h"

#include <algorithm>
#include <utility>

namespace keywatch {

bool Reporter::Full(Issue::Severity severity) const {
  // A document that is wrong in thousands of places needs not be told all.
  constexpr size_t kMaxIssues = 200;
  return issues_.issues().size() >= kMaxIssues &&
         (severity != Issue::Severity::kError || issues_.has_errors());
}

void Reporter::Add(const yaml::Node& node, Issue::Severity severity,
                   std::string code, std::string message, std::string hint) {
  if (Full(severity)) return;
  issues_.Add(file_->At(node, severity, std::move(code), std::move(message),
                        std::move(hint)));
}

void Reporter::Error(const yaml::Node& node, std::string code,
                     std::string message, std::string hint) {
  Add(node, Issue::Severity::kError, std::move(code), std::move(message),
      std::move(hint));
}

void Reporter::Warning(const yaml::Node& node, std::string code,
                       std::string message, std::string hint) {
  Add(node, Issue::Severity::kWarning, std::move(code), std::move(message),
      std::move(hint));
}

void Reporter::Lint(const yaml::Node& node, std::string code,
                    std::string message, std::string hint) {
  if (!lint_) return;
  Warning(node, std::move(code), std::move(message), std::move(hint));
}

void Reporter::ErrorWithin(const yaml::Node& node, size_t offset, size_t length,
                           std::string code, std::string message,
                           std::string hint) {
  AddWithin(node, offset, length, Issue::Severity::kError, std::move(code),
            std::move(message), std::move(hint));
}

void Reporter::LintWithin(const yaml::Node& node, size_t offset, size_t length,
                          std::string code, std::string message,
                          std::string hint) {
  if (!lint_) return;
  AddWithin(node, offset, length, Issue::Severity::kWarning, std::move(code),
            std::move(message), std::move(hint));
}

void Reporter::AddWithin(const yaml::Node& node, size_t offset, size_t length,
                         Issue::Severity severity, std::string code,
                         std::string message, std::string hint) {
  if (Full(severity)) return;
  Issue issue = file_->At(node, severity, std::move(code), std::move(message),
                          std::move(hint));
  const size_t begin = node.column - 1 + (node.quoted ? 1 : 0) + offset;
  const absl::string_view part = absl::string_view(node.text).substr(
      std::min(offset, node.text.size()), length);
  if (node.column > 0 && !part.empty() && begin <= issue.line_text.size() &&
      absl::string_view(issue.line_text).substr(begin, part.size()) == part) {
    issue.where.column = static_cast<int>(begin) + 1;
    issue.where.length = static_cast<int>(part.size());
  }
  issues_.Add(std::move(issue));
}

}  // namespace keywatch
