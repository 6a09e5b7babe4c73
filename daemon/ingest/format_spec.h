#ifndef DAEMON_INGEST_FORMAT_SPEC_H_
#define DAEMON_INGEST_FORMAT_SPEC_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/core/issue.h"
#include "daemon/ingest/event_time.h"
#include "daemon/ingest/log_source.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// What a format file says. config/formats/README.md describes the language.
struct FormatSpec {
  // How one record is written.
  enum class Encoding {
    kJson,
    // The "combined" (or "common") text line of web servers.
    kCombined,
  };
  // One event field and where a record has it.
  struct Field {
    std::string name;
    // Alternatives: the first that the record has, and that is not empty.
    std::vector<std::string> paths;
    // "{eventSource}:{eventName}": text with paths in braces, absent when one
    // of them is. Empty when `paths` are used.
    std::string pattern;
  };
  struct Constant {
    std::string name;
    enum class Type { kString, kInt, kBool } type = Type::kString;
    std::string text;
    int64_t integer = 0;  // also 0 and 1 of kBool
  };

  std::string name;
  std::string description;
  LogSourceSpec logsource;
  Framing framing;
  Encoding encoding = Encoding::kJson;
  std::vector<std::string> time_paths;
  TimeFormat time_format = TimeFormat::kAuto;
  std::vector<std::string> id_paths;   // empty: records have no id
  std::vector<std::string> key_paths;  // empty: records name no key
  std::vector<Field> fields;
  std::vector<Constant> constants;
  // Texts that stand for "no value" in this format, such as "-".
  std::vector<std::string> absent;

  // What is computed from fields; a field that the record itself has comes
  // first.
  bool derive_url = false;
  bool derive_operation = false;
  bool derive_outcome = false;
  bool derive_key_kind = false;
  bool derive_permission = false;
  bool derive_stripe = false;
};

// Reads a format document; nullopt when `issues` got an error.
absl::optional<FormatSpec> ParseFormatSpec(const std::string& file_name,
                                           absl::string_view text,
                                           IssueList* issues);

// The paths in the braces of a pattern, in order; false for unbalanced braces
// or an empty path.
bool PatternPaths(absl::string_view pattern, std::vector<std::string>* paths);

}  // namespace keywatch

#endif  // DAEMON_INGEST_FORMAT_SPEC_H_
