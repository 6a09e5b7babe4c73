#include "daemon/cli/alert_filter_options.h"

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/option_checks.h"
#include "daemon/cli/time_text.h"

namespace keywatch {

v1::Level ParseLevelName(const std::string& name) {
  v1::Level level = v1::LEVEL_UNSPECIFIED;
  v1::Level_Parse(absl::StrCat("LEVEL_", absl::AsciiStrToUpper(name)), &level);
  return level;
}

void AlertFilterOptions::AddTo(CLI::App* command,
                               const std::string& default_state) {
  state = default_state;
  command
      ->add_option("--state", state,
                   "open, acknowledged, resolved, unresolved or all")
      ->check(OneOf({"open", "acknowledged", "resolved", "unresolved", "all"}))
      ->type_name("STATE")
      ->capture_default_str();
  command->add_flag("--all", all, "The same as --state all");
  command->add_option("--key", key, "Only about this key")->type_name("KEY");
  command->add_option("--rule", rule, "Only of the rule with this id")
      ->type_name("RULE");
  command
      ->add_option("--level", level,
                   "At least so bad: informational, low, medium, high, "
                   "critical")
      ->check(OneOf({"informational", "low", "medium", "high", "critical"}))
      ->type_name("LEVEL");
  command
      ->add_option("--since", since,
                   "Fired since: a duration (15m, 26h, 7d) or a time")
      ->type_name("TIME");
}

int AlertFilterOptions::Fill(const CommandContext& context,
                             v1::AlertFilter* filter) const {
  if (state == "all" || all) {
    // No condition.
  } else if (state == "unresolved") {
    filter->set_unresolved_only(true);
  } else {
    v1::AlertState parsed = v1::ALERT_STATE_UNSPECIFIED;
    v1::AlertState_Parse(
        absl::StrCat("ALERT_STATE_", absl::AsciiStrToUpper(state)), &parsed);
    filter->set_state(parsed);
  }
  filter->set_key_id(key);
  filter->set_rule_id(rule);
  filter->set_min_level(ParseLevelName(level));
  if (!since.empty()) {
    absl::StatusOr<absl::Time> time =
        ParseTypedTime(since, context.now(), /*future=*/false);
    if (!time.ok()) {
      return context.Fail(kExitUsage,
                          absl::StrCat("--since: ", time.status().message()));
    }
    SetProto(*time, filter->mutable_since_time());
  }
  return kExitOk;
}

}  // namespace keywatch
