// Writes the log of an API's requests for the benchmarks, the same one in every
// run and on every machine: everyday requests of many keys, and attacks on a few
// (traffic.h says which). A line of JSON has 21 fields and 517 bytes on average.
//
//   generate_log [OPTIONS] LOG
//
//   --events N         200000
//   --keys K           10000, as busy as Zipf's law with s = 1.1 says
//   --seed S           1
//   --uniform          every key is as busy as any other
//   --rate R           100 events a second, in the time of the log; 0.5 is one
//                      every other second
//   --episode-every N  an attack begins every 20000 events; 0: none
//   --format FORMAT    json, or combined: lines of a web server, key as user
//   --shuffle-fields   json whose fields have another order in each line, some
//                      values with escapes
//   --odd-lines        json with lines of other writers, and broken ones, between
//   --disorder MS      times are up to so much earlier than those before
//   --labels FILE      the attacks, a line of JSON for each

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/bench/log_line.h"
#include "tests/bench/traffic.h"

namespace keywatch {
namespace {

struct Options {
  TrafficOptions traffic;
  bool combined = false;
  bool shuffle = false;
  bool odd = false;
  int64_t disorder_ms = 0;
  std::string labels;
  std::string log;
};

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "generate_log: %s\n", message.c_str());
  std::exit(2);
}

int64_t Number(const std::string& option, const char* text, int64_t least) {
  char* end = nullptr;
  const long long number = std::strtoll(text, &end, 10);
  if (end == text || *end != '\0' || number < least) {
    Fail(option + ": not a number of at least " + std::to_string(least) + ": " +
         text);
  }
  return number;
}

double Rate(const char* text) {
  char* end = nullptr;
  const double rate = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(rate > 0)) {
    Fail(std::string("--rate: not a number above 0: ") + text);
  }
  return rate;
}

Options ReadOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--uniform") {
      options.traffic.uniform = true;
    } else if (option == "--shuffle-fields") {
      options.shuffle = true;
    } else if (option == "--odd-lines") {
      options.odd = true;
    } else if (option.rfind("--", 0) != 0 && options.log.empty()) {
      options.log = option;
    } else if (i + 1 == argc) {
      Fail("unknown, or without its value: " + option);
    } else if (const char* value = argv[++i]; option == "--events") {
      options.traffic.events = Number(option, value, 1);
    } else if (option == "--keys") {
      options.traffic.keys = Number(option, value, 1);
    } else if (option == "--seed") {
      options.traffic.seed = static_cast<uint64_t>(Number(option, value, 0));
    } else if (option == "--rate") {
      options.traffic.rate = Rate(value);
    } else if (option == "--episode-every") {
      options.traffic.episode_every = Number(option, value, 0);
    } else if (option == "--disorder") {
      options.disorder_ms = Number(option, value, 0);
    } else if (option == "--labels") {
      options.labels = value;
    } else if (option == "--format" && (std::strcmp(value, "json") == 0 ||
                                        std::strcmp(value, "combined") == 0)) {
      options.combined = value[0] == 'c';
    } else {
      Fail("unknown: " + option + " " + value);
    }
  }
  if (options.log.empty()) Fail("needs the name of the log to write");
  return options;
}

void Write(std::FILE* file, const std::string& name, const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size()) {
    Fail(name + ": cannot be written");
  }
}

void WriteLabels(const std::string& name, const Traffic& traffic) {
  std::FILE* file = std::fopen(name.c_str(), "w");
  if (file == nullptr) Fail(name + ": cannot be written");
  for (const Episode& episode : traffic.episodes()) {
    Write(file, name,
          std::string("{\"type\":\"") + episode.type + "\",\"key_id\":\"" +
              episode.key_id +
              "\",\"start_ms\":" + std::to_string(episode.start_ms) +
              ",\"end_ms\":" + std::to_string(episode.end_ms) +
              ",\"events\":" + std::to_string(episode.events) + "}\n");
  }
  if (std::fclose(file) != 0) Fail(name + ": cannot be written");
}

int Run(int argc, char** argv) {
  const Options options = ReadOptions(argc, argv);
  std::FILE* file = std::fopen(options.log.c_str(), "w");
  if (file == nullptr) Fail(options.log + ": cannot be written");
  Traffic traffic(options.traffic);
  LogLine line(options.traffic.seed);
  Request request;
  std::string text;
  Random disorder(options.traffic.seed, 1);
  while (traffic.Next(&request)) {
    if (options.disorder_ms > 0) {
      request.time_ms -= static_cast<int64_t>(
          disorder.Below(static_cast<uint64_t>(options.disorder_ms)));
    }
    if (options.combined) {
      line.AppendCombined(request, &text);
    } else if (options.shuffle) {
      line.AppendShuffledJson(request, &text);
    } else if (options.odd) {
      line.AppendOddJson(request, &text);
    } else {
      line.AppendJson(request, &text);
    }
    if (text.size() > 1 << 18) {
      Write(file, options.log, text);
      text.clear();
    }
  }
  Write(file, options.log, text);
  if (std::fclose(file) != 0) Fail(options.log + ": cannot be written");
  if (!options.labels.empty()) WriteLabels(options.labels, traffic);
  return 0;
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) { return keywatch::Run(argc, argv); }
