#include "daemon/serve/rpc.h"

#include <algorithm>

#include "daemon/core/utf8.h"

namespace keywatch {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The numbers of both enumerations are the same by definition.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      ToValidUtf8(status.message()));
}

absl::string_view GrpcCodeName(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "Canceled";
    case absl::StatusCode::kInvalidArgument:
      return "InvalidArgument";
    case absl::StatusCode::kDeadlineExceeded:
      return "DeadlineExceeded";
    case absl::StatusCode::kNotFound:
      return "NotFound";
    case absl::StatusCode::kAlreadyExists:
      return "AlreadyExists";
    case absl::StatusCode::kPermissionDenied:
      return "PermissionDenied";
    case absl::StatusCode::kResourceExhausted:
      return "ResourceExhausted";
    case absl::StatusCode::kFailedPrecondition:
      return "FailedPrecondition";
    case absl::StatusCode::kAborted:
      return "Aborted";
    case absl::StatusCode::kOutOfRange:
      return "OutOfRange";
    case absl::StatusCode::kUnimplemented:
      return "Unimplemented";
    case absl::StatusCode::kInternal:
      return "Internal";
    case absl::StatusCode::kUnavailable:
      return "Unavailable";
    case absl::StatusCode::kDataLoss:
      return "DataLoss";
    case absl::StatusCode::kUnauthenticated:
      return "Unauthenticated";
    default:
      return "Unknown";
  }
}

grpc::Status RpcRunner::Run(grpc::ServerContext* context,
                            absl::string_view service, absl::string_view method,
                            bool stream,
                            const std::function<absl::Status()>& body) const {
  const absl::Time start = clock_->Now();
  absl::Status status = access_->Allow(*context, method);
  // A call that waited for a thread until its deadline passed must not act.
  if (context->IsCancelled()) {
    status = absl::CancelledError("the client gave up before the call began");
  }
  if (status.ok()) status = body();
  metrics_->RpcFinished(service, method, GrpcCodeName(status.code()),
                        std::max(clock_->Now() - start, absl::ZeroDuration()),
                        stream);
  return ToGrpcStatus(status);
}

}  // namespace keywatch
