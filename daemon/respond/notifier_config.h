#ifndef DAEMON_RESPOND_NOTIFIER_CONFIG_H_
#define DAEMON_RESPOND_NOTIFIER_CONFIG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace keywatch {

// Plain settings of the response stage; daemon/config fills them. Semantic
// checks that need more than one field (a label name, a secret's form) are made
// by the Create function of what the settings are for.

enum class NotifierType { kAlertmanager, kWebhook };

// "alertmanager", "webhook".
absl::string_view NotifierTypeName(NotifierType type);
absl::optional<NotifierType> ParseNotifierType(absl::string_view name);

// One receiver of notifications, by the name that rules use in
// `response.notify`.
struct NotifierConfig {
  std::string name;  // [a-z0-9_-]+
  NotifierType type = NotifierType::kAlertmanager;
  // kAlertmanager: base URL of every instance (`http://127.0.0.1:9093`); all of
  // them get every alert. kWebhook: exactly one, the receiver's full URL. A URL
  // may hold a credential: only its host is ever shown.
  std::vector<std::string> urls;
  // Of one attempt.
  absl::Duration timeout = absl::Seconds(15);
  // File with a token that is sent as `Authorization: Bearer`; "" sends none.
  // Read again for every request, so that a rotated token needs no restart.
  std::string bearer_file;
  // More request headers, sent as they stand.
  std::vector<std::pair<std::string, std::string>> headers;

  // kWebhook only. Files with one signing secret each (`whsec_` and base64), the
  // current one first; more than one during a rotation. Empty sends unsigned
  // messages.
  std::vector<std::string> secret_files;

  // kAlertmanager only. Labels added to every alert; names as Prometheus has
  // them.
  std::vector<std::pair<std::string, std::string>> labels;
  // How often alerts that are not resolved are sent again. Alertmanager takes an
  // alert for resolved when it has not heard of it for four times that.
  absl::Duration resend_interval = absl::Minutes(1);
  // Where a person finds an alert: `<console_url>/alerts/<id>` becomes the
  // generatorURL. "" sends none.
  std::string console_url;
};

// How the outbox is drained.
struct ResponderConfig {
  // How often each notifier looks for due messages when nobody wakes it.
  absl::Duration poll_interval = absl::Seconds(1);
  // The wait after the first failed attempt; doubled by each further one, up to
  // the second.
  absl::Duration initial_backoff = absl::Seconds(5);
  absl::Duration max_backoff = absl::Minutes(10);
  // A message older than this that has been tried `min_attempts` times is given
  // up when it fails again.
  absl::Duration give_up_after = absl::Hours(72);
  int min_attempts = 10;
};

// Where and how the keys of one provider are rolled by hand.
struct RollProvider {
  std::string name;  // "stripe"
  // The provider of a key is the first that has a prefix of the key's id here;
  // no prefixes take every key.
  std::vector<std::string> key_prefixes;
  std::string dashboard_url;
  std::string test_dashboard_url;  // of keys of the test mode
  // The longest time that old and new key may work side by side.
  absl::Duration max_overlap = absl::Hours(7 * 24);
};

// Stripe's, which takes every key.
RollProvider StripeRollProvider();

struct RollerConfig {
  // The first that fits a key; Stripe's when none does.
  std::vector<RollProvider> providers;
  // Providers need a moment to make an expiry work everywhere, and clocks
  // differ: a success of the old key within it is not held against the roll.
  absl::Duration expiry_tolerance = absl::Minutes(1);
  // A refusal of the old key after that proves its end when everything up to
  // this much later was read and shows no success.
  absl::Duration settling_time = absl::Minutes(5);
  // An old key that is never seen refused counts as dead when its log was read
  // without a gap for this long after the expiry and shows no use of it.
  absl::Duration quiet_time = absl::Hours(24);
  // Notifiers of the alert that a failed roll raises; the configuration gives
  // the default ones when it names none.
  std::vector<std::string> notify;
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_NOTIFIER_CONFIG_H_
