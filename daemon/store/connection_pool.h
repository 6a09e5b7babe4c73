#ifndef DAEMON_STORE_CONNECTION_POOL_H_
#define DAEMON_STORE_CONNECTION_POOL_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/store/sqlite_connection.h"

namespace keywatch {

// ConnectionPool lends connections to threads, one each. When all are lent,
// the next thread waits. Thread-safe.
class ConnectionPool {
 public:
  explicit ConnectionPool(std::vector<std::unique_ptr<Connection>> connections)
      : free_(std::move(connections)) {}

  // Lease holds one connection until it is destroyed.
  class Lease {
   public:
    explicit Lease(ConnectionPool* pool)
        : pool_(*pool), connection_(pool_.Take()) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.Return(std::move(connection_)); }

    Connection& operator*() { return *connection_; }

   private:
    ConnectionPool& pool_;
    std::unique_ptr<Connection> connection_;
  };

 private:
  std::unique_ptr<Connection> Take() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &ConnectionPool::HasFree));
    std::unique_ptr<Connection> connection = std::move(free_.back());
    free_.pop_back();
    return connection;
  }
  void Return(std::unique_ptr<Connection> connection) {
    absl::MutexLock lock(&mu_);
    free_.push_back(std::move(connection));
  }
  bool HasFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !free_.empty();
  }

  absl::Mutex mu_;
  std::vector<std::unique_ptr<Connection>> free_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keywatch

#endif  // DAEMON_STORE_CONNECTION_POOL_H_
