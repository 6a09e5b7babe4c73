#include "daemon/app/coverage_timeline.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace keywatch {
namespace {

using Kind = CoverageStretch::Kind;

constexpr int64_t kShortPauseMs = 10 * kCoverageMinuteMs;

// Runs of minutes that are alike.
std::vector<CoverageStretch> MinuteRuns(const CoverageHours& hours,
                                        EventTime since, EventTime until) {
  std::vector<CoverageStretch> runs;
  auto add = [&](EventTime minute, Kind kind, int64_t events) {
    if (minute + kCoverageMinuteMs <= since || minute >= until) return;
    // Before it was first read there is nothing to say.
    if (runs.empty() && kind == Kind::kUnread) return;
    const EventTime from = std::max(minute, since);
    const EventTime to = std::min(minute + kCoverageMinuteMs, until);
    if (!runs.empty() && runs.back().kind == kind &&
        runs.back().to_ms == from) {
      runs.back().to_ms = to;
      runs.back().events += events;
      return;
    }
    if (!runs.empty() && runs.back().to_ms < from) {
      // Hours without a row.
      CoverageStretch unread;
      unread.from_ms = runs.back().to_ms;
      unread.to_ms = from;
      runs.push_back(unread);
      if (kind == Kind::kUnread) {
        runs.back().to_ms = to;
        return;
      }
    }
    CoverageStretch run;
    run.kind = kind;
    run.from_ms = from;
    run.to_ms = to;
    run.events = events;
    runs.push_back(run);
  };
  for (const auto& [number, hour] : hours) {
    for (int64_t m = 0; m < 60; ++m) {
      const bool read = (hour.read >> m & 1) != 0;
      const int64_t events = hour.events[static_cast<size_t>(m)];
      add(number * kCoverageHourMs + m * kCoverageMinuteMs,
          events > 0 ? Kind::kSeen
          : read     ? Kind::kEmpty
                     : Kind::kUnread,
          events);
    }
  }
  // Of what comes after the last minute that was read nothing is known yet;
  // less than a minute is nothing to tell.
  if (!runs.empty() && runs.back().kind == Kind::kUnread) runs.pop_back();
  if (!runs.empty() && until - runs.back().to_ms >= kCoverageMinuteMs) {
    CoverageStretch unread;
    unread.from_ms = runs.back().to_ms;
    unread.to_ms = until;
    runs.push_back(unread);
  }
  return runs;
}

// Joins seen stretches over short pauses.
std::vector<CoverageStretch> Smooth(const std::vector<CoverageStretch>& runs) {
  std::vector<CoverageStretch> out;
  for (size_t i = 0; i < runs.size(); ++i) {
    const CoverageStretch& run = runs[i];
    const bool pause = run.kind == Kind::kEmpty &&
                       run.to_ms - run.from_ms < kShortPauseMs &&
                       !out.empty() && out.back().kind == Kind::kSeen;
    if (pause || (run.kind == Kind::kSeen && !out.empty() &&
                  out.back().kind == Kind::kSeen)) {
      out.back().to_ms = run.to_ms;
      out.back().events += run.events;
    } else {
      out.push_back(run);
    }
  }
  return out;
}

// Gaps without overlap, clipped; where two overlap, the one that began first
// stands.
std::vector<CoverageStretch> BlindStretches(std::vector<Gap> gaps,
                                            EventTime since, EventTime until) {
  std::sort(gaps.begin(), gaps.end(), [](const Gap& a, const Gap& b) {
    return a.from_ms != b.from_ms ? a.from_ms < b.from_ms : a.to_ms > b.to_ms;
  });
  std::vector<CoverageStretch> out;
  EventTime end = since;
  for (const Gap& gap : gaps) {
    CoverageStretch blind;
    blind.kind = Kind::kBlind;
    blind.from_ms = std::max(gap.from_ms, end);
    blind.to_ms = std::min(gap.to_ms, until);
    if (blind.from_ms > blind.to_ms) continue;
    // One that is not known to have lasted is shown where it happened.
    if (blind.from_ms == blind.to_ms && gap.from_ms != gap.to_ms) continue;
    std::tie(blind.reason, blind.detail) = SplitGapReason(gap.reason);
    end = blind.to_ms;
    out.push_back(std::move(blind));
  }
  return out;
}

}  // namespace

std::string GapReason(GapKind kind, absl::string_view detail) {
  return detail.empty() ? std::string(GapKindName(kind))
                        : absl::StrCat(GapKindName(kind), ": ", detail);
}

std::pair<std::string, std::string> SplitGapReason(absl::string_view reason) {
  for (int kind = 0; kind < kGapKinds; ++kind) {
    const absl::string_view name = GapKindName(static_cast<GapKind>(kind));
    if (reason == name) return {std::string(name), ""};
    if (reason.size() > name.size() + 2 &&
        reason.substr(0, name.size()) == name &&
        reason.substr(name.size(), 2) == ": ") {
      return {std::string(name), std::string(reason.substr(name.size() + 2))};
    }
  }
  return {std::string(reason), ""};
}

std::vector<CoverageStretch> CoverageTimeline(const CoverageHours& hours,
                                              std::vector<Gap> gaps,
                                              EventTime since,
                                              EventTime until) {
  const std::vector<CoverageStretch> read =
      Smooth(MinuteRuns(hours, since, until));
  const std::vector<CoverageStretch> blind =
      BlindStretches(std::move(gaps), since, until);
  std::vector<CoverageStretch> out;
  size_t next = 0;
  auto add_blind_until = [&](EventTime end) {
    while (next < blind.size() && blind[next].from_ms < end) {
      out.push_back(blind[next++]);
    }
  };
  for (CoverageStretch run : read) {
    add_blind_until(run.from_ms);
    if (!out.empty()) run.from_ms = std::max(run.from_ms, out.back().to_ms);
    // What a gap cuts out of the stretch; its events stay with the first part.
    for (size_t i = next; i < blind.size() && blind[i].from_ms < run.to_ms;
         ++i) {
      if (blind[i].from_ms > run.from_ms) {
        CoverageStretch part = run;
        part.to_ms = blind[i].from_ms;
        out.push_back(part);
        run.events = 0;
      }
      out.push_back(blind[i]);
      next = i + 1;
      run.from_ms = std::max(run.from_ms, blind[i].to_ms);
    }
    if (run.from_ms < run.to_ms) out.push_back(run);
  }
  add_blind_until(kMaxEventTime);
  return out;
}

}  // namespace keywatch
