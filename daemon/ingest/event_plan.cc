#include "daemon/ingest/event_plan.h"

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace keywatch {
namespace {

EventPlan::Choice::Kind KindOf(absl::string_view name) {
  if (name == field::kStatus || name == field::kSourceAsn ||
      name == "http.response.body.bytes") {
    return EventPlan::Choice::Kind::kInteger;
  }
  if (name == field::kSourceIp) return EventPlan::Choice::Kind::kAddress;
  return EventPlan::Choice::Kind::kAny;
}

// Gives cells out.
class Planner {
 public:
  Planner(const FieldTable& fields, EventPlan* plan)
      : fields_(fields), plan_(plan) {
    plan_->slots = static_cast<uint32_t>(fields.size());
    plan_->cells = plan_->slots;
  }

  uint32_t NewCell() { return plan_->cells++; }

  // The cell of a normalised field: its slot, or one of our own.
  uint32_t FieldCell(absl::string_view name) {
    const Slot slot = fields_.Find(name);
    if (slot != kNoSlot) return slot;
    auto [it, inserted] = own_.try_emplace(std::string(name), 0);
    if (inserted) it->second = NewCell();
    return it->second;
  }
  // The slot of a field that is worked out only when a rule needs it.
  Slot Wanted(absl::string_view name) const { return fields_.Find(name); }

  // The cell that a path of the record goes to.
  uint32_t PathCell(absl::string_view path) {
    const int known = plan_->tree.FindCell(path);
    if (known != PathTree::kNone) return static_cast<uint32_t>(known);
    return plan_->tree.Add(path, NewCell());
  }

  // `name` is the first of `paths` that has a value.
  void AddChoice(absl::string_view name,
                 const std::vector<std::string>& paths) {
    EventPlan::Choice choice;
    choice.to = FieldCell(name);
    choice.kind = KindOf(name);
    bool first = true;
    for (const std::string& path : paths) {
      if (first && plan_->tree.FindCell(path) == PathTree::kNone) {
        plan_->tree.Add(path, choice.to);
      } else {
        const uint32_t cell = PathCell(path);
        if (cell != choice.to) choice.from.push_back(cell);
      }
      first = false;
    }
    plan_->choices.push_back(std::move(choice));
  }

 private:
  const FieldTable& fields_;
  EventPlan* const plan_;
  absl::flat_hash_map<std::string, uint32_t> own_;
};

void AddPattern(const FormatSpec::Field& field, Planner* planner,
                EventPlan* plan) {
  EventPlan::Pattern pattern;
  pattern.to = planner->FieldCell(field.name);
  absl::string_view rest = field.pattern;
  while (true) {
    const size_t open = rest.find('{');
    if (open == absl::string_view::npos) break;
    const size_t close = rest.find('}', open);
    pattern.parts.emplace_back(
        std::string(rest.substr(0, open)),
        planner->PathCell(rest.substr(open + 1, close - open - 1)));
    rest.remove_prefix(close + 1);
  }
  pattern.tail = std::string(rest);
  plan->patterns.push_back(std::move(pattern));
}

}  // namespace

const std::vector<std::string>& DeclaredFieldNames() {
  static const auto* const kNames = new std::vector<std::string>{
      "api.key.declared",
      "api.key.owner",
      "api.key.purpose",
      "api.key.job",
      "api.key.canary",
      "api.key.ip_restricted",
      "api.key.in_active_hours",
      "api.key.network_declared",
      "api.key.operation_declared",
      "api.key.permission_declared",
  };
  return *kNames;
}

EventPlan EventPlan::Make(const FormatSpec& spec, const FieldTable& fields,
                          const FormatOverrides& overrides) {
  EventPlan plan;
  Planner planner(fields, &plan);

  const auto alternatives = [](const std::string& instead,
                               const std::vector<std::string>& paths) {
    return instead.empty() ? paths : std::vector<std::string>{instead};
  };
  const std::vector<std::string> time_paths =
      alternatives(overrides.time_field, spec.time_paths);
  const std::vector<std::string> key_paths =
      alternatives(overrides.key_field, spec.key_paths);
  std::vector<std::string> id_paths;
  if (overrides.id_field != "none") {
    id_paths = alternatives(overrides.id_field, spec.id_paths);
  }

  // Fields that the rules name and the format does not give are the record's
  // own, as they stand.
  absl::flat_hash_map<std::string, const FormatSpec::Field*> given;
  for (const FormatSpec::Field& field : spec.fields) {
    given.emplace(field.name, &field);
  }
  // Fields that are worked out, and those that others are worked out from.
  std::vector<std::string> chosen = {field::kKeyId};
  const auto chooses = [&](std::initializer_list<const char*> names) {
    chosen.insert(chosen.end(), names.begin(), names.end());
  };
  if (spec.derive_url) chooses({"url.original", field::kPath, field::kQuery});
  if (spec.derive_operation) {
    chooses(
        {field::kMethod, field::kPath, field::kOperation, "api.resource.id"});
  }
  if (spec.derive_outcome) {
    chooses({field::kStatus, field::kErrorCode, field::kEventOutcome});
  }
  if (spec.derive_key_kind) chooses({field::kKeyKind, "api.key.livemode"});
  if (spec.derive_permission) {
    chooses({field::kErrorMessage, "error.permission"});
  }
  if (spec.derive_stripe) {
    chooses({field::kMethod, field::kPath, field::kQuery, "stripe.expand",
             field::kSensitiveFields, "stripe.file_link.ttl_seconds",
             "stripe.verification.age_seconds", "http.request.body.content"});
  }
  chooses({field::kSourceIp, field::kSourceAsn, field::kSourceCountry,
           "source.as.organization.name", "source.geo.location.lat",
           "source.geo.location.lon"});
  chosen.insert(chosen.end(), DeclaredFieldNames().begin(),
                DeclaredFieldNames().end());
  for (const auto& [name, field] : given) chosen.push_back(name);
  const absl::flat_hash_set<std::string> normalised(chosen.begin(),
                                                    chosen.end());

  for (Slot slot = 0; slot < fields.size(); ++slot) {
    const std::string& name = fields.name(slot);
    if (name == FieldTable::kAllStrings) {
      plan.strings_cell = static_cast<int>(slot);
    } else if (!normalised.contains(name)) {
      plan.tree.Add(name, slot);
    }
  }

  absl::flat_hash_set<std::string> done;
  const auto choose = [&](const std::string& name) {
    if (!done.insert(name).second) return;
    const auto it = given.find(name);
    // What the record itself says comes first; only who calls knows better.
    std::vector<std::string> paths = {name};
    if (name == field::kKeyId) {
      paths.insert(overrides.key_field.empty() ? paths.end() : paths.begin(),
                   key_paths.begin(), key_paths.end());
      planner.AddChoice(name, paths);
    } else if (it == given.end()) {
      planner.AddChoice(name, paths);
    } else {
      paths.insert(paths.end(), it->second->paths.begin(),
                   it->second->paths.end());
      planner.AddChoice(name, paths);
      if (!it->second->pattern.empty()) {
        AddPattern(*it->second, &planner, &plan);
      }
    }
  };
  // What neither a rule nor a derivation reads costs nothing.
  for (const std::string& name : chosen) {
    if (fields.Find(name) != kNoSlot) choose(name);
  }

  Derived& derived = plan.derived;
  if (spec.derive_key_kind) {
    derived.key_kind = planner.Wanted(field::kKeyKind);
    derived.livemode = planner.Wanted("api.key.livemode");
  }
  const auto input = [&](const char* name) {
    choose(name);
    return planner.FieldCell(name);
  };
  derived.key_id = input(field::kKeyId);
  if (spec.derive_url || spec.derive_operation || spec.derive_stripe) {
    derived.method = input(field::kMethod);
    derived.path = input(field::kPath);
    derived.query = input(field::kQuery);
  }
  if (spec.derive_url) derived.url = input("url.original");
  if (spec.derive_operation) {
    derived.operation = planner.Wanted(field::kOperation);
    derived.resource_id = planner.Wanted("api.resource.id");
  }
  if (spec.derive_outcome) {
    derived.status = input(field::kStatus);
    derived.error_code = input(field::kErrorCode);
    derived.outcome = planner.Wanted(field::kEventOutcome);
  }
  if (spec.derive_permission && planner.Wanted("error.permission") != kNoSlot) {
    derived.error_message = input(field::kErrorMessage);
    derived.permission = planner.Wanted("error.permission");
  }
  if (spec.derive_stripe) {
    derived.expand = planner.Wanted("stripe.expand");
    derived.sensitive = planner.Wanted(field::kSensitiveFields);
    derived.link_ttl = planner.Wanted("stripe.file_link.ttl_seconds");
    derived.verification_age =
        planner.Wanted("stripe.verification.age_seconds");
    derived.body = input("http.request.body.content");
    derived.body_expires_at = planner.PathCell("http.request.body.expires_at");
    derived.body_file = planner.PathCell("http.request.body.file");
    derived.body_expand = planner.PathCell("http.request.body.expand");
  }
  derived.source_ip = input(field::kSourceIp);
  derived.as_number = planner.Wanted(field::kSourceAsn);
  derived.as_organization = planner.Wanted("source.as.organization.name");
  derived.country = planner.Wanted(field::kSourceCountry);
  derived.latitude = planner.Wanted("source.geo.location.lat");
  derived.longitude = planner.Wanted("source.geo.location.lon");

  EventPlan::Declared& declared = plan.declared;
  declared.declared = planner.Wanted("api.key.declared");
  declared.owner = planner.Wanted("api.key.owner");
  declared.purpose = planner.Wanted("api.key.purpose");
  declared.job = planner.Wanted("api.key.job");
  declared.canary = planner.Wanted("api.key.canary");
  declared.ip_restricted = planner.Wanted("api.key.ip_restricted");
  declared.active = planner.Wanted("api.key.in_active_hours");
  declared.network = planner.Wanted("api.key.network_declared");
  declared.operation = planner.Wanted("api.key.operation_declared");
  if (declared.operation != kNoSlot) {
    declared.from_operation = input(field::kOperation);
    if (spec.derive_operation) derived.operation = declared.from_operation;
  }
  declared.permission = planner.Wanted("api.key.permission_declared");
  if (declared.permission != kNoSlot) {
    declared.from_permission = input("error.permission");
    if (spec.derive_permission) {
      derived.error_message = input(field::kErrorMessage);
      derived.permission = declared.from_permission;
    }
  }

  for (const std::string& path : time_paths) {
    plan.time.push_back(planner.PathCell(path));
  }
  for (const std::string& path : id_paths) {
    plan.id.push_back(planner.PathCell(path));
  }
  if (!overrides.key_field.empty()) {
    plan.override_key = planner.PathCell(overrides.key_field);
  }
  if (!overrides.id_field.empty() && overrides.id_field != "none") {
    plan.override_id = planner.PathCell(overrides.id_field);
  }
  plan.timestamp = planner.Wanted(field::kTimestamp);
  plan.event_id = planner.Wanted(field::kEventId);

  for (const FormatSpec::Constant& c : spec.constants) {
    const Slot slot = planner.Wanted(c.name);
    if (slot == kNoSlot) continue;
    switch (c.type) {
      case FormatSpec::Constant::Type::kString:
        plan.constants.emplace_back(slot, Value::String(c.text));
        break;
      case FormatSpec::Constant::Type::kInt:
        plan.constants.emplace_back(slot, Value::Int(c.integer));
        break;
      case FormatSpec::Constant::Type::kBool:
        plan.constants.emplace_back(slot, Value::Bool(c.integer != 0));
        break;
    }
  }
  return plan;
}

}  // namespace keywatch
