#include "daemon/engine/reorder_buffer.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace keywatch {
namespace {

const Event* Add(EventBatch* batch, EventTime time, const std::string& id) {
  Event* event = batch->Add();
  event->time_ms = time;
  event->id = batch->CopyText(id);
  return event;
}

std::vector<std::string> ReleaseAll(ReorderBuffer* buffer,
                                    EventTime watermark) {
  std::vector<std::string> ids;
  buffer->Release(watermark,
                  [&](const Event& event) { ids.emplace_back(event.id); });
  return ids;
}

TEST(ReorderBufferTest, ReleasesUpToTheWatermarkInOrderOfTimeThenId) {
  auto batch = std::make_shared<EventBatch>();
  ReorderBuffer buffer;
  for (auto [time, id] : {std::pair<int, const char*>{30, "c"},
                          {10, "b"},
                          {20, "x"},
                          {10, "a"},
                          {21, "y"}}) {
    buffer.Push(Add(batch.get(), time, id), batch);
  }
  EXPECT_EQ(buffer.oldest(), 10);
  EXPECT_EQ(buffer.newest(), 30);
  EXPECT_EQ(ReleaseAll(&buffer, 20), (std::vector<std::string>{"a", "b", "x"}));
  EXPECT_EQ(buffer.size(), 2u);
  EXPECT_EQ(ReleaseAll(&buffer, 20), std::vector<std::string>());
  EXPECT_EQ(ReleaseAll(&buffer, 99), (std::vector<std::string>{"y", "c"}));
  EXPECT_TRUE(buffer.empty());
}

TEST(ReorderBufferTest, EqualEventsKeepTheOrderInWhichTheyCame) {
  auto batch = std::make_shared<EventBatch>();
  ReorderBuffer buffer;
  std::vector<const Event*> pushed;
  // A later event between them opens another run.
  for (int i = 0; i < 5; ++i) {
    pushed.push_back(Add(batch.get(), 10, "same"));
    buffer.Push(pushed.back(), batch);
    buffer.Push(Add(batch.get(), 50 - i, "later"), batch);
  }
  std::vector<const Event*> released;
  buffer.Release(10, [&](const Event& event) { released.push_back(&event); });
  EXPECT_EQ(released, pushed);
}

TEST(ReorderBufferTest, KeepsABatchAliveAsLongAsAnEventOfItWaits) {
  ReorderBuffer buffer;
  std::weak_ptr<EventBatch> first;
  std::weak_ptr<EventBatch> second;
  {
    auto a = std::make_shared<EventBatch>();
    auto b = std::make_shared<EventBatch>();
    first = a;
    second = b;
    buffer.Push(Add(a.get(), 10, "a"), a);
    buffer.Push(Add(b.get(), 5, "b"), b);
    buffer.Push(Add(a.get(), 20, "c"), a);
  }
  ReleaseAll(&buffer, 5);
  EXPECT_FALSE(first.expired());
  EXPECT_TRUE(second.expired());
  ReleaseAll(&buffer, 10);
  EXPECT_FALSE(first.expired());
  ReleaseAll(&buffer, 20);
  EXPECT_TRUE(first.expired());
}

TEST(ReorderBufferTest, ClearLetsGoOfEverything) {
  ReorderBuffer buffer;
  std::weak_ptr<EventBatch> watched;
  {
    auto batch = std::make_shared<EventBatch>();
    watched = batch;
    buffer.Push(Add(batch.get(), 10, "a"), batch);
  }
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(watched.expired());
  auto batch = std::make_shared<EventBatch>();
  buffer.Push(Add(batch.get(), 3, "b"), batch);
  EXPECT_EQ(ReleaseAll(&buffer, 3), std::vector<std::string>{"b"});
}

// Whatever the disorder, the order of release is that of a full sort among
// what had come before each release.
TEST(ReorderBufferTest, AgreesWithSortingUnderAnyDisorder) {
  std::mt19937 random(7);
  for (int disorder : {0, 3, 50, 100'000}) {
    ReorderBuffer buffer;
    std::vector<std::pair<EventTime, std::string>> waiting;
    EventTime now = 0;
    for (int step = 0; step < 300; ++step) {
      auto batch = std::make_shared<EventBatch>();
      for (int i = 0; i < 10; ++i) {
        now += static_cast<EventTime>(random() % 3);
        const EventTime time =
            now - (disorder == 0
                       ? 0
                       : static_cast<EventTime>(
                             random() % static_cast<unsigned>(disorder)));
        const std::string id = std::to_string(random() % 50);
        buffer.Push(Add(batch.get(), time, id), batch);
        waiting.emplace_back(time, id);
      }
      ASSERT_EQ(buffer.size(), waiting.size());
      std::sort(waiting.begin(), waiting.end());
      std::vector<std::pair<EventTime, std::string>> seen;
      buffer.ForEach([&](const Event& event) {
        seen.emplace_back(event.time_ms, std::string(event.id));
      });
      ASSERT_EQ(seen, waiting);
      ASSERT_EQ(buffer.oldest(), waiting.front().first);
      ASSERT_EQ(buffer.newest(), waiting.back().first);
      if (step % 3 == 0) continue;
      const EventTime watermark = now - static_cast<EventTime>(random() % 20);
      seen.clear();
      buffer.Release(watermark, [&](const Event& event) {
        seen.emplace_back(event.time_ms, std::string(event.id));
      });
      const auto end = std::partition_point(
          waiting.begin(), waiting.end(),
          [&](const auto& entry) { return entry.first <= watermark; });
      ASSERT_EQ(seen, (std::vector<std::pair<EventTime, std::string>>(
                          waiting.begin(), end)));
      waiting.erase(waiting.begin(), end);
      if (waiting.empty()) {
        ASSERT_TRUE(buffer.empty());
        // oldest() and newest() need something.
        auto one = std::make_shared<EventBatch>();
        buffer.Push(Add(one.get(), now, "0"), one);
        waiting.emplace_back(now, "0");
      }
    }
  }
}

}  // namespace
}  // namespace keywatch
