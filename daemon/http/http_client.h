#ifndef DAEMON_HTTP_HTTP_CLIENT_H_
#define DAEMON_HTTP_HTTP_CLIENT_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/secret.h"

namespace keywatch {

// One HTTP request to a peer.
struct HttpRequest {
  std::string method = "GET";
  std::string url;  // http or https
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Sent as `Authorization: Bearer`; empty sends none. Never sent to another
  // host after a redirect.
  Secret bearer;
  absl::Duration timeout = absl::Seconds(30);
  int64_t max_response_bytes = 16 << 20;
  // When it turns true, from any thread, the transfer ends within a second or
  // two; it must outlive Send. May be null.
  const std::atomic<bool>* cancel = nullptr;
};

struct HttpResponse {
  int status = 0;
  // Names in lower case.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  // The value of the first header of that (lower-case) name, or "".
  absl::string_view header(absl::string_view name) const;
};

// HttpClient sends requests. No retry, no sleep, no redirect, no log inside.
// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // The response, whatever its status. DEADLINE_EXCEEDED when `timeout`
  // passed; UNAVAILABLE when the peer could not be reached or broke off;
  // RESOURCE_EXHAUSTED when the response was too large; INVALID_ARGUMENT for a
  // URL that cannot be used; CANCELLED on demand; UNAUTHENTICATED when TLS verification failed.
  // Messages never hold the bearer nor the query of the URL.
  virtual absl::StatusOr<HttpResponse> Send(const HttpRequest& request) = 0;
};

// A client over libcurl with the system's certificates.
std::unique_ptr<HttpClient> NewCurlHttpClient();

// How long a response asks to wait: `Retry-After` in seconds or as a date
// (relative to `now`); zero when it says nothing usable. At most one hour.
absl::Duration RetryAfter(const HttpResponse& response, absl::Time now);

}  // namespace keywatch

#endif  // DAEMON_HTTP_HTTP_CLIENT_H_
