#ifndef DAEMON_YAML_SCALAR_H_
#define DAEMON_YAML_SCALAR_H_

#include "daemon/yaml/document.h"

namespace keywatch {
namespace yaml {

// Gives `node`, whose text is a plain scalar, the kind and the value that the
// text stands for (see Node). Integers too large for 64 bits become kDouble.
void ResolvePlain(Node* node);

}  // namespace yaml
}  // namespace keywatch

#endif  // DAEMON_YAML_SCALAR_H_
