#include "daemon/ingest/push_source.h"

#include <string>
#include <thread>
#include <vector>

#include "daemon/ingest/push_queue.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool Here() { return false; }

std::vector<std::string> Texts(const Page& page) {
  std::vector<std::string> out;
  for (const Record& record : page.records) {
    out.emplace_back(record.bytes.data(), record.bytes.size());
  }
  return out;
}

class PushSourceTest : public ::testing::Test {
 protected:
  Page Fetch() {
    absl::StatusOr<Page> page = source_.Fetch(cursor_, absl::InfinitePast());
    EXPECT_TRUE(page.ok());
    if (!page->streams.empty()) cursor_.streams = page->streams;
    return *std::move(page);
  }
  PushQueue::Ticket Push(std::vector<std::string> records) {
    absl::StatusOr<PushQueue::Ticket> ticket =
        queue_.Push(std::move(records), Here);
    EXPECT_TRUE(ticket.ok()) << ticket.status();
    return *ticket;
  }

  PushQueue queue_{1000};
  PushSource source_{100, &queue_};
  Cursor cursor_;
};

TEST_F(PushSourceTest, NumbersRecordsOverBatchesAndPages) {
  Push({"a", "b"});
  Push({"c"});
  Page page = Fetch();
  EXPECT_THAT(Texts(page), ElementsAre("a", "b", "c"));
  EXPECT_EQ(page.records[2].begin, 2);
  Push({"d"});
  page = Fetch();
  EXPECT_EQ(page.records[0].begin, 3);
  EXPECT_EQ(page.streams[0].position, 4);
}

TEST_F(PushSourceTest, ABatchIsAcknowledgedWhenAllOfItIsCommitted) {
  const PushQueue::Ticket first = Push({"a", "b"});
  const PushQueue::Ticket second = Push({"c"});
  Fetch();
  queue_.Committed(2);
  EXPECT_TRUE(queue_.AwaitCommit(first, Here).ok());
  // The sender of the second one waits until it gives up.
  EXPECT_TRUE(
      absl::IsCancelled(queue_.AwaitCommit(second, [] { return true; })));
  queue_.Committed(3);
  EXPECT_TRUE(queue_.AwaitCommit(second, Here).ok());
}

// A sender with one batch on its way waits for nothing but the commit.
TEST_F(PushSourceTest, ACommitIsWantedOnceEverythingPushedIsTaken) {
  PushQueue queue(int64_t{16} << 20);
  PushSource source(100, &queue);
  auto push = [&queue](size_t bytes) {
    EXPECT_TRUE(queue.Push({std::string(bytes, 'x')}, Here).ok());
  };
  auto fetch = [&] {
    return source.Fetch(cursor_, absl::InfinitePast())->more;
  };
  EXPECT_FALSE(queue.WantsCommit());
  push(200 << 10);
  EXPECT_FALSE(queue.WantsCommit());
  push(200 << 10);
  EXPECT_TRUE(fetch());
  EXPECT_FALSE(queue.WantsCommit());
  EXPECT_FALSE(fetch());
  EXPECT_TRUE(queue.WantsCommit());
  queue.Committed(2);
  EXPECT_FALSE(queue.WantsCommit());
  // Much is on its way: whoever sends more will stand still soon.
  push(5 << 20);
  push(1 << 10);
  EXPECT_TRUE(fetch());
  EXPECT_TRUE(queue.WantsCommit());
}

// They were pushed again one by one, and what came later overtook them: late.
TEST_F(PushSourceTest, WhatWasNotCommittedAtAReloadIsGivenAgainInItsOrder) {
  const PushQueue::Ticket committed = Push({"a"});
  const PushQueue::Ticket taken = Push({"b", "c"});
  Fetch();
  const PushQueue::Ticket waiting = Push({"d"});
  queue_.Committed(1);
  EXPECT_TRUE(queue_.AwaitCommit(committed, Here).ok());
  PushSource next(100, &queue_);
  const PushQueue::Ticket later = Push({"e"});
  cursor_.streams[0].position = 1;
  absl::StatusOr<Page> page = next.Fetch(cursor_, absl::InfinitePast());
  ASSERT_TRUE(page.ok());
  EXPECT_THAT(Texts(*page), ElementsAre("b", "c", "d", "e"));
  EXPECT_EQ(page->records[0].begin, 1);
  const auto gone = [] { return true; };
  EXPECT_TRUE(absl::IsCancelled(queue_.AwaitCommit(taken, gone)));
  queue_.Committed(3);
  EXPECT_TRUE(queue_.AwaitCommit(taken, Here).ok());
  EXPECT_TRUE(absl::IsCancelled(queue_.AwaitCommit(waiting, gone)));
  queue_.Committed(5);
  EXPECT_TRUE(queue_.AwaitCommit(waiting, Here).ok());
  EXPECT_TRUE(queue_.AwaitCommit(later, Here).ok());
}

TEST_F(PushSourceTest, ASenderWaitsWhileTheQueueIsFull) {
  Push({std::string(900, 'x')});
  EXPECT_TRUE(absl::IsCancelled(
      queue_.Push({std::string(900, 'y')}, [] { return true; }).status()));
  std::thread sender([this] { Push({std::string(900, 'z')}); });
  Page page = Fetch();
  ASSERT_EQ(page.records.size(), 1u);
  EXPECT_TRUE(page.records[0].truncated);
  EXPECT_EQ(page.records[0].bytes.size(), 100u);
  sender.join();
  EXPECT_EQ(Fetch().records.size(), 1u);
}

TEST_F(PushSourceTest, CloseTellsWhoWaits) {
  const PushQueue::Ticket ticket = Push({"a"});
  std::thread closer([this] { queue_.Close(); });
  EXPECT_TRUE(absl::IsUnavailable(queue_.AwaitCommit(ticket, Here)));
  closer.join();
  EXPECT_TRUE(absl::IsUnavailable(queue_.Push({"b"}, Here).status()));
}

TEST_F(PushSourceTest, NothingPushedIsAnEmptyPage) {
  source_.Wake();
  EXPECT_THAT(Fetch().records, IsEmpty());
}

}  // namespace
}  // namespace keywatch
