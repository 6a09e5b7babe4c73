#include "daemon/serve/ingest_service.h"

#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.IngestService";
// Of one stream, batches that wait for their commit; beyond, nothing more is
// read of it.
constexpr int64_t kMaxInFlightBytes = int64_t{16} << 20;

// Acknowledger writes the acknowledgements of one stream in order, on a thread
// of its own, so that the next batches are read meanwhile. Thread-safe.
class Acknowledger {
 public:
  using Acknowledge = std::function<bool(int64_t batch)>;

  Acknowledger(PushQueue* queue, PushQueue::Gone gone, Acknowledge acknowledge)
      : queue_(queue),
        gone_(std::move(gone)),
        acknowledge_(std::move(acknowledge)),
        thread_([this] { Run(); }) {}
  ~Acknowledger() { Finish().IgnoreError(); }

  // Waits while too many are in flight; false when one failed.
  bool Add(PushQueue::Ticket ticket, int64_t batch, int64_t bytes)
      ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    auto room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !status_.ok() || bytes_ < kMaxInFlightBytes;
    };
    mu_.Await(absl::Condition(&room));
    if (!status_.ok()) return false;
    bytes_ += bytes;
    waiting_.push_back({ticket, batch, bytes});
    return true;
  }

  // Waits for what was added; the first error.
  absl::Status Finish() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      finished_ = true;
    }
    if (thread_.joinable()) thread_.join();
    absl::MutexLock lock(&mu_);
    return status_;
  }

 private:
  struct Batch {
    PushQueue::Ticket ticket;
    int64_t number = 0;
    int64_t bytes = 0;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_) {
    while (true) {
      const Batch* next = nullptr;
      {
        absl::MutexLock lock(&mu_);
        auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
          return finished_ || !waiting_.empty();
        };
        mu_.Await(absl::Condition(&ready));
        if (waiting_.empty()) return;
        next = &waiting_.front();  // stays there when others are added
      }
      absl::Status status = queue_->AwaitCommit(next->ticket, gone_);
      if (status.ok() && !acknowledge_(next->number)) {
        status = absl::CancelledError("the sender is gone");
      }
      absl::MutexLock lock(&mu_);
      bytes_ -= next->bytes;
      waiting_.pop_front();
      if (!status.ok()) {
        status_ = std::move(status);
        return;
      }
    }
  }

  PushQueue* const queue_;
  const PushQueue::Gone gone_;
  const Acknowledge acknowledge_;
  absl::Mutex mu_;
  std::deque<Batch> waiting_ ABSL_GUARDED_BY(mu_);
  int64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of their records
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: it uses the others
};

}  // namespace

grpc::Status IngestService::PushRecords(grpc::ServerContext* context,
                                        Stream* stream) {
  return runner_->Stream(
      context, kService, "PushRecords", [&]() -> absl::Status {
        {
          absl::MutexLock lock(&mu_);
          if (stopped_) return absl::UnavailableError("keywatchd is stopping");
          if (static_cast<int>(senders_.size()) >= max_senders_) {
            return absl::ResourceExhaustedError(
                absl::StrCat("there are ", max_senders_, " senders already"));
          }
          senders_.insert(context);
        }
        const absl::Status status = Serve(context, stream);
        absl::MutexLock lock(&mu_);
        senders_.erase(context);
        if (stopped_) return absl::UnavailableError("keywatchd is stopping");
        return status;
      });
}

absl::Status IngestService::Serve(grpc::ServerContext* context,
                                  Stream* stream) {
  v1::PushRecordsRequest request;
  if (!stream->Read(&request)) return absl::OkStatus();
  absl::StatusOr<PushQueue*> queue = find_queue_(request.source_id());
  if (!queue.ok()) return queue.status();
  const PushQueue::Gone gone = [context] { return context->IsCancelled(); };
  Acknowledger acknowledger(*queue, gone, [stream](int64_t batch) {
    v1::PushRecordsResponse response;
    response.set_batch(batch);
    return stream->Write(response);
  });
  absl::Status refused;
  do {
    if (request.records().empty()) {
      refused =
          absl::InvalidArgumentError("records: a batch needs at least one");
      break;
    }
    int64_t bytes = 0;
    std::vector<std::string> records;
    records.reserve(static_cast<size_t>(request.records_size()));
    for (std::string& record : *request.mutable_records()) {
      bytes += static_cast<int64_t>(record.size());
      records.push_back(std::move(record));
    }
    absl::StatusOr<PushQueue::Ticket> ticket =
        (*queue)->Push(std::move(records), gone);
    if (!ticket.ok()) {
      refused = ticket.status();
      break;
    }
    if (!acknowledger.Add(*ticket, request.batch(), bytes)) break;
  } while (stream->Read(&request));
  const absl::Status failed = acknowledger.Finish();
  return failed.ok() ? refused : failed;
}

void IngestService::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  for (grpc::ServerContext* sender : senders_) sender->TryCancel();
}

}  // namespace keywatch
