// The command line itself, and commands that need no daemon.

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "daemon/cli/cli_fixture.h"
#include "gmock/gmock.h"

namespace keywatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kRule[] = R"(title: Denied
id: 00000000-0000-4000-8000-000000000001
name: denied
level: low
logsource: {product: stripe, service: api}
detection:
    selection: {http.response.status_code: 403}
    condition: selection
tests:
    - name: a denied request matches
      match: 1
      events:
          - {api.key.id: mk_A, http.response.status_code: 403}
          - {api.key.id: mk_A, http.response.status_code: 200}
---
title: Many Denied
id: 00000000-0000-4000-8000-000000000002
name: many_denied
level: high
correlation:
    type: event_count
    rules: [denied]
    group-by: [api.key.id]
    timespan: 10m
    condition: {gte: 2}
tests:
    - name: two of one key fire
      match: MATCH
      events:
          - {'@timestamp': 0s, api.key.id: mk_A, http.response.status_code: 403}
          - {'@timestamp': 9m, api.key.id: mk_A, http.response.status_code: 403}
          - {'@timestamp': 9m, api.key.id: mk_B, http.response.status_code: 403}
)";

class LocalCommandsTest : public CliTest {
 protected:
  LocalCommandsTest() {
    std::string pattern = absl::StrCat(::testing::TempDir(), "/cliXXXXXX");
    directory_ = mkdtemp(&pattern[0]);
  }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = absl::StrCat(directory_, "/", name);
    std::ofstream(path) << text;
    return path;
  }
  std::string Rules(const std::string& match) {
    return Write("rules.yml", absl::StrReplaceAll(kRule, {{"MATCH", match}}));
  }
  static std::string Read(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string directory_;
};

TEST_F(LocalCommandsTest, HelpTeachesByExample) {
  EXPECT_EQ(Run({"--help"}), kExitOk);
  EXPECT_THAT(err_, IsEmpty());
  ExpectGolden("help.txt", out_);
}

TEST_F(LocalCommandsTest, EveryCommandHasHelpWithExamples) {
  const std::vector<std::vector<std::string>> commands = {
      {"status"},
      {"alerts", "list"},
      {"alerts", "show"},
      {"alerts", "watch"},
      {"alerts", "ack"},
      {"alerts", "resolve"},
      {"alerts", "raise"},
      {"keys", "list"},
      {"keys", "show"},
      {"roll", "start"},
      {"roll", "confirm"},
      {"roll", "status"},
      {"roll", "list"},
      {"roll", "close-follow-up"},
      {"roll", "cancel"},
      {"rules", "check"},
      {"rules", "test"},
      {"rules", "explain"},
      {"rules", "list"},
      {"rules", "reload"},
      {"sources", "rejects"},
      {"sources", "gaps"},
      {"config", "check"},
      {"replay"},
      {"backup"},
      {"restore"},
      {"audit", "verify"},
      {"backtest"},
      {"requests"},
      {"completion"}};
  std::string all;
  for (std::vector<std::string> command : commands) {
    const std::string name = absl::StrJoin(command, " ");
    command.push_back("--help");
    EXPECT_EQ(Run(command), kExitOk) << name;
    EXPECT_THAT(out_, HasSubstr("Examples:\n")) << name;
    EXPECT_THAT(out_, HasSubstr(absl::StrCat("keywatch ", name))) << name;
    absl::StrAppend(&all, "$ keywatch ", name, " --help\n", out_, "\n");
  }
  ExpectGolden("help_commands.txt", all);
}

TEST_F(LocalCommandsTest, VersionIsPrinted) {
  EXPECT_EQ(Run({"--version"}), kExitOk);
  EXPECT_EQ(out_, "1.2.3\n");
}

TEST_F(LocalCommandsTest, WrongCommandLinesAreUsageErrors) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"alerts"},
           {"alerts", "show"},
           {"alerts", "list", "--level", "terrible"},
           {"alerts", "list", "--limit", "0"},
           {"alerts", "list", "--since", "yesterday"},
           {"--output", "xml", "status"},
           {"--timeout", "soon", "status"},
           {"roll", "start", "mk_A"},
           {"replay", "x.log"},
           {"replay", "--rules", "r", "--lateness", "x", "y.log"},
           {"completion", "fish"}}) {
    EXPECT_EQ(Run(arguments), kExitUsage) << absl::StrJoin(arguments, " ");
    EXPECT_THAT(out_, IsEmpty()) << absl::StrJoin(arguments, " ");
    EXPECT_THAT(err_, Not(IsEmpty())) << absl::StrJoin(arguments, " ");
  }
}

TEST_F(LocalCommandsTest, MisspelledCommandGetsASuggestion) {
  EXPECT_EQ(Run({"--output", "json", "rules", "chekc"}), kExitUsage);
  EXPECT_EQ(err_,
            "error: \"keywatch rules\" has no command \"chekc\"; did you mean "
            "\"check\"?\n");
  EXPECT_EQ(Run({"stauts"}), kExitUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean \"status\"?"));
}

TEST_F(LocalCommandsTest, RulesThatLoadAreCountedAndPass) {
  EXPECT_EQ(Run({"rules", "check", Rules("1")}), kExitOk) << out_;
  EXPECT_THAT(out_, HasSubstr("none refused, 2 loaded"));
}

TEST_F(LocalCommandsTest, RefusedRuleIsShownWithItsPlace) {
  const std::string path = Write(
      "broken.yml",
      "title: Broken\nlogsource: {product: stripe}\ndetection:\n"
      "    selection: {url.path|startwith: /v1/}\n    condition: selection\n");
  EXPECT_EQ(Run({"rules", "check", path}), kExitRefused);
  EXPECT_THAT(out_, HasSubstr(absl::StrCat(path, ":4:")));
  EXPECT_THAT(out_, HasSubstr("startswith"));
  EXPECT_THAT(out_, HasSubstr("1 refused, 0 loaded"));
}

TEST_F(LocalCommandsTest, RulesCheckJsonIsAnObjectALine) {
  const std::string good = Rules("1");
  const std::string broken =
      Write("broken.yml", "title: Broken\ndetection: 7\n");
  EXPECT_EQ(Run({"rules", "check", "--json", good, broken,
                 absl::StrCat(directory_, "/missing.yml")}),
            kExitRefused);
  const std::vector<std::string> lines =
      absl::StrSplit(out_, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 4u) << out_;
  EXPECT_THAT(lines[0], StartsWith(absl::StrCat(
                            "{\"file\": \"", good,
                            "\", \"line\": 1, \"status\": \"loaded\", "
                            "\"kind\": \"detection\", \"id\": "
                            "\"00000000-0000-4000-8000-000000000001\"")));
  EXPECT_THAT(lines[1], HasSubstr("\"kind\": \"correlation\""));
  EXPECT_THAT(lines[2], HasSubstr("\"status\": \"refused\""));
  EXPECT_THAT(lines[2], HasSubstr("\"severity\": \"error\""));
  EXPECT_THAT(lines[3], HasSubstr("missing.yml"));
  EXPECT_THAT(lines[3], HasSubstr("\"status\": \"refused\""));
}

TEST_F(LocalCommandsTest, RuleTestsPass) {
  EXPECT_EQ(Run({"rules", "test", Rules("1")}), kExitOk) << out_ << err_;
  EXPECT_EQ(out_, "2 passed, 0 failed\n");
  EXPECT_EQ(Run({"rules", "test", Rules("1"), "-v"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("pass  many_denied: two of one key fire"));
  EXPECT_EQ(Run({"rules", "test", Rules("1"), "--rule", "many"}), kExitOk);
  EXPECT_EQ(out_, "1 passed, 0 failed\n");
}

TEST_F(LocalCommandsTest, FailedRuleTestSaysWhatItExpectedAndGot) {
  const std::string junit = absl::StrCat(directory_, "/junit.xml");
  EXPECT_EQ(Run({"rules", "test", Rules("2"), "--junit", junit}), kExitFailure);
  EXPECT_THAT(out_, HasSubstr("FAIL  many_denied: two of one key fire"));
  EXPECT_THAT(out_, HasSubstr("expected 2 alerts, got 1"));
  EXPECT_THAT(out_, HasSubstr("1 passed, 1 failed"));
  const std::string xml = Read(junit);
  EXPECT_THAT(xml, HasSubstr("<testsuites tests=\"2\" failures=\"1\">"));
  EXPECT_THAT(xml, HasSubstr("<failure message=\"expected 2 alerts, got 1"));
}

constexpr char kScenario[] = R"(rules: [rules.yml]
tests:
    - name: ten denied requests and a restart
      series:
          - {event: {api.key.id: mk_A, http.response.status_code: 403}, at: 1h, every: 1m, times: 10}
      restart_at: 1h5m30s
      expect:
          - {at: 1h2m, rule: many_denied, key: mk_A, count: 1}
          - {anytime: true, rule: many_denied, count: COUNT}
)";

TEST_F(LocalCommandsTest, ScenariosRunBesideTheTestsOfTheRules) {
  Rules("1");
  const std::string path =
      Write("a.tests.yml", absl::StrReplaceAll(kScenario, {{"COUNT", "1"}}));
  EXPECT_EQ(Run({"rules", "test", directory_}), kExitOk) << out_ << err_;
  EXPECT_EQ(out_, "3 passed, 0 failed\n");
  EXPECT_EQ(Run({"rules", "test", path, "-v"}), kExitOk) << out_ << err_;
  EXPECT_EQ(out_,
            "pass  a.tests.yml: ten denied requests and a restart\n"
            "1 passed, 0 failed\n");
}

// Nothing was tested, and the exit code said that all was well.
TEST_F(LocalCommandsTest, RuleTestsThatAreNoneFail) {
  const std::string path =
      Write("untested.yml", "title: t\ndetection: {s: {a: b}, condition: s}\n");
  EXPECT_EQ(Run({"rules", "test", path}), kExitFailure);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr(absl::StrCat("error: no test in ", path)));
  EXPECT_EQ(Run({"rules", "test", Rules("1"), "--rule", "other"}),
            kExitFailure);
  EXPECT_THAT(err_, HasSubstr("no test of a rule \"other\""));
}

TEST_F(LocalCommandsTest, FailedScenarioSaysWhatItExpectedAndGot) {
  Rules("1");
  const std::string path =
      Write("a.tests.yml", absl::StrReplaceAll(kScenario, {{"COUNT", "2"}}));
  const std::string junit = absl::StrCat(directory_, "/junit.xml");
  EXPECT_EQ(Run({"rules", "test", path, "--junit", junit}), kExitFailure);
  // Where the line is broken depends on the directory.
  EXPECT_THAT(out_, HasSubstr("a.tests.yml:9:13:"));
  EXPECT_THAT(out_, HasSubstr("got 1\n"));
  EXPECT_THAT(out_, HasSubstr("1h1m api.key.id=mk_A"));
  EXPECT_THAT(Read(junit), HasSubstr("<failure message="));
  EXPECT_EQ(Run({"--output", "json", "rules", "test", path}), kExitFailure);
  EXPECT_THAT(out_, HasSubstr("\"rule\": \"a.tests.yml\""));
  EXPECT_THAT(out_, HasSubstr("\"passed\": false"));
}

TEST_F(LocalCommandsTest, RefusedScenarioIsShownWithItsPlaces) {
  Rules("1");
  const std::string path =
      Write("a.tests.yml", "rules: [rules.yml]\ntets: 1\n");
  EXPECT_EQ(Run({"rules", "test", path}), kExitRefused);
  EXPECT_THAT(err_, HasSubstr(absl::StrCat(path, ":2:1: error:")));
  EXPECT_THAT(err_, HasSubstr("did you mean \"tests\"?"));
}

TEST_F(LocalCommandsTest, TestsOfRulesThatDoNotLoadAreRefused) {
  EXPECT_EQ(Run({"rules", "test", Write("b.yml", "title: x\n")}), kExitRefused);
  EXPECT_THAT(err_, HasSubstr("b.yml"));
}

TEST_F(LocalCommandsTest, ExplainShowsTheTreeWithValues) {
  const std::string event =
      Write("event.json",
            "{\"@timestamp\": \"2026-08-03T14:00:00Z\", \"event.id\": \"e1\", "
            "\"http.response.status_code\": 403}\n");
  EXPECT_EQ(Run({"rules", "explain", "--rules", Rules("1"), "--event", event}),
            kExitOk)
      << err_;
  ExpectGolden("rules_explain.txt", out_);
  EXPECT_EQ(Run({"rules", "explain", "--rules", Rules("1"), "--event", event,
                 "--output", "json"}),
            kExitOk);
  EXPECT_THAT(out_, HasSubstr("\"matches\": true"));
  EXPECT_EQ(Run({"rules", "explain", "--rules", Rules("1"), "--event",
                 Write("bad.json", "no json\n")}),
            kExitRefused);
  EXPECT_THAT(err_, HasSubstr("bad.json:1:"));
}

TEST_F(LocalCommandsTest, ExplainShowsStateBeforeAndAfterOverALog) {
  const auto request = [](const char* id, int second, const char* key) {
    return absl::StrCat("{\"@timestamp\": \"2026-08-03T14:00:0", second,
                        "Z\", \"event\": {\"id\": \"", id,
                        "\"}, \"api\": {\"key\": {\"id\": \"", key,
                        "\"}}, \"http\": {\"response\": {\"status_code\": "
                        "403}}}\n");
  };
  const std::string log = Write(
      "log.jsonl", absl::StrCat(request("a", 0, "k"), request("b", 1, "other"),
                                request("c", 2, "k")));
  const std::string last = Write("last.jsonl", request("c", 2, "k"));
  const std::string rules = Write("stateful.yml", R"(name: denied
title: Denied
detection: {selection: {http.response.status_code: 403}, condition: selection}
---
name: many_denied
title: Many
correlation: {type: event_count, rules: denied, group-by: api.key.id, timespan: 5m, condition: {gte: 2}}
---
name: elsewhere
title: Elsewhere
logsource: {product: elsewhere}
detection: {selection: {http.response.status_code: 403}, condition: selection}
---
name: filtered
title: Filtered
detection: {selection: {http.response.status_code: 403}, condition: selection}
---
title: my own
filter: {rules: [filtered], selection: {api.key.id: k}, condition: not selection}
)");
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", last, "--log",
                 log}),
            kExitOk)
      << err_;
  ExpectGolden("rules_explain_log.txt", out_);
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", last, "--log",
                 log, "--rule", "many", "--output", "json"}),
            kExitOk);
  EXPECT_THAT(
      out_,
      AllOf(HasSubstr("\"before\": \"1 event in 5m (threshold >= 2); no alert "
                      "open\""),
            HasSubstr("\"news\": \"opens an alert: 2 events in 5m (threshold "
                      ">= 2)\"")));
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", last,
                 "--format", "no_such"}),
            kExitRefused);
  EXPECT_THAT(err_, HasSubstr("no format \"no_such\""));
}

constexpr char kOperationRules[] = R"(name: payouts
title: Payouts
logsource: {product: stripe}
detection: {s: {api.operation: GET /v1/payouts}, condition: s}
---
name: many_payouts
title: Many Payouts
correlation: {type: event_count, rules: [payouts], group-by: [api.key.id], timespan: 5m, condition: {gte: 2}}
---
name: outside
title: Outside
logsource: {product: stripe}
detection: {s: {api.key.network_declared: false}, condition: s}
)";

// A line of a log did not match what the daemon matches.
TEST_F(LocalCommandsTest, ExplainDerivesFieldsOfARecord) {
  const std::string rules = Write("operations.yml", kOperationRules);
  const std::string record = Write(
      "record.json",
      R"({"@timestamp":"2026-08-03T14:00:00Z","api":{"key":{"id":"mk_A"}},"source":{"ip":"192.0.2.7"},)"
      R"("url":{"path":"/v1/payouts"},"http":{"request":{"method":"GET"},"response":{"status_code":200}}})"
      "\n");
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", record,
                 "--rule", "payouts"}),
            kExitOk);
  EXPECT_THAT(out_, HasSubstr("does not match  payouts"));
  EXPECT_THAT(err_, HasSubstr("nothing is derived of it; as a record of a log: "
                              "--format keywatch"));
  const std::string config = Write(
      "keywatchd.yaml",
      "sources: [{name: api, type: file, paths: a.log, format: keywatch}]\n"
      "keys: [{id: mk_A, networks: [10.0.0.0/8]}]\n");
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", record,
                 "--format", "keywatch", "--config", config}),
            kExitOk)
      << err_;
  EXPECT_THAT(
      out_, AllOf(HasSubstr("matches  payouts"), HasSubstr("matches  outside"),
                  HasSubstr("counts for many_payouts")));
}

TEST_F(LocalCommandsTest, ExplainSaysSomethingOfEveryRuleThatIsAskedFor) {
  const std::string rules = Write("operations.yml", kOperationRules);
  const std::string event =
      Write("event.json", "{\"api.operation\": \"GET /v1/charges\"}\n");
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", event,
                 "--rule", "many_payouts"}),
            kExitOk);
  EXPECT_THAT(out_, AllOf(HasSubstr("does not match  payouts"),
                          HasSubstr("the event is nothing that it takes: "
                                    "payouts"),
                          Not(HasSubstr("outside"))));
  EXPECT_EQ(Run({"rules", "explain", "--rules", rules, "--event", event,
                 "--rule", "payout_s"}),
            kExitRefused);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr("--rule: no rule has the id \"payout_s\" or this "
                              "in its name; did you mean \"payouts\"?"));
}

TEST_F(LocalCommandsTest, CheckTakesListsFromTheConfiguration) {
  const std::string rule = Write("expand.yml", R"(title: t
detection: {selection: {source.ip|expand: '%office%'}, condition: selection}
)");
  EXPECT_EQ(Run({"rules", "check", rule}), kExitRefused);
  EXPECT_THAT(out_, HasSubstr("the placeholder %office% is not set"));
  const std::string config =
      Write("keywatchd.yaml",
            "sources: [{name: api, type: file, paths: a.log, format: "
            "keywatch}]\nrules: {lists: {office: [10.0.0.1]}}\n");
  EXPECT_EQ(Run({"rules", "check", rule, "--config", config}), kExitOk)
      << out_ << err_;
  EXPECT_EQ(Run({"rules", "check", rule, "--config",
                 Write("bad.yaml", "rules: {lists: 1}\n")}),
            kExitRefused);
  EXPECT_THAT(err_, HasSubstr("bad.yaml:1:"));
}

TEST_F(LocalCommandsTest, CheckNamesMisspeltFields) {
  const std::string rule = Write("misspelt.yml", R"(title: t
detection: {selection: {http.response.status_kode: 403, raw.path: x}, condition: selection}
)");
  EXPECT_EQ(Run({"rules", "check", rule}), kExitOk) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("\"http.response.status_kode\""),
                          HasSubstr("did you mean "
                                    "\"http.response.status_code\"?"),
                          Not(HasSubstr("raw.path\""))));
}

TEST_F(LocalCommandsTest, ReplayTellsRulesFromLogs) {
  const auto request = [](const char* id, int second) {
    return absl::StrCat("{\"@timestamp\": \"2026-08-03T14:00:0", second,
                        "Z\", \"event.id\": \"", id,
                        "\", \"api.key.id\": \"mk_A\", "
                        "\"http.response.status_code\": 403}\n");
  };
  const std::string first = Write("first.log", request("e1", 1));
  const std::string second = Write("second.log", request("e2", 2));
  EXPECT_EQ(Run({"replay", "--ignore-logsource", "--format", "keywatch",
                 "--rules", Rules("1"), first, second}),
            kExitOk)
      << err_;
  EXPECT_THAT(out_, HasSubstr("\"rule\":\"many_denied\""));
  EXPECT_THAT(out_, HasSubstr("\"count\":2"));
}

constexpr char kDeniedLine[] =
    R"({"@timestamp":"2026-08-03T14:00:0%d.000Z","event":{"id":"%d"},"api":{"key":{"id":"mk_A"}},"url":{"path":"/v1/x","query":"a=1"},"http":{"request":{"method":"GET"},"response":{"status_code":403}}})"
    "\n";

// ECS lines were taken for JSON of any kind, and rejects were not spoken of.
TEST_F(LocalCommandsTest, ReplaySaysWhatItTookTheLogFor) {
  const std::string log = Write(
      "ecs.log", absl::StrCat(absl::StrFormat(kDeniedLine, 1, 1), "no json\n",
                              absl::StrFormat(kDeniedLine, 2, 2),
                              "{\"event\":{\"id\":\"3\"}}\n"));
  EXPECT_EQ(Run({"replay", "--rules", Rules("1"), log}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("\"group\":{\"api.key.id\":\"mk_A\"}"));
  EXPECT_EQ(err_,
            "keywatch replay: format keywatch, as the log begins (--format "
            "names another)\n"
            "keywatch replay: 2 of 4 records understood (malformed 1, no-time "
            "1)\n");
}

TEST_F(LocalCommandsTest, ReplayOfWhatItCannotReadFails) {
  const std::string log = Write("noise.log", "a\nb\nc\n");
  EXPECT_EQ(Run({"replay", "--rules", Rules("1"), "--format", "json", log}),
            kExitFailure);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, AllOf(HasSubstr("0 of 3 records understood (malformed 3)"),
                          HasSubstr("is it another format? (--format,")));
  EXPECT_EQ(Run({"backtest", "--rules", Rules("1"), log}), kExitFailure);
}

TEST_F(LocalCommandsTest, ReplayRefusesAFieldThatNoRecordHas) {
  const std::string log = Write(
      "a.log", R"({"ts":"2026-08-03T14:00:01Z","client_id":"k","status":403}
{"ts":"2026-08-03T14:00:02Z","client_id":"k","status":403}
)");
  const std::string rules = Rules("1");
  EXPECT_EQ(Run({"replay", "--rules", rules, "--key", "client_id", log}),
            kExitOk);
  EXPECT_THAT(out_, HasSubstr("{\"api.key.id\":\"k\"}"));
  EXPECT_EQ(Run({"replay", "--rules", rules, "--key", "clientid", log}),
            kExitUsage);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr("--key: no record has the field \"clientid\"; "
                              "did you mean \"client_id\"?"));
  EXPECT_EQ(Run({"backtest", "--rules", rules, "--dedup", "nosuch", log}),
            kExitUsage);
  EXPECT_THAT(err_, HasSubstr("known: client_id, status, ts"));
}

TEST_F(LocalCommandsTest, BrokenConfigurationIsRefusedWithItsPlaces) {
  const std::string path = Write("keywatchd.yaml", "grpc:\n  lisen: 1\n");
  EXPECT_EQ(Run({"config", "check", path}), kExitRefused);
  EXPECT_THAT(err_, HasSubstr(absl::StrCat(path, ":2:3: error:")));
  EXPECT_THAT(err_, HasSubstr("did you mean \"listen\"?"));
  EXPECT_EQ(Run({"config", "check", path, "--json"}), kExitRefused);
  EXPECT_THAT(out_, HasSubstr("refused"));
}

TEST_F(LocalCommandsTest, BashCompletesCommandsAndOptions) {
  EXPECT_EQ(Run({"completion", "bash"}), kExitOk);
  const std::string script = Write("completion.bash", out_);
  const auto complete = [&](const std::string& words, int current) {
    const std::string command = absl::StrCat(
        "bash -c 'source ", script, "; COMP_WORDS=(", words,
        " \"\"); COMP_CWORD=", current,
        "; _keywatch; echo \"${COMPREPLY[@]}\"' > ", directory_, "/reply");
    EXPECT_EQ(std::system(command.c_str()), 0);
    return " " +
           absl::StrReplaceAll(Read(directory_ + "/reply"), {{"\n", " "}});
  };
  EXPECT_THAT(complete("keywatch", 1), HasSubstr(" alerts "));
  EXPECT_THAT(complete("keywatch", 1), HasSubstr(" replay "));
  EXPECT_THAT(complete("keywatch alerts", 2), HasSubstr(" raise "));
  EXPECT_THAT(complete("keywatch alerts", 2), Not(HasSubstr(" replay ")));
  // A value of an option is no command.
  const std::string list = complete("keywatch --output json alerts list", 5);
  EXPECT_THAT(list, HasSubstr(" --oldest-first "));
  EXPECT_THAT(list, HasSubstr(" --address "));
  EXPECT_EQ(Run({"completion", "zsh"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("bashcompinit"));
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::RunGoldenTests(argc, argv); }
