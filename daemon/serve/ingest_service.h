#ifndef DAEMON_SERVE_INGEST_SERVICE_H_
#define DAEMON_SERVE_INGEST_SERVICE_H_

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/ingest/push_queue.h"
#include "daemon/serve/rpc.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {

// IngestService implements keywatch.v1.IngestService: takes records that are
// pushed, and acknowledges them when they are committed. Thread-safe.
class IngestService final : public v1::IngestService::Service {
 public:
  // The queue of a configured source: NOT_FOUND for an unknown one,
  // FAILED_PRECONDITION for one of another type. Queues outlive the service.
  using FindQueue =
      std::function<absl::StatusOr<PushQueue*>(absl::string_view source)>;

  // `runner` must outlive the service.
  IngestService(FindQueue find_queue, int max_senders, const RpcRunner* runner)
      : find_queue_(std::move(find_queue)),
        max_senders_(max_senders),
        runner_(runner) {}

  grpc::Status PushRecords(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::PushRecordsResponse, v1::PushRecordsRequest>*
          stream) override;

  // Ends all streams.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Stream =
      grpc::ServerReaderWriter<v1::PushRecordsResponse, v1::PushRecordsRequest>;

  absl::Status Serve(grpc::ServerContext* context, Stream* stream);

  const FindQueue find_queue_;
  const int max_senders_;
  const RpcRunner* const runner_;

  absl::Mutex mu_;
  absl::flat_hash_set<grpc::ServerContext*> senders_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keywatch

#endif  // DAEMON_SERVE_INGEST_SERVICE_H_
