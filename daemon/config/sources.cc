#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/config/section.h"

namespace keywatch {
namespace {

// The sources of what Keywatch records about itself begin so.
constexpr char kOwnSource[] = "keywatch";

void ReadFile(Section* section, FileSourceConfig* file) {
  yaml::MapReader& reader = section->reader();
  for (const yaml::Node* node : section->Scalars("paths")) {
    const std::string path = section->Resolve(*node);
    if (!path.empty()) file->paths.push_back(path);
  }
  if (!reader.Has("paths")) {
    reader.Require("paths");
  } else if (const yaml::Node* paths = reader.Get("paths");
             paths->is_null() || (paths->is_list() && paths->list.empty())) {
    reader.Error("paths", "empty-value", "\"paths\" names no file",
                 "name at least one file or pattern");
  }
  file->max_files =
      static_cast<int>(reader.Int("max_files", file->max_files, 1, 1'000'000));
  file->poll_interval =
      reader.Duration("poll_interval", file->poll_interval,
                      absl::Milliseconds(10), absl::Minutes(10));
}

void ReadHttp(Section* section, HttpSourceConfig* http) {
  yaml::MapReader& reader = section->reader();
  http->bearer_file = section->SecretFile("bearer");
  http->url = reader.RequiredString("url");
  if (!http->url.empty()) {
    section->CheckUrl(*reader.Get("url"), reader.Has("bearer"));
  }
  http->headers = section->Headers("headers");
  http->records_path = reader.String("records_path", http->records_path);
  http->id_path = reader.String("id_path", http->id_path);
  http->page_size_parameter =
      reader.String("page_size_parameter", http->page_size_parameter);
  http->page_size =
      static_cast<int>(reader.Int("page_size", http->page_size, 1, 10'000));
  http->paging = static_cast<HttpPaging>(reader.Choice(
      "paging", {"last_id", "next_url"}, static_cast<int>(http->paging)));
  http->after_parameter =
      reader.String("after_parameter", http->after_parameter);
  http->before_parameter =
      reader.String("before_parameter", http->before_parameter);
  http->next_url_path = reader.String("next_url_path", http->next_url_path);
  http->has_more_path = reader.String("has_more_path", http->has_more_path);
  http->order = static_cast<HttpOrder>(
      reader.Choice("order", {"newest_first", "oldest_first"},
                    static_cast<int>(http->order)));
  http->overlap =
      static_cast<int>(reader.Int("overlap", http->overlap, 0, 10'000));
  http->max_pages =
      static_cast<int>(reader.Int("max_pages", http->max_pages, 1, 100'000));
  http->interval = reader.Duration("interval", http->interval,
                                   absl::Milliseconds(100), absl::Hours(24));
  http->jitter = reader.Double("jitter", http->jitter, 0, 0.9);
  http->backoff_max = reader.Duration("backoff_max", http->backoff_max,
                                      absl::Seconds(1), absl::Hours(24));
  if (http->backoff_max < http->interval) {
    reader.Error("backoff_max", "out-of-range",
                 "\"backoff_max\" is shorter than the interval",
                 "after failures the pause grows from the interval up to it");
  }
  http->timeout = reader.Duration("timeout", http->timeout,
                                  absl::Milliseconds(100), absl::Minutes(10));
  http->max_response_bytes = reader.Bytes(
      "max_response_bytes", http->max_response_bytes, 1024, int64_t{1} << 30);
}

void ReadPush(Section* section, PushSourceConfig* push) {
  push->queue_bytes = section->reader().Bytes("queue_bytes", push->queue_bytes,
                                              64 << 10, int64_t{4} << 30);
}

void ReadFormat(Section* section, SourceConfig* source) {
  yaml::MapReader& reader = section->reader();
  const std::string format = reader.RequiredString("format");
  if (format.empty()) return;
  source->format_is_file = absl::StrContains(format, "/");
  if (source->format_is_file) {
    source->format = section->Path("format", Section::Kind::kFile);
    return;
  }
  source->format = format;
  const std::vector<std::string>& known = section->context().options.formats;
  if (!known.empty() &&
      std::find(known.begin(), known.end(), format) == known.end()) {
    const bool looks_like_file =
        absl::EndsWith(format, ".yaml") || absl::EndsWith(format, ".yml");
    reader.Error(
        "format", "unknown-format",
        absl::StrCat("no format is named \"", format, "\""),
        looks_like_file
            ? absl::StrCat("a file is written with a slash: ./", format)
            : SuggestionHint(format, known));
  }
}

void ReadTimes(Section* section, SourceConfig* source) {
  yaml::MapReader& reader = section->reader();
  source->allowed_lateness =
      reader.Duration("allowed_lateness", source->allowed_lateness,
                      absl::ZeroDuration(), absl::Hours(24));
  if (source->allowed_lateness > absl::Hours(1)) {
    reader.Warning("allowed_lateness", "slow-alerts",
                   "alerts of stateful rules wait as long as this",
                   "events are rarely later than minutes");
  }
  source->idle_timeout =
      reader.Duration("idle_timeout", source->idle_timeout,
                      absl::Milliseconds(100), absl::Hours(24));
  source->max_silence = reader.Duration("max_silence", source->max_silence,
                                        absl::Seconds(1), absl::Hours(24 * 7));
  source->max_future =
      reader.Duration("max_future", source->max_future, absl::Seconds(1),
                      absl::Hours(24 * 365 * 100));
  source->dedup_horizon =
      reader.Duration("dedup_horizon", source->dedup_horizon,
                      absl::ZeroDuration(), absl::Hours(24 * 7));
  if (source->dedup_horizon < source->allowed_lateness) {
    reader.Error("dedup_horizon", "out-of-range",
                 "\"dedup_horizon\" is shorter than \"allowed_lateness\"",
                 "a duplicate may come as late as an event");
  }
}

void ReadSource(Section* section, std::set<std::string>* names,
                Config* config) {
  yaml::MapReader& reader = section->reader();
  SourceConfig source;
  const std::string name = UniqueName(section, "name", names);
  source.name = SourceId(name);
  if (name == kOwnSource ||
      absl::StartsWith(name, absl::StrCat(kOwnSource, "_"))) {
    reader.Error(
        "name", "reserved-name",
        absl::StrCat("\"", name, "\" is kept for Keywatch's own records"),
        "choose another name");
  }
  const int type = reader.Choice("type", {"file", "http", "push"}, -1);
  if (type < 0 && !reader.Has("type")) {
    reader.Error("type", "missing-key", "\"type\" is missing",
                 "known: file, http, push");
  }
  source.type = type < 0 ? SourceType::kFile : static_cast<SourceType>(type);
  if (source.type == SourceType::kHttp) source.start = SourceStart::kEnd;

  ReadFormat(section, &source);
  Section fields = section->Child("fields");
  source.key_field = fields.reader().String("key");
  source.time_field = fields.reader().String("time");
  source.id_field = fields.reader().String("id");
  fields.Finish();
  // What is pushed has no past to begin with.
  if (source.type != SourceType::kPush) {
    source.start = static_cast<SourceStart>(reader.Choice(
        "start", {"beginning", "end"}, static_cast<int>(source.start)));
  }
  ReadTimes(section, &source);
  source.max_record_bytes = reader.Bytes(
      "max_record_bytes", source.max_record_bytes, 256, int64_t{256} << 20);
  const std::string same = reader.String("same_origin_as");
  if (!same.empty()) {
    const auto it = std::find_if(
        config->sources.begin(), config->sources.end(),
        [&](const SourceConfig& other) { return other.name.str() == same; });
    if (it == config->sources.end()) {
      reader.Error(
          "same_origin_as", "unknown-source",
          absl::StrCat("no source above this one is named \"", same, "\""),
          "list the other source before this one");
    } else {
      source.same_origin_as = static_cast<int>(it - config->sources.begin());
    }
  }

  if (type < 0) {
    // Which keys are wrong cannot be told.
    section->FinishUnchecked();
  } else {
    if (source.type == SourceType::kFile) ReadFile(section, &source.file);
    if (source.type == SourceType::kHttp) ReadHttp(section, &source.http);
    if (source.type == SourceType::kPush) ReadPush(section, &source.push);
    section->Finish();
  }
  config->sources.push_back(std::move(source));
}

}  // namespace

void ReadSources(Section* root, Config* config) {
  std::set<std::string> names;
  root->ForEach("sources",
                [&](Section* section) { ReadSource(section, &names, config); });
  const yaml::Node* list = root->reader().Get("sources");
  if (list == nullptr || list->is_null() ||
      (list->is_list() && list->list.empty())) {
    root->reader().Error("sources", "no-sources",
                         "there is no source: nothing would be read",
                         "name at least one log under sources");
  }
}

}  // namespace keywatch
