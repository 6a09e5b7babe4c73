// keywatchd: flags, signals, exit codes. What it does is in app/.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/app/app.h"
#include "daemon/app/loading.h"
#include "daemon/app/log.h"
#include "daemon/app/real_clock.h"
#include "daemon/app/service.h"
#include "daemon/app/version.h"
#include "daemon/config/report.h"
#include "daemon/core/time.h"

int main(int argc, char** argv) {
  keywatch::OpenStandardStreams();
  std::string path = "/etc/keywatch/keywatchd.yaml";
  bool check = false;
  CLI::App flags{
      "keywatchd watches how restricted API keys are used.\n"
      "SIGHUP reloads the rules, SIGTERM stops in order.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration or rules "
      "refused."};
  flags.set_help_flag("-h,--help", "Print this help and exit");
  flags.set_version_flag("--version", keywatch::kVersion,
                         "Print the version and exit");
  flags.add_option("--config", path, "The configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  flags.add_flag("--check", check,
                 "Check configuration, formats, rules and secrets, and exit");
  flags.footer(
      "Examples:\n"
      "  keywatchd --config /etc/keywatch/keywatchd.yaml --check\n"
      "  keywatchd --config /etc/keywatch/keywatchd.yaml\n");
  try {
    flags.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return flags.exit(error) == 0 ? 0 : 2;
  }

  // Debian's Abseil looks for cycles at every lock, and would end the daemon.
  // Tests are where they are looked for.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  keywatch::RealClock clock;
  if (check) {
    int code = 0;
    std::cout << keywatch::CheckConfigReport(
        path,
        keywatch::DaemonConfigOptions(
            keywatch::ConfigOptions::Files::kRequireVisible),
        false,
        [&](const keywatch::Config& config, keywatch::IssueList* issues) {
          keywatch::CheckDeeply(config, keywatch::ToEventTime(clock.Now()),
                                issues);
        },
        &code);
    return code;
  }

  // Before any thread starts: all of them inherit the mask, and this one waits.
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  keywatch::LoadedConfig config = keywatch::LoadConfig(
      path,
      keywatch::DaemonConfigOptions(keywatch::ConfigOptions::Files::kRequire));
  std::cerr << keywatch::FormatIssues(config.issues);
  if (!config.ok()) return 3;
  keywatch::Log log(
      stderr, std::getenv("JOURNAL_STREAM") != nullptr,
      static_cast<keywatch::Log::Severity>(config.config.log_level), &clock);
  keywatch::App::Options options;
  options.version = keywatch::kVersion;
  options.owner = absl::StrCat("pid ", getpid());
  auto app = keywatch::App::Create(config.config, options, &clock, &log);
  if (!app.ok()) {
    log.Error(app.status().message());
    return absl::IsInvalidArgument(app.status()) ? 3 : 1;
  }
  return keywatch::RunUntilSignal(app->get(), signals, &log);
}
