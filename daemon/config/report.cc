#include "daemon/config/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

using Json = nlohmann::ordered_json;

std::string JsonReport(const std::string& path, const IssueList& issues) {
  Json report;
  report["file"] = path;
  report["status"] = issues.has_errors() ? "refused" : "ok";
  report["issues"] = Json::array();
  for (const Issue& issue : issues.issues()) {
    report["issues"].push_back(
        Json{{"severity", std::string(SeverityName(issue.severity))},
             {"code", issue.code},
             {"file", issue.where.file},
             {"line", issue.where.line},
             {"column", issue.where.column},
             {"length", issue.where.length},
             {"message", issue.message},
             {"hint", issue.hint}});
  }
  // A path need not be UTF-8.
  return report.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string Count(int64_t count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

}  // namespace

std::string CheckConfigReport(const std::string& path,
                              const ConfigOptions& options, bool json,
                              const DeepCheck& deep_check, int* exit_code) {
  LoadedConfig loaded = LoadConfig(path, options);
  if (loaded.ok() && deep_check) deep_check(loaded.config, &loaded.issues);
  *exit_code = loaded.ok() ? kConfigOk : kConfigRefused;
  if (json) return JsonReport(path, loaded.issues);

  const auto& issues = loaded.issues.issues();
  const int64_t errors =
      std::count_if(issues.begin(), issues.end(), [](const Issue& issue) {
        return issue.severity == Issue::Severity::kError;
      });
  const int64_t warnings =
      std::count_if(issues.begin(), issues.end(), [](const Issue& issue) {
        return issue.severity == Issue::Severity::kWarning;
      });
  std::string report = FormatIssues(loaded.issues);
  absl::StrAppend(&report, path, ": ",
                  errors > 0 ? absl::StrCat("refused: ", Count(errors, "error"))
                             : std::string("ok"));
  if (warnings > 0) absl::StrAppend(&report, ", ", Count(warnings, "warning"));
  return report + "\n";
}

}  // namespace keywatch
