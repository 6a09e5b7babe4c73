#ifndef DAEMON_STORE_BACKUP_H_
#define DAEMON_STORE_BACKUP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/core/event.h"
#include "daemon/store/store.h"

namespace keywatch {

// Backups of a state directory, made and read beside the daemon: the files are
// opened directly. So a backup needs no daemon that works, goes where its
// sandbox does not let it write, and no caller of the API can make the daemon
// write files. Thread-safe.
//
// Errors: as those of SqliteStore::Open for a database that is corrupt, newer or
// of another program; ALREADY_EXISTS when the destination is there;
// NOT_FOUND when there is no state; otherwise those of the file system.

// What a copy holds.
struct BackupSummary {
  int64_t bytes = 0;  // of the database
  int64_t version = 0;
  int64_t commits = 0;
  EventTime watermark_ms = kMinEventTime;
  int64_t alerts = 0;
  int64_t pending_messages = 0;
  AuditHead audit;
};

// Copies the database as of one commit to the new file `to` (mode 0600) while
// everything goes on; the name appears when the copy is whole and on disk.
absl::Status CopyDatabase(const std::string& from, const std::string& to,
                          int busy_timeout_ms);

// Copies what must survive of `state_directory` (the database as of one commit,
// and the pepper) into the new directory `destination` (mode 0700), reads the
// copy as a whole, and gives it its name last. The daemon may run.
absl::StatusOr<BackupSummary> BackUp(const std::string& state_directory,
                                     const std::string& destination);

// Reads all of a backup: structure and indexes of the database, and the audit
// log's chain.
absl::StatusOr<BackupSummary> CheckBackup(const std::string& backup);

// Checks `backup`, and copies it into `state_directory`, which no daemon may
// use and which must hold no database (FAILED_PRECONDITION). The files get the
// owner of the directory. The database comes last: what is interrupted can be
// done again.
absl::StatusOr<BackupSummary> Restore(const std::string& backup,
                                      const std::string& state_directory);

// Reads the audit log of a state directory or of a backup; DATA_LOSS when its
// chain is broken, or when it does not contain `known`, a head that was kept
// elsewhere (none when `known.entries` is 0).
absl::StatusOr<AuditHead> VerifyAuditOf(const std::string& directory,
                                        const AuditHead& known);

}  // namespace keywatch

#endif  // DAEMON_STORE_BACKUP_H_
