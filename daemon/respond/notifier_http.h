#ifndef DAEMON_RESPOND_NOTIFIER_HTTP_H_
#define DAEMON_RESPOND_NOTIFIER_HTTP_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/http/http_client.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// NotifierHttp posts JSON to the receivers of one notifier with what its
// settings add: timeout, headers, bearer. Thread-safe.
class NotifierHttp {
 public:
  // `client` must outlive it.
  NotifierHttp(const NotifierConfig& config, HttpClient* client);

  // The answer, whatever its status. An error is always worth another attempt;
  // its text names the receiver by its origin only.
  absl::StatusOr<HttpResponse> Post(
      const std::string& url,
      std::vector<std::pair<std::string, std::string>> headers,
      std::string body) const;

 private:
  HttpClient* const client_;
  const absl::Duration timeout_;
  const std::string bearer_file_;
  const std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_NOTIFIER_HTTP_H_
