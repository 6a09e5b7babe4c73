#include "daemon/store/partition_tables.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/failpoint.h"
#include "daemon/store/alert_table.h"
#include "daemon/store/key_table.h"
#include "daemon/store/record_codec.h"
#include "daemon/store/source_tables.h"

namespace keywatch {
namespace {

StreamCursor ReadCursor(const Statement& row) {
  StreamCursor cursor;
  cursor.source = SourceId(row.Text(0));
  cursor.stream = std::string(row.Text(1));
  cursor.position = row.Int(2);
  cursor.read = row.Int(3);
  cursor.attributes = std::string(row.Bytes(4));
  return cursor;
}

absl::Status ReadPartition(Connection& db, int64_t partition,
                           PartitionState* state,
                           const std::function<void(const StateRow&)>& row) {
  Statement cursors = db.Prepare(
      "SELECT source, stream, position, read_position, attributes "
      "FROM cursor WHERE partition = ? ORDER BY source, stream");
  cursors.Bind(partition);
  while (cursors.Next()) state->cursors.push_back(ReadCursor(cursors));
  if (!cursors.status().ok()) return cursors.status();

  Statement pending = db.Prepare(
      "SELECT source, event_id, record FROM pending WHERE partition = ? "
      "ORDER BY num");
  pending.Bind(partition);
  while (pending.Next()) {
    PendingRecord record;
    record.source = SourceId(pending.Text(0));
    record.id = std::string(pending.Text(1));
    record.record = std::string(pending.Bytes(2));
    state->pending.push_back(std::move(record));
  }
  if (!pending.status().ok()) return pending.status();

  Statement seen = db.Prepare(
      "SELECT source, hashes FROM seen_ids WHERE partition = ? "
      "ORDER BY source, num");
  seen.Bind(partition);
  while (seen.Next()) {
    const SourceId source(seen.Text(0));
    if (state->seen_ids.empty() || state->seen_ids.back().first != source) {
      state->seen_ids.emplace_back(source, std::vector<uint64_t>());
    }
    const absl::Status status =
        DecodeHashes(seen.Bytes(1), &state->seen_ids.back().second);
    if (!status.ok()) return status;
  }
  if (!seen.status().ok()) return seen.status();

  Statement rows = db.Prepare(
      "SELECT o.name, s.grp, s.value FROM state_owner o "
      "CROSS JOIN state s ON s.owner = o.num WHERE o.partition = ?");
  rows.Bind(partition);
  StateRow kept;
  while (rows.Next()) {
    kept.owner.assign(rows.Text(0).data(), rows.Text(0).size());
    kept.group.assign(rows.Bytes(1).data(), rows.Bytes(1).size());
    kept.blob.assign(rows.Bytes(2).data(), rows.Bytes(2).size());
    row(kept);
  }
  return rows.status();
}

}  // namespace

absl::StatusOr<PartitionState> PartitionTables::Open(
    absl::string_view partition, absl::string_view owner,
    const std::function<void(const StateRow&)>& row) {
  PartitionState state;
  absl::Status status = db_.Write([&]() -> absl::Status {
    return db_
        .Prepare(
            "INSERT INTO partition (name, epoch, owner, watermark_ms, commits) "
            "VALUES (?, 1, ?, ?, 0) ON CONFLICT (name) DO UPDATE SET "
            "epoch = epoch + 1, owner = excluded.owner")
        .Run(partition, owner, kMinEventTime);
  });
  if (!status.ok()) return status;
  KEYWATCH_FAILPOINT("open.partition");
  // From here on nobody else writes this partition, unless he takes it in turn
  // and thereby makes what is read here worthless.
  status = db_.Read([&]() -> absl::Status {
    int64_t num = 0;
    Statement found = db_.Prepare(
        "SELECT num, epoch, watermark_ms FROM partition WHERE name = ?");
    found.Bind(partition);
    if (found.Next()) {
      num = found.Int(0);
      state.epoch = found.Int(1);
      state.watermark_ms = found.Int(2);
    }
    if (!found.status().ok()) return found.status();
    return ReadPartition(db_, num, &state, row);
  });
  if (!status.ok()) return status;
  return state;
}

absl::Status PartitionTables::Checkpoint(absl::string_view partition,
                                         int64_t epoch,
                                         const CheckpointBatch& batch) {
#ifdef KEYWATCH_FAILPOINTS
  // What must never be: positions that are ahead of the alerts. tests/crash
  // shows with it that it would notice.
  if (FailpointChosen("checkpoint.cursors_before_alerts")) {
    const absl::Status early = db_.Write([&]() -> absl::Status {
      const absl::StatusOr<int64_t> num =
          PassFence(partition, epoch, batch.watermark_ms);
      return num.ok() ? WriteCursors(*num, batch.cursors) : num.status();
    });
    if (!early.ok()) return early;
    KEYWATCH_FAILPOINT("checkpoint.cursors_before_alerts");
  }
#endif
  KEYWATCH_FAILPOINT("checkpoint.begin");
  const absl::Status status = db_.Write([&]() -> absl::Status {
    const absl::StatusOr<int64_t> num =
        PassFence(partition, epoch, batch.watermark_ms);
    if (!num.ok()) return num.status();
    KEYWATCH_FAILPOINT("checkpoint.fence");
    absl::Status written = WriteCursors(*num, batch.cursors);
    KEYWATCH_FAILPOINT("checkpoint.cursors");
    if (written.ok()) written = WritePending(*num, batch.pending);
    KEYWATCH_FAILPOINT("checkpoint.pending");
    if (written.ok()) written = WriteSeenIds(*num, batch);
    KEYWATCH_FAILPOINT("checkpoint.seen_ids");
    if (written.ok()) written = WriteState(*num, batch.state);
    KEYWATCH_FAILPOINT("checkpoint.state");
    for (const AlertUpsert& upsert : batch.alerts) {
      if (!written.ok()) break;
      written = UpsertAlert(db_, upsert, batch.now_ms);
      KEYWATCH_FAILPOINT("checkpoint.alert");
    }
    if (written.ok()) written = WriteKeyProfiles(db_, batch.profiles);
    KEYWATCH_FAILPOINT("checkpoint.profiles");
    if (written.ok()) written = AddRejectCounts(db_, batch.rejects);
    if (written.ok()) written = AddRejectSamples(db_, batch.reject_samples);
    if (written.ok()) written = AddSourceTotals(db_, batch.totals);
    if (written.ok()) written = WriteGaps(db_, batch.gaps);
    KEYWATCH_FAILPOINT("checkpoint.commit");
    return written;
  });
  KEYWATCH_FAILPOINT("checkpoint.committed");
  if (!status.ok()) owners_.clear();
  return status;
}

absl::Status PartitionTables::EraseStateExcept(
    absl::string_view partition, int64_t epoch,
    const std::vector<std::string>& owners) {
  const absl::flat_hash_set<std::string> kept(owners.begin(), owners.end());
  const absl::Status status = db_.Write([&]() -> absl::Status {
    const absl::StatusOr<int64_t> num =
        PassFence(partition, epoch, kMinEventTime);
    if (!num.ok()) return num.status();
    std::vector<int64_t> gone;
    Statement all =
        db_.Prepare("SELECT num, name FROM state_owner WHERE partition = ?");
    all.Bind(*num);
    while (all.Next()) {
      if (!kept.contains(all.Text(1))) gone.push_back(all.Int(0));
    }
    if (absl::Status read = all.Finish(); !read.ok()) return read;
    for (const int64_t owner : gone) {
      absl::Status erased =
          db_.Prepare("DELETE FROM state WHERE owner = ?").Run(owner);
      if (!erased.ok()) return erased;
      KEYWATCH_FAILPOINT("reload.erase_state");
      erased = db_.Prepare("DELETE FROM state_owner WHERE num = ?").Run(owner);
      if (!erased.ok()) return erased;
    }
    return absl::OkStatus();
  });
  owners_.clear();
  return status;
}

absl::StatusOr<int64_t> PartitionTables::PassFence(absl::string_view partition,
                                                   int64_t epoch,
                                                   EventTime watermark_ms) {
  int64_t num = 0;
  Statement update = db_.Prepare(
      "UPDATE partition SET watermark_ms = max(watermark_ms, ?), "
      "commits = commits + 1 WHERE name = ? AND epoch = ? RETURNING num");
  update.Bind(watermark_ms, partition, epoch);
  while (update.Next()) num = update.Int(0);
  if (absl::Status status = update.Finish(); !status.ok()) return status;
  if (num != 0) return num;
  Statement current =
      db_.Prepare("SELECT epoch, owner FROM partition WHERE name = ?");
  current.Bind(partition);
  if (current.Next()) {
    return absl::AbortedError(
        absl::StrCat("partition ", partition, " was taken by ", current.Text(1),
                     ": it is at epoch ", current.Int(0), ", not ", epoch));
  }
  if (!current.status().ok()) return current.status();
  return absl::NotFoundError(absl::StrCat("no partition ", partition));
}

absl::Status PartitionTables::WriteCursors(
    int64_t partition, const std::vector<StreamCursor>& cursors) {
  if (cursors.empty()) return absl::OkStatus();
  Statement put = db_.Prepare(
      "INSERT INTO cursor (partition, source, stream, position, "
      "read_position, attributes) VALUES (?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (partition, source, stream) DO UPDATE SET "
      "position = excluded.position, read_position = excluded.read_position, "
      "attributes = excluded.attributes");
  Statement forget = db_.Prepare(
      "DELETE FROM cursor WHERE partition = ? AND source = ? AND stream = ?");
  for (const StreamCursor& cursor : cursors) {
    const absl::Status status =
        cursor.ended
            ? forget.Run(partition, cursor.source.view(), cursor.stream)
            : put.Run(partition, cursor.source.view(), cursor.stream,
                      cursor.position, cursor.read, Blob{cursor.attributes});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PartitionTables::WritePending(
    int64_t partition, const std::vector<PendingRecord>& pending) {
  if (pending.empty()) return absl::OkStatus();
  Statement put = db_.Prepare(
      "INSERT INTO pending (partition, source, event_id, record) "
      "VALUES (?, ?, ?, ?) ON CONFLICT (partition, source, event_id) "
      "DO UPDATE SET record = excluded.record");
  Statement erase = db_.Prepare(
      "DELETE FROM pending "
      "WHERE partition = ? AND source = ? AND event_id = ?");
  for (const PendingRecord& record : pending) {
    const absl::Status status =
        record.erased ? erase.Run(partition, record.source.view(), record.id)
                      : put.Run(partition, record.source.view(), record.id,
                                Blob{record.record});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status PartitionTables::WriteSeenIds(int64_t partition,
                                           const CheckpointBatch& batch) {
  absl::Status status =
      db_.Prepare("DELETE FROM seen_ids WHERE partition = ? AND until_ms < ?")
          .Run(partition, batch.watermark_ms);
  for (const auto& chunk : batch.seen_ids) {
    if (!status.ok()) return status;
    if (chunk.second.empty()) continue;
    const std::string hashes = EncodeHashes(chunk.second);
    status = db_.Prepare(
                    "INSERT INTO seen_ids (partition, source, until_ms, hashes)"
                    " VALUES (?, ?, ?, ?)")
                 .Run(partition, chunk.first.view(), batch.seen_until_ms,
                      Blob{hashes});
  }
  return status;
}

absl::StatusOr<int64_t> PartitionTables::OwnerNumber(int64_t partition,
                                                     const std::string& owner,
                                                     bool make) {
  if (owners_partition_ != partition) {
    owners_.clear();
    owners_partition_ = partition;
  }
  const auto known = owners_.find(owner);
  if (known != owners_.end()) return known->second;
  int64_t num = 0;
  Statement found = db_.Prepare(
      "SELECT num FROM state_owner WHERE partition = ? AND name = ?");
  found.Bind(partition, owner);
  if (found.Next()) num = found.Int(0);
  if (absl::Status status = found.Finish(); !status.ok()) return status;
  if (num == 0 && make) {
    const absl::Status status =
        db_.Prepare("INSERT INTO state_owner (partition, name) VALUES (?, ?)")
            .Run(partition, owner);
    if (!status.ok()) return status;
    num = db_.last_insert_rowid();
  }
  if (num != 0) owners_.emplace(owner, num);
  return num;
}

absl::Status PartitionTables::WriteState(int64_t partition,
                                         const std::vector<StateRow>& state) {
  if (state.empty()) return absl::OkStatus();
  Statement put = db_.Prepare(
      "INSERT INTO state (owner, grp, value) VALUES (?, ?, ?) "
      "ON CONFLICT (owner, grp) DO UPDATE SET value = excluded.value");
  Statement erase =
      db_.Prepare("DELETE FROM state WHERE owner = ? AND grp = ?");
  for (const StateRow& row : state) {
    const absl::StatusOr<int64_t> owner =
        OwnerNumber(partition, row.owner, !row.erased);
    if (!owner.ok()) return owner.status();
    const absl::Status status =
        row.erased ? erase.Run(*owner, Blob{row.group})
                   : put.Run(*owner, Blob{row.group}, Blob{row.blob});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<EventTime> ReadWatermark(Connection& db,
                                        absl::string_view partition) {
  Statement row =
      db.Prepare("SELECT watermark_ms FROM partition WHERE name = ?");
  row.Bind(partition);
  if (row.Next()) return row.Int(0);
  if (!row.status().ok()) return row.status();
  return kMinEventTime;
}

absl::StatusOr<std::vector<StreamCursor>> ReadCursors(Connection& db) {
  std::vector<StreamCursor> cursors;
  Statement rows = db.Prepare(
      "SELECT source, stream, position, read_position, attributes "
      "FROM cursor ORDER BY source, stream");
  while (rows.Next()) cursors.push_back(ReadCursor(rows));
  if (!rows.status().ok()) return rows.status();
  return cursors;
}

}  // namespace keywatch
