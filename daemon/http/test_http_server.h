#ifndef DAEMON_HTTP_TEST_HTTP_SERVER_H_
#define DAEMON_HTTP_TEST_HTTP_SERVER_H_

#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace keywatch {

// TestHttpServer is a real HTTP/1.1 server on a free loopback port, for tests of
// clients. Each connection serves one request. Its handler, called on the
// server's thread, gives the response. Thread-safe.
class TestHttpServer {
 public:
  struct Request {
    std::string method;
    std::string target;  // path and query
    // Names in lower case.
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::string header(absl::string_view name) const;
  };
  struct Response {
    int status = 200;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    // Close the connection without an answer.
    bool drop = false;
    // Answer, but with a Content-Length that is never reached.
    bool cut_off = false;
  };
  using Handler = std::function<Response(const Request&)>;

  explicit TestHttpServer(Handler handler);
  ~TestHttpServer();

  int port() const { return port_; }
  std::string url(absl::string_view path) const;
  std::vector<Request> requests() const;

 private:
  void Serve();
  void ServeOne(int connection);

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  mutable absl::Mutex mu_;
  std::vector<Request> requests_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace keywatch

#endif  // DAEMON_HTTP_TEST_HTTP_SERVER_H_
