#ifndef DAEMON_SERVE_CONVERT_H_
#define DAEMON_SERVE_CONVERT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/core/alert.h"
#include "daemon/core/issue.h"
#include "daemon/core/key_profile.h"
#include "daemon/core/roll.h"
#include "daemon/respond/blast_radius.h"
#include "daemon/rules/rule_set.h"
#include "daemon/serve/exposure.h"
#include "daemon/serve/status_provider.h"
#include "daemon/store/store.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {

// Core's values to wire types and back: the only place that knows both. Pure
// functions. Texts that may come from outside are made valid UTF-8, because a
// message with one bad byte can be sent but not read.

// Alerts without evidence are what lists carry.
enum class AlertView { kSummary, kFull };
void ToProto(const Alert& alert, AlertView view, v1::Alert* out);
void ToProto(const AuditEntry& entry, v1::AuditEntry* out);
// Keys without the values seen are what lists carry.
enum class KeyView { kSummary, kFull };
void ToProto(const KeyProfile& profile, KeyView view, v1::Key* out);
void ToProto(const Exposure& exposure, v1::Exposure* out);
void ToProto(const BlastRadius& radius, v1::BlastRadius* out);
void ToProto(const Roll& roll, v1::Roll* out);
void ToProto(const Rule& rule, const RulesSnapshot::Counters& counters,
             v1::Rule* out);
void ToProto(const Issue& issue, v1::Issue* out);
void ToProto(const RejectSample& sample, v1::Reject* out);
void ToProto(const Gap& gap, v1::Gap* out);

v1::Level ToProto(Level level);
v1::Stage ToProto(Stage stage);
v1::AlertState ToProto(AlertState state);
v1::RollState ToProto(RollState state);

void ToProto(EventTime time_ms, google::protobuf::Timestamp* out);
void ToProto(absl::Time time, google::protobuf::Timestamp* out);
void ToProto(absl::Duration duration, google::protobuf::Duration* out);

// INVALID_ARGUMENT outside the years 1 to 9999 that a Timestamp may hold, or
// with malformed nanoseconds.
absl::StatusOr<EventTime> FromProto(const google::protobuf::Timestamp& time);
// INVALID_ARGUMENT for a number that is no level.
absl::StatusOr<Level> FromProto(v1::Level level);
absl::StatusOr<AlertFilter> FromProto(const v1::AlertFilter& filter);

// True when `alert` satisfies `filter`: what the store does for a list, for
// the changes of a watch.
bool Matches(const AlertFilter& filter, const Alert& alert);

}  // namespace keywatch

#endif  // DAEMON_SERVE_CONVERT_H_
