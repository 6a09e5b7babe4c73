#include "daemon/config/section.h"

namespace keywatch {
namespace {

RollProvider ReadProvider(Section* section, std::set<std::string>* names) {
  yaml::MapReader& reader = section->reader();
  const std::string name = UniqueName(section, "name", names);
  // What is not said of Stripe is known.
  RollProvider provider;
  if (name == "stripe") provider = StripeRollProvider();
  provider.name = name;
  provider.key_prefixes = reader.Strings("key_prefixes");
  for (const char* key : {"dashboard_url", "test_dashboard_url"}) {
    std::string* url = key == std::string("dashboard_url")
                           ? &provider.dashboard_url
                           : &provider.test_dashboard_url;
    *url = reader.String(key, *url);
    if (reader.Has(key) && !url->empty()) {
      section->CheckUrl(*reader.Get(key), false);
    }
  }
  if (provider.dashboard_url.empty() && !name.empty()) {
    reader.Require("dashboard_url");
  }
  provider.max_overlap =
      reader.Duration("max_overlap", provider.max_overlap, absl::ZeroDuration(),
                      absl::Hours(24 * 365));
  section->Finish();
  return provider;
}

}  // namespace

void ReadRolls(Section* root, Config* config) {
  Section section = root->Child("rolls");
  yaml::MapReader& reader = section.reader();
  RollerConfig& rolls = config->rolls;
  std::set<std::string> names;
  section.ForEach("providers", [&](Section* provider) {
    rolls.providers.push_back(ReadProvider(provider, &names));
  });
  rolls.expiry_tolerance =
      reader.Duration("expiry_tolerance", rolls.expiry_tolerance,
                      absl::ZeroDuration(), absl::Hours(1));
  rolls.settling_time = reader.Duration("settling_time", rolls.settling_time,
                                        absl::ZeroDuration(), absl::Hours(24));
  rolls.quiet_time = reader.Duration("quiet_time", rolls.quiet_time,
                                     absl::Minutes(1), absl::Hours(24 * 90));
  rolls.notify = NotifierNames(&section, "notify", *config);
  if (rolls.notify.empty()) rolls.notify = config->default_notify;
  section.Finish();
}

}  // namespace keywatch
