#include "daemon/ingest/stripe_fields.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/ingest/escapes.h"

namespace keywatch {
namespace {

// Parameters of one request that are looked at; nobody sends more.
constexpr int kMaxParameters = 1000;
constexpr size_t kMaxExpands = 100;

// What a restricted key may read and a secret key may not, within a session and
// within a report.
constexpr absl::string_view kSessionFields[] = {
    "verified_outputs.dob",
    "verified_outputs.id_number",
    "verified_outputs.sex",
    "verified_outputs.unparsed_sex",
    "verified_outputs.unparsed_place_of_birth",
};
constexpr absl::string_view kReportFields[] = {
    "document.dob",
    "document.expiration_date",
    "document.files",
    "document.number",
    "document.sex",
    "document.unparsed_sex",
    "document.unparsed_place_of_birth",
    "id_number.dob",
    "id_number.id_number",
    "selfie.document",
    "selfie.selfie",
};
constexpr absl::string_view kReport = "last_verification_report.";

// Calls `f(key, value)`, both decoded, until it gives false.
template <typename F>
void ForEachParameter(absl::string_view form, F f) {
  absl::ConsumePrefix(&form, "?");
  for (int i = 0; i < kMaxParameters && !form.empty(); ++i) {
    const size_t end = std::min(form.find('&'), form.size());
    const absl::string_view parameter = form.substr(0, end);
    form.remove_prefix(std::min(end + 1, form.size()));
    const size_t equals = std::min(parameter.find('='), parameter.size());
    const absl::string_view value =
        parameter.substr(std::min(equals + 1, parameter.size()));
    if (!f(PercentDecode(parameter.substr(0, equals), true),
           PercentDecode(value, true))) {
      return;
    }
  }
}

// `expand`, `expand[]`, `expand[12]`.
bool IsExpand(absl::string_view key) {
  if (!absl::ConsumePrefix(&key, "expand")) return false;
  if (key.empty()) return true;
  return key.front() == '[' && key.back() == ']';
}

template <size_t kCount>
bool Contains(const absl::string_view (&list)[kCount], absl::string_view text) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

bool IsPermission(absl::string_view name) {
  if (!absl::EndsWith(name, "_read") && !absl::EndsWith(name, "_write")) {
    return false;
  }
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

}  // namespace

void AppendExpands(absl::string_view form, std::vector<std::string>* expands) {
  // Most requests expand nothing, and most of those show it at once.
  if (!absl::StrContains(form, "expand") && !absl::StrContains(form, "%")) {
    return;
  }
  ForEachParameter(form, [&](const std::string& key, std::string value) {
    if (!IsExpand(key) || value.empty()) return true;
    if (std::find(expands->begin(), expands->end(), value) == expands->end()) {
      expands->push_back(std::move(value));
    }
    return expands->size() < kMaxExpands;
  });
}

std::vector<std::string> SensitiveFields(
    absl::string_view path, const std::vector<std::string>& expands) {
  std::vector<std::string> fields;
  const bool of_report = absl::StrContains(path, "/verification_reports");
  for (absl::string_view expand : expands) {
    absl::ConsumePrefix(&expand, "data.");
    std::string name;
    absl::string_view in_report = expand;
    if (Contains(kSessionFields, expand)) {
      name = std::string(expand);
    } else if ((absl::ConsumePrefix(&in_report, kReport) || of_report) &&
               Contains(kReportFields, in_report)) {
      name = absl::StrCat(kReport, in_report);
    } else {
      continue;
    }
    if (std::find(fields.begin(), fields.end(), name) == fields.end()) {
      fields.push_back(std::move(name));
    }
  }
  return fields;
}

absl::optional<int64_t> FileLinkTtlSeconds(absl::string_view method,
                                           absl::string_view path,
                                           absl::string_view query,
                                           absl::string_view body,
                                           EventTime time) {
  if (method != "POST") return absl::nullopt;
  absl::string_view rest = path;
  if (!absl::ConsumePrefix(&rest, "/v1/file_links")) return absl::nullopt;
  absl::ConsumeSuffix(&rest, "/");
  const bool creates = rest.empty();
  if (!creates && rest[0] != '/') return absl::nullopt;

  bool any = false;
  absl::optional<int64_t> ttl;
  const auto take = [&](const std::string& key, const std::string& value) {
    any = true;
    if (key != "expires_at") return true;
    int64_t at;
    if (value == "now") {
      ttl = 0;
    } else if (value.empty()) {
      // An empty expiry takes the old one away.
      ttl = kNeverExpires;
    } else if (absl::SimpleAtoi(value, &at)) {
      const int64_t seconds = std::max<int64_t>(0, at) - time / 1000;
      ttl = std::max<int64_t>(0, std::min(seconds, kNeverExpires));
    }
    return true;
  };
  ForEachParameter(query, take);
  ForEachParameter(body, take);
  if (!ttl.has_value() && creates && any) ttl = kNeverExpires;
  return ttl;
}

absl::optional<int64_t> VerificationAgeSeconds(absl::string_view path,
                                               EventTime time) {
  constexpr size_t kIdSize = 24;  // behind the prefix
  constexpr size_t kTimeDigits = 5;
  constexpr int64_t kBegin = 1342389380;     // what the digits count from
  constexpr int64_t kEarliest = 1577836800;  // 2020: no Identity before
  constexpr int64_t kClocksDiffer = 300;
  absl::string_view id;
  for (absl::string_view collection : {"/identity/verification_sessions/vs_",
                                       "/identity/verification_reports/vr_"}) {
    const size_t at = path.find(collection);
    if (at == absl::string_view::npos) continue;
    id = path.substr(at + collection.size());
    id = id.substr(0, id.find('/'));
  }
  if (id.size() != kIdSize || id[0] != '1' ||
      !std::all_of(id.begin(), id.end(), absl::ascii_isalnum)) {
    return absl::nullopt;
  }
  int64_t created = 0;
  for (char c : id.substr(1, kTimeDigits)) {
    created = created * 62 + (absl::ascii_isdigit(c)   ? c - '0'
                              : absl::ascii_isupper(c) ? c - 'A' + 10
                                                       : c - 'a' + 36);
  }
  created += kBegin;
  const int64_t age = time / 1000 - created;
  if (created < kEarliest || age < -kClocksDiffer) return absl::nullopt;
  return std::max<int64_t>(age, 0);
}

absl::string_view PermissionIn(absl::string_view message) {
  // Between single quotes; other quoted words stand beside it.
  while (true) {
    const size_t open = message.find('\'');
    if (open == absl::string_view::npos) return absl::string_view();
    message.remove_prefix(open + 1);
    const size_t close = message.find('\'');
    if (close == absl::string_view::npos) return absl::string_view();
    absl::string_view name = message.substr(0, close);
    if (IsPermission(name)) {
      absl::ConsumePrefix(&name, "rak_");
      return name;
    }
    // The closing quote may open the next word when quotes are unbalanced.
  }
}

}  // namespace keywatch
