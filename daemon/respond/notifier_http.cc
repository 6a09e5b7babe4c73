#include "daemon/respond/notifier_http.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/respond/credential_file.h"
#include "daemon/respond/notifier.h"

namespace keywatch {
namespace {

// Answers are read for their status only.
constexpr int64_t kMaxResponseBytes = 64 * 1024;

// A receiver's path may be its credential, so none of it gets into a text.
std::string WithoutPath(absl::string_view text, absl::string_view url) {
  const std::string origin = UrlOrigin(url);
  const absl::string_view path =
      url.substr(std::min(url.size(), origin.size()));
  std::string out = absl::StrReplaceAll(text, {{url, origin}});
  if (path.size() > 1) out = absl::StrReplaceAll(out, {{path, "/..."}});
  return out;
}

}  // namespace

NotifierHttp::NotifierHttp(const NotifierConfig& config, HttpClient* client)
    : client_(client),
      timeout_(config.timeout),
      bearer_file_(config.bearer_file),
      headers_(config.headers) {}

absl::StatusOr<HttpResponse> NotifierHttp::Post(
    const std::string& url,
    std::vector<std::pair<std::string, std::string>> headers,
    std::string body) const {
  HttpRequest request;
  request.method = "POST";
  request.url = url;
  request.headers = std::move(headers);
  request.headers.emplace_back("Content-Type", "application/json");
  request.headers.insert(request.headers.end(), headers_.begin(),
                         headers_.end());
  request.body = std::move(body);
  request.timeout = timeout_;
  request.max_response_bytes = kMaxResponseBytes;
  if (!bearer_file_.empty()) {
    absl::StatusOr<Secret> bearer = ReadCredentialFile(bearer_file_);
    if (!bearer.ok()) {
      return absl::PermissionDeniedError(bearer.status().message());
    }
    request.bearer = *std::move(bearer);
  }
  absl::StatusOr<HttpResponse> response = client_->Send(request);
  if (response.ok()) return response;
  const std::string text = absl::StrCat(
      UrlOrigin(url), ": ", WithoutPath(response.status().message(), url));
  return absl::IsDeadlineExceeded(response.status())
             ? absl::DeadlineExceededError(text)
             : absl::UnavailableError(text);
}

}  // namespace keywatch
