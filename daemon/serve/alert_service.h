#ifndef DAEMON_SERVE_ALERT_SERVICE_H_
#define DAEMON_SERVE_ALERT_SERVICE_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/core/alert.h"
#include "daemon/core/clock.h"
#include "daemon/serve/alert_feed.h"
#include "daemon/serve/request_text.h"
#include "daemon/serve/rpc.h"
#include "daemon/store/store.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// AlertService serves keywatch.v1.AlertService from the store. A watcher holds
// one thread as long as it watches, so their number is limited. Thread-safe.
class AlertService final : public v1::AlertService::Service {
 public:
  struct Options {
    int max_watchers = 64;
    // The notifiers there are, and those that an alert raised by hand goes to
    // when its request names none.
    std::vector<std::string> notifiers;
    std::vector<std::string> default_notify;
  };

  // All pointers must outlive the service.
  AlertService(Options options, Store* store, AlertFeed* feed, Clock* clock,
               const RequestText* text, const RpcRunner* runner);

  grpc::Status ListAlerts(grpc::ServerContext* context,
                          const v1::ListAlertsRequest* request,
                          v1::ListAlertsResponse* response) override;
  grpc::Status GetAlert(grpc::ServerContext* context,
                        const v1::GetAlertRequest* request,
                        v1::GetAlertResponse* response) override;
  grpc::Status WatchAlerts(
      grpc::ServerContext* context, const v1::WatchAlertsRequest* request,
      grpc::ServerWriter<v1::WatchAlertsResponse>* writer) override;
  grpc::Status AcknowledgeAlert(
      grpc::ServerContext* context, const v1::AcknowledgeAlertRequest* request,
      v1::AcknowledgeAlertResponse* response) override;
  grpc::Status ResolveAlert(grpc::ServerContext* context,
                            const v1::ResolveAlertRequest* request,
                            v1::ResolveAlertResponse* response) override;
  grpc::Status RaiseAlert(grpc::ServerContext* context,
                          const v1::RaiseAlertRequest* request,
                          v1::RaiseAlertResponse* response) override;

 private:
  absl::StatusOr<AlertId> FindId(const std::string& text);
  template <typename Request>
  absl::StatusOr<Alert> SetState(const Request& request,
                                 const std::string& claimed, AlertState state);
  absl::StatusOr<Alert> MakeAlert(const v1::RaiseAlertRequest& request,
                                  const std::string& actor);
  absl::Status Watch(grpc::ServerContext* context,
                     const v1::WatchAlertsRequest& request,
                     grpc::ServerWriter<v1::WatchAlertsResponse>* writer);

  const Options options_;
  Store* const store_;
  AlertFeed* const feed_;
  Clock* const clock_;
  const RequestText* const text_;
  const RpcRunner* const runner_;
  std::atomic<int> watchers_{0};
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_ALERT_SERVICE_H_
