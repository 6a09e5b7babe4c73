#include "daemon/serve/key_service.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "daemon/respond/blast_radius.h"
#include "daemon/serve/convert.h"
#include "daemon/serve/exposure.h"

namespace keywatch {
namespace {

constexpr char kService[] = "keywatch.v1.KeyService";
constexpr int kMaxAlerts = 100;
constexpr int kMaxRolls = 1000;

}  // namespace

grpc::Status KeyService::ListKeys(grpc::ServerContext* context,
                                  const v1::ListKeysRequest* request,
                                  v1::ListKeysResponse* response) {
  return runner_->Unary(context, kService, "ListKeys", [&]() -> absl::Status {
    absl::StatusOr<int> size = PageSize(request->page_size());
    if (!size.ok()) return size.status();
    KeyFilter filter;
    filter.prefix = request->prefix();
    filter.limit = *size;
    filter.page_token = request->page_token();
    absl::StatusOr<KeyPage> page = store_->ListKeys(filter);
    if (!page.ok()) return page.status();
    for (const KeyProfile& profile : page->keys) {
      ToProto(profile, KeyView::kSummary, response->add_keys());
    }
    response->set_next_page_token(page->next_page_token);
    return absl::OkStatus();
  });
}

grpc::Status KeyService::GetKey(grpc::ServerContext* context,
                                const v1::GetKeyRequest* request,
                                v1::GetKeyResponse* response) {
  return runner_->Unary(context, kService, "GetKey", [&]() -> absl::Status {
    // Who asks by the secret itself is answered by its fingerprint.
    absl::StatusOr<std::string> id =
        text_->Required("id", request->id(), RequestText::kIdBytes);
    if (!id.ok()) return id.status();
    const KeyId key(*id);
    absl::StatusOr<KeyProfile> profile = store_->GetKey(key);
    if (absl::IsNotFound(profile.status())) {
      return absl::NotFoundError(
          absl::StrCat("no request of a key \"", *id, "\" has been seen"));
    }
    if (!profile.ok()) return profile.status();
    AlertFilter unresolved;
    unresolved.key = key;
    unresolved.unresolved_only = true;
    unresolved.limit = kMaxAlerts;
    absl::StatusOr<AlertPage> alerts = store_->ListAlerts(unresolved);
    if (!alerts.ok()) return alerts.status();
    absl::StatusOr<std::vector<Roll>> rolls =
        store_->ListRolls(/*unfinished_only=*/false, kMaxRolls);
    if (!rolls.ok()) return rolls.status();

    ToProto(*profile, KeyView::kFull, response->mutable_key());
    ToProto(BlastRadiusOf(*profile, ToEventTime(clock_->Now())),
            response->mutable_blast_radius());
    for (const std::string& follow_up : FollowUpsFrom(*profile)) {
      response->mutable_blast_radius()->add_follow_ups(ToValidUtf8(follow_up));
    }
    ToProto(ComputeExposure(*profile, alerts->alerts),
            response->mutable_exposure());
    for (const Alert& alert : alerts->alerts) {
      ToProto(alert, AlertView::kSummary, response->add_alerts());
    }
    for (const Roll& roll : *rolls) {
      if (roll.old_key == key || roll.new_key == key) {
        ToProto(roll, response->add_rolls());
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace keywatch
