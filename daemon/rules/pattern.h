#ifndef DAEMON_RULES_PATTERN_H_
#define DAEMON_RULES_PATTERN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace keywatch {

// Pattern is a Sigma string: literal text with wildcards, `*` for any run of
// characters (none included) and `?` for exactly one, and, until `expand` has
// replaced them, placeholders. A value; thread-compatible.
//
// In rule text `\*`, `\?` and `\\` are the characters themselves; a backslash
// before anything else is a backslash.
class Pattern {
 public:
  struct Part {
    enum class Kind { kText, kAnyRun, kAnyCharacter, kPlaceholder };
    Kind kind = Kind::kText;
    std::string text;  // of kText; the name of kPlaceholder
    friend bool operator==(const Part& a, const Part& b) {
      return a.kind == b.kind && a.text == b.text;
    }
  };

  Pattern() = default;
  // From rule text.
  static Pattern Parse(absl::string_view text);
  // `text` as it stands, nothing in it special.
  static Pattern Text(absl::string_view text);

  // How the pattern lies in the text it matches; kGeneral is anything with
  // wildcards within.
  enum class Shape { kEqual, kPrefix, kSuffix, kContains, kAnything, kGeneral };
  Shape shape() const;
  // The literal of kEqual, kPrefix, kSuffix and kContains; "" for others.
  const std::string& literal() const;

  bool has_wildcards() const;
  bool has_placeholders() const;
  bool starts_with_any_run() const;
  bool ends_with_any_run() const;
  const std::vector<Part>& parts() const { return parts_; }

  void Append(Part part);
  void Append(const Pattern& other);
  void AppendText(absl::string_view text);
  // Puts `*` before (after), unless there is one.
  void OpenStart();
  void OpenEnd();

  // Turns `%name%` in literal text into placeholders and `\%` into `%`.
  void InsertPlaceholders();

  // Whether all of `text` matches. Linear in memory, at worst the product of
  // both lengths in time.
  bool Matches(absl::string_view text) const;

  // As rule text, wildcards and backslashes escaped where needed.
  std::string ToString() const;
  // The literal parts folded.
  Pattern Folded() const;
  // The longest literal part, "" when there is none.
  absl::string_view LongestText() const;

  friend bool operator==(const Pattern& a, const Pattern& b) {
    return a.parts_ == b.parts_;
  }

 private:
  std::vector<Part> parts_;
};

}  // namespace keywatch

#endif  // DAEMON_RULES_PATTERN_H_
