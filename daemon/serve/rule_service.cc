#include "daemon/serve/rule_service.h"

#include <string>

#include "daemon/serve/convert.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.RuleService";

}  // namespace

grpc::Status RuleService::ListRules(grpc::ServerContext* context,
                                    const v1::ListRulesRequest*,
                                    v1::ListRulesResponse* response) {
  return runner_->Unary(context, kService, "ListRules", [&]() -> absl::Status {
    const RulesSnapshot snapshot = status_->GetRules();
    if (snapshot.rules == nullptr) return absl::OkStatus();
    response->set_hash(snapshot.rules->hash());
    const std::vector<Rule>& rules = snapshot.rules->rules();
    for (size_t i = 0; i < rules.size(); ++i) {
      if (!snapshot.shown(rules[i])) continue;
      ToProto(rules[i],
              i < snapshot.counters.size() ? snapshot.counters[i]
                                           : RulesSnapshot::Counters(),
              response->add_rules());
    }
    return absl::OkStatus();
  });
}

grpc::Status RuleService::ReloadRules(grpc::ServerContext* context,
                                      const v1::ReloadRulesRequest* request,
                                      v1::ReloadRulesResponse* response) {
  return runner_->Unary(
      context, kService, "ReloadRules", [&]() -> absl::Status {
        absl::StatusOr<std::string> actor =
            text_->Required("actor", runner_->Actor(context, request->actor()),
                            RequestText::kActorBytes);
        if (!actor.ok()) return actor.status();
        const ReloadResult result = status_->Reload(*actor);
        response->set_applied(result.applied);
        for (const Issue& issue : result.issues.issues()) {
          ToProto(issue, response->add_issues());
        }
        const RulesSnapshot snapshot = status_->GetRules();
        if (snapshot.rules != nullptr) {
          response->set_rules(snapshot.count());
          response->set_hash(snapshot.rules->hash());
        }
        return absl::OkStatus();
      });
}

}  // namespace keywatch
