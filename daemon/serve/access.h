#ifndef DAEMON_SERVE_ACCESS_H_
#define DAEMON_SERVE_ACCESS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "daemon/serve/tokens.h"
#include "grpcpp/grpcpp.h"

namespace keywatch {

// Access decides who may call what, and who it was. A caller is known by the
// bearer token that it sends, else by the user at the other end of the unix
// socket, who may do everything: the socket's mode is the fence. Any other caller
// is nobody, and refused unless `allow_unauthenticated`. Thread-safe.
class Access {
 public:
  // The name of the user who made the connection that gRPC calls so
  // (ServerContext::peer()); nullopt when it did not come by the socket.
  using UserOf = std::function<absl::optional<std::string>(absl::string_view)>;

  // `token_file` may be "": then no token is anybody's.
  Access(const std::string& token_file, bool allow_unauthenticated,
         UserOf user_of);

  // What a method of the API needs; what is not known needs everything.
  static Role Needs(absl::string_view method);

  // OK when the caller may call `method`. UNAUTHENTICATED when it must say who
  // it is, PERMISSION_DENIED when that is not enough; both say what to do.
  absl::Status Allow(const grpc::ServerContext& context,
                     absl::string_view method) const;

  // Who acts, for the record: the caller's own name, with what `claimed` says
  // before it when that is another one ("ada (root)"); `claimed` when the caller
  // is nobody.
  std::string Actor(const grpc::ServerContext& context,
                    absl::string_view claimed) const;

 private:
  struct Caller {
    std::string name;  // "": nobody
    Role role = Role::kRead;
  };
  absl::StatusOr<Caller> Identify(const grpc::ServerContext& context) const;

  const std::unique_ptr<TokenFile> tokens_;  // may be null
  const bool allow_unauthenticated_;
  const UserOf user_of_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_ACCESS_H_
