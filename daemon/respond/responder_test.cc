#include "daemon/respond/responder.h"

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/respond/sample_alert.h"
#include "daemon/store/failing_store.h"
#include "daemon/store/sqlite_store.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Answers by a function and keeps what it was told.
class FakeNotifier : public Notifier {
 public:
  explicit FakeNotifier(std::string name) : name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  absl::Status Notify(const Notification& notification) override {
    std::function<absl::Status(const Notification&)> answer;
    {
      absl::MutexLock lock(&mu_);
      told_.push_back(notification);
      answer = answer_;
    }
    return answer(notification);
  }
  absl::Duration refresh_interval() const override { return interval_; }
  absl::Status Refresh(const std::vector<Alert>& open_alerts,
                       absl::Time) override {
    absl::MutexLock lock(&mu_);
    std::vector<std::string> ids;
    for (const Alert& alert : open_alerts) {
      EXPECT_TRUE(alert.evidence.empty());
      ids.push_back(alert.id.str());
    }
    refreshes_.push_back(absl::StrJoin(ids, " "));
    return refresh_answer_;
  }

  void Answer(std::function<absl::Status(const Notification&)> answer) {
    absl::MutexLock lock(&mu_);
    answer_ = std::move(answer);
  }
  void Answer(absl::Status status) {
    Answer([status](const Notification&) { return status; });
  }
  // "event id" of what it was told since the last call.
  std::string Take() {
    absl::MutexLock lock(&mu_);
    std::vector<std::string> lines;
    for (const Notification& told : std::exchange(told_, {})) {
      lines.push_back(absl::StrCat(NotificationEventName(told.event), " ",
                                   told.alert.id.view()));
    }
    return absl::StrJoin(lines, ", ");
  }
  std::vector<Notification> told() {
    absl::MutexLock lock(&mu_);
    return told_;
  }

  absl::Duration interval_ = absl::InfiniteDuration();
  absl::Status refresh_answer_;
  std::vector<std::string> refreshes_;

 private:
  const std::string name_;
  absl::Mutex mu_;
  std::vector<Notification> told_;
  std::function<absl::Status(const Notification&)> answer_ =
      [](const Notification&) { return absl::OkStatus(); };
};

class ResponderTest : public testing::Test {
 protected:
  ResponderTest() : clock_(FromEventTime(kSampleTime)) {
    static int number = 0;
    SqliteStoreOptions options;
    options.directory = absl::StrCat(testing::TempDir(), "/responder_",
                                     getpid(), "_", ++number);
    absl::StatusOr<std::unique_ptr<SqliteStore>> store =
        SqliteStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = std::make_unique<FailingStore>(*std::move(store));
  }

  FakeNotifier* Add(const std::string& name) {
    auto notifier = std::make_unique<FakeNotifier>(name);
    FakeNotifier* raw = notifier.get();
    added_.push_back(std::move(notifier));
    return raw;
  }

  void Make() {
    responder_ = std::make_unique<Responder>(
        config_, std::move(added_), store_.get(), &clock_,
        [this](absl::LogSeverity, absl::string_view line) {
          absl::MutexLock lock(&mu_);
          log_.emplace_back(line);
        });
    added_.clear();
  }

  void Open(const std::string& id, std::vector<std::string> notify) {
    Alert alert = SampleAlert();
    alert.id = AlertId(id);
    alert.fingerprint = id;
    alert.notify = std::move(notify);
    const absl::StatusOr<Alert> raised =
        store_->RaiseAlert(alert, "test", ToEventTime(clock_.Now()));
    ASSERT_TRUE(raised.ok()) << raised.status();
  }

  void Resolve(const std::string& id) {
    const absl::StatusOr<Alert> resolved =
        store_->SetAlertState(AlertId(id), AlertState::kResolved, "ada",
                              "false alarm", 0, ToEventTime(clock_.Now()));
    ASSERT_TRUE(resolved.ok()) << resolved.status();
  }

  void RunAfter(absl::Duration wait) {
    clock_.Advance(wait);
    responder_->RunOnce(clock_.Now());
  }

  int64_t Pending() { return store_->CountOutbox()->pending; }
  int64_t Dead() { return store_->CountOutbox()->dead; }
  std::string Log() {
    absl::MutexLock lock(&mu_);
    return absl::StrJoin(std::exchange(log_, {}), "\n");
  }

  FakeClock clock_;
  ResponderConfig config_;
  std::unique_ptr<FailingStore> store_;
  std::vector<std::unique_ptr<Notifier>> added_;
  absl::Mutex mu_;
  std::vector<std::string> log_;
  std::unique_ptr<Responder> responder_;
};

TEST_F(ResponderTest, DeliversEachMessageOnce) {
  FakeNotifier* oncall = Add("oncall");
  FakeNotifier* audit = Add("audit");
  Make();
  Open("a", {"oncall", "audit"});
  Open("b", {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a, open b");
  EXPECT_EQ(audit->Take(), "open a");
  RunAfter(absl::Hours(1));
  EXPECT_EQ(oncall->Take(), "");
  EXPECT_EQ(Pending(), 0);
  const ResponderStats stats = responder_->Stats();
  ASSERT_EQ(stats.notifiers.size(), 2u);
  EXPECT_EQ(stats.notifiers[0].notifier, "oncall");
  EXPECT_EQ(stats.notifiers[0].sent, 2);
  EXPECT_EQ(stats.notifiers[0].failed, 0);
  EXPECT_EQ(stats.notifiers[0].last_success_ms, kSampleTime);
  EXPECT_EQ(stats.pending, 0);
}

TEST_F(ResponderTest, EveryAttemptCarriesTheSameKeyAndItsOwnTime) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::UnavailableError("down"));
  Make();
  Open("a", {"oncall"});
  responder_->RunOnce(clock_.Now());
  RunAfter(absl::Minutes(1));
  const std::vector<Notification> told = oncall->told();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_FALSE(told[0].idempotency_key.empty());
  EXPECT_EQ(told[0].idempotency_key, told[1].idempotency_key);
  EXPECT_EQ(told[0].created, told[1].created);
  EXPECT_EQ(told[1].now - told[0].now, absl::Minutes(1));
}

TEST_F(ResponderTest, RetriesWithBackoffUntilTheReceiverIsBack) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::UnavailableError("no route"));
  Make();
  Open("a", {"oncall"});
  std::vector<absl::Duration> waits;
  absl::Time last = clock_.Now();
  responder_->RunOnce(clock_.Now());
  oncall->Take();
  while (waits.size() < 10) {
    RunAfter(absl::Seconds(1));
    if (!oncall->Take().empty()) {
      waits.push_back(clock_.Now() - last);
      last = clock_.Now();
    }
  }
  for (size_t i = 0; i < waits.size(); ++i) {
    const absl::Duration full =
        std::min(absl::Seconds(5) * (1 << i), absl::Minutes(10));
    EXPECT_LE(waits[i], full + absl::Seconds(1)) << i;
    EXPECT_GE(waits[i], full * 0.75) << i;
  }
  EXPECT_EQ(Log(),
            "notifier oncall: does not work, will be tried again: "
            "no route");
  EXPECT_EQ(responder_->Stats().notifiers[0].consecutive_failures, 11);
  EXPECT_EQ(responder_->Stats().notifiers[0].last_error, "no route");
  EXPECT_EQ(responder_->Stats().oldest_pending_ms, kSampleTime);
  oncall->Answer(absl::OkStatus());
  RunAfter(absl::Minutes(10));
  EXPECT_EQ(oncall->Take(), "open a");
  EXPECT_EQ(Log(), "notifier oncall: works again");
  const DeliveryStats stats = responder_->Stats().notifiers[0];
  EXPECT_EQ(stats.sent, 1);
  EXPECT_EQ(stats.failed, 11);
  EXPECT_EQ(stats.retries, 11);
  EXPECT_EQ(stats.consecutive_failures, 0);
  EXPECT_EQ(stats.last_error, "");
}

TEST_F(ResponderTest, ADeadReceiverIsProbedWithOneMessageNotWithAll) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::DeadlineExceededError("timed out"));
  Make();
  for (int i = 0; i < 50; ++i) Open(absl::StrCat("a", i), {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->told().size(), 1u);
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(oncall->told().size(), 1u) << "it pauses";
  // Back again: the rest goes out within a minute.
  oncall->Answer(absl::OkStatus());
  RunAfter(absl::Minutes(1));
  EXPECT_EQ(Pending(), 0);
}

// What waited for a dead receiver was read for all others, up to a limit.
TEST_F(ResponderTest, AFloodForADeadReceiverHoldsUpNoOther) {
  Add("down")->Answer(absl::UnavailableError("refused"));
  FakeNotifier* oncall = Add("oncall");
  Make();
  const absl::StatusOr<PartitionState> partition =
      store_->OpenPartition("p", "test", [](const StateRow&) {});
  ASSERT_TRUE(partition.ok()) << partition.status();
  CheckpointBatch batch;
  batch.now_ms = ToEventTime(clock_.Now());
  for (int i = 0; i < 12000; ++i) {
    AlertUpsert upsert;
    upsert.alert = SampleAlert();
    upsert.alert.evidence.clear();
    upsert.alert.id = AlertId(absl::StrCat("flood", i));
    upsert.notify = {"down"};
    batch.alerts.push_back(std::move(upsert));
  }
  ASSERT_TRUE(store_->Checkpoint("p", partition->epoch, batch).ok());
  Open("a", {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a");
}

TEST_F(ResponderTest, WaitsAsLongAsTheReceiverAsks) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(WithRetryAfter(absl::ResourceExhaustedError("slow down"),
                                absl::Minutes(30)));
  Make();
  Open("a", {"oncall"});
  responder_->RunOnce(clock_.Now());
  oncall->Take();
  oncall->Answer(absl::OkStatus());
  Open("b", {"oncall"});
  RunAfter(absl::Minutes(29));
  EXPECT_EQ(oncall->Take(), "");
  RunAfter(absl::Minutes(1));
  EXPECT_EQ(oncall->Take(), "open a, open b");
}

// A single 410 dropped this message and all after it.
TEST_F(ResponderTest, MessagesToAReceiverThatIsGoneWaitForIt) {
  FakeNotifier* oncall = Add("oncall");
  HttpResponse gone;
  gone.status = 410;
  oncall->Answer(StatusOfResponse(gone, clock_.Now(), "https://h"));
  Make();
  Open("a", {"oncall"});
  Open("b", {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a");
  EXPECT_EQ(Dead(), 0);
  EXPECT_EQ(responder_->Stats().notifiers[0].consecutive_failures, 1);
  EXPECT_TRUE(absl::StrContains(Log(), "answered 410"));
  oncall->Answer(absl::OkStatus());
  RunAfter(kGoneWait - absl::Seconds(1));
  EXPECT_EQ(oncall->Take(), "");
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(oncall->Take(), "open a, open b");
}

TEST_F(ResponderTest, ARefusedMessageIsGivenUpAtOnceAndHoldsUpNoOther) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer([](const Notification& notification) {
    return notification.alert.id == AlertId("a")
               ? absl::InvalidArgumentError("bad alert")
               : absl::OkStatus();
  });
  Make();
  Open("a", {"oncall"});
  Open("b", {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a, open b");
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(Dead(), 1);
  EXPECT_EQ(responder_->Stats().notifiers[0].dead, 1);
  EXPECT_EQ(responder_->Stats().dead, 1);
  EXPECT_TRUE(absl::StrContains(
      Log(), "message \"open\" about alert a was not delivered: bad alert"));
  RunAfter(absl::Hours(1));
  EXPECT_EQ(oncall->Take(), "");
}

TEST_F(ResponderTest, GivesUpAfterThreeDaysOfAttempts) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::UnavailableError("down"));
  Make();
  Open("a", {"oncall"});
  for (int i = 0; i < 3 * 24 * 6 - 1; ++i) RunAfter(absl::Minutes(10));
  EXPECT_EQ(Dead(), 0);
  RunAfter(absl::Minutes(20));
  EXPECT_EQ(Dead(), 1);
  EXPECT_TRUE(absl::StrContains(Log(), "given up after"));
}

TEST_F(ResponderTest, AMessageOfALongOutageStillGetsItsAttempts) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::UnavailableError("not up yet"));
  Make();
  Open("a", {"oncall"});
  clock_.Advance(absl::Hours(24 * 14));
  for (int i = 0; i < 5; ++i) RunAfter(absl::Minutes(10));
  EXPECT_EQ(Dead(), 0);
  oncall->Answer(absl::OkStatus());
  RunAfter(absl::Minutes(10));
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(Dead(), 0);
}

TEST_F(ResponderTest, MessagesAboutOneAlertKeepTheirOrder) {
  FakeNotifier* oncall = Add("oncall");
  oncall->Answer(absl::UnavailableError("down"));
  Make();
  Open("a", {"oncall"});
  Resolve("a");
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a");
  oncall->Answer(absl::OkStatus());
  RunAfter(absl::Minutes(1));
  EXPECT_EQ(oncall->Take(), "open a, resolve a");
}

TEST_F(ResponderTest, DeliversAFloodAndDoesNotStopAtABatch) {
  FakeNotifier* oncall = Add("oncall");
  Make();
  for (int i = 0; i < 250; ++i) Open(absl::StrCat("a", i), {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->told().size(), 250u);
  EXPECT_EQ(Pending(), 0);
}

TEST_F(ResponderTest, ADeadNotifierWithAnOlderBacklogStarvesNobody) {
  FakeNotifier* dead = Add("dead");
  FakeNotifier* alive = Add("alive");
  dead->Answer(absl::UnavailableError("down"));
  Make();
  for (int i = 0; i < 450; ++i) Open(absl::StrCat("a", i), {"dead"});
  Open("b", {"alive"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(alive->Take(), "open b");
}

TEST_F(ResponderTest, RefreshesWithWhatIsOpenAndItsOwn) {
  FakeNotifier* oncall = Add("oncall");
  oncall->interval_ = absl::Minutes(1);
  Make();
  Open("a", {"oncall"});
  Open("b", {"other"});
  Open("c", {"oncall", "other"});
  Resolve("c");
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->refreshes_, (std::vector<std::string>{"a"}));
  RunAfter(absl::Seconds(59));
  EXPECT_EQ(oncall->refreshes_.size(), 1u);
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(oncall->refreshes_.size(), 2u);
  EXPECT_EQ(responder_->Stats().notifiers[0].refreshes, 2);
}

TEST_F(ResponderTest, RefreshesBeforeTheFirstMessage) {
  FakeNotifier* oncall = Add("oncall");
  oncall->interval_ = absl::Minutes(1);
  size_t refreshes_before = 99;
  oncall->Answer([&](const Notification&) {
    refreshes_before = oncall->refreshes_.size();
    return absl::OkStatus();
  });
  Make();
  Open("a", {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(refreshes_before, 1u);
}

TEST_F(ResponderTest, AFailedRefreshIsCountedLoggedOnceAndDoneAgain) {
  FakeNotifier* oncall = Add("oncall");
  oncall->interval_ = absl::Minutes(1);
  oncall->refresh_answer_ = absl::UnavailableError("down");
  Make();
  for (int i = 0; i < 3; ++i) RunAfter(absl::Minutes(1));
  EXPECT_EQ(oncall->refreshes_.size(), 3u);
  EXPECT_EQ(responder_->Stats().notifiers[0].refresh_failures, 3);
  const std::string log = Log();
  EXPECT_TRUE(absl::StrContains(log, "could not all be sent again: down"));
  EXPECT_EQ(log.find('\n'), std::string::npos);
}

TEST_F(ResponderTest, ADeliveryThatTheStoreDidNotHearOfIsNotRepeated) {
  FakeNotifier* oncall = Add("oncall");
  Make();
  Open("a", {"oncall"});
  store_->Fail("OutboxDone", 1, absl::ResourceExhaustedError("disk full"),
               FailingStore::When::kBefore, 3);
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->Take(), "open a");
  EXPECT_EQ(Pending(), 1);
  RunAfter(absl::Seconds(1));
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(Pending(), 1);
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(oncall->Take(), "");
}

// Each message waited for a commit of its own before the next one went out.
TEST_F(ResponderTest, MessagesThatGoOutTogetherAreRecordedTogether) {
  FakeNotifier* oncall = Add("oncall");
  Make();
  for (const char* alert : {"a", "b", "c"}) Open(alert, {"oncall"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(oncall->told().size(), 3u);
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(store_->Calls("OutboxDone"), 1);
}

TEST_F(ResponderTest, ACrashAfterTheDeliveryRepeatsItWithTheSameKey) {
  FakeNotifier* before = Add("oncall");
  Make();
  Open("a", {"oncall"});
  store_->Fail("OutboxDone", 1, absl::UnavailableError("killed"));
  responder_->RunOnce(clock_.Now());
  ASSERT_EQ(before->told().size(), 1u);
  const std::string key = before->told()[0].idempotency_key;
  FakeNotifier* after = Add("oncall");
  Make();
  responder_->RunOnce(clock_.Now());
  ASSERT_EQ(after->told().size(), 1u);
  EXPECT_EQ(after->told()[0].idempotency_key, key);
  EXPECT_EQ(Pending(), 0);
}

TEST_F(ResponderTest, AStoreThatFailsIsAskedAgainAndLoggedOnce) {
  FakeNotifier* oncall = Add("oncall");
  Make();
  Open("a", {"oncall"});
  store_->Fail("DueOutbox", 1, absl::UnavailableError("busy"),
               FailingStore::When::kBefore, 3);
  for (int i = 0; i < 3; ++i) RunAfter(absl::Seconds(1));
  EXPECT_EQ(oncall->Take(), "");
  EXPECT_EQ(Log(), "notifier oncall: the store does not answer: busy");
  RunAfter(absl::Seconds(1));
  EXPECT_EQ(oncall->Take(), "open a");
}

TEST_F(ResponderTest, MessagesToAnUnknownNotifierWaitForItThenAreGivenUp) {
  Make();
  Open("a", {"removed"});
  responder_->RunOnce(clock_.Now());
  EXPECT_EQ(Pending(), 1);
  EXPECT_EQ(Log(),
            "no notifier named \"removed\" is configured: messages to it wait "
            "for one");
  // A restart with it in the configuration delivers.
  FakeNotifier* removed = Add("removed");
  Make();
  RunAfter(absl::Hours(1));
  EXPECT_EQ(removed->Take(), "open a");

  Open("b", {"removed"});
  Make();
  for (int i = 0; i < 80; ++i) RunAfter(absl::Hours(1));
  EXPECT_EQ(Pending(), 0);
  EXPECT_EQ(Dead(), 1);
}

TEST_F(ResponderTest, ThreadsDeliverWithoutBeingWoken) {
  FakeNotifier* oncall = Add("oncall");
  Make();
  responder_->Start();
  Open("a", {"oncall"});
  while (Pending() > 0) {
    clock_.Advance(absl::Seconds(1));
    absl::SleepFor(absl::Milliseconds(1));
  }
  responder_->Stop();
  EXPECT_EQ(oncall->Take(), "open a");
}

TEST_F(ResponderTest, WakeDeliversWithoutWaitingForThePoll) {
  FakeNotifier* oncall = Add("oncall");
  absl::Notification delivered;
  oncall->Answer([&delivered](const Notification&) {
    delivered.Notify();
    return absl::OkStatus();
  });
  config_.poll_interval = absl::Hours(1);
  Make();
  responder_->Start();
  Open("a", {"oncall"});
  responder_->Wake();
  EXPECT_TRUE(delivered.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST_F(ResponderTest, ANotifierThatHangsHoldsUpNobodyElse) {
  FakeNotifier* hanging = Add("hanging");
  FakeNotifier* alive = Add("alive");
  absl::Notification entered;
  absl::Notification release;
  hanging->Answer([&](const Notification&) {
    entered.Notify();
    release.WaitForNotification();
    return absl::OkStatus();
  });
  std::atomic<int> delivered{0};
  alive->Answer([&delivered](const Notification&) {
    ++delivered;
    return absl::OkStatus();
  });
  Make();
  Open("a", {"hanging"});
  responder_->Start();
  entered.WaitForNotification();
  for (int i = 0; i < 20; ++i) Open(absl::StrCat("b", i), {"alive"});
  responder_->Wake();
  for (int i = 0; i < 30'000 && delivered < 20; ++i) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(delivered, 20);
  release.Notify();
  responder_->Stop();
  EXPECT_EQ(Pending(), 0);
}

TEST_F(ResponderTest, StopEndsThreadsThatSleep) {
  Add("oncall");
  config_.poll_interval = absl::Hours(1);
  Make();
  responder_->Start();
  responder_->Stop();
  responder_->Stop();
}

}  // namespace
}  // namespace keywatch
