#ifndef DAEMON_SERVE_UNIX_LISTENER_H_
#define DAEMON_SERVE_UNIX_LISTENER_H_

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "grpcpp/grpcpp.h"

namespace keywatch {

// UnixListener accepts connections on a unix socket for a gRPC server, and knows
// which user made each: gRPC's own listener does not ask the kernel. Thread-safe.
class UnixListener {
 public:
  // Takes the socket, for its owner and group (mode 0660); makes its directory
  // when that alone is missing. Nobody can connect before Start. Errors as
  // PrepareUnixSocket (unix_socket.h), and those of the system.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Create(
      const std::string& path);
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  // Stops, and removes the socket.
  ~UnixListener();

  // Hands connections to `server`, which must outlive Stop.
  absl::Status Start(grpc::Server* server);
  // Accepts no more; connections live on. May be called again.
  void Stop();

  // The user who made the connection that gRPC calls `peer`
  // (ServerContext::peer()): the name, or "uid 1000" when it has none. nullopt
  // when the connection did not come from here.
  absl::optional<std::string> UserOf(absl::string_view peer) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  UnixListener(std::string path, int fd, int wake_fd);

  void Accept(grpc::Server* server);
  // Moves a connection to a number that was not used for long: a call that is
  // still running must not be taken for one of the next connection.
  int Renumber(int fd);

  const std::string path_;
  const int fd_;
  const int wake_fd_;  // readable: stop
  std::thread thread_;
  int next_number_ = 0;  // of the thread

  mutable absl::Mutex mu_;
  // By the connection's number, which gRPC names it by.
  absl::flat_hash_map<std::string, uid_t> users_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_UNIX_LISTENER_H_
