#include <curl/curl.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/call_once.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/core/secret_access.h"
#include "daemon/http/http_client.h"

namespace keywatch {
namespace {

// What a transfer fills.
struct Transfer {
  HttpResponse response;
  int64_t max_bytes = 0;
  bool too_large = false;
};

size_t TakeBody(char* data, size_t size, size_t count, void* user) {
  Transfer* transfer = static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  if (static_cast<int64_t>(transfer->response.body.size() + bytes) >
      transfer->max_bytes) {
    transfer->too_large = true;
    return 0;
  }
  transfer->response.body.append(data, bytes);
  return bytes;
}

size_t TakeHeader(char* data, size_t size, size_t count, void* user) {
  Transfer* transfer = static_cast<Transfer*>(user);
  const size_t bytes = size * count;
  const absl::string_view line(data, bytes);
  if (line.substr(0, 5) == "HTTP/") {
    // The headers before were those of an interim response.
    transfer->response.headers.clear();
    return bytes;
  }
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos &&
      transfer->response.headers.size() < 256) {
    transfer->response.headers.emplace_back(
        absl::AsciiStrToLower(line.substr(0, colon)),
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  }
  return bytes;
}

// Called at least once a second; not 0 ends the transfer.
int IsCancelled(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return *static_cast<const std::atomic<bool>*>(user) ? 1 : 0;
}

// "https://host:port" of a URL: what errors may show. The rest may hold a
// credential.
std::string Origin(const std::string& url) {
  std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parsed(curl_url(),
                                                             curl_url_cleanup);
  char* scheme = nullptr;
  char* host = nullptr;
  char* port = nullptr;
  std::string origin;
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parsed.get(), CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
      curl_url_get(parsed.get(), CURLUPART_HOST, &host, 0) == CURLUE_OK) {
    origin = absl::StrCat(scheme, "://", host);
    if (curl_url_get(parsed.get(), CURLUPART_PORT, &port, 0) == CURLUE_OK) {
      absl::StrAppend(&origin, ":", port);
    }
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  return origin;
}

absl::Status ToStatus(CURLcode code, const Transfer& transfer,
                      const HttpRequest& request, const std::string& origin) {
  if (transfer.too_large) {
    return absl::ResourceExhaustedError(
        absl::StrCat(origin, ": the response is larger than ",
                     request.max_response_bytes, " bytes"));
  }
  const std::string message =
      absl::StrCat(origin, ": ", curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(
          absl::StrCat(origin, ": no answer within ",
                       absl::FormatDuration(request.timeout)));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return absl::UnauthenticatedError(message);
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError(absl::StrCat(origin, ": cancelled"));
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(message);
    default:
      return absl::UnavailableError(message);
  }
}

class CurlHttpClient : public HttpClient {
 public:
  CurlHttpClient() {
    static absl::once_flag once;
    absl::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  }

  ~CurlHttpClient() override {
    absl::MutexLock lock(&mu_);
    for (CURL* idle : idle_) curl_easy_cleanup(idle);
  }

  absl::StatusOr<HttpResponse> Send(const HttpRequest& request) override {
    CURL* curl = Take();
    if (curl == nullptr) return absl::UnavailableError("libcurl: no memory");
    absl::StatusOr<HttpResponse> response = SendOn(curl, request);
    // The connection stays open for the next request to the same host.
    curl_easy_reset(curl);
    Give(curl);
    return response;
  }

 private:
  static constexpr size_t kMaxIdle = 8;

  absl::StatusOr<HttpResponse> SendOn(CURL* curl, const HttpRequest& request) {
    const std::string origin = Origin(request.url);
    if (origin.empty()) {
      return absl::InvalidArgumentError("the URL is none that can be used");
    }
    Transfer transfer;
    transfer.max_bytes = request.max_response_bytes;
    curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(std::max<int64_t>(
                         1, absl::ToInt64Milliseconds(request.timeout))));
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "keywatchd");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &TakeHeader);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    if (request.cancel != nullptr) {
      curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
      curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &IsCancelled);
      curl_easy_setopt(curl, CURLOPT_XFERINFODATA,
                       const_cast<std::atomic<bool>*>(request.cancel));
    }
    if (request.method == "HEAD") {
      curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (request.method != "GET") {
      curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.data());
      curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
    }
    std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> headers(
        nullptr, curl_slist_free_all);
    auto add = [&headers](const std::string& line) {
      curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
      if (longer != nullptr) {
        headers.release();
        headers.reset(longer);
      }
    };
    bool content_type = false;
    for (const auto& [name, value] : request.headers) {
      if (name.find_first_of("\r\n:") != std::string::npos ||
          value.find_first_of("\r\n") != std::string::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat(origin, ": a header holds a line break"));
      }
      content_type =
          content_type || absl::AsciiStrToLower(name) == "content-type";
      add(absl::StrCat(name, ": ", value));
    }
    // libcurl would call every body a form, and wait for `100 Continue`.
    if (!content_type) add("Content-Type:");
    add("Expect:");
    if (!request.bearer.empty()) {
      std::string token(SecretAccess::Reveal(request.bearer));
      if (token.find_first_of("\r\n") != std::string::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat(origin, ": the bearer token holds a line break"));
      }
      add(absl::StrCat("Authorization: Bearer ", token));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());

    const CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK) return ToStatus(code, transfer, request, origin);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    transfer.response.status = static_cast<int>(status);
    return std::move(transfer.response);
  }

  CURL* Take() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (!idle_.empty()) {
        CURL* curl = idle_.back();
        idle_.pop_back();
        return curl;
      }
    }
    return curl_easy_init();
  }

  void Give(CURL* curl) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (idle_.size() < kMaxIdle) {
      idle_.push_back(curl);
    } else {
      curl_easy_cleanup(curl);
    }
  }

  absl::Mutex mu_;
  std::vector<CURL*> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::unique_ptr<HttpClient> NewCurlHttpClient() {
  return std::make_unique<CurlHttpClient>();
}

}  // namespace keywatch
