#ifndef DAEMON_ENGINE_EPISODE_H_
#define DAEMON_ENGINE_EPISODE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/codec.h"
#include "daemon/core/detection.h"
#include "daemon/core/event.h"
#include "daemon/core/ids.h"
#include "daemon/engine/evaluator.h"
#include "daemon/rules/rule_set.h"

namespace keywatch {

// The open alert of one group of one rule, from the crossing until the group
// has been below for long enough. Rules that do not alert have it too: it is
// what keeps them from firing again.
struct Episode {
  AlertId id;
  KeyId key;
  EventTime first_fire_ms = 0;
  EventTime first_event_ms = 0;
  EventTime last_event_ms = 0;
  // The last instant at which the condition holds if nothing more comes.
  EventTime hold_until_ms = 0;
  int64_t count = 0;
  int64_t late_events = 0;
  std::string explanation;
  // At most Detection::kMaxEvidence, encoded one after the other: an attack on
  // many keys opens many episodes.
  std::string evidence;
  int evidence_count = 0;

  // What TakeDetections has still to say; not part of the saved state.
  enum class News { kNone, kUpdate, kOpen };
  News news = News::kNone;

  // What it takes in memory, nearly.
  size_t Bytes() const {
    return sizeof(Episode) + id.view().size() + key.view().size() +
           explanation.size() + evidence.size();
  }
  void Encode(Encoder* out) const;
  bool Decode(Decoder* in);
};

void EncodeEvidence(const Evidence& evidence, Encoder* out);
bool DecodeEvidence(Decoder* in, Evidence* out);

// The alert's id: the same for every run over the same events.
AlertId MakeAlertId(const RuleId& rule, absl::string_view encoded_group,
                    EventTime first_fire_ms, absl::string_view event_id);

// EvidenceMaker shows events as a rule's alerts show them. Immutable.
class EvidenceMaker {
 public:
  static constexpr size_t kMaxValueBytes = 200;

  EvidenceMaker(const RuleSet& rules, const Rule& rule);
  // Appends the event as EncodeEvidence would write it; allocates nothing but
  // room in `out`.
  void Append(const Signal& signal, std::string* out) const;

 private:
  struct Field {
    Slot slot;
    std::string name;
  };
  std::vector<Field> fields_;
};

}  // namespace keywatch

#endif  // DAEMON_ENGINE_EPISODE_H_
