#ifndef DAEMON_INGEST_FORMAT_H_
#define DAEMON_INGEST_FORMAT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/core/issue.h"
#include "daemon/ingest/log_source.h"
#include "daemon/ingest/redactor.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// A record, or one entry of a record that holds many, of which no event could
// be made.
struct Reject {
  // A stable word: "malformed", "oversized", "no-time", "bad-time", "not-object",
  // "too-deep", ...
  std::string reason;
  std::string detail;  // for people; scrubbed
  std::string sample;  // the beginning of the record, scrubbed, valid UTF-8
  uint32_t stream = 0;
  int64_t offset = 0;
};

// Counted, though an event was made.
struct DecodeCounts {
  int64_t invalid_utf8 = 0;  // records with bytes that became U+FFFD
  int64_t secrets = 0;       // key secrets replaced by fingerprints
  int64_t values_cut = 0;    // values longer than the bound
  // Records that have the key field, and the id field, of FormatOverrides.
  int64_t named_keys = 0;
  int64_t named_ids = 0;
};

class Enricher;

// What decides beside the format itself; from the command line of replay.
struct FormatOverrides {
  std::string key_field;   // raw path of the key; "" as the format says
  std::string time_field;  // raw path of the time
  // Raw path of the event id; "none" turns duplicate detection off.
  std::string id_field;
};

// Limits of one record.
struct DecodeLimits {
  int64_t max_record_bytes = 1 << 20;
  uint32_t max_value_bytes = 8 * 1024;
  uint32_t max_depth = 64;
  uint32_t max_list = 1024;  // elements of one list value
};

// RecordDecoder turns records into events of one RuleSet: it fills just the slots of
// its FieldTable, in one walk over the record. It keeps scratch memory: one
// per thread.
class RecordDecoder {
 public:
  virtual ~RecordDecoder() = default;
  // Adds the record's events (usually one) to `batch`, or a reject. Events
  // point into `page` and the batch; the caller makes the batch keep the page.
  // `keep_raw` stores the scrubbed record in Event::raw.
  virtual void Decode(const Record& record, bool keep_raw, EventBatch* batch,
                      std::vector<Reject>* rejects) = 0;
  virtual const DecodeCounts& counts() const = 0;
};

// Format says how a record becomes an event: a YAML mapping in
// config/formats/. Immutable, safe from any thread.
class Format {
 public:
  virtual ~Format() = default;

  // Reads a format file; null when `issues` got an error.
  static std::shared_ptr<const Format> Load(const std::string& path,
                                            IssueList* issues);
  // The same from a text in memory.
  static std::shared_ptr<const Format> Parse(const std::string& name,
                                             absl::string_view text,
                                             IssueList* issues);
  // A shipped format by its name ("keywatch", "nginx_json", "cloudtrail", ...),
  // compiled into the binary from config/formats/; null when there is none.
  static std::shared_ptr<const Format> Shipped(absl::string_view name);
  static std::vector<std::string> ShippedNames();

  virtual const std::string& name() const = 0;
  // As declared; what rules' logsource is compared with.
  virtual const LogSourceSpec& logsource() const = 0;
  // How its records are cut out of a source's bytes.
  virtual const Framing& framing() const = 0;
  // The normalised fields that it gives, for `rules check`.
  virtual std::vector<std::string> field_names() const = 0;

  // Binds the format to the fields of `rules`. `redactor` and `enricher` must
  // outlive the decoder; without an enricher events have the networks and
  // places that their record names.
  virtual std::unique_ptr<RecordDecoder> Bind(
      std::shared_ptr<const RuleSet> rules, const Redactor* redactor,
      const DecodeLimits& limits, const FormatOverrides& overrides,
      const Enricher* enricher = nullptr) const = 0;
};

// The shipped format that fits a log whose first bytes are `head`: CloudTrail,
// the combined text format of web servers, "keywatch" when the first line has
// its names for time and key, or "json", which finds time, id and
// key by their usual names. Never empty.
std::string SniffFormat(absl::string_view head);

}  // namespace keywatch

#endif  // DAEMON_INGEST_FORMAT_H_
