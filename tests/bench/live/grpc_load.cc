// Calls the daemon's API as fast as it answers, and answers as fast as gRPC does:
//
//   grpc_load push ADDRESS SOURCE LOG BATCH_BYTES
//       pushes the lines of LOG on one stream, in batches of about that size, and
//       prints {"events": N, "seconds": S}, from the first batch to the
//       acknowledgement of the last one
//   grpc_load unary ADDRESS ALERT SECONDS
//       gets the alert again and again, one call after the other, and prints
//       {"calls": N, "seconds": S, "p50_us": P, "p99_us": P}
//   grpc_load echo ADDRESS ALERT
//       gets the alert from the daemon once, then serves it on another port, which
//       it prints, with nothing but gRPC behind it; ends with its standard input

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "grpc_load: %s\n", message.c_str());
  std::exit(1);
}

void Check(const grpc::Status& status) {
  if (!status.ok()) Fail(status.error_message());
}

double Since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

std::shared_ptr<grpc::Channel> Connect(const char* address) {
  return grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
}

std::vector<v1::PushRecordsRequest> ReadBatches(const char* source,
                                                const char* path, size_t bytes,
                                                int64_t* events) {
  std::ifstream log(path);
  std::vector<v1::PushRecordsRequest> batches;
  size_t size = bytes;
  std::string line;
  while (std::getline(log, line)) {
    if (size >= bytes) {
      batches.emplace_back();
      batches.back().set_source_id(source);
      batches.back().set_batch(static_cast<int64_t>(batches.size()));
      size = 0;
    }
    size += line.size();
    ++*events;
    batches.back().add_records(std::move(line));
  }
  if (batches.empty()) Fail(std::string(path) + " has no lines");
  return batches;
}

void Push(const char* address, const char* source, const char* log,
          const char* batch_bytes) {
  int64_t events = 0;
  const std::vector<v1::PushRecordsRequest> batches = ReadBatches(
      source, log, std::strtoull(batch_bytes, nullptr, 10), &events);
  const auto stub = v1::IngestService::NewStub(Connect(address));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  auto stream = stub->PushRecords(&context);
  // The first one opens the connection.
  if (!stream->Write(batches[0])) Check(stream->Finish());
  const auto begin = Clock::now();
  int64_t acknowledged = 0;
  std::thread reader([&] {
    v1::PushRecordsResponse response;
    while (stream->Read(&response)) acknowledged = response.batch();
  });
  for (size_t i = 1; i < batches.size(); ++i) {
    if (!stream->Write(batches[i])) break;
  }
  stream->WritesDone();
  reader.join();
  const double seconds = Since(begin);
  Check(stream->Finish());
  if (acknowledged != static_cast<int64_t>(batches.size())) {
    Fail("not all batches were acknowledged");
  }
  std::printf("{\"events\": %lld, \"seconds\": %.6f}\n",
              static_cast<long long>(events), seconds);
}

v1::GetAlertResponse GetAlert(v1::AlertService::Stub* stub,
                              const v1::GetAlertRequest& request) {
  grpc::ClientContext context;
  v1::GetAlertResponse response;
  Check(stub->GetAlert(&context, request, &response));
  return response;
}

void Unary(const char* address, const char* alert, const char* seconds_text) {
  const double seconds = std::strtod(seconds_text, nullptr);
  const auto stub = v1::AlertService::NewStub(Connect(address));
  v1::GetAlertRequest request;
  request.set_id(alert);
  // Until both sides are warm.
  for (int i = 0; i < 100; ++i) GetAlert(stub.get(), request);
  std::vector<double> took;
  const auto begin = Clock::now();
  while (Since(begin) < seconds) {
    const auto call = Clock::now();
    GetAlert(stub.get(), request);
    took.push_back(Since(call) * 1e6);
  }
  const double all = Since(begin);
  std::sort(took.begin(), took.end());
  std::printf(
      "{\"calls\": %zu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": "
      "%.1f}\n",
      took.size(), all, took[took.size() / 2], took[took.size() * 99 / 100]);
}

class EchoService final : public v1::AlertService::Service {
 public:
  explicit EchoService(v1::GetAlertResponse response)
      : response_(std::move(response)) {}

  grpc::Status GetAlert(grpc::ServerContext* /*context*/,
                        const v1::GetAlertRequest* /*request*/,
                        v1::GetAlertResponse* response) override {
    *response = response_;
    return grpc::Status::OK;
  }

 private:
  const v1::GetAlertResponse response_;
};

void Echo(const char* address, const char* alert) {
  const auto stub = v1::AlertService::NewStub(Connect(address));
  v1::GetAlertRequest request;
  request.set_id(alert);
  EchoService service(GetAlert(stub.get(), request));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) Fail("the server could not be started");
  std::printf("%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  server->Shutdown();
}

int Main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "push" && argc == 6) {
    Push(argv[2], argv[3], argv[4], argv[5]);
  } else if (mode == "unary" && argc == 5) {
    Unary(argv[2], argv[3], argv[4]);
  } else if (mode == "echo" && argc == 4) {
    Echo(argv[2], argv[3]);
  } else {
    Fail("see the beginning of grpc_load.cc");
  }
  return 0;
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::Main(argc, argv); }
