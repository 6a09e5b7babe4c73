#include "daemon/metrics/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/metrics/catalogue.h"
#include "daemon/metrics/families.h"
#include "daemon/metrics/label.h"
#include "prometheus/text_serializer.h"

namespace keywatch {
namespace {

constexpr Level kLevels[] = {Level::kInformational, Level::kLow, Level::kMedium,
                             Level::kHigh, Level::kCritical};
constexpr AlertState kAlertStates[] = {
    AlertState::kOpen, AlertState::kAcknowledged, AlertState::kResolved};
constexpr RollState kRollStates[] = {
    RollState::kAwaitingOperator, RollState::kAwaitingExpiry,
    RollState::kVerifying,        RollState::kCompleted,
    RollState::kFailed,           RollState::kCancelled};

// From a commit on a quiet SSD to one on a disk in trouble.
prometheus::Histogram::BucketBoundaries CheckpointBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
          0.25,  0.5,    1,     2.5,  5,     10};
}

prometheus::Histogram::BucketBoundaries RpcBuckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,  0.5,    1,     2.5,  10};
}

double UnixSeconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

absl::string_view OutcomeName(NotificationOutcome outcome) {
  switch (outcome) {
    case NotificationOutcome::kSent:
      return "sent";
    case NotificationOutcome::kRetried:
      return "retried";
    case NotificationOutcome::kDead:
      return "dead";
  }
  return "unknown";
}

}  // namespace

Metrics::Metrics(const Build& build, absl::Time start)
    : process_(start),
      source_families_{CounterFamily(&registry_, metric::kRecords),
                       CounterFamily(&registry_, metric::kEvents),
                       CounterFamily(&registry_, metric::kLateEvents),
                       CounterFamily(&registry_, metric::kDuplicateEvents),
                       CounterFamily(&registry_, metric::kRecordsRejected),
                       CounterFamily(&registry_, metric::kSourceErrors),
                       CounterFamily(&registry_, metric::kFutureEvents),
                       CounterFamily(&registry_, metric::kCoverageGap),
                       CounterFamily(&registry_, metric::kCoverageGaps),
                       GaugeFamily(&registry_, metric::kSourceLag),
                       GaugeFamily(&registry_, metric::kSourceWatermark)},
      rules_(&registry_),
      reorder_buffer_(
          &GaugeFamily(&registry_, metric::kReorderBuffer)->Add({})),
      reorder_buffer_bytes_(
          &GaugeFamily(&registry_, metric::kReorderBufferBytes)->Add({})),
      self_test_enabled_(
          &GaugeFamily(&registry_, metric::kSelfTestEnabled)->Add({})),
      self_test_success_(GaugeFamily(&registry_, metric::kSelfTestSuccess)),
      checkpoint_duration_(
          &HistogramFamily(&registry_, metric::kCheckpointDuration)
               ->Add({}, CheckpointBuckets())),
      checkpoint_failures_(
          CounterFamily(&registry_, metric::kCheckpointFailures)),
      last_checkpoint_(GaugeFamily(&registry_, metric::kLastCheckpoint)),
      outbox_pending_(
          &GaugeFamily(&registry_, metric::kOutboxPending)->Add({})),
      outbox_dead_(&GaugeFamily(&registry_, metric::kOutboxDead)->Add({})),
      outbox_oldest_(&GaugeFamily(&registry_, metric::kOutboxOldest)->Add({})),
      notifications_(CounterFamily(&registry_, metric::kNotifications)),
      history_events_(
          &CounterFamily(&registry_, metric::kHistoryEvents)->Add({})),
      history_dropped_(
          &CounterFamily(&registry_, metric::kHistoryDropped)->Add({})),
      history_bytes_(&GaugeFamily(&registry_, metric::kHistoryBytes)->Add({})),
      reload_success_(
          &GaugeFamily(&registry_, metric::kReloadSuccess)->Add({})),
      last_reload_(GaugeFamily(&registry_, metric::kLastReload)),
      rpcs_handled_(CounterFamily(&registry_, metric::kRpcsHandled)),
      rpc_duration_(HistogramFamily(&registry_, metric::kRpcDuration)),
      forced_events_(
          &CounterFamily(&registry_, metric::kForcedEvents)->Add({})) {
  GaugeFamily(&registry_, metric::kBuildInfo)
      ->Add({{"version", LabelValue(build.version)},
             {"revision", LabelValue(build.revision)}})
      .Set(1);
  auto* alerts = GaugeFamily(&registry_, metric::kAlerts);
  for (AlertState state : kAlertStates) {
    alerts_.emplace_back();
    for (Level level : kLevels) {
      alerts_.back().push_back(
          &alerts->Add({{"state", std::string(AlertStateName(state))},
                        {"level", std::string(LevelName(level))}}));
    }
  }
  auto* rolls = GaugeFamily(&registry_, metric::kRolls);
  for (RollState state : kRollStates) {
    rolls_.push_back(
        &rolls->Add({{"state", std::string(RollStateName(state))}}));
  }
}

SourceMetrics* Metrics::Source(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  std::unique_ptr<SourceMetrics>& source = sources_[name];
  if (source == nullptr) {
    source.reset(new SourceMetrics(LabelValue(name), source_families_));
  }
  return source.get();
}

void Metrics::SetReorderBuffer(int64_t events, int64_t bytes, int64_t forced) {
  reorder_buffer_->Set(static_cast<double>(events));
  reorder_buffer_bytes_->Set(static_cast<double>(bytes));
  absl::MutexLock lock(&mu_);
  forced_events_.Set(forced);
}

void Metrics::SetSelfTest(bool enabled, absl::Time last_success) {
  self_test_enabled_->Set(enabled ? 1 : 0);
  if (last_success == absl::InfinitePast()) return;
  self_test_success_->Add({}).Set(UnixSeconds(last_success));
}

void Metrics::CheckpointSucceeded(absl::Duration took, absl::Time at) {
  checkpoint_duration_->Observe(absl::ToDoubleSeconds(took));
  last_checkpoint_->Add({}).Set(UnixSeconds(at));
}

void Metrics::CheckpointFailed(absl::string_view code) {
  absl::MutexLock lock(&mu_);
  const std::string label = LabelValue(code);
  Counter*& counter = checkpoint_codes_[label];
  if (counter == nullptr)
    counter = &checkpoint_failures_->Add({{"code", label}});
  counter->Increment();
}

void Metrics::SetAlerts(const std::vector<std::vector<int64_t>>& counts) {
  for (size_t state = 0; state < alerts_.size(); ++state) {
    for (size_t level = 0; level < alerts_[state].size(); ++level) {
      const bool there = state < counts.size() && level < counts[state].size();
      alerts_[state][level]->Set(
          there ? static_cast<double>(counts[state][level]) : 0);
    }
  }
}

void Metrics::SetOutbox(int64_t pending, int64_t dead, absl::Duration oldest) {
  outbox_pending_->Set(static_cast<double>(pending));
  outbox_dead_->Set(static_cast<double>(dead));
  outbox_oldest_->Set(
      absl::ToDoubleSeconds(std::max(oldest, absl::ZeroDuration())));
}

void Metrics::NotificationTried(absl::string_view notifier,
                                NotificationOutcome outcome) {
  absl::MutexLock lock(&mu_);
  const Key key(LabelValue(notifier), std::string(OutcomeName(outcome)));
  Counter*& counter = notification_counters_[key];
  if (counter == nullptr) {
    counter = &notifications_->Add(
        {{"notifier", key.first}, {"outcome", key.second}});
  }
  counter->Increment();
}

void Metrics::SetHistory(int64_t events, int64_t dropped, int64_t bytes) {
  history_events_.Set(events);
  history_dropped_.Set(dropped);
  history_bytes_->Set(static_cast<double>(bytes));
}

void Metrics::SetRolls(const std::vector<int64_t>& counts) {
  for (size_t state = 0; state < rolls_.size(); ++state) {
    rolls_[state]->Set(
        state < counts.size() ? static_cast<double>(counts[state]) : 0);
  }
}

void Metrics::LoadSucceeded(absl::Time at) {
  reload_success_->Set(1);
  last_reload_->Add({}).Set(UnixSeconds(at));
}

void Metrics::LoadFailed() { reload_success_->Set(0); }

void Metrics::RpcFinished(absl::string_view service, absl::string_view method,
                          absl::string_view code, absl::Duration took,
                          bool stream) {
  absl::MutexLock lock(&mu_);
  const std::string name = absl::StrCat(service, "/", method);
  Counter*& counter = rpc_counters_[Key(name, std::string(code))];
  if (counter == nullptr) {
    counter =
        &rpcs_handled_->Add({{"grpc_type", stream ? "server_stream" : "unary"},
                             {"grpc_service", LabelValue(service)},
                             {"grpc_method", LabelValue(method)},
                             {"grpc_code", LabelValue(code)}});
  }
  counter->Increment();
  if (stream) return;
  prometheus::Histogram*& histogram = rpc_histograms_[name];
  if (histogram == nullptr) {
    histogram = &rpc_duration_->Add({{"grpc_type", "unary"},
                                     {"grpc_service", LabelValue(service)},
                                     {"grpc_method", LabelValue(method)}},
                                    RpcBuckets());
  }
  histogram->Observe(absl::ToDoubleSeconds(took));
}

void Metrics::set_refresh(std::function<void(Metrics*)> refresh) {
  absl::MutexLock lock(&refresh_mu_);
  refresh_ = std::move(refresh);
}

std::string Metrics::Serialize() {
  {
    absl::MutexLock lock(&refresh_mu_);
    if (refresh_) refresh_(this);
  }
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (prometheus::MetricFamily& family : process_.Collect()) {
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace keywatch
