#include "daemon/serve/status_service.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/serve/convert.h"
#include "daemon/serve/request_text.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.StatusService";
constexpr int kMaxGaps = 1000;
constexpr int64_t kDefaultCoverageMs = int64_t{24} * 3600 * 1000;

v1::SourceState StateOf(DaemonStatus::Source::State state) {
  switch (state) {
    case DaemonStatus::Source::State::kReading:
      return v1::SOURCE_STATE_READING;
    case DaemonStatus::Source::State::kIdle:
      return v1::SOURCE_STATE_IDLE;
    case DaemonStatus::Source::State::kFailing:
      return v1::SOURCE_STATE_FAILING;
  }
  return v1::SOURCE_STATE_UNSPECIFIED;
}

v1::CoverageKind KindOf(CoverageStretch::Kind kind) {
  switch (kind) {
    case CoverageStretch::Kind::kSeen:
      return v1::COVERAGE_KIND_SEEN;
    case CoverageStretch::Kind::kEmpty:
      return v1::COVERAGE_KIND_EMPTY;
    case CoverageStretch::Kind::kBlind:
      return v1::COVERAGE_KIND_BLIND;
    case CoverageStretch::Kind::kUnread:
      return v1::COVERAGE_KIND_UNREAD;
  }
  return v1::COVERAGE_KIND_UNSPECIFIED;
}

void FillCoverage(const SourceCoverage& source, v1::SourceCoverage* out) {
  out->set_source_id(ToValidUtf8(source.source.str()));
  for (const CoverageStretch& stretch : source.stretches) {
    v1::CoverageStretch* added = out->add_stretches();
    ToProto(stretch.from_ms, added->mutable_from_time());
    ToProto(stretch.to_ms, added->mutable_to_time());
    added->set_kind(KindOf(stretch.kind));
    added->set_events(stretch.events);
    added->set_reason(ToValidUtf8(stretch.reason));
    added->set_detail(ToValidUtf8(stretch.detail));
  }
}

}  // namespace

grpc::Status StatusService::GetStatus(grpc::ServerContext* context,
                                      const v1::GetStatusRequest*,
                                      v1::GetStatusResponse* response) {
  return runner_->Unary(context, kService, "GetStatus", [&]() -> absl::Status {
    const DaemonStatus status = status_->GetStatus();
    response->set_version(status.version);
    ToProto(status.start, response->mutable_start_time());
    ToProto(std::max(status.now - status.start, absl::ZeroDuration()),
            response->mutable_uptime());
    response->set_healthy(status.health.ready);
    for (const std::string& problem : status.health.problems) {
      response->add_problems(ToValidUtf8(problem));
    }
    FillEngine(status, response);
    const absl::Status sources = FillSources(status, response);
    if (!sources.ok()) return sources;
    return FillCounts(response);
  });
}

void StatusService::FillEngine(const DaemonStatus& status,
                               v1::GetStatusResponse* response) {
  const RulesSnapshot snapshot = status_->GetRules();
  v1::EngineStatus* engine = response->mutable_engine();
  if (snapshot.rules != nullptr) {
    engine->set_rules(snapshot.count());
    engine->set_rules_hash(snapshot.rules->hash());
  }
  int64_t groups = 0;
  int64_t evicted = 0;
  for (const RulesSnapshot::Counters& counters : snapshot.counters) {
    groups += counters.groups;
    evicted += counters.evicted;
  }
  engine->set_groups(groups);
  engine->set_evictions(evicted);
  engine->set_reorder_buffer_events(status.reorder_buffer_events);
  engine->set_reorder_buffer_bytes(status.reorder_buffer_bytes);
  engine->set_forced_events(status.forced_events);
  if (status.watermark_ms != kMinEventTime) {
    ToProto(status.watermark_ms, engine->mutable_watermark_time());
  }
  v1::CheckpointStatus* checkpoint = response->mutable_checkpoint();
  if (status.last_commit != absl::InfinitePast()) {
    ToProto(status.last_commit, checkpoint->mutable_last_success_time());
  }
  checkpoint->set_error(ToValidUtf8(status.commit_error));
  v1::SelfTestStatus* self_test = response->mutable_self_test();
  self_test->set_enabled(status.self_test_enabled);
  if (status.self_test_success_ms != kMinEventTime) {
    ToProto(status.self_test_success_ms,
            self_test->mutable_last_success_time());
  }
  if (status.self_test_event_ms != kMinEventTime) {
    ToProto(status.self_test_event_ms, self_test->mutable_last_event_time());
  }
  v1::ReloadStatus* reload = response->mutable_reload();
  reload->set_success(status.reload_success);
  if (status.last_reload_success != absl::InfinitePast()) {
    ToProto(status.last_reload_success, reload->mutable_last_success_time());
  }
}

absl::Status StatusService::FillSources(const DaemonStatus& status,
                                        v1::GetStatusResponse* response) {
  absl::StatusOr<std::vector<SourceTotals>> totals = store_->ListSources();
  if (!totals.ok()) return totals.status();
  absl::StatusOr<std::vector<RejectCount>> rejects = store_->ListRejectCounts();
  if (!rejects.ok()) return rejects.status();
  absl::StatusOr<std::vector<StreamCursor>> cursors = store_->ListCursors();
  if (!cursors.ok()) return cursors.status();
  absl::flat_hash_map<SourceId, int64_t> streams;
  for (const StreamCursor& cursor : *cursors) ++streams[cursor.source];

  for (const DaemonStatus::Source& source : status.sources) {
    v1::SourceStatus* out = response->add_sources();
    out->set_id(ToValidUtf8(source.id.str()));
    out->set_kind(source.kind);
    out->set_format(ToValidUtf8(source.format));
    out->set_location(ToValidUtf8(source.location));
    out->set_state(StateOf(source.state));
    out->set_error(ToValidUtf8(source.error));
    out->set_future_events(source.future_events);
    EventTime newest = source.newest_event_ms;
    for (const SourceTotals& total : *totals) {
      if (total.source != source.id) continue;
      out->set_records(total.records);
      out->set_events(total.events);
      out->set_late_events(total.late);
      out->set_duplicate_events(total.duplicates);
      newest = std::max(newest, total.newest_event_ms);
    }
    for (const RejectCount& reject : *rejects) {
      if (reject.source != source.id) continue;
      v1::RejectCount* count = out->add_rejects();
      count->set_reason(ToValidUtf8(reject.reason));
      count->set_count(reject.count);
    }
    if (newest != kMinEventTime) {
      ToProto(newest, out->mutable_newest_event_time());
      ToProto(
          std::max(status.now - FromEventTime(newest), absl::ZeroDuration()),
          out->mutable_lag());
    }
    if (source.watermark_ms != kMinEventTime) {
      ToProto(source.watermark_ms, out->mutable_watermark_time());
    }
    out->set_streams(streams[source.id]);
    absl::StatusOr<std::vector<Gap>> gaps =
        store_->ListGaps(source.id, kMinEventTime, kMaxGaps);
    if (!gaps.ok()) return gaps.status();
    out->set_gaps(static_cast<int64_t>(gaps->size()));
  }
  return absl::OkStatus();
}

absl::Status StatusService::FillCounts(v1::GetStatusResponse* response) {
  absl::StatusOr<Store::OutboxCounts> outbox = store_->CountOutbox();
  if (!outbox.ok()) return outbox.status();
  response->mutable_outbox()->set_pending(outbox->pending);
  response->mutable_outbox()->set_dead(outbox->dead);
  if (outbox->oldest_pending_ms != 0) {
    ToProto(outbox->oldest_pending_ms,
            response->mutable_outbox()->mutable_oldest_pending_time());
  }
  absl::StatusOr<std::vector<std::vector<int64_t>>> alerts =
      store_->CountAlerts();
  if (!alerts.ok()) return alerts.status();
  for (size_t state = 0; state < alerts->size(); ++state) {
    for (size_t level = 0; level < (*alerts)[state].size(); ++level) {
      if ((*alerts)[state][level] == 0) continue;
      v1::AlertCount* count = response->add_alerts();
      count->set_state(ToProto(static_cast<AlertState>(state)));
      count->set_level(ToProto(static_cast<Level>(level)));
      count->set_count((*alerts)[state][level]);
    }
  }
  return absl::OkStatus();
}

grpc::Status StatusService::ListRejects(grpc::ServerContext* context,
                                        const v1::ListRejectsRequest* request,
                                        v1::ListRejectsResponse* response) {
  return runner_->Unary(
      context, kService, "ListRejects", [&]() -> absl::Status {
        absl::StatusOr<int> size = PageSize(request->page_size());
        if (!size.ok()) return size.status();
        absl::StatusOr<std::vector<RejectSample>> samples =
            store_->ListRejects(SourceId(request->source_id()), *size);
        if (!samples.ok()) return samples.status();
        absl::StatusOr<std::vector<RejectCount>> counts =
            store_->ListRejectCounts();
        if (!counts.ok()) return counts.status();
        for (const RejectSample& sample : *samples) {
          ToProto(sample, response->add_rejects());
        }
        absl::flat_hash_map<SourceId, v1::SourceRejects*> by_source;
        for (const RejectCount& count : *counts) {
          if (!request->source_id().empty() &&
              count.source.str() != request->source_id()) {
            continue;
          }
          v1::SourceRejects*& out = by_source[count.source];
          if (out == nullptr) {
            out = response->add_counts();
            out->set_source_id(ToValidUtf8(count.source.str()));
          }
          v1::RejectCount* added = out->add_rejects();
          added->set_reason(ToValidUtf8(count.reason));
          added->set_count(count.count);
        }
        return absl::OkStatus();
      });
}

grpc::Status StatusService::ListGaps(grpc::ServerContext* context,
                                     const v1::ListGapsRequest* request,
                                     v1::ListGapsResponse* response) {
  return runner_->Unary(context, kService, "ListGaps", [&]() -> absl::Status {
    absl::StatusOr<int> size = PageSize(request->page_size());
    if (!size.ok()) return size.status();
    EventTime since = kMinEventTime;
    if (request->has_since_time()) {
      absl::StatusOr<EventTime> time = FromProto(request->since_time());
      if (!time.ok()) return time.status();
      since = *time;
    }
    absl::StatusOr<std::vector<Gap>> gaps =
        store_->ListGaps(SourceId(request->source_id()), since, *size);
    if (!gaps.ok()) return gaps.status();
    for (const Gap& gap : *gaps) ToProto(gap, response->add_gaps());
    return absl::OkStatus();
  });
}

grpc::Status StatusService::GetCoverage(grpc::ServerContext* context,
                                        const v1::GetCoverageRequest* request,
                                        v1::GetCoverageResponse* response) {
  return runner_->Unary(
      context, kService, "GetCoverage", [&]() -> absl::Status {
        EventTime until = ToEventTime(status_->GetStatus().now);
        if (request->has_until_time()) {
          absl::StatusOr<EventTime> time = FromProto(request->until_time());
          if (!time.ok()) return time.status();
          until = *time;
        }
        EventTime since = until - kDefaultCoverageMs;
        if (request->has_since_time()) {
          absl::StatusOr<EventTime> time = FromProto(request->since_time());
          if (!time.ok()) return time.status();
          since = *time;
        }
        if (since >= until) {
          return absl::InvalidArgumentError(
              "since_time must be before until_time");
        }
        absl::StatusOr<std::vector<SourceCoverage>> coverage =
            status_->GetCoverage(since, until);
        if (!coverage.ok()) return coverage.status();
        ToProto(since, response->mutable_since_time());
        ToProto(until, response->mutable_until_time());
        bool known = request->source_id().empty();
        for (const SourceCoverage& source : *coverage) {
          if (!request->source_id().empty() &&
              source.source.str() != request->source_id()) {
            continue;
          }
          known = true;
          FillCoverage(source, response->add_sources());
        }
        if (!known) {
          return absl::NotFoundError(absl::StrCat("no source is named \"",
                                                  request->source_id(), "\""));
        }
        return absl::OkStatus();
      });
}

}  // namespace keywatch
