#include "daemon/respond/alertmanager_notifier.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"

namespace keywatch {
namespace {

constexpr int kIntervalsToEnd = 4;
constexpr absl::Duration kResendResolved = absl::Minutes(15);
constexpr size_t kMaxResolved = 1024;
constexpr size_t kMaxBatchItems = 100;
constexpr size_t kMaxBatchBytes = 1 << 20;
constexpr absl::Duration kMaxTargetPause = absl::Minutes(1);

// Alertmanager's own words about what it refused, short and on one line.
std::string Excerpt(absl::string_view body) {
  std::string text = ToValidUtf8(body.substr(0, 400));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return std::string(TruncateUtf8(text, 200));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AlertmanagerNotifier>>
AlertmanagerNotifier::Create(NotifierConfig config, HttpClient* client) {
  const auto fail = [&config](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("notifier ", config.name, ": ", what));
  };
  if (config.urls.empty()) return fail("at least one URL is needed");
  for (const std::string& url : config.urls) {
    if (absl::Status status = CheckUrl(url); !status.ok()) {
      return fail(status.message());
    }
    if (url.find_first_of("?#") != std::string::npos) {
      return fail("the base URL of an Alertmanager has no query");
    }
  }
  if (!config.console_url.empty()) {
    if (absl::Status status = CheckUrl(config.console_url); !status.ok()) {
      return fail(absl::StrCat("console URL: ", status.message()));
    }
  }
  if (config.timeout <= absl::ZeroDuration()) {
    return fail("the timeout must be positive");
  }
  if (config.resend_interval < absl::Seconds(1)) {
    return fail("the resend interval must be at least 1s");
  }
  if (absl::Status status = CheckHeaders(
          config.headers, {"content-type", "content-length", "host"});
      !status.ok()) {
    return fail(status.message());
  }
  for (size_t i = 0; i < config.labels.size(); ++i) {
    const std::string& label = config.labels[i].first;
    if (!IsValidLabelName(label)) {
      return fail(absl::StrCat("label name \"", label,
                               "\" is not [a-zA-Z_][a-zA-Z0-9_]*"));
    }
    const std::vector<std::string>& reserved = ReservedLabelNames();
    if (std::find(reserved.begin(), reserved.end(), label) != reserved.end()) {
      return fail(absl::StrCat("label ", label, " is set by Keywatch itself"));
    }
    for (size_t j = 0; j < i; ++j) {
      if (config.labels[j].first == label) {
        return fail(absl::StrCat("label ", label, " is given twice"));
      }
    }
  }
  return std::unique_ptr<AlertmanagerNotifier>(
      new AlertmanagerNotifier(std::move(config), client));
}

AlertmanagerNotifier::AlertmanagerNotifier(NotifierConfig config,
                                           HttpClient* client)
    : config_(std::move(config)), http_(config_, client) {
  for (absl::string_view url : config_.urls) {
    Target target;
    target.origin = UrlOrigin(url);
    while (absl::ConsumeSuffix(&url, "/")) {
    }
    target.url = absl::StrCat(url, "/api/v2/alerts");
    targets_.push_back(std::move(target));
  }
}

EventTime AlertmanagerNotifier::StartsAt(const Alert& alert,
                                         absl::Time now) const {
  if (alert.first_fire_ms != 0) return alert.first_fire_ms;
  if (alert.first_event_ms != 0) return alert.first_event_ms;
  return ToEventTime(now);
}

AlertmanagerNotifier::Item AlertmanagerNotifier::Firing(
    const std::string& labels, const Alert& alert, EventTime starts_ms,
    absl::Time now) const {
  // A source whose clock is ahead must not make the end lie before the start.
  const EventTime base = std::max(starts_ms, ToEventTime(now));
  return Ended(labels, alert, starts_ms,
               base + absl::ToInt64Milliseconds(kIntervalsToEnd *
                                                config_.resend_interval));
}

AlertmanagerNotifier::Item AlertmanagerNotifier::Ended(
    const std::string& labels, const Alert& alert, EventTime starts_ms,
    EventTime ends_ms) const {
  std::string generator;
  if (!config_.console_url.empty()) {
    absl::string_view base = config_.console_url;
    while (absl::ConsumeSuffix(&base, "/")) {
    }
    generator = absl::StrCat(base, "/alerts/", alert.id.view());
  }
  return {labels,
          AlertmanagerAlertJson(labels, alert, std::min(starts_ms, ends_ms),
                                ends_ms, generator)};
}

void AlertmanagerNotifier::Remember(const std::string& labels,
                                    const Alert& alert, EventTime starts_ms,
                                    absl::Time now, std::vector<Item>* items) {
  const auto known = open_.find(alert.id);
  if (known != open_.end() && known->second.labels != labels) {
    const Known old = known->second;
    if (Forget(alert.id, old.labels)) {
      Item ended = Ended(old.labels, alert, old.starts_ms, ToEventTime(now));
      KeepEnded(ended, now);
      items->push_back(std::move(ended));
    }
  }
  open_[alert.id] = {labels, starts_ms};
  by_labels_[labels].insert(alert.id);
  resolved_.erase(labels);
}

void AlertmanagerNotifier::KeepEnded(const Item& item, absl::Time now) {
  if (resolved_.size() >= kMaxResolved && !resolved_.contains(item.labels)) {
    resolved_.erase(std::min_element(resolved_.begin(), resolved_.end(),
                                     [](const auto& a, const auto& b) {
                                       return a.second.until < b.second.until;
                                     }));
  }
  resolved_[item.labels] = {item, now + kResendResolved};
}

bool AlertmanagerNotifier::Forget(const AlertId& id,
                                  const std::string& labels) {
  open_.erase(id);
  const auto sharing = by_labels_.find(labels);
  if (sharing == by_labels_.end()) return true;
  sharing->second.erase(id);
  if (!sharing->second.empty()) return false;
  by_labels_.erase(sharing);
  return true;
}

absl::Status AlertmanagerNotifier::Notify(const Notification& notification) {
  const Alert& alert = notification.alert;
  const absl::Time now = notification.now;
  std::string labels = LabelsJson(LabelsOf(alert, config_.labels));
  const EventTime starts_ms = StartsAt(alert, notification.created);
  std::vector<Item> items;
  if (notification.event != NotificationEvent::kResolve) {
    Remember(labels, alert, starts_ms, now, &items);
    items.push_back(Firing(labels, alert, starts_ms, now));
    return Send(items, now);
  }
  // What ends is what Alertmanager was told, even if the rule has changed.
  const auto known = open_.find(alert.id);
  if (known != open_.end()) labels = known->second.labels;
  if (!Forget(alert.id, labels)) return absl::OkStatus();
  const EventTime ends_ms = alert.state_at_ms != 0
                                ? std::min(alert.state_at_ms, ToEventTime(now))
                                : ToEventTime(notification.created);
  Item ended = Ended(labels, alert, starts_ms, ends_ms);
  KeepEnded(ended, now);
  items.push_back(std::move(ended));
  return Send(items, now);
}

absl::Status AlertmanagerNotifier::Refresh(
    const std::vector<Alert>& open_alerts, absl::Time now) {
  std::vector<Item> items;
  // Which of the alerts with equal labels speaks for them: the newest, with the
  // oldest start.
  struct Group {
    const Alert* alert;
    EventTime starts_ms;
  };
  std::vector<std::string> order;
  absl::flat_hash_map<std::string, Group> groups;
  absl::flat_hash_set<AlertId> still_open;
  for (const Alert& alert : open_alerts) {
    std::string labels = LabelsJson(LabelsOf(alert, config_.labels));
    const EventTime starts_ms = StartsAt(alert, now);
    Remember(labels, alert, starts_ms, now, &items);
    still_open.insert(alert.id);
    const auto [at, added] =
        groups.try_emplace(labels, Group{&alert, starts_ms});
    if (added) {
      order.push_back(std::move(labels));
      continue;
    }
    if (alert.last_event_ms > at->second.alert->last_event_ms) {
      at->second.alert = &alert;
    }
    at->second.starts_ms = std::min(at->second.starts_ms, starts_ms);
  }
  std::vector<std::pair<AlertId, std::string>> gone;
  for (const auto& [id, known] : open_) {
    if (!still_open.contains(id)) gone.emplace_back(id, known.labels);
  }
  // Their "resolve" message is on its way.
  for (const auto& [id, labels] : gone) Forget(id, labels);

  for (const std::string& labels : order) {
    const Group& group = groups.at(labels);
    items.push_back(Firing(labels, *group.alert, group.starts_ms, now));
  }
  for (auto it = resolved_.begin(); it != resolved_.end();) {
    if (it->second.until <= now) {
      resolved_.erase(it++);
    } else {
      items.push_back((it++)->second.item);
    }
  }
  return items.empty() ? absl::OkStatus() : Send(items, now);
}

absl::Status AlertmanagerNotifier::Send(const std::vector<Item>& items,
                                        absl::Time now) {
  std::vector<bool> taken(items.size(), false);
  absl::Status failure;
  std::string refusal;
  const auto send = [&](Target& target) {
    absl::Status status = SendTo(target, items, now, &taken, &refusal);
    if (status.ok()) {
      target.failures = 0;
      return;
    }
    target.failures = std::min(target.failures + 1, 10);
    target.retry_at =
        now + std::max(RetryAfterOf(status),
                       std::min(kMaxTargetPause,
                                absl::Seconds(5) * (1 << target.failures)));
    if (failure.ok()) failure = std::move(status);
  };
  const auto missing = [&taken] {
    return std::count(taken.begin(), taken.end(), false);
  };
  std::vector<Target*> left_out;
  for (Target& target : targets_) {
    if (target.failures > 0 && target.retry_at > now) {
      left_out.push_back(&target);
    } else {
      send(target);
    }
  }
  // A failing instance costs its timeout each time, but is better than none.
  for (size_t i = 0; i < left_out.size() && missing() > 0; ++i) {
    send(*left_out[i]);
  }
  failing_targets_ = static_cast<int>(
      std::count_if(targets_.begin(), targets_.end(),
                    [](const Target& t) { return t.failures > 0; }));
  if (missing() == 0) return absl::OkStatus();
  if (!failure.ok()) return failure;
  return absl::InvalidArgumentError(
      absl::StrCat(refusal, " (", missing(), " of ", items.size(), " alerts)"));
}

absl::Status AlertmanagerNotifier::SendTo(const Target& target,
                                          const std::vector<Item>& items,
                                          absl::Time now,
                                          std::vector<bool>* taken,
                                          std::string* refusal) {
  for (size_t begin = 0; begin < items.size();) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < items.size() && end - begin < kMaxBatchItems &&
           (end == begin || bytes + items[end].json.size() < kMaxBatchBytes)) {
      bytes += items[end++].json.size();
    }
    absl::Status status = Post(target, items, begin, end, now);
    if (status.ok()) {
      std::fill(taken->begin() + begin, taken->begin() + end, true);
    } else if (!IsPermanentFailure(status)) {
      return status;
    } else if (end - begin == 1) {
      *refusal = std::string(status.message());
    } else {
      // One bad alert makes Alertmanager answer 400 for all of them although it
      // has taken the good ones: ask for each.
      for (size_t i = begin; i < end; ++i) {
        status = Post(target, items, i, i + 1, now);
        if (status.ok()) {
          (*taken)[i] = true;
        } else if (!IsPermanentFailure(status)) {
          return status;
        } else {
          *refusal = std::string(status.message());
        }
      }
    }
    begin = end;
  }
  return absl::OkStatus();
}

absl::Status AlertmanagerNotifier::Post(const Target& target,
                                        const std::vector<Item>& items,
                                        size_t begin, size_t end,
                                        absl::Time now) const {
  std::string body = "[";
  for (size_t i = begin; i < end; ++i) {
    absl::StrAppend(&body, i == begin ? "" : ",", items[i].json);
  }
  body += "]";
  absl::StatusOr<HttpResponse> response =
      http_.Post(target.url, {}, std::move(body));
  if (!response.ok()) return response.status();
  absl::Status status = StatusOfResponse(*response, now, target.origin);
  if (absl::IsInvalidArgument(status) && !response->body.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(status.message(), ": ", Excerpt(response->body)));
  }
  return status;
}

}  // namespace keywatch
