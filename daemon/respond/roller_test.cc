#include "daemon/respond/roller.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/respond/sample_alert.h"
#include "daemon/store/failing_store.h"
#include "daemon/store/sqlite_store.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

const KeyId kOld("mk_old");
const KeyId kNew("mk_new");

class RollerTest : public testing::Test {
 protected:
  RollerTest() : now_(FromEventTime(kSampleTime)) {
    static int number = 0;
    SqliteStoreOptions options;
    options.directory =
        absl::StrCat(testing::TempDir(), "/roller_", getpid(), "_", ++number);
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = std::make_unique<FailingStore>(*std::move(store));
    epoch_ =
        store_->OpenPartition("main", "test", [](const StateRow&) {})->epoch;
    config_.notify = {"oncall"};
    inputs_.watermark = [this] { return store_->Watermark("main"); };
    Make();
  }

  void Make() {
    roller_ = std::make_unique<Roller>(config_, store_.get(), inputs_);
    ASSERT_TRUE(roller_->Load().ok());
  }

  void Commit(CheckpointBatch batch) {
    ASSERT_TRUE(store_->Checkpoint("main", epoch_, batch).ok());
  }
  void CommitProfile(KeyProfile profile) {
    CheckpointBatch batch;
    batch.profiles = {std::move(profile)};
    Commit(std::move(batch));
  }

  void ReadUntil(absl::Time watermark) {
    CheckpointBatch batch;
    batch.watermark_ms = ToEventTime(watermark);
    Commit(std::move(batch));
  }

  absl::StatusOr<Roll> TryStart(const KeyId& key) {
    Roller::StartRequest request;
    request.key = key;
    request.actor = "ada";
    request.reason = "seen on a paste site";
    return roller_->Start(request, now_);
  }
  Roll Start() {
    absl::StatusOr<Roll> roll = TryStart(kOld);
    EXPECT_TRUE(roll.ok()) << roll.status();
    return *roll;
  }
  absl::StatusOr<Roll> Confirm(
      const RollId& id, absl::optional<absl::Time> expires = absl::nullopt,
      const KeyId& new_key = kNew) {
    Roller::ConfirmRequest request;
    request.roll = id;
    request.new_key = new_key;
    request.old_expires = expires;
    request.actor = "ada";
    return roller_->Confirm(request, now_);
  }
  absl::Status Use(const KeyId& key, KeyUse use) {
    return roller_->OnKeyUse(key, ToEventTime(now_), use, now_);
  }
  void CloseAll(const RollId& id) {
    const absl::StatusOr<Roll> roll = store_->GetRoll(id);
    ASSERT_TRUE(roll.ok());
    for (const RollFollowUp& follow_up : roll->follow_ups) {
      ASSERT_TRUE(roller_->CloseFollowUp(id, follow_up.id, "ada", now_).ok());
    }
  }
  RollState State(const RollId& id) { return store_->GetRoll(id)->state; }
  std::string Steps(const RollId& id) {
    return absl::StrJoin(store_->GetRoll(id)->steps, "\n",
                         [](std::string* out, const RollStep& step) {
                           absl::StrAppend(out, step.actor, ": ", step.what);
                         });
  }
  // "action key" of the lifecycle events due at `when`.
  std::string Lifecycle(absl::Time when) {
    return absl::StrJoin(
        *store_->LifecycleAfter(0, ToEventTime(when), 100), ", ",
        [](std::string* out, const LifecycleEvent& event) {
          absl::StrAppend(out, event.action, " ", event.key.view());
        });
  }
  std::vector<std::string> AuditActions(const RollId& id) {
    std::vector<std::string> actions;
    const absl::StatusOr<std::vector<AuditEntry>> entries =
        store_->ListAudit(id.view(), 100);
    EXPECT_TRUE(entries.ok());
    for (const AuditEntry& entry : *entries) {
      actions.push_back(absl::StrCat(entry.actor, " ", entry.action));
    }
    std::sort(actions.begin(), actions.end());
    return actions;
  }

  absl::Time now_;
  RollerConfig config_;
  Roller::Inputs inputs_;
  std::unique_ptr<FailingStore> store_;
  int64_t epoch_ = 0;
  std::unique_ptr<Roller> roller_;
};

TEST_F(RollerTest, GuidesFromStartToProof) {
  const Roll started = Start();
  EXPECT_EQ(started.state, RollState::kAwaitingOperator);
  EXPECT_EQ(started.dashboard_url, "https://dashboard.stripe.com/apikeys");
  EXPECT_EQ(roller_->Instructions(started, now_)[0],
            "Open https://dashboard.stripe.com/apikeys.");
  ASSERT_EQ(started.follow_ups.size(), 1u);
  EXPECT_TRUE(
      absl::StrContains(started.follow_ups[0].what, "webhook endpoints"));

  now_ += absl::Minutes(5);
  const absl::StatusOr<Roll> confirmed = Confirm(started.id);
  ASSERT_TRUE(confirmed.ok()) << confirmed.status();
  EXPECT_EQ(confirmed->state, RollState::kVerifying);
  EXPECT_EQ(confirmed->old_expires_ms, ToEventTime(now_));
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old");

  now_ += absl::Minutes(1);
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_expired mk_old");
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(Use(kOld, KeyUse::kRefused).ok());
  EXPECT_EQ(State(started.id), RollState::kVerifying);
  CloseAll(started.id);
  EXPECT_EQ(State(started.id), RollState::kVerifying) << "not settled";
  ReadUntil(now_ + absl::Minutes(6));
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kCompleted);
  EXPECT_EQ(roller_->WatchedKeys(), std::vector<KeyId>{kOld});
  EXPECT_EQ(Steps(started.id),
            "ada: started: seen on a paste site\n"
            "keywatchd: no request of this key has been seen: is its id "
            "right?\n"
            "ada: confirmed: the new key is mk_new, the old one stops working "
            "at once\n"
            "keywatchd: the old key mk_old expired at "
            "2026-08-03T14:05:00.000Z\n"
            "keywatchd: the new key mk_new worked at 2026-08-03T14:06:00.000Z\n"
            "keywatchd: the old key was refused at 2026-08-03T14:06:00.000Z\n"
            "ada: follow-up 1 closed: Review all webhook endpoints and event "
            "destinations of the account: those that were created with this "
            "key stay active after the roll\n"
            "keywatchd: completed: the new key works, the old one is refused "
            "and has not worked since 2026-08-03T14:06:00.000Z, all follow-ups "
            "are closed");
  EXPECT_EQ(AuditActions(started.id),
            (std::vector<std::string>{"ada roll.close_follow_up",
                                      "ada roll.confirm", "ada roll.start"}));
}

// The guide asks to give the new key to everything and to confirm then; what
// the log showed until then was lost.
TEST_F(RollerTest, WhatTheLogShowsBeforeTheConfirmationCounts) {
  const Roll roll = Start();
  now_ += absl::Minutes(5);
  KeyProfile profile;
  profile.key = kNew;
  profile.first_seen_ms = profile.last_seen_ms = ToEventTime(now_);
  profile.last_success_ms = ToEventTime(now_);
  profile.requests = 1;
  CommitProfile(profile);
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(Use(kOld, KeyUse::kRefused).ok());
  const EventTime seen_ms = ToEventTime(now_);
  // Also over a restart.
  Make();
  now_ += absl::Minutes(10);
  const absl::StatusOr<Roll> confirmed = Confirm(roll.id);
  ASSERT_TRUE(confirmed.ok()) << confirmed.status();
  EXPECT_EQ(confirmed->new_key_first_success_ms, seen_ms);
  EXPECT_EQ(confirmed->old_key_refused_ms, seen_ms);
  CloseAll(roll.id);
  ReadUntil(now_);
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(roll.id), RollState::kCompleted) << Steps(roll.id);
}

TEST_F(RollerTest, ARefusalBeforeAnOverlapProvesNothing) {
  const Roll roll = Start();
  ASSERT_TRUE(Use(kOld, KeyUse::kRefused).ok());
  EXPECT_NE(store_->GetRoll(roll.id)->old_key_refused_ms, 0);
  now_ += absl::Minutes(1);
  ASSERT_TRUE(Confirm(roll.id, now_ + absl::Hours(1)).ok());
  EXPECT_EQ(store_->GetRoll(roll.id)->old_key_refused_ms, 0);
  now_ += absl::Minutes(1);
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(store_->GetRoll(roll.id)->old_key_refused_ms, 0);
}

// The true time of the expiry was refused when it was ten minutes ago.
TEST_F(RollerTest, AnExpirySinceTheRollBeganIsTaken) {
  const Roll roll = Start();
  now_ += absl::Minutes(5);
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  now_ += absl::Minutes(15);
  const absl::Status late = Confirm(roll.id, now_ - absl::Minutes(19)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(late)) << late;
  EXPECT_TRUE(absl::StrContains(late.message(), "worked at")) << late;
  const absl::Time expired = now_ - absl::Minutes(10);
  const absl::StatusOr<Roll> confirmed = Confirm(roll.id, expired);
  ASSERT_TRUE(confirmed.ok()) << confirmed.status();
  EXPECT_EQ(confirmed->old_expires_ms, ToEventTime(expired));
  EXPECT_EQ(confirmed->state, RollState::kVerifying);
  // Rules learn of it now: what was before has been judged.
  EXPECT_EQ(Lifecycle(now_ - absl::Milliseconds(1)), "");
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_expired mk_old");
}

TEST_F(RollerTest, AnOverlapEndsByTheClock) {
  const Roll started = Start();
  const absl::Time expiry = now_ + absl::Hours(24);
  ASSERT_TRUE(Confirm(started.id, expiry).ok());
  EXPECT_EQ(State(started.id), RollState::kAwaitingExpiry);
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old");
  // Both work meanwhile.
  now_ += absl::Hours(1);
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kAwaitingExpiry);
  now_ = expiry;
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kVerifying);
  now_ = expiry + config_.expiry_tolerance;
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_expired mk_old");
}

// Requests on their way at the expiry, and the seconds in which the provider
// still takes the key, paged somebody at each orderly roll.
TEST_F(RollerTest, RulesSeeTheExpiryOnlyWhenASuccessCountsAgainstTheRoll) {
  config_.expiry_tolerance = absl::Seconds(90);
  Make();
  const absl::Time expiry = now_ + absl::Hours(1);
  ASSERT_TRUE(Confirm(Start().id, expiry).ok());
  EXPECT_EQ(Lifecycle(expiry + absl::Seconds(90) - absl::Milliseconds(1)),
            "key_rolled mk_old");
  EXPECT_EQ(Lifecycle(expiry + absl::Seconds(90)),
            "key_rolled mk_old, key_expired mk_old");
  const absl::StatusOr<std::vector<LifecycleEvent>> events =
      store_->LifecycleAfter(0, ToEventTime(expiry + absl::Hours(1)), 100);
  EXPECT_EQ(events->back().time_ms, ToEventTime(expiry + absl::Seconds(90)));
}

TEST_F(RollerTest, RulesSeeThatEndpointsAreLeftUntilTheFollowUpsAreClosed) {
  KeyProfile profile;
  profile.key = kOld;
  profile.requests = 1;
  profile.first_seen_ms = kSampleTime - 1000;
  profile.last_seen_ms = kSampleTime - 1000;
  profile.operations = {{"POST /v1/webhook_endpoints", 1, kSampleTime - 1000,
                         kSampleTime - 1000}};
  CommitProfile(profile);
  Make();
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_endpoints_left mk_old");
  ASSERT_TRUE(roller_->CloseFollowUp(started.id, 1, "ada", now_).ok());
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_endpoints_left mk_old");
  CloseAll(started.id);
  EXPECT_EQ(Lifecycle(now_),
            "key_rolled mk_old, key_endpoints_left mk_old, "
            "key_follow_ups_closed mk_old");
}

TEST_F(RollerTest, AnOldKeyThatOutlivesItsExpiryRaisesACriticalAlertOnce) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  now_ += absl::Minutes(2);
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  EXPECT_EQ(State(started.id), RollState::kFailed);
  const absl::StatusOr<AlertPage> page = store_->ListAlerts(AlertFilter());
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->alerts.size(), 1u);
  const Alert& alert = page->alerts[0];
  EXPECT_EQ(alert.level, Level::kCritical);
  EXPECT_EQ(alert.stage, Stage::kPage);
  EXPECT_EQ(alert.key, kOld);
  EXPECT_EQ(alert.first_fire_ms, ToEventTime(now_));
  EXPECT_TRUE(absl::StrContains(alert.playbook, "End it now at https://"));
  const absl::StatusOr<std::vector<OutboxRow>> rows =
      store_->DueOutbox("", ToEventTime(now_), 10);
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0].notifier, "oncall");
}

// Nobody looked at the old key of a completed roll again.
TEST_F(RollerTest, ACompletedRollIsWatchedAlsoAfterARestart) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  now_ += absl::Minutes(2);
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(Use(kOld, KeyUse::kRefused).ok());
  CloseAll(started.id);
  ReadUntil(now_ + absl::Minutes(6));
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  ASSERT_EQ(State(started.id), RollState::kCompleted);
  Make();
  ASSERT_TRUE(roller_->Watches("mk_old"));
  EXPECT_FALSE(roller_->Watches("mk_new"));
  for (int day = 0; day < 2; ++day) {
    now_ += absl::Hours(24);
    ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  }
  EXPECT_EQ(State(started.id), RollState::kFailed);
  EXPECT_EQ(store_->ListAlerts(AlertFilter())->alerts.size(), 1u);
  EXPECT_TRUE(absl::StrContains(Steps(started.id),
                                "although the roll had been completed"));
  // A person may take note of it and give it up.
  ASSERT_TRUE(roller_->Cancel(started.id, "ada", "key deleted", now_).ok());
  EXPECT_EQ(State(started.id), RollState::kCancelled);
}

// `roll status` said "not yet" of a key that had worked all the time.
TEST_F(RollerTest, ARollKnowsWhenItsKeyWorkedLast) {
  KeyProfile profile;
  profile.key = kOld;
  profile.requests = 5;
  profile.first_seen_ms = kSampleTime - 1000;
  profile.last_seen_ms = kSampleTime;
  CommitProfile(profile);
  const Roll started = Start();
  EXPECT_EQ(started.old_key_last_success_ms, kSampleTime);
  // And takes note before it is confirmed, too.
  now_ += absl::Hours(2);
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  EXPECT_EQ(store_->GetRoll(started.id)->old_key_last_success_ms,
            ToEventTime(now_));
}

TEST_F(RollerTest, ACrashBetweenTheAlertAndTheRollDoublesNothing) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  now_ += absl::Minutes(2);
  store_->Fail("UpdateRoll", 1, absl::UnavailableError("killed"));
  EXPECT_FALSE(Use(kOld, KeyUse::kSucceeded).ok());
  EXPECT_EQ(State(started.id), RollState::kVerifying);
  // The events were not committed: they come again.
  Make();
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  EXPECT_EQ(State(started.id), RollState::kFailed);
  EXPECT_EQ(store_->ListAlerts(AlertFilter())->alerts.size(), 1u);
  EXPECT_EQ(store_->CountOutbox()->pending, 1);
}

TEST_F(RollerTest, AFlushThatFailsForgetsNothing) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  roller_->Observe(kNew.view(), ToEventTime(now_), KeyUse::kSucceeded);
  store_->Fail("UpdateRoll", 1, absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(absl::IsResourceExhausted(roller_->Flush(now_)));
  EXPECT_EQ(store_->GetRoll(started.id)->new_key_first_success_ms, 0);
  EXPECT_TRUE(roller_->Flush(now_).ok());
  EXPECT_EQ(store_->GetRoll(started.id)->new_key_first_success_ms,
            ToEventTime(now_));
}

TEST_F(RollerTest, FlushWritesOnlyWhatMeansSomething) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id, now_ + absl::Hours(24)).ok());
  ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  const int64_t writes = store_->Calls("UpdateRoll");
  for (int i = 0; i < 1000; ++i) {
    now_ += absl::Seconds(1);
    ASSERT_TRUE(Use(kOld, KeyUse::kSucceeded).ok());
    ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
    ASSERT_TRUE(Use(kOld, KeyUse::kOther).ok());
  }
  EXPECT_EQ(store_->Calls("UpdateRoll"), writes);
}

TEST_F(RollerTest, ARestartGoesOnWatching) {
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  EXPECT_EQ(roller_->WatchedKeys(), (std::vector<KeyId>{kNew, kOld}));
  Make();
  EXPECT_EQ(roller_->WatchedKeys(), (std::vector<KeyId>{kNew, kOld}));
  EXPECT_TRUE(roller_->Watches("mk_old"));
  EXPECT_FALSE(roller_->Watches("mk_other"));
  EXPECT_FALSE(roller_->Watches(""));
}

TEST_F(RollerTest, SilenceOfTheOldKeyIsProofWhenTheLogWasRead) {
  KeyProfile profile;
  profile.key = kOld;
  profile.requests = 5;
  profile.first_seen_ms = kSampleTime - 1000;
  profile.last_seen_ms = kSampleTime;
  CommitProfile(profile);
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  ASSERT_TRUE(Use(kNew, KeyUse::kSucceeded).ok());
  CloseAll(started.id);
  now_ += absl::Hours(48);
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kVerifying) << "nothing was read";

  CheckpointBatch batch;
  batch.watermark_ms = ToEventTime(now_);
  Gap gap;
  gap.source = SourceId("proxy");
  gap.from_ms = kSampleTime;
  gap.to_ms = ToEventTime(now_ - absl::Hours(1));
  gap.reason = "unreachable";
  batch.gaps = {gap};
  Commit(batch);
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kVerifying) << "a source was blind";

  now_ += absl::Hours(24);
  batch.gaps.clear();
  batch.watermark_ms = ToEventTime(now_);
  Commit(batch);
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  EXPECT_EQ(State(started.id), RollState::kCompleted);
}

TEST_F(RollerTest, ListsWhatTheKeyCreatedAsFollowUps) {
  KeyProfile profile;
  profile.key = kOld;
  profile.requests = 1;
  profile.first_seen_ms = kSampleTime - 1000;
  profile.last_seen_ms = kSampleTime - 1000;
  profile.operations = {{"POST /v1/webhook_endpoints", 1, kSampleTime - 1000,
                         kSampleTime - 1000}};
  CommitProfile(profile);
  inputs_.follow_ups = [](const KeyId& key) {
    return std::vector<std::string>{
        absl::StrCat("Look at we_1, made by ", key.view())};
  };
  Make();
  const Roll started = Start();
  ASSERT_EQ(started.follow_ups.size(), 3u);
  EXPECT_TRUE(absl::StrContains(started.follow_ups[0].what,
                                "POST /v1/webhook_endpoints, 1 time"));
  EXPECT_EQ(started.follow_ups[1].what, "Look at we_1, made by mk_old");
  EXPECT_TRUE(absl::StrContains(Steps(started.id),
                                "keywatchd: Key mk_old: 1 request since"));
}

TEST_F(RollerTest, FollowUpsThatAppearUntilTheExpiryAreAdded) {
  bool more = false;
  inputs_.follow_ups = [&more](const KeyId&) {
    return more ? std::vector<std::string>{"first", "second"}
                : std::vector<std::string>{"first"};
  };
  Make();
  const Roll started = Start();
  EXPECT_EQ(started.follow_ups.size(), 2u);
  more = true;
  const absl::StatusOr<Roll> confirmed = Confirm(started.id);
  ASSERT_EQ(confirmed->follow_ups.size(), 3u);
  EXPECT_EQ(confirmed->follow_ups[2].id, 3);
  EXPECT_EQ(confirmed->follow_ups[2].what, "second");
}

TEST_F(RollerTest, AFailedLookUpIsAFollowUpItself) {
  inputs_.follow_ups =
      [](const KeyId&) -> absl::StatusOr<std::vector<std::string>> {
    return absl::UnavailableError("down");
  };
  Make();
  EXPECT_TRUE(
      absl::StrContains(Start().follow_ups[0].what, "could not be looked up"));
}

TEST_F(RollerTest, OneKeyHasOneRollAtATime) {
  const Roll started = Start();
  const absl::Status again = TryStart(kOld).status();
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_TRUE(absl::StrContains(again.message(), started.id.view()));
  ASSERT_TRUE(Confirm(started.id).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(TryStart(kNew).status()));
  EXPECT_TRUE(TryStart(KeyId("mk_third")).ok());
  ASSERT_TRUE(roller_->Cancel(started.id, "ada", "wrong key", now_).ok());
  now_ += absl::Seconds(1);
  EXPECT_TRUE(TryStart(kOld).ok());
}

TEST_F(RollerTest, TestKeysHaveTheirOwnDashboard) {
  EXPECT_EQ(TryStart(KeyId("rk_test_...ab12"))->dashboard_url,
            "https://dashboard.stripe.com/test/apikeys");
  Roller::StartRequest request;
  request.key = KeyId("mk_1");
  request.actor = "ada";
  request.reason = "drill";
  request.test_mode = true;
  EXPECT_EQ(roller_->Start(request, now_)->dashboard_url,
            "https://dashboard.stripe.com/test/apikeys");
}

TEST_F(RollerTest, ConfirmingTwiceIsTheSameOrRefused) {
  const Roll started = Start();
  const absl::StatusOr<Roll> first = Confirm(started.id);
  now_ += absl::Minutes(1);
  const absl::StatusOr<Roll> again = Confirm(started.id);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->version, first->version);
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_expired mk_old");
  const absl::Status other =
      Confirm(started.id, absl::nullopt, KeyId("mk_other")).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_TRUE(
      absl::StrContains(other.message(), "confirmed with new key mk_new"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      Confirm(started.id, now_ + absl::Hours(1)).status()));
}

TEST_F(RollerTest, RefusesConfirmationsThatCannotBe) {
  const Roll started = Start();
  EXPECT_TRUE(absl::IsNotFound(Confirm(RollId("roll_0")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Confirm(started.id, absl::nullopt, kOld).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Confirm(started.id, absl::nullopt, KeyId("")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      Confirm(started.id, now_ - absl::Hours(1)).status()));
  const absl::Status far =
      Confirm(started.id, now_ + absl::Hours(7 * 24 + 1)).status();
  EXPECT_TRUE(absl::IsInvalidArgument(far));
  EXPECT_TRUE(absl::StrContains(far.message(), "7d")) << far;
  EXPECT_EQ(State(started.id), RollState::kAwaitingOperator);
  EXPECT_EQ(Lifecycle(now_ + absl::Hours(1000)), "");
  // The whole seven days, typed a moment ago.
  EXPECT_TRUE(
      Confirm(started.id, now_ + absl::Hours(7 * 24) + absl::Seconds(20)).ok());
}

TEST_F(RollerTest, PastedSecretsAreRefusedAndKeptNowhere) {
  const std::string secret =
      absl::StrCat("rk_live_", "51HabcDEFghiJKLmno0123456789W4ie");
  const Roll started = Start();
  Roller::StartRequest request;
  request.key = KeyId("mk_1");
  request.actor = "ada";
  request.reason = absl::StrCat("leaked: ", secret);
  for (const absl::Status& status :
       {TryStart(KeyId(secret)).status(),
        roller_->Start(request, now_).status(),
        Confirm(started.id, absl::nullopt, KeyId(secret)).status(),
        roller_->Cancel(started.id, "ada", secret, now_).status(),
        roller_->CloseFollowUp(started.id, 1, secret, now_).status()}) {
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_FALSE(absl::StrContains(status.ToString(), "51Habc"));
  }
  EXPECT_EQ(store_->ListRolls(false, 10)->size(), 1u);
  EXPECT_FALSE(absl::StrContains(Steps(started.id), "51Habc"));
}

TEST_F(RollerTest, StartWantsAKnownAlert) {
  Roller::StartRequest request;
  request.key = kOld;
  request.actor = "ada";
  request.reason = "alert";
  request.alert = AlertId("nowhere");
  EXPECT_TRUE(absl::IsNotFound(roller_->Start(request, now_).status()));
  ASSERT_TRUE(store_->RaiseAlert(SampleAlert(), "ada", kSampleTime).ok());
  request.alert = SampleAlert().id;
  EXPECT_TRUE(roller_->Start(request, now_).ok());
}

TEST_F(RollerTest, ANewKeyThatIsNotNewIsPointedOut) {
  KeyProfile profile;
  profile.key = kNew;
  profile.requests = 10;
  profile.first_seen_ms = kSampleTime - 86'400'000;
  profile.last_seen_ms = kSampleTime;
  CommitProfile(profile);
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  EXPECT_TRUE(absl::StrContains(Steps(started.id), "is it really the new one"));
}

TEST_F(RollerTest, CancellingSaysWhyAndToTheRules) {
  const Roll unconfirmed = Start();
  ASSERT_TRUE(roller_->Cancel(unconfirmed.id, "ada", "wrong key", now_).ok());
  EXPECT_EQ(State(unconfirmed.id), RollState::kCancelled);
  EXPECT_EQ(Lifecycle(now_), "");
  EXPECT_TRUE(roller_->Cancel(unconfirmed.id, "ada", "wrong key", now_).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(Confirm(unconfirmed.id).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      roller_->CloseFollowUp(unconfirmed.id, 1, "ada", now_).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      roller_->Cancel(unconfirmed.id, "ada", " ", now_).status()));

  now_ += absl::Seconds(1);
  const Roll confirmed = Start();
  ASSERT_TRUE(Confirm(confirmed.id).ok());
  now_ += absl::Seconds(1);
  ASSERT_TRUE(roller_->Cancel(confirmed.id, "ada", "mistake", now_).ok());
  EXPECT_EQ(Lifecycle(now_), "key_rolled mk_old, key_roll_cancelled mk_old");
  EXPECT_TRUE(roller_->WatchedKeys().empty());
}

TEST_F(RollerTest, FollowUpsAreClosedOnce) {
  const Roll started = Start();
  EXPECT_TRUE(absl::IsNotFound(
      roller_->CloseFollowUp(started.id, 9, "ada", now_).status()));
  const absl::StatusOr<Roll> closed =
      roller_->CloseFollowUp(started.id, 1, "ada", now_);
  ASSERT_TRUE(closed.ok());
  EXPECT_EQ(closed->follow_ups[0].closed_by, "ada");
  const absl::StatusOr<Roll> again =
      roller_->CloseFollowUp(started.id, 1, "bob", now_);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->follow_ups[0].closed_by, "ada");
  EXPECT_EQ(again->version, closed->version);
}

TEST_F(RollerTest, PeopleAndThePipelineMayActAtTheSameTime) {
  inputs_.follow_ups = [](const KeyId&) {
    std::vector<std::string> many;
    for (int i = 0; i < 19; ++i) many.push_back(absl::StrCat("check ", i));
    return many;
  };
  Make();
  const Roll started = Start();
  ASSERT_TRUE(Confirm(started.id).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t, id = started.id] {
      for (int64_t i = 1 + t; i <= 20; i += 4) {
        absl::Status status;
        do {
          status = roller_->CloseFollowUp(id, i, "ada", now_).status();
        } while (absl::IsAborted(status));
        EXPECT_TRUE(status.ok()) << status;
      }
    });
  }
  threads.emplace_back([this] {
    for (int i = 0; i < 50; ++i) {
      const EventTime at = ToEventTime(now_ + absl::Milliseconds(i));
      roller_->Observe(kNew.view(), at, KeyUse::kSucceeded);
      roller_->Observe(kOld.view(), at + 60'000, KeyUse::kRefused);
      roller_->Watches("mk_old");
      EXPECT_TRUE(roller_->RunOnce(now_).ok());
    }
  });
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(roller_->Flush(now_).ok());
  ReadUntil(now_ + absl::Hours(1));
  ASSERT_TRUE(roller_->RunOnce(now_).ok());
  const absl::StatusOr<Roll> roll = store_->GetRoll(started.id);
  EXPECT_EQ(roll->state, RollState::kCompleted);
  for (const RollFollowUp& follow_up : roll->follow_ups) {
    EXPECT_TRUE(follow_up.closed) << follow_up.what;
  }
}

}  // namespace
}  // namespace keywatch
