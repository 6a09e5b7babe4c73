#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/section.h"

namespace keywatch {
namespace {

// Whether `id` looks like the secret of a key rather than its name: a Stripe
// prefix followed by a long run of letters and digits.
bool LooksLikeSecret(absl::string_view id) {
  for (absl::string_view prefix :
       {"sk_live_", "sk_test_", "rk_live_", "rk_test_", "sk_org_", "whsec_"}) {
    if (!absl::StartsWith(id, prefix)) continue;
    size_t run = 0;
    for (char c : id.substr(prefix.size())) {
      run = absl::ascii_isalnum(c) ? run + 1 : 0;
      if (run >= 16) return true;
    }
  }
  return false;
}

void ReadKey(Section* section, std::set<std::string>* ids, Config* config) {
  yaml::MapReader& reader = section->reader();
  DeclaredKey key;
  const yaml::Node* node = reader.Get("id");
  if (node != nullptr && node->is_scalar() && LooksLikeSecret(node->text)) {
    section->HiddenError(
        *node, "secret-in-config",
        "this looks like the secret of a key, not its id",
        "remove it, roll that key, and write the id that the log shows");
  } else {
    const std::string id = reader.RequiredString("id");
    key.id = KeyId(id);
    if (!id.empty() && !ids->insert(id).second) {
      reader.Error("id", "duplicate-name",
                   absl::StrCat("the key \"", id, "\" is declared already"),
                   "one entry holds all that is declared of a key");
    }
  }
  key.owner = reader.String("owner");
  key.purpose = reader.String("purpose");
  for (const yaml::Node* network : section->Scalars("networks")) {
    absl::StatusOr<Network> parsed = ParseNetwork(network->text);
    if (parsed.ok()) {
      key.networks.push_back(*parsed);
    } else {
      section->StatusError(*network, "bad-network", parsed.status());
    }
  }
  key.permissions = reader.Strings("permissions");
  section->Finish();
  config->keys.push_back(std::move(key));
}

}  // namespace

void ReadKeys(Section* root, Config* config) {
  std::set<std::string> ids;
  root->ForEach("keys",
                [&](Section* section) { ReadKey(section, &ids, config); });
}

}  // namespace keywatch
