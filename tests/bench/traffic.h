#ifndef TESTS_BENCH_TRAFFIC_H_
#define TESTS_BENCH_TRAFFIC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/bench/random.h"

namespace keywatch {

struct TrafficOptions {
  int64_t events = 200'000;
  int64_t keys = 10'000;
  uint64_t seed = 1;
  double rate = 100;  // events a second, in event time
  // Every key as often as any other, instead of Zipf with s = 1.1.
  bool uniform = false;
  // An episode begins every so many events; 0: none.
  int64_t episode_every = 20'000;
  int64_t start_ms = 1'786'320'000'000;  // 2026-08-10T00:00:00Z
};

// One request, as the log says it.
struct Request {
  int64_t time_ms = 0;
  std::string request_id;
  std::string account;
  std::string key_id;
  const char* key_type = "";
  bool livemode = true;
  const char* method = "";
  std::string path;
  std::string query;
  int status = 200;
  const char* error_code = "";  // "" is null
  std::string source_ip;
  const char* user_agent = "";
  const char* api_version = "";
  std::string idempotency_key;  // "" is null
  int64_t latency_ms = 0;
  int64_t bytes_out = 0;
  const char* region = "";
  int proxy = 0;
};

// An attack: what the rules of this folder are to find.
struct Episode {
  const char* type = "";
  std::string key_id;
  int64_t start_ms = 0;
  int64_t end_ms = 0;
  int events = 0;
};

// Traffic makes requests to an API in order of time: everyday requests of many
// keys, of which few are busy, and between them attacks on keys of the middle.
// An attack is, in turn:
//
//   denied      40 refused requests (403) in 20 s
//   enumerate   250 customers in 40 s
//   flood       600 requests in 8 s
//   sensitive   60 reads of Stripe Identity's results in 20 s
//   expired     15 refused secrets (401) in 30 s
//
// The same options give the same requests everywhere. Thread-compatible.
class Traffic {
 public:
  explicit Traffic(const TrafficOptions& options);

  // The next request; false after the last one.
  bool Next(Request* request);
  // Those that began so far.
  const std::vector<Episode>& episodes() const { return episodes_; }

 private:
  // A request of an attack that has still to come.
  struct Attack {
    int64_t time_ms;
    uint64_t order;
    int64_t key;
    const char* path;  // a name follows when it ends in '_'
    const char* query;
    int status;
    uint64_t client;  // the attacker's address and user agent
  };
  struct Later {
    bool operator()(const Attack& a, const Attack& b) const {
      return a.time_ms != b.time_ms ? a.time_ms > b.time_ms : a.order > b.order;
    }
  };

  int64_t RandomKey();
  void Everyday(Request* request);
  void ChooseOperation(int64_t key, Request* request);
  void Attacked(const Attack& attack, Request* request);
  void BeginEpisode(int64_t time_ms);
  // What does not depend on the kind of the request.
  void Finish(Request* request);

  const TrafficOptions options_;
  Random random_;
  std::vector<uint64_t> weights_;  // of the keys, added up
  std::vector<Attack> attacks_;    // a heap, the next one first
  std::vector<Episode> episodes_;
  int64_t made_ = 0;
  int64_t next_episode_ = 0;
  int64_t time_us_ = 0;
};

}  // namespace keywatch

#endif  // TESTS_BENCH_TRAFFIC_H_
