#include "daemon/app/log_run.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/app/pipeline.h"
#include "daemon/app/run_input.h"
#include "daemon/core/issue.h"

namespace keywatch {
namespace {

// The newest snapshot of every episode.
class Episodes {
 public:
  void Take(std::vector<Detection> detections) {
    for (Detection& detection : detections) {
      auto [it, inserted] =
          index_.try_emplace(detection.id.str(), episodes_.size());
      if (inserted) {
        episodes_.push_back(std::move(detection));
      } else {
        episodes_[it->second] = std::move(detection);
      }
    }
  }

  std::vector<Detection> InOrder() {
    std::sort(episodes_.begin(), episodes_.end(),
              [](const Detection& a, const Detection& b) {
                return std::tie(a.first_fire_ms, a.rule, a.group, a.id) <
                       std::tie(b.first_fire_ms, b.rule, b.group, b.id);
              });
    return std::move(episodes_);
  }

 private:
  std::vector<Detection> episodes_;
  absl::flat_hash_map<std::string, size_t> index_;
};

using Streams = std::vector<std::unique_ptr<InputStream>>;

double ShareDone(const Streams& streams) {
  int64_t done = 0;
  int64_t total = 0;
  for (const auto& stream : streams) {
    done += stream->bytes_done();
    total += stream->bytes_total();
  }
  return total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0;
}

constexpr size_t kNone = SIZE_MAX;

// The unfinished stream whose newest event is oldest: logs of one time are
// merged, logs that follow each other are read one after the other.
size_t NextStream(const std::vector<bool>& finished, const Pipeline& pipeline) {
  size_t next = kNone;
  EventTime least = kMaxEventTime;
  for (size_t i = 0; i < finished.size(); ++i) {
    if (finished[i]) continue;
    const EventTime newest = pipeline.newest(static_cast<uint32_t>(i));
    if (next == kNone || newest < least) {
      next = i;
      least = newest;
    }
  }
  return next;
}

SourceTotals Sum(const Pipeline& pipeline, size_t sources) {
  SourceTotals sum;
  for (size_t i = 0; i < sources; ++i) {
    const SourceTotals& totals = pipeline.totals(static_cast<uint32_t>(i));
    sum.records += totals.records;
    sum.rejected += totals.rejected;
    sum.duplicates += totals.duplicates;
    sum.events += totals.events;
    sum.late += totals.late;
  }
  return sum;
}

absl::StatusOr<Streams> OpenInput(const RunInput& input,
                                  std::shared_ptr<const RuleSet> rules,
                                  const Redactor* redactor, std::ostream& err) {
  if (input.history.empty()) {
    return OpenLogs(input, std::move(rules), redactor, err);
  }
  absl::StatusOr<std::unique_ptr<InputStream>> history =
      OpenHistory(input, std::move(rules));
  if (!history.ok()) return history.status();
  Streams streams;
  streams.push_back(*std::move(history));
  return streams;
}

// A field that no record has is a mistake in what was typed.
absl::Status CheckNamedFields(const RunInput& input, const Streams& streams) {
  DecodeCounts counts;
  for (const auto& stream : streams) {
    counts.named_keys += stream->decode_counts().named_keys;
    counts.named_ids += stream->decode_counts().named_ids;
  }
  const auto check = [&](const char* option, const std::string& name,
                         int64_t named) {
    if (name.empty() || name == "none" || named > 0) return absl::OkStatus();
    return absl::OutOfRangeError(
        absl::StrCat(option, ": no record has the field \"", name, "\"; ",
                     SuggestionHint(name, FieldNames(input.logs))));
  };
  absl::Status key = check("--key", input.key_field, counts.named_keys);
  return key.ok() ? check("--dedup", input.dedup_field, counts.named_ids) : key;
}

}  // namespace

std::string LogText(const std::string& command, const RunResult& run) {
  std::string text;
  if (!run.found_format.empty()) {
    absl::StrAppend(&text, command, ": format ", run.found_format,
                    ", as the log begins (--format names another)\n");
  }
  if (run.rejects.empty()) return text;
  int64_t rejected = 0;
  for (const auto& [reason, count] : run.rejects) rejected += count;
  absl::StrAppend(&text, command, ": ", run.understood, " of ",
                  run.understood + rejected, " records understood (",
                  absl::StrJoin(run.rejects, ", ", absl::PairFormatter(" ")),
                  ")\n");
  return text;
}

absl::StatusOr<RunResult> RunRules(std::shared_ptr<const RuleSet> rules,
                                   const RunInput& input,
                                   const RunOptions& options,
                                   std::ostream& err) {
  // Fingerprints need not agree with those of a daemon: nothing is stored.
  const Redactor redactor((Secret("replay")));
  absl::StatusOr<Streams> opened = OpenInput(input, rules, &redactor, err);
  if (!opened.ok()) return opened.status();
  const Streams& streams = *opened;
  RunResult result;
  result.found_format = streams[0]->found_format();
  std::vector<PipelineSource> sources;
  for (const auto& stream : streams) sources.push_back(stream->spec());

  Pipeline::Options pipeline_options;
  pipeline_options.only_matched = true;
  pipeline_options.key_profiles = false;
  pipeline_options.on_event = options.on_event;
  Pipeline pipeline(rules, std::move(sources), std::move(pipeline_options));
  Episodes episodes;
  std::vector<bool> finished(streams.size(), false);
  int64_t records = 0;
  for (size_t i; (i = NextStream(finished, pipeline)) != kNone;) {
    absl::StatusOr<DecodedPage> page = streams[i]->Next(options.now);
    if (!page.ok()) {
      result.problems.push_back(
          absl::StrCat(streams[i]->name(), ": ", page.status().message(),
                       "; what came before it was evaluated"));
    }
    if (!page.ok() || (page->records == 0 && !page->more)) {
      finished[i] = true;
      pipeline.Finish(static_cast<uint32_t>(i));
      continue;
    }
    records += page->records;
    result.understood += static_cast<int64_t>(page->batch->size());
    for (const Reject& reject : page->rejects) ++result.rejects[reject.reason];
    for (size_t e = 0; e < page->batch->size(); ++e) {
      const EventTime time = page->batch->at(e).time_ms;
      result.first_ms = std::min(result.first_ms, time);
      result.last_ms = std::max(result.last_ms, time);
    }
    pipeline.Take(*std::move(page));
    pipeline.Release();
    if (options.keep_alerts) episodes.Take(pipeline.TakeDetections());
    if (options.progress != nullptr) {
      options.progress->Show(ShareDone(streams), records, "records");
    }
  }
  pipeline.ReleaseAll(pipeline.newest());
  if (options.keep_alerts) episodes.Take(pipeline.TakeDetections());
  if (options.progress != nullptr) options.progress->End();
  for (const auto& stream : streams) {
    for (std::string& problem : stream->problems()) {
      result.problems.push_back(std::move(problem));
    }
  }
  if (result.understood > 0) {
    absl::Status named = CheckNamedFields(input, streams);
    if (!named.ok()) return named;
  }
  result.alerts = episodes.InOrder();
  result.totals = Sum(pipeline, streams.size());
  result.stats = pipeline.stats();
  return result;
}

std::shared_ptr<const RuleSet> LoadRunRules(
    const std::vector<std::string>& paths, const CompileOptions& options,
    bool strict, const std::string& command, int* refused, std::ostream& err) {
  CompileResult result = strict ? CompileRules(paths, options)
                                : CompileRulesLeniently(paths, options);
  *refused = 0;
  for (const DocumentResult& document : result.documents) {
    if (!document.loaded) ++*refused;
  }
  for (const Issue& issue : result.issues.issues()) {
    if (issue.severity == Issue::Severity::kError) {
      err << FormatIssue(issue) << "\n";
    }
  }
  if (result.rules == nullptr || result.rules->rules().empty()) {
    err << command << ": no usable rules\n";
    return nullptr;
  }
  if (strict && *refused > 0) return nullptr;
  if (*refused > 0) {
    err << command << ": left out " << *refused
        << " refused documents (--strict ends the run instead)\n";
  }
  return result.rules;
}

}  // namespace keywatch
