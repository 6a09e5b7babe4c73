#ifndef DAEMON_CLI_ROLL_TEXT_H_
#define DAEMON_CLI_ROLL_TEXT_H_

#include <string>

#include "daemon/cli/command_context.h"
#include "google/protobuf/repeated_field.h"
#include "proto/keywatch/v1/keywatch.pb.h"

namespace keywatch {

// How rolls are shown.

// Everything about one roll.
void PrintRoll(const CommandContext& context, const v1::Roll& roll);

// What the operator does next, numbered.
void PrintInstructions(
    const CommandContext& context,
    const google::protobuf::RepeatedPtrField<std::string>& instructions);

void PrintRollTable(const CommandContext& context,
                    const v1::ListRollsResponse& response);

}  // namespace keywatch

#endif  // DAEMON_CLI_ROLL_TEXT_H_
