#include "daemon/serve/convert.h"

#include <string>

#include "daemon/core/time.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
constexpr int64_t kMinSeconds = -62135596800;
constexpr int64_t kMaxSeconds = 253402300799;

// Wall-clock times that were never set are 0, event times kMinEventTime.
template <typename Message>
void SetTime(int64_t time_ms, Message* message,
             google::protobuf::Timestamp* (Message::*field)()) {
  if (time_ms == 0 || time_ms == kMinEventTime || time_ms == kMaxEventTime) {
    return;
  }
  ToProto(time_ms, (message->*field)());
}

void AddValues(const std::vector<SeenValue>& values,
               google::protobuf::RepeatedPtrField<v1::SeenValue>* out) {
  for (const SeenValue& value : values) {
    v1::SeenValue* added = out->Add();
    added->set_value(ToValidUtf8(value.value));
    added->set_count(value.count);
    SetTime(value.first_ms, added, &v1::SeenValue::mutable_first_time);
    SetTime(value.last_ms, added, &v1::SeenValue::mutable_last_time);
  }
}

void AddRecentUses(const std::vector<BlastRadius::Use>& uses,
                   google::protobuf::RepeatedPtrField<v1::SeenValue>* out) {
  for (const BlastRadius::Use& use : uses) {
    if (!use.recent) continue;
    v1::SeenValue* added = out->Add();
    added->set_value(ToValidUtf8(use.what));
    added->set_count(use.count);
    SetTime(use.first_ms, added, &v1::SeenValue::mutable_first_time);
    SetTime(use.last_ms, added, &v1::SeenValue::mutable_last_time);
  }
}

void SetValues(const std::vector<SeenValue>& values, int64_t overflow,
               v1::SeenValues* out) {
  AddValues(MostFrequentFirst(values), out->mutable_values());
  out->set_overflow(overflow);
}

}  // namespace

v1::Level ToProto(Level level) {
  switch (level) {
    case Level::kInformational:
      return v1::LEVEL_INFORMATIONAL;
    case Level::kLow:
      return v1::LEVEL_LOW;
    case Level::kMedium:
      return v1::LEVEL_MEDIUM;
    case Level::kHigh:
      return v1::LEVEL_HIGH;
    case Level::kCritical:
      return v1::LEVEL_CRITICAL;
  }
  return v1::LEVEL_UNSPECIFIED;
}

v1::Stage ToProto(Stage stage) {
  switch (stage) {
    case Stage::kShadow:
      return v1::STAGE_SHADOW;
    case Stage::kNotify:
      return v1::STAGE_NOTIFY;
    case Stage::kPage:
      return v1::STAGE_PAGE;
  }
  return v1::STAGE_UNSPECIFIED;
}

v1::AlertState ToProto(AlertState state) {
  switch (state) {
    case AlertState::kOpen:
      return v1::ALERT_STATE_OPEN;
    case AlertState::kAcknowledged:
      return v1::ALERT_STATE_ACKNOWLEDGED;
    case AlertState::kResolved:
      return v1::ALERT_STATE_RESOLVED;
  }
  return v1::ALERT_STATE_UNSPECIFIED;
}

v1::RollState ToProto(RollState state) {
  switch (state) {
    case RollState::kAwaitingOperator:
      return v1::ROLL_STATE_AWAITING_OPERATOR;
    case RollState::kAwaitingExpiry:
      return v1::ROLL_STATE_AWAITING_EXPIRY;
    case RollState::kVerifying:
      return v1::ROLL_STATE_VERIFYING;
    case RollState::kCompleted:
      return v1::ROLL_STATE_COMPLETED;
    case RollState::kFailed:
      return v1::ROLL_STATE_FAILED;
    case RollState::kCancelled:
      return v1::ROLL_STATE_CANCELLED;
  }
  return v1::ROLL_STATE_UNSPECIFIED;
}

void ToProto(EventTime time_ms, google::protobuf::Timestamp* out) {
  int64_t seconds = time_ms / 1000;
  int64_t rest = time_ms % 1000;
  if (rest < 0) {
    rest += 1000;
    --seconds;
  }
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(rest * 1'000'000));
}

void ToProto(absl::Time time, google::protobuf::Timestamp* out) {
  ToProto(ToEventTime(time), out);
}

void ToProto(absl::Duration duration, google::protobuf::Duration* out) {
  absl::Duration rest;
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

void ToProto(const Alert& alert, AlertView view, v1::Alert* out) {
  out->set_id(alert.id.str());
  out->set_rule_id(ToValidUtf8(alert.rule_id.str()));
  out->set_rule_name(ToValidUtf8(alert.rule_name));
  out->set_title(ToValidUtf8(alert.title));
  out->set_level(ToProto(alert.level));
  out->set_stage(ToProto(alert.stage));
  out->set_key_id(ToValidUtf8(alert.key.str()));
  for (const auto& part : alert.group) {
    v1::Field* field = out->add_group();
    field->set_name(ToValidUtf8(part.first));
    field->set_value(ToValidUtf8(part.second));
  }
  out->set_fingerprint(alert.fingerprint);
  SetTime(alert.first_fire_ms, out, &v1::Alert::mutable_first_fire_time);
  SetTime(alert.first_event_ms, out, &v1::Alert::mutable_first_event_time);
  SetTime(alert.last_event_ms, out, &v1::Alert::mutable_last_event_time);
  SetTime(alert.ended_ms, out, &v1::Alert::mutable_ended_time);
  out->set_count(alert.count);
  out->set_late_events(alert.late_events);
  out->set_explanation(ToValidUtf8(alert.explanation));
  out->set_description(ToValidUtf8(alert.description));
  out->set_playbook(ToValidUtf8(alert.playbook));
  for (const std::string& tag : alert.tags) out->add_tags(ToValidUtf8(tag));
  if (view == AlertView::kFull) {
    for (const Evidence& evidence : alert.evidence) {
      v1::Evidence* added = out->add_evidence();
      added->set_event_id(ToValidUtf8(evidence.event_id));
      SetTime(evidence.time_ms, added, &v1::Evidence::mutable_time);
      for (const auto& part : evidence.fields) {
        v1::Field* field = added->add_fields();
        field->set_name(ToValidUtf8(part.first));
        field->set_value(ToValidUtf8(part.second));
      }
    }
  }
  for (const std::string& name : alert.notify) {
    out->add_notify(ToValidUtf8(name));
  }
  out->set_state(ToProto(alert.state));
  out->set_state_by(ToValidUtf8(alert.state_by));
  SetTime(alert.state_at_ms, out, &v1::Alert::mutable_state_time);
  out->set_note(ToValidUtf8(alert.note));
  out->set_version(alert.version);
}

void ToProto(const AuditEntry& entry, v1::AuditEntry* out) {
  SetTime(entry.at_ms, out, &v1::AuditEntry::mutable_time);
  out->set_actor(ToValidUtf8(entry.actor));
  out->set_action(ToValidUtf8(entry.action));
  out->set_subject(ToValidUtf8(entry.subject));
  out->set_detail(ToValidUtf8(entry.detail));
}

void ToProto(const KeyProfile& profile, KeyView view, v1::Key* out) {
  out->set_id(ToValidUtf8(profile.key.str()));
  out->set_kind(ToValidUtf8(profile.kind));
  SetTime(profile.first_seen_ms, out, &v1::Key::mutable_first_seen_time);
  SetTime(profile.last_seen_ms, out, &v1::Key::mutable_last_seen_time);
  SetTime(profile.last_success_ms, out, &v1::Key::mutable_last_success_time);
  SetTime(profile.last_denied_ms, out, &v1::Key::mutable_last_denied_time);
  out->set_requests(profile.requests);
  out->set_denied(profile.denied);
  out->set_failed(profile.failed);
  if (view == KeyView::kSummary) return;
  SetValues(profile.operations, profile.operations_overflow,
            out->mutable_operations());
  SetValues(profile.networks, profile.networks_overflow,
            out->mutable_networks());
  SetValues(profile.user_agents, profile.user_agents_overflow,
            out->mutable_user_agents());
  SetValues(profile.sensitive_fields, 0, out->mutable_sensitive_fields());
}

void ToProto(const Exposure& exposure, v1::Exposure* out) {
  SetTime(exposure.since_ms, out, &v1::Exposure::mutable_since_time);
  AddValues(exposure.new_networks, out->mutable_new_networks());
  AddValues(exposure.new_user_agents, out->mutable_new_user_agents());
  AddValues(exposure.new_operations, out->mutable_new_operations());
  AddValues(exposure.operations, out->mutable_operations());
  AddValues(exposure.sensitive_fields, out->mutable_sensitive_fields());
}

void ToProto(const BlastRadius& radius, v1::BlastRadius* out) {
  out->set_recent(radius.recent);
  AddRecentUses(radius.operations, out->mutable_operations());
  AddRecentUses(radius.networks, out->mutable_networks());
  AddRecentUses(radius.clients, out->mutable_user_agents());
  out->set_incomplete(radius.incomplete);
}

void ToProto(const Roll& roll, v1::Roll* out) {
  out->set_id(roll.id.str());
  out->set_old_key_id(ToValidUtf8(roll.old_key.str()));
  out->set_new_key_id(ToValidUtf8(roll.new_key.str()));
  out->set_state(ToProto(roll.state));
  out->set_reason(ToValidUtf8(roll.reason));
  out->set_alert_id(roll.alert.str());
  out->set_started_by(ToValidUtf8(roll.started_by));
  SetTime(roll.started_ms, out, &v1::Roll::mutable_started_time);
  SetTime(roll.old_expires_ms, out, &v1::Roll::mutable_old_expires_time);
  SetTime(roll.new_key_first_success_ms, out,
          &v1::Roll::mutable_new_key_first_success_time);
  SetTime(roll.old_key_last_success_ms, out,
          &v1::Roll::mutable_old_key_last_success_time);
  SetTime(roll.old_key_refused_ms, out,
          &v1::Roll::mutable_old_key_refused_time);
  out->set_dashboard_url(ToValidUtf8(roll.dashboard_url));
  for (const RollFollowUp& follow_up : roll.follow_ups) {
    v1::RollFollowUp* added = out->add_follow_ups();
    added->set_id(follow_up.id);
    added->set_what(ToValidUtf8(follow_up.what));
    added->set_closed(follow_up.closed);
    added->set_closed_by(ToValidUtf8(follow_up.closed_by));
    SetTime(follow_up.closed_at_ms, added,
            &v1::RollFollowUp::mutable_closed_time);
  }
  for (const RollStep& step : roll.steps) {
    v1::RollStep* added = out->add_steps();
    SetTime(step.at_ms, added, &v1::RollStep::mutable_time);
    added->set_actor(ToValidUtf8(step.actor));
    added->set_what(ToValidUtf8(step.what));
  }
  out->set_version(roll.version);
}

void ToProto(const Rule& rule, const RulesSnapshot::Counters& counters,
             v1::Rule* out) {
  out->set_id(ToValidUtf8(rule.id.str()));
  out->set_name(ToValidUtf8(rule.name));
  out->set_title(ToValidUtf8(rule.title));
  out->set_type(std::string(RuleTypeName(rule.type)));
  out->set_level(ToProto(rule.level));
  out->set_stage(ToProto(rule.stage));
  out->set_alerts(rule.alerts);
  for (const std::string& tag : rule.tags) out->add_tags(ToValidUtf8(tag));
  out->set_file(ToValidUtf8(rule.file));
  out->set_line(rule.line);
  out->set_matches(counters.matches);
  out->set_alerts_opened(counters.episodes);
  out->set_groups(counters.groups);
  out->set_evictions(counters.evicted);
}

void ToProto(const Issue& issue, v1::Issue* out) {
  switch (issue.severity) {
    case Issue::Severity::kError:
      out->set_severity(v1::SEVERITY_ERROR);
      break;
    case Issue::Severity::kWarning:
      out->set_severity(v1::SEVERITY_WARNING);
      break;
    case Issue::Severity::kNote:
      out->set_severity(v1::SEVERITY_NOTE);
      break;
  }
  out->set_code(issue.code);
  out->set_file(ToValidUtf8(issue.where.file));
  out->set_line(issue.where.line);
  out->set_column(issue.where.column);
  out->set_message(ToValidUtf8(issue.message));
  out->set_hint(ToValidUtf8(issue.hint));
  out->set_text(ToValidUtf8(FormatIssue(issue)));
}

void ToProto(const RejectSample& sample, v1::Reject* out) {
  out->set_source_id(ToValidUtf8(sample.source.str()));
  out->set_reason(ToValidUtf8(sample.reason));
  out->set_stream(ToValidUtf8(sample.stream));
  out->set_offset(sample.offset);
  SetTime(sample.at_ms, out, &v1::Reject::mutable_time);
  out->set_text(ToValidUtf8(sample.text));
}

void ToProto(const Gap& gap, v1::Gap* out) {
  out->set_source_id(ToValidUtf8(gap.source.str()));
  SetTime(gap.from_ms, out, &v1::Gap::mutable_from_time);
  SetTime(gap.to_ms, out, &v1::Gap::mutable_to_time);
  out->set_reason(ToValidUtf8(gap.reason));
}

absl::StatusOr<EventTime> FromProto(const google::protobuf::Timestamp& time) {
  if (time.seconds() < kMinSeconds || time.seconds() > kMaxSeconds ||
      time.nanos() < 0 || time.nanos() > 999'999'999) {
    return absl::InvalidArgumentError(
        "a time must lie between the years 1 and 9999");
  }
  return time.seconds() * 1000 + time.nanos() / 1'000'000;
}

absl::StatusOr<Level> FromProto(v1::Level level) {
  switch (level) {
    case v1::LEVEL_INFORMATIONAL:
      return Level::kInformational;
    case v1::LEVEL_LOW:
      return Level::kLow;
    case v1::LEVEL_MEDIUM:
      return Level::kMedium;
    case v1::LEVEL_HIGH:
      return Level::kHigh;
    case v1::LEVEL_CRITICAL:
      return Level::kCritical;
    default:
      return absl::InvalidArgumentError("level: not a known level");
  }
}

absl::StatusOr<AlertFilter> FromProto(const v1::AlertFilter& filter) {
  AlertFilter out;
  switch (filter.state()) {
    case v1::ALERT_STATE_UNSPECIFIED:
      break;
    case v1::ALERT_STATE_OPEN:
      out.state = AlertState::kOpen;
      break;
    case v1::ALERT_STATE_ACKNOWLEDGED:
      out.state = AlertState::kAcknowledged;
      break;
    case v1::ALERT_STATE_RESOLVED:
      out.state = AlertState::kResolved;
      break;
    default:
      return absl::InvalidArgumentError("filter.state: not a known state");
  }
  out.unresolved_only = filter.unresolved_only();
  if (!filter.key_id().empty()) out.key = KeyId(filter.key_id());
  if (!filter.rule_id().empty()) out.rule = RuleId(filter.rule_id());
  if (filter.min_level() != v1::LEVEL_UNSPECIFIED) {
    absl::StatusOr<Level> level = FromProto(filter.min_level());
    if (!level.ok()) return level.status();
    out.min_level = *level;
  }
  if (filter.has_since_time()) {
    absl::StatusOr<EventTime> since = FromProto(filter.since_time());
    if (!since.ok()) return since.status();
    out.since_ms = *since;
  }
  return out;
}

bool Matches(const AlertFilter& filter, const Alert& alert) {
  if (filter.state && alert.state != *filter.state) return false;
  if (filter.unresolved_only && alert.state == AlertState::kResolved) {
    return false;
  }
  if (filter.key && alert.key != *filter.key) return false;
  if (filter.rule && alert.rule_id != *filter.rule) return false;
  if (filter.min_level && alert.level < *filter.min_level) return false;
  return alert.first_fire_ms >= filter.since_ms;
}

}  // namespace keywatch
