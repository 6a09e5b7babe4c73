#ifndef DAEMON_CLI_STYLE_H_
#define DAEMON_CLI_STYLE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {

// Style colours text, or leaves it alone. A value.
class Style {
 public:
  explicit Style(bool color) : color_(color) {}

  std::string Bold(absl::string_view text) const { return In("1", text); }
  std::string Dim(absl::string_view text) const { return In("2", text); }
  std::string Red(absl::string_view text) const { return In("31", text); }
  std::string Green(absl::string_view text) const { return In("32", text); }
  std::string Yellow(absl::string_view text) const { return In("33", text); }

  // `text` in the colour of the level, state.
  std::string OfLevel(v1::Level level, absl::string_view text) const;
  std::string OfState(v1::AlertState state, absl::string_view text) const;
  std::string OfState(v1::RollState state, absl::string_view text) const;

 private:
  std::string In(absl::string_view code, absl::string_view text) const;

  bool color_;
};

// The words of the API for people: "critical", "open", "awaiting_expiry".
std::string Word(v1::Level level);
std::string Word(v1::Stage stage);
std::string Word(v1::AlertState state);
std::string Word(v1::RollState state);
std::string Word(v1::SourceState state);
std::string Word(v1::Severity severity);

}  // namespace keywatch

#endif  // DAEMON_CLI_STYLE_H_
