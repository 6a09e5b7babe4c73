#ifndef DAEMON_CONFIG_CONFIG_H_
#define DAEMON_CONFIG_CONFIG_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "daemon/config/declared_key.h"
#include "daemon/config/listen_address.h"
#include "daemon/core/ids.h"
#include "daemon/respond/notifier_config.h"

namespace keywatch {

// What the configuration file says, as plain values. Made by LoadConfig
// (loader.h), which has checked everything here that can be checked without
// starting: paths are absolute or relative to the working directory, names are
// unique, references resolve. config/keywatchd.yaml describes every setting;
// the defaults stand here and nowhere else.

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct GrpcConfig {
  // nullopt: no TCP listener.
  absl::optional<ListenAddress> listen;
  // "": none.
  std::string unix_socket = "/run/keywatch/keywatchd.sock";
  // The file of bearer tokens; "": none.
  std::string token_file;
  // Whoever reaches `listen`, which is loopback, may do everything.
  bool allow_unauthenticated = false;
  // PEM files; "": not encrypted, and clients need no certificate.
  std::string tls_certificate;
  std::string tls_key;
  std::string tls_client_ca;
};

struct HttpConfig {
  // nullopt: no metrics, health and console.
  absl::optional<ListenAddress> listen = ListenAddress{"127.0.0.1", 9141};
};

// Where a source begins that has no cursor yet.
enum class SourceStart { kBeginning, kEnd };

struct FileSourceConfig {
  std::vector<std::string> paths;  // files and globs
  int max_files = 1024;
  absl::Duration poll_interval = absl::Seconds(1);
};

enum class HttpPaging { kLastId, kNextUrl };
enum class HttpOrder { kNewestFirst, kOldestFirst };

struct HttpSourceConfig {
  std::string url;
  std::string bearer_file;  // "": no token
  std::vector<std::pair<std::string, std::string>> headers;
  std::string records_path = "data";
  std::string id_path = "id";
  std::string page_size_parameter = "limit";
  int page_size = 100;
  HttpPaging paging = HttpPaging::kLastId;
  std::string after_parameter = "starting_after";
  std::string before_parameter = "ending_before";
  std::string next_url_path = "next_page_url";
  std::string has_more_path = "has_more";
  HttpOrder order = HttpOrder::kNewestFirst;
  int overlap = 20;
  int max_pages = 100;
  absl::Duration interval = absl::Seconds(10);
  double jitter = 0.1;
  absl::Duration backoff_max = absl::Minutes(5);
  absl::Duration timeout = absl::Seconds(30);
  int64_t max_response_bytes = int64_t{16} << 20;
};

struct PushSourceConfig {
  // Of records that were pushed and not yet read; senders wait beyond it.
  int64_t queue_bytes = int64_t{16} << 20;
};

enum class SourceType { kFile, kHttp, kPush };

struct SourceConfig {
  SourceId name;
  SourceType type = SourceType::kFile;
  FileSourceConfig file;  // of kFile
  HttpSourceConfig http;  // of kHttp
  PushSourceConfig push;  // of kPush
  // The name of a shipped format, or the path of a format's file when it has a
  // slash in it.
  std::string format;
  bool format_is_file = false;
  // Raw paths that decide instead of the format's own; "" as the format says.
  // An id of "none" turns the recognition of duplicates off.
  std::string key_field;
  std::string time_field;
  std::string id_field;
  SourceStart start = SourceStart::kBeginning;
  absl::Duration allowed_lateness = absl::Seconds(30);
  // Quiet for so long, and at least for the lateness, it holds back no other.
  absl::Duration idle_timeout = absl::Seconds(10);
  // Failing for so long, the same.
  absl::Duration max_silence = absl::Minutes(5);
  // An event further ahead of the clock is kept out of event time.
  absl::Duration max_future = absl::Minutes(5);
  // Event ids are remembered for so long.
  absl::Duration dedup_horizon = absl::Minutes(30);
  // Index of an earlier source that gives events of the same origin; -1: none.
  int same_origin_as = -1;
  int64_t max_record_bytes = int64_t{1} << 20;
};

struct RulesConfig {
  std::vector<std::string> paths;  // files and directories
  // Values of `%name%` in rules (`expand`).
  absl::flat_hash_map<std::string, std::vector<std::string>> lists;
  // Loaded again when a file below `paths` or the configuration changes.
  bool watch = true;
};

// What the engine observed, kept for `backtest` and `requests`.
struct HistoryConfig {
  bool enabled = true;
  std::string directory;  // "": `history` in the state directory
  absl::Duration retention = absl::Hours(24 * 30);
  int64_t max_size = int64_t{4} << 30;
  // Nothing is written to it while the disk has less.
  int64_t keep_free = int64_t{256} << 20;
  // Fields that are not kept.
  std::vector<std::string> leave_out;
};

struct EnrichmentConfig {
  // Databases in MaxMind's format; "": none.
  std::string city_database;
  std::string asn_database;
};

// An event of the daemon's own, every `interval`, that must come out as an
// alert which nobody is told of.
struct SelfTestConfig {
  bool enabled = true;
  absl::Duration interval = absl::Minutes(1);
};

struct LimitsConfig {
  int64_t key_profiles = 200'000;
  int64_t event_ids = 4'000'000;  // remembered per source
  // Of the events that wait for their turn, about.
  int64_t waiting_bytes = int64_t{256} << 20;
  int64_t value_bytes = 8 * 1024;
  int64_t nesting_depth = 64;
  int64_t list_elements = 1024;
};

// For how long what is over is kept.
struct RetentionConfig {
  absl::Duration alerts = absl::Hours(24 * 400);  // since they were resolved
  absl::Duration messages = absl::Hours(24 * 90);
  absl::Duration gaps = absl::Hours(24 * 400);
  absl::Duration rejects = absl::Hours(24 * 30);
};

struct Config {
  std::string path;  // of the file; "" when it came from a text
  LogLevel log_level = LogLevel::kInfo;
  std::string state_directory = "/var/lib/keywatch";
  GrpcConfig grpc;
  HttpConfig http;
  std::vector<SourceConfig> sources;
  RulesConfig rules;
  EnrichmentConfig enrichment;
  HistoryConfig history;
  absl::Duration checkpoint_interval = absl::Seconds(1);
  RetentionConfig retention;
  std::vector<NotifierConfig> notifiers;
  // Who is told of alerts whose rule names nobody.
  std::vector<std::string> default_notify;
  ResponderConfig outbox;
  RollerConfig rolls;
  std::vector<DeclaredKey> keys;
  SelfTestConfig self_test;
  LimitsConfig limits;
};

// Where the history of `config` stands.
std::string HistoryDirectory(const Config& config);

}  // namespace keywatch

#endif  // DAEMON_CONFIG_CONFIG_H_
