#ifndef DAEMON_RESPOND_FAKE_HTTP_CLIENT_H_
#define DAEMON_RESPOND_FAKE_HTTP_CLIENT_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/synchronization/mutex.h"
#include "daemon/http/http_client.h"

namespace keywatch {

// FakeHttpClient answers requests by a function and keeps them. Thread-safe.
class FakeHttpClient : public HttpClient {
 public:
  using Answer =
      std::function<absl::StatusOr<HttpResponse>(const HttpRequest&)>;

  // 200 for everything.
  FakeHttpClient() : FakeHttpClient(Status(200)) {}
  explicit FakeHttpClient(Answer answer) : answer_(std::move(answer)) {}

  static Answer Status(int status) {
    return [status](const HttpRequest&) {
      HttpResponse response;
      response.status = status;
      return response;
    };
  }

  void set_answer(Answer answer) {
    absl::MutexLock lock(&mu_);
    answer_ = std::move(answer);
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    Answer answer;
    {
      absl::MutexLock lock(&mu_);
      requests_.push_back(request);
      answer = answer_;
    }
    return answer(request);
  }

  std::vector<HttpRequest> requests() const {
    absl::MutexLock lock(&mu_);
    return requests_;
  }
  // The requests since the last call.
  std::vector<HttpRequest> Take() {
    absl::MutexLock lock(&mu_);
    return std::exchange(requests_, {});
  }

 private:
  mutable absl::Mutex mu_;
  Answer answer_ ABSL_GUARDED_BY(mu_);
  std::vector<HttpRequest> requests_ ABSL_GUARDED_BY(mu_);
};

// The value of a request's header by its lower-case name, or "".
inline std::string HeaderOf(const HttpRequest& request,
                            absl::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (absl::EqualsIgnoreCase(key, name)) return value;
  }
  return "";
}

}  // namespace keywatch

#endif  // DAEMON_RESPOND_FAKE_HTTP_CLIENT_H_
