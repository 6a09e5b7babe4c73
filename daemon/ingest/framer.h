#ifndef DAEMON_INGEST_FRAMER_H_
#define DAEMON_INGEST_FRAMER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/ingest/log_source.h"

namespace keywatch {

// Framer cuts the bytes of one stream into records, as they come. It holds no
// bytes but the beginning of a record that is too long. Thread-compatible.
//
//   text: what was left over, followed by what was read
//   used = framer.Cut(text, final, max_records, &records);
//   the bytes from `used` on are left over
//
// In a stream of JSON values, blanks, commas and brackets around the values are
// stepped over, so that reading may begin anew at any record. A line break
// inside a string ends the broken value that it stands in.
class Framer {
 public:
  struct Record {
    // In the text that was cut.
    size_t begin = 0;
    size_t size = 0;
    size_t next = 0;  // what follows the record and its terminator
    // The record is longer than the limit: `begin` and `size` are its last
    // piece, `sample` its beginning.
    bool truncated = false;
    std::string sample;
    // Of the whole record, which ends at `begin + size`.
    int64_t length = 0;
  };
  // How a stream of JSON values turned out to be written.
  enum class Mode { kUndecided, kLines, kValues };

  Framer(const Framing& framing, int64_t max_record_bytes);

  // Cuts `text`, which begins where the last call stopped, and gives how many
  // of its bytes are done with. `final`: no more will come. At most
  // `max_records` are added to `records`.
  size_t Cut(absl::string_view text, bool final, size_t max_records,
             std::vector<Record>* records);

  Mode mode() const { return mode_; }
  // For a stream whose beginning was read before.
  void set_mode(Mode mode) { mode_ = mode; }

  // Bytes of a record that was begun and is done with as too long: it begins
  // that many bytes before the place where the last Cut stopped.
  int64_t skipped() const { return skipped_; }

  // Forgets everything but the mode: the text goes on somewhere else.
  void Restart();

 private:
  size_t CutLines(absl::string_view text, bool final, size_t max_records,
                  std::vector<Record>* records);
  size_t CutValues(absl::string_view text, bool final, size_t max_records,
                   std::vector<Record>* records);
  void Decide(absl::string_view text, bool final);
  // Adds text[begin, end) as a record that is followed by `next`.
  void Emit(absl::string_view text, size_t begin, size_t end, size_t next,
            std::vector<Record>* records);
  // Gives up text[begin, end), the beginning or middle of a long record.
  void GiveUp(absl::string_view text, size_t begin, size_t end);
  // The length of `{"<records>": [` at the front of `text`; 0 when there is
  // none, npos when more bytes are needed to tell.
  size_t WrapperLength(absl::string_view text) const;
  // Looks for the end of the value that stands at scanned_; true when it ends
  // at `*end`.
  bool ScanValue(absl::string_view text, size_t* end);

  const Framing framing_;
  const size_t max_record_bytes_;
  Mode mode_;

  size_t scanned_ = 0;  // of the text to come, already looked at
  int64_t skipped_ = 0;
  std::string sample_;

  // Of a JSON value that is not at its end.
  enum class Place { kBetween, kValue, kString, kEscape, kJunk };
  Place place_ = Place::kBetween;
  uint32_t depth_ = 0;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FRAMER_H_
