#include "daemon/metrics/source_metrics.h"

#include "daemon/metrics/label.h"

namespace keywatch {

SourceMetrics::SourceMetrics(const std::string& source,
                             const Families& families)
    : source_(source),
      families_(families),
      coverage_gap_(&families.coverage_gap->Add({{"source", source}})),
      records_(&families.records->Add({{"source", source}})),
      events_(&families.events->Add({{"source", source}})),
      late_events_(&families.late_events->Add({{"source", source}})),
      duplicate_events_(&families.duplicate_events->Add({{"source", source}})) {
}

void SourceMetrics::SetCounts(const SourceCounts& counts) {
  absl::MutexLock lock(&mu_);
  records_.Set(counts.records);
  events_.Set(counts.events);
  late_events_.Set(counts.late_events);
  duplicate_events_.Set(counts.duplicate_events);
}

prometheus::Counter* SourceMetrics::ByLabelLocked(CounterFamily* family,
                                                  const char* label,
                                                  absl::string_view value,
                                                  ByLabel* cache) {
  std::string text = LabelValue(value);
  if (cache->size() >= kMaxLabelValues && !cache->contains(text)) {
    text = "other";
  }
  prometheus::Counter*& counter = (*cache)[text];
  if (counter == nullptr) {
    counter = &family->Add({{"source", source_}, {label, text}});
  }
  return counter;
}

void SourceMetrics::AddRejected(absl::string_view reason, int64_t count) {
  absl::MutexLock lock(&mu_);
  ByLabelLocked(families_.rejected, "reason", reason, &rejected_)
      ->Increment(static_cast<double>(count));
}

void SourceMetrics::AddError(absl::string_view code) {
  absl::MutexLock lock(&mu_);
  ByLabelLocked(families_.errors, "code", code, &errors_)->Increment();
}

void SourceMetrics::AddCoverageGap(absl::Duration length) {
  // An infinite or negative length says that one end is unknown.
  if (length <= absl::ZeroDuration() || length == absl::InfiniteDuration()) {
    return;
  }
  coverage_gap_->Increment(absl::ToDoubleSeconds(length));
}

void SourceMetrics::SetLag(absl::Duration lag) {
  absl::MutexLock lock(&mu_);
  if (lag_ == nullptr) lag_ = &families_.lag->Add({{"source", source_}});
  lag_->Set(absl::ToDoubleSeconds(lag));
}

void SourceMetrics::SetWatermark(absl::Time watermark) {
  absl::MutexLock lock(&mu_);
  if (watermark_ == nullptr) {
    watermark_ = &families_.watermark->Add({{"source", source_}});
  }
  watermark_->Set(absl::ToDoubleSeconds(watermark - absl::UnixEpoch()));
}

}  // namespace keywatch
