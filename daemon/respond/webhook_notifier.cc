#include "daemon/respond/webhook_notifier.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/respond/credential_file.h"
#include "daemon/respond/standard_webhooks.h"
#include "daemon/respond/webhook_body.h"

namespace keywatch {

absl::StatusOr<std::unique_ptr<WebhookNotifier>> WebhookNotifier::Create(
    NotifierConfig config, HttpClient* client) {
  const auto fail = [&config](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("notifier ", config.name, ": ", what));
  };
  if (config.urls.size() != 1) return fail("a webhook has exactly one URL");
  if (absl::Status status = CheckUrl(config.urls[0]); !status.ok()) {
    return fail(status.message());
  }
  if (config.timeout <= absl::ZeroDuration()) {
    return fail("the timeout must be positive");
  }
  if (absl::Status status =
          CheckHeaders(config.headers,
                       {"content-type", "content-length", "host", "webhook-id",
                        "webhook-timestamp", "webhook-signature"});
      !status.ok()) {
    return fail(status.message());
  }
  std::unique_ptr<WebhookNotifier> notifier(
      new WebhookNotifier(std::move(config), client));
  if (absl::Status status = notifier->ReadKeys(); !status.ok()) {
    return absl::Status(
        status.code(),
        absl::StrCat("notifier ", notifier->name(), ": ", status.message()));
  }
  return notifier;
}

WebhookNotifier::WebhookNotifier(NotifierConfig config, HttpClient* client)
    : config_(std::move(config)),
      http_(config_, client),
      keys_(config_.secret_files.size()) {}

absl::Status WebhookNotifier::ReadKeys() {
  absl::Status first_error;
  for (size_t i = 0; i < keys_.size(); ++i) {
    const std::string& path = config_.secret_files[i];
    absl::StatusOr<Secret> text = ReadCredentialFile(path);
    absl::StatusOr<Secret> key =
        text.ok() ? ParseWebhookSecret(*text) : text.status();
    if (key.ok()) {
      keys_[i] = *std::move(key);
    } else if (first_error.ok()) {
      first_error =
          text.ok()
              ? absl::Status(key.status().code(),
                             absl::StrCat(path, ": ", key.status().message()))
              : key.status();
    }
  }
  return first_error;
}

absl::Status WebhookNotifier::Notify(const Notification& notification) {
  // Secrets are rotated under a running daemon. Create has read all of them, so
  // a file that is away for a moment does no harm.
  ReadKeys().IgnoreError();
  const std::string id = WebhookId(notification.idempotency_key);
  const int64_t timestamp = absl::ToUnixSeconds(notification.now);
  std::string body = WebhookBody(notification);
  std::vector<std::pair<std::string, std::string>> headers = {
      {"webhook-id", id}, {"webhook-timestamp", absl::StrCat(timestamp)}};
  if (!keys_.empty()) {
    headers.emplace_back("webhook-signature",
                         WebhookSignature(keys_, id, timestamp, body));
  }
  absl::StatusOr<HttpResponse> response =
      http_.Post(config_.urls[0], std::move(headers), std::move(body));
  if (!response.ok()) return response.status();
  return StatusOfResponse(*response, notification.now,
                          UrlOrigin(config_.urls[0]));
}

}  // namespace keywatch
