#include "daemon/cli/style.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

// ALERT_STATE_OPEN -> open
std::string WithoutPrefix(const std::string& name, absl::string_view prefix) {
  if (name.size() <= prefix.size()) return "unknown";
  return absl::AsciiStrToLower(name.substr(prefix.size()));
}

}  // namespace

std::string Style::In(absl::string_view code, absl::string_view text) const {
  if (!color_ || text.empty()) return std::string(text);
  return absl::StrCat("\033[", code, "m", text, "\033[0m");
}

std::string Style::OfLevel(v1::Level level, absl::string_view text) const {
  switch (level) {
    case v1::LEVEL_CRITICAL:
      return In("1;31", text);
    case v1::LEVEL_HIGH:
      return In("31", text);
    case v1::LEVEL_MEDIUM:
      return In("33", text);
    default:
      return std::string(text);
  }
}

std::string Style::OfState(v1::AlertState state, absl::string_view text) const {
  switch (state) {
    case v1::ALERT_STATE_OPEN:
      return In("1", text);
    case v1::ALERT_STATE_RESOLVED:
      return In("2", text);
    default:
      return std::string(text);
  }
}

std::string Style::OfState(v1::RollState state, absl::string_view text) const {
  switch (state) {
    case v1::ROLL_STATE_COMPLETED:
      return In("32", text);
    case v1::ROLL_STATE_FAILED:
      return In("1;31", text);
    case v1::ROLL_STATE_CANCELLED:
      return In("2", text);
    default:
      return In("33", text);
  }
}

std::string Word(v1::Level level) {
  return WithoutPrefix(v1::Level_Name(level), "LEVEL_");
}
std::string Word(v1::Stage stage) {
  return WithoutPrefix(v1::Stage_Name(stage), "STAGE_");
}
std::string Word(v1::AlertState state) {
  return WithoutPrefix(v1::AlertState_Name(state), "ALERT_STATE_");
}
std::string Word(v1::RollState state) {
  return WithoutPrefix(v1::RollState_Name(state), "ROLL_STATE_");
}
std::string Word(v1::SourceState state) {
  return WithoutPrefix(v1::SourceState_Name(state), "SOURCE_STATE_");
}
std::string Word(v1::Severity severity) {
  return WithoutPrefix(v1::Severity_Name(severity), "SEVERITY_");
}

}  // namespace keywatch
