#include "daemon/store/alert_table.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "daemon/crypto/hash.h"
#include "daemon/store/outbox_table.h"
#include "daemon/store/record_codec.h"

namespace keywatch {
namespace {

// What UpsertAlert and SetAlertState must know of the stored row.
struct StoredAlert {
  int64_t num = 0;  // 0: there is none
  Alert alert;      // the columns read below, and the id
  std::string detail;
};

constexpr char kNextChange[] =
    "(SELECT max(coalesce((SELECT max(change) FROM alert), 0), last) + 1 "
    "FROM alert_change)";

absl::StatusOr<StoredAlert> FindAlert(Connection& db, const AlertId& id) {
  StoredAlert stored;
  Statement row = db.Prepare(
      "SELECT num, level, stage, first_fire_ms, first_event_ms, last_event_ms, "
      "ended_ms, count, late_events, explanation, state, version, body "
      "FROM alert JOIN alert_detail USING (num) WHERE id = ?");
  row.Bind(id.view());
  if (row.Next()) {
    stored.num = row.Int(0);
    Alert& alert = stored.alert;
    alert.id = id;
    alert.level = static_cast<Level>(row.Int(1));
    alert.stage = static_cast<Stage>(row.Int(2));
    alert.first_fire_ms = row.Int(3);
    alert.first_event_ms = row.Int(4);
    alert.last_event_ms = row.Int(5);
    alert.ended_ms = row.Int(6);
    alert.count = row.Int(7);
    alert.late_events = row.Int(8);
    alert.explanation = std::string(row.Text(9));
    alert.state = static_cast<AlertState>(row.Int(10));
    alert.version = row.Int(11);
    stored.detail = std::string(row.Bytes(12));
  }
  if (!row.status().ok()) return row.status();
  return stored;
}

// Gives the row number.
absl::StatusOr<int64_t> InsertRow(Connection& db, const Alert& alert,
                                  absl::string_view actor, int64_t at_ms) {
  static const std::string* const kInsert = new std::string(absl::StrCat(
      "INSERT INTO alert (id, rule_id, key_id, fingerprint, level, stage, "
      "first_fire_ms, first_event_ms, last_event_ms, ended_ms, count, "
      "late_events, explanation, state, state_by, state_at_ms, note, version, "
      "change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '', 1, ",
      kNextChange, ")"));
  absl::Status status = db.Prepare(*kInsert).Run(
      alert.id.view(), alert.rule_id.view(), alert.key.view(),
      alert.fingerprint, alert.level, alert.stage, alert.first_fire_ms,
      alert.first_event_ms, alert.last_event_ms, alert.ended_ms, alert.count,
      alert.late_events, alert.explanation, actor, at_ms);
  if (!status.ok()) return status;
  const int64_t num = db.last_insert_rowid();
  const std::string detail = EncodeAlertDetail(alert);
  status = db.Prepare("INSERT INTO alert_detail (num, body) VALUES (?, ?)")
               .Run(num, Blob{detail});
  if (!status.ok()) return status;
  return num;
}

// Those who get messages about `alert`: a shadow rule's alerts are never sent.
std::vector<std::string> Recipients(const Alert& alert,
                                    const std::vector<std::string>& notify) {
  return alert.stage == Stage::kShadow ? std::vector<std::string>() : notify;
}

absl::Status Open(Connection& db, const AlertUpsert& upsert, int64_t now_ms,
                  int64_t* num_out = nullptr) {
  const absl::StatusOr<int64_t> num = InsertRow(db, upsert.alert, "", 0);
  if (!num.ok()) return num.status();
  if (num_out != nullptr) *num_out = *num;
  return AddOutboxRows(db, *num, upsert.alert, "open",
                       Recipients(upsert.alert, upsert.notify), now_ms);
}

// The newest alert that the episode of alert `num` goes on in.
struct Continuation {
  int64_t count = 0;  // how many there are
  AlertId id;         // of the newest
  int64_t base = 0;   // matches of the episode before it
};
absl::StatusOr<Continuation> FindContinuation(Connection& db, int64_t num) {
  Continuation found;
  Statement row = db.Prepare(
      "SELECT alert.id, base_count, (SELECT count(*) FROM alert_continuation "
      "WHERE alert = ?1) FROM alert_continuation JOIN alert USING (num) "
      "WHERE alert_continuation.alert = ?1 ORDER BY num DESC LIMIT 1");
  row.Bind(num);
  if (row.Next()) {
    found.id = AlertId(row.Text(0));
    found.base = row.Int(1);
    found.count = row.Int(2);
  }
  if (!row.status().ok()) return row.status();
  return found;
}

// Opens the alert in which the episode goes on after `base` matches.
absl::Status Continue(Connection& db, int64_t num, int64_t generation,
                      int64_t base, const AlertUpsert& upsert, int64_t now_ms) {
  AlertUpsert next = upsert;
  Alert& alert = next.alert;
  alert.id = AlertId(Sha256Hex(
      absl::StrCat(upsert.alert.id.view(), "\ncontinued\n", generation), 32));
  alert.count -= base;
  // The match that came after the resolve.
  alert.first_fire_ms = alert.last_event_ms;
  alert.first_event_ms = alert.last_event_ms;
  alert.explanation =
      absl::StrCat("goes on after alert ", upsert.alert.id.view(),
                   " was resolved: ", upsert.alert.explanation);
  int64_t next_num = 0;
  absl::Status status = Open(db, next, now_ms, &next_num);
  if (!status.ok()) return status;
  return db
      .Prepare(
          "INSERT INTO alert_continuation (num, alert, base_count) "
          "VALUES (?, ?, ?)")
      .Run(next_num, num, base);
}

absl::Status Merge(Connection& db, const StoredAlert& stored,
                   const AlertUpsert& upsert, int64_t now_ms);

// A person resolved the alert while its episode goes on: what comes now is an
// alert of its own, because a resolve is no mute.
absl::Status GoOn(Connection& db, const StoredAlert& stored,
                  const AlertUpsert& upsert, int64_t now_ms) {
  const absl::StatusOr<Continuation> last = FindContinuation(db, stored.num);
  if (!last.ok()) return last.status();
  if (last->count == 0) {
    return upsert.alert.count > stored.alert.count
               ? Continue(db, stored.num, 1, stored.alert.count, upsert, now_ms)
               : Merge(db, stored, upsert, now_ms);
  }
  const absl::StatusOr<StoredAlert> newest = FindAlert(db, last->id);
  if (!newest.ok()) return newest.status();
  const Alert& old = newest->alert;
  const int64_t count = upsert.alert.count - last->base;
  if (old.state == AlertState::kResolved && count > old.count) {
    return Continue(db, stored.num, last->count + 1, last->base + old.count,
                    upsert, now_ms);
  }
  AlertUpsert shifted = upsert;
  shifted.alert.id = last->id;
  shifted.alert.count = count;
  shifted.alert.first_fire_ms = old.first_fire_ms;
  shifted.alert.first_event_ms = old.first_event_ms;
  shifted.alert.explanation =
      absl::StrCat("goes on after alert ", upsert.alert.id.view(),
                   " was resolved: ", upsert.alert.explanation);
  return Merge(db, *newest, shifted, now_ms);
}

// Retention must see that the episode of what was resolved amid it is over.
absl::Status End(Connection& db, int64_t num, EventTime ended_ms) {
  return db
      .Prepare(
          "UPDATE alert SET ended_ms = ?1 WHERE ended_ms = 0 AND (num = ?2 OR "
          "num IN (SELECT num FROM alert_continuation WHERE alert = ?2))")
      .Run(ended_ms, num);
}

}  // namespace

absl::Status UpsertAlert(Connection& db, const AlertUpsert& upsert,
                         int64_t now_ms) {
  const absl::StatusOr<StoredAlert> stored = FindAlert(db, upsert.alert.id);
  if (!stored.ok()) return stored.status();
  if (stored->num == 0) return Open(db, upsert, now_ms);
  if (stored->alert.state != AlertState::kResolved) {
    return Merge(db, *stored, upsert, now_ms);
  }
  absl::Status status = GoOn(db, *stored, upsert, now_ms);
  if (status.ok() && upsert.alert.ended_ms != 0) {
    status = End(db, stored->num, upsert.alert.ended_ms);
  }
  return status;
}

namespace {

absl::Status Merge(Connection& db, const StoredAlert& stored_in,
                   const AlertUpsert& upsert, int64_t now_ms) {
  const StoredAlert* const stored = &stored_in;
  const Alert& old = stored->alert;
  Alert merged = upsert.alert;
  const bool older = merged.count < old.count ||
                     merged.late_events < old.late_events ||
                     merged.last_event_ms < old.last_event_ms ||
                     (old.ended_ms != 0 && merged.ended_ms == 0);
  merged.level = std::max(merged.level, old.level);
  merged.first_fire_ms = std::min(merged.first_fire_ms, old.first_fire_ms);
  merged.first_event_ms = std::min(merged.first_event_ms, old.first_event_ms);
  merged.last_event_ms = std::max(merged.last_event_ms, old.last_event_ms);
  merged.ended_ms = std::max(merged.ended_ms, old.ended_ms);
  merged.count = std::max(merged.count, old.count);
  merged.late_events = std::max(merged.late_events, old.late_events);
  if (older) {
    merged.stage = old.stage;
    merged.explanation = old.explanation;
  }
  const std::string detail =
      older ? stored->detail : EncodeAlertDetail(upsert.alert);
  const bool detail_changed = detail != stored->detail;
  if (!detail_changed && merged.level == old.level &&
      merged.stage == old.stage && merged.first_fire_ms == old.first_fire_ms &&
      merged.first_event_ms == old.first_event_ms &&
      merged.last_event_ms == old.last_event_ms &&
      merged.ended_ms == old.ended_ms && merged.count == old.count &&
      merged.late_events == old.late_events &&
      merged.explanation == old.explanation) {
    return absl::OkStatus();
  }

  static const std::string* const kUpdate = new std::string(absl::StrCat(
      "UPDATE alert SET level = ?, stage = ?, first_fire_ms = ?, "
      "first_event_ms = ?, last_event_ms = ?, ended_ms = ?, count = ?, "
      "late_events = ?, explanation = ?, version = version + 1, change = ",
      kNextChange, " WHERE num = ?"));
  absl::Status status = db.Prepare(*kUpdate).Run(
      merged.level, merged.stage, merged.first_fire_ms, merged.first_event_ms,
      merged.last_event_ms, merged.ended_ms, merged.count, merged.late_events,
      merged.explanation, stored->num);
  if (!status.ok()) return status;
  // Apart from the row, because it is large and changes seldom.
  if (detail_changed) {
    status = db.Prepare("UPDATE alert_detail SET body = ? WHERE num = ?")
                 .Run(Blob{detail}, stored->num);
    if (!status.ok()) return status;
  }
  if (merged.level == old.level || old.state == AlertState::kResolved) {
    return absl::OkStatus();
  }
  return AddOutboxRows(db, stored->num, merged, "escalate",
                       Recipients(merged, upsert.notify), now_ms);
}

}  // namespace

absl::StatusOr<bool> InsertAlert(Connection& db, const Alert& alert,
                                 absl::string_view actor, int64_t now_ms) {
  const absl::StatusOr<StoredAlert> stored = FindAlert(db, alert.id);
  if (!stored.ok()) return stored.status();
  if (stored->num != 0) return false;
  const absl::StatusOr<int64_t> num = InsertRow(db, alert, actor, now_ms);
  if (!num.ok()) return num.status();
  const absl::Status status = AddOutboxRows(
      db, *num, alert, "open", Recipients(alert, alert.notify), now_ms);
  if (!status.ok()) return status;
  return true;
}

absl::StatusOr<Alert> SetAlertState(Connection& db, const AlertId& id,
                                    AlertState state, absl::string_view actor,
                                    absl::string_view note, int64_t version,
                                    int64_t now_ms) {
  const absl::StatusOr<StoredAlert> stored = FindAlert(db, id);
  if (!stored.ok()) return stored.status();
  const Alert& old = stored->alert;
  if (stored->num == 0) {
    return absl::NotFoundError(absl::StrCat("no alert ", id.view()));
  }
  if (version != 0 && version != old.version) {
    return absl::AbortedError(
        absl::StrCat("alert ", id.view(), " has changed: it is at version ",
                     old.version, ", not ", version, "; look at it again"));
  }
  if (old.state == AlertState::kResolved || state == AlertState::kOpen) {
    return absl::FailedPreconditionError(
        absl::StrCat("alert ", id.view(), " is ", AlertStateName(old.state),
                     " and cannot become ", AlertStateName(state)));
  }

  static const std::string* const kUpdate = new std::string(absl::StrCat(
      "UPDATE alert SET state = ?, state_by = ?, state_at_ms = ?, note = ?, "
      "version = version + 1, change = ",
      kNextChange, " WHERE num = ?"));
  absl::Status status =
      db.Prepare(*kUpdate).Run(state, actor, now_ms, note, stored->num);
  if (!status.ok()) return status;
  if (state == AlertState::kResolved) {
    const absl::StatusOr<std::vector<std::string>> notifiers =
        NotifiersOf(db, stored->num);
    if (!notifiers.ok()) return notifiers.status();
    status = AddOutboxRows(db, stored->num, old, "resolve", *notifiers, now_ms);
    if (!status.ok()) return status;
  }
  return GetAlert(db, id);
}

}  // namespace keywatch
