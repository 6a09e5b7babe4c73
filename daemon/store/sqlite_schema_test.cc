#include "daemon/store/sqlite_schema.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/strings/match.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

constexpr int64_t kAll = INT64_MAX;

class SqliteSchemaTest : public testing::Test {
 protected:
  void SetUp() override {
    auto db = Connection::Open(directory_.File("t.db"),
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0);
    ASSERT_TRUE(db.ok()) << db.status();
    db_ = *std::move(db);
  }
  absl::Status Upgrade(const std::vector<absl::string_view>& steps) {
    absl::Status status = CheckDatabase(*db_, steps, kAll);
    return status.ok() ? UpgradeDatabase(*db_, steps) : status;
  }
  int64_t Version() { return *db_->QueryInt("PRAGMA user_version"); }

  TestDirectory directory_;
  std::unique_ptr<Connection> db_;
};

constexpr absl::string_view kOne = "CREATE TABLE t (a INTEGER) STRICT;";
constexpr absl::string_view kTwo =
    "ALTER TABLE t ADD COLUMN b INTEGER; UPDATE t SET b = a + 1;";
constexpr absl::string_view kBroken =
    "ALTER TABLE t ADD COLUMN c INTEGER; DROP TABLE no_such_table;";

TEST_F(SqliteSchemaTest, ANewDatabaseGetsAllSteps) {
  ASSERT_TRUE(Upgrade({kOne, kTwo}).ok());
  EXPECT_EQ(Version(), 2);
  EXPECT_EQ(*db_->QueryInt("PRAGMA application_id"), kApplicationId);
  EXPECT_TRUE(db_->Execute("INSERT INTO t (a, b) VALUES (1, 2)").ok());
  // Once more is nothing more.
  EXPECT_TRUE(Upgrade({kOne, kTwo}).ok());
}

TEST_F(SqliteSchemaTest, AnOlderDatabaseGetsTheMissingStepsAndKeepsItsRows) {
  ASSERT_TRUE(Upgrade({kOne}).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO t (a) VALUES (41)").ok());
  ASSERT_TRUE(Upgrade({kOne, kTwo}).ok());
  EXPECT_EQ(*db_->QueryInt("SELECT b FROM t"), 42);
}

TEST_F(SqliteSchemaTest, AStepThatFailsIsNotHalfDone) {
  ASSERT_TRUE(Upgrade({kOne}).ok());
  const absl::Status status = Upgrade({kOne, kTwo, kBroken});
  EXPECT_FALSE(status.ok());
  EXPECT_TRUE(absl::StrContains(status.message(), "version 3")) << status;
  EXPECT_EQ(Version(), 2);
  EXPECT_FALSE(db_->QueryInt("SELECT c FROM t").ok());
  // A program in which it works goes on from there.
  EXPECT_TRUE(
      Upgrade({kOne, kTwo, "ALTER TABLE t ADD COLUMN c INTEGER;"}).ok());
  EXPECT_EQ(Version(), 3);
}

TEST_F(SqliteSchemaTest, ANewerDatabaseIsRefusedWithBothVersions) {
  ASSERT_TRUE(Upgrade({kOne, kTwo}).ok());
  const absl::Status status = Upgrade({kOne});
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "version 2")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "up to 1")) << status;
}

TEST_F(SqliteSchemaTest, ADatabaseOfAnotherProgramIsRefused) {
  ASSERT_TRUE(db_->Execute("CREATE TABLE bookmarks (url TEXT)").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Upgrade({kOne})));
  ASSERT_TRUE(db_->Execute("PRAGMA application_id = 1").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Upgrade({kOne})));
}

TEST_F(SqliteSchemaTest, AVersionThatWasWipedIsCorrupt) {
  ASSERT_TRUE(Upgrade({kOne}).ok());
  ASSERT_TRUE(db_->Execute("PRAGMA user_version = 0").ok());
  EXPECT_TRUE(absl::IsDataLoss(Upgrade({kOne})));
}

TEST_F(SqliteSchemaTest, TheRealLadderStandsAndItsAuditLogOnlyGrows) {
  ASSERT_TRUE(CheckDatabase(*db_, SchemaSteps(), kAll).ok());
  const absl::Status status = UpgradeDatabase(*db_, SchemaSteps());
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(CheckDatabase(*db_, SchemaSteps(), kAll).ok());
  ASSERT_TRUE(db_->Execute("INSERT INTO audit VALUES "
                           "(1, 0, 'ann', 'a', 's', 'd', x'00')")
                  .ok());
  EXPECT_FALSE(db_->Execute("UPDATE audit SET actor = 'bob'").ok());
  EXPECT_FALSE(db_->Execute("DELETE FROM audit").ok());
  EXPECT_EQ(*db_->QueryText("SELECT actor FROM audit"), "ann");
}

}  // namespace
}  // namespace keywatch
