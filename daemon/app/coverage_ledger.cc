#include "daemon/app/coverage_ledger.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/core/codec.h"

namespace keywatch {
namespace {

// A shorter stretch of nothing but rejects is bad luck, not blindness.
constexpr int64_t kLeastRejectedMs = 60'000;
constexpr uint64_t kLeastRejects = 2;
// A stretch that goes on is reported as often as this.
constexpr int64_t kGrowthMs = 10'000;
// Of stretches of which neither end is known yet.
constexpr size_t kMaxOpen = 16;

// The name of the row of those, behind the source.
constexpr absl::string_view kOpenGroup = "/open";

int64_t FloorDiv(int64_t value, int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

std::string EncodeHour(const CoverageHour& hour) {
  std::string blob;
  Encoder out(&blob);
  out.Fixed64(hour.read);
  for (const uint32_t events : hour.events) out.Varint(events);
  return blob;
}

}  // namespace

bool CoverageLedger::RestoreRow(absl::string_view group,
                                absl::string_view blob) {
  if (!absl::ConsumePrefix(&group, source_.view())) return false;
  Decoder in(blob);
  if (group.empty()) {
    const EventTime through = in.Signed();
    if (in.done()) read_through_ = saved_through_ = through;
    return true;
  }
  if (group == kOpenGroup) {
    DecodeOpen(blob);
    return true;
  }
  int64_t number = 0;
  if (!absl::ConsumePrefix(&group, "/") || !absl::SimpleAtoi(group, &number)) {
    return false;
  }
  CoverageHour hour;
  hour.read = in.Fixed64();
  for (uint32_t& events : hour.events) {
    events = static_cast<uint32_t>(in.Varint());
  }
  if (!in.done()) return true;  // of another version: not known any more
  absl::MutexLock lock(&mu_);
  hours_[number] = hour;
  return true;
}

void CoverageLedger::SawElsewhere(EventTime time) {
  if (special_) {
    CloseAt(time);
    CloseRejectedAt(time);
    blind_.reset();
    special_ = !open_.empty();
  }
  const EventTime minute =
      FloorDiv(time, kCoverageMinuteMs) * kCoverageMinuteMs;
  if (minute != minute_ms_) {
    Flush();
    minute_ms_ = minute;
  }
  ++count_;
}

void CoverageLedger::Rejected() {
  rejects_came_ = true;
  ++rejects_;
  special_ = true;
  dirty_ = true;
  if (!rejected_) {
    rejected_ = Open{GapKind::kRejected, "", Known(), kMinEventTime};
  }
}

void CoverageLedger::Lost(GapKind kind, std::string detail, EventTime since) {
  if (open_.size() >= kMaxOpen) return;  // all of them end at the same time
  special_ = true;
  dirty_ = true;
  open_.push_back(
      {kind, std::move(detail), std::min(Known(), since), kMinEventTime});
}

void CoverageLedger::CloseAt(EventTime time) {
  // An event from before does not tell where it ends.
  for (auto it = open_.begin(); it != open_.end();) {
    if (it->from_ms == kMinEventTime) it->from_ms = time;
    if (time < it->from_ms) {
      ++it;
      continue;
    }
    Report(&*it, time);
    it = open_.erase(it);
  }
}

void CoverageLedger::CloseRejectedAt(EventTime time) {
  if (rejected_ && rejects_came_ && rejects_ >= kLeastRejects &&
      rejected_->from_ms != kMinEventTime &&
      time - rejected_->from_ms >= kLeastRejectedMs) {
    Report(&*rejected_, time);
  }
  rejected_.reset();
  rejects_came_ = false;
  rejects_ = 0;
}

void CoverageLedger::CaughtUp(EventTime now) {
  Flush();
  CloseAt(now);
  if (rejected_ && rejects_came_) {
    if (rejected_->from_ms == kMinEventTime) rejected_->from_ms = now;
    const EventTime from = std::max(rejected_->from_ms, rejected_->reported_ms);
    if (rejects_ >= kLeastRejects &&
        now - rejected_->from_ms >= kLeastRejectedMs &&
        now - from >= kGrowthMs) {
      Report(&*rejected_, now);
    }
    rejects_came_ = false;
  }
  blind_.reset();
  special_ = !open_.empty() || rejected_.has_value();
  ReadTo(now);
}

void CoverageLedger::Blind(GapKind kind, EventTime from, EventTime now) {
  if (!blind_) {
    if (Known() != kMinEventTime) from = Known();
    blind_ = Open{kind, "", from, kMinEventTime};
    special_ = true;
  }
  if (now > std::max(blind_->from_ms, blind_->reported_ms)) {
    Report(&*blind_, now);
  }
}

void CoverageLedger::Report(Open* open, EventTime to) {
  const EventTime from = std::max(open->from_ms, open->reported_ms);
  const size_t kind = static_cast<size_t>(open->kind);
  blind_ms_[kind] += to - from;
  if (open->reported_ms == kMinEventTime) ++gaps_[kind];
  open->reported_ms = to;
  news_.push_back({open->kind, open->detail, open->from_ms, to});
  dirty_ = true;
}

std::string CoverageLedger::EncodeOpen() const {
  std::string blob;
  if (open_.empty() && !rejected_) return blob;
  Encoder out(&blob);
  const auto encode = [&out](const Open& open) {
    out.Varint(static_cast<uint64_t>(open.kind));
    out.String(open.detail);
    out.Signed(open.from_ms);
    out.Signed(open.reported_ms);
  };
  out.Varint(open_.size());
  for (const Open& open : open_) encode(open);
  out.Varint(rejected_ ? rejects_ : 0);
  if (rejected_) {
    out.Varint(rejects_came_ ? 1 : 0);
    encode(*rejected_);
  }
  return blob;
}

void CoverageLedger::DecodeOpen(absl::string_view blob) {
  Decoder in(blob);
  const auto decode = [&in] {
    Open open;
    const uint64_t kind = in.Varint();
    open.kind = static_cast<GapKind>(std::min<uint64_t>(kind, kGapKinds - 1));
    open.detail = std::string(in.String());
    open.from_ms = in.Signed();
    open.reported_ms = in.Signed();
    return open;
  };
  const uint64_t count = in.Varint();
  for (uint64_t i = 0; i < count && i < kMaxOpen && in.ok(); ++i) {
    open_.push_back(decode());
  }
  rejects_ = in.Varint();
  if (rejects_ > 0) {
    rejects_came_ = in.Varint() != 0;
    rejected_ = decode();
  }
  if (!in.done()) {  // of another version
    open_.clear();
    rejected_.reset();
    rejects_ = 0;
    rejects_came_ = false;
  }
  saved_open_ = std::string(blob);
  special_ = !open_.empty() || rejected_.has_value();
}

std::vector<BlindStretch> CoverageLedger::TakeBlind() {
  return std::exchange(news_, {});
}

CoverageHour& CoverageLedger::HourOf(EventTime time) {
  const int64_t number = FloorDiv(time, kCoverageHourMs);
  dirty_hours_.insert(number);
  return hours_[number];
}

void CoverageLedger::Flush() {
  if (count_ > 0) {
    dirty_ = true;
    absl::MutexLock lock(&mu_);
    const size_t minute =
        static_cast<size_t>(FloorDiv(minute_ms_, kCoverageMinuteMs) -
                            FloorDiv(minute_ms_, kCoverageHourMs) * 60);
    CoverageHour& hour = HourOf(minute_ms_);
    hour.events[minute] += count_;
    hour.read |= uint64_t{1} << minute;
    count_ = 0;
    Forget();
  }
  ReadTo(newest_);
}

void CoverageLedger::ReadTo(EventTime time) {
  if (time <= read_through_ || time == kMinEventTime) return;
  const bool first = read_through_ == kMinEventTime;
  // A minute counts as read when all of it was.
  int64_t minute = FloorDiv(first ? time : read_through_, kCoverageMinuteMs);
  const int64_t end = FloorDiv(time, kCoverageMinuteMs);
  minute = std::max(minute, end - kKeptHours * 60);
  read_through_ = time;
  if (minute >= end && !first) return;
  dirty_ = true;
  absl::MutexLock lock(&mu_);
  current_minute_ = end;
  for (; minute < end; ++minute) {
    HourOf(minute * kCoverageMinuteMs).read |=
        uint64_t{1} << (minute - FloorDiv(minute, 60) * 60);
  }
  Forget();
}

void CoverageLedger::Forget() {
  if (hours_.empty()) return;
  const int64_t oldest = hours_.rbegin()->first - kKeptHours;
  while (hours_.begin()->first < oldest) {
    forgotten_.push_back(hours_.begin()->first);
    dirty_hours_.erase(hours_.begin()->first);
    hours_.erase(hours_.begin());
  }
}

void CoverageLedger::TakeState(std::vector<StateRow>* out) {
  Flush();
  absl::MutexLock lock(&mu_);
  for (const int64_t number : dirty_hours_) {
    out->push_back({kOwner, absl::StrCat(source_.view(), "/", number),
                    EncodeHour(hours_[number]), false});
  }
  for (const int64_t number : forgotten_) {
    out->push_back(
        {kOwner, absl::StrCat(source_.view(), "/", number), "", true});
  }
  dirty_hours_.clear();
  forgotten_.clear();
  if (read_through_ != saved_through_) {
    std::string blob;
    Encoder(&blob).Signed(read_through_);
    out->push_back({kOwner, source_.str(), std::move(blob), false});
    saved_through_ = read_through_;
  }
  std::string open = EncodeOpen();
  if (open != saved_open_) {
    out->push_back(
        {kOwner, absl::StrCat(source_.view(), kOpenGroup), open, open.empty()});
    saved_open_ = std::move(open);
  }
  dirty_ = false;
}

CoverageHours CoverageLedger::Hours(EventTime since) const {
  absl::MutexLock lock(&mu_);
  const auto first = since == kMinEventTime
                         ? hours_.begin()
                         : hours_.lower_bound(FloorDiv(since, kCoverageHourMs));
  CoverageHours hours(first, hours_.end());
  if (current_minute_) {
    const int64_t hour = FloorDiv(*current_minute_, 60);
    hours[hour].read |= uint64_t{1} << (*current_minute_ - hour * 60);
  }
  return hours;
}

}  // namespace keywatch
