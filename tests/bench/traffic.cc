#include "tests/bench/traffic.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace keywatch {
namespace {

constexpr double kZipfExponent = 1.1;
// An episode is left out when it might not end within the log.
constexpr int64_t kEpisodeRoom = 3000;
constexpr int kObjectsOfKey = 30;

constexpr const char* kAgents[] = {"Stripe/v1 NodeBindings/16.12.0",
                                   "Stripe/v1 NodeBindings/14.21.0",
                                   "Stripe/v1 PythonBindings/11.1.1",
                                   "Stripe/v1 PythonBindings/8.11.0",
                                   "Stripe/v1 RubyBindings/10.15.0",
                                   "Stripe/v1 GoBindings/76.25.0",
                                   "Stripe/v1 JavaBindings/24.16.0",
                                   "Stripe/v1 PhpBindings/13.18.0",
                                   "Stripe/v1 .NetBindings/43.22.0",
                                   "Stripe/v1 stripe-cli/1.19.5",
                                   "okhttp/4.12.0",
                                   "axios/1.6.8"};
constexpr const char* kOddAgents[] = {
    "curl/8.5.0", "python-requests/2.31.0", "Go-http-client/1.1",
    "sqlmap/1.8.2#stable (https://sqlmap.org)",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "HeadlessChrome/120.0.0.0 Safari/537.36"};
constexpr const char* kVersions[] = {
    "2022-11-15",        "2023-10-16",       "2024-04-10", "2024-06-20",
    "2024-11-20.acacia", "2025-03-31.basil", "2019-05-16"};
constexpr const char* kRegions[] = {"us-east-1", "us-west-2", "eu-west-1",
                                    "ap-southeast-2"};
constexpr const char* kLists[] = {
    "/v1/customers",     "/v1/charges", "/v1/payment_intents", "/v1/invoices",
    "/v1/subscriptions", "/v1/events",  "/v1/products",        "/v1/prices",
    "/v1/balance",       "/v1/refunds", "/v1/disputes",        "/v1/payouts"};
constexpr const char* kObjects[] = {
    "/v1/customers/cus_",       "/v1/charges/ch_3",
    "/v1/payment_intents/pi_3", "/v1/invoices/in_1",
    "/v1/subscriptions/sub_1",  "/v1/payment_methods/pm_1",
    "/v1/accounts/acct_1",      "/v1/files/file_1"};
constexpr const char* kSensitive[] = {"/v1/identity/verification_reports",
                                      "/v1/identity/verification_sessions",
                                      "/v1/identity/verification_reports/vr_"};
constexpr unsigned kFirstOctets[] = {3, 18, 34, 52, 198, 203};

struct Operation {
  const char* method;
  const char* path;  // a name stands for '*'
};
constexpr Operation kSeldom[] = {{"POST", "/v1/payouts"},
                                 {"POST", "/v1/transfers"},
                                 {"POST", "/v1/accounts"},
                                 {"POST", "/v1/ephemeral_keys"},
                                 {"POST", "/v1/external_accounts"},
                                 {"POST", "/v1/webhook_endpoints"},
                                 {"DELETE", "/v1/webhook_endpoints/we_1*"},
                                 {"DELETE", "/v1/customers/cus_*"},
                                 {"GET", "/v1/apikeys"},
                                 {"GET", "/v1/files/file_1*/contents"},
                                 {"GET", "/v1/sigma/scheduled_query_runs"},
                                 {"GET", "/.env"},
                                 {"GET", "/wp-login.php"},
                                 {"GET", "/v1/../etc/passwd"}};

// What is drawn for the parts of a key, each from its own numbers.
enum KeyPart : uint64_t { kTraits, kHome, kObject };

const char* ErrorOf(int status) {
  switch (status) {
    case 400:
      return "parameter_invalid_empty";
    case 401:
      return "api_key_expired";
    case 402:
      return "card_declined";
    case 403:
      return "more_permissions_required";
    case 404:
      return "resource_missing";
    case 429:
      return "rate_limit";
    case 500:
    case 503:
      return "api_error";
  }
  return "";
}

void AppendAddress(std::string* out, uint64_t a, uint64_t b, uint64_t c,
                   uint64_t d) {
  *out = std::to_string(a) + '.' + std::to_string(b) + '.' + std::to_string(c) +
         '.' + std::to_string(d);
}

// One of the addresses of a key: one or two of the same network.
void SetHome(uint64_t seed, int64_t key, bool second, std::string* ip) {
  Random random(seed, static_cast<uint64_t>(key), kHome);
  const uint64_t first = random.Chance(0.5) ? 10 : random.Of(kFirstOctets);
  const uint64_t b = random.Below(256);
  const uint64_t c = random.Below(256);
  const bool has_second = random.Chance(0.4);
  const uint64_t one = 1 + random.Below(254);
  const uint64_t two = 1 + random.Below(254);
  AppendAddress(ip, first, b, c, second && has_second ? two : one);
}

void SetKey(uint64_t seed, int64_t key, Request* request) {
  Random random(seed, static_cast<uint64_t>(key), kTraits);
  request->key_id = "mk_1S";
  random.AppendName(20, &request->key_id);
  request->account = "acct_1";
  random.AppendName(15, &request->account);
  request->user_agent = random.Of(kAgents);
  // Versions of the middle are the usual ones.
  const double version = std::abs(2.5 + 1.2 * random.Bell());
  request->api_version =
      kVersions[std::min<size_t>(static_cast<size_t>(version),
                                 sizeof(kVersions) / sizeof(*kVersions) - 1)];
  request->region = random.Of(kRegions);
  request->livemode = random.Chance(0.9);
  request->key_type = random.Chance(0.7) ? "restricted" : "secret";
}

// The `object`-th thing that the key works with: its path, or only its name.
std::string ObjectOf(uint64_t seed, int64_t key, uint64_t object, bool path) {
  Random random(seed, static_cast<uint64_t>(key), kObject + object);
  const char* kind = random.Of(kObjects);
  std::string text = path ? kind : "";
  random.AppendName(16, &text);
  return text;
}

int RandomStatus(Random* random) {
  const double share = random->Share();
  if (share < 0.001) return 401;
  if (share < 0.010) return 403;
  if (share < 0.020) return 404;
  if (share < 0.023) return 429;
  if (share < 0.025) return random->Chance(0.8) ? 500 : 503;
  if (share < 0.040) return random->Chance(0.6) ? 400 : 402;
  return 200;
}

}  // namespace

Traffic::Traffic(const TrafficOptions& options)
    : options_(options),
      random_(options.seed),
      next_episode_(options.episode_every > 0
                        ? options.episode_every / 2
                        : std::numeric_limits<int64_t>::max()),
      time_us_(options.start_ms * 1000) {
  if (options_.uniform) return;
  // Whole numbers: where rounding differs in the last bit, nothing else does.
  uint64_t sum = 0;
  for (int64_t i = 1; i <= options_.keys; ++i) {
    sum += static_cast<uint64_t>(
        std::pow(static_cast<double>(i), -kZipfExponent) * 0x1p32);
    weights_.push_back(sum);
  }
}

int64_t Traffic::RandomKey() {
  if (options_.uniform) {
    return static_cast<int64_t>(
        random_.Below(static_cast<uint64_t>(options_.keys)));
  }
  const uint64_t point = random_.Below(weights_.back());
  return std::upper_bound(weights_.begin(), weights_.end(), point) -
         weights_.begin();
}

bool Traffic::Next(Request* request) {
  if (made_ >= options_.events) return false;
  // An attack's request that was due before the next everyday one.
  if (attacks_.empty() || attacks_.front().time_ms * 1000 > time_us_) {
    const int64_t before = time_us_;
    time_us_ += random_.Exponential(1e6 / options_.rate);
    if (attacks_.empty() || attacks_.front().time_ms * 1000 > time_us_) {
      Everyday(request);
      ++made_;
      if (made_ >= next_episode_ && made_ < options_.events - kEpisodeRoom) {
        BeginEpisode(request->time_ms + 1);
        next_episode_ += options_.episode_every;
      }
      return true;
    }
    time_us_ = before;
  }
  std::pop_heap(attacks_.begin(), attacks_.end(), Later());
  const Attack attack = attacks_.back();
  attacks_.pop_back();
  time_us_ = std::max(time_us_, attack.time_ms * 1000);
  Attacked(attack, request);
  ++made_;
  return true;
}

void Traffic::ChooseOperation(int64_t key, Request* request) {
  const double share = random_.Share();
  request->method = "GET";
  request->query.clear();
  if (share < 0.003) {
    request->path = random_.Of(kSensitive);
    if (request->path.back() == '_') {
      request->path += ObjectOf(options_.seed, key, 0, false);
    }
  } else if (share < 0.004) {
    const Operation& operation = random_.Of(kSeldom);
    request->method = operation.method;
    request->path = operation.path;
    if (size_t name = request->path.find('*'); name != std::string::npos) {
      request->path.replace(name, 1, ObjectOf(options_.seed, key, 1, false));
    }
  } else if (share < 0.6) {
    request->path = random_.Of(kLists);
    if (random_.Chance(0.25)) {
      request->method = "POST";
      return;
    }
    switch (random_.Below(9)) {
      case 3:
        request->query = "limit=10";
        break;
      case 4:
        request->query = "limit=100";
        break;
      case 5:
        request->query =
            "limit=25&starting_after=" + ObjectOf(options_.seed, key, 2, false);
        break;
      case 6:
        request->query = "expand[]=data.customer";
        break;
      case 7:
        request->query = "expand[]=latest_charge&limit=3";
        break;
      case 8:
        request->query = "created[gte]=" +
                         std::to_string(1786'000'000 + random_.Below(100'000)) +
                         "&limit=50";
    }
  } else {
    request->path =
        ObjectOf(options_.seed, key, random_.Below(kObjectsOfKey), true);
    if (random_.Chance(0.2)) request->method = "POST";
  }
}

void Traffic::Everyday(Request* request) {
  request->time_ms = time_us_ / 1000;
  const int64_t key = RandomKey();
  SetKey(options_.seed, key, request);
  SetHome(options_.seed, key, random_.Chance(0.2), &request->source_ip);
  if (random_.Chance(0.001)) request->user_agent = random_.Of(kOddAgents);
  ChooseOperation(key, request);
  request->status = RandomStatus(&random_);
  request->latency_ms = 20 + random_.Exponential(120);
  Finish(request);
}

void Traffic::Attacked(const Attack& attack, Request* request) {
  request->time_ms = attack.time_ms;
  SetKey(options_.seed, attack.key, request);
  Random client(attack.client);
  // One after the other: the order of arguments is the compiler's choice.
  const uint64_t last = 1 + client.Below(254);
  const uint64_t third = client.Below(256);
  const uint64_t second = client.Below(256);
  AppendAddress(&request->source_ip, 185, second, third, last);
  request->user_agent = client.Of(kOddAgents);
  request->method = "GET";
  request->path = attack.path;
  if (request->path.back() == '_') {
    // Enumerated customers are new ones, a report is the same each time.
    request->path += attack.status == 200 && attack.query[0] != '\0'
                         ? ObjectOf(options_.seed, attack.key, 0, false)
                         : random_.Name(16);
  }
  request->query = attack.query;
  request->status = attack.status;
  request->latency_ms = 30 + static_cast<int64_t>(random_.Below(80));
  Finish(request);
}

void Traffic::Finish(Request* request) {
  request->request_id = "req_";
  random_.AppendName(14, &request->request_id);
  request->error_code = ErrorOf(request->status);
  request->idempotency_key.clear();
  if (request->method[0] == 'P') {
    random_.AppendName(8, &request->idempotency_key);
    request->idempotency_key += '-';
    random_.AppendName(12, &request->idempotency_key);
  }
  request->bytes_out = 200 + static_cast<int64_t>(random_.Below(6000));
  request->proxy = static_cast<int>(random_.Below(12));
}

void Traffic::BeginEpisode(int64_t time_ms) {
  struct Plan {
    const char* type;
    int events;
    int64_t apart_ms;
  };
  static constexpr Plan kPlans[] = {{"denied", 40, 500},
                                    {"enumerate", 250, 160},
                                    {"flood", 600, 13},
                                    {"sensitive", 60, 333},
                                    {"expired", 15, 2000}};
  const size_t number = episodes_.size();
  const size_t plan_number = number % 5;
  const Plan& plan = kPlans[plan_number];
  // Keys of the middle, each once before any comes again: 797 shares no factor
  // with the number of them.
  const int64_t first = std::min<int64_t>(50, options_.keys / 2);
  const int64_t count = std::min<int64_t>(1950, options_.keys - first);
  const int64_t key = first + (static_cast<int64_t>(number) * 797) % count;
  const uint64_t client = random_.Next();
  for (int i = 0; i < plan.events; ++i) {
    Attack attack{time_ms + i * plan.apart_ms,
                  number * 1000 + static_cast<uint64_t>(i),
                  key,
                  "",
                  "",
                  200,
                  client};
    switch (plan_number) {
      case 0:
        attack.path = random_.Of(kLists);
        attack.status = 403;
        break;
      case 1:
        attack.path = kObjects[0];
        attack.status = random_.Chance(0.5) ? 200 : 404;
        break;
      case 2:
        attack.path = random_.Of(kLists);
        attack.query = "limit=100";
        break;
      case 3:
        attack.path = kSensitive[i % 2 == 0 ? 0 : 2];
        attack.query = "limit=100";
        break;
      case 4:
        attack.path = "/v1/balance";
        attack.status = 401;
        break;
    }
    attacks_.push_back(attack);
    std::push_heap(attacks_.begin(), attacks_.end(), Later());
  }
  Request request;
  SetKey(options_.seed, key, &request);
  episodes_.push_back({plan.type, request.key_id, time_ms,
                       time_ms + (plan.events - 1) * plan.apart_ms,
                       plan.events});
}

}  // namespace keywatch
