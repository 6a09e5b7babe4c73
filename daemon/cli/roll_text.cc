#include "daemon/cli/roll_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/cli/table.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {

void PrintRoll(const CommandContext& context, const v1::Roll& roll) {
  const Style style = context.style();
  const absl::Time now = context.now();
  std::ostream& out = context.out();
  const auto time = [now](bool known, const google::protobuf::Timestamp& value,
                          const char* otherwise = "not yet") {
    return known ? BothTimes(FromProto(value), now) : std::string(otherwise);
  };
  out << "roll        " << Sanitize(roll.id()) << "\n"
      << "state       " << style.OfState(roll.state(), Word(roll.state()))
      << "\n"
      << "old key     " << Sanitize(roll.old_key_id()) << "\n"
      << "new key     "
      << (roll.new_key_id().empty() ? "not confirmed yet"
                                    : Sanitize(roll.new_key_id()))
      << "\n"
      << "started     " << BothTimes(FromProto(roll.started_time()), now)
      << " by " << Sanitize(roll.started_by()) << "\n"
      << "reason      " << Sanitize(roll.reason()) << "\n";
  if (!roll.alert_id().empty()) {
    out << "alert       " << Sanitize(roll.alert_id()) << "\n";
  }
  if (!roll.new_key_id().empty()) {
    out << "old expires "
        << time(roll.has_old_expires_time(), roll.old_expires_time()) << "\n"
        << "new worked  "
        << time(roll.has_new_key_first_success_time(),
                roll.new_key_first_success_time())
        << "\n"
        << "old worked  "
        << time(roll.has_old_key_last_success_time(),
                roll.old_key_last_success_time(), "not seen")
        << (roll.has_old_key_last_success_time() ? " (last)" : "") << "\n"
        << "old refused "
        << time(roll.has_old_key_refused_time(), roll.old_key_refused_time())
        << "\n";
  }
  if (!roll.follow_ups().empty()) {
    out << "\n" << style.Bold("Follow-ups") << "\n";
    for (const v1::RollFollowUp& follow_up : roll.follow_ups()) {
      std::string text =
          absl::StrCat(follow_up.closed() ? "[x] " : "[ ] ", follow_up.id(),
                       "  ", Sanitize(follow_up.what()));
      if (follow_up.closed()) {
        absl::StrAppend(&text, " (closed by ", Sanitize(follow_up.closed_by()),
                        ")");
      }
      bool first = true;
      for (const std::string& line : Wrap(text, context.text_width() - 9)) {
        out << (first ? "  " : "         ") << line << "\n";
        first = false;
      }
    }
  }
  if (!roll.steps().empty()) {
    out << "\n" << style.Bold("Steps") << "\n";
    for (const v1::RollStep& step : roll.steps()) {
      out << "  " << UtcTime(FromProto(step.time())) << "  "
          << Sanitize(step.actor()) << "\n";
      for (const std::string& line :
           Wrap(Sanitize(step.what()), context.text_width() - 6)) {
        out << "      " << line << "\n";
      }
    }
  }
}

void PrintInstructions(
    const CommandContext& context,
    const google::protobuf::RepeatedPtrField<std::string>& instructions) {
  if (instructions.empty()) return;
  context.out() << "\n" << context.style().Bold("Next") << "\n";
  for (int i = 0; i < instructions.size(); ++i) {
    const std::string number = absl::StrCat(i + 1, ". ");
    bool first = true;
    for (const std::string& line :
         Wrap(SanitizeLines(instructions[i]),
              context.text_width() - 2 - number.size())) {
      context.out() << "  "
                    << (first ? number : std::string(number.size(), ' '))
                    << line << "\n";
      first = false;
    }
  }
}

void PrintRollTable(const CommandContext& context,
                    const v1::ListRollsResponse& response) {
  Table table({{"ROLL"},
               {"STATE"},
               {"OLD KEY", Table::Align::kLeft, true},
               {"NEW KEY", Table::Align::kLeft, true},
               {"STARTED"},
               {"BY"},
               {"FOLLOW-UPS"}});
  const Style style = context.style();
  for (const v1::Roll& roll : response.rolls()) {
    int open = 0;
    for (const v1::RollFollowUp& follow_up : roll.follow_ups()) {
      if (!follow_up.closed()) ++open;
    }
    const v1::RollState state = roll.state();
    table.Add({Sanitize(roll.id()),
               Table::Cell(Word(state),
                           [style, state](const std::string& text) {
                             return style.OfState(state, text);
                           }),
               Sanitize(roll.old_key_id()),
               roll.new_key_id().empty() ? "-" : Sanitize(roll.new_key_id()),
               RelativeTime(FromProto(roll.started_time()), context.now()),
               Sanitize(roll.started_by()), absl::StrCat(open, " open")});
  }
  table.Print(context.out(), style, context.width());
}

}  // namespace keywatch
