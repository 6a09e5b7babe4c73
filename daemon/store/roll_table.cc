#include "daemon/store/roll_table.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/store/limits.h"
#include "daemon/store/record_codec.h"

namespace keywatch {
namespace {

// The conditions of an index and a query say `state < 3`.
static_assert(static_cast<int>(RollState::kCompleted) == 3 &&
                  static_cast<int>(RollState::kFailed) > 3 &&
                  static_cast<int>(RollState::kCancelled) > 3,
              "finished rolls are those from kCompleted on");

absl::Status ReadRoll(const Statement& row, Roll* roll) {
  roll->id = RollId(row.Text(0));
  roll->old_key = KeyId(row.Text(1));
  roll->state = static_cast<RollState>(row.Int(2));
  roll->started_ms = row.Int(3);
  roll->version = row.Int(4);
  if (roll->state < RollState::kAwaitingOperator ||
      roll->state > RollState::kCancelled) {
    return absl::DataLossError(absl::StrCat(
        "the stored record of roll ", roll->id.view(), " has no known state"));
  }
  return DecodeRollDetail(row.Bytes(5), roll);
}

// A broken UNIQUE says nothing that a person understands.
absl::Status ExplainConflict(const absl::Status& status, const Roll& roll) {
  if (!absl::IsAlreadyExists(status)) return status;
  return absl::AlreadyExistsError(
      absl::StrCat("key ", roll.old_key.view(),
                   " has a roll that is not finished, or there is a roll ",
                   roll.id.view(), " already"));
}

}  // namespace

absl::StatusOr<Roll> InsertRoll(Connection& db, const Roll& roll) {
  const std::string detail = EncodeRollDetail(roll);
  const absl::Status status =
      db.Prepare(
            "INSERT INTO roll (id, old_key, state, started_ms, version, detail)"
            " VALUES (?, ?, ?, ?, 1, ?)")
          .Run(roll.id.view(), roll.old_key.view(), roll.state, roll.started_ms,
               Blob{detail});
  if (!status.ok()) return ExplainConflict(status, roll);
  Roll stored = roll;
  stored.version = 1;
  return stored;
}

absl::StatusOr<Roll> GetRoll(Connection& db, const RollId& id) {
  Statement row = db.Prepare(
      "SELECT id, old_key, state, started_ms, version, detail FROM roll "
      "WHERE id = ?");
  row.Bind(id.view());
  if (row.Next()) {
    Roll roll;
    if (absl::Status status = ReadRoll(row, &roll); !status.ok()) return status;
    return roll;
  }
  if (!row.status().ok()) return row.status();
  return absl::NotFoundError(absl::StrCat("no roll ", id.view()));
}

absl::StatusOr<std::vector<Roll>> ListRolls(Connection& db,
                                            bool unfinished_only, int limit) {
  Statement rows =
      unfinished_only
          ? db.Prepare(
                "SELECT id, old_key, state, started_ms, version, detail "
                "FROM roll WHERE state < 3 "
                "ORDER BY started_ms DESC, num DESC LIMIT ?")
          : db.Prepare(
                "SELECT id, old_key, state, started_ms, version, detail "
                "FROM roll ORDER BY started_ms DESC, num DESC LIMIT ?");
  rows.Bind(BoundedLimit(limit));
  std::vector<Roll> rolls;
  while (rows.Next()) {
    Roll roll;
    if (absl::Status status = ReadRoll(rows, &roll); !status.ok()) {
      return status;
    }
    rolls.push_back(std::move(roll));
  }
  if (!rows.status().ok()) return rows.status();
  return rolls;
}

absl::StatusOr<Roll> UpdateRoll(Connection& db, const Roll& roll) {
  const std::string detail = EncodeRollDetail(roll);
  const absl::Status status =
      db.Prepare(
            "UPDATE roll SET old_key = ?, state = ?, started_ms = ?, "
            "detail = ?, version = version + 1 WHERE id = ? AND version = ?")
          .Run(roll.old_key.view(), roll.state, roll.started_ms, Blob{detail},
               roll.id.view(), roll.version);
  if (!status.ok()) return ExplainConflict(status, roll);
  if (db.changes() == 0) {
    const absl::StatusOr<Roll> current = GetRoll(db, roll.id);
    if (!current.ok()) return current.status();
    return absl::AbortedError(absl::StrCat(
        "roll ", roll.id.view(), " has changed: it is at version ",
        current->version, ", not ", roll.version, "; look at it again"));
  }
  Roll stored = roll;
  ++stored.version;
  return stored;
}

absl::Status AddLifecycleEvents(Connection& db,
                                const std::vector<LifecycleEvent>& events) {
  for (const LifecycleEvent& event : events) {
    const absl::Status status =
        db.Prepare(
              "INSERT INTO lifecycle (sequence, time_ms, action, key_id, "
              "new_key, roll_id, actor) VALUES (NULL, ?, ?, ?, ?, ?, ?)")
            .Run(event.time_ms, event.action, event.key.view(),
                 event.new_key.view(), event.roll.view(), event.actor);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasUnnumberedLifecycleEvents(Connection& db,
                                                  int64_t now_ms) {
  Statement row = db.Prepare(
      "SELECT 1 FROM lifecycle WHERE sequence IS NULL AND time_ms <= ? "
      "LIMIT 1");
  row.Bind(now_ms);
  const bool found = row.Next();
  if (!row.status().ok()) return row.status();
  return found;
}

absl::Status NumberLifecycleEvents(Connection& db, int64_t now_ms) {
  std::vector<int64_t> due;
  Statement rows = db.Prepare(
      "SELECT num FROM lifecycle WHERE sequence IS NULL AND time_ms <= ? "
      "ORDER BY time_ms, num");
  rows.Bind(now_ms);
  while (rows.Next()) due.push_back(rows.Int(0));
  if (absl::Status status = rows.Finish(); !status.ok()) return status;
  for (const int64_t num : due) {
    const absl::Status status =
        db.Prepare(
              "UPDATE lifecycle SET sequence = "
              "(SELECT coalesce(max(sequence), 0) + 1 FROM lifecycle) "
              "WHERE num = ?")
            .Run(num);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<LifecycleEvent>> ReadLifecycleEvents(
    Connection& db, int64_t sequence, int limit) {
  Statement rows = db.Prepare(
      "SELECT sequence, time_ms, action, key_id, new_key, roll_id, actor "
      "FROM lifecycle WHERE sequence > ? ORDER BY sequence LIMIT ?");
  rows.Bind(sequence, BoundedLimit(limit));
  std::vector<LifecycleEvent> events;
  while (rows.Next()) {
    LifecycleEvent event;
    event.sequence = rows.Int(0);
    event.time_ms = rows.Int(1);
    event.action = std::string(rows.Text(2));
    event.key = KeyId(rows.Text(3));
    event.new_key = KeyId(rows.Text(4));
    event.roll = RollId(rows.Text(5));
    event.actor = std::string(rows.Text(6));
    events.push_back(std::move(event));
  }
  if (!rows.status().ok()) return rows.status();
  return events;
}

}  // namespace keywatch
