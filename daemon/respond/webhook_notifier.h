#ifndef DAEMON_RESPOND_WEBHOOK_NOTIFIER_H_
#define DAEMON_RESPOND_WEBHOOK_NOTIFIER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/core/secret.h"
#include "daemon/respond/notifier.h"
#include "daemon/respond/notifier_config.h"
#include "daemon/respond/notifier_http.h"

namespace keywatch {

// WebhookNotifier posts each message to one URL, as Standard Webhooks says:
// `webhook-id` is the same for every attempt, `webhook-timestamp` is the
// attempt's, `webhook-signature` covers both and the body. A receiver that
// remembers ids sees every message once.
class WebhookNotifier : public Notifier {
 public:
  // INVALID_ARGUMENT for settings or secrets that cannot work, NOT_FOUND or
  // PERMISSION_DENIED when a secret file cannot be read. `client` must outlive
  // it.
  static absl::StatusOr<std::unique_ptr<WebhookNotifier>> Create(
      NotifierConfig config, HttpClient* client);

  const std::string& name() const override { return config_.name; }
  absl::Status Notify(const Notification& notification) override;

 private:
  WebhookNotifier(NotifierConfig config, HttpClient* client);

  // Reads the secret files; those that cannot be read, say because they are just
  // being replaced, keep the key that they gave before.
  absl::Status ReadKeys();

  const NotifierConfig config_;
  const NotifierHttp http_;
  std::vector<Secret> keys_;  // one for each secret file
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_WEBHOOK_NOTIFIER_H_
