#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/core/time.h"
#include "grpcpp/grpcpp.h"
#include "proto/keywatch/v1/keywatch.grpc.pb.h"

namespace keywatch {
namespace {

constexpr size_t kBatchBytes = 2 << 20;
constexpr size_t kReadBytes = 1 << 20;
constexpr absl::Duration kPause = absl::Milliseconds(500);

struct Options {
  std::string source;
  std::string file = "/dev/stdin";
  std::string retry = "1m";
};

// Gives the lines of a file in batches: full ones while more is there at once,
// and what there is when the file is a pipe that has no more for now.
class LineBatches {
 public:
  explicit LineBatches(const std::string& path) : buffer_(kReadBytes) {
    file_.rdbuf()->pubsetbuf(buffer_.data(),
                             static_cast<std::streamsize>(buffer_.size()));
    file_.open(path);
    pipe_ = path == "/dev/stdin";
  }

  bool ok() const { return file_.is_open(); }

  // False at the end.
  bool Next(v1::PushRecordsRequest* batch) {
    batch->clear_records();
    size_t bytes = 0;
    std::string line;
    while (bytes < kBatchBytes && std::getline(file_, line)) {
      if (line.empty()) continue;
      bytes += line.size() + sizeof(line);
      batch->add_records(std::move(line));
      if (pipe_ && file_.rdbuf()->in_avail() <= 0) break;
    }
    return batch->records_size() > 0;
  }

 private:
  std::vector<char> buffer_;
  std::ifstream file_;
  bool pipe_ = false;
};

// Pusher sends batches one after the other, each until it is acknowledged, over
// streams that may break in between.
class Pusher {
 public:
  Pusher(const CommandContext& context, std::string source,
         absl::Duration retry)
      : context_(context),
        client_(&context),
        stub_(v1::IngestService::NewStub(grpc::CreateChannel(
            client_.address(), grpc::InsecureChannelCredentials()))),
        source_(std::move(source)),
        retry_(retry) {}
  ~Pusher() { Close(); }

  // 0, or the exit code after the failure was printed.
  int Send(v1::PushRecordsRequest* batch) {
    batch->set_batch(++number_);
    const absl::Time give_up = context_.now() + retry_;
    bool said = false;
    while (true) {
      const grpc::Status status = TryOnce(batch);
      if (status.ok()) return kExitOk;
      const bool worth = status.error_code() == grpc::UNAVAILABLE ||
                         status.error_code() == grpc::CANCELLED ||
                         status.error_code() == grpc::RESOURCE_EXHAUSTED;
      if (!worth || context_.now() >= give_up) return client_.Explain(status);
      if (!said) {
        context_.err() << "keywatchd is away, trying again: "
                       << status.error_message() << "\n";
        said = true;
      }
      absl::Mutex mu;
      absl::MutexLock lock(&mu);
      const bool never = false;
      mu.AwaitWithTimeout(absl::Condition(&never), kPause);
    }
  }

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::PushRecordsRequest, v1::PushRecordsResponse>;

  grpc::Status TryOnce(v1::PushRecordsRequest* batch) {
    if (stream_ == nullptr) {
      call_ = std::make_unique<grpc::ClientContext>();
      stream_ = stub_->PushRecords(call_.get());
      batch->set_source_id(source_);
    }
    v1::PushRecordsResponse response;
    if (stream_->Write(*batch)) {
      while (stream_->Read(&response)) {
        if (response.batch() == batch->batch()) return grpc::Status::OK;
      }
    }
    return Close();
  }

  grpc::Status Close() {
    if (stream_ == nullptr) return grpc::Status::OK;
    stream_->WritesDone();
    grpc::Status status = stream_->Finish();
    stream_.reset();
    if (status.ok()) {
      status = grpc::Status(grpc::UNAVAILABLE, "the stream was closed");
    }
    return status;
  }

  const CommandContext& context_;
  const DaemonClient client_;
  const std::unique_ptr<v1::IngestService::Stub> stub_;
  const std::string source_;
  const absl::Duration retry_;
  std::unique_ptr<grpc::ClientContext> call_;
  std::unique_ptr<Stream> stream_;
  int64_t number_ = 0;
};

int Run(const CommandContext& context, const Options& options) {
  absl::StatusOr<absl::Duration> retry = ParseDuration(options.retry);
  if (!retry.ok()) {
    return context.Fail(kExitUsage,
                        absl::StrCat("--retry: ", retry.status().message()));
  }
  LineBatches lines(options.file);
  if (!lines.ok()) {
    return context.Fail(kExitUsage, absl::StrCat("cannot read ", options.file));
  }
  int64_t records = 0;
  {
    Pusher pusher(context, options.source, *retry);
    v1::PushRecordsRequest batch;
    while (lines.Next(&batch)) {
      const int failed = pusher.Send(&batch);
      if (failed != kExitOk) return failed;
      records += batch.records_size();
    }
  }
  if (context.json()) {
    context.out() << "{\"records\": " << records << "}\n";
  } else {
    context.out() << records << " records committed\n";
  }
  return kExitOk;
}

}  // namespace

void AddPushCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "push", "Push records to a source of type push, line by line");
  command->add_option("SOURCE", options->source, "The source's name")
      ->required()
      ->type_name("");
  command->add_option("FILE", options->file, "Records, one a line")
      ->type_name("")
      ->capture_default_str();
  command
      ->add_option("--retry", options->retry,
                   "How long to try while keywatchd is away")
      ->type_name("DURATION")
      ->capture_default_str();
  command->footer(
      "Ends when every record is committed: what it pushed then survives\n"
      "anything. To push the same again is harmless, events have ids.\n\n"
      "Examples:\n"
      "  keywatch sources push gateway requests.log\n"
      "  tail -n0 -F requests.log | keywatch sources push gateway\n");
  command->callback([context, options] {
    context->run = [context, options] { return Run(*context, *options); };
  });
}

}  // namespace keywatch
