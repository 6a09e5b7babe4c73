#ifndef DAEMON_YAML_SOURCE_TEXT_H_
#define DAEMON_YAML_SOURCE_TEXT_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace keywatch {
namespace yaml {

// What yaml-cpp neither checks nor tells is looked up in the text itself.

// Whether a document that is not the first may begin at byte `position`: `---`
// stands there, or `...` ended the one before.
bool DocumentMayBegin(absl::string_view text, size_t position);

// Whether the quoted scalar at the beginning of `rest` (after its tag and
// anchor) has its closing quote. True for scalars without quotes.
bool QuoteIsClosed(absl::string_view rest);

// The null (`~ null Null NULL`) that `rest` begins with. Empty when nothing is
// written there: the mark of an omitted value is that of the next token, which
// after a key (`after_key`) may be the next key.
absl::string_view WrittenNull(absl::string_view rest, bool after_key);

}  // namespace yaml
}  // namespace keywatch

#endif  // DAEMON_YAML_SOURCE_TEXT_H_
