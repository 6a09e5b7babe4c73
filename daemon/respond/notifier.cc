#include "daemon/respond/notifier.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace keywatch {
namespace {

constexpr absl::string_view kEvents[] = {"open", "escalate", "resolve"};
constexpr absl::string_view kRetryAfterPayload = "keywatch/retry-after-ms";

bool IsTokenChar(char c) {
  return absl::ascii_isalnum(c) ||
         absl::string_view("!#$%&'*+-.^_`|~").find(c) !=
             absl::string_view::npos;
}

// The scheme with "://", or "".
absl::string_view Scheme(absl::string_view url) {
  for (absl::string_view scheme : {"http://", "https://"}) {
    if (absl::AsciiStrToLower(url.substr(0, scheme.size())) == scheme) {
      return url.substr(0, scheme.size());
    }
  }
  return absl::string_view();
}

absl::string_view Authority(absl::string_view url) {
  url.remove_prefix(Scheme(url).size());
  return url.substr(0, url.find_first_of("/?#"));
}

}  // namespace

absl::string_view NotificationEventName(NotificationEvent event) {
  return kEvents[static_cast<int>(event)];
}

absl::optional<NotificationEvent> ParseNotificationEvent(
    absl::string_view name) {
  for (int i = 0; i < 3; ++i) {
    if (kEvents[i] == name) return static_cast<NotificationEvent>(i);
  }
  return absl::nullopt;
}

bool IsPermanentFailure(const absl::Status& status) {
  return absl::IsInvalidArgument(status);
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration wait) {
  if (!status.ok() && wait > absl::ZeroDuration()) {
    status.SetPayload(
        kRetryAfterPayload,
        absl::Cord(absl::StrCat(absl::ToInt64Milliseconds(wait))));
  }
  return status;
}

absl::Duration RetryAfterOf(const absl::Status& status) {
  const absl::optional<absl::Cord> payload =
      status.GetPayload(kRetryAfterPayload);
  int64_t ms = 0;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &ms)) {
    return absl::ZeroDuration();
  }
  return absl::Milliseconds(ms);
}

absl::Status StatusOfResponse(const HttpResponse& response, absl::Time now,
                              absl::string_view who) {
  const int code = response.status;
  if (code >= 200 && code < 300) return absl::OkStatus();
  const std::string text = absl::StrCat(who, " answered ", code);
  if (code == 400 || code == 413 || code == 415 || code == 422) {
    return absl::InvalidArgumentError(
        absl::StrCat(text, ": it refuses this message"));
  }
  const absl::Duration wait = RetryAfter(response, now);
  // A proxy says that, too, while what is behind it is being replaced.
  if (code == 410) {
    return WithRetryAfter(
        absl::NotFoundError(absl::StrCat(
            text,
            ": it wants no more messages, check the URL of this notifier")),
        std::max(wait, kGoneWait));
  }
  if (code == 401 || code == 403) {
    return WithRetryAfter(absl::PermissionDeniedError(absl::StrCat(
                              text, ": check the credential of this notifier")),
                          wait);
  }
  if (code == 404 || code == 405) {
    return WithRetryAfter(absl::NotFoundError(absl::StrCat(
                              text, ": check the URL of this notifier")),
                          wait);
  }
  if (code >= 300 && code < 400) {
    return WithRetryAfter(
        absl::NotFoundError(
            absl::StrCat(text, ": redirects are not followed, check the URL")),
        wait);
  }
  if (code == 429) {
    return WithRetryAfter(absl::ResourceExhaustedError(text), wait);
  }
  return WithRetryAfter(absl::UnavailableError(text), wait);
}

std::string UrlOrigin(absl::string_view url) {
  const absl::string_view scheme = Scheme(url);
  if (scheme.empty()) return "(not a URL)";
  absl::string_view authority = Authority(url);
  const size_t at = authority.rfind('@');
  if (at != absl::string_view::npos) authority.remove_prefix(at + 1);
  return absl::AsciiStrToLower(absl::StrCat(scheme, authority));
}

absl::Status CheckUrl(absl::string_view url) {
  if (Scheme(url).empty()) {
    return absl::InvalidArgumentError(
        "a URL must begin with http:// or https://");
  }
  const absl::string_view authority = Authority(url);
  if (authority.find('@') != absl::string_view::npos) {
    return absl::InvalidArgumentError(
        "a URL must not hold a user or password; use a bearer file");
  }
  if (authority.empty() || authority[0] == ':') {
    return absl::InvalidArgumentError("a URL must name a host");
  }
  if (std::any_of(url.begin(), url.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
      })) {
    return absl::InvalidArgumentError(
        "a URL must not hold blanks or control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckHeaders(
    const std::vector<std::pair<std::string, std::string>>& headers,
    const std::vector<absl::string_view>& reserved) {
  for (const auto& [name, value] : headers) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), IsTokenChar)) {
      return absl::InvalidArgumentError("a header name is not a valid one");
    }
    const std::string lower = absl::AsciiStrToLower(name);
    if (std::find(reserved.begin(), reserved.end(), lower) != reserved.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("header ", lower, " is set by the notifier itself"));
    }
    if (std::any_of(value.begin(), value.end(), [](char c) {
          return (static_cast<unsigned char>(c) < ' ' && c != '\t') ||
                 c == '\x7f';
        })) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the value of header ", lower, " holds control characters"));
    }
  }
  return absl::OkStatus();
}

}  // namespace keywatch
