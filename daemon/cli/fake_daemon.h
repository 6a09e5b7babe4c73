#ifndef DAEMON_CLI_FAKE_DAEMON_H_
#define DAEMON_CLI_FAKE_DAEMON_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// FakeDaemon answers the API with what a test put into it, on a real port, and
// keeps the last request of each kind. Calls come one at a time.
class FakeDaemon {
 public:
  FakeDaemon() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(&alerts);
    builder.RegisterService(&keys);
    builder.RegisterService(&rolls);
    builder.RegisterService(&rules);
    builder.RegisterService(&status);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  void Stop() { server_->Shutdown(); }

  // How every call ends.
  grpc::Status ending;

  class Alerts : public v1::AlertService::Service {
   public:
    explicit Alerts(const grpc::Status* ending) : ending_(ending) {}
    grpc::Status ListAlerts(grpc::ServerContext*,
                            const v1::ListAlertsRequest* request,
                            v1::ListAlertsResponse* response) override {
      list_request = *request;
      // Two pages when there is more than one alert.
      const bool second = !request->page_token().empty();
      const int half = list.alerts_size() / 2;
      for (int i = second ? half : 0;
           i < (second || half == 0 ? list.alerts_size() : half); ++i) {
        *response->add_alerts() = list.alerts(i);
      }
      if (!second && half > 0) response->set_next_page_token("second");
      return *ending_;
    }
    grpc::Status GetAlert(grpc::ServerContext* context,
                          const v1::GetAlertRequest* request,
                          v1::GetAlertResponse* response) override {
      authorization.clear();
      for (const auto& [name, value] : context->client_metadata()) {
        if (name == "authorization") {
          authorization.assign(value.data(), value.size());
        }
      }
      get_request = *request;
      *response = get;
      return *ending_;
    }
    grpc::Status WatchAlerts(
        grpc::ServerContext*, const v1::WatchAlertsRequest* request,
        grpc::ServerWriter<v1::WatchAlertsResponse>* writer) override {
      watch_request = *request;
      for (const v1::WatchAlertsResponse& message : watch) {
        writer->Write(message);
      }
      return *ending_;
    }
    grpc::Status AcknowledgeAlert(
        grpc::ServerContext*, const v1::AcknowledgeAlertRequest* request,
        v1::AcknowledgeAlertResponse* response) override {
      acknowledge_request = *request;
      *response->mutable_alert() = get.alert();
      response->mutable_alert()->set_state(v1::ALERT_STATE_ACKNOWLEDGED);
      return request->id() == "0000"
                 ? grpc::Status(grpc::StatusCode::NOT_FOUND,
                                "no alert begins with \"0000\"")
                 : *ending_;
    }
    grpc::Status ResolveAlert(grpc::ServerContext*,
                              const v1::ResolveAlertRequest* request,
                              v1::ResolveAlertResponse* response) override {
      resolve_request = *request;
      *response->mutable_alert() = get.alert();
      response->mutable_alert()->set_state(v1::ALERT_STATE_RESOLVED);
      return *ending_;
    }
    grpc::Status RaiseAlert(grpc::ServerContext*,
                            const v1::RaiseAlertRequest* request,
                            v1::RaiseAlertResponse* response) override {
      raise_request = *request;
      *response->mutable_alert() = get.alert();
      response->mutable_alert()->set_title(request->title());
      return *ending_;
    }

    v1::ListAlertsResponse list;
    v1::GetAlertResponse get;
    std::vector<v1::WatchAlertsResponse> watch;
    v1::ListAlertsRequest list_request;
    std::string authorization;  // of the last GetAlert
    v1::GetAlertRequest get_request;
    v1::WatchAlertsRequest watch_request;
    v1::AcknowledgeAlertRequest acknowledge_request;
    v1::ResolveAlertRequest resolve_request;
    v1::RaiseAlertRequest raise_request;

   private:
    const grpc::Status* const ending_;
  };

  class Keys : public v1::KeyService::Service {
   public:
    explicit Keys(const grpc::Status* ending) : ending_(ending) {}
    grpc::Status ListKeys(grpc::ServerContext*,
                          const v1::ListKeysRequest* request,
                          v1::ListKeysResponse* response) override {
      list_request = *request;
      *response = list;
      return *ending_;
    }
    grpc::Status GetKey(grpc::ServerContext*, const v1::GetKeyRequest* request,
                        v1::GetKeyResponse* response) override {
      get_request = *request;
      *response = get;
      return get_ending.ok() ? *ending_ : get_ending;
    }

    grpc::Status get_ending;  // of GetKey alone
    v1::ListKeysResponse list;
    v1::GetKeyResponse get;
    v1::ListKeysRequest list_request;
    v1::GetKeyRequest get_request;

   private:
    const grpc::Status* const ending_;
  };

  class Rolls : public v1::RollService::Service {
   public:
    explicit Rolls(const grpc::Status* ending) : ending_(ending) {}
    grpc::Status StartRoll(grpc::ServerContext*,
                           const v1::StartRollRequest* request,
                           v1::StartRollResponse* response) override {
      start_request = *request;
      *response->mutable_roll() = get.roll();
      *response->mutable_instructions() = get.instructions();
      return *ending_;
    }
    grpc::Status ConfirmRoll(grpc::ServerContext*,
                             const v1::ConfirmRollRequest* request,
                             v1::ConfirmRollResponse* response) override {
      confirm_request = *request;
      *response->mutable_roll() = get.roll();
      *response->mutable_instructions() = get.instructions();
      return *ending_;
    }
    grpc::Status GetRoll(grpc::ServerContext*, const v1::GetRollRequest*,
                         v1::GetRollResponse* response) override {
      *response = get;
      return *ending_;
    }
    grpc::Status ListRolls(grpc::ServerContext*,
                           const v1::ListRollsRequest* request,
                           v1::ListRollsResponse* response) override {
      list_request = *request;
      *response->add_rolls() = get.roll();
      return *ending_;
    }
    grpc::Status CloseFollowUp(grpc::ServerContext*,
                               const v1::CloseFollowUpRequest* request,
                               v1::CloseFollowUpResponse* response) override {
      close_request = *request;
      *response->mutable_roll() = get.roll();
      return *ending_;
    }
    grpc::Status CancelRoll(grpc::ServerContext*,
                            const v1::CancelRollRequest* request,
                            v1::CancelRollResponse* response) override {
      cancel_request = *request;
      *response->mutable_roll() = get.roll();
      return *ending_;
    }

    v1::GetRollResponse get;
    v1::StartRollRequest start_request;
    v1::ConfirmRollRequest confirm_request;
    v1::ListRollsRequest list_request;
    v1::CloseFollowUpRequest close_request;
    v1::CancelRollRequest cancel_request;

   private:
    const grpc::Status* const ending_;
  };

  class Rules : public v1::RuleService::Service {
   public:
    explicit Rules(const grpc::Status* ending) : ending_(ending) {}
    grpc::Status ListRules(grpc::ServerContext*, const v1::ListRulesRequest*,
                           v1::ListRulesResponse* response) override {
      *response = list;
      return *ending_;
    }
    grpc::Status ReloadRules(grpc::ServerContext*,
                             const v1::ReloadRulesRequest* request,
                             v1::ReloadRulesResponse* response) override {
      reload_request = *request;
      *response = reload;
      return *ending_;
    }

    v1::ListRulesResponse list;
    v1::ReloadRulesResponse reload;
    v1::ReloadRulesRequest reload_request;

   private:
    const grpc::Status* const ending_;
  };

  class Status : public v1::StatusService::Service {
   public:
    explicit Status(const grpc::Status* ending) : ending_(ending) {}
    grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                           v1::GetStatusResponse* response) override {
      *response = get;
      return *ending_;
    }
    grpc::Status ListRejects(grpc::ServerContext*,
                             const v1::ListRejectsRequest*,
                             v1::ListRejectsResponse* response) override {
      *response = rejects;
      return *ending_;
    }
    grpc::Status ListGaps(grpc::ServerContext*,
                          const v1::ListGapsRequest* request,
                          v1::ListGapsResponse* response) override {
      gaps_request = *request;
      *response = gaps;
      return *ending_;
    }
    grpc::Status GetCoverage(grpc::ServerContext*,
                             const v1::GetCoverageRequest* request,
                             v1::GetCoverageResponse* response) override {
      coverage_request = *request;
      *response = coverage;
      return *ending_;
    }

    v1::GetStatusResponse get;
    v1::GetCoverageResponse coverage;
    v1::GetCoverageRequest coverage_request;
    v1::ListRejectsResponse rejects;
    v1::ListGapsResponse gaps;
    v1::ListGapsRequest gaps_request;

   private:
    const grpc::Status* const ending_;
  };

  Alerts alerts{&ending};
  Keys keys{&ending};
  Rolls rolls{&ending};
  Rules rules{&ending};
  Status status{&ending};

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace keywatch

#endif  // DAEMON_CLI_FAKE_DAEMON_H_
