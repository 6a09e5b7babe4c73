#ifndef DAEMON_INGEST_RECORD_READER_H_
#define DAEMON_INGEST_RECORD_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/value.h"
#include "daemon/ingest/format.h"

namespace keywatch {

// Why a record could not be read.
struct ReadProblem {
  absl::string_view reason;  // a stable word, as in Reject
  std::string detail;
};

// RecordReader finds the wanted values of one record. It keeps scratch memory
// and what it learned of the records' layout: one per thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  // Reads `text`, which is valid UTF-8, has no secrets left and has at least
  // 64 readable bytes after it. Puts the wanted values into `cells` (all absent
  // before), pointing into `text` or the memory of `batch`. False when the
  // record is not what it should be; `cells` then hold anything.
  virtual bool Read(absl::string_view text, EventBatch* batch, Value* cells,
                    ReadProblem* problem) = 0;

  // A cell that got the text of a map, and where that begins.
  struct MapCell {
    uint32_t cell;
    const char* text;
  };
  // Of the last record.
  const std::vector<MapCell>& map_cells() const { return map_cells_; }

  // Values cut, and secrets that only showed when escapes were undone.
  const DecodeCounts& counts() const { return counts_; }

 protected:
  DecodeCounts counts_;
  std::vector<MapCell> map_cells_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_RECORD_READER_H_
