#include "daemon/store/sqlite_schema.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/core/failpoint.h"

namespace keywatch {
namespace {

// Every table has an INTEGER PRIMARY KEY, so that VACUUM keeps its rows'
// numbers, and none is WITHOUT ROWID: with values of a kilobyte such tables grow
// to several times their content.
constexpr absl::string_view kVersion1 = R"sql(
CREATE TABLE partition (
  num INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  epoch INTEGER NOT NULL,
  owner TEXT NOT NULL,
  watermark_ms INTEGER NOT NULL,
  commits INTEGER NOT NULL
) STRICT;

CREATE TABLE cursor (
  num INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  source TEXT NOT NULL,
  stream TEXT NOT NULL,
  position INTEGER NOT NULL,
  read_position INTEGER NOT NULL,
  attributes BLOB NOT NULL,
  UNIQUE (partition, source, stream)
) STRICT;

CREATE TABLE pending (
  num INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  source TEXT NOT NULL,
  event_id TEXT NOT NULL,
  record BLOB NOT NULL,
  UNIQUE (partition, source, event_id)
) STRICT;

CREATE TABLE seen_ids (
  num INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  source TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  hashes BLOB NOT NULL
) STRICT;
CREATE INDEX seen_ids_until ON seen_ids (partition, until_ms);

CREATE TABLE state_owner (
  num INTEGER PRIMARY KEY,
  partition INTEGER NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (partition, name)
) STRICT;
CREATE TABLE state (
  num INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL,
  grp BLOB NOT NULL,
  value BLOB NOT NULL,
  UNIQUE (owner, grp)
) STRICT;

CREATE TABLE alert (
  num INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  rule_id TEXT NOT NULL,
  key_id TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  level INTEGER NOT NULL,
  stage INTEGER NOT NULL,
  first_fire_ms INTEGER NOT NULL,
  first_event_ms INTEGER NOT NULL,
  last_event_ms INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL,
  count INTEGER NOT NULL,
  late_events INTEGER NOT NULL,
  explanation TEXT NOT NULL,
  state INTEGER NOT NULL,
  state_by TEXT NOT NULL,
  state_at_ms INTEGER NOT NULL,
  note TEXT NOT NULL,
  version INTEGER NOT NULL,
  change INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX alert_time ON alert (first_fire_ms, id);
CREATE INDEX alert_key ON alert (key_id, first_fire_ms, id);
CREATE INDEX alert_rule ON alert (rule_id, first_fire_ms, id);
CREATE INDEX alert_unresolved ON alert (first_fire_ms, id) WHERE state < 2;
CREATE INDEX alert_state ON alert (state, level);
CREATE TABLE alert_detail (
  num INTEGER PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE outbox (
  num INTEGER PRIMARY KEY,
  idempotency_key TEXT NOT NULL UNIQUE,
  alert INTEGER NOT NULL,
  notifier TEXT NOT NULL,
  event TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  next_attempt_ms INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  status INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (next_attempt_ms) WHERE status = 0;
CREATE INDEX outbox_alert ON outbox (alert, notifier, status);
CREATE INDEX outbox_dead ON outbox (num) WHERE status = 2;

CREATE TABLE key_profile (
  num INTEGER PRIMARY KEY,
  key_id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  requests INTEGER NOT NULL,
  denied INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  lists BLOB NOT NULL
) STRICT;

CREATE TABLE source_totals (
  num INTEGER PRIMARY KEY,
  source TEXT NOT NULL UNIQUE,
  records INTEGER NOT NULL,
  events INTEGER NOT NULL,
  late INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  newest_event_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE reject_count (
  num INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  UNIQUE (source, reason)
) STRICT;
CREATE TABLE reject_sample (
  num INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  stream TEXT NOT NULL,
  position INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  record BLOB NOT NULL
) STRICT;
CREATE INDEX reject_sample_reason ON reject_sample (source, reason, num);

CREATE TABLE gap (
  num INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  from_ms INTEGER NOT NULL,
  to_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  UNIQUE (source, from_ms, reason)
) STRICT;
CREATE INDEX gap_from ON gap (from_ms, num);

CREATE TABLE roll (
  num INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  old_key TEXT NOT NULL,
  state INTEGER NOT NULL,
  started_ms INTEGER NOT NULL,
  version INTEGER NOT NULL,
  detail BLOB NOT NULL
) STRICT;
CREATE INDEX roll_started ON roll (started_ms, num);
CREATE UNIQUE INDEX roll_unfinished ON roll (old_key) WHERE state < 3;

CREATE TABLE lifecycle (
  num INTEGER PRIMARY KEY,
  sequence INTEGER UNIQUE,
  time_ms INTEGER NOT NULL,
  action TEXT NOT NULL,
  key_id TEXT NOT NULL,
  new_key TEXT NOT NULL,
  roll_id TEXT NOT NULL,
  actor TEXT NOT NULL
) STRICT;
CREATE INDEX lifecycle_waiting ON lifecycle (time_ms, num)
  WHERE sequence IS NULL;

CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit (subject, sequence);
CREATE TRIGGER audit_keeps_entries BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_keeps_all BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
)sql";

// What Prune looks for, so that it need not read what it keeps.
constexpr absl::string_view kVersion2 = R"sql(
CREATE INDEX retention_alert ON alert (state_at_ms) WHERE state = 2;
CREATE INDEX retention_outbox ON outbox (finished_ms) WHERE status <> 0;
CREATE INDEX retention_gap ON gap (to_ms);
CREATE INDEX retention_reject ON reject_sample (at_ms);
)sql";

// Each notifier looks for its own messages; changes are numbered once; keys know
// their last success.
constexpr absl::string_view kVersion3 = R"sql(
DROP INDEX outbox_due;
CREATE INDEX outbox_waiting ON outbox (notifier, num, next_attempt_ms)
  WHERE status = 0;

-- The newest change of alerts that are gone, so that no number comes again.
CREATE TABLE alert_change (
  num INTEGER PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT;
INSERT INTO alert_change (num, last)
  SELECT 1, coalesce(max(change), 0) FROM alert;

-- An alert that goes on where another one, resolved amid its episode, stopped.
CREATE TABLE alert_continuation (
  num INTEGER PRIMARY KEY,
  alert INTEGER NOT NULL,
  base_count INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_continuation_alert ON alert_continuation (alert, num);

-- The least time: none is known.
ALTER TABLE key_profile ADD COLUMN last_success_ms INTEGER NOT NULL
  DEFAULT -9223372036854775808;
ALTER TABLE key_profile ADD COLUMN last_denied_ms INTEGER NOT NULL
  DEFAULT -9223372036854775808;
)sql";

constexpr absl::string_view kSteps[] = {kVersion1, kVersion2, kVersion3};

absl::Status Corrupt(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the database is corrupt: ", what));
}

}  // namespace

absl::Span<const absl::string_view> SchemaSteps() { return kSteps; }

absl::Status CheckDatabase(Connection& db,
                           absl::Span<const absl::string_view> steps,
                           int64_t full_check_bytes) {
  const absl::StatusOr<int64_t> application =
      db.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> version = db.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  const absl::StatusOr<int64_t> objects =
      db.QueryInt("SELECT count(*) FROM sqlite_schema");
  if (!objects.ok()) return objects.status();
  if (*application == 0 && *version == 0 && *objects == 0) {
    return absl::OkStatus();
  }

  if (*application != kApplicationId) {
    return absl::FailedPreconditionError(
        "the file is an SQLite database, but not one of Keywatch");
  }
  const int64_t newest = static_cast<int64_t>(steps.size());
  if (*version > newest) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the database has version ", *version,
        ", and this program knows versions up to ", newest,
        ": use the newer program that wrote it, or a backup from before the "
        "upgrade"));
  }
  if (*version < 1) return Corrupt("its version is missing");

  const absl::StatusOr<int64_t> pages = db.QueryInt("PRAGMA page_count");
  if (!pages.ok()) return pages.status();
  const absl::StatusOr<int64_t> page_size = db.QueryInt("PRAGMA page_size");
  if (!page_size.ok()) return page_size.status();
  if (*pages > full_check_bytes / *page_size) return absl::OkStatus();
  const absl::StatusOr<std::string> found =
      db.QueryText("PRAGMA quick_check(1)");
  if (!found.ok()) return found.status();
  if (*found != "ok") return Corrupt(*found);
  return absl::OkStatus();
}

absl::Status UpgradeDatabase(Connection& db,
                             absl::Span<const absl::string_view> steps) {
  const absl::StatusOr<int64_t> version = db.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  for (size_t step = static_cast<size_t>(*version); step < steps.size();
       ++step) {
    KEYWATCH_FAILPOINT("upgrade.begin");
    const absl::Status status = db.Write([&]() -> absl::Status {
      absl::Status upgraded = db.Execute(
          absl::StrCat(steps[step], "PRAGMA application_id = ", kApplicationId,
                       "; PRAGMA user_version = ", step + 1));
      KEYWATCH_FAILPOINT("upgrade.commit");
      return upgraded;
    });
    KEYWATCH_FAILPOINT("upgrade.step");
    if (!status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("upgrading the database to version ",
                                       step + 1, ": ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace keywatch
