#include "daemon/serve/roll_service.h"

#include <string>
#include <vector>

#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/serve/convert.h"
#include "daemon/serve/request_text.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.RollService";

// For the responses that tell the operator what to do next.
template <typename Response>
absl::Status Guide(const Roller& roller, const absl::StatusOr<Roll>& roll,
                   absl::Time now, Response* response) {
  if (!roll.ok()) return roll.status();
  ToProto(*roll, response->mutable_roll());
  for (const std::string& line : roller.Instructions(*roll, now)) {
    response->add_instructions(ToValidUtf8(line));
  }
  return absl::OkStatus();
}

template <typename Response>
absl::Status Tell(const absl::StatusOr<Roll>& roll, Response* response) {
  if (!roll.ok()) return roll.status();
  ToProto(*roll, response->mutable_roll());
  return absl::OkStatus();
}

}  // namespace

grpc::Status RollService::StartRoll(grpc::ServerContext* context,
                                    const v1::StartRollRequest* request,
                                    v1::StartRollResponse* response) {
  return runner_->Unary(context, kService, "StartRoll", [&] {
    const absl::Time now = clock_->Now();
    Roller::StartRequest start;
    start.key = KeyId(request->key_id());
    start.actor = runner_->Actor(context, request->actor());
    start.reason = request->reason();
    start.alert = AlertId(request->alert_id());
    return Guide(*roller_, roller_->Start(start, now), now, response);
  });
}

grpc::Status RollService::ConfirmRoll(grpc::ServerContext* context,
                                      const v1::ConfirmRollRequest* request,
                                      v1::ConfirmRollResponse* response) {
  return runner_->Unary(
      context, kService, "ConfirmRoll", [&]() -> absl::Status {
        const absl::Time now = clock_->Now();
        Roller::ConfirmRequest confirm;
        confirm.roll = RollId(request->id());
        confirm.new_key = KeyId(request->new_key_id());
        confirm.actor = runner_->Actor(context, request->actor());
        if (request->has_old_expires_time()) {
          absl::StatusOr<EventTime> expires =
              FromProto(request->old_expires_time());
          if (!expires.ok()) return expires.status();
          confirm.old_expires = FromEventTime(*expires);
        }
        return Guide(*roller_, roller_->Confirm(confirm, now), now, response);
      });
}

grpc::Status RollService::GetRoll(grpc::ServerContext* context,
                                  const v1::GetRollRequest* request,
                                  v1::GetRollResponse* response) {
  return runner_->Unary(context, kService, "GetRoll", [&] {
    return Guide(*roller_, store_->GetRoll(RollId(request->id())),
                 clock_->Now(), response);
  });
}

grpc::Status RollService::ListRolls(grpc::ServerContext* context,
                                    const v1::ListRollsRequest* request,
                                    v1::ListRollsResponse* response) {
  return runner_->Unary(context, kService, "ListRolls", [&]() -> absl::Status {
    absl::StatusOr<int> size = PageSize(request->page_size());
    if (!size.ok()) return size.status();
    absl::StatusOr<std::vector<Roll>> rolls =
        store_->ListRolls(request->unfinished_only(), *size);
    if (!rolls.ok()) return rolls.status();
    for (const Roll& roll : *rolls) ToProto(roll, response->add_rolls());
    return absl::OkStatus();
  });
}

grpc::Status RollService::CloseFollowUp(grpc::ServerContext* context,
                                        const v1::CloseFollowUpRequest* request,
                                        v1::CloseFollowUpResponse* response) {
  return runner_->Unary(context, kService, "CloseFollowUp", [&] {
    return Tell(roller_->CloseFollowUp(
                    RollId(request->roll_id()), request->follow_up_id(),
                    runner_->Actor(context, request->actor()), clock_->Now()),
                response);
  });
}

grpc::Status RollService::CancelRoll(grpc::ServerContext* context,
                                     const v1::CancelRollRequest* request,
                                     v1::CancelRollResponse* response) {
  return runner_->Unary(context, kService, "CancelRoll", [&] {
    return Tell(roller_->Cancel(RollId(request->id()),
                                runner_->Actor(context, request->actor()),
                                request->reason(), clock_->Now()),
                response);
  });
}

}  // namespace keywatch
