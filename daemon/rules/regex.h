#ifndef DAEMON_RULES_REGEX_H_
#define DAEMON_RULES_REGEX_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace keywatch {

// Compiles a regular expression as rules have it: RE2 (linear time), searched
// anywhere in the text, case-sensitive unless `flags` holds "i"; "m" lets ^ and
// $ match at lines, "s" lets . match a newline. INVALID_ARGUMENT says in the
// rule author's words what RE2 does not do (lookaround, back-references, ...).
absl::StatusOr<std::shared_ptr<const re2::RE2>> CompileRegex(
    absl::string_view expression, absl::string_view flags);

// Texts of which at least one stands, in any case, in every text that the
// expression matches. Empty when nothing is known.
std::vector<std::string> RequiredTexts(const re2::RE2& regex);

}  // namespace keywatch

#endif  // DAEMON_RULES_REGEX_H_
