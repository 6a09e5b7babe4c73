// What the machine can do, for comparison in the same run. Prints one line of
// JSON; times are those of the processor (`cpu`) and of the wall, in seconds.
//
//   limits read LOG     reads the file, 256 KiB at a time
//   limits parse LOG    simdjson's on-demand parser takes ten fields of every line
//                       of the file, which is in memory
//   limits sqlite DIR   commits in SQLite's WAL mode, synchronous, in DIR: one row
//                       each, and a hundred rows each
//
// simdjson's on-demand parser is that of the instruction set for which this file
// is compiled: limits_v3 is the one for machines that have AVX2.

#include <fcntl.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// iterate_many would look ahead in a thread of its own: two cores' work.
#undef SIMDJSON_THREADS_ENABLED
#include "simdjson.h"

namespace keywatch {
namespace {

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "limits: %s\n", message.c_str());
  std::exit(1);
}

double Seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

class Timer {
 public:
  double cpu() const { return Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_; }
  double wall() const { return Seconds(CLOCK_MONOTONIC) - wall_; }

 private:
  const double cpu_ = Seconds(CLOCK_PROCESS_CPUTIME_ID);
  const double wall_ = Seconds(CLOCK_MONOTONIC);
};

void Read(const char* name) {
  const int file = open(name, O_RDONLY | O_CLOEXEC);
  if (file < 0) Fail(std::string(name) + ": cannot be opened");
  std::vector<char> buffer(256 << 10);
  const Timer timer;
  long long bytes = 0;
  for (ssize_t n; (n = read(file, buffer.data(), buffer.size())) > 0;) {
    bytes += n;
  }
  std::printf("{\"bytes\":%lld,\"cpu\":%.6f,\"wall\":%.6f}\n", bytes,
              timer.cpu(), timer.wall());
  close(file);
}

struct Fields {
  uint64_t lines = 0;
  uint64_t sum = 0;  // of numbers and lengths, so that all of them are taken
};

simdjson::error_code TakeTenFields(
    simdjson::simdjson_result<simdjson::ondemand::document_reference> line,
    Fields* fields) {
  simdjson::ondemand::object object;
  if (auto error = line.get_object().get(object)) return error;
  const auto take_text = [&](std::string_view name) {
    std::string_view text;
    const auto error = object.find_field(name).get_string().get(text);
    fields->sum += text.size();
    return error;
  };
  // In the order of the log.
  for (std::string_view name :
       {"time", "request_id", "key_id", "method", "path", "query"}) {
    if (auto error = take_text(name)) return error;
  }
  uint64_t status = 0;
  if (auto error = object.find_field("status").get_uint64().get(status)) {
    return error;
  }
  fields->sum += status;
  for (std::string_view name : {"source_ip", "user_agent", "api_version"}) {
    if (auto error = take_text(name)) return error;
  }
  ++fields->lines;
  return simdjson::SUCCESS;
}

simdjson::error_code TakeLines(simdjson::ondemand::parser* parser,
                               const std::vector<char>& text, size_t size,
                               Fields* fields) {
  *fields = Fields();
  simdjson::ondemand::document_stream lines;
  if (auto error =
          parser
              ->iterate_many(reinterpret_cast<const uint8_t*>(text.data()),
                             size, size_t{1} << 20)
              .get(lines)) {
    return error;
  }
  for (auto line : lines) {
    if (auto error = TakeTenFields(std::move(line), fields)) return error;
  }
  return simdjson::SUCCESS;
}

void Parse(const char* name) {
  std::ifstream file(name, std::ios::binary | std::ios::ate);
  if (!file) Fail(std::string(name) + ": cannot be opened");
  const auto size = static_cast<size_t>(file.tellg());
  std::vector<char> text(size + simdjson::SIMDJSON_PADDING);
  file.seekg(0);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    Fail(std::string(name) + ": cannot be read");
  }
  simdjson::ondemand::parser parser;
  Fields fields;
  double cpu = 0;
  double wall = 0;
  // Once to have everything warm, and once for the time.
  for (int i = 0; i < 2; ++i) {
    const Timer timer;
    if (auto error = TakeLines(&parser, text, size, &fields)) {
      Fail(std::string(name) + ": " + simdjson::error_message(error));
    }
    cpu = timer.cpu();
    wall = timer.wall();
  }
  std::printf(
      "{\"bytes\":%zu,\"events\":%llu,\"implementation\":\"%s, on-demand %s\","
      "\"cpu\":%.6f,\"wall\":%.6f,\"sum\":%llu}\n",
      size, static_cast<unsigned long long>(fields.lines),
      simdjson::get_active_implementation()->name().c_str(),
      SIMDJSON_STRINGIFY(SIMDJSON_BUILTIN_IMPLEMENTATION), cpu, wall,
      static_cast<unsigned long long>(fields.sum));
}

class Database {
 public:
  explicit Database(const std::string& path) {
    if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) {
      Fail(path + ": " + sqlite3_errmsg(database_));
    }
    Run("PRAGMA journal_mode = WAL");
    Run("PRAGMA synchronous = FULL");
    Run("CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)");
    sqlite3_prepare_v2(database_, "INSERT INTO rows (text) VALUES (?)", -1,
                       &insert_, nullptr);
  }
  ~Database() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }

  void Run(const char* sql) {
    char* message = nullptr;
    if (sqlite3_exec(database_, sql, nullptr, nullptr, &message) != SQLITE_OK) {
      Fail(std::string(sql) + ": " + (message != nullptr ? message : ""));
    }
  }
  void Insert(const std::string& text) {
    sqlite3_bind_text(insert_, 1, text.data(), static_cast<int>(text.size()),
                      SQLITE_STATIC);
    if (sqlite3_step(insert_) != SQLITE_DONE) Fail("INSERT failed");
    sqlite3_reset(insert_);
  }

 private:
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

void Sqlite(const std::string& directory) {
  std::string separator = "{";
  for (const int rows : {1, 100}) {
    const std::string path =
        directory + "/limits-" + std::to_string(rows) + ".db";
    {
      Database database(path);
      const std::string text(300, 'x');
      const int commits = rows == 1 ? 1000 : 200;
      const Timer timer;
      for (int i = 0; i < commits; ++i) {
        database.Run("BEGIN");
        for (int row = 0; row < rows; ++row) database.Insert(text);
        database.Run("COMMIT");
      }
      std::printf("%s\"rows_%d\":{\"commits\":%d,\"cpu\":%.6f,\"wall\":%.6f}",
                  separator.c_str(), rows, commits, timer.cpu(), timer.wall());
      separator = ",";
    }
    for (const char* end : {"", "-wal", "-shm"}) {
      std::remove((path + end).c_str());
    }
  }
  std::printf("}\n");
}

}  // namespace
}  // namespace keywatch

int main(int argc, char** argv) {
  const std::string what = argc == 3 ? argv[1] : "";
  if (what == "read") {
    keywatch::Read(argv[2]);
  } else if (what == "parse") {
    keywatch::Parse(argv[2]);
  } else if (what == "sqlite") {
    keywatch::Sqlite(argv[2]);
  } else {
    std::fprintf(stderr, "usage: limits read LOG | parse LOG | sqlite DIR\n");
    return 2;
  }
  return 0;
}
