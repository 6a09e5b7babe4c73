#ifndef DAEMON_RESPOND_WEBHOOK_BODY_H_
#define DAEMON_RESPOND_WEBHOOK_BODY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "daemon/respond/notifier.h"

namespace keywatch {

// "alert.opened", "alert.escalated", "alert.resolved".
absl::string_view WebhookType(NotificationEvent event);

// The body of a webhook message, a JSON object on one line:
//
//   {"type":"alert.opened","timestamp":"2026-08-03T14:00:00.000Z","data":{...}}
//
// `timestamp` is when the message was written; `data` is the alert, every field
// of which is described in daemon/respond/README.md. Always valid UTF-8, and the
// same bytes for the same notification.
std::string WebhookBody(const Notification& notification);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_WEBHOOK_BODY_H_
