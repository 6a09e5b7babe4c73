#include "daemon/store/sqlite_connection.h"

#include <cerrno>
#include <cstring>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace keywatch {

absl::Status SqliteStatus(int code, sqlite3* db, absl::string_view what) {
  // The extended code of the connection says more, unless it is about another
  // call.
  int extended = code;
  if (db != nullptr && (sqlite3_extended_errcode(db) & 0xff) == (code & 0xff)) {
    extended = sqlite3_extended_errcode(db);
  }
  const int primary = extended & 0xff;
  const int system_error = db == nullptr ? 0 : sqlite3_system_errno(db);
  std::string message = absl::StrCat(
      what, ": ", db == nullptr ? sqlite3_errstr(extended) : sqlite3_errmsg(db),
      " (SQLite ", extended, ")");
  if ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) &&
      system_error != 0) {
    absl::StrAppend(&message, ": ", std::strerror(system_error));
  }
  switch (primary) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(message);
    case SQLITE_IOERR:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return absl::ResourceExhaustedError(message);
      }
      return absl::UnavailableError(message);
    case SQLITE_READONLY:
      if (extended == SQLITE_READONLY_DBMOVED) {
        return absl::DataLossError(absl::StrCat(
            message, "; the database file was moved or deleted while in use"));
      }
      return absl::UnavailableError(message);
    case SQLITE_CANTOPEN:
      if (system_error == EACCES || system_error == EPERM) {
        return absl::PermissionDeniedError(message);
      }
      return absl::UnavailableError(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return absl::UnavailableError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(message);
    case SQLITE_INTERRUPT:
      return absl::CancelledError(message);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(message);
    default:
      return absl::InternalError(message);
  }
}

Statement::Statement(sqlite3* db, sqlite3_stmt* raw, Cached* cached,
                     absl::Status status)
    : db_(db), raw_(raw), cached_(cached), status_(std::move(status)) {}

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      raw_(other.raw_),
      cached_(other.cached_),
      next_parameter_(other.next_parameter_),
      status_(std::move(other.status_)) {
  other.raw_ = nullptr;
  other.cached_ = nullptr;
}

Statement::~Statement() {
  if (raw_ == nullptr) return;
  if (cached_ == nullptr) {
    sqlite3_finalize(raw_);
    return;
  }
  sqlite3_reset(raw_);
  // What was bound is the caller's and may be gone by the next use.
  sqlite3_clear_bindings(raw_);
  cached_->in_use = false;
}

void Statement::Check(int code) {
  if (code != SQLITE_OK && status_.ok()) {
    status_ = SqliteStatus(code, db_, "state database");
  }
}

void Statement::BindInt(int64_t value) {
  if (status_.ok()) Check(sqlite3_bind_int64(raw_, next_parameter_++, value));
}

void Statement::BindText(absl::string_view text) {
  if (!status_.ok()) return;
  // A null pointer would be NULL, not the empty string.
  Check(sqlite3_bind_text64(raw_, next_parameter_++,
                            text.data() == nullptr ? "" : text.data(),
                            text.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::BindBytes(absl::string_view bytes) {
  if (!status_.ok()) return;
  Check(sqlite3_bind_blob64(raw_, next_parameter_++,
                            bytes.data() == nullptr ? "" : bytes.data(),
                            bytes.size(), SQLITE_STATIC));
}

bool Statement::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(raw_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) Check(code);
  return false;
}

absl::Status Statement::Finish() {
  if (raw_ == nullptr) return status_;
  sqlite3_reset(raw_);
  next_parameter_ = 1;
  absl::Status status = absl::OkStatus();
  std::swap(status, status_);
  return status;
}

absl::string_view Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(raw_, column);
  if (text == nullptr) return absl::string_view();
  return absl::string_view(
      reinterpret_cast<const char*>(text),
      static_cast<size_t>(sqlite3_column_bytes(raw_, column)));
}

absl::string_view Statement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(raw_, column);
  if (bytes == nullptr) return absl::string_view();
  return absl::string_view(
      static_cast<const char*>(bytes),
      static_cast<size_t>(sqlite3_column_bytes(raw_, column)));
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(
    const std::string& path, int flags, int busy_timeout_ms) {
  sqlite3* db = nullptr;
  // One thread at a time uses a connection, so SQLite need not lock it.
  const int code = sqlite3_open_v2(
      path.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (code != SQLITE_OK) {
    absl::Status status = SqliteStatus(code, db, path);
    sqlite3_close_v2(db);
    return status;
  }
  sqlite3_busy_timeout(db, busy_timeout_ms);
  // No connection trusts what is in the file more than it must.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return absl::WrapUnique(new Connection(db));
}

Connection::Connection(sqlite3* db) : db_(db) {
  sqlite3_rollback_hook(
      db_, [](void* rolled_back) { *static_cast<bool*>(rolled_back) = true; },
      &rolled_back_);
}

Connection::~Connection() {
  for (auto& entry : statements_) sqlite3_finalize(entry.second->raw);
  sqlite3_close_v2(db_);
}

Statement Connection::Prepare(absl::string_view sql) {
  auto found = statements_.find(sql);
  const bool known = found != statements_.end();
  if (known && !found->second->in_use) {
    found->second->in_use = true;
    return Statement(db_, found->second->raw, found->second.get(),
                     absl::OkStatus());
  }
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) {
    return Statement(db_, nullptr, nullptr,
                     SqliteStatus(code, db_, "state database"));
  }
  if (known) return Statement(db_, raw, nullptr, absl::OkStatus());
  auto entry = std::make_unique<Statement::Cached>();
  entry->raw = raw;
  entry->in_use = true;
  Statement::Cached* kept = entry.get();
  statements_.emplace(std::string(sql), std::move(entry));
  return Statement(db_, raw, kept, absl::OkStatus());
}

absl::Status Connection::Execute(const std::string& sql) {
  const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return absl::OkStatus();
  return SqliteStatus(code, db_, "state database");
}

absl::StatusOr<int64_t> Connection::QueryInt(absl::string_view sql) {
  Statement statement = Prepare(sql);
  if (statement.Next()) return statement.Int(0);
  if (!statement.status().ok()) return statement.status();
  return absl::NotFoundError("no row");
}

absl::StatusOr<std::string> Connection::QueryText(absl::string_view sql) {
  Statement statement = Prepare(sql);
  if (statement.Next()) return std::string(statement.Text(0));
  if (!statement.status().ok()) return statement.status();
  return absl::NotFoundError("no row");
}

absl::Status Connection::Commit() {
  rolled_back_ = false;
  const absl::Status status = Prepare("COMMIT").Run();
  if (status.ok()) return status;
  // What was done after the commit may fail as well: a transaction that ended
  // and was not rolled back is committed.
  if (sqlite3_get_autocommit(db_) != 0 && !rolled_back_) {
    return absl::OkStatus();
  }
  Rollback();
  return status;
}

void Connection::Rollback() {
  // Some errors (a full disk, for one) have rolled back already.
  if (sqlite3_get_autocommit(db_) != 0) return;
  // In WAL mode this writes nothing, so it works on a full disk as well.
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace keywatch
