#include "daemon/store/audit_table.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/codec.h"
#include "daemon/crypto/hash.h"
#include "daemon/store/limits.h"

namespace keywatch {
namespace {

// What the first entry has for a hash of the one before it.
std::string ChainStart() { return Sha256("keywatch audit log 1"); }

// Lengths go before the strings, so that moving text from one field to the next
// gives another hash.
std::string ChainHash(absl::string_view previous, const AuditEntry& entry) {
  std::string content(previous);
  Encoder encoder(&content);
  encoder.Signed(entry.sequence);
  encoder.Signed(entry.at_ms);
  encoder.String(entry.actor);
  encoder.String(entry.action);
  encoder.String(entry.subject);
  encoder.String(entry.detail);
  return Sha256(content);
}

AuditEntry ReadEntry(const Statement& row) {
  AuditEntry entry;
  entry.sequence = row.Int(0);
  entry.at_ms = row.Int(1);
  entry.actor = std::string(row.Text(2));
  entry.action = std::string(row.Text(3));
  entry.subject = std::string(row.Text(4));
  entry.detail = std::string(row.Text(5));
  return entry;
}

}  // namespace

absl::Status AppendAuditEntry(Connection& db, const AuditEntry& entry) {
  AuditEntry next = entry;
  next.sequence = 1;
  std::string previous = ChainStart();
  Statement last = db.Prepare(
      "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1");
  if (last.Next()) {
    next.sequence = last.Int(0) + 1;
    previous = std::string(last.Bytes(1));
  }
  if (absl::Status status = last.Finish(); !status.ok()) return status;
  const std::string hash = ChainHash(previous, next);
  return db
      .Prepare(
          "INSERT INTO audit "
          "(sequence, at_ms, actor, action, subject, detail, hash) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .Run(next.sequence, next.at_ms, next.actor, next.action, next.subject,
           next.detail, Blob{hash});
}

absl::StatusOr<std::vector<AuditEntry>> ListAuditEntries(
    Connection& db, absl::string_view subject, int limit) {
  Statement rows =
      subject.empty()
          ? db.Prepare(
                "SELECT sequence, at_ms, actor, action, subject, detail "
                "FROM audit ORDER BY sequence DESC LIMIT ?")
          : db.Prepare(
                "SELECT sequence, at_ms, actor, action, subject, detail "
                "FROM audit WHERE subject = ? "
                "ORDER BY sequence DESC LIMIT ?");
  if (!subject.empty()) rows.Bind(subject);
  rows.Bind(BoundedLimit(limit));
  std::vector<AuditEntry> entries;
  while (rows.Next()) entries.push_back(ReadEntry(rows));
  if (!rows.status().ok()) return rows.status();
  return entries;
}

absl::StatusOr<AuditHead> VerifyAuditChain(Connection& db) {
  AuditHead head;
  head.hash = ChainStart();
  Statement rows = db.Prepare(
      "SELECT sequence, at_ms, actor, action, subject, detail, hash "
      "FROM audit ORDER BY sequence");
  while (rows.Next()) {
    const AuditEntry entry = ReadEntry(rows);
    if (entry.sequence != head.entries + 1) {
      return absl::DataLossError(
          absl::StrCat("audit log: entry ", head.entries + 1,
                       " is missing; the next is ", entry.sequence));
    }
    const std::string hash = ChainHash(head.hash, entry);
    if (hash != rows.Bytes(6)) {
      return absl::DataLossError(
          absl::StrCat("audit log: entry ", entry.sequence,
                       " was changed, or one before it was replaced"));
    }
    head.entries = entry.sequence;
    head.hash = hash;
  }
  if (!rows.status().ok()) return rows.status();
  head.hash = absl::BytesToHexString(head.hash);
  return head;
}

}  // namespace keywatch
