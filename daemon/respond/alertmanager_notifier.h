#ifndef DAEMON_RESPOND_ALERTMANAGER_NOTIFIER_H_
#define DAEMON_RESPOND_ALERTMANAGER_NOTIFIER_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "daemon/core/event.h"
#include "daemon/respond/alertmanager_payload.h"
#include "daemon/respond/notifier.h"
#include "daemon/respond/notifier_config.h"
#include "daemon/respond/notifier_http.h"

namespace keywatch {

// AlertmanagerNotifier posts alerts to Alertmanager's API v2.
//
// Alertmanager keeps alerts in memory and takes one for resolved when its
// `endsAt` has passed. So every alert that is not resolved is sent again every
// resend_interval with the same labels and startsAt and an endsAt four
// intervals ahead, and a resolved one with the endsAt of its end for another 15
// minutes. A restart of either side changes neither labels nor startsAt, and so
// notifies nobody twice.
//
// Every instance of a cluster gets every alert. A message is delivered when one
// instance has taken it: Alertmanager spreads the notifications, and the next
// Refresh brings the alert to the others. An instance that fails is left out for
// a while as long as another one works.
//
// Alertmanager knows an alert by its labels, which two alerts may share: two
// episodes of one rule for one group. It sees them as one that is resolved when
// both are.
class AlertmanagerNotifier : public Notifier {
 public:
  // INVALID_ARGUMENT for settings that cannot work. `client` must outlive it.
  static absl::StatusOr<std::unique_ptr<AlertmanagerNotifier>> Create(
      NotifierConfig config, HttpClient* client);

  const std::string& name() const override { return config_.name; }
  absl::Status Notify(const Notification& notification) override;
  absl::Duration refresh_interval() const override {
    return config_.resend_interval;
  }
  // INVALID_ARGUMENT when some alerts were refused; the others were taken.
  absl::Status Refresh(const std::vector<Alert>& open_alerts,
                       absl::Time now) override;
  int failing_targets() const override { return failing_targets_; }

 private:
  struct Target {
    std::string url;     // of the alerts resource
    std::string origin;  // what may be shown
    int failures = 0;    // since the last success
    absl::Time retry_at = absl::InfinitePast();
  };
  // An element of the body, and the labels that it is about.
  struct Item {
    std::string labels;
    std::string json;
  };
  struct Resolved {
    Item item;
    absl::Time until;
  };
  struct Known {
    std::string labels;
    EventTime starts_ms = 0;
  };

  AlertmanagerNotifier(NotifierConfig config, HttpClient* client);

  EventTime StartsAt(const Alert& alert, absl::Time now) const;
  Item Firing(const std::string& labels, const Alert& alert,
              EventTime starts_ms, absl::Time now) const;
  Item Ended(const std::string& labels, const Alert& alert, EventTime starts_ms,
             EventTime ends_ms) const;
  // Takes note that the alert is open under these labels. When it had others
  // before, and no other open alert has those, the end of the old ones is added
  // to `items`.
  void Remember(const std::string& labels, const Alert& alert,
                EventTime starts_ms, absl::Time now, std::vector<Item>* items);
  // Keeps telling that these labels have ended.
  void KeepEnded(const Item& item, absl::Time now);
  // False when another open alert has the same labels.
  bool Forget(const AlertId& id, const std::string& labels);

  // Sends to all targets, in batches. OK when each item was taken by one.
  absl::Status Send(const std::vector<Item>& items, absl::Time now);
  absl::Status SendTo(const Target& target, const std::vector<Item>& items,
                      absl::Time now, std::vector<bool>* taken,
                      std::string* refusal);
  absl::Status Post(const Target& target, const std::vector<Item>& items,
                    size_t begin, size_t end, absl::Time now) const;

  const NotifierConfig config_;
  const NotifierHttp http_;
  std::vector<Target> targets_;
  std::atomic<int> failing_targets_{0};

  // What Alertmanager was told; a restart begins with nothing and learns it from
  // the first Refresh.
  absl::flat_hash_map<AlertId, Known> open_;
  absl::flat_hash_map<std::string, absl::flat_hash_set<AlertId>> by_labels_;
  absl::flat_hash_map<std::string, Resolved> resolved_;  // by labels
};

}  // namespace keywatch

#endif  // DAEMON_RESPOND_ALERTMANAGER_NOTIFIER_H_
