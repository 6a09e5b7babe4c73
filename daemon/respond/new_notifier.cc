#include "daemon/respond/new_notifier.h"

#include "daemon/respond/alertmanager_notifier.h"
#include "daemon/respond/webhook_notifier.h"

namespace keywatch {

absl::StatusOr<std::unique_ptr<Notifier>> NewNotifier(
    const NotifierConfig& config, HttpClient* client) {
  switch (config.type) {
    case NotifierType::kAlertmanager:
      return AlertmanagerNotifier::Create(config, client);
    case NotifierType::kWebhook:
      return WebhookNotifier::Create(config, client);
  }
  return absl::InvalidArgumentError("unknown type of notifier");
}

}  // namespace keywatch
