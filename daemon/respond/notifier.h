#ifndef DAEMON_RESPOND_NOTIFIER_H_
#define DAEMON_RESPOND_NOTIFIER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/core/alert.h"
#include "daemon/http/http_client.h"

namespace keywatch {

// What happened to an alert. The names ("open", "escalate", "resolve") are
// those of OutboxRow::event.
enum class NotificationEvent { kOpen, kEscalate, kResolve };

absl::string_view NotificationEventName(NotificationEvent event);
absl::optional<NotificationEvent> ParseNotificationEvent(
    absl::string_view name);

// One message to one notifier.
struct Notification {
  NotificationEvent event = NotificationEvent::kOpen;
  // The alert as it is at this attempt: its counts may have grown since the
  // message was written.
  Alert alert;
  // The same for every attempt, over restarts too.
  std::string idempotency_key;
  absl::Time created;  // when the message was written
  absl::Time now;      // of this attempt; wall clock
};

// Notifier delivers alerts to one receiver. It does not retry, sleep or log:
// the Responder does. Delivery is at least once; what a receiver needs to tell
// a repetition from a new message is in every message.
//
// Notify and Refresh are called by one thread at a time; the other methods by
// any.
class Notifier {
 public:
  virtual ~Notifier() = default;

  // The name by which rules ask for it.
  virtual const std::string& name() const = 0;

  // Delivers one message. OK when the receiver has taken it. The message is
  // tried again after any error but a permanent one (IsPermanentFailure). Error
  // texts hold no credential, no path and no query of a URL.
  virtual absl::Status Notify(const Notification& notification) = 0;

  // How often Refresh is due; InfiniteDuration when the receiver needs none.
  virtual absl::Duration refresh_interval() const {
    return absl::InfiniteDuration();
  }
  // Tells a receiver that forgets what still holds: `open_alerts` are all
  // alerts of this notifier that are not resolved, without evidence. Not
  // retried; the next one comes after refresh_interval().
  virtual absl::Status Refresh(const std::vector<Alert>& open_alerts,
                               absl::Time now) {
    (void)open_alerts;
    (void)now;
    return absl::OkStatus();
  }

  // Of a notifier with several targets: how many did not answer when last
  // asked. Thread-safe.
  virtual int failing_targets() const { return 0; }
};

// True for errors that another attempt cannot mend: the receiver refused the
// message itself (INVALID_ARGUMENT). Everything else, a wrong credential among
// it, can be mended by somebody before the message is given up.
bool IsPermanentFailure(const absl::Status& status);

// A status that asks for a wait of at least `wait` before the next attempt.
absl::Status WithRetryAfter(absl::Status status, absl::Duration wait);
// The wait that a status asks for; zero when it asks for none.
absl::Duration RetryAfterOf(const absl::Status& status);

// What a receiver's answer means for a message:
//   2xx                   OK
//   400, 413, 415, 422    INVALID_ARGUMENT: it refuses this message
//   401, 403              PERMISSION_DENIED \  somebody must change a setting;
//   404, 405, 410, 3xx    NOT_FOUND         /  tried again meanwhile
//   429                   RESOURCE_EXHAUSTED
//   everything else       UNAVAILABLE
// with the wait of `Retry-After`, after 410 kGoneWait at least. `who` begins
// the text.
constexpr absl::Duration kGoneWait = absl::Minutes(10);
absl::Status StatusOfResponse(const HttpResponse& response, absl::Time now,
                              absl::string_view who);

// "https://example.org:8443" of a URL: what may be shown of it.
std::string UrlOrigin(absl::string_view url);

// OK when `url` is http(s) with a host and without user, blanks and control
// characters; else INVALID_ARGUMENT that does not repeat it.
absl::Status CheckUrl(absl::string_view url);

// OK when `headers` can be sent: names are tokens, values have no control
// characters, and none is one of `reserved` (lower case).
absl::Status CheckHeaders(
    const std::vector<std::pair<std::string, std::string>>& headers,
    const std::vector<absl::string_view>& reserved);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_NOTIFIER_H_
