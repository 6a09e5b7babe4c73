#include "daemon/app/lifecycle_source.h"

#include <memory>

#include "absl/time/time.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"
#include "daemon/store/test_directory.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

class LifecycleSourceTest : public testing::Test {
 protected:
  LifecycleSourceTest() : clock_(absl::FromUnixSeconds(1'785'000'000)) {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    auto store = SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  void Record(const char* action) {
    const int64_t now = ToEventTime(clock_.Now());
    auto roll = store_->InsertRoll(TestRoll("roll_1", "mk_A", now));
    ASSERT_TRUE(roll.ok()) << roll.status();
    LifecycleEvent event;
    event.action = action;
    event.time_ms = now;
    event.key = KeyId("mk_A");
    event.roll = roll->id;
    auto updated = store_->UpdateRoll(*roll, {event}, AuditEntry());
    ASSERT_TRUE(updated.ok()) << updated.status();
  }

  Page Fetch(const Cursor& cursor) {
    LifecycleSource source(store_.get(), &clock_);
    auto page = source.Fetch(cursor, clock_.Now());
    EXPECT_TRUE(page.ok()) << page.status();
    return *std::move(page);
  }

  TestDirectory directory_;
  FakeClock clock_;
  std::unique_ptr<SqliteStore> store_;
};

// It once named its stream each time, and was asked again without a pause: an
// idle daemon took half a processor.
TEST_F(LifecycleSourceTest, NothingHappenedIsAnEmptyPage) {
  const Page page = Fetch({});
  EXPECT_TRUE(page.records.empty());
  EXPECT_TRUE(page.streams.empty());
  EXPECT_FALSE(page.more);
}

TEST_F(LifecycleSourceTest, GivesEachActionOnce) {
  Record("key_rolled");
  const Page page = Fetch({});
  ASSERT_EQ(page.records.size(), 1u);
  EXPECT_NE(page.records[0].bytes.find("key_rolled"), absl::string_view::npos);
  ASSERT_EQ(page.streams.size(), 1u);

  Cursor cursor;
  cursor.streams = page.streams;
  EXPECT_TRUE(Fetch(cursor).records.empty());
  EXPECT_TRUE(Fetch(cursor).streams.empty());
}

}  // namespace
}  // namespace keywatch
