#ifndef DAEMON_INGEST_DERIVE_H_
#define DAEMON_INGEST_DERIVE_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/ingest/enricher.h"
#include "daemon/ingest/event_plan.h"

namespace keywatch {

// The kind that a key's id or fingerprint shows ("restricted", "secret",
// "publishable", "organization", "access_key"), or "".
absl::string_view KeyKind(absl::string_view key);

// Deriver works out the fields of an event that its record does not have, from
// those that it has. A field that the record has stays. Keeps scratch memory:
// one per thread.
class Deriver {
 public:
  // `plan` and `enricher` (may be null) must outlive the deriver.
  Deriver(const EventPlan* plan, const Enricher* enricher)
      : plan_(*plan), enricher_(enricher) {}

  // `cells` are those of one event at `time`; new values live in `batch`.
  void Derive(EventTime time, EventBatch* batch, Value* cells);

 private:
  void SplitUrl(Value* cells);
  void DeriveKey(Value* cells);
  void DeriveOperation(EventBatch* batch, Value* cells);
  void DeriveOutcome(Value* cells);
  void DeriveStripe(EventTime time, EventBatch* batch, Value* cells);
  void DerivePlace(EventBatch* batch, Value* cells);
  // Gives the key its declared id, too.
  void DeriveDeclared(EventTime time, EventBatch* batch, Value* cells);
  void DeriveDeclaredUse(const DeclaredKey& key, Value* cells);

  const EventPlan& plan_;
  const Enricher* const enricher_;
  std::string text_;                  // scratch
  std::vector<std::string> expands_;  // scratch
};

}  // namespace keywatch

#endif  // DAEMON_INGEST_DERIVE_H_
