#include "daemon/store/backup.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

class BackupTest : public testing::Test {
 protected:
  std::string State() const { return directory_.File("state"); }
  std::string Copy() const { return directory_.File("copy"); }

  static std::unique_ptr<SqliteStore> Open(const std::string& directory) {
    SqliteStoreOptions options;
    options.directory = directory;
    auto store = SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  // A store with `commits` commits and a pepper beside it.
  std::unique_ptr<SqliteStore> Fill(int64_t commits) {
    std::unique_ptr<SqliteStore> store = Open(State());
    auto partition = store->OpenPartition("p", "me", [](const StateRow&) {});
    EXPECT_TRUE(partition.ok());
    for (int64_t i = 1; i <= commits; ++i) {
      EXPECT_TRUE(store->Checkpoint("p", partition->epoch, TestBatch(i)).ok());
    }
    AuditEntry entry;
    entry.actor = "ann";
    entry.action = "rules.reload";
    EXPECT_TRUE(store->AppendAudit(entry).ok());
    EXPECT_TRUE(store->AppendAudit(entry).ok());
    Write(State() + "/pepper", "salt\n");
    return store;
  }
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
    chmod(path.c_str(), 0600);
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static bool Exists(const std::string& path) {
    return access(path.c_str(), F_OK) == 0;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info;
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  static void Execute(const std::string& database, const char* sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(database.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  TestDirectory directory_;
};

TEST_F(BackupTest, HoldsWhatTheStateHeldWhileTheDaemonHasIt) {
  std::unique_ptr<SqliteStore> store = Fill(10);
  const std::string before = DumpStore(*store);
  const auto summary = BackUp(State(), Copy());
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_GT(summary->alerts, 0);
  EXPECT_GT(summary->bytes, 0);
  EXPECT_EQ(summary->audit.entries, 2);
  EXPECT_EQ(ModeOf(Copy()), 0700u);
  EXPECT_EQ(ModeOf(Copy() + "/keywatch.db"), 0600u);
  EXPECT_EQ(ModeOf(Copy() + "/pepper"), 0600u);
  EXPECT_FALSE(Exists(Copy() + ".partial"));

  const std::string elsewhere = directory_.File("elsewhere");
  const auto restored = Restore(Copy(), elsewhere);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(DumpStore(*Open(elsewhere)), before);
  EXPECT_EQ(Read(elsewhere + "/pepper"), "salt\n");
}

TEST_F(BackupTest, UnderLoadEveryCopyIsOfOneCommit) {
  std::unique_ptr<SqliteStore> store = Fill(1);
  auto partition = store->OpenPartition("p", "me", [](const StateRow&) {});
  ASSERT_TRUE(partition.ok());
  std::atomic<bool> stop{false};
  std::atomic<int64_t> commits{0};
  std::thread writer([&] {
    for (int64_t i = 2; !stop; ++i) {
      EXPECT_TRUE(store->Checkpoint("p", partition->epoch, TestBatch(i)).ok());
      commits = i;
    }
  });
  std::vector<int64_t> copied;
  for (int i = 0; i < 5; ++i) {
    const int64_t least = commits;
    while (commits == least) std::this_thread::yield();
    const std::string copy = absl::StrCat(Copy(), i);
    const auto summary = BackUp(State(), copy);
    ASSERT_TRUE(summary.ok()) << summary.status();
    copied.push_back(summary->commits);
  }
  stop = true;
  writer.join();
  store.reset();
  for (int i = 0; i < 5; ++i) {
    // The same as a store that made so many commits and no more.
    TestDirectory fresh;
    const auto other = Open(fresh.File("state"));
    auto taken = other->OpenPartition("p", "me", [](const StateRow&) {});
    ASSERT_TRUE(taken.ok());
    for (int64_t n = 1; n <= copied[i]; ++n) {
      ASSERT_TRUE(other->Checkpoint("p", taken->epoch, TestBatch(n)).ok());
    }
    EXPECT_EQ(DumpStore(*Open(absl::StrCat(Copy(), i))),
              [&] {
                AuditEntry entry;
                entry.actor = "ann";
                entry.action = "rules.reload";
                EXPECT_TRUE(other->AppendAudit(entry).ok());
                EXPECT_TRUE(other->AppendAudit(entry).ok());
                return DumpStore(*other);
              }())
        << "copy " << i << " of commit " << copied[i];
  }
}

TEST_F(BackupTest, NothingIsReplaced) {
  Fill(2);
  ASSERT_TRUE(BackUp(State(), Copy()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(BackUp(State(), Copy()).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Restore(Copy(), State()).status()));
  EXPECT_TRUE(
      absl::IsNotFound(BackUp(directory_.File("no"), Copy() + "2").status()));
  EXPECT_FALSE(Exists(Copy() + "2"));
  EXPECT_FALSE(Exists(Copy() + "2.partial"));
}

TEST_F(BackupTest, AStateThatADaemonUsesIsNotRestoredInto) {
  Fill(2);
  ASSERT_TRUE(BackUp(State(), Copy()).ok());
  const std::unique_ptr<SqliteStore> other = Open(directory_.File("used"));
  const auto restored = Restore(Copy(), directory_.File("used"));
  EXPECT_TRUE(absl::IsFailedPrecondition(restored.status()));
}

TEST_F(BackupTest, ABackupThatWasInterruptedIsMadeAnew) {
  Fill(2);
  ASSERT_EQ(mkdir((Copy() + ".partial").c_str(), 0700), 0);
  Write(Copy() + ".partial/keywatch.db", "half");
  EXPECT_TRUE(BackUp(State(), Copy()).ok());
}

TEST_F(BackupTest, ARestoreThatWasInterruptedIsDoneAgain) {
  Fill(2);
  ASSERT_TRUE(BackUp(State(), Copy()).ok());
  const std::string to = directory_.File("to");
  ASSERT_EQ(mkdir(to.c_str(), 0700), 0);
  Write(to + "/pepper", "sa");
  Write(to + "/keywatch.db.partial", "half");
  ASSERT_TRUE(Restore(Copy(), to).ok());
  EXPECT_EQ(Read(to + "/pepper"), "salt\n");
  EXPECT_FALSE(Exists(to + "/keywatch.db.partial"));
}

TEST_F(BackupTest, ADamagedBackupIsNotRestored) {
  Fill(20);
  ASSERT_TRUE(BackUp(State(), Copy()).ok());
  const std::string database = Copy() + "/keywatch.db";
  const int file = open(database.c_str(), O_RDWR);
  ASSERT_GE(file, 0);
  const std::string junk(8192, '\x5a');
  ASSERT_EQ(pwrite(file, junk.data(), junk.size(), 3 * 8192),
            static_cast<ssize_t>(junk.size()));
  close(file);
  const auto restored = Restore(Copy(), directory_.File("to"));
  EXPECT_FALSE(restored.ok());
  EXPECT_FALSE(Exists(directory_.File("to") + "/keywatch.db"));
}

TEST_F(BackupTest, TheAuditLogOfACopyIsProvedToo) {
  Fill(2);
  const auto head = VerifyAuditOf(State(), AuditHead());
  ASSERT_TRUE(head.ok()) << head.status();
  ASSERT_TRUE(BackUp(State(), Copy()).ok());
  EXPECT_TRUE(VerifyAuditOf(Copy(), *head).ok());

  // The newest entry is cut off: the chain alone does not show that.
  const std::string database = Copy() + "/keywatch.db";
  Execute(database,
          "DROP TRIGGER audit_keeps_all; "
          "DELETE FROM audit WHERE sequence = 2");
  EXPECT_TRUE(VerifyAuditOf(Copy(), AuditHead()).ok());
  EXPECT_TRUE(absl::IsDataLoss(VerifyAuditOf(Copy(), *head).status()));
  // The one before it is changed: it does.
  Execute(database,
          "DROP TRIGGER audit_keeps_entries; "
          "UPDATE audit SET actor = 'eve'");
  EXPECT_TRUE(absl::IsDataLoss(VerifyAuditOf(Copy(), AuditHead()).status()));
  EXPECT_TRUE(absl::IsDataLoss(CheckBackup(Copy()).status()));
}

}  // namespace
}  // namespace keywatch
