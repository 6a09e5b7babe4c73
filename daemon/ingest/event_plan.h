#ifndef DAEMON_INGEST_EVENT_PLAN_H_
#define DAEMON_INGEST_EVENT_PLAN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "daemon/core/event.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/format_spec.h"
#include "daemon/ingest/path_tree.h"

namespace keywatch {

// EventPlan says how the values of one record become one event of one RuleSet.
// An event is an array of cells: first the slots of the rules' field table,
// then cells of our own for what is needed on the way. Constant once it is
// made; safe from any thread.
struct EventPlan {
  // A normalised field: what its cell holds after the record was read, else
  // the first of the other cells that has a value.
  struct Choice {
    uint32_t to = 0;
    std::vector<uint32_t> from;
    enum class Kind { kAny, kInteger, kAddress } kind = Kind::kAny;
  };
  // A field made of several values: text before each of them, and at the end.
  struct Pattern {
    uint32_t to = 0;
    std::vector<std::pair<std::string, uint32_t>> parts;
    std::string tail;
  };
  // Cells that derivations read and write; kNoSlot for those that nobody
  // needs.
  struct Derived {
    Slot key_id = kNoSlot, key_kind = kNoSlot, livemode = kNoSlot;
    Slot method = kNoSlot, path = kNoSlot, query = kNoSlot, url = kNoSlot;
    Slot operation = kNoSlot, resource_id = kNoSlot;
    Slot status = kNoSlot, error_code = kNoSlot, outcome = kNoSlot;
    Slot error_message = kNoSlot, permission = kNoSlot;
    Slot expand = kNoSlot, sensitive = kNoSlot, link_ttl = kNoSlot;
    Slot verification_age = kNoSlot;
    Slot body = kNoSlot, body_expires_at = kNoSlot, body_file = kNoSlot,
         body_expand = kNoSlot;
    Slot source_ip = kNoSlot, as_number = kNoSlot, as_organization = kNoSlot,
         country = kNoSlot, latitude = kNoSlot, longitude = kNoSlot;
  };

  // The same of what is declared of the key.
  struct Declared {
    Slot declared = kNoSlot, owner = kNoSlot, purpose = kNoSlot;
    Slot job = kNoSlot, canary = kNoSlot, ip_restricted = kNoSlot;
    Slot active = kNoSlot, network = kNoSlot;
    Slot operation = kNoSlot, from_operation = kNoSlot;
    Slot permission = kNoSlot, from_permission = kNoSlot;
  };

  // `spec` and `rules` must outlive the plan.
  static EventPlan Make(const FormatSpec& spec, const FieldTable& fields,
                        const FormatOverrides& overrides);

  PathTree tree;
  uint32_t slots = 0;  // of the field table; the first cells
  uint32_t cells = 0;  // all of them
  int strings_cell = PathTree::kNone;
  std::vector<uint32_t> time;
  std::vector<uint32_t> id;
  // Of the fields that FormatOverrides names; kNoSlot without.
  Slot override_key = kNoSlot;
  Slot override_id = kNoSlot;
  std::vector<Choice> choices;
  std::vector<Pattern> patterns;
  std::vector<std::pair<uint32_t, Value>> constants;
  Derived derived;
  Declared declared;
  Slot timestamp = kNoSlot;
  Slot event_id = kNoSlot;
};

// The fields that tell what is declared of a key (config/formats/README.md).
const std::vector<std::string>& DeclaredFieldNames();

}  // namespace keywatch

#endif  // DAEMON_INGEST_EVENT_PLAN_H_
