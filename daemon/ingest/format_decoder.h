#ifndef DAEMON_INGEST_FORMAT_DECODER_H_
#define DAEMON_INGEST_FORMAT_DECODER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/ingest/derive.h"
#include "daemon/ingest/event_plan.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/format_spec.h"
#include "daemon/ingest/record_reader.h"
#include "daemon/ingest/redactor.h"

namespace keywatch {

// FormatDecoder is the decoder of every format that FormatSpec can express.
// A record goes through it in this order: secrets out, bytes made valid UTF-8,
// split when it holds many, read, time and id found, fields chosen and derived.
class FormatDecoder : public RecordDecoder {
 public:
  FormatDecoder(std::shared_ptr<const FormatSpec> spec,
                std::shared_ptr<const RuleSet> rules, const Redactor* redactor,
                const DecodeLimits& limits, const FormatOverrides& overrides,
                const Enricher* enricher);

  void Decode(const Record& record, bool keep_raw, EventBatch* batch,
              std::vector<Reject>* rejects) override;
  const DecodeCounts& counts() const override;

 private:
  // The record without secrets and invalid bytes, in the page or the batch.
  absl::string_view Clean(absl::string_view text, EventBatch* batch);
  // `text` is one entry of the record.
  void DecodeEntry(absl::string_view text, const Record& record, bool keep_raw,
                   EventBatch* batch, std::vector<Reject>* rejects);
  // Takes the texts of maps away: a rule may look at one under its own path,
  // but no normalised field is made of it.
  void PutMapsAside(Value* cells);
  void CountOverrides(const Value* cells);
  bool FindTime(const Value* cells, EventTime* time, ReadProblem* problem);
  void FindId(absl::string_view text, EventBatch* batch, const Value* cells,
              Event* event);
  void ChooseFields(EventBatch* batch, Value* cells);
  void FillPatterns(EventBatch* batch, Value* cells);
  bool HasValue(const Value& value) const {
    if (!value.is_string()) {
      return !value.absent() && value.type() != Value::Type::kNull;
    }
    const absl::string_view text = value.string_value();
    return text.size() > longest_absent_ || (!text.empty() && !IsAbsent(text));
  }
  // Whether `text` is one of those by which a log says that there is nothing.
  bool IsAbsent(absl::string_view text) const;
  static void AddReject(const ReadProblem& problem, absl::string_view text,
                        const Record& record, std::vector<Reject>* rejects);

  const std::shared_ptr<const FormatSpec> spec_;
  const std::shared_ptr<const RuleSet> rules_;
  const Redactor* const redactor_;
  const DecodeLimits limits_;
  const uint32_t route_;
  size_t longest_absent_ = 0;
  const EventPlan plan_;
  const std::unique_ptr<RecordReader> reader_;
  Deriver deriver_;
  DecodeCounts counts_;                           // without the reader's
  mutable DecodeCounts total_;                    // what counts() gives
  std::vector<bool> normalised_;                  // by cell
  std::vector<Value> cells_;                      // scratch
  std::vector<std::pair<uint32_t, Value>> maps_;  // scratch
  std::vector<absl::string_view> entries_;        // scratch
  std::string text_;                              // scratch
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_FORMAT_DECODER_H_
