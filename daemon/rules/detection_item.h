#ifndef DAEMON_RULES_DETECTION_ITEM_H_
#define DAEMON_RULES_DETECTION_ITEM_H_

#include "absl/types/optional.h"
#include "daemon/rules/compiler.h"
#include "daemon/rules/expression.h"
#include "daemon/rules/reporter.h"

namespace keywatch {

// Compiles one item of a search identifier, `field|modifiers: values`, to an
// expression. A list of values is OR, with `all` AND. Nothing when the item is
// refused; why is in `reporter`.
absl::optional<Expression> ParseDetectionItem(const yaml::Node& key,
                                              const yaml::Node& values,
                                              const CompileOptions& options,
                                              Reporter* reporter);

// Compiles keywords without modifiers: one scalar, or a list of them.
absl::optional<Expression> ParseKeywords(const yaml::Node& values,
                                         const CompileOptions& options,
                                         Reporter* reporter);

}  // namespace keywatch

#endif  // DAEMON_RULES_DETECTION_ITEM_H_
