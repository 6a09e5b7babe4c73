#ifndef DAEMON_SERVE_TOKENS_H_
#define DAEMON_SERVE_TOKENS_H_

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "daemon/core/issue.h"

namespace keywatch {

// What a caller of the API may do.
enum class Role {
  kPush,     // push records, and nothing else
  kRead,     // see everything
  kOperate,  // and acknowledge, resolve and raise alerts, roll keys
  kAdmin,    // all of these, and reload the rules
};
constexpr Role kRoles[] = {Role::kPush, Role::kRead, Role::kOperate,
                           Role::kAdmin};

// "push", "read", "operate", "admin".
absl::string_view RoleName(Role role);
absl::optional<Role> ParseRole(absl::string_view name);

// One bearer token: whose it is, and the SHA-256 of its text.
struct Token {
  std::string name;
  Role role = Role::kRead;
  std::string digest;  // 32 raw bytes
};

// Reads a file of tokens: a line each, `NAME ROLE TOKEN`, with # before
// comments. A token has 32 to 512 visible characters; `sha256:` and 64 hex digits
// stand for one whose text is not kept. Mistakes, also a file that other users
// can read, are issues at their lines, which never show the line.
std::vector<Token> ReadTokens(const std::string& path, IssueList* issues);

// TokenFile knows the tokens of a file and reads it again when it has changed,
// so that a token can be withdrawn without a restart. Thread-safe.
class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;

  // Whose `token` it is; takes the same time whichever it is like.
  // UNAUTHENTICATED when it is nobody's; FAILED_PRECONDITION when the file has
  // become unreadable or wrong: then nobody's token counts.
  absl::StatusOr<Token> Find(absl::string_view token) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // Empty when the tokens in memory are those of the file.
  std::string Refresh() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  absl::Mutex mu_;
  std::vector<Token> tokens_ ABSL_GUARDED_BY(mu_);
  // Of the file when it was read; nullopt: not yet, or it was wrong.
  absl::optional<struct stat> seen_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_TOKENS_H_
