#include "daemon/respond/notifier_config.h"

namespace keywatch {

absl::string_view NotifierTypeName(NotifierType type) {
  switch (type) {
    case NotifierType::kAlertmanager:
      return "alertmanager";
    case NotifierType::kWebhook:
      return "webhook";
  }
  return "";
}

absl::optional<NotifierType> ParseNotifierType(absl::string_view name) {
  for (NotifierType type :
       {NotifierType::kAlertmanager, NotifierType::kWebhook}) {
    if (NotifierTypeName(type) == name) return type;
  }
  return absl::nullopt;
}

RollProvider StripeRollProvider() {
  RollProvider provider;
  provider.name = "stripe";
  provider.dashboard_url = "https://dashboard.stripe.com/apikeys";
  provider.test_dashboard_url = "https://dashboard.stripe.com/test/apikeys";
  return provider;
}

}  // namespace keywatch
