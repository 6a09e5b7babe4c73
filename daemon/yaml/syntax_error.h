#ifndef DAEMON_YAML_SYNTAX_ERROR_H_
#define DAEMON_YAML_SYNTAX_ERROR_H_

#include "absl/strings/string_view.h"
#include "daemon/yaml/tree_builder.h"
#include "yaml-cpp/exceptions.h"

namespace keywatch {
namespace yaml {

// What is wrong and what to do: yaml-cpp's own messages say what its scanner
// missed. The place is set only where it is better than the error's own mark.
TreeIssue ExplainSyntaxError(absl::string_view text,
                             const YAML::Exception& error);

}  // namespace yaml
}  // namespace keywatch

#endif  // DAEMON_YAML_SYNTAX_ERROR_H_
