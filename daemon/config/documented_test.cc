// config/keywatchd.yaml describes every setting and states every default. A
// commented setting there is a # right before its key, at the key's own
// column; prose has a blank after the #.

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/config/loader.h"
#include "daemon/yaml/document.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

constexpr char kFile[] = "config/keywatchd.yaml";

std::string Text() {
  std::ifstream in(kFile);
  EXPECT_TRUE(in.good()) << kFile;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The file with every commented setting in force.
std::string Uncommented() {
  std::string result;
  for (absl::string_view line : absl::StrSplit(Text(), '\n')) {
    const size_t first = line.find_first_not_of(' ');
    const bool setting = first != absl::string_view::npos &&
                         line[first] == '#' && first + 1 < line.size() &&
                         (absl::ascii_isalpha(line[first + 1]) ||
                          absl::StartsWith(line.substr(first + 1), "- "));
    if (setting) {
      absl::StrAppend(&result, line.substr(0, first), line.substr(first + 1),
                      "\n");
    } else {
      absl::StrAppend(&result, line, "\n");
    }
  }
  return result;
}

ConfigOptions Options() {
  ConfigOptions options;
  options.formats = {"cloudtrail", "envoy_json", "keywatch", "nginx_json",
                     "stripe_cli"};
  options.credentials_directory = "/run/credentials/keywatchd.service";
  options.files = ConfigOptions::Files::kIgnore;
  return options;
}

LoadedConfig Load(const std::string& text) {
  LoadedConfig loaded = ParseConfig(kFile, text, Options());
  EXPECT_EQ(FormatIssues(loaded.issues), "");
  return loaded;
}

// Whether `node` has the dotted path `keys[i...]` somewhere; "[]" at a key's
// end stands for any element of its list.
bool HasPath(const yaml::Node& node, const std::vector<std::string>& keys,
             size_t i) {
  if (i == keys.size()) return true;
  absl::string_view key = keys[i];
  const bool elements = absl::EndsWith(key, "[]");
  if (elements) key.remove_suffix(2);
  const yaml::Node* value = node.Find(key);
  if (value == nullptr) return false;
  if (!elements) return HasPath(*value, keys, i + 1);
  for (const yaml::Node& element : value->list) {
    if (HasPath(element, keys, i + 1)) return true;
  }
  return false;
}

TEST(DocumentedConfig, LoadsAsItStands) {
  const Config config = Load(Text()).config;
  ASSERT_EQ(config.sources.size(), 1u);
  EXPECT_EQ(config.sources[0].format, "nginx_json");
  EXPECT_EQ(config.rules.paths, std::vector<std::string>{"rules"});
}

TEST(DocumentedConfig, MentionsEveryKeyThatTheLoaderKnows) {
  IssueList issues;
  const yaml::File file = yaml::File::Parse(kFile, Uncommented(), &issues);
  ASSERT_TRUE(issues.empty()) << FormatIssues(issues);
  ASSERT_EQ(file.documents().size(), 1u);
  int known = 0;
  for (const std::string& key : ConfigKeys()) {
    ++known;
    // Said in prose: the two forms of a secret exclude each other.
    if (absl::EndsWith(key, ".credential")) {
      EXPECT_TRUE(absl::StrContains(Text(), "{credential: ")) << key;
      continue;
    }
    EXPECT_TRUE(HasPath(file.documents()[0], absl::StrSplit(key, '.'), 0))
        << key << " is not in " << kFile;
  }
  EXPECT_GT(known, 90);
}

TEST(DocumentedConfig, StatesTheDefaults) {
  const Config said = Load(Uncommented()).config;
  const Config defaults;
  EXPECT_EQ(said.log_level, defaults.log_level);
  EXPECT_EQ(said.state_directory, defaults.state_directory);
  EXPECT_EQ(said.grpc.listen, defaults.grpc.listen);
  EXPECT_EQ(said.http.listen, defaults.http.listen);
  EXPECT_EQ(said.checkpoint_interval, defaults.checkpoint_interval);
  EXPECT_EQ(said.retention.alerts, defaults.retention.alerts);
  EXPECT_EQ(said.retention.messages, defaults.retention.messages);
  EXPECT_EQ(said.retention.gaps, defaults.retention.gaps);
  EXPECT_EQ(said.retention.rejects, defaults.retention.rejects);
  EXPECT_EQ(said.rules.watch, defaults.rules.watch);
  EXPECT_EQ(said.history.enabled, defaults.history.enabled);
  EXPECT_EQ(HistoryDirectory(said), HistoryDirectory(defaults));
  EXPECT_EQ(said.history.retention, defaults.history.retention);
  EXPECT_EQ(said.history.max_size, defaults.history.max_size);
  EXPECT_EQ(said.history.keep_free, defaults.history.keep_free);
  EXPECT_EQ(said.limits.key_profiles, defaults.limits.key_profiles);
  EXPECT_EQ(said.limits.event_ids, defaults.limits.event_ids);
  EXPECT_EQ(said.self_test.enabled, defaults.self_test.enabled);
  EXPECT_EQ(said.self_test.interval, defaults.self_test.interval);
  EXPECT_EQ(said.limits.waiting_bytes, defaults.limits.waiting_bytes);
  EXPECT_EQ(said.limits.value_bytes, defaults.limits.value_bytes);
  EXPECT_EQ(said.limits.nesting_depth, defaults.limits.nesting_depth);
  EXPECT_EQ(said.limits.list_elements, defaults.limits.list_elements);
  EXPECT_EQ(said.outbox.poll_interval, defaults.outbox.poll_interval);
  EXPECT_EQ(said.outbox.initial_backoff, defaults.outbox.initial_backoff);
  EXPECT_EQ(said.outbox.max_backoff, defaults.outbox.max_backoff);
  EXPECT_EQ(said.outbox.give_up_after, defaults.outbox.give_up_after);
  EXPECT_EQ(said.outbox.min_attempts, defaults.outbox.min_attempts);
  EXPECT_EQ(said.rolls.quiet_time, defaults.rolls.quiet_time);
  EXPECT_EQ(said.rolls.expiry_tolerance, defaults.rolls.expiry_tolerance);

  ASSERT_EQ(said.rolls.providers.size(), 1u);
  const RollProvider stripe = StripeRollProvider();
  EXPECT_EQ(said.rolls.providers[0].key_prefixes, stripe.key_prefixes);
  EXPECT_EQ(said.rolls.providers[0].dashboard_url, stripe.dashboard_url);
  EXPECT_EQ(said.rolls.providers[0].test_dashboard_url,
            stripe.test_dashboard_url);
  EXPECT_EQ(said.rolls.providers[0].max_overlap, stripe.max_overlap);

  ASSERT_EQ(said.notifiers.size(), 2u);
  const NotifierConfig notifier;
  EXPECT_EQ(said.notifiers[0].timeout, notifier.timeout);
  EXPECT_EQ(said.notifiers[0].resend_interval, notifier.resend_interval);
}

TEST(DocumentedConfig, StatesTheDefaultsOfSources) {
  const Config said = Load(Uncommented()).config;
  // What a source is that says only what it must.
  const Config least =
      Load(
          "sources:\n"
          "  - {name: api, type: file, paths: a, format: keywatch}\n"
          "  - {name: http, type: http, url: 'https://x', format: keywatch}\n"
          "  - {name: push, type: push, format: keywatch}\n")
          .config;
  ASSERT_EQ(said.sources.size(), 3u);
  for (int i = 0; i < 3; ++i) {
    const SourceConfig& a = said.sources[i];
    const SourceConfig& b = least.sources[i];
    EXPECT_EQ(a.type, b.type);
    EXPECT_EQ(a.start, b.start);
    EXPECT_EQ(a.allowed_lateness, b.allowed_lateness);
    EXPECT_EQ(a.max_future, b.max_future);
    EXPECT_EQ(a.idle_timeout, b.idle_timeout);
    EXPECT_EQ(a.max_silence, b.max_silence);
    EXPECT_EQ(a.dedup_horizon, b.dedup_horizon);
    EXPECT_EQ(a.max_record_bytes, b.max_record_bytes);
    EXPECT_EQ(a.file.max_files, b.file.max_files);
    EXPECT_EQ(a.file.poll_interval, b.file.poll_interval);
    EXPECT_EQ(a.push.queue_bytes, b.push.queue_bytes);
    EXPECT_EQ(a.http.records_path, b.http.records_path);
    EXPECT_EQ(a.http.id_path, b.http.id_path);
    EXPECT_EQ(a.http.page_size, b.http.page_size);
    EXPECT_EQ(a.http.page_size_parameter, b.http.page_size_parameter);
    EXPECT_EQ(a.http.paging, b.http.paging);
    EXPECT_EQ(a.http.order, b.http.order);
    EXPECT_EQ(a.http.after_parameter, b.http.after_parameter);
    EXPECT_EQ(a.http.before_parameter, b.http.before_parameter);
    EXPECT_EQ(a.http.next_url_path, b.http.next_url_path);
    EXPECT_EQ(a.http.has_more_path, b.http.has_more_path);
    EXPECT_EQ(a.http.overlap, b.http.overlap);
    EXPECT_EQ(a.http.max_pages, b.http.max_pages);
    EXPECT_EQ(a.http.interval, b.http.interval);
    EXPECT_EQ(a.http.jitter, b.http.jitter);
    EXPECT_EQ(a.http.backoff_max, b.http.backoff_max);
    EXPECT_EQ(a.http.timeout, b.http.timeout);
    EXPECT_EQ(a.http.max_response_bytes, b.http.max_response_bytes);
  }
}

}  // namespace
}  // namespace keywatch
