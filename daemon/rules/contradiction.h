#ifndef DAEMON_RULES_CONTRADICTION_H_
#define DAEMON_RULES_CONTRADICTION_H_

#include <string>

#include "absl/types/optional.h"
#include "daemon/rules/expression.h"

namespace keywatch {

// Why an expression holds for no event.
struct Contradiction {
  // For people: `f is 'a', and f is 'b'`.
  std::string what;
  // A field whose value is a list could satisfy it all the same.
  bool but_for_lists = false;
};

// Looks for parts of `expression` that exclude each other: two values of one
// field, a range without numbers, what is asked for and denied. Finds what
// people write by mistake, not everything that is impossible. Pure; its time is
// bounded whatever the expression is.
absl::optional<Contradiction> FindContradiction(const Expression& expression);

}  // namespace keywatch

#endif  // DAEMON_RULES_CONTRADICTION_H_
