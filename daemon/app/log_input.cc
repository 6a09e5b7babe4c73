#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/app/decode_crew.h"
#include "daemon/app/run_input.h"
#include "daemon/ingest/format.h"
#include "daemon/ingest/replay_source.h"
#include "nlohmann/json.hpp"

namespace keywatch {
namespace {

// What is looked at of a log before it is read.
constexpr size_t kHead = 64 * 1024;

absl::StatusOr<std::unique_ptr<ReplaySource>> OpenLog(const std::string& path) {
  ReplaySourceOptions options;
  options.paths = {path};
  return ReplaySource::Create(std::move(options));
}

// The paths of `map`, as rules name them.
void AddPaths(const nlohmann::json& map, const std::string& prefix,
              std::set<std::string>* paths) {
  for (const auto& [name, value] : map.items()) {
    if (value.is_object()) {
      AddPaths(value, absl::StrCat(prefix, name, "."), paths);
    } else {
      paths->insert(prefix + name);
    }
  }
}

// The format by name, by file, or by what the first log looks like.
std::shared_ptr<const Format> LoadFormat(const RunInput& input,
                                         ReplaySource* first,
                                         std::ostream& err) {
  if (input.format.empty()) {
    const absl::StatusOr<std::string> head = first->Peek(kHead);
    return Format::Shipped(SniffFormat(head.ok() ? *head : std::string()));
  }
  std::shared_ptr<const Format> shipped = Format::Shipped(input.format);
  if (shipped != nullptr) return shipped;
  if (input.format.find('/') == std::string::npos &&
      input.format.find('.') == std::string::npos) {
    err << "no format \"" << input.format << "\"; "
        << SuggestionHint(input.format, Format::ShippedNames())
        << " (or the path of a format file)\n";
    return nullptr;
  }
  IssueList issues;
  std::shared_ptr<const Format> format = Format::Load(input.format, &issues);
  err << FormatIssues(issues);
  return format;
}

// The page without the events that are out of its time.
void KeepBetween(EventTime since, EventTime until, DecodedPage* page) {
  auto kept = std::make_shared<EventBatch>();
  for (size_t i = 0; i < page->batch->size(); ++i) {
    const Event& event = page->batch->at(i);
    if (event.time_ms < since || event.time_ms >= until) continue;
    *kept->Add() = event;
  }
  kept->Keep(page->batch);
  page->batch = std::move(kept);
}

class LogInput : public InputStream {
 public:
  LogInput(const RunInput& input, size_t index,
           std::unique_ptr<ReplaySource> source, const Format& format,
           std::shared_ptr<DecodeCrew> crew)
      : since_ms_(input.since_ms),
        until_ms_(input.until_ms),
        found_format_(input.format.empty() ? format.name() : ""),
        source_(source.get()),
        crew_(std::move(crew)) {
    source_->SetFraming(format.framing());
    spec_.id = SourceId(input.logs[index]);
    spec_.allowed_lateness = input.lateness;
    spec_.dedup = input.dedup_field != "none";
    spec_.seen_with = index == 0 ? -1 : 0;
    log_ = crew_->Add(std::make_unique<PageReader>(
        static_cast<uint32_t>(index), std::move(source),
        std::vector<StreamCursor>()));
  }

  const PipelineSource& spec() const override { return spec_; }
  absl::StatusOr<DecodedPage> Next(absl::Time deadline) override {
    absl::StatusOr<DecodedPage> page = crew_->Next(log_, deadline);
    if (page.ok() &&
        (since_ms_ != kMinEventTime || until_ms_ != kMaxEventTime)) {
      KeepBetween(since_ms_, until_ms_, &*page);
    }
    return page;
  }
  std::string name() const override { return spec_.id.str(); }
  int64_t bytes_done() const override { return source_->bytes_done(); }
  int64_t bytes_total() const override { return source_->bytes_total(); }
  std::string found_format() const override { return found_format_; }
  DecodeCounts decode_counts() const override {
    // Of all logs together.
    return log_ == 0 ? crew_->counts() : DecodeCounts();
  }
  std::vector<std::string> problems() const override { return {}; }

 private:
  const EventTime since_ms_;
  const EventTime until_ms_;
  const std::string found_format_;
  ReplaySource* const source_;  // owned by the crew
  const std::shared_ptr<DecodeCrew> crew_;
  size_t log_;  // in the crew
  PipelineSource spec_;
};

}  // namespace

absl::StatusOr<std::vector<std::unique_ptr<InputStream>>> OpenLogs(
    const RunInput& input, std::shared_ptr<const RuleSet> rules,
    const Redactor* redactor, std::ostream& err) {
  std::vector<std::unique_ptr<ReplaySource>> sources;
  for (const std::string& path : input.logs) {
    absl::StatusOr<std::unique_ptr<ReplaySource>> source = OpenLog(path);
    if (!source.ok()) {
      // INVALID_ARGUMENT is for formats.
      return absl::IsInvalidArgument(source.status())
                 ? absl::FailedPreconditionError(source.status().message())
                 : source.status();
    }
    sources.push_back(*std::move(source));
  }
  const std::shared_ptr<const Format> format =
      LoadFormat(input, sources[0].get(), err);
  if (format == nullptr) {
    return absl::InvalidArgumentError("the format is refused, see above");
  }
  PageDecoder::Options decoder;
  decoder.overrides.key_field = input.key_field;
  decoder.overrides.time_field = input.time_field;
  decoder.overrides.id_field = input.dedup_field;
  decoder.enricher = input.enricher;
  const auto crew = std::make_shared<DecodeCrew>(input.threads, [&] {
    return std::make_unique<PageDecoder>(decoder, *format, rules, redactor);
  });
  std::vector<std::unique_ptr<InputStream>> streams;
  for (size_t i = 0; i < sources.size(); ++i) {
    streams.push_back(std::make_unique<LogInput>(
        input, i, std::move(sources[i]), *format, crew));
  }
  return streams;
}

std::vector<std::string> FieldNames(const std::vector<std::string>& logs) {
  std::set<std::string> paths;
  if (logs.empty() || logs[0] == "-") return {};
  absl::StatusOr<std::unique_ptr<ReplaySource>> source = OpenLog(logs[0]);
  if (!source.ok()) return {};
  const absl::StatusOr<std::string> head = (*source)->Peek(kHead);
  if (!head.ok()) return {};
  // The last line may be cut off: it is no JSON then.
  for (absl::string_view line : absl::StrSplit(*head, '\n')) {
    const auto record = nlohmann::json::parse(line.begin(), line.end(), nullptr,
                                              /*allow_exceptions=*/false);
    if (record.is_object()) AddPaths(record, "", &paths);
  }
  return std::vector<std::string>(paths.begin(), paths.end());
}

}  // namespace keywatch
