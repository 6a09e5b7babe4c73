#include "daemon/store/store_test_data.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

class Dump {
 public:
  template <typename... Fields>
  void Line(const Fields&... fields) {
    ((out_ << fields << '|'), ...);
    out_ << '\n';
  }
  void Failed(absl::string_view what, const absl::Status& status) {
    Line("FAILED", what, status.ToString());
  }
  std::string Text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

void DumpSeen(Dump& dump, absl::string_view what,
              const std::vector<SeenValue>& values) {
  for (const SeenValue& v : values) {
    dump.Line(what, v.value, v.count, v.first_ms, v.last_ms);
  }
}

void DumpAlert(Dump& dump, const Alert& a) {
  dump.Line("alert", a.id, a.rule_id, a.rule_name, a.title, LevelName(a.level),
            StageName(a.stage), a.key, a.fingerprint);
  dump.Line("facts", a.first_fire_ms, a.first_event_ms, a.last_event_ms,
            a.ended_ms, a.count, a.late_events, a.explanation, a.description,
            a.playbook);
  for (const auto& group : a.group) {
    dump.Line("group", group.first, group.second);
  }
  for (const std::string& tag : a.tags) dump.Line("tag", tag);
  for (const Evidence& e : a.evidence) {
    dump.Line("evidence", e.event_id, e.time_ms);
    for (const auto& field : e.fields) {
      dump.Line("field", field.first, field.second);
    }
  }
  for (const std::string& n : a.notify) dump.Line("notify", n);
  dump.Line("state", AlertStateName(a.state), a.state_by, a.state_at_ms, a.note,
            a.version);
}

void DumpAlerts(Dump& dump, Store& store) {
  const auto changed = store.AlertsChangedAfter(0, 10000);
  if (!changed.ok()) return dump.Failed("alerts", changed.status());
  for (const Alert& alert : changed->first) DumpAlert(dump, alert);
  dump.Line("last change", changed->second);
  const auto counts = store.CountAlerts();
  if (!counts.ok()) return dump.Failed("counts", counts.status());
  for (const auto& levels : *counts) {
    for (const int64_t count : levels) dump.Line("count", count);
  }
  const auto outbox = store.DueOutbox("", INT64_MAX, 10000);
  if (!outbox.ok()) return dump.Failed("outbox", outbox.status());
  for (const OutboxRow& row : *outbox) {
    dump.Line("outbox", row.id, row.idempotency_key, row.notifier, row.event,
              row.alert, row.created_ms, row.attempts, row.next_attempt_ms,
              row.last_error);
  }
  const auto pending = store.CountOutbox();
  if (!pending.ok()) return dump.Failed("outbox counts", pending.status());
  dump.Line("outbox", pending->pending, pending->dead,
            pending->oldest_pending_ms);
}

void DumpKeys(Dump& dump, Store& store) {
  KeyFilter filter;
  filter.limit = 10000;
  const auto keys = store.ListKeys(filter);
  if (!keys.ok()) return dump.Failed("keys", keys.status());
  for (const KeyProfile& key : keys->keys) {
    dump.Line("key", key.key, key.kind, key.first_seen_ms, key.last_seen_ms,
              key.requests, key.denied, key.failed, key.last_success_ms,
              key.last_denied_ms, key.operations_overflow,
              key.networks_overflow, key.user_agents_overflow);
    DumpSeen(dump, "operation", key.operations);
    DumpSeen(dump, "network", key.networks);
    DumpSeen(dump, "user agent", key.user_agents);
    DumpSeen(dump, "sensitive field", key.sensitive_fields);
  }
}

void DumpSources(Dump& dump, Store& store) {
  const auto totals = store.ListSources();
  if (!totals.ok()) return dump.Failed("sources", totals.status());
  for (const SourceTotals& t : *totals) {
    dump.Line("source", t.source, t.records, t.events, t.late, t.duplicates,
              t.rejected, t.newest_event_ms);
  }
  const auto counts = store.ListRejectCounts();
  if (!counts.ok()) return dump.Failed("reject counts", counts.status());
  for (const RejectCount& c : *counts) {
    dump.Line("rejects", c.source, c.reason, c.count);
  }
  const auto samples = store.ListRejects(SourceId(), 10000);
  if (!samples.ok()) return dump.Failed("rejects", samples.status());
  for (const RejectSample& s : *samples) {
    dump.Line("reject", s.source, s.reason, s.stream, s.offset, s.at_ms,
              s.text);
  }
  const auto gaps = store.ListGaps(SourceId(), kMinEventTime, 10000);
  if (!gaps.ok()) return dump.Failed("gaps", gaps.status());
  for (const Gap& gap : *gaps) {
    dump.Line("gap", gap.source, gap.from_ms, gap.to_ms, gap.reason);
  }
}

void DumpControl(Dump& dump, Store& store) {
  const auto rolls = store.ListRolls(false, 10000);
  if (!rolls.ok()) return dump.Failed("rolls", rolls.status());
  for (const Roll& roll : *rolls) {
    dump.Line("roll", roll.id, roll.old_key, roll.new_key,
              RollStateName(roll.state), roll.reason, roll.alert,
              roll.started_by, roll.started_ms, roll.old_expires_ms,
              roll.new_key_first_success_ms, roll.old_key_last_success_ms,
              roll.old_key_refused_ms, roll.dashboard_url, roll.version);
    for (const RollFollowUp& f : roll.follow_ups) {
      dump.Line("follow-up", f.id, f.what, f.closed, f.closed_by,
                f.closed_at_ms);
    }
    for (const RollStep& s : roll.steps) {
      dump.Line("step", s.at_ms, s.actor, s.what);
    }
  }
  const auto lifecycle = store.LifecycleAfter(0, 0, 10000);
  if (!lifecycle.ok()) return dump.Failed("lifecycle", lifecycle.status());
  for (const LifecycleEvent& e : *lifecycle) {
    dump.Line("lifecycle", e.sequence, e.time_ms, e.action, e.key, e.new_key,
              e.roll, e.actor);
  }
  const auto head = store.VerifyAudit();
  if (!head.ok()) return dump.Failed("audit", head.status());
  dump.Line("audit", head->entries, head->hash);
}

void DumpPartition(Dump& dump, Store& store) {
  std::vector<std::string> rows;
  const auto partition =
      store.OpenPartition("p", "dump", [&](const StateRow& row) {
        rows.push_back(absl::StrCat(row.owner, "|", absl::CEscape(row.group),
                                    "|", absl::CEscape(row.blob)));
      });
  if (!partition.ok()) return dump.Failed("partition", partition.status());
  dump.Line("watermark", partition->watermark_ms);
  for (const StreamCursor& c : partition->cursors) {
    dump.Line("cursor", c.source, c.stream, c.position, c.read, c.attributes);
  }
  for (const PendingRecord& p : partition->pending) {
    dump.Line("pending", p.source, p.id, p.record);
  }
  for (const auto& seen : partition->seen_ids) {
    for (const uint64_t hash : seen.second) dump.Line("seen", seen.first, hash);
  }
  std::sort(rows.begin(), rows.end());
  for (const std::string& row : rows) dump.Line("state", row);
}

}  // namespace

Alert TestAlert(absl::string_view id, EventTime first_fire_ms) {
  Alert alert;
  alert.id = AlertId(id);
  alert.rule_id = RuleId("rule.probing");
  alert.rule_name = "Permission probing";
  alert.title = absl::StrCat("probing by ", id);
  alert.level = Level::kHigh;
  alert.stage = Stage::kNotify;
  alert.key = KeyId("rk_1");
  alert.group = {{"api.key.id", "rk_1"}, {"source.ip", "192.0.2.7"}};
  alert.fingerprint = "0123456789abcdef";
  alert.first_fire_ms = first_fire_ms;
  alert.first_event_ms = first_fire_ms - 500;
  alert.last_event_ms = first_fire_ms;
  alert.count = 6;
  alert.explanation = "6 events in 15m, threshold >= 6";
  alert.description = "A key tries what it may not do.";
  alert.playbook = "Ask the owner; roll the key.";
  alert.tags = {"attack.t1078"};
  Evidence evidence;
  evidence.event_id = "req_1";
  evidence.time_ms = first_fire_ms;
  evidence.fields = {{"url.path", "/v1/charges"}};
  alert.evidence = {evidence};
  alert.notify = {"oncall"};
  return alert;
}

AlertUpsert TestUpsert(absl::string_view id, EventTime first_fire_ms) {
  AlertUpsert upsert;
  upsert.alert = TestAlert(id, first_fire_ms);
  upsert.notify = upsert.alert.notify;
  return upsert;
}

KeyProfile TestProfile(absl::string_view key, int64_t requests) {
  KeyProfile profile;
  profile.key = KeyId(key);
  profile.kind = "restricted";
  profile.first_seen_ms = 1000;
  profile.last_seen_ms = 1000 + requests;
  profile.requests = requests;
  profile.denied = requests / 2;
  profile.failed = requests / 3;
  profile.last_success_ms = 1000 + requests;
  profile.last_denied_ms = 900 + requests;
  SeenValue value;
  value.value = "GET /v1/charges";
  value.count = requests;
  value.first_ms = 1000;
  value.last_ms = 1000 + requests;
  profile.operations = {value};
  value.value = "AS16509 US";
  profile.networks = {value, value};
  value.value = "curl/7.88";
  profile.user_agents = {value};
  value.value = "verified_outputs.dob";
  profile.sensitive_fields = {value};
  profile.operations_overflow = 1;
  profile.networks_overflow = 2;
  profile.user_agents_overflow = 3;
  return profile;
}

Roll TestRoll(absl::string_view id, absl::string_view key, int64_t started_ms) {
  Roll roll;
  roll.id = RollId(id);
  roll.old_key = KeyId(key);
  roll.new_key = KeyId("rk_new");
  roll.reason = "leaked";
  roll.alert = AlertId("alert-1");
  roll.started_by = "ann";
  roll.started_ms = started_ms;
  roll.old_expires_ms = started_ms + 1;
  roll.new_key_first_success_ms = started_ms + 2;
  roll.old_key_last_success_ms = started_ms + 3;
  roll.old_key_refused_ms = started_ms + 4;
  roll.dashboard_url = "https://dashboard.example/apikeys";
  RollFollowUp follow_up;
  follow_up.id = 1;
  follow_up.what = "webhook endpoint we_1";
  follow_up.closed = true;
  follow_up.closed_by = "bob";
  follow_up.closed_at_ms = started_ms + 5;
  roll.follow_ups = {follow_up};
  RollStep step;
  step.at_ms = started_ms;
  step.actor = "ann";
  step.what = "started";
  roll.steps = {step};
  return roll;
}

CheckpointBatch TestBatch(int64_t i) {
  CheckpointBatch batch;
  batch.watermark_ms = i * 1000;
  batch.now_ms = 5000000 + i;
  batch.seen_until_ms = (i + 3) * 1000;
  StreamCursor cursor;
  cursor.source = SourceId("nginx");
  cursor.stream = "access.log";
  cursor.position = i;
  cursor.read = i + 1;
  cursor.attributes = absl::StrCat("inode ", i);
  batch.cursors.push_back(cursor);
  // A stream that lives for one commit.
  cursor.stream = absl::StrCat("access.log.", i);
  batch.cursors.push_back(cursor);
  cursor.stream = absl::StrCat("access.log.", i - 1);
  cursor.ended = true;
  batch.cursors.push_back(cursor);

  PendingRecord pending;
  pending.source = SourceId("push");
  pending.id = absl::StrCat("event ", i);
  pending.record = std::string("{\"n\":\0}", 7);
  batch.pending.push_back(pending);
  pending.id = absl::StrCat("event ", i - 1);
  pending.erased = true;
  batch.pending.push_back(pending);

  // Ten rows of each commit are new or ten commits old, and one goes.
  for (int64_t n = 0; n < 10; ++n) {
    StateRow row;
    row.owner = absl::StrCat("rule", n % 3, "@1f");
    row.group = std::string(1, '\0') + absl::StrCat("group ", i % 10, ".", n);
    row.blob = absl::StrCat("value ", i, std::string(100, 'v'));
    batch.state.push_back(row);
  }
  StateRow gone;
  gone.owner = "rule0@1f";
  gone.group =
      std::string(1, '\0') + absl::StrCat("group ", (i + 5) % 10, ".0");
  gone.erased = true;
  batch.state.push_back(gone);

  batch.alerts.push_back(TestUpsert(absl::StrCat("alert-", i), i * 1000));
  AlertUpsert older = TestUpsert(absl::StrCat("alert-", i - 1), (i - 1) * 1000);
  older.alert.count = 7;
  older.alert.last_event_ms = i * 1000;
  older.alert.level = i % 2 == 0 ? Level::kCritical : Level::kHigh;
  if (i > 1) batch.alerts.push_back(older);

  batch.profiles.push_back(TestProfile("rk_1", i));
  batch.profiles.push_back(TestProfile(absl::StrCat("rk_", i % 5), i));
  batch.rejects.push_back({SourceId("nginx"), "not JSON", 2});
  for (int64_t n = 0; n < 2; ++n) {
    RejectSample sample;
    sample.source = SourceId("nginx");
    sample.reason = "not JSON";
    sample.stream = "access.log";
    sample.offset = i * 2 + n;
    sample.at_ms = i * 1000;
    sample.text = absl::StrCat("{broken ", i, ".", n);
    batch.reject_samples.push_back(sample);
  }
  SourceTotals totals;
  totals.source = SourceId("nginx");
  totals.records = 10;
  totals.events = 8;
  totals.late = 1;
  totals.duplicates = 1;
  totals.rejected = 2;
  totals.newest_event_ms = i * 1000;
  batch.totals.push_back(totals);
  batch.gaps.push_back(
      {SourceId("poll"), (i / 4) * 4000, i * 1000, "unreachable"});
  batch.seen_ids.push_back({SourceId("nginx"), {static_cast<uint64_t>(i), 7}});
  return batch;
}

std::string DumpStore(Store& store) {
  Dump dump;
  DumpAlerts(dump, store);
  DumpKeys(dump, store);
  DumpSources(dump, store);
  DumpControl(dump, store);
  DumpPartition(dump, store);
  return dump.Text();
}

}  // namespace keywatch
