#ifndef DAEMON_STORE_SQLITE_CONNECTION_H_
#define DAEMON_STORE_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace keywatch {

// Bytes for a BLOB column; plain strings go into TEXT columns.
struct Blob {
  absl::string_view bytes;
};

// The Status of SQLite's result `code`, as store.h promises them: full disk ->
// RESOURCE_EXHAUSTED; busy, read-only, I/O error -> UNAVAILABLE; corrupt ->
// DATA_LOSS; broken UNIQUE -> ALREADY_EXISTS. `db` gives details; may be null.
absl::Status SqliteStatus(int code, sqlite3* db, absl::string_view what);

class Connection;

// Statement is one use of a prepared statement of a Connection. It keeps the
// first error: after one, Bind does nothing and Next gives false, so that
// callers check status() once, at the end. Resets the prepared statement when
// destroyed. Must not outlive the connection. Thread-compatible.
//
//   Statement s = db.Prepare("SELECT a, b FROM t WHERE c = ?");
//   s.Bind(c);
//   while (s.Next()) Use(s.Int(0), s.Text(1));
//   return s.status();
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();

  // Gives the next parameters their values: integers, enums, strings (TEXT) and
  // Blobs. Bytes are not copied: they must stay until the statement is reset.
  template <typename... Values>
  void Bind(const Values&... values) {
    (BindOne(values), ...);
  }

  // True when there is a row; false at the end and at an error.
  bool Next();

  // Binds all parameters, runs to the end, and resets, ready for the next Run.
  template <typename... Values>
  absl::Status Run(const Values&... values) {
    (BindOne(values), ...);
    while (Next()) {
    }
    return Finish();
  }

  // Makes the statement ready for other parameters; gives the first error of
  // the run that ends.
  absl::Status Finish();

  // Columns of the row; strings and bytes until the next Next or Finish.
  int64_t Int(int column) const { return sqlite3_column_int64(raw_, column); }
  bool IsNull(int column) const {
    return sqlite3_column_type(raw_, column) == SQLITE_NULL;
  }
  absl::string_view Text(int column) const;
  absl::string_view Bytes(int column) const;

  const absl::Status& status() const { return status_; }

 private:
  friend class Connection;
  struct Cached {
    sqlite3_stmt* raw = nullptr;
    bool in_use = false;
  };

  Statement(sqlite3* db, sqlite3_stmt* raw, Cached* cached,
            absl::Status status);

  template <typename T>
  void BindOne(const T& value) {
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      BindInt(static_cast<int64_t>(value));
    } else if constexpr (std::is_same_v<T, Blob>) {
      BindBytes(value.bytes);
    } else {
      BindText(value);
    }
  }
  void BindInt(int64_t value);
  void BindText(absl::string_view text);
  void BindBytes(absl::string_view bytes);
  void Check(int code);

  sqlite3* db_;
  sqlite3_stmt* raw_;
  Cached* cached_;  // null when this Statement owns raw_
  int next_parameter_ = 1;
  absl::Status status_;
};

// Connection is one connection to one SQLite database, with its prepared
// statements. Thread-compatible: one thread at a time.
class Connection {
 public:
  // Opens `path` with SQLite's SQLITE_OPEN_* `flags`, and waits up to
  // `busy_timeout_ms` for locks of others.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(
      const std::string& path, int flags, int busy_timeout_ms);

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // The prepared statement for `sql`, prepared on first use and kept. Using one
  // while another use of it lives is allowed.
  Statement Prepare(absl::string_view sql);

  // Runs `sql`, which may be several statements, without keeping it.
  absl::Status Execute(const std::string& sql);

  // The one integer (or text) that a query gives; NOT_FOUND without a row.
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql);
  absl::StatusOr<std::string> QueryText(absl::string_view sql);

  // Rows that the last INSERT, UPDATE or DELETE changed.
  int64_t changes() const { return sqlite3_changes64(db_); }
  int64_t last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }

  // Calls `body()` in a transaction that takes the write lock at once, and
  // commits; when `body` or the commit fails, nothing is written, and the same
  // may be tried again.
  template <typename Body>
  absl::Status Write(Body body) {
    return Transact("BEGIN IMMEDIATE", body);
  }
  // Calls `body()` in a transaction that reads one state of the database.
  template <typename Body>
  absl::Status Read(Body body) {
    return Transact("BEGIN", body);
  }

  sqlite3* raw() { return db_; }

 private:
  explicit Connection(sqlite3* db);

  template <typename Body>
  absl::Status Transact(absl::string_view begin, Body& body) {
    // A rollback that failed must not fail everything from then on.
    Rollback();
    absl::Status status = Prepare(begin).Run();
    if (status.ok()) status = body();
    if (status.ok()) return Commit();
    // A BEGIN that failed may have begun.
    Rollback();
    return status;
  }
  absl::Status Commit();
  // Ends the transaction, if there is one.
  void Rollback();

  sqlite3* const db_;
  // Set by SQLite when it rolls back, by itself or on demand.
  bool rolled_back_ = false;
  absl::flat_hash_map<std::string, std::unique_ptr<Statement::Cached>>
      statements_;
};

}  // namespace keywatch

#endif  // DAEMON_STORE_SQLITE_CONNECTION_H_
