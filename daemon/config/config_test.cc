#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/config/listen_address.h"
#include "daemon/config/loader.h"
#include "daemon/config/network.h"
#include "daemon/config/report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Files = ConfigOptions::Files;

constexpr char kSource[] =
    "sources: [{name: api, type: file, paths: a.log, format: keywatch}]\n";

std::vector<std::string> Codes(const IssueList& issues) {
  std::vector<std::string> codes;
  for (const Issue& issue : issues.issues()) codes.push_back(issue.code);
  return codes;
}

LoadedConfig Load(absl::string_view text, Files files = Files::kIgnore) {
  ConfigOptions options;
  options.files = files;
  return ParseConfig("/etc/keywatch/keywatchd.yaml", text, options);
}

Config Good(absl::string_view text) {
  LoadedConfig loaded = Load(text);
  EXPECT_EQ(FormatIssues(loaded.issues), "") << text;
  return std::move(loaded.config);
}

std::string WriteFile(const std::string& name, absl::string_view text,
                      mode_t mode) {
  const std::string path = absl::StrCat(::testing::TempDir(), "/", name);
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
  return path;
}

// ------------------------------------------------------------- addresses

TEST(ParseListenAddress, TakesAddressesAndPorts) {
  EXPECT_EQ(ParseListenAddress("127.0.0.1:9140")->ToString(), "127.0.0.1:9140");
  EXPECT_EQ(ParseListenAddress("localhost:0")->ToString(), "127.0.0.1:0");
  EXPECT_EQ(ParseListenAddress("[::1]:65535")->ToString(), "[::1]:65535");
  for (const char* text :
       {"", "9140", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:http", "127.0.0.1:9141s", ":9140",
        "example.com:80", "::1:9140", "[::1]", "[x]:1", "256.0.0.1:1",
        "http://127.0.0.1:1", "https://127.0.0.1:1", "127.0.0.1:1 ",
        "127.0.0.1:+1"}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

TEST(ListenAddress, KnowsLoopback) {
  for (const char* text :
       {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[0:0:0:0:0:0:0:1]:1"}) {
    EXPECT_TRUE(ParseListenAddress(text)->loopback()) << text;
  }
  for (const char* text :
       {"0.0.0.0:1", "10.0.0.1:1", "128.0.0.1:1", "[::]:1", "[fe80::1]:1"}) {
    EXPECT_FALSE(ParseListenAddress(text)->loopback()) << text;
  }
}

TEST(ListenAddress, CollidesOnTheSamePortOfTheSameOrEveryAddress) {
  const auto collide = [](const char* a, const char* b) {
    return ParseListenAddress(a)->Collides(*ParseListenAddress(b));
  };
  EXPECT_TRUE(collide("127.0.0.1:1", "127.0.0.1:1"));
  EXPECT_TRUE(collide("0.0.0.0:1", "127.0.0.1:1"));
  EXPECT_TRUE(collide("127.0.0.1:1", "[::]:1"));
  EXPECT_FALSE(collide("127.0.0.1:1", "127.0.0.1:2"));
  EXPECT_FALSE(collide("127.0.0.1:1", "127.0.0.2:1"));
  EXPECT_FALSE(collide("127.0.0.1:0", "127.0.0.1:0"));
}

TEST(ParseNetwork, TakesAddressesAndPrefixes) {
  EXPECT_EQ(ParseNetwork("203.0.113.0/24")->ToString(), "203.0.113.0/24");
  EXPECT_EQ(ParseNetwork("203.0.113.7")->ToString(), "203.0.113.7/32");
  EXPECT_EQ(ParseNetwork("2001:db8::/33")->ToString(), "2001:db8::/33");
  EXPECT_EQ(ParseNetwork("0.0.0.0/0")->ToString(), "0.0.0.0/0");
  for (const char* text :
       {"", "office", "203.0.113.0/33", "203.0.113.0/-1", "203.0.113.0/",
        "203.0.113.1/24", "2001:db8::1/64", "203.0.113/24", "::/129",
        "1.2.3.0/ 24", "1.2.3.4/8/8"}) {
    EXPECT_FALSE(ParseNetwork(text).ok()) << text;
  }
}

TEST(Network, ContainsWhatIsUnderItsPrefix) {
  const Network odd = *ParseNetwork("203.0.112.0/23");
  EXPECT_TRUE(odd.Contains("203.0.112.0"));
  EXPECT_TRUE(odd.Contains("203.0.113.255"));
  EXPECT_FALSE(odd.Contains("203.0.114.0"));
  EXPECT_FALSE(odd.Contains("2001:db8::1"));
  EXPECT_FALSE(odd.Contains("nobody"));
  const Network six = *ParseNetwork("2001:db8:8000::/33");
  EXPECT_TRUE(six.Contains("2001:db8:ffff::1"));
  EXPECT_FALSE(six.Contains("2001:db8:7fff::1"));
  EXPECT_TRUE(ParseNetwork("0.0.0.0/0")->Contains("255.255.255.255"));
  EXPECT_FALSE(ParseNetwork("203.0.113.7")->Contains("203.0.113.8"));
}

// ----------------------------------------------------------------- paths

TEST(Paths, CountFromTheDirectoryOfTheFile) {
  const Config config = Good(
      "state_directory: state\n"
      "sources: [{name: api, type: file, paths: [logs/*.json, /var/a.log],"
      " format: ../formats/x.yaml}]\n"
      "grpc: {unix_socket: ./keywatch.sock}\n"
      "rules: {paths: ../rules}\n");
  EXPECT_EQ(config.state_directory, "/etc/keywatch/state");
  EXPECT_THAT(config.sources[0].file.paths,
              ElementsAre("/etc/keywatch/logs/*.json", "/var/a.log"));
  EXPECT_TRUE(config.sources[0].format_is_file);
  EXPECT_EQ(config.sources[0].format, "/etc/formats/x.yaml");
  EXPECT_EQ(config.grpc.unix_socket, "/etc/keywatch/keywatch.sock");
  EXPECT_THAT(config.rules.paths, ElementsAre("/etc/rules"));
  ConfigOptions options;
  options.files = Files::kIgnore;
  EXPECT_EQ(ParseConfig("k.yaml", absl::StrCat(kSource, "state_directory: s\n"),
                        options)
                .config.state_directory,
            "s");
}

// -------------------------------------------------------------- settings

TEST(Config, DefaultsAreUsable) {
  const Config config = Good(kSource);
  EXPECT_FALSE(config.grpc.listen.has_value());
  EXPECT_EQ(config.grpc.unix_socket, "/run/keywatch/keywatchd.sock");
  EXPECT_EQ(config.http.listen->ToString(), "127.0.0.1:9141");
  EXPECT_EQ(config.state_directory, "/var/lib/keywatch");
  EXPECT_TRUE(config.notifiers.empty());
  EXPECT_EQ(config.sources[0].same_origin_as, -1);
}

TEST(Config, ListenersMayBeTurnedOffOrOpened) {
  const Config config = Good(absl::StrCat(
      kSource,
      "grpc: {listen: none}\nhttp: {listen: '0.0.0.0:80', allow_remote: yes}"));
  EXPECT_FALSE(config.grpc.listen.has_value());
  EXPECT_EQ(config.http.listen->ToString(), "0.0.0.0:80");
  const LoadedConfig deaf =
      Load(absl::StrCat(kSource, "grpc: {unix_socket: none}"));
  EXPECT_EQ(deaf.config.grpc.unix_socket, "");
  EXPECT_THAT(Codes(deaf.issues), ElementsAre("no-listener"));
  EXPECT_THAT(Codes(Load(absl::StrCat(kSource, "grpc: {listen: ''}")).issues),
              ElementsAre("bad-address"));
  EXPECT_THAT(Codes(Load(absl::StrCat(kSource, "grpc: {unix_socket: /",
                                      std::string(107, 'x'), "}"))
                        .issues),
              ElementsAre("bad-path"));
}

// A TCP port was open to every user of the machine, as anybody, without a word.
TEST(Config, TcpWantsToKnowWhoCalls) {
  const auto codes = [](absl::string_view grpc) {
    return Codes(Load(absl::StrCat(kSource, "grpc: {", grpc, "}")).issues);
  };
  EXPECT_THAT(codes("listen: '127.0.0.1:1'"), ElementsAre("no-tokens"));
  EXPECT_THAT(codes("listen: '127.0.0.1:1', allow_unauthenticated: true"),
              ElementsAre());
  EXPECT_THAT(codes("listen: '10.0.0.1:1', allow_unauthenticated: true"),
              ElementsAre("not-loopback"));
  EXPECT_THAT(codes("allow_unauthenticated: true"), ElementsAre("no-listener"));
  ConfigOptions options;
  options.files = Files::kIgnore;
  const auto unseen = [&options](absl::string_view grpc) {
    return Codes(ParseConfig("k.yaml",
                             absl::StrCat(kSource, "grpc: {", grpc, "}"),
                             options)
                     .issues);
  };
  EXPECT_THAT(unseen("listen: '127.0.0.1:1', tokens: {file: t}"),
              ElementsAre());
  EXPECT_THAT(unseen("listen: '127.0.0.1:1', tokens: {file: t}, "
                     "allow_unauthenticated: true"),
              ElementsAre("not-loopback"));
  EXPECT_THAT(unseen("listen: '10.0.0.1:1', tokens: {file: t}"),
              ElementsAre("not-loopback"));
  EXPECT_THAT(unseen("listen: '10.0.0.1:1', "
                     "tls: {certificate: c, key: {file: k}}"),
              ElementsAre("no-tokens"));
  EXPECT_THAT(unseen("listen: '10.0.0.1:1', tokens: {file: t}, "
                     "tls: {certificate: c, key: {file: k}, client_ca: a}"),
              ElementsAre());
  EXPECT_THAT(unseen("listen: '127.0.0.1:1', tokens: {file: t}, "
                     "tls: {certificate: c}"),
              ElementsAre("missing-key"));
  EXPECT_EQ(Good(absl::StrCat(kSource,
                              "grpc: {listen: '127.0.0.1:1', "
                              "allow_unauthenticated: true}"))
                .grpc.unix_socket,
            "");
}

TEST(Config, SourcesHaveWhatTheySay) {
  const Config config = Good(
      "sources:\n"
      "  - {name: api, type: file, paths: a, format: keywatch, start: end,\n"
      "     allowed_lateness: 0, max_record_bytes: 4KiB,\n"
      "     fields: {key: k, time: t, id: none}}\n"
      "  - {name: list, type: http, url: 'http://127.0.0.1:8080/x?y=1',\n"
      "     format: keywatch, paging: next_url, order: oldest_first,\n"
      "     headers: {X-A: b}, interval: 1s, jitter: 0, overlap: 0,\n"
      "     same_origin_as: api, start: beginning}\n");
  const SourceConfig& file = config.sources[0];
  EXPECT_EQ(file.start, SourceStart::kEnd);
  EXPECT_EQ(file.allowed_lateness, absl::ZeroDuration());
  EXPECT_EQ(file.max_record_bytes, 4096);
  EXPECT_EQ(file.key_field, "k");
  EXPECT_EQ(file.time_field, "t");
  EXPECT_EQ(file.id_field, "none");
  const SourceConfig& http = config.sources[1];
  EXPECT_EQ(http.type, SourceType::kHttp);
  EXPECT_EQ(http.http.paging, HttpPaging::kNextUrl);
  EXPECT_EQ(http.http.order, HttpOrder::kOldestFirst);
  EXPECT_THAT(http.http.headers, ElementsAre(std::make_pair("X-A", "b")));
  EXPECT_EQ(http.same_origin_as, 0);
  EXPECT_EQ(http.start, SourceStart::kBeginning);
}

TEST(Config, LongLatenessIsAWarning) {
  const LoadedConfig loaded = Load(
      "sources: [{name: api, type: file, paths: a, format: keywatch,"
      " allowed_lateness: 2h, dedup_horizon: 2h}]\n");
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(Codes(loaded.issues), ElementsAre("slow-alerts"));
}

TEST(Config, NotifiersRollsAndKeysHaveWhatTheySay) {
  const Config config = Good(absl::StrCat(
      kSource,
      "notifiers:\n"
      "  - {name: am, type: alertmanager, urls: ['http://a:1', 'http://b:1'],\n"
      "     labels: {team: x}, resend_interval: 30s, timeout: 5s}\n"
      "  - {name: hook, type: webhook, url: 'https://h/secret-in-path'}\n"
      "alerts: {default_notify: [am, hook, am]}\n"
      "outbox: {initial_backoff: 1s, max_backoff: 1m}\n"
      "rolls:\n"
      "  notify: hook\n"
      "  providers:\n"
      "    - {name: stripe, max_overlap: 1d}\n"
      "    - {name: own, dashboard_url: 'https://own/keys',"
      " key_prefixes: [own_]}\n"
      "keys:\n"
      "  - {id: mk_1, owner: o, purpose: p, networks: 203.0.113.0/24,\n"
      "     permissions: [a, b]}\n"));
  ASSERT_EQ(config.notifiers.size(), 2u);
  EXPECT_THAT(config.notifiers[0].urls,
              ElementsAre("http://a:1", "http://b:1"));
  EXPECT_THAT(config.notifiers[0].labels,
              ElementsAre(std::make_pair("team", "x")));
  EXPECT_EQ(config.notifiers[0].resend_interval, absl::Seconds(30));
  EXPECT_EQ(config.notifiers[1].type, NotifierType::kWebhook);
  EXPECT_THAT(config.default_notify, ElementsAre("am", "hook"));
  EXPECT_EQ(config.outbox.max_backoff, absl::Minutes(1));
  EXPECT_THAT(config.rolls.notify, ElementsAre("hook"));
  ASSERT_EQ(config.rolls.providers.size(), 2u);
  EXPECT_EQ(config.rolls.providers[0].dashboard_url,
            StripeRollProvider().dashboard_url);
  EXPECT_EQ(config.rolls.providers[0].max_overlap, absl::Hours(24));
  EXPECT_THAT(config.rolls.providers[1].key_prefixes, ElementsAre("own_"));
  ASSERT_EQ(config.keys.size(), 1u);
  EXPECT_EQ(config.keys[0].id, KeyId("mk_1"));
  EXPECT_TRUE(config.keys[0].networks[0].Contains("203.0.113.9"));
  EXPECT_THAT(config.keys[0].permissions, ElementsAre("a", "b"));
}

// Nobody heard of a failed roll when only the default was set.
TEST(Config, TheAlertOfAFailedRollGoesToTheDefaultWhenItNamesNobody) {
  const Config config =
      Good(absl::StrCat(kSource,
                        "notifiers:\n"
                        "  - {name: hook, type: webhook, url: 'https://h/x'}\n"
                        "alerts: {default_notify: [hook]}\n"));
  EXPECT_THAT(config.rolls.notify, ElementsAre("hook"));
}

TEST(Config, AProviderThatIsNotKnownNeedsItsDashboard) {
  EXPECT_THAT(
      Codes(Load(absl::StrCat(kSource, "rolls: {providers: [{name: own}]}"))
                .issues),
      ElementsAre("missing-key"));
}

TEST(Config, ASyntaxErrorIsTheOnlyIssue) {
  EXPECT_THAT(Codes(Load("sources: [\n").issues), ElementsAre("syntax"));
  ConfigOptions options;
  const LoadedConfig missing = LoadConfig("/no/such/file.yaml", options);
  EXPECT_FALSE(missing.ok());
  EXPECT_THAT(Codes(missing.issues), ElementsAre("unreadable"));
}

// --------------------------------------------------------------- secrets

std::string WithBearer(const std::string& secret) {
  return absl::StrCat(
      "sources: [{name: s, type: http, url: 'https://x', format: keywatch,"
      " bearer: ",
      secret, "}]\n");
}

TEST(Secrets, MustBeClosedToOthers) {
  const std::string good = WriteFile("good-token", "secret", 0640);
  const LoadedConfig loaded =
      Load(WithBearer("{file: " + good + "}"), Files::kRequire);
  EXPECT_TRUE(loaded.ok()) << FormatIssues(loaded.issues);
  EXPECT_EQ(loaded.config.sources[0].http.bearer_file, good);
  for (mode_t mode : {0644, 0604, 0642, 0777}) {
    const std::string open = WriteFile("open-token", "secret", mode);
    const LoadedConfig refused =
        Load(WithBearer("{file: " + open + "}"), Files::kRequire);
    EXPECT_THAT(Codes(refused.issues), ElementsAre("exposed-secret")) << mode;
    EXPECT_THAT(FormatIssues(refused.issues), HasSubstr("chmod o= "));
    EXPECT_THAT(
        Codes(Load(WithBearer("{file: " + open + "}"), Files::kRequireVisible)
                  .issues),
        ElementsAre("exposed-secret"));
    std::remove(open.c_str());
  }
  std::remove(good.c_str());
}

TEST(Secrets, MustBeFilesWithSomethingInThem) {
  const std::string empty = WriteFile("empty-token", "", 0600);
  EXPECT_THAT(
      Codes(Load(WithBearer("{file: " + empty + "}"), Files::kRequire).issues),
      ElementsAre("empty-secret"));
  std::remove(empty.c_str());
  EXPECT_THAT(Codes(Load(WithBearer("{file: " + ::testing::TempDir() + "}"),
                         Files::kRequire)
                        .issues),
              ElementsAre("no-such-file"));
  EXPECT_THAT(
      Codes(Load(WithBearer("{file: no-such-file}"), Files::kRequire).issues),
      ElementsAre("no-such-file"));
  EXPECT_THAT(Load(WithBearer("{file: no-such-file}")).issues.issues(),
              IsEmpty());
}

TEST(Secrets, CredentialsComeFromTheDirectoryOfTheUnit) {
  const std::string path = WriteFile("unit-token", "secret", 0400);
  ConfigOptions options;
  options.credentials_directory = ::testing::TempDir();
  const LoadedConfig loaded =
      ParseConfig("k", WithBearer("{credential: unit-token}"), options);
  EXPECT_TRUE(loaded.ok()) << FormatIssues(loaded.issues);
  EXPECT_EQ(loaded.config.sources[0].http.bearer_file,
            ::testing::TempDir() + "/unit-token");
  std::remove(path.c_str());
  EXPECT_THAT(
      Codes(ParseConfig("k", WithBearer("{credential: unit-token}"), options)
                .issues),
      ElementsAre("no-such-file"));
  EXPECT_THAT(
      Codes(ParseConfig("k", WithBearer("{credential: ../x}"), options).issues),
      ElementsAre("bad-secret"));
}

TEST(Secrets, ThatOnlyTheDaemonCanSeeAreWarningsBesideIt) {
  const LoadedConfig beside =
      Load(WithBearer("{credential: x}"), Files::kRequireVisible);
  EXPECT_TRUE(beside.ok());
  EXPECT_THAT(Codes(beside.issues), ElementsAre("no-credentials"));
  EXPECT_FALSE(Load(WithBearer("{credential: x}"), Files::kRequire).ok());
}

TEST(Secrets, AreNeverShownInAnIssue) {
  const std::string secret = "hunter2hunter2hunter2";
  for (const std::string& text :
       {WithBearer(secret),
        absl::StrCat(kSource, "keys: [{id: rk_live_", secret, "}]\n"),
        absl::StrCat(kSource, "keys:\n  - id: sk_test_51", secret, "\n"),
        "sources: [{name: s, type: http, url: 'https://x', format: keywatch,"
        " headers: {authorization: Bearer " +
            secret + "}}]\n"}) {
    const LoadedConfig loaded = Load(text);
    EXPECT_THAT(Codes(loaded.issues), ElementsAre("secret-in-config")) << text;
    EXPECT_EQ(FormatIssues(loaded.issues).find(secret), std::string::npos);
  }
}

// ---------------------------------------------------------------- report

TEST(Report, IsShortWhenAllIsWell) {
  const std::string path = WriteFile("good.yaml", kSource, 0600);
  int exit_code = -1;
  EXPECT_EQ(
      CheckConfigReport(path, ConfigOptions(), false, nullptr, &exit_code),
      path + ": ok\n");
  EXPECT_EQ(exit_code, kConfigOk);
  EXPECT_EQ(CheckConfigReport(path, ConfigOptions(), true, nullptr, &exit_code),
            absl::StrCat("{\"file\":\"", path,
                         "\",\"status\":\"ok\",\"issues\":[]}", "\n"));
  std::remove(path.c_str());
}

TEST(Report, AsJsonIsOneLineWithEveryIssue) {
  const std::string path = WriteFile("bad.yaml", "a\": 1\nsources: 5\n", 0600);
  int exit_code = -1;
  const std::string report =
      CheckConfigReport(path, ConfigOptions(), true, nullptr, &exit_code);
  EXPECT_EQ(exit_code, kConfigRefused);
  EXPECT_EQ(report.find('\n'), report.size() - 1);
  EXPECT_THAT(report, HasSubstr("\"status\":\"refused\""));
  EXPECT_THAT(report, HasSubstr("{\"severity\":\"error\",\"code\":\"unknown-"
                                "key\",\"file\":\"" +
                                path +
                                "\",\"line\":1,\"column\":1,\"length\":2,"
                                "\"message\":\"unknown key \\\"a\\\"\\\"\""));
  EXPECT_THAT(report, HasSubstr("\"code\":\"wrong-type\""));
  std::remove(path.c_str());
}

TEST(Report, LooksDeeperOnlyWhenTheFileIsFine) {
  const std::string good = WriteFile("deep.yaml", kSource, 0600);
  const std::string bad = WriteFile("shallow.yaml", "x: 1\n", 0600);
  int calls = 0;
  const DeepCheck deep = [&](const Config& config, IssueList* issues) {
    ++calls;
    EXPECT_EQ(config.sources.size(), 1u);
    Issue issue;
    issue.message = "the rules are broken";
    issues->Add(issue);
  };
  int exit_code = -1;
  EXPECT_EQ(CheckConfigReport(good, ConfigOptions(), false, deep, &exit_code),
            absl::StrCat("error: the rules are broken\n", good,
                         ": refused: 1 error\n"));
  EXPECT_EQ(exit_code, kConfigRefused);
  CheckConfigReport(bad, ConfigOptions(), false, deep, &exit_code);
  EXPECT_EQ(calls, 1);
  std::remove(good.c_str());
  std::remove(bad.c_str());
}

}  // namespace
}  // namespace keywatch
