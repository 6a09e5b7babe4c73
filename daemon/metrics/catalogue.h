#ifndef DAEMON_METRICS_CATALOGUE_H_
#define DAEMON_METRICS_CATALOGUE_H_

namespace keywatch {

// Every metric of Keywatch: its name, its help and its labels. Nothing else in
// the program names a metric. Counters count since the daemon started; what
// is kept over restarts is shown by `keywatch status`.
//
// Labels are bounded: `source`, `rule` and `notifier` come from the
// configuration, the others from fixed sets. A key is never a label.
struct MetricSpec {
  const char* name;
  const char* help;
};

namespace metric {

// --- The daemon. Labels: version, revision.
constexpr MetricSpec kBuildInfo{"keywatch_build_info",
                                "Constant 1, labelled by what is running."};

// --- Sources. Label: source.
constexpr MetricSpec kRecords{"keywatch_records_total",
                              "Raw records read from a source."};
constexpr MetricSpec kEvents{"keywatch_events_total",
                             "Events made of a source's records."};
// And reason.
constexpr MetricSpec kRecordsRejected{
    "keywatch_records_rejected_total",
    "Records of which no event could be made, by reason."};
constexpr MetricSpec kLateEvents{
    "keywatch_late_events_total",
    "Events that came after the watermark had passed their time."};
constexpr MetricSpec kDuplicateEvents{
    "keywatch_duplicate_events_total",
    "Events dropped because their id had been seen."};
constexpr MetricSpec kSourceLag{
    "keywatch_source_lag_seconds",
    "How far the newest event of a source is behind the wall clock."};
constexpr MetricSpec kSourceWatermark{
    "keywatch_source_watermark_timestamp_seconds",
    "Event time before which no event of a source is awaited any more."};
// And code.
constexpr MetricSpec kSourceErrors{
    "keywatch_source_errors_total",
    "Failed attempts to read from a source, by status code."};
constexpr MetricSpec kFutureEvents{
    "keywatch_future_events_total",
    "Events kept out of event time because they were too far ahead of the "
    "clock."};
// And reason (down, unreachable, cursor expired, rotated away, rejected).
constexpr MetricSpec kCoverageGap{
    "keywatch_coverage_gap_seconds_total",
    "Event time for which a source is known to have been blind, by reason."};
constexpr MetricSpec kCoverageGaps{
    "keywatch_coverage_gaps_total",
    "Stretches in which a source was blind, however short, by reason."};
constexpr MetricSpec kReorderBuffer{
    "keywatch_reorder_buffer_events",
    "Events that wait until the watermark passes their time."};
constexpr MetricSpec kReorderBufferBytes{
    "keywatch_reorder_buffer_bytes", "Memory of the events that wait, about."};
constexpr MetricSpec kForcedEvents{
    "keywatch_forced_events_total",
    "Events judged before the watermark because too many waited."};

// --- Self-test.
constexpr MetricSpec kSelfTestEnabled{"keywatch_selftest_enabled",
                                      "Whether the self-test is configured."};
constexpr MetricSpec kSelfTestSuccess{
    "keywatch_selftest_last_success_timestamp_seconds",
    "Time of the newest self-test event that came out as an alert."};

// --- Rules. Label: rule.
constexpr MetricSpec kRulesLoaded{"keywatch_rules_loaded", "Rules in force."};
constexpr MetricSpec kRuleMatches{
    "keywatch_rule_matches_total",
    "Events that matched a detection, or signals of a stateful rule."};
// And level.
constexpr MetricSpec kRuleAlerts{"keywatch_rule_alerts_total",
                                 "Alert episodes that a rule opened."};
constexpr MetricSpec kRuleGroups{"keywatch_rule_groups",
                                 "Groups for which a rule holds state."};
constexpr MetricSpec kRuleEvictions{
    "keywatch_rule_evictions_total",
    "Groups that a rule dropped because it held too many."};

// --- Alerts. Labels: state, level.
constexpr MetricSpec kAlerts{"keywatch_alerts",
                             "Stored alerts by state and level."};

// --- Commits.
constexpr MetricSpec kCheckpointDuration{
    "keywatch_checkpoint_duration_seconds",
    "How long a commit of cursors, state and alerts took."};
// Label: code.
constexpr MetricSpec kCheckpointFailures{
    "keywatch_checkpoint_failures_total",
    "Commits that failed and were tried again, by status code."};
constexpr MetricSpec kLastCheckpoint{
    "keywatch_last_checkpoint_timestamp_seconds",
    "When the last commit succeeded."};

// --- The request history.
constexpr MetricSpec kHistoryEvents{"keywatch_history_events_total",
                                    "Events written to the request history."};
constexpr MetricSpec kHistoryDropped{
    "keywatch_history_dropped_events_total",
    "Events that the request history lacks because it could not be written."};
constexpr MetricSpec kHistoryBytes{"keywatch_history_bytes",
                                   "Size of the request history on disk."};

// --- Notifications.
constexpr MetricSpec kOutboxPending{"keywatch_outbox_pending",
                                    "Messages that wait to be sent."};
constexpr MetricSpec kOutboxDead{
    "keywatch_outbox_dead",
    "Messages given up because the receiver refused them for good."};
constexpr MetricSpec kOutboxOldest{
    "keywatch_outbox_oldest_seconds",
    "Age of the oldest message that waits; 0 when none does."};
// Labels: notifier, outcome (sent, retried, dead).
constexpr MetricSpec kNotifications{
    "keywatch_notifications_total",
    "Attempts to send a message, by notifier and outcome."};

// --- Rolls. Label: state.
constexpr MetricSpec kRolls{"keywatch_rolls", "Rolls of keys by state."};

// --- Reloads.
constexpr MetricSpec kReloadSuccess{
    "keywatch_config_reload_success",
    "Whether the last load of configuration and rules succeeded."};
constexpr MetricSpec kLastReload{
    "keywatch_config_last_reload_success_timestamp_seconds",
    "When configuration and rules were last loaded with success."};

// --- The API. Labels: grpc_service, grpc_method.
// And grpc_code.
constexpr MetricSpec kRpcsHandled{"grpc_server_handled_total",
                                  "Calls that ended, by status code."};
constexpr MetricSpec kRpcDuration{"grpc_server_handling_seconds",
                                  "How long calls took; streams are left out."};

// --- The process, under the names that every exporter uses.
constexpr MetricSpec kProcessCpu{"process_cpu_seconds_total",
                                 "User and system CPU time spent."};
constexpr MetricSpec kProcessResident{"process_resident_memory_bytes",
                                      "Resident memory."};
constexpr MetricSpec kProcessVirtual{"process_virtual_memory_bytes",
                                     "Virtual memory."};
constexpr MetricSpec kProcessOpenFds{"process_open_fds",
                                     "Open file descriptors."};
constexpr MetricSpec kProcessMaxFds{"process_max_fds",
                                    "Most file descriptors allowed."};
constexpr MetricSpec kProcessStart{"process_start_time_seconds",
                                   "When the process started."};

}  // namespace metric
}  // namespace keywatch

#endif  // DAEMON_METRICS_CATALOGUE_H_
