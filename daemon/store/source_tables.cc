#include "daemon/store/source_tables.h"

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "daemon/store/limits.h"

namespace keywatch {

absl::Status AddSourceTotals(Connection& db,
                             const std::vector<SourceTotals>& totals) {
  if (totals.empty()) return absl::OkStatus();
  Statement add = db.Prepare(
      "INSERT INTO source_totals (source, records, events, late, duplicates, "
      "rejected, newest_event_ms) VALUES (?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (source) DO UPDATE SET records = records + excluded.records,"
      " events = events + excluded.events, late = late + excluded.late, "
      "duplicates = duplicates + excluded.duplicates, "
      "rejected = rejected + excluded.rejected, "
      "newest_event_ms = max(newest_event_ms, excluded.newest_event_ms)");
  for (const SourceTotals& more : totals) {
    const absl::Status status =
        add.Run(more.source.view(), more.records, more.events, more.late,
                more.duplicates, more.rejected, more.newest_event_ms);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddRejectCounts(Connection& db,
                             const std::vector<RejectCount>& rejects) {
  if (rejects.empty()) return absl::OkStatus();
  Statement add = db.Prepare(
      "INSERT INTO reject_count (source, reason, count) VALUES (?, ?, ?) "
      "ON CONFLICT (source, reason) DO UPDATE SET "
      "count = count + excluded.count");
  for (const RejectCount& more : rejects) {
    const absl::Status status =
        add.Run(more.source.view(), more.reason, more.count);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status AddRejectSamples(Connection& db,
                              const std::vector<RejectSample>& samples) {
  if (samples.empty()) return absl::OkStatus();
  // Of a flood only those are written that will be kept.
  using Kind = std::pair<SourceId, std::string>;
  absl::flat_hash_map<Kind, int> newer;
  std::vector<const RejectSample*> kept;
  for (auto sample = samples.rbegin(); sample != samples.rend(); ++sample) {
    int& count = newer[Kind(sample->source, sample->reason)];
    if (++count <= kMaxRejectSamples) kept.push_back(&*sample);
  }
  Statement insert = db.Prepare(
      "INSERT INTO reject_sample (source, reason, stream, position, at_ms, "
      "record) VALUES (?, ?, ?, ?, ?, ?)");
  for (auto sample = kept.rbegin(); sample != kept.rend(); ++sample) {
    const RejectSample& s = **sample;
    const absl::Status status = insert.Run(s.source.view(), s.reason, s.stream,
                                           s.offset, s.at_ms, Blob{s.text});
    if (!status.ok()) return status;
  }
  Statement prune = db.Prepare(
      "DELETE FROM reject_sample WHERE num IN ("
      "SELECT num FROM reject_sample WHERE source = ? AND reason = ? "
      "ORDER BY num DESC LIMIT -1 OFFSET ?)");
  for (const auto& kind : newer) {
    const absl::Status status = prune.Run(kind.first.first.view(),
                                          kind.first.second, kMaxRejectSamples);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WriteGaps(Connection& db, const std::vector<Gap>& gaps) {
  if (gaps.empty()) return absl::OkStatus();
  Statement put = db.Prepare(
      "INSERT INTO gap (source, from_ms, to_ms, reason) VALUES (?, ?, ?, ?) "
      "ON CONFLICT (source, from_ms, reason) DO UPDATE SET "
      "to_ms = max(to_ms, excluded.to_ms)");
  for (const Gap& gap : gaps) {
    const absl::Status status =
        put.Run(gap.source.view(), gap.from_ms, gap.to_ms, gap.reason);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<SourceTotals>> ReadSourceTotals(Connection& db) {
  std::vector<SourceTotals> totals;
  Statement rows = db.Prepare(
      "SELECT source, records, events, late, duplicates, rejected, "
      "newest_event_ms FROM source_totals ORDER BY source");
  while (rows.Next()) {
    SourceTotals total;
    total.source = SourceId(rows.Text(0));
    total.records = rows.Int(1);
    total.events = rows.Int(2);
    total.late = rows.Int(3);
    total.duplicates = rows.Int(4);
    total.rejected = rows.Int(5);
    total.newest_event_ms = rows.Int(6);
    totals.push_back(std::move(total));
  }
  if (!rows.status().ok()) return rows.status();
  return totals;
}

absl::StatusOr<std::vector<RejectCount>> ReadRejectCounts(Connection& db) {
  std::vector<RejectCount> counts;
  Statement rows = db.Prepare(
      "SELECT source, reason, count FROM reject_count ORDER BY source, reason");
  while (rows.Next()) {
    RejectCount count;
    count.source = SourceId(rows.Text(0));
    count.reason = std::string(rows.Text(1));
    count.count = rows.Int(2);
    counts.push_back(std::move(count));
  }
  if (!rows.status().ok()) return rows.status();
  return counts;
}

absl::StatusOr<std::vector<RejectSample>> ReadRejectSamples(
    Connection& db, const SourceId& source, int limit) {
  Statement rows =
      source.empty()
          ? db.Prepare(
                "SELECT source, reason, stream, position, at_ms, record "
                "FROM reject_sample ORDER BY num DESC LIMIT ?")
          : db.Prepare(
                "SELECT source, reason, stream, position, at_ms, record "
                "FROM reject_sample WHERE source = ? "
                "ORDER BY num DESC LIMIT ?");
  if (!source.empty()) rows.Bind(source.view());
  rows.Bind(BoundedLimit(limit));
  std::vector<RejectSample> samples;
  while (rows.Next()) {
    RejectSample sample;
    sample.source = SourceId(rows.Text(0));
    sample.reason = std::string(rows.Text(1));
    sample.stream = std::string(rows.Text(2));
    sample.offset = rows.Int(3);
    sample.at_ms = rows.Int(4);
    sample.text = std::string(rows.Bytes(5));
    samples.push_back(std::move(sample));
  }
  if (!rows.status().ok()) return rows.status();
  return samples;
}

absl::StatusOr<std::vector<Gap>> ReadGaps(Connection& db,
                                          const SourceId& source,
                                          EventTime since_ms, int limit) {
  Statement rows = source.empty()
                       ? db.Prepare(
                             "SELECT source, from_ms, to_ms, reason FROM gap "
                             "WHERE to_ms >= ? ORDER BY from_ms DESC, num DESC "
                             "LIMIT ?")
                       : db.Prepare(
                             "SELECT source, from_ms, to_ms, reason FROM gap "
                             "WHERE to_ms >= ? AND source = ? "
                             "ORDER BY from_ms DESC, num DESC LIMIT ?");
  rows.Bind(since_ms);
  if (!source.empty()) rows.Bind(source.view());
  rows.Bind(BoundedLimit(limit));
  std::vector<Gap> gaps;
  while (rows.Next()) {
    Gap gap;
    gap.source = SourceId(rows.Text(0));
    gap.from_ms = rows.Int(1);
    gap.to_ms = rows.Int(2);
    gap.reason = std::string(rows.Text(3));
    gaps.push_back(std::move(gap));
  }
  if (!rows.status().ok()) return rows.status();
  return gaps;
}

}  // namespace keywatch
