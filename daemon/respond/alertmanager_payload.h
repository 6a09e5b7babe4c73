#ifndef DAEMON_RESPOND_ALERTMANAGER_PAYLOAD_H_
#define DAEMON_RESPOND_ALERTMANAGER_PAYLOAD_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/alert.h"
#include "daemon/core/event.h"

namespace keywatch {

// What Alertmanager's API v2 is told about an alert. Pure functions; all text
// that comes out is valid UTF-8.

// Names and values, sorted by name, no empty values.
using AlertmanagerLabels = std::vector<std::pair<std::string, std::string>>;

// True for `[a-zA-Z_][a-zA-Z0-9_]*`.
bool IsValidLabelName(absl::string_view name);

// Labels that Keywatch sets itself; configured ones must not have their names.
const std::vector<std::string>& ReservedLabelNames();

// The labels of an alert and the configured `extra` ones. Alertmanager takes
// alerts with equal labels for one alert, so they hold only what stays the same
// as long as the alert lives: alertname, rule_id, severity, stage, key_id,
// fingerprint.
AlertmanagerLabels LabelsOf(const Alert& alert,
                            const AlertmanagerLabels& extra);

// The labels as a JSON object: the alert's identity.
std::string LabelsJson(const AlertmanagerLabels& labels);

// One element of the body of POST /api/v2/alerts. `labels_json` is LabelsJson;
// `generator_url` may be empty. `starts_ms` must not be after `ends_ms`.
std::string AlertmanagerAlertJson(absl::string_view labels_json,
                                  const Alert& alert, EventTime starts_ms,
                                  EventTime ends_ms,
                                  absl::string_view generator_url);

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ALERTMANAGER_PAYLOAD_H_
