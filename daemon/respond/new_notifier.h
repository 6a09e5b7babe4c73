#ifndef DAEMON_RESPOND_NEW_NOTIFIER_H_
#define DAEMON_RESPOND_NEW_NOTIFIER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "daemon/http/http_client.h"
#include "daemon/respond/notifier.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// The notifier that the settings describe, with the errors of its Create.
// `client` must outlive it.
absl::StatusOr<std::unique_ptr<Notifier>> NewNotifier(
    const NotifierConfig& config, HttpClient* client);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_NEW_NOTIFIER_H_
