#ifndef DAEMON_APP_DECODE_CREW_H_
#define DAEMON_APP_DECODE_CREW_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/app/source_worker.h"

namespace keywatch {

// DecodeCrew reads logs ahead and decodes their pages on several threads, and
// gives the pages in the order of their log: what is made of them does not
// depend on the number of threads. Who asks for a page that nobody has decoded
// yet helps; with one thread everything is done in Next.
//
// Next, Add and counts are for one thread (the constructor's).
class DecodeCrew {
 public:
  using NewDecoder = std::function<std::unique_ptr<PageDecoder>()>;

  // `threads` counts the caller's: at least 1.
  DecodeCrew(int threads, const NewDecoder& new_decoder);
  ~DecodeCrew();

  // Adds a log; gives its number. Before the first Next.
  size_t Add(std::unique_ptr<PageReader> reader);

  // The next page of a log, or its error, after which nothing more is read. A
  // page without records and without more is the end.
  absl::StatusOr<DecodedPage> Next(size_t log, absl::Time deadline);

  // Of every page that was decoded: ends the reading ahead.
  DecodeCounts counts();

 private:
  // A page on its way.
  struct Task {
    absl::Status status;  // of reading it
    FetchedPage fetched;
    DecodedPage page;
    enum class State { kFetched, kClaimed, kDone } state = State::kFetched;
  };
  struct Log {
    std::unique_ptr<PageReader> reader;
    std::deque<std::unique_ptr<Task>> tasks;  // in order
    bool reading = false;                     // by some thread
    bool ended = false;                       // nothing more to read
  };

  void Help(PageDecoder* decoder);
  void Stop();
  // Does one piece of work that brings the current log on; false when there is
  // none.
  bool Work(PageDecoder* decoder) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Read(Log* log) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Decode(Task* task, PageDecoder* decoder)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const size_t max_ahead_;
  std::vector<std::unique_ptr<PageDecoder>> decoders_;  // [0] is the caller's
  std::vector<std::thread> helpers_;

  absl::Mutex mu_;
  absl::CondVar changed_;
  std::vector<Log> logs_ ABSL_GUARDED_BY(mu_);
  size_t current_ ABSL_GUARDED_BY(mu_) = 0;  // the log that was asked for last
  bool started_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time deadline_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace keywatch

#endif  // DAEMON_APP_DECODE_CREW_H_
