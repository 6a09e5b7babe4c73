#include "daemon/store/backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/audit_table.h"
#include "daemon/store/sqlite_connection.h"
#include "daemon/store/sqlite_schema.h"
#include "daemon/store/state_directory.h"

namespace keywatch {
namespace {

constexpr char kDatabase[] = "keywatch.db";
// Beside the database: what makes fingerprints and event hashes mean the same.
constexpr char kPepper[] = "pepper";
constexpr int kBusyTimeoutMs = 10'000;

absl::Status FileError(absl::string_view what, const std::string& path) {
  const int error = errno;
  const std::string message =
      absl::StrCat("cannot ", what, " ", path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(message);
    case EEXIST:
      return absl::AlreadyExistsError(message);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(message);
    case ENOSPC:
    case EDQUOT:
      return absl::ResourceExhaustedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

bool Exists(const std::string& path) {
  struct stat info;
  return lstat(path.c_str(), &info) == 0;
}

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

absl::Status Sync(const std::string& path, int flags) {
  const int file = open(path.c_str(), flags | O_CLOEXEC);
  const bool synced = file >= 0 && fsync(file) == 0;
  const absl::Status status =
      synced ? absl::OkStatus() : FileError("sync", path);
  if (file >= 0) close(file);
  return status;
}

absl::Status SyncDirectory(const std::string& path) {
  return Sync(path, O_RDONLY | O_DIRECTORY);
}

// Gives the whole file `partial` the name `path`. link, unlike rename, does not
// replace what came meanwhile.
absl::Status GiveName(const std::string& partial, const std::string& path) {
  if (link(partial.c_str(), path.c_str()) != 0) {
    return FileError("make", path);
  }
  return SyncDirectory(Parent(path));
}

// A small file, to a new one of mode 0600.
absl::Status CopyFile(const std::string& from, const std::string& to) {
  const int in = open(from.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (in < 0) return FileError("read", from);
  const int out =
      open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0) {
    const absl::Status status = FileError("make", to);
    close(in);
    return status;
  }
  absl::Status status;
  char buffer[64 * 1024];
  ssize_t size;
  while (status.ok() && (size = read(in, buffer, sizeof(buffer))) != 0) {
    if (size < 0) {
      status = FileError("read", from);
    } else if (write(out, buffer, static_cast<size_t>(size)) != size) {
      status = FileError("write", to);
    }
  }
  if (status.ok() && fsync(out) != 0) status = FileError("sync", to);
  close(in);
  close(out);
  return status;
}

absl::StatusOr<std::unique_ptr<Connection>> OpenForReading(
    const std::string& path) {
  if (!Exists(path)) {
    return absl::NotFoundError(absl::StrCat("there is no ", path));
  }
  return Connection::Open(path, SQLITE_OPEN_READONLY, kBusyTimeoutMs);
}

absl::Status In(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(path, ": ", status.message()));
}

absl::StatusOr<BackupSummary> Summarize(Connection& db) {
  BackupSummary summary;
  struct {
    const char* sql;
    int64_t* value;
  } const numbers[] = {
      {"PRAGMA user_version", &summary.version},
      {"SELECT coalesce(sum(commits), 0) FROM partition", &summary.commits},
      {"SELECT coalesce(max(watermark_ms), -9223372036854775808) FROM "
       "partition",
       &summary.watermark_ms},
      {"SELECT count(*) FROM alert", &summary.alerts},
      {"SELECT count(*) FROM outbox WHERE status = 0",
       &summary.pending_messages},
  };
  for (const auto& number : numbers) {
    const absl::StatusOr<int64_t> value = db.QueryInt(number.sql);
    if (!value.ok()) return value.status();
    *number.value = *value;
  }
  absl::StatusOr<AuditHead> audit = VerifyAuditChain(db);
  if (!audit.ok()) return audit.status();
  summary.audit = *std::move(audit);
  return summary;
}

// The hash of entry `number`, "" when there is no such entry.
absl::StatusOr<std::string> AuditHashOf(Connection& db, int64_t number) {
  Statement row =
      db.Prepare("SELECT lower(hex(hash)) FROM audit WHERE sequence = ?");
  row.Bind(number);
  if (row.Next()) return std::string(row.Text(0));
  if (!row.status().ok()) return row.status();
  return std::string();
}

// The owner of the state directory must be able to read what root puts there.
absl::Status GiveToOwnerOf(const std::string& directory,
                           const std::string& path) {
  struct stat info;
  if (stat(directory.c_str(), &info) != 0) {
    return FileError("look at", directory);
  }
  if (geteuid() != 0 || chown(path.c_str(), info.st_uid, info.st_gid) == 0) {
    return absl::OkStatus();
  }
  return FileError("give to the directory's owner:", path);
}

absl::Status FillBackup(const std::string& state, const std::string& partial) {
  absl::Status status =
      CopyDatabase(absl::StrCat(state, "/", kDatabase),
                   absl::StrCat(partial, "/", kDatabase), kBusyTimeoutMs);
  const std::string pepper = absl::StrCat(state, "/", kPepper);
  if (status.ok() && Exists(pepper)) {
    status = CopyFile(pepper, absl::StrCat(partial, "/", kPepper));
  }
  if (status.ok()) status = SyncDirectory(partial);
  return status;
}

void RemoveBackup(const std::string& directory) {
  for (const char* name : {kDatabase, kPepper}) {
    const std::string path = absl::StrCat(directory, "/", name);
    std::remove(path.c_str());
    std::remove(absl::StrCat(path, ".partial").c_str());
  }
  rmdir(directory.c_str());
}

}  // namespace

absl::Status CopyDatabase(const std::string& from, const std::string& to,
                          int busy_timeout_ms) {
  if (Exists(to)) {
    return absl::AlreadyExistsError(absl::StrCat(to, " exists already"));
  }
  if (!Exists(from)) {
    return absl::NotFoundError(absl::StrCat("there is no ", from));
  }
  const std::string partial = to + ".partial";
  std::remove(partial.c_str());
  absl::Status status = MakePrivateFile(partial);
  if (!status.ok()) return status;
  {
    absl::StatusOr<std::unique_ptr<Connection>> db =
        Connection::Open(from, SQLITE_OPEN_READONLY, busy_timeout_ms);
    status =
        db.ok() ? (*db)->Prepare("VACUUM INTO ?").Run(partial) : db.status();
  }
  if (status.ok()) status = Sync(partial, O_RDONLY);
  if (status.ok()) status = GiveName(partial, to);
  std::remove(partial.c_str());
  return status;
}

absl::StatusOr<BackupSummary> BackUp(const std::string& state_directory,
                                     const std::string& destination) {
  const std::string to = WithoutSlash(destination);
  if (Exists(to)) {
    return absl::AlreadyExistsError(absl::StrCat(
        to, " exists already; every backup gets a directory of its own"));
  }
  const std::string partial = to + ".partial";
  RemoveBackup(partial);  // of a backup that was interrupted
  if (mkdir(partial.c_str(), 0700) != 0) {
    return FileError("make the directory", partial);
  }
  absl::Status status = FillBackup(WithoutSlash(state_directory), partial);
  absl::StatusOr<BackupSummary> summary =
      status.ok() ? CheckBackup(partial) : status;
  if (summary.ok() && rename(partial.c_str(), to.c_str()) != 0) {
    summary = FileError("make", to);
  }
  if (summary.ok()) {
    status = SyncDirectory(Parent(to));
    if (status.ok()) return summary;
    return status;
  }
  RemoveBackup(partial);
  return summary;
}

absl::StatusOr<BackupSummary> CheckBackup(const std::string& backup) {
  const std::string path = absl::StrCat(WithoutSlash(backup), "/", kDatabase);
  absl::StatusOr<std::unique_ptr<Connection>> db = OpenForReading(path);
  if (!db.ok()) return db.status();
  absl::Status status =
      CheckDatabase(**db, SchemaSteps(), std::numeric_limits<int64_t>::max());
  if (!status.ok()) return In(path, status);
  // quick_check leaves out whether indexes agree with their tables.
  const absl::StatusOr<std::string> found =
      (*db)->QueryText("PRAGMA integrity_check(1)");
  if (!found.ok()) return In(path, found.status());
  if (*found != "ok") {
    return absl::DataLossError(absl::StrCat(path, " is corrupt: ", *found));
  }
  absl::StatusOr<BackupSummary> summary = Summarize(**db);
  if (!summary.ok()) return In(path, summary.status());
  struct stat info;
  if (stat(path.c_str(), &info) == 0) summary->bytes = info.st_size;
  return summary;
}

absl::StatusOr<BackupSummary> Restore(const std::string& backup,
                                      const std::string& state_directory) {
  const std::string from = WithoutSlash(backup);
  const std::string to = WithoutSlash(state_directory);
  absl::StatusOr<BackupSummary> summary = CheckBackup(from);
  if (!summary.ok()) return summary;
  absl::StatusOr<std::unique_ptr<StateDirectory>> directory =
      StateDirectory::Take(to);
  if (!directory.ok()) return directory.status();
  const std::string database = (*directory)->File(kDatabase);
  const std::string pepper = (*directory)->File(kPepper);
  for (const std::string& path :
       {database, absl::StrCat(database, "-wal"), pepper}) {
    // A pepper without a database is of a restore that was interrupted.
    if (!Exists(path) || (path == pepper && !Exists(database))) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        " is there: restore into an empty state directory, and move "
        "the old one away before"));
  }
  absl::Status status = GiveToOwnerOf(to, (*directory)->File("keywatch.lock"));
  const std::string old_pepper = absl::StrCat(from, "/", kPepper);
  if (status.ok() && Exists(old_pepper)) {
    std::remove(pepper.c_str());
    status = CopyFile(old_pepper, pepper);
    if (status.ok()) status = GiveToOwnerOf(to, pepper);
  }
  const std::string partial = database + ".partial";
  std::remove(partial.c_str());
  if (status.ok()) {
    status = CopyFile(absl::StrCat(from, "/", kDatabase), partial);
  }
  if (status.ok()) status = GiveToOwnerOf(to, partial);
  if (status.ok()) status = GiveName(partial, database);
  std::remove(partial.c_str());
  if (!status.ok()) return status;
  return summary;
}

absl::StatusOr<AuditHead> VerifyAuditOf(const std::string& directory,
                                        const AuditHead& known) {
  const std::string path =
      absl::StrCat(WithoutSlash(directory), "/", kDatabase);
  absl::StatusOr<std::unique_ptr<Connection>> db = OpenForReading(path);
  if (!db.ok()) return db.status();
  absl::StatusOr<AuditHead> head = absl::UnknownError("not read");
  absl::StatusOr<std::string> at = std::string();
  // Both of one state: entries may come meanwhile.
  const absl::Status read = (*db)->Read([&]() -> absl::Status {
    head = VerifyAuditChain(**db);
    if (!head.ok()) return head.status();
    if (known.entries > 0) at = AuditHashOf(**db, known.entries);
    return at.status();
  });
  if (!read.ok()) return In(path, read);
  if (known.entries > 0 && *at != absl::AsciiStrToLower(known.hash)) {
    return absl::DataLossError(
        at->empty()
            ? absl::StrCat(path, ": the audit log was shortened: it has ",
                           head->entries, " entries, and had ", known.entries)
            : absl::StrCat(path, ": the audit log was replaced: its entry ",
                           known.entries, " is not the one that is known"));
  }
  return head;
}

}  // namespace keywatch
