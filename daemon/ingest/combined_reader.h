#ifndef DAEMON_INGEST_COMBINED_READER_H_
#define DAEMON_INGEST_COMBINED_READER_H_

#include "absl/strings/string_view.h"
#include "daemon/ingest/path_tree.h"
#include "daemon/ingest/record_reader.h"
#include "daemon/ingest/redactor.h"

namespace keywatch {

// CombinedReader reads the "combined" line of web servers, and the "common"
// one, which lacks the last two fields:
//
//   192.0.2.1 - mk_1 [17/May/2015:10:05:03 +0000] "GET /v1/x HTTP/1.1" 200 203
//   "https://referer/" "agent"
//
// Its paths are nginx's names: remote_addr remote_user time_local request
// request_method request_uri server_protocol status body_bytes_sent
// http_referer http_user_agent. Backslash escapes are undone; `-` is no value.
// Further fields after the agent are not read.
class CombinedReader : public RecordReader {
 public:
  // As JsonReader's.
  CombinedReader(const PathTree& tree, int strings_cell,
                 const DecodeLimits& limits, const Redactor* redactor);

  bool Read(absl::string_view text, EventBatch* batch, Value* cells,
            ReadProblem* problem) override;

 private:
  enum Part {
    kAddress,
    kUser,
    kTime,
    kRequest,
    kMethod,
    kUri,
    kProtocol,
    kStatus,
    kBytes,
    kReferer,
    kAgent,
    kParts,
  };
  void Put(Part part, absl::string_view text, EventBatch* batch, Value* cells);
  void PutNumber(Part part, absl::string_view text, EventBatch* batch,
                 Value* cells);

  int cell_of_[kParts];
  const int strings_cell_;
  const DecodeLimits limits_;
  const Redactor* const redactor_;
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_COMBINED_READER_H_
