#include "daemon/ingest/derive.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/ingest/cells.h"
#include "daemon/ingest/operation.h"
#include "daemon/ingest/stripe_fields.h"

namespace keywatch {
namespace {

Value ListOf(const std::vector<std::string>& texts, EventBatch* batch) {
  Value* list = batch->NewValues(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    list[i] = Value::String(batch->CopyText(texts[i]));
  }
  return Value::List(list, static_cast<uint32_t>(texts.size()));
}

}  // namespace

absl::string_view KeyKind(absl::string_view key) {
  // Of a secret that was redacted the beginning is left.
  if (absl::StartsWith(key, "rk_")) return "restricted";
  if (absl::StartsWith(key, "sk_org")) return "organization";
  if (absl::StartsWith(key, "sk_")) return "secret";
  if (absl::StartsWith(key, "pk_")) return "publishable";
  if (absl::StartsWith(key, "AKIA") || absl::StartsWith(key, "ASIA")) {
    return "access_key";
  }
  return absl::string_view();
}

void Deriver::Derive(EventTime time, EventBatch* batch, Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  if (d.url != kNoSlot) SplitUrl(cells);
  DeriveKey(cells);
  if (d.operation != kNoSlot || d.resource_id != kNoSlot) {
    DeriveOperation(batch, cells);
  }
  if (Misses(cells, d.outcome)) DeriveOutcome(cells);
  if (Misses(cells, d.permission)) {
    const absl::string_view name = PermissionIn(Text(cells, d.error_message));
    if (!name.empty()) cells[d.permission] = Value::String(name);
  }
  if (d.body != kNoSlot) DeriveStripe(time, batch, cells);
  if (enricher_ == nullptr) return;
  DerivePlace(batch, cells);
  if (enricher_->declares_keys()) DeriveDeclared(time, batch, cells);
}

void Deriver::SplitUrl(Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  absl::string_view url = Text(cells, d.path);
  if (url.empty()) url = Text(cells, d.url);
  if (url.empty()) return;
  const size_t scheme = url.find("://");
  if (scheme != absl::string_view::npos &&
      url.find_first_of("/?") == scheme + 1) {
    const size_t path = url.find_first_of("/?#", scheme + 3);
    url = path == absl::string_view::npos ? "/" : url.substr(path);
  }
  const size_t mark = url.find('?');
  if (mark != absl::string_view::npos && !HasCell(cells, d.query)) {
    cells[d.query] = Value::String(url.substr(mark + 1));
  }
  cells[d.path] = Value::String(url.substr(0, mark));
}

void Deriver::DeriveKey(Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  const absl::string_view key = Text(cells, d.key_id);
  if (Misses(cells, d.key_kind)) {
    const absl::string_view kind = KeyKind(key);
    if (!kind.empty()) cells[d.key_kind] = Value::String(kind);
  }
  if (Misses(cells, d.livemode)) {
    if (absl::StrContains(key, "k_live")) {
      cells[d.livemode] = Value::Bool(true);
    } else if (absl::StrContains(key, "k_test")) {
      cells[d.livemode] = Value::Bool(false);
    }
  }
}

void Deriver::DeriveOperation(EventBatch* batch, Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  const absl::string_view method = Text(cells, d.method);
  const absl::string_view path = Text(cells, d.path);
  if (path.empty()) return;
  text_.clear();
  if (!method.empty()) absl::StrAppend(&text_, method, " ");
  absl::string_view id;
  AppendTemplatedPath(path, &text_, &id);
  if (Misses(cells, d.operation) && !method.empty()) {
    cells[d.operation] = Value::String(batch->CopyText(text_));
  }
  if (Misses(cells, d.resource_id) && !id.empty()) {
    cells[d.resource_id] = Value::String(id);
  }
}

void Deriver::DeriveOutcome(Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  const Value& status = cells[d.status];
  if (status.is_number()) {
    const double code = status.AsDouble();
    if (code >= 100 && code < 600) {
      cells[d.outcome] = Value::String(code < 400 ? "success" : "failure");
    }
    return;
  }
  // Logs that name errors instead of a status.
  if (Misses(cells, d.status)) {
    const bool failed = HasCell(cells, d.error_code) &&
                        !(cells[d.error_code].is_string() &&
                          cells[d.error_code].string_value().empty());
    cells[d.outcome] = Value::String(failed ? "failure" : "success");
  }
}

void Deriver::DeriveStripe(EventTime time, EventBatch* batch, Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  const absl::string_view path = Text(cells, d.path);
  const absl::string_view query = Text(cells, d.query);
  const absl::string_view body = Text(cells, d.body);

  if (d.expand != kNoSlot || d.sensitive != kNoSlot) {
    expands_.clear();
    AppendExpands(query, &expands_);
    AppendExpands(body, &expands_);
    cells[d.body_expand].AnyElement([&](const Value& value) {
      if (value.is_string()) expands_.emplace_back(value.string_value());
      return false;
    });
    if (!expands_.empty()) {
      if (Misses(cells, d.expand)) cells[d.expand] = ListOf(expands_, batch);
      if (Misses(cells, d.sensitive)) {
        const std::vector<std::string> fields = SensitiveFields(path, expands_);
        if (!fields.empty()) cells[d.sensitive] = ListOf(fields, batch);
      }
    }
  }
  if (Misses(cells, d.verification_age)) {
    const absl::optional<int64_t> age = VerificationAgeSeconds(path, time);
    if (age.has_value()) cells[d.verification_age] = Value::Int(*age);
  }
  if (Misses(cells, d.link_ttl) && absl::StrContains(path, "/file_links")) {
    // A body that was logged as a map reads like a form.
    text_.assign(body.data(), body.size());
    ScalarBuffer buffer;
    for (const auto& [name, cell] :
         {std::make_pair("&file=", d.body_file),
          std::make_pair("&expires_at=", d.body_expires_at)}) {
      if (HasCell(cells, cell) && !cells[cell].is_list()) {
        absl::StrAppend(&text_, name, ScalarText(cells[cell], buffer));
      }
    }
    const absl::optional<int64_t> ttl =
        FileLinkTtlSeconds(Text(cells, d.method), path, query, text_, time);
    if (ttl.has_value()) cells[d.link_ttl] = Value::Int(*ttl);
  }
}

void Deriver::DerivePlace(EventBatch* batch, Value* cells) {
  const EventPlan::Derived& d = plan_.derived;
  if (!Misses(cells, d.as_number) && !Misses(cells, d.as_organization) &&
      !Misses(cells, d.country) && !Misses(cells, d.latitude)) {
    return;
  }
  NetworkPlace place;
  if (!enricher_->LookUp(Text(cells, d.source_ip), &place)) return;
  if (Misses(cells, d.as_number) && place.as_number != 0) {
    cells[d.as_number] = Value::Int(place.as_number);
  }
  if (Misses(cells, d.as_organization) && !place.as_organization.empty()) {
    cells[d.as_organization] =
        Value::String(batch->CopyText(place.as_organization));
  }
  if (Misses(cells, d.country) && !place.country_iso_code.empty()) {
    cells[d.country] = Value::String(batch->CopyText(place.country_iso_code));
  }
  if (place.latitude.has_value() && place.longitude.has_value() &&
      !HasCell(cells, d.latitude) && !HasCell(cells, d.longitude)) {
    if (d.latitude != kNoSlot) {
      cells[d.latitude] = Value::Double(*place.latitude);
    }
    if (d.longitude != kNoSlot) {
      cells[d.longitude] = Value::Double(*place.longitude);
    }
  }
}

}  // namespace keywatch
