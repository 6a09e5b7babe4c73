#include "daemon/cli/history_location.h"

#include <unistd.h>

#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "daemon/cli/time_text.h"
#include "daemon/config/loader.h"
#include "daemon/core/time.h"
#include "daemon/ingest/format.h"

namespace keywatch {

void HistoryLocation::AddTo(CLI::App* command) {
  command
      ->add_option("--history", history,
                   "The daemon's history directory; as --config says when not "
                   "given")
      ->type_name("DIR");
  command->add_option("--config", config, "The daemon's configuration")
      ->type_name("FILE")
      ->capture_default_str();
}

absl::StatusOr<Config> HistoryLocation::LoadedConfig() const {
  if (access(config.c_str(), F_OK) != 0) return Config();
  ConfigOptions options;
  options.formats = Format::ShippedNames();
  options.files = ConfigOptions::Files::kIgnore;
  const keywatch::LoadedConfig loaded = LoadConfig(config, options);
  if (!loaded.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the configuration is refused\n", FormatIssues(loaded.issues)));
  }
  return loaded.config;
}

absl::StatusOr<std::string> HistoryLocation::Directory() const {
  if (!history.empty()) return history;
  absl::StatusOr<Config> loaded = LoadedConfig();
  if (!loaded.ok()) return loaded.status();
  return HistoryDirectory(*loaded);
}

absl::StatusOr<EventTime> TimeOption(const CommandContext& context,
                                     const char* option,
                                     const std::string& text,
                                     EventTime fallback) {
  if (text.empty()) return fallback;
  const absl::StatusOr<absl::Time> time =
      ParseTypedTime(text, context.now(), /*future=*/false);
  if (!time.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": ", time.status().message()));
  }
  return ToEventTime(*time);
}

}  // namespace keywatch
