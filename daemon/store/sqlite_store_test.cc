// What the interface does not show: the file, the lock, versions, corruption,
// backups.

#include "daemon/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

mode_t ModeOf(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class SqliteStoreTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<SqliteStore>> Open() {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    options.busy_timeout_ms = 50;
    return SqliteStore::Open(options);
  }
  std::unique_ptr<SqliteStore> MustOpen() {
    auto store = Open();
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // A store with some content, closed; gives its dump.
  std::string Fill(int64_t commits) {
    const std::unique_ptr<SqliteStore> store = MustOpen();
    const auto partition =
        store->OpenPartition("p", "me", [](const StateRow&) {});
    EXPECT_TRUE(partition.ok());
    for (int64_t i = 1; i <= commits; ++i) {
      EXPECT_TRUE(store->Checkpoint("p", partition->epoch, TestBatch(i)).ok());
    }
    EXPECT_TRUE(store->InsertRoll(TestRoll("roll-1", "rk_1", 1)).ok());
    return DumpStore(*store);
  }
  // Runs SQL on the closed database, as somebody with the file could.
  void Tamper(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(Database().c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << error;
    sqlite3_close(db);
  }
  std::string Database() const { return directory_.File("keywatch.db"); }

  TestDirectory directory_;
};

TEST_F(SqliteStoreTest, ItsFilesAreForTheOwnerOnly) {
  const mode_t before = umask(0);
  const std::unique_ptr<SqliteStore> store = MustOpen();
  ASSERT_TRUE(store->AppendAudit(AuditEntry()).ok());
  umask(before);
  for (const char* name :
       {"keywatch.db", "keywatch.db-wal", "keywatch.db-shm", "keywatch.lock"}) {
    EXPECT_EQ(ModeOf(directory_.File(name)), 0600u) << name;
  }
}

TEST_F(SqliteStoreTest, HasPagesOfEightKibibytesAndAWriteAheadLog) {
  MustOpen().reset();
  const std::string header = ReadFile(Database()).substr(0, 100);
  EXPECT_EQ(header.substr(16, 2), std::string("\x20\x00", 2));
  EXPECT_EQ(header[18], 2);  // WAL
  EXPECT_EQ(header.substr(68, 4), "KWch");
}

TEST_F(SqliteStoreTest, ASecondProcessIsRefusedByName) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto store = Open();
    const char byte = store.ok() ? 'y' : 'n';
    if (write(ready[1], &byte, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto second = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_TRUE(absl::StrContains(second.status().message(), absl::StrCat(child)))
      << second.status();
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(Open().ok());
  close(ready[0]);
  close(ready[1]);
}

TEST_F(SqliteStoreTest, ANewerDatabaseIsRefusedAndLeftAsItIs) {
  Fill(2);
  Tamper("PRAGMA user_version = 999");
  const std::string before = ReadFile(Database());
  const auto store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_TRUE(absl::StrContains(store.status().message(), "version 999"));
  EXPECT_TRUE(absl::StrContains(store.status().message(), Database()));
  EXPECT_EQ(ReadFile(Database()), before);
}

TEST_F(SqliteStoreTest, AForeignFileIsRefusedAndLeftAsItIs) {
  const std::string text(20000, 'x');
  WriteFile(Database(), text);
  auto store = Open();
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
  EXPECT_EQ(ReadFile(Database()), text);

  ASSERT_EQ(unlink(Database().c_str()), 0);
  Tamper("CREATE TABLE bookmarks (url TEXT)");
  const std::string before = ReadFile(Database());
  store = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status())) << store.status();
  EXPECT_EQ(ReadFile(Database()), before);
}

TEST_F(SqliteStoreTest, ACorruptDatabaseIsRefusedWithAdviceAndLeftAsItIs) {
  Fill(20);
  const std::string whole = ReadFile(Database());
  ASSERT_GT(whole.size(), 20 * 8192u);
  // Each page in turn, header and b-tree alike.
  int refused = 0;
  int pages = 0;
  for (size_t at = 0; at < whole.size(); at += 8192, ++pages) {
    std::string broken = whole;
    broken.replace(at, 64, std::string(64, '\xa5'));
    WriteFile(Database(), broken);
    const auto store = Open();
    if (store.ok()) continue;
    ++refused;
    EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
    EXPECT_TRUE(absl::StrContains(store.status().message(), "backup"))
        << store.status();
    EXPECT_EQ(ReadFile(Database()), broken) << "page " << at / 8192;
  }
  // Pages on no list and in no tree hold nothing to be found broken.
  EXPECT_GE(refused, pages - 2);
}

TEST_F(SqliteStoreTest, ATruncatedDatabaseIsRefusedAndLeftAsItIs) {
  Fill(20);
  const std::string broken = ReadFile(Database()).substr(0, 7 * 8192);
  WriteFile(Database(), broken);
  const auto store = Open();
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
  EXPECT_EQ(ReadFile(Database()), broken);
}

TEST_F(SqliteStoreTest, ALogWithoutItsDatabaseIsEvidence) {
  WriteFile(directory_.File("keywatch.db-wal"), "the last commits");
  const auto store = Open();
  EXPECT_TRUE(absl::IsDataLoss(store.status())) << store.status();
  EXPECT_EQ(ReadFile(directory_.File("keywatch.db-wal")), "the last commits");
}

TEST_F(SqliteStoreTest, ADatabaseThatWasJustBegunIsFinished) {
  // A crash right after the first page was made.
  Tamper("PRAGMA page_size = 8192; PRAGMA journal_mode = WAL");
  EXPECT_NE(ReadFile(Database()), "");
  MustOpen();
}

TEST_F(SqliteStoreTest, AnotherProgramsLockIsWaitedForAndThenUnavailable) {
  const std::unique_ptr<SqliteStore> store = MustOpen();
  const auto partition =
      store->OpenPartition("p", "me", [](const StateRow&) {});
  ASSERT_TRUE(partition.ok());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(Database().c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_TRUE(absl::IsUnavailable(
      store->Checkpoint("p", partition->epoch, TestBatch(1))));
  EXPECT_TRUE(absl::IsUnavailable(store->AppendAudit(AuditEntry())));
  // Queries go on.
  EXPECT_TRUE(store->CountAlerts().ok());
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr),
            SQLITE_OK);
  EXPECT_TRUE(store->Checkpoint("p", partition->epoch, TestBatch(1)).ok());
  sqlite3_close(other);
}

TEST_F(SqliteStoreTest, TheAuditChainShowsEveryTampering) {
  AuditEntry entry;
  entry.actor = "ann";
  entry.action = "alert.resolve";
  {
    const std::unique_ptr<SqliteStore> store = MustOpen();
    for (int i = 0; i < 5; ++i) {
      entry.subject = absl::StrCat("alert-", i);
      ASSERT_TRUE(store->AppendAudit(entry).ok());
    }
    ASSERT_TRUE(store->VerifyAudit().ok());
  }
  const std::string whole = ReadFile(Database());
  const std::string off =
      "DROP TRIGGER audit_keeps_entries; DROP TRIGGER audit_keeps_all; ";
  struct Case {
    const char* sql;
    const char* message;
  };
  for (const Case& tampering : {
           Case{"UPDATE audit SET actor = 'bob' WHERE sequence = 3", "entry 3"},
           Case{"UPDATE audit SET at_ms = at_ms + 1 WHERE sequence = 1",
                "entry 1"},
           // From one field into the next.
           Case{"UPDATE audit SET actor = 'annalert', action = '.resolve' "
                "WHERE sequence = 2",
                "entry 2"},
           Case{"UPDATE audit SET hash = zeroblob(32) WHERE sequence = 4",
                "entry 4"},
           Case{"DELETE FROM audit WHERE sequence = 2", "entry 2 is missing"},
           Case{"DELETE FROM audit WHERE sequence = 1", "entry 1 is missing"},
           Case{"UPDATE audit SET sequence = 99 WHERE sequence = 5",
                "entry 5 is missing"},
           Case{"DELETE FROM audit WHERE sequence = 3; UPDATE audit SET "
                "sequence = sequence - 1 WHERE sequence > 3",
                "entry 3"},
       }) {
    WriteFile(Database(), whole);
    Tamper(off + tampering.sql);
    const auto head = MustOpen()->VerifyAudit();
    EXPECT_TRUE(absl::IsDataLoss(head.status())) << tampering.sql;
    EXPECT_TRUE(absl::StrContains(head.status().message(), tampering.message))
        << tampering.sql << ": " << head.status();
  }
  // A shorter log is a whole one; that is what a head kept elsewhere is for.
  WriteFile(Database(), whole);
  Tamper(off + "DELETE FROM audit WHERE sequence = 5");
  const auto head = MustOpen()->VerifyAudit();
  ASSERT_TRUE(head.ok()) << head.status();
  EXPECT_EQ(head->entries, 4);
}

TEST_F(SqliteStoreTest, ABackupIsTheStoreAsOfNow) {
  const std::string before = Fill(10);
  TestDirectory other;
  {
    const std::unique_ptr<SqliteStore> store = MustOpen();
    const auto partition =
        store->OpenPartition("p", "me", [](const StateRow&) {});
    ASSERT_TRUE(partition.ok());
    const absl::Status status = store->Backup(other.File("keywatch.db"));
    ASSERT_TRUE(status.ok()) << status;
    // The original goes on; the backup does not.
    EXPECT_TRUE(store->Checkpoint("p", partition->epoch, TestBatch(11)).ok());
    EXPECT_TRUE(
        absl::IsAlreadyExists(store->Backup(other.File("keywatch.db"))));
    EXPECT_TRUE(absl::IsAlreadyExists(store->Backup(Database())));
    EXPECT_FALSE(store->Backup(other.File("no/such/directory")).ok());
  }
  EXPECT_EQ(ModeOf(other.File("keywatch.db")), 0600u);
  EXPECT_EQ(access(other.File("keywatch.db.partial").c_str(), F_OK), -1);

  SqliteStoreOptions options;
  options.directory = other.path();
  const auto restored = SqliteStore::Open(options);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(DumpStore(**restored), before);
}

TEST_F(SqliteStoreTest, ALogLeftByACrashIsUsed) {
  // The child is killed with its last commits in the log only.
  const pid_t child = fork();
  if (child == 0) {
    auto store = Open();
    if (!store.ok()) _exit(1);
    const auto partition =
        (*store)->OpenPartition("p", "me", [](const StateRow&) {});
    for (int64_t i = 1; i <= 3; ++i) {
      if (!(*store)->Checkpoint("p", partition->epoch, TestBatch(i)).ok()) {
        _exit(1);
      }
    }
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_GT(ReadFile(directory_.File("keywatch.db-wal")).size(), 8192u);
  const std::unique_ptr<SqliteStore> store = MustOpen();
  EXPECT_EQ(*store->Watermark("p"), 3000);
  EXPECT_EQ(store->GetAlert(AlertId("alert-3"))->count, 6);
}

// Commits went on into files without a name, and were gone at the next start.
TEST_F(SqliteStoreTest, ADatabaseThatIsDeletedUnderTheDaemonTakesNoCommit) {
  const std::unique_ptr<SqliteStore> store = MustOpen();
  const auto partition =
      store->OpenPartition("p", "me", [](const StateRow&) {});
  const auto commit = [&](int64_t number) {
    return store->Checkpoint("p", partition->epoch, TestBatch(number));
  };
  ASSERT_TRUE(commit(1).ok());
  for (const std::string& path : {Database(), Database() + "-wal"}) {
    const std::string away = directory_.File("away");
    ASSERT_EQ(rename(path.c_str(), away.c_str()), 0);
    const absl::Status gone = commit(2);
    EXPECT_TRUE(absl::IsUnavailable(gone)) << gone;
    EXPECT_TRUE(absl::StrContains(gone.message(), "was deleted or replaced"));
    WriteFile(path, "another one");
    EXPECT_TRUE(absl::IsUnavailable(commit(2)));
    EXPECT_TRUE(absl::IsUnavailable(store->AppendAudit(AuditEntry())));
    EXPECT_EQ(*store->Watermark("p"), 1000);
    // Put back, it goes on.
    ASSERT_EQ(rename(away.c_str(), path.c_str()), 0);
  }
  EXPECT_TRUE(commit(2).ok());
  EXPECT_EQ(*store->Watermark("p"), 2000);
}

TEST_F(SqliteStoreTest, TheQueriesOfALargeStoreUseTheirIndexes) {
  MustOpen().reset();
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(Database().c_str(), &db), SQLITE_OK);
  const auto plan = [&](const std::string& sql) {
    std::string text;
    const int code = sqlite3_exec(
        db, ("EXPLAIN QUERY PLAN " + sql).c_str(),
        [](void* out, int, char** columns, char**) {
          absl::StrAppend(static_cast<std::string*>(out), columns[3], "\n");
          return 0;
        },
        &text, nullptr);
    EXPECT_EQ(code, SQLITE_OK) << sql;
    return text;
  };
  const std::string alert =
      "SELECT body FROM alert JOIN alert_detail USING (num) WHERE ";
  const std::string order = " ORDER BY first_fire_ms DESC, id DESC LIMIT 9";
  struct Case {
    std::string sql;
    std::string index;
  };
  for (const Case& query : {
           Case{alert + "first_fire_ms >= 1" + order, "alert_time"},
           Case{alert +
                    "first_fire_ms >= 1 AND key_id = 'k' AND "
                    "(first_fire_ms, id) < (5, 'x')" +
                    order,
                "alert_key"},
           Case{alert + "first_fire_ms >= 1 AND rule_id = 'r'" + order,
                "alert_rule"},
           Case{alert + "first_fire_ms >= 1 AND state < 2" + order,
                "alert_unresolved"},
           Case{alert + "change > 5 ORDER BY change LIMIT 9",
                "sqlite_autoindex_alert_2"},
           Case{"SELECT state, level, count(*) FROM alert "
                "GROUP BY state, level",
                "COVERING INDEX alert_state"},
           Case{"SELECT num FROM outbox o WHERE o.status = 0 AND "
                "o.notifier = 'n' AND o.next_attempt_ms <= 5 ORDER BY o.num",
                "INDEX outbox_waiting (notifier=?)"},
           Case{"SELECT min(notifier) FROM outbox WHERE status = 0 AND "
                "notifier > 'a'",
                "INDEX outbox_waiting (notifier>?)"},
           Case{"SELECT num FROM outbox o WHERE o.status = 0 AND "
                "o.notifier = 'n' AND o.next_attempt_ms <= 5 AND NOT EXISTS "
                "(SELECT 1 FROM outbox e "
                "WHERE e.status = 0 AND e.alert = o.alert AND "
                "e.notifier = o.notifier AND e.num < o.num)",
                "COVERING INDEX outbox_alert"},
       }) {
    const std::string text = plan(query.sql);
    EXPECT_TRUE(absl::StrContains(text, query.index)) << query.sql << "\n"
                                                      << text;
    EXPECT_FALSE(absl::StrContains(text, "SCAN alert_detail")) << text;
    if (!absl::StrContains(query.sql, "outbox")) {
      EXPECT_FALSE(absl::StrContains(text, "TEMP B-TREE")) << query.sql << "\n"
                                                           << text;
    }
  }
  sqlite3_close(db);
}

}  // namespace
}  // namespace keywatch
