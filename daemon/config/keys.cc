#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
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

constexpr absl::string_view kJobs[] = {"hourly", "daily", "weekly"};

// Takes `node` as a name of a key, of which there must be no other.
std::string KeyName(Section* section, const yaml::Node& node,
                    std::set<std::string>* names) {
  if (LooksLikeSecret(node.text)) {
    section->HiddenError(
        node, "secret-in-config",
        "this looks like the secret of a key, not its id",
        "remove it, roll that key, and write the id that the log shows");
    return "";
  }
  if (!node.text.empty() && !names->insert(node.text).second) {
    section->reader().ErrorAt(
        node, "duplicate-name",
        absl::StrCat("the key \"", node.text, "\" is declared already"),
        "one entry holds all that is declared of a key");
  }
  return node.text;
}

void ReadActive(Section* section, DeclaredKey* key) {
  const yaml::Node* node = section->reader().Get("active");
  Section active = section->Child("active");
  yaml::MapReader& reader = active.reader();
  const std::string days = absl::StrJoin(reader.Strings("days"), ",");
  const std::string hours = reader.String("hours");
  const std::string timezone = reader.String("timezone");
  active.Finish();
  if (node == nullptr || !node->is_map()) return;
  absl::StatusOr<ActiveHours> parsed =
      ActiveHours::Parse(days, hours, timezone);
  if (parsed.ok()) {
    key->active = *parsed;
  } else {
    section->StatusError(*node, "bad-hours", parsed.status());
  }
}

void ReadNetworks(Section* section, DeclaredKey* key) {
  for (const yaml::Node* network : section->Scalars("networks")) {
    absl::StatusOr<Network> parsed = ParseNetwork(network->text);
    if (parsed.ok()) {
      key->networks.push_back(*parsed);
    } else {
      section->StatusError(*network, "bad-network", parsed.status());
    }
  }
}

void ReadKey(Section* section, std::set<std::string>* names, Config* config) {
  yaml::MapReader& reader = section->reader();
  DeclaredKey key;
  const yaml::Node* id = reader.Get("id");
  if (id != nullptr && id->is_scalar() && !id->text.empty()) {
    key.id = KeyId(KeyName(section, *id, names));
  } else {
    reader.RequiredString("id");
  }
  for (const yaml::Node* name : section->Scalars("also_known_as")) {
    key.also_known_as.push_back(KeyName(section, *name, names));
  }
  key.owner = reader.String("owner");
  key.purpose = reader.String("purpose");
  ReadNetworks(section, &key);
  const bool ip_restricted = reader.Bool("ip_restricted", false);
  if (reader.Has("ip_restricted")) key.ip_restricted = ip_restricted;
  key.operations = reader.Strings("operations");
  key.permissions = reader.Strings("permissions");
  ReadActive(section, &key);
  const int job = reader.Choice(
      "job", std::vector<std::string>(std::begin(kJobs), std::end(kJobs)), -1);
  if (job >= 0) key.job = std::string(kJobs[job]);
  key.canary = reader.Bool("canary", false);
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
