#include "daemon/metrics/source_metrics.h"

#include "daemon/metrics/label.h"

namespace keywatch {

SourceMetrics::SourceMetrics(const std::string& source,
                             const Families& families)
    : source_(source),
      families_(families),
      records_(&families.records->Add({{"source", source}})),
      events_(&families.events->Add({{"source", source}})),
      late_events_(&families.late_events->Add({{"source", source}})),
      duplicate_events_(&families.duplicate_events->Add({{"source", source}})),
      future_events_(&families.future_events->Add({{"source", source}})) {}

void SourceMetrics::SetCounts(const SourceCounts& counts) {
  absl::MutexLock lock(&mu_);
  records_.Set(counts.records);
  events_.Set(counts.events);
  late_events_.Set(counts.late_events);
  duplicate_events_.Set(counts.duplicate_events);
  future_events_.Set(counts.future_events);
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

void SourceMetrics::SetCoverageGaps(const std::vector<GapTotals>& totals) {
  constexpr double kMillisecondsPerSecond = 1000;
  absl::MutexLock lock(&mu_);
  gaps_.resize(totals.size());
  for (size_t i = 0; i < totals.size(); ++i) {
    Gaps& gaps = gaps_[i];
    if (gaps.seconds == nullptr) {
      const prometheus::Labels labels = {
          {"source", source_}, {"reason", LabelValue(totals[i].reason)}};
      gaps.seconds = &families_.coverage_gap->Add(labels);
      gaps.count = TotalCounter(&families_.coverage_gaps->Add(labels));
    }
    gaps.count.Set(totals[i].gaps);
    const int64_t total = totals[i].milliseconds;
    const int64_t more =
        total >= gaps.milliseconds ? total - gaps.milliseconds : total;
    gaps.milliseconds = total;
    gaps.seconds->Increment(static_cast<double>(more) / kMillisecondsPerSecond);
  }
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
