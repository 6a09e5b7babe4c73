#include "daemon/respond/blast_radius.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"

namespace keywatch {
namespace {

std::vector<BlastRadius::Use> Uses(const std::vector<SeenValue>& values,
                                   EventTime now_ms) {
  std::vector<BlastRadius::Use> uses;
  for (const SeenValue& value : values) {
    uses.push_back({value.value, value.count, value.first_ms, value.last_ms,
                    value.last_ms > now_ms - BlastRadius::kRecentMs});
  }
  std::sort(uses.begin(), uses.end(),
            [](const BlastRadius::Use& a, const BlastRadius::Use& b) {
              if (a.last_ms != b.last_ms) return a.last_ms > b.last_ms;
              if (a.count != b.count) return a.count > b.count;
              return a.what < b.what;
            });
  return uses;
}

// "3m", "5d": the largest unit only. Event times may be ahead of the clock.
std::string Ago(EventTime then_ms, EventTime now_ms) {
  int64_t ms = now_ms - then_ms;
  if (ms < 1000) return "just now";
  for (int64_t unit : {int64_t{86'400'000}, int64_t{3'600'000}, int64_t{60'000},
                       int64_t{1000}}) {
    if (ms >= unit) {
      ms -= ms % unit;
      break;
    }
  }
  return absl::StrCat(keywatch::FormatDuration(absl::Milliseconds(ms)), " ago");
}

std::string Count(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

void Describe(absl::string_view noun, const std::vector<BlastRadius::Use>& uses,
              EventTime now_ms, size_t max_uses,
              std::vector<std::string>* lines) {
  for (size_t i = 0; i < uses.size() && i < max_uses; ++i) {
    const BlastRadius::Use& use = uses[i];
    lines->push_back(absl::StrCat(
        noun, ": ", use.what, ", ", Count(use.count, "request"), ", last ",
        Ago(use.last_ms, now_ms), use.recent ? "" : " (not in use lately)"));
  }
  if (max_uses > 0 && uses.size() > max_uses) {
    lines->push_back(absl::StrCat(noun, ": ", uses.size() - max_uses, " more"));
  }
}

}  // namespace

BlastRadius BlastRadiusOf(const KeyProfile& profile, EventTime now_ms) {
  BlastRadius radius;
  radius.key = profile.key;
  radius.requests = profile.requests;
  radius.first_seen_ms = profile.first_seen_ms;
  radius.last_seen_ms = profile.last_seen_ms;
  radius.recent = profile.requests > 0 &&
                  profile.last_seen_ms > now_ms - BlastRadius::kRecentMs;
  radius.operations = Uses(profile.operations, now_ms);
  radius.networks = Uses(profile.networks, now_ms);
  radius.clients = Uses(profile.user_agents, now_ms);
  radius.sensitive_fields = Uses(profile.sensitive_fields, now_ms);
  radius.incomplete = profile.operations_overflow > 0 ||
                      profile.networks_overflow > 0 ||
                      profile.user_agents_overflow > 0;
  return radius;
}

std::vector<std::string> BlastRadiusText(const BlastRadius& radius,
                                         EventTime now_ms, size_t max_uses) {
  std::vector<std::string> lines;
  if (radius.requests == 0) {
    lines.push_back(absl::StrCat("No request of key ", radius.key.view(),
                                 " has been seen."));
    return lines;
  }
  lines.push_back(absl::StrCat(
      "Key ", radius.key.view(), ": ", Count(radius.requests, "request"),
      " since ", FormatTime(radius.first_seen_ms), ", the last one ",
      Ago(radius.last_seen_ms, now_ms), "; ",
      Count(radius.operations.size(), "operation"), ", ",
      Count(radius.networks.size(), "network"), ", ",
      Count(radius.clients.size(), "client"),
      radius.incomplete ? ", and more that was not kept" : "", "."));
  lines.push_back(
      radius.recent
          ? "It is in use: what is listed here breaks when it stops working, "
            "unless it has the new key by then."
          : "It has not been used for a week or longer.");
  Describe("client", radius.clients, now_ms, max_uses, &lines);
  Describe("network", radius.networks, now_ms, max_uses, &lines);
  Describe("operation", radius.operations, now_ms, max_uses, &lines);
  Describe("sensitive field", radius.sensitive_fields, now_ms, max_uses,
           &lines);
  return lines;
}

std::vector<std::string> FollowUpsFrom(const KeyProfile& profile) {
  static constexpr struct {
    absl::string_view path;
    absl::string_view noun;
  } kLasting[] = {
      {" /v1/webhook_endpoints", "webhook endpoints"},
      {" /v2/core/event_destinations", "event destinations"},
  };
  std::vector<std::string> follow_ups;
  for (const SeenValue& operation : profile.operations) {
    // Reading and deleting them leaves nothing behind.
    if (!absl::StartsWith(operation.value, "POST ")) continue;
    for (const auto& lasting : kLasting) {
      const size_t at = absl::string_view(operation.value).find(lasting.path);
      if (at == absl::string_view::npos) continue;
      const absl::string_view rest =
          absl::string_view(operation.value).substr(at + lasting.path.size());
      if (!rest.empty() && rest[0] != '/') continue;
      follow_ups.push_back(absl::StrCat(
          "Review the ", lasting.noun, " that were ",
          rest.empty() ? "created" : "changed", " with this key (",
          operation.value, ", ", Count(operation.count, "time"), ", first ",
          FormatTime(operation.first_ms), ", last ",
          FormatTime(operation.last_ms), "): they stay active after the roll"));
    }
  }
  return follow_ups;
}

}  // namespace keywatch
