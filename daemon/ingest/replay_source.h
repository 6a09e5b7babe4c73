#ifndef DAEMON_INGEST_REPLAY_SOURCE_H_
#define DAEMON_INGEST_REPLAY_SOURCE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

struct ReplaySourceOptions {
  // Files in the order in which they are read; "-" is standard input. What is
  // compressed with gzip or zstd shows by its first bytes, not by its name.
  std::vector<std::string> paths;
  Framing framing;
  int64_t max_record_bytes = 1 << 20;
  int64_t page_bytes = 256 << 10;
};

// ReplaySource reads whole files, one after the other, each once. The cursor
// given to Fetch is not used. Thread-compatible.
class ReplaySource : public LogSource {
 public:
  // Opens every file, so that a wrong path shows before the work begins:
  // NOT_FOUND, PERMISSION_DENIED, or INVALID_ARGUMENT for a directory.
  static absl::StatusOr<std::unique_ptr<ReplaySource>> Create(
      ReplaySourceOptions options);
  ~ReplaySource() override;

  // The beginning of the first file (decompressed), at most `bytes`: what
  // SniffFormat wants. Before the first Fetch.
  absl::StatusOr<std::string> Peek(size_t bytes);
  // Another framing than the options'; before the first Fetch.
  void SetFraming(const Framing& framing);

  // The next page; an empty one only when everything was read. DATA_LOSS for a
  // compressed file that is damaged or cut off, after what could be read of it
  // was given; the next call goes on with the next file.
  absl::StatusOr<Page> Fetch(const Cursor& cursor,
                             absl::Time deadline) override;
  bool rereadable() const override { return false; }
  absl::Duration pause() const override { return absl::ZeroDuration(); }

  bool done() const;
  // Progress, in bytes of the files as they lie on disk. The total is 0 when
  // unknown (standard input). From any thread.
  int64_t bytes_done() const;
  int64_t bytes_total() const;

 private:
  class Impl;
  explicit ReplaySource(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_REPLAY_SOURCE_H_
