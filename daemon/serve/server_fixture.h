#ifndef DAEMON_SERVE_SERVER_FIXTURE_H_
#define DAEMON_SERVE_SERVER_FIXTURE_H_

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "daemon/core/fake_clock.h"
#include "daemon/core/time.h"
#include "daemon/metrics/metrics.h"
#include "daemon/respond/roller.h"
#include "daemon/serve/fake_status_provider.h"
#include "daemon/serve/grpc_server.h"
#include "daemon/store/sqlite_store.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// A real server over a real store in a scratch directory, and stubs to call it
// over loopback. The clock stands at 2026-08-03T14:00:00Z.
class ServerTest : public ::testing::Test {
 protected:
  static constexpr EventTime kNow = 1785765600000;

  ServerTest()
      : clock_(FromEventTime(kNow)), metrics_({"1.2.3", ""}, clock_.Now()) {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/serveXXXXXX");
    directory_ = mkdtemp(&pattern[0]);
    SqliteStoreOptions store_options;
    store_options.directory = directory_ + "/state";
    auto store = SqliteStore::Open(store_options);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    roller_ = std::make_unique<Roller>(RollerConfig(), store_.get(),
                                       Roller::Inputs());
    options_.tcp_address = "127.0.0.1:0";
    options_.allow_unauthenticated = true;
    options_.notifiers = {"oncall", "audit"};
    options_.default_notify = {"oncall"};
  }

  absl::StatusOr<std::unique_ptr<GrpcServer>> Create(
      const GrpcServer::Options& options) {
    GrpcServer::Dependencies dependencies;
    dependencies.store = store_.get();
    dependencies.status = &status_;
    dependencies.roller = roller_.get();
    dependencies.metrics = &metrics_;
    dependencies.clock = &clock_;
    dependencies.redact = [](absl::string_view text) {
      return absl::StrReplaceAll(text,
                                 {{"sk_live_secret", "sk_live:f00:cret"}});
    };
    return GrpcServer::Create(options, std::move(dependencies));
  }

  void Start() {
    auto server = Create(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                   grpc::InsecureChannelCredentials());
    alerts_ = v1::AlertService::NewStub(channel_);
    keys_ = v1::KeyService::NewStub(channel_);
    rolls_ = v1::RollService::NewStub(channel_);
    rules_ = v1::RuleService::NewStub(channel_);
    daemon_ = v1::StatusService::NewStub(channel_);
  }

  // Commits a batch as the engine would.
  void Commit(CheckpointBatch batch) {
    auto partition =
        store_->OpenPartition("local", "test", [](const StateRow&) {});
    ASSERT_TRUE(partition.ok());
    batch.now_ms = kNow;
    const absl::Status status =
        store_->Checkpoint("local", partition->epoch, batch);
    ASSERT_TRUE(status.ok()) << status;
  }
  void CommitAlerts(const std::vector<Alert>& alerts) {
    CheckpointBatch batch;
    for (const Alert& alert : alerts) batch.alerts.push_back({alert, {}});
    Commit(std::move(batch));
  }

  // An alert whose id is `digit` 32 times, `minutes` old.
  static Alert MakeAlert(char digit, int minutes, Level level = Level::kHigh) {
    Alert alert;
    alert.id = AlertId(std::string(32, digit));
    alert.rule_id = RuleId("r-1");
    alert.rule_name = "key_probing";
    alert.title = absl::StrCat("Key is probed ", std::string(1, digit));
    alert.level = level;
    alert.key = KeyId("mk_A");
    alert.first_fire_ms = kNow - minutes * 60'000;
    alert.first_event_ms = alert.first_fire_ms - 1000;
    alert.last_event_ms = alert.first_fire_ms;
    alert.count = 6;
    alert.evidence = {{"ev1", alert.first_event_ms, {{"url.path", "/v1/x"}}}};
    return alert;
  }

  std::string directory_;
  FakeClock clock_;
  Metrics metrics_;
  FakeStatusProvider status_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<Roller> roller_;
  GrpcServer::Options options_;
  std::unique_ptr<GrpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AlertService::Stub> alerts_;
  std::unique_ptr<v1::KeyService::Stub> keys_;
  std::unique_ptr<v1::RollService::Stub> rolls_;
  std::unique_ptr<v1::RuleService::Stub> rules_;
  std::unique_ptr<v1::StatusService::Stub> daemon_;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_SERVER_FIXTURE_H_
