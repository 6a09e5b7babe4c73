#include "daemon/store/sqlite_connection.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

class SqliteConnectionTest : public testing::Test {
 protected:
  void SetUp() override {
    db_ = Open();
    ASSERT_TRUE(db_->Execute("PRAGMA journal_mode = WAL; "
                             "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, "
                             "c BLOB) STRICT")
                    .ok());
  }
  std::unique_ptr<Connection> Open() {
    auto db = Connection::Open(directory_.File("t.db"),
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, 0);
    EXPECT_TRUE(db.ok()) << db.status();
    return *std::move(db);
  }
  int64_t Rows() {
    const auto rows = db_->QueryInt("SELECT count(*) FROM t");
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? *rows : -1;
  }
  absl::Status Insert(int64_t a) {
    return db_->Prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)")
        .Run(a, "text", Blob{"blob"});
  }

  TestDirectory directory_;
  std::unique_ptr<Connection> db_;
};

TEST_F(SqliteConnectionTest, BindsAndReadsEveryType) {
  const std::string text("a\0'\xc3\xa4", 5);
  const std::string bytes("\0\xff", 2);
  ASSERT_TRUE(db_->Prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)")
                  .Run(INT64_MIN, text, Blob{bytes})
                  .ok());
  // Strings without memory are empty ones, not NULL.
  ASSERT_TRUE(
      db_->Prepare("INSERT INTO t (a, b, c) VALUES (?, ?, ?)")
          .Run(INT64_MAX, absl::string_view(), Blob{absl::string_view()})
          .ok());
  Statement rows = db_->Prepare("SELECT a, b, c FROM t ORDER BY a");
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Int(0), INT64_MIN);
  EXPECT_EQ(rows.Text(1), text);
  EXPECT_EQ(rows.Bytes(2), bytes);
  ASSERT_TRUE(rows.Next());
  EXPECT_EQ(rows.Int(0), INT64_MAX);
  EXPECT_FALSE(rows.IsNull(1));
  EXPECT_FALSE(rows.IsNull(2));
  EXPECT_EQ(rows.Text(1), "");
  EXPECT_EQ(rows.Bytes(2), "");
  EXPECT_FALSE(rows.Next());
  EXPECT_TRUE(rows.status().ok());
}

TEST_F(SqliteConnectionTest, AStatementCanBeUsedWhileAnotherUseOfItLives) {
  ASSERT_TRUE(Insert(1).ok());
  ASSERT_TRUE(Insert(2).ok());
  int pairs = 0;
  Statement outer = db_->Prepare("SELECT a FROM t");
  while (outer.Next()) {
    Statement inner = db_->Prepare("SELECT a FROM t");
    while (inner.Next()) ++pairs;
    EXPECT_TRUE(inner.status().ok());
  }
  EXPECT_EQ(pairs, 4);
}

TEST_F(SqliteConnectionTest, AFailedRunDoesNotSpoilTheNext) {
  Statement insert = db_->Prepare("INSERT INTO t (a) VALUES (?)");
  EXPECT_TRUE(insert.Run(1).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(insert.Run(1)));
  EXPECT_TRUE(insert.Run(2).ok());
  EXPECT_EQ(Rows(), 2);
}

TEST_F(SqliteConnectionTest, ABadStatementSaysWhy) {
  Statement bad = db_->Prepare("SELECT a FROM nowhere");
  bad.Bind(1, "x");
  EXPECT_FALSE(bad.Next());
  EXPECT_EQ(bad.status().code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(absl::StrContains(bad.status().message(), "nowhere"))
      << bad.status();
  EXPECT_FALSE(db_->Prepare("SELECT a FROM nowhere").Run().ok());
}

TEST_F(SqliteConnectionTest, AFailedBodyWritesNothingAndCanBeTriedAgain) {
  bool fail = true;
  const auto body = [&]() -> absl::Status {
    absl::Status status = Insert(1);
    if (status.ok() && fail) status = Insert(1);
    return status;
  };
  EXPECT_TRUE(absl::IsAlreadyExists(db_->Write(body)));
  EXPECT_EQ(Rows(), 0);
  fail = false;
  EXPECT_TRUE(db_->Write(body).ok());
  EXPECT_EQ(Rows(), 1);
}

TEST_F(SqliteConnectionTest, AnInterruptedRollbackIsMadeUpForByTheNext) {
  ASSERT_TRUE(db_->Prepare("BEGIN IMMEDIATE").Run().ok());
  ASSERT_TRUE(Insert(1).ok());
  EXPECT_TRUE(db_->Write([&] { return Insert(2); }).ok());
  EXPECT_EQ(Rows(), 1);
}

TEST_F(SqliteConnectionTest, AReaderSeesOneStateAndHoldsUpNoWriter) {
  std::unique_ptr<Connection> reader = Open();
  ASSERT_TRUE(Insert(1).ok());
  const absl::Status status = reader->Read([&]() -> absl::Status {
    EXPECT_EQ(*reader->QueryInt("SELECT count(*) FROM t"), 1);
    EXPECT_TRUE(db_->Write([&] { return Insert(2); }).ok());
    EXPECT_EQ(*reader->QueryInt("SELECT count(*) FROM t"), 1);
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(*reader->QueryInt("SELECT count(*) FROM t"), 2);
}

TEST_F(SqliteConnectionTest, BusyIsUnavailable) {
  std::unique_ptr<Connection> other = Open();
  const absl::Status status = db_->Write([&]() -> absl::Status {
    EXPECT_TRUE(
        absl::IsUnavailable(other->Write([] { return absl::OkStatus(); })));
    return Insert(1);
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(other->Write([] { return absl::OkStatus(); }).ok());
}

TEST_F(SqliteConnectionTest, FullIsResourceExhausted) {
  ASSERT_TRUE(db_->Execute("PRAGMA max_page_count = 1").ok());
  const std::string large(100000, 'x');
  const auto insert = [&] {
    return db_->Prepare("INSERT INTO t (b) VALUES (?)").Run(large);
  };
  EXPECT_TRUE(absl::IsResourceExhausted(db_->Write(insert)));
  ASSERT_TRUE(db_->Execute("PRAGMA max_page_count = 1000000").ok());
  EXPECT_TRUE(db_->Write(insert).ok());
}

TEST_F(SqliteConnectionTest, QueryWithoutARowIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(db_->QueryInt("SELECT a FROM t").status()));
  EXPECT_TRUE(absl::IsNotFound(db_->QueryText("SELECT b FROM t").status()));
}

TEST(SqliteStatusTest, MapsCodesToTheStatusesOfTheStore) {
  const auto code = [](int sqlite) {
    return SqliteStatus(sqlite, nullptr, "x").code();
  };
  EXPECT_EQ(code(SQLITE_FULL), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(code(SQLITE_IOERR_WRITE), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(SQLITE_READONLY), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(SQLITE_READONLY_DBMOVED), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(SQLITE_BUSY_SNAPSHOT), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(SQLITE_LOCKED), absl::StatusCode::kUnavailable);
  EXPECT_EQ(code(SQLITE_CORRUPT_VTAB), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(SQLITE_NOTADB), absl::StatusCode::kDataLoss);
  EXPECT_EQ(code(SQLITE_CONSTRAINT_UNIQUE), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(code(SQLITE_INTERRUPT), absl::StatusCode::kCancelled);
  EXPECT_EQ(code(SQLITE_MISUSE), absl::StatusCode::kInternal);
}

TEST(SqliteStatusTest, OpeningNothingSaysWhich) {
  const auto db =
      Connection::Open("/nonexistent/x.db", SQLITE_OPEN_READWRITE, 0);
  EXPECT_TRUE(absl::IsUnavailable(db.status())) << db.status();
  EXPECT_NE(db.status().message().find("/nonexistent/x.db"), std::string::npos);
}

}  // namespace
}  // namespace keywatch
