#include <memory>
#include <string>
#include <thread>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "daemon/cli/alert_filter_options.h"
#include "daemon/cli/alert_text.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/daemon_client.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/json_output.h"
#include "daemon/cli/terminal_text.h"
#include "daemon/cli/time_text.h"

namespace keywatch {
namespace {

struct Options {
  AlertFilterOptions filter;
  bool existing = false;
  bool updates = false;
  int64_t after = -1;
  int64_t count = 0;
  bool no_reconnect = false;
};

// Cancels a call when the person asks to end.
class Canceller {
 public:
  Canceller(const CommandContext& context, grpc::ClientContext* call)
      : context_(context), call_(call), thread_([this] { Run(); }) {}
  ~Canceller() {
    {
      absl::MutexLock lock(&mu_);
      done_ = true;
    }
    thread_.join();
  }

 private:
  void Run() {
    absl::MutexLock lock(&mu_);
    while (!done_) {
      const auto& interrupted = context_.environment().interrupted;
      if (interrupted && interrupted()) {
        call_->TryCancel();
        return;
      }
      mu_.AwaitWithTimeout(absl::Condition(&done_), absl::Milliseconds(100));
    }
  }

  const CommandContext& context_;
  grpc::ClientContext* const call_;
  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// Prints what is news to a person: an alert that appeared, one that changed
// its state or level, one whose episode ended. That it counted on is none.
class Watcher {
 public:
  Watcher(const CommandContext& context, const Options& options)
      : context_(context), options_(options), after_(options.after) {}

  int Run();

 private:
  struct Known {
    v1::AlertState state;
    v1::Level level;
    bool ended;
  };
  static constexpr size_t kMaxKnown = 100'000;

  // One stream; its status.
  grpc::Status Stream(DaemonClient* client, const v1::AlertFilter& filter);
  bool IsNews(const v1::Alert& alert);
  void Print(const v1::WatchAlertsResponse& message);
  bool Enough() const {
    return options_.count > 0 && printed_ >= options_.count;
  }
  bool Interrupted() const {
    const auto& interrupted = context_.environment().interrupted;
    return interrupted && interrupted();
  }

  const CommandContext& context_;
  const Options& options_;
  int64_t after_;
  int64_t printed_ = 0;
  absl::flat_hash_map<std::string, Known> known_;
};

bool Watcher::IsNews(const v1::Alert& alert) {
  if (known_.size() >= kMaxKnown) known_.clear();
  const Known now{alert.state(), alert.level(), alert.has_ended_time()};
  const auto inserted = known_.emplace(alert.id(), now);
  if (inserted.second) return true;
  Known& before = inserted.first->second;
  const bool news = before.state != now.state || before.level != now.level ||
                    before.ended != now.ended;
  before = now;
  return news || options_.updates;
}

void Watcher::Print(const v1::WatchAlertsResponse& message) {
  std::ostream& out = context_.out();
  const v1::Alert& alert = message.alert();
  ++printed_;
  if (context_.json()) {
    out << ToJson(message, /*pretty=*/false) << std::endl;
    return;
  }
  const Style style = context_.style();
  out << UtcTime(FromProto(alert.first_fire_time())) << "  "
      << ShortId(alert.id()) << "  "
      << style.OfLevel(alert.level(), Word(alert.level())) << "  "
      << style.OfState(alert.state(), Word(alert.state())) << "  "
      << (alert.key_id().empty() ? "-" : Sanitize(alert.key_id())) << "  "
      << style.Bold(Sanitize(alert.title()));
  if (!alert.explanation().empty()) {
    out << ": " << Sanitize(alert.explanation());
  }
  if (alert.has_ended_time()) out << " (ended)";
  // A line at a time, also into a pipe.
  out << std::endl;
}

grpc::Status Watcher::Stream(DaemonClient* client,
                             const v1::AlertFilter& filter) {
  v1::WatchAlertsRequest request;
  *request.mutable_filter() = filter;
  if (after_ >= 0) request.set_after_sequence(after_);
  grpc::ClientContext call;
  client->Authenticate(&call);
  Canceller canceller(context_, &call);
  auto reader = client->alerts()->WatchAlerts(&call, request);
  v1::WatchAlertsResponse message;
  while (reader->Read(&message)) {
    after_ = message.sequence();
    if (!message.has_alert() || !IsNews(message.alert())) continue;
    Print(message);
    if (Enough() || !context_.out()) {
      call.TryCancel();
      break;
    }
  }
  return reader->Finish();
}

int Watcher::Run() {
  v1::AlertFilter filter;
  const int bad = options_.filter.Fill(context_, &filter);
  if (bad != kExitOk) return bad;
  if (options_.existing && after_ < 0) after_ = 0;

  // From here on Ctrl-C ends the watch in order.
  if (Interrupted()) return kExitOk;
  DaemonClient client(&context_);
  if (!client.prepared().ok()) {
    return context_.Fail(kExitUsage, client.prepared().message());
  }
  bool connected = after_ > 0;
  while (true) {
    const int64_t before = after_;
    const grpc::Status status = Stream(&client, filter);
    if (Enough() || Interrupted() || !context_.out()) return kExitOk;
    connected = connected || after_ != before;
    // Once it has worked, a daemon that restarts is waited for; a daemon that
    // was never there is a mistake of the command line.
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE || !connected ||
        options_.no_reconnect) {
      return client.Explain(status);
    }
    context_.err() << "keywatchd went away; trying again" << std::endl;
    absl::Mutex mu;
    absl::MutexLock lock(&mu);
    bool wake = false;
    context_.environment().clock->SleepOrWake(&mu, &wake, absl::Seconds(1));
    if (Interrupted()) return kExitOk;
  }
}

}  // namespace

void AddAlertsWatchCommand(CLI::App* parent, CommandContext* context) {
  auto options = std::make_shared<Options>();
  CLI::App* command = parent->add_subcommand(
      "watch", "Alerts as they rise and change, until Ctrl-C");
  options->filter.AddTo(command, "all");
  command->add_flag("--existing", options->existing,
                    "Begin with the alerts that are there");
  command->add_flag("--updates", options->updates,
                    "Also when an alert only counted on");
  command
      ->add_option("--after", options->after,
                   "Resume after this sequence (see --output json)")
      ->type_name("SEQUENCE");
  command->add_option("--count", options->count, "End after so many lines")
      ->type_name("N");
  command->add_flag("--no-reconnect", options->no_reconnect,
                    "End when the daemon goes away");
  command->footer(
      "Examples:\n"
      "  keywatch alerts watch\n"
      "  keywatch alerts watch --existing --state unresolved --level high\n"
      "  keywatch alerts watch --output json | jq -r '.alert.title'\n");
  command->callback([context, options] {
    context->run = [context, options] {
      return Watcher(*context, *options).Run();
    };
  });
}

}  // namespace keywatch
