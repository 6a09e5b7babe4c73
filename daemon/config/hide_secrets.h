#ifndef DAEMON_CONFIG_HIDE_SECRETS_H_
#define DAEMON_CONFIG_HIDE_SECRETS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/core/issue.h"

namespace keywatch {

// Issues show the line that they are about, and the journal and everybody who
// reloads the rules see them: what may be a secret must not be in it. Pure
// functions.

// Whether a key, a parameter or a header of this name may hold a secret: `token`,
// `api_key`, `X-Auth-Token`, ...
bool IsSecretName(absl::string_view name);

// `text` with what has the form of a secret replaced by as many `*`: keys of
// providers (`sk_live_...`, `whsec_...`, `ghp_...`), JSON web tokens, what comes
// after `Bearer`, user and password of URLs, long words of letters and digits
// without order.
std::string MaskSecrets(absl::string_view text);

// Masks the texts of every issue. Of a line on which a secret was refused, or a
// key is unknown whose value nobody has checked, nothing is shown but that key.
void HideSecrets(IssueList* issues);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_HIDE_SECRETS_H_
