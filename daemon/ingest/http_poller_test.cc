#include "daemon/ingest/http_poller.h"

#include <unistd.h>

#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "daemon/core/fake_clock.h"
#include "daemon/http/test_http_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A list of records over HTTP, as Stripe's v1 lists page: newest first, `limit`,
// `starting_after`, `ending_before`; or oldest first; or by next URL.
class ListServer {
 public:
  enum class Kind { kNewestFirst, kOldestFirst, kNextUrl };
  explicit ListServer(Kind kind)
      : kind_(kind), server_([this](const TestHttpServer::Request& request) {
          return Answer(request);
        }) {}

  void Add(const std::string& id) {
    absl::MutexLock lock(&mu_);
    ids_.push_back(id);
  }
  // Shows a record late, before the newest one.
  void AddBeforeNewest(const std::string& id) {
    absl::MutexLock lock(&mu_);
    ids_.insert(ids_.end() - 1, id);
  }
  void ForgetAll() {
    absl::MutexLock lock(&mu_);
    ids_.clear();
  }
  void FailWith(int status, const std::string& retry_after = "") {
    absl::MutexLock lock(&mu_);
    fail_ = status;
    retry_after_ = retry_after;
  }
  std::string url() const { return server_.url("/v1/events"); }
  TestHttpServer& server() { return server_; }

 private:
  static std::map<std::string, std::string> Query(const std::string& target) {
    std::map<std::string, std::string> out;
    const size_t mark = target.find('?');
    if (mark == std::string::npos) return out;
    for (absl::string_view pair :
         absl::StrSplit(target.substr(mark + 1), '&')) {
      std::vector<std::string> parts = absl::StrSplit(pair, '=');
      out[parts[0]] = parts.size() > 1 ? parts[1] : "";
    }
    return out;
  }

  TestHttpServer::Response Answer(const TestHttpServer::Request& request) {
    absl::MutexLock lock(&mu_);
    TestHttpServer::Response response;
    if (fail_ != 0) {
      response.status = fail_;
      if (!retry_after_.empty()) {
        response.headers = {{"Retry-After", retry_after_}};
      }
      return response;
    }
    auto query = Query(request.target);
    size_t limit = 10;
    if (!absl::SimpleAtoi(query["limit"], &limit)) limit = 10;
    std::vector<std::string> list = ids_;
    if (kind_ != Kind::kOldestFirst) {
      std::reverse(list.begin(), list.end());
    }
    size_t begin = 0;
    size_t end = list.size();
    auto find = [&](const std::string& id) {
      return std::find(list.begin(), list.end(), id) - list.begin();
    };
    for (const char* name : {"starting_after", "ending_before", "page"}) {
      if (query.count(name) > 0 &&
          find(query[name]) == static_cast<long>(list.size())) {
        response.status = 404;
        return response;
      }
    }
    if (query.count("starting_after") > 0) {
      begin = find(query["starting_after"]) + 1;
    }
    if (query.count("page") > 0) begin = find(query["page"]) + 1;
    bool more;
    if (query.count("ending_before") > 0) {
      end = find(query["ending_before"]);
      begin = end > limit ? end - limit : 0;
      more = begin > 0;
    } else {
      more = end - begin > limit;
      end = std::min(end, begin + limit);
    }
    std::string data;
    for (size_t i = begin; i < end; ++i) {
      absl::StrAppend(&data, i > begin ? "," : "", "{\"id\":\"", list[i],
                      "\", \"n\": 1.0}");
    }
    response.body = absl::StrCat("{\"object\":\"list\",\"data\":[", data, "]");
    if (kind_ == Kind::kNextUrl) {
      absl::StrAppend(&response.body, ",\"next_page_url\":",
                      more ? absl::StrCat("\"/v1/events?limit=", limit,
                                          "&page=", list[end - 1], "\"")
                           : "null");
    } else {
      absl::StrAppend(&response.body,
                      ",\"has_more\":", more ? "true" : "false");
    }
    response.body += "}";
    return response;
  }

  const Kind kind_;
  absl::Mutex mu_;
  std::vector<std::string> ids_ ABSL_GUARDED_BY(mu_);  // oldest first
  int fail_ ABSL_GUARDED_BY(mu_) = 0;
  std::string retry_after_ ABSL_GUARDED_BY(mu_);
  TestHttpServer server_;
};

class HttpPollerTest : public ::testing::Test {
 protected:
  HttpPollerTest() : clock_(absl::UnixEpoch()), client_(NewCurlHttpClient()) {}

  std::unique_ptr<HttpPoller> Make(ListServer& server,
                                   HttpPollerOptions options) {
    options.url = server.url();
    auto poller = HttpPoller::Create(options, client_.get(), &clock_);
    EXPECT_TRUE(poller.ok()) << poller.status();
    return *std::move(poller);
  }

  // Fetches until there is nothing more now; gives the ids in order.
  std::vector<std::string> Round(HttpPoller& poller) {
    std::vector<std::string> ids;
    for (int i = 0; i < 50; ++i) {
      absl::StatusOr<Page> page = poller.Fetch(cursor_, clock_.Now());
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      for (const Record& record : page->records) {
        const std::string text(record.bytes);
        EXPECT_TRUE(absl::StrContains(text, "\"n\": 1.0")) << text;
        ids.push_back(text.substr(7, text.find('"', 7) - 7));
      }
      for (const SourceGap& gap : page->gaps) {
        gaps_.push_back(absl::StrCat(GapKindName(gap.kind), ": ", gap.reason));
      }
      if (!page->streams.empty()) cursor_.streams = page->streams;
      if (!page->more) return ids;
    }
    ADD_FAILURE() << "the round does not end";
    return ids;
  }

  static HttpPollerOptions Options(HttpPollerOptions::Start start) {
    HttpPollerOptions options;
    options.page_size = 3;
    options.overlap = 2;
    options.start = start;
    return options;
  }

  FakeClock clock_;
  std::unique_ptr<HttpClient> client_;
  Cursor cursor_;
  std::vector<std::string> gaps_;
};

constexpr auto kBeginning = HttpPollerOptions::Start::kBeginning;
constexpr auto kEnd = HttpPollerOptions::Start::kEnd;

// A reload and a stop waited for the slowest peer, up to its timeout.
TEST_F(HttpPollerTest, WakeBreaksOffAFetchFromASlowPeer) {
  absl::Notification asked, answer;
  TestHttpServer server([&](const TestHttpServer::Request&) {
    if (!asked.HasBeenNotified()) asked.Notify();
    answer.WaitForNotificationWithTimeout(absl::Seconds(60));
    TestHttpServer::Response response;
    response.body = R"({"data":[{"id":"a"}],"has_more":false})";
    return response;
  });
  HttpPollerOptions options = Options(kBeginning);
  options.url = server.url("/list");
  options.timeout = absl::Seconds(60);
  auto poller = HttpPoller::Create(options, client_.get(), &clock_);
  ASSERT_TRUE(poller.ok());
  std::thread waker([&] {
    asked.WaitForNotification();
    (*poller)->Wake();
  });
  const absl::Status status = (*poller)->Fetch(cursor_, clock_.Now()).status();
  EXPECT_TRUE(absl::IsCancelled(status)) << status;
  waker.join();
  answer.Notify();
  // Nothing is lost by it.
  absl::StatusOr<Page> page = (*poller)->Fetch(cursor_, clock_.Now());
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->records.size(), 1u);
}

TEST_F(HttpPollerTest, ReadsANewestFirstListOldestRecordFirst) {
  ListServer server(ListServer::Kind::kNewestFirst);
  for (const char* id : {"a", "b", "c", "d", "e", "f", "g"}) server.Add(id);
  auto poller = Make(server, Options(kBeginning));
  EXPECT_THAT(Round(*poller), ElementsAre("a", "b", "c", "d", "e", "f", "g"));
  EXPECT_THAT(Round(*poller), IsEmpty());
  for (const char* id : {"h", "i", "j", "k", "l"}) server.Add(id);
  EXPECT_THAT(Round(*poller), ElementsAre("h", "i", "j", "k", "l"));
  EXPECT_THAT(gaps_, IsEmpty());
}

TEST_F(HttpPollerTest, BeginsAtTheNewestRecordWhenAskedTo) {
  ListServer server(ListServer::Kind::kNewestFirst);
  for (const char* id : {"a", "b", "c", "d"}) server.Add(id);
  auto poller = Make(server, Options(kEnd));
  EXPECT_THAT(Round(*poller), IsEmpty());
  server.Add("e");
  EXPECT_THAT(Round(*poller), ElementsAre("e"));
}

TEST_F(HttpPollerTest, GoesOnAfterARestartWithoutRepeating) {
  ListServer server(ListServer::Kind::kNewestFirst);
  for (const char* id : {"a", "b", "c", "d"}) server.Add(id);
  EXPECT_EQ(Round(*Make(server, Options(kBeginning))).size(), 4u);
  server.Add("e");
  EXPECT_THAT(Round(*Make(server, Options(kBeginning))), ElementsAre("e"));
}

TEST_F(HttpPollerTest, TakesRecordsThatAreListedLate) {
  ListServer server(ListServer::Kind::kNewestFirst);
  for (const char* id : {"a", "b", "c", "d"}) server.Add(id);
  auto poller = Make(server, Options(kBeginning));
  Round(*poller);
  server.AddBeforeNewest("late");
  EXPECT_THAT(Round(*poller), ElementsAre("late"));
}

TEST_F(HttpPollerTest, ReadsAnOldestFirstList) {
  ListServer server(ListServer::Kind::kOldestFirst);
  for (const char* id : {"a", "b", "c", "d", "e"}) server.Add(id);
  HttpPollerOptions options = Options(kBeginning);
  options.order = HttpPollerOptions::Order::kOldestFirst;
  auto poller = Make(server, options);
  EXPECT_THAT(Round(*poller), ElementsAre("a", "b", "c", "d", "e"));
  server.Add("f");
  EXPECT_THAT(Round(*poller), ElementsAre("f"));
}

TEST_F(HttpPollerTest, FollowsNextUrlsOfANewestFirstList) {
  ListServer server(ListServer::Kind::kNextUrl);
  for (const char* id : {"a", "b", "c", "d", "e"}) server.Add(id);
  HttpPollerOptions options = Options(kBeginning);
  options.paging = HttpPollerOptions::Paging::kNextUrl;
  auto poller = Make(server, options);
  EXPECT_THAT(Round(*poller), ElementsAre("a", "b", "c", "d", "e"));
  for (const char* id : {"f", "g", "h", "i"}) server.Add(id);
  EXPECT_THAT(Round(*poller), ElementsAre("f", "g", "h", "i"));
}

TEST_F(HttpPollerTest, AnExpiredCursorIsAGapAndReadingGoesOn) {
  ListServer server(ListServer::Kind::kNewestFirst);
  for (const char* id : {"a", "b", "c", "d"}) server.Add(id);
  auto poller = Make(server, Options(kBeginning));
  Round(*poller);
  server.ForgetAll();
  for (const char* id : {"x", "y"}) server.Add(id);
  EXPECT_THAT(Round(*poller), ElementsAre("x", "y"));
  ASSERT_EQ(gaps_.size(), 1u);
  EXPECT_TRUE(absl::StrContains(gaps_[0], "cursor expired")) << gaps_[0];
}

TEST_F(HttpPollerTest, FailuresMoveNothingAndWaitLongerEachTime) {
  ListServer server(ListServer::Kind::kNewestFirst);
  server.Add("a");
  HttpPollerOptions options = Options(kBeginning);
  options.jitter = 0;
  auto poller = Make(server, options);
  Round(*poller);
  server.FailWith(503);
  absl::Duration before = absl::ZeroDuration();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(poller->Fetch(cursor_, clock_.Now()).status().code(),
              absl::StatusCode::kUnavailable);
    EXPECT_GT(poller->pause(), before);
    before = poller->pause();
  }
  server.FailWith(429, "120");
  EXPECT_EQ(poller->Fetch(cursor_, clock_.Now()).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(poller->pause(), absl::Seconds(120)) << "Retry-After is honoured";
  server.FailWith(401);
  EXPECT_EQ(poller->Fetch(cursor_, clock_.Now()).status().code(),
            absl::StatusCode::kUnauthenticated);
  server.FailWith(0);
  server.Add("b");
  EXPECT_THAT(Round(*poller), ElementsAre("b"));
  EXPECT_EQ(poller->pause(), options.interval);
}

TEST_F(HttpPollerTest, ReadsTheTokenAgainWhenItsFileChanges) {
  ListServer server(ListServer::Kind::kNewestFirst);
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/token", getpid());
  HttpPollerOptions options = Options(kBeginning);
  options.bearer_file = path;
  auto poller = Make(server, options);
  EXPECT_EQ(poller->Fetch(cursor_, clock_.Now()).status().code(),
            absl::StatusCode::kUnauthenticated);
  std::ofstream(path) << "first\n";
  Round(*poller);
  std::ofstream(path) << "second\n";
  Round(*poller);
  const auto requests = server.server().requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].header("authorization"), "Bearer first");
  EXPECT_EQ(requests[1].header("authorization"), "Bearer second");
}

TEST_F(HttpPollerTest, AnAnswerThatIsNoListIsDataLoss) {
  for (const char* body :
       {"", "[1,", "{\"data\":{}}", "<html>", "{\"data\":"}) {
    TestHttpServer server([&](const TestHttpServer::Request&) {
      TestHttpServer::Response response;
      response.body = body;
      return response;
    });
    HttpPollerOptions options = Options(kBeginning);
    options.url = server.url("/");
    auto poller = HttpPoller::Create(options, client_.get(), &clock_);
    ASSERT_TRUE(poller.ok());
    EXPECT_EQ((*poller)->Fetch(Cursor(), clock_.Now()).status().code(),
              absl::StatusCode::kDataLoss)
        << body;
  }
}

TEST_F(HttpPollerTest, NeverFollowsANextUrlToAnotherHost) {
  TestHttpServer server([](const TestHttpServer::Request&) {
    TestHttpServer::Response response;
    response.body =
        "{\"data\":[{\"id\":\"a\",\"n\": 1.0}],"
        "\"next_page_url\":\"http://192.0.2.1/steal\"}";
    return response;
  });
  HttpPollerOptions options = Options(kBeginning);
  options.url = server.url("/");
  options.paging = HttpPollerOptions::Paging::kNextUrl;
  auto poller = HttpPoller::Create(options, client_.get(), &clock_);
  ASSERT_TRUE(poller.ok());
  EXPECT_EQ((*poller)->Fetch(Cursor(), clock_.Now()).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace keywatch
