#include "daemon/serve/access.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace keywatch {
namespace {

constexpr char kHowToSendOne[] =
    "\n  keywatch --token-file FILE ..., or KEYWATCH_TOKEN_FILE";

absl::StatusOr<std::string> SentToken(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto range = metadata.equal_range("authorization");
  if (range.first == range.second) return std::string();
  absl::string_view value(range.first->second.data(),
                          range.first->second.size());
  const auto next = std::next(range.first);
  constexpr absl::string_view kScheme = "bearer ";
  if (next != range.second || !absl::StartsWithIgnoreCase(value, kScheme)) {
    return absl::UnauthenticatedError(
        "authorization: one \"Bearer TOKEN\" expected");
  }
  value.remove_prefix(kScheme.size());
  return std::string(absl::StripAsciiWhitespace(value));
}

}  // namespace

Access::Access(const std::string& token_file, bool allow_unauthenticated,
               UserOf user_of)
    : tokens_(token_file.empty() ? nullptr
                                 : std::make_unique<TokenFile>(token_file)),
      allow_unauthenticated_(allow_unauthenticated),
      user_of_(std::move(user_of)) {}

Role Access::Needs(absl::string_view method) {
  if (method == "PushRecords") return Role::kPush;
  for (absl::string_view prefix : {"List", "Get", "Watch"}) {
    if (absl::StartsWith(method, prefix)) return Role::kRead;
  }
  for (absl::string_view operate :
       {"AcknowledgeAlert", "ResolveAlert", "RaiseAlert", "StartRoll",
        "ConfirmRoll", "CloseFollowUp", "CancelRoll"}) {
    if (method == operate) return Role::kOperate;
  }
  return Role::kAdmin;
}

absl::StatusOr<Access::Caller> Access::Identify(
    const grpc::ServerContext& context) const {
  absl::StatusOr<std::string> token = SentToken(context);
  if (!token.ok()) return token.status();
  if (!token->empty() && tokens_ != nullptr) {
    absl::StatusOr<Token> known = tokens_->Find(*token);
    if (!known.ok()) return known.status();
    return Caller{known->name, known->role};
  }
  if (absl::optional<std::string> user = user_of_(context.peer())) {
    return Caller{*std::move(user), Role::kAdmin};
  }
  if (allow_unauthenticated_) return Caller{"", Role::kAdmin};
  return absl::UnauthenticatedError(absl::StrCat(
      "keywatchd wants to know who calls: send a token", kHowToSendOne));
}

absl::Status Access::Allow(const grpc::ServerContext& context,
                           absl::string_view method) const {
  const absl::StatusOr<Caller> caller = Identify(context);
  if (!caller.ok()) return caller.status();
  const Role needed = Needs(method);
  // Who may look may not feed: requests that never were could hide others.
  const bool allowed = caller->role == Role::kAdmin || caller->role == needed ||
                       (needed != Role::kPush && caller->role > needed);
  if (allowed) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(
      method, " needs the role ", RoleName(needed), "; ", caller->name, " has ",
      RoleName(caller->role), " in keywatchd's file of tokens"));
}

std::string Access::Actor(const grpc::ServerContext& context,
                          absl::string_view claimed) const {
  const absl::StatusOr<Caller> caller = Identify(context);
  if (!caller.ok() || caller->name.empty()) return std::string(claimed);
  const absl::string_view said = absl::StripAsciiWhitespace(claimed);
  if (said.empty() || said == caller->name) return caller->name;
  return absl::StrCat(said, " (", caller->name, ")");
}

}  // namespace keywatch
