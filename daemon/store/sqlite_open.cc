// Opening the database file.

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/failpoint.h"
#include "daemon/store/backup.h"
#include "daemon/store/sqlite_schema.h"
#include "daemon/store/sqlite_store.h"

namespace keywatch {
namespace {

constexpr char kDatabase[] = "keywatch.db";

// A state row's page is read and written many times; those of queries are not.
constexpr int kEngineCacheKiB = 64 * 1024;
constexpr int kReaderCacheKiB = 4 * 1024;

int64_t FileSize(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

// A corrupt or foreign database, with what a person can do about it.
absl::Status Refuse(const absl::Status& status, const std::string& path) {
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", status.message()));
  }
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(absl::StrCat(
      path, ": ", status.message(),
      ". Nothing was changed. Restore a backup; or move the directory away to "
      "start empty, in which case the sources are read again from the "
      "beginning; `sqlite3 keywatch.db .recover` saves what is readable"));
}

absl::Status Configure(Connection& db, absl::string_view synchronous,
                       int cache_kib) {
  return db.Execute(absl::StrCat(
      "PRAGMA synchronous = ", synchronous, "; PRAGMA cache_size = -",
      cache_kib,
      "; PRAGMA temp_store = MEMORY"
      // 16 MiB: how much log a commit may find to copy into the database.
      "; PRAGMA wal_autocheckpoint = 2048"
      // The log shrinks again after a large transaction.
      "; PRAGMA journal_size_limit = 67108864"));
}

// Looks at the database and brings it up to date, without changing a byte
// before it has been looked at.
absl::Status Prepare(Connection& db, const std::string& path,
                     int64_t full_check_bytes) {
  // Until the file is known to be ours and whole, closing it must not write
  // into it.
  sqlite3_db_config(db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  int persist = 1;
  sqlite3_file_control(db.raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  absl::Status status = CheckDatabase(db, SchemaSteps(), full_check_bytes);
  if (!status.ok()) return Refuse(status, path);
  sqlite3_db_config(db.raw(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  persist = 0;
  sqlite3_file_control(db.raw(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);

  // Takes effect in a new file only, and must come before WAL mode makes it.
  status = db.Execute("PRAGMA page_size = 8192");
  if (!status.ok()) return status;
  const absl::StatusOr<std::string> mode =
      db.QueryText("PRAGMA journal_mode = WAL");
  if (!mode.ok()) return mode.status();
  if (*mode != "wal") {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": the file system does not let SQLite share memory (WAL mode); "
        "use a directory on a local disk"));
  }
  // Upgrades are durable before anything builds on them.
  status = Configure(db, "FULL", kEngineCacheKiB);
  if (!status.ok()) return status;
  return UpgradeDatabase(db, SchemaSteps());
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteStore>> SqliteStore::Open(
    const SqliteStoreOptions& options) {
  absl::StatusOr<std::unique_ptr<StateDirectory>> directory =
      StateDirectory::Take(options.directory);
  if (!directory.ok()) return directory.status();
  KEYWATCH_FAILPOINT("open.lock");
  const std::string path = (*directory)->File(kDatabase);
  // SQLite would delete a log without its database.
  if (FileSize(path) == 0 && FileSize(path + "-wal") != 0) {
    return Refuse(absl::DataLossError("the database is missing, and its "
                                      "write-ahead log is there"),
                  path);
  }
  // SQLite gives its log the mode of the database.
  absl::Status status = MakePrivateFile(path);
  if (!status.ok()) return status;

  constexpr int kFlags = SQLITE_OPEN_READWRITE;
  absl::StatusOr<std::unique_ptr<Connection>> engine =
      Connection::Open(path, kFlags, options.busy_timeout_ms);
  if (!engine.ok()) return engine.status();
  status = Prepare(**engine, path, options.full_check_bytes);
  if (status.ok()) status = Configure(**engine, "NORMAL", kEngineCacheKiB);
  if (!status.ok()) return status;

  absl::StatusOr<std::unique_ptr<Connection>> control =
      Connection::Open(path, kFlags, options.busy_timeout_ms);
  if (!control.ok()) return control.status();
  status = Configure(**control, "FULL", kReaderCacheKiB);
  if (!status.ok()) return status;

  KEYWATCH_FAILPOINT("open.database");
  std::vector<std::unique_ptr<Connection>> readers;
  for (int i = 0; i < std::max(1, options.readers); ++i) {
    absl::StatusOr<std::unique_ptr<Connection>> reader =
        Connection::Open(path, kFlags, options.busy_timeout_ms);
    if (!reader.ok()) return reader.status();
    status = Configure(**reader, "NORMAL", kReaderCacheKiB);
    if (status.ok()) status = (*reader)->Execute("PRAGMA query_only = 1");
    if (!status.ok()) return status;
    readers.push_back(*std::move(reader));
  }
  return absl::WrapUnique(new SqliteStore(
      *std::move(directory), *std::move(engine), *std::move(control),
      std::make_unique<ConnectionPool>(std::move(readers)),
      options.busy_timeout_ms));
}

absl::Status SqliteStore::Backup(const std::string& path) {
  return CopyDatabase(directory_->File(kDatabase), path, busy_timeout_ms_);
}

}  // namespace keywatch
