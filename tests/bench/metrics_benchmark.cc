// What metrics cost. Events touch none: the engine counts in plain numbers, a
// commit tells Metrics how long it took and what was rejected, and a scrape sets
// the rest. Prints JSON: nanoseconds for a commit, milliseconds for a scrape of
// the series of 2,500 rules without HTTP.
//
//   bazel run //tests/bench:metrics_benchmark

#include <time.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/metrics/metrics.h"

namespace keywatch {
namespace {

constexpr int kCommits = 200'000;
constexpr int kRules = 2500;
constexpr int kScrapes = 20;

double CpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

void Main() {
  Metrics metrics({"1", "1"}, absl::UnixEpoch());
  std::vector<RuleLabels> rules;
  for (int i = 0; i < kRules; ++i) {
    rules.push_back({absl::StrCat("rule_", i), Level::kHigh});
  }
  metrics.rules().SetRules(rules);

  double begin = CpuSeconds();
  for (int i = 0; i < kCommits; ++i) {
    metrics.CheckpointSucceeded(absl::Milliseconds(i % 50),
                                absl::FromUnixSeconds(i));
    metrics.Source("shop")->AddRejected("malformed", 1);
  }
  const double commit_ns = (CpuSeconds() - begin) / kCommits * 1e9;

  begin = CpuSeconds();
  size_t bytes = 0;
  for (int64_t i = 1; i <= kScrapes; ++i) {
    std::vector<RuleTotals> totals(kRules, {i, i, i, i});
    metrics.rules().SetTotals(totals);
    bytes = metrics.Serialize().size();
  }
  const double scrape_ms = (CpuSeconds() - begin) / kScrapes * 1e3;
  std::printf("{\"commit_ns\":%.1f,\"scrape_ms\":%.2f,\"bytes\":%zu}\n",
              commit_ns, scrape_ms, bytes);
}

}  // namespace
}  // namespace keywatch

int main() { keywatch::Main(); }
