// Keys and sources.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "daemon/store/store_conformance.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(StoreConformance, TotalsAddUpAndTheNewestEventIsTheNewest) {
  Take();
  CheckpointBatch batch;
  SourceTotals totals;
  totals.source = SourceId("s");
  totals.records = 5;
  totals.newest_event_ms = 900;
  batch.totals = {totals, totals};
  ASSERT_CODE(kOk, Commit(batch));
  totals.newest_event_ms = 800;
  totals.events = totals.late = totals.duplicates = totals.rejected = 2;
  batch.totals = {totals};
  ASSERT_CODE(kOk, Commit(batch));
  const auto sources = store().ListSources();
  ASSERT_CODE(kOk, sources);
  ASSERT_THAT(*sources, SizeIs(1));
  EXPECT_EQ((*sources)[0].records, 15);
  EXPECT_EQ((*sources)[0].events, 2);
  EXPECT_EQ((*sources)[0].late, 2);
  EXPECT_EQ((*sources)[0].duplicates, 2);
  EXPECT_EQ((*sources)[0].rejected, 2);
  EXPECT_EQ((*sources)[0].newest_event_ms, 900);
}

TEST_P(StoreConformance, RejectSamplesAreBoundedToTheNewestPerReason) {
  Take();
  CheckpointBatch flood;
  for (int i = 0; i < 1000; ++i) {
    RejectSample sample;
    sample.source = SourceId("s");
    sample.reason = "not JSON";
    sample.offset = i;
    flood.reject_samples.push_back(sample);
  }
  RejectSample rare;
  rare.source = SourceId("s");
  rare.reason = "too long";
  rare.stream = "access.log";
  rare.offset = 4711;
  rare.at_ms = 99;
  rare.text = "\x7f";
  flood.reject_samples.insert(flood.reject_samples.begin() + 500, rare);
  flood.rejects = {{SourceId("s"), "not JSON", 1000},
                   {SourceId("s"), "too long", 1}};
  ASSERT_CODE(kOk, Commit(flood));
  flood.reject_samples.resize(5);
  ASSERT_CODE(kOk, Commit(flood));

  const auto samples = store().ListRejects(SourceId("s"), 100);
  ASSERT_CODE(kOk, samples);
  ASSERT_THAT(*samples, SizeIs(21));
  // The newest come first: the five of the second commit, then the first's.
  for (int i = 0; i < 5; ++i) EXPECT_EQ((*samples)[i].offset, 4 - i);
  for (int i = 0; i < 15; ++i) EXPECT_EQ((*samples)[5 + i].offset, 999 - i);
  EXPECT_EQ((*samples)[20].reason, "too long");
  EXPECT_EQ((*samples)[20].stream, "access.log");
  EXPECT_EQ((*samples)[20].offset, 4711);
  EXPECT_EQ((*samples)[20].at_ms, 99);
  EXPECT_EQ((*samples)[20].text, "\x7f");
  EXPECT_THAT(Must(store().ListRejects(SourceId(), 3)), SizeIs(3));
  EXPECT_THAT(Must(store().ListRejects(SourceId("other"), 3)), IsEmpty());

  const auto counts = store().ListRejectCounts();
  ASSERT_CODE(kOk, counts);
  ASSERT_THAT(*counts, SizeIs(2));
  EXPECT_EQ((*counts)[0].reason, "not JSON");
  EXPECT_EQ((*counts)[0].count, 2000);
  EXPECT_EQ((*counts)[1].count, 2);
}

TEST_P(StoreConformance, AGapThatGoesOnIsOneGap) {
  Take();
  CheckpointBatch batch;
  batch.gaps = {{SourceId("s"), 100, 200, "down"}};
  ASSERT_CODE(kOk, Commit(batch));
  batch.gaps = {{SourceId("s"), 100, 300, "down"},
                {SourceId("s"), 100, 250, "down"},
                {SourceId("t"), 400, 500, "rotated away"}};
  ASSERT_CODE(kOk, Commit(batch));

  auto gaps = store().ListGaps(SourceId(), kMinEventTime, 10);
  ASSERT_CODE(kOk, gaps);
  ASSERT_THAT(*gaps, SizeIs(2));
  EXPECT_EQ((*gaps)[0].source, SourceId("t"));
  EXPECT_EQ((*gaps)[1].source, SourceId("s"));
  EXPECT_EQ((*gaps)[1].from_ms, 100);
  EXPECT_EQ((*gaps)[1].to_ms, 300);
  EXPECT_EQ((*gaps)[1].reason, "down");

  EXPECT_THAT(Must(store().ListGaps(SourceId("s"), 300, 10)), SizeIs(1));
  EXPECT_THAT(Must(store().ListGaps(SourceId("s"), 301, 10)), IsEmpty());
  EXPECT_THAT(Must(store().ListGaps(SourceId(), kMinEventTime, 1)), SizeIs(1));
}

TEST_P(StoreConformance, KeyProfilesAreStoredWhole) {
  Take();
  CheckpointBatch batch;
  batch.profiles = {TestProfile("rk_1", 10)};
  ASSERT_CODE(kOk, Commit(batch));
  batch.profiles = {TestProfile("rk_1", 11)};
  ASSERT_CODE(kOk, Commit(batch));
  const auto key = store().GetKey(KeyId("rk_1"));
  ASSERT_CODE(kOk, key);
  EXPECT_EQ(key->kind, "restricted");
  EXPECT_EQ(key->first_seen_ms, 1000);
  EXPECT_EQ(key->last_seen_ms, 1011);
  EXPECT_EQ(key->requests, 11);
  EXPECT_EQ(key->denied, 5);
  EXPECT_EQ(key->failed, 3);
  EXPECT_EQ(key->last_success_ms, 1011);
  EXPECT_EQ(key->last_denied_ms, 911);
  ASSERT_THAT(key->operations, SizeIs(1));
  EXPECT_EQ(key->operations[0].value, "GET /v1/charges");
  EXPECT_EQ(key->operations[0].count, 11);
  EXPECT_EQ(key->operations[0].first_ms, 1000);
  EXPECT_EQ(key->operations[0].last_ms, 1011);
  EXPECT_THAT(key->networks, SizeIs(2));
  EXPECT_EQ(key->user_agents[0].value, "curl/7.88");
  EXPECT_EQ(key->sensitive_fields[0].value, "verified_outputs.dob");
  EXPECT_EQ(key->operations_overflow, 1);
  EXPECT_EQ(key->networks_overflow, 2);
  EXPECT_EQ(key->user_agents_overflow, 3);
  EXPECT_CODE(kNotFound, store().GetKey(KeyId("rk_2")));
}

TEST_P(StoreConformance, KeysAreListedByIdPageByPage) {
  Take();
  CheckpointBatch batch;
  for (const char* key : {"rk_b", "rk_a", "sk_a", "rk_c", "r", "\xff\xff"}) {
    batch.profiles.push_back(TestProfile(key, 1));
  }
  ASSERT_CODE(kOk, Commit(batch));
  std::vector<std::string> ids;
  KeyFilter filter;
  filter.limit = 2;
  filter.prefix = "rk_";
  do {
    const auto page = store().ListKeys(filter);
    ASSERT_CODE(kOk, page);
    ASSERT_LE(page->keys.size(), 2u);
    for (const KeyProfile& key : page->keys) ids.push_back(key.key.str());
    filter.page_token = page->next_page_token;
    // A key that is used again between the pages keeps its place.
    batch.profiles = {TestProfile("rk_a", 100)};
    ASSERT_CODE(kOk, Commit(batch));
  } while (!filter.page_token.empty());
  EXPECT_THAT(ids, ElementsAre("rk_a", "rk_b", "rk_c"));

  filter = KeyFilter();
  EXPECT_THAT(store().ListKeys(filter)->keys, SizeIs(6));
  filter.prefix = "\xff";
  EXPECT_THAT(store().ListKeys(filter)->keys, SizeIs(1));
  // Exactly a page: there is no next one.
  filter.prefix = "rk_";
  filter.limit = 3;
  EXPECT_EQ(store().ListKeys(filter)->next_page_token, "");
}

TEST_P(StoreConformance, AKeyPageTokenThatIsNotOursIsRefused) {
  Take();
  CheckpointBatch batch;
  batch.profiles = {TestProfile("rk_a", 1), TestProfile("rk_b", 1)};
  ASSERT_CODE(kOk, Commit(batch));
  KeyFilter filter;
  filter.limit = 1;
  const std::string token = store().ListKeys(filter)->next_page_token;
  ASSERT_NE(token, "");
  for (const std::string& bad :
       {std::string("x"), std::string("AAAA"), std::string(100, 'A'),
        token + "A", token.substr(1), std::string("\xff\0'", 3)}) {
    filter.page_token = bad;
    EXPECT_CODE(kInvalidArgument, store().ListKeys(filter));
  }
  filter.page_token = token;
  EXPECT_CODE(kOk, store().ListKeys(filter));
  filter.prefix = "rk_";  // another question
  EXPECT_CODE(kInvalidArgument, store().ListKeys(filter));
}

}  // namespace
}  // namespace keywatch
