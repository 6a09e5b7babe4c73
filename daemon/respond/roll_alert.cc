#include "daemon/respond/roll_alert.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/core/time.h"
#include "daemon/crypto/hash.h"
#include "daemon/respond/roll_guide.h"

namespace keywatch {

Alert RollFailureAlert(const RollerConfig& config, const Roll& roll,
                       EventTime success_ms, bool was_completed) {
  Alert alert;
  std::string name = absl::StrCat("roll failed\n", roll.id.view());
  if (was_completed) absl::StrAppend(&name, "\n", success_ms);
  alert.id = AlertId(Sha256Hex(name, 32));
  alert.rule_id = RuleId("keywatch.roll");
  alert.rule_name = "rolled_key_still_works";
  alert.title = "A rolled key works after its expiry";
  alert.level = Level::kCritical;
  alert.stage = Stage::kPage;
  alert.key = roll.old_key;
  alert.group = {{field::kKeyId, roll.old_key.str()}};
  alert.fingerprint = Sha256Hex(
      absl::StrCat(alert.rule_id.view(), "\n", roll.old_key.view()), 16);
  alert.first_fire_ms = success_ms;
  alert.first_event_ms = success_ms;
  alert.last_event_ms = success_ms;
  alert.count = 1;
  alert.explanation = absl::StrCat(
      "a request at ", FormatTime(success_ms),
      " succeeded; the key's expiry was ", FormatTime(roll.old_expires_ms),
      ", with ", keywatch::FormatDuration(config.expiry_tolerance),
      " of tolerance");
  alert.description = absl::StrCat(
      "Roll ", roll.id.view(), " replaced key ", roll.old_key.view(), " by ",
      roll.new_key.view(),
      ", but the provider still takes the old one. A rule on the use of rolled "
      "keys may report the same requests.");
  Roll failed = roll;
  failed.state = RollState::kFailed;
  alert.playbook =
      absl::StrJoin(RollInstructions(config, failed, success_ms), "\n");
  alert.notify = config.notify;
  return alert;
}

}  // namespace keywatch
