#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/store/alert_table.h"
#include "daemon/store/limits.h"
#include "daemon/store/page_token.h"
#include "daemon/store/record_codec.h"

namespace keywatch {
namespace {

constexpr char kSelect[] =
    "SELECT id, rule_id, key_id, fingerprint, level, stage, first_fire_ms, "
    "first_event_ms, last_event_ms, ended_ms, count, late_events, explanation, "
    "state, state_by, state_at_ms, note, version, body, change "
    "FROM alert JOIN alert_detail USING (num) ";
constexpr int kChangeColumn = 19;

absl::Status ReadAlert(const Statement& row, Alert* alert) {
  alert->id = AlertId(row.Text(0));
  alert->rule_id = RuleId(row.Text(1));
  alert->key = KeyId(row.Text(2));
  alert->fingerprint = std::string(row.Text(3));
  alert->level = static_cast<Level>(row.Int(4));
  alert->stage = static_cast<Stage>(row.Int(5));
  alert->first_fire_ms = row.Int(6);
  alert->first_event_ms = row.Int(7);
  alert->last_event_ms = row.Int(8);
  alert->ended_ms = row.Int(9);
  alert->count = row.Int(10);
  alert->late_events = row.Int(11);
  alert->explanation = std::string(row.Text(12));
  alert->state = static_cast<AlertState>(row.Int(13));
  alert->state_by = std::string(row.Text(14));
  alert->state_at_ms = row.Int(15);
  alert->note = std::string(row.Text(16));
  alert->version = row.Int(17);
  if (alert->level < Level::kInformational || alert->level > Level::kCritical ||
      alert->stage < Stage::kShadow || alert->stage > Stage::kPage ||
      alert->state < AlertState::kOpen ||
      alert->state > AlertState::kResolved) {
    return absl::DataLossError(
        absl::StrCat("the stored record of alert ", alert->id.view(),
                     " has an unknown state, level or stage"));
  }
  return DecodeAlertDetail(row.Bytes(18), alert);
}

// What a page token is bound to: the list and all that chooses its rows.
std::string Scope(const AlertFilter& filter) {
  std::string scope;
  Encoder encoder(&scope);
  encoder.String("alerts");
  encoder.Signed(filter.state ? static_cast<int64_t>(*filter.state) : -1);
  encoder.Bool(filter.unresolved_only);
  encoder.Bool(filter.key.has_value());
  encoder.String(filter.key ? filter.key->view() : "");
  encoder.Bool(filter.rule.has_value());
  encoder.String(filter.rule ? filter.rule->view() : "");
  encoder.Signed(filter.min_level ? static_cast<int64_t>(*filter.min_level)
                                  : -1);
  encoder.String(filter.id_prefix);
  encoder.Signed(filter.since_ms);
  encoder.Bool(filter.ascending);
  return scope;
}

// The condition's text is one of a few, so that its statement is found again;
// values are bound. Terms repeat the conditions of the partial indexes.
std::string ListSql(const AlertFilter& filter) {
  std::string sql = absl::StrCat(kSelect, "WHERE first_fire_ms >= ?");
  if (filter.state) absl::StrAppend(&sql, " AND state = ?");
  if (filter.unresolved_only ||
      (filter.state && *filter.state != AlertState::kResolved)) {
    absl::StrAppend(&sql, " AND state < 2");
  }
  if (filter.key) absl::StrAppend(&sql, " AND key_id = ?");
  if (filter.rule) absl::StrAppend(&sql, " AND rule_id = ?");
  if (filter.min_level) absl::StrAppend(&sql, " AND level >= ?");
  if (!filter.id_prefix.empty())
    absl::StrAppend(&sql, " AND id >= ? AND id < ?");
  const absl::string_view order = filter.ascending ? "" : " DESC";
  if (!filter.page_token.empty()) {
    absl::StrAppend(&sql, " AND (first_fire_ms, id) ",
                    filter.ascending ? ">" : "<", " (?, ?)");
  }
  absl::StrAppend(&sql, " ORDER BY first_fire_ms", order, ", id", order,
                  " LIMIT ?");
  return sql;
}

}  // namespace

absl::StatusOr<Alert> GetAlert(Connection& db, const AlertId& id) {
  static const std::string* const kSql =
      new std::string(absl::StrCat(kSelect, "WHERE id = ?"));
  Statement row = db.Prepare(*kSql);
  row.Bind(id.view());
  if (row.Next()) {
    Alert alert;
    if (absl::Status status = ReadAlert(row, &alert); !status.ok()) {
      return status;
    }
    return alert;
  }
  if (!row.status().ok()) return row.status();
  return absl::NotFoundError(absl::StrCat("no alert ", id.view()));
}

absl::StatusOr<AlertPage> ListAlerts(Connection& db,
                                     const AlertFilter& filter) {
  const std::string scope = Scope(filter);
  const std::string sql = ListSql(filter);
  const size_t limit = static_cast<size_t>(BoundedLimit(filter.limit));
  std::string position;

  Statement rows = db.Prepare(sql);
  rows.Bind(filter.since_ms);
  if (filter.state) rows.Bind(*filter.state);
  if (filter.key) rows.Bind(filter.key->view());
  if (filter.rule) rows.Bind(filter.rule->view());
  if (filter.min_level) rows.Bind(*filter.min_level);
  // Behind every id that begins so: they are hexadecimal.
  const std::string after_prefix = absl::StrCat(filter.id_prefix, "g");
  if (!filter.id_prefix.empty()) rows.Bind(filter.id_prefix, after_prefix);
  if (!filter.page_token.empty()) {
    absl::StatusOr<std::string> read = ReadPageToken(scope, filter.page_token);
    if (!read.ok()) return read.status();
    position = *std::move(read);
    Decoder decoder(position);
    const EventTime first_fire_ms = decoder.Signed();
    rows.Bind(first_fire_ms, decoder.String());
  }
  // One more than asked for says whether there is another page.
  rows.Bind(limit + 1);

  AlertPage page;
  while (rows.Next()) {
    if (page.alerts.size() == limit) {
      const Alert& last = page.alerts.back();
      std::string next;
      Encoder encoder(&next);
      encoder.Signed(last.first_fire_ms);
      encoder.String(last.id.view());
      page.next_page_token = MakePageToken(scope, next);
      break;
    }
    Alert alert;
    if (absl::Status status = ReadAlert(rows, &alert); !status.ok()) {
      return status;
    }
    page.alerts.push_back(std::move(alert));
  }
  if (!rows.status().ok()) return rows.status();
  return page;
}

absl::StatusOr<std::vector<std::vector<int64_t>>> CountAlerts(Connection& db) {
  std::vector<std::vector<int64_t>> counts(
      static_cast<size_t>(AlertState::kResolved) + 1,
      std::vector<int64_t>(static_cast<size_t>(Level::kCritical) + 1));
  Statement rows = db.Prepare(
      "SELECT state, level, count(*) FROM alert GROUP BY state, level");
  while (rows.Next()) {
    const size_t state = static_cast<size_t>(rows.Int(0));
    const size_t level = static_cast<size_t>(rows.Int(1));
    if (state >= counts.size() || level >= counts[state].size()) {
      return absl::DataLossError("alerts with an unknown state or level");
    }
    counts[state][level] = rows.Int(2);
  }
  if (!rows.status().ok()) return rows.status();
  return counts;
}

absl::StatusOr<std::pair<std::vector<Alert>, int64_t>> AlertsChangedAfter(
    Connection& db, int64_t after, int limit) {
  static const std::string* const kSql = new std::string(
      absl::StrCat(kSelect, "WHERE change > ? ORDER BY change LIMIT ?"));
  std::pair<std::vector<Alert>, int64_t> changed;
  changed.second = after;
  Statement rows = db.Prepare(*kSql);
  rows.Bind(after, BoundedLimit(limit));
  while (rows.Next()) {
    Alert alert;
    if (absl::Status status = ReadAlert(rows, &alert); !status.ok()) {
      return status;
    }
    changed.first.push_back(std::move(alert));
    changed.second = rows.Int(kChangeColumn);
  }
  if (!rows.status().ok()) return rows.status();
  return changed;
}

absl::StatusOr<int64_t> LastAlertChange(Connection& db) {
  return db.QueryInt(
      "SELECT max(coalesce((SELECT max(change) FROM alert), 0), last) "
      "FROM alert_change");
}

}  // namespace keywatch
