#include <algorithm>

#include "daemon/core/time.h"
#include "daemon/ingest/cells.h"
#include "daemon/ingest/derive.h"

// What the owner of a key declared of it, as fields of its events.

namespace keywatch {
namespace {

// Texts of the configuration, which events may outlive.
Value Copied(absl::string_view text, EventBatch* batch) {
  return Value::String(batch->CopyText(text));
}

}  // namespace

void Deriver::DeriveDeclared(EventTime time, EventBatch* batch, Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  const EventPlan::Declared& to = plan_.declared;
  const absl::string_view name = Text(cells, d.key_id);
  if (name.empty()) return;
  const DeclaredKey* key = enricher_->Declared(name);
  const auto set = [cells](Slot cell, Value value) {
    if (Misses(cells, cell)) cells[cell] = value;
  };
  set(to.declared, Value::Bool(key != nullptr));
  if (key == nullptr) return;

  if (!key->owner.empty()) set(to.owner, Copied(key->owner, batch));
  if (!key->purpose.empty()) set(to.purpose, Copied(key->purpose, batch));
  if (!key->job.empty()) set(to.job, Copied(key->job, batch));
  set(to.canary, Value::Bool(key->canary));
  if (key->ip_restricted.has_value()) {
    set(to.ip_restricted, Value::Bool(*key->ip_restricted));
  }
  if (key->active.has_value() && to.active != kNoSlot) {
    set(to.active, Value::Bool(key->active->Contains(FromEventTime(time))));
  }
  if (!key->networks.empty() && to.network != kNoSlot) {
    const absl::optional<bool> declared =
        InNetworks(key->networks, Text(cells, d.source_ip));
    if (declared.has_value()) set(to.network, Value::Bool(*declared));
  }
  DeriveDeclaredUse(*key, cells);
  if (key->id.view() != name) {
    cells[d.key_id] = Copied(key->id.view(), batch);
    const absl::string_view kind = KeyKind(key->id.view());
    if (!kind.empty()) set(d.key_kind, Value::String(kind));
  }
}

void Deriver::DeriveDeclaredUse(const DeclaredKey& key, Value* cells) {
  const EventPlan::Declared& to = plan_.declared;
  const absl::string_view operation = Text(cells, to.from_operation);
  if (!key.operations.empty() && !operation.empty() &&
      Misses(cells, to.operation)) {
    cells[to.operation] =
        Value::Bool(MatchesOperation(key.operations, operation));
  }
  const absl::string_view permission = Text(cells, to.from_permission);
  if (!key.permissions.empty() && !permission.empty() &&
      Misses(cells, to.permission)) {
    cells[to.permission] =
        Value::Bool(std::find(key.permissions.begin(), key.permissions.end(),
                              permission) != key.permissions.end());
  }
}

}  // namespace keywatch
