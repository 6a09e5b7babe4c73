#include "daemon/serve/alert_service.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/codec.h"
#include "daemon/core/time.h"
#include "daemon/crypto/hash.h"
#include "daemon/serve/convert.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.AlertService";
constexpr size_t kIdDigits = 32;
constexpr size_t kLeastPrefix = 4;

std::string HashOf(absl::string_view kind, absl::string_view a,
                   absl::string_view b, size_t digits) {
  std::string text;
  Encoder encoder(&text);
  encoder.String(kind);
  encoder.String(a);
  encoder.String(b);
  return Sha256Hex(text, digits);
}

}  // namespace

AlertService::AlertService(Options options, Store* store, AlertFeed* feed,
                           Clock* clock, const RequestText* text,
                           const RpcRunner* runner)
    : options_(std::move(options)),
      store_(store),
      feed_(feed),
      clock_(clock),
      text_(text),
      runner_(runner) {}

// People read the first digits of an id off a table and type those.
absl::StatusOr<AlertId> AlertService::FindId(const std::string& text) {
  const std::string id = absl::AsciiStrToLower(text);
  if (id.size() < kLeastPrefix || id.size() > kIdDigits ||
      !std::all_of(id.begin(), id.end(), absl::ascii_isxdigit)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "id: must be the ", kIdDigits,
        " hex digits of an alert's id, or at least its first ", kLeastPrefix));
  }
  if (id.size() == kIdDigits) return AlertId(id);
  AlertFilter alike;
  alike.id_prefix = id;
  alike.limit = 2;
  absl::StatusOr<AlertPage> page = store_->ListAlerts(alike);
  if (!page.ok()) return page.status();
  if (page->alerts.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no alert begins with \"", id, "\""));
  }
  if (page->alerts.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "id: several alerts begin with \"", id, "\": type more digits"));
  }
  return page->alerts[0].id;
}

grpc::Status AlertService::ListAlerts(grpc::ServerContext* context,
                                      const v1::ListAlertsRequest* request,
                                      v1::ListAlertsResponse* response) {
  return runner_->Unary(context, kService, "ListAlerts", [&]() -> absl::Status {
    absl::StatusOr<AlertFilter> filter = FromProto(request->filter());
    if (!filter.ok()) return filter.status();
    absl::StatusOr<int> size = PageSize(request->page_size());
    if (!size.ok()) return size.status();
    filter->limit = *size;
    filter->ascending = request->ascending();
    filter->page_token = request->page_token();
    absl::StatusOr<AlertPage> page = store_->ListAlerts(*filter);
    if (!page.ok()) return page.status();
    for (const Alert& alert : page->alerts) {
      ToProto(alert, AlertView::kSummary, response->add_alerts());
    }
    response->set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  });
}

grpc::Status AlertService::GetAlert(grpc::ServerContext* context,
                                    const v1::GetAlertRequest* request,
                                    v1::GetAlertResponse* response) {
  return runner_->Unary(context, kService, "GetAlert", [&]() -> absl::Status {
    absl::StatusOr<AlertId> id = FindId(request->id());
    if (!id.ok()) return id.status();
    absl::StatusOr<Alert> alert = store_->GetAlert(*id);
    if (!alert.ok()) return alert.status();
    absl::StatusOr<std::vector<AuditEntry>> history =
        store_->ListAudit(id->view(), 100);
    if (!history.ok()) return history.status();
    ToProto(*alert, AlertView::kFull, response->mutable_alert());
    std::sort(history->begin(), history->end(),
              [](const AuditEntry& a, const AuditEntry& b) {
                return a.sequence < b.sequence;
              });
    for (const AuditEntry& entry : *history) {
      ToProto(entry, response->add_history());
    }
    return absl::OkStatus();
  });
}

template <typename Request>
absl::StatusOr<Alert> AlertService::SetState(const Request& request,
                                             const std::string& claimed,
                                             AlertState state) {
  absl::StatusOr<AlertId> id = FindId(request.id());
  if (!id.ok()) return id.status();
  absl::StatusOr<std::string> actor =
      text_->Required("actor", claimed, RequestText::kActorBytes);
  if (!actor.ok()) return actor.status();
  absl::StatusOr<std::string> note =
      text_->Optional("note", request.note(), RequestText::kNoteBytes);
  if (!note.ok()) return note.status();
  absl::StatusOr<Alert> alert =
      store_->SetAlertState(*id, state, *actor, *note, request.version(),
                            absl::ToUnixMillis(clock_->Now()));
  if (alert.ok()) feed_->NotifyChanged();
  return alert;
}

grpc::Status AlertService::AcknowledgeAlert(
    grpc::ServerContext* context, const v1::AcknowledgeAlertRequest* request,
    v1::AcknowledgeAlertResponse* response) {
  return runner_->Unary(
      context, kService, "AcknowledgeAlert", [&]() -> absl::Status {
        absl::StatusOr<Alert> alert =
            SetState(*request, runner_->Actor(context, request->actor()),
                     AlertState::kAcknowledged);
        if (!alert.ok()) return alert.status();
        ToProto(*alert, AlertView::kSummary, response->mutable_alert());
        return absl::OkStatus();
      });
}

grpc::Status AlertService::ResolveAlert(grpc::ServerContext* context,
                                        const v1::ResolveAlertRequest* request,
                                        v1::ResolveAlertResponse* response) {
  return runner_->Unary(
      context, kService, "ResolveAlert", [&]() -> absl::Status {
        absl::StatusOr<Alert> alert =
            SetState(*request, runner_->Actor(context, request->actor()),
                     AlertState::kResolved);
        if (!alert.ok()) return alert.status();
        ToProto(*alert, AlertView::kSummary, response->mutable_alert());
        return absl::OkStatus();
      });
}

absl::StatusOr<Alert> AlertService::MakeAlert(
    const v1::RaiseAlertRequest& request, const std::string& actor) {
  absl::StatusOr<std::string> request_id = text_->Required(
      "request_id", request.request_id(), RequestText::kIdBytes);
  if (!request_id.ok()) return request_id.status();
  absl::StatusOr<std::string> title =
      text_->Required("title", request.title(), RequestText::kTitleBytes);
  if (!title.ok()) return title.status();
  absl::StatusOr<std::string> key =
      text_->Optional("key_id", request.key_id(), RequestText::kIdBytes);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> description = text_->Optional(
      "description", request.description(), RequestText::kNoteBytes);
  if (!description.ok()) return description.status();
  for (const std::string& name : request.notify()) {
    if (std::find(options_.notifiers.begin(), options_.notifiers.end(), name) ==
        options_.notifiers.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "notify: there is no notifier \"", name,
          "\"; configured are: ", absl::StrJoin(options_.notifiers, ", ")));
    }
  }

  Alert alert;
  alert.rule_id = RuleId("manual");
  alert.rule_name = "manual";
  alert.id = AlertId(HashOf("manual", *request_id, "", kIdDigits));
  alert.fingerprint = HashOf("manual", *title, *key, 16);
  alert.title = *title;
  if (request.level() != v1::LEVEL_UNSPECIFIED) {
    absl::StatusOr<Level> level = FromProto(request.level());
    if (!level.ok()) return level.status();
    alert.level = *level;
  }
  alert.key = KeyId(*key);
  if (!key->empty()) alert.group.emplace_back(field::kKeyId, *key);
  alert.description = *description;
  alert.explanation = absl::StrCat("raised by hand by ", actor);
  alert.first_fire_ms = ToEventTime(clock_->Now());
  alert.first_event_ms = alert.first_fire_ms;
  alert.last_event_ms = alert.first_fire_ms;
  alert.notify.assign(request.notify().begin(), request.notify().end());
  if (alert.notify.empty()) alert.notify = options_.default_notify;
  return alert;
}

grpc::Status AlertService::RaiseAlert(grpc::ServerContext* context,
                                      const v1::RaiseAlertRequest* request,
                                      v1::RaiseAlertResponse* response) {
  return runner_->Unary(context, kService, "RaiseAlert", [&]() -> absl::Status {
    absl::StatusOr<std::string> actor =
        text_->Required("actor", runner_->Actor(context, request->actor()),
                        RequestText::kActorBytes);
    if (!actor.ok()) return actor.status();
    absl::StatusOr<Alert> alert = MakeAlert(*request, *actor);
    if (!alert.ok()) return alert.status();
    absl::StatusOr<Alert> stored =
        store_->RaiseAlert(*alert, *actor, absl::ToUnixMillis(clock_->Now()));
    if (!stored.ok()) return stored.status();
    feed_->NotifyChanged();
    ToProto(*stored, AlertView::kSummary, response->mutable_alert());
    return absl::OkStatus();
  });
}

grpc::Status AlertService::WatchAlerts(
    grpc::ServerContext* context, const v1::WatchAlertsRequest* request,
    grpc::ServerWriter<v1::WatchAlertsResponse>* writer) {
  return runner_->Stream(
      context, kService, "WatchAlerts", [&]() -> absl::Status {
        if (++watchers_ > options_.max_watchers) {
          --watchers_;
          return absl::ResourceExhaustedError(
              absl::StrCat("there are ", options_.max_watchers,
                           " watchers already; try again when one has left"));
        }
        const absl::Status status = Watch(context, *request, writer);
        --watchers_;
        return status;
      });
}

absl::Status AlertService::Watch(
    grpc::ServerContext* context, const v1::WatchAlertsRequest& request,
    grpc::ServerWriter<v1::WatchAlertsResponse>* writer) {
  // How soon a client that left is noticed, and how soon a change that nobody
  // announced is seen.
  constexpr absl::Duration kLook = absl::Milliseconds(250);
  constexpr int kBatch = 100;

  absl::StatusOr<AlertFilter> filter = FromProto(request.filter());
  if (!filter.ok()) return filter.status();
  int64_t after = request.after_sequence();
  if (after < 0) {
    return absl::InvalidArgumentError("after_sequence: must not be negative");
  }
  if (!request.has_after_sequence()) {
    absl::StatusOr<int64_t> last = store_->LastAlertChange();
    if (!last.ok()) return last.status();
    after = *last;
  }
  v1::WatchAlertsResponse beginning;
  beginning.set_sequence(after);
  if (!writer->Write(beginning)) return absl::CancelledError("client left");

  int64_t generation = 0;
  while (!context->IsCancelled()) {
    auto changes = store_->AlertsChangedAfter(after, kBatch);
    if (!changes.ok()) return changes.status();
    const auto& [alerts, last] = *changes;
    for (size_t i = 0; i < alerts.size(); ++i) {
      const bool is_last = i + 1 == alerts.size();
      const bool wanted = Matches(*filter, alerts[i]);
      if (!wanted && !is_last) continue;
      v1::WatchAlertsResponse message;
      // Only the last of a batch moves the sequence: who resumes from the
      // middle of one sees its beginning again rather than missing its end.
      message.set_sequence(is_last ? last : after);
      if (wanted) {
        ToProto(alerts[i], AlertView::kSummary, message.mutable_alert());
      }
      if (!writer->Write(message)) return absl::CancelledError("client left");
    }
    after = last;
    if (alerts.size() == kBatch) continue;
    if (feed_->Wait(&generation, kLook) == AlertFeed::Wake::kStopped) {
      return absl::UnavailableError("keywatchd is stopping");
    }
  }
  return absl::CancelledError("client left");
}

}  // namespace keywatch
