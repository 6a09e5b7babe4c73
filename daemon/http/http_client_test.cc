#include "daemon/http/http_client.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/http/test_http_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TestHttpServer::Response Answer(int status, const std::string& body) {
  TestHttpServer::Response response;
  response.status = status;
  response.body = body;
  return response;
}

TEST(HttpClient, GivesStatusHeadersAndBody) {
  TestHttpServer server([](const TestHttpServer::Request&) {
    TestHttpServer::Response response = Answer(418, "short and stout");
    response.headers = {{"X-Pot", " tea "}, {"Retry-After", "7"}};
    return response;
  });
  HttpRequest request;
  request.url = server.url("/pot?kind=tea");
  absl::StatusOr<HttpResponse> response = NewCurlHttpClient()->Send(request);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 418);
  EXPECT_EQ(response->body, "short and stout");
  EXPECT_EQ(response->header("x-pot"), "tea");
  EXPECT_EQ(RetryAfter(*response, absl::UnixEpoch()), absl::Seconds(7));
  EXPECT_EQ(server.requests()[0].target, "/pot?kind=tea");
}

TEST(HttpClient, PostsBodyHeadersAndBearer) {
  TestHttpServer server(
      [](const TestHttpServer::Request&) { return Answer(200, ""); });
  HttpRequest request;
  request.method = "POST";
  request.url = server.url("/");
  request.body = std::string("{\"a\":\"\0\"}", 9);
  request.headers = {{"Content-Type", "application/json"}};
  request.bearer = Secret("token-value");
  ASSERT_TRUE(NewCurlHttpClient()->Send(request).ok());
  const TestHttpServer::Request got = server.requests()[0];
  EXPECT_EQ(got.method, "POST");
  EXPECT_EQ(got.body, request.body);
  EXPECT_EQ(got.header("content-type"), "application/json");
  EXPECT_EQ(got.header("authorization"), "Bearer token-value");
}

TEST(HttpClient, DoesNotFollowARedirectSoTheBearerStaysHome) {
  TestHttpServer other(
      [](const TestHttpServer::Request&) { return Answer(200, "stolen"); });
  TestHttpServer server([&](const TestHttpServer::Request&) {
    TestHttpServer::Response response = Answer(302, "");
    response.headers = {{"Location", other.url("/")}};
    return response;
  });
  HttpRequest request;
  request.url = server.url("/");
  request.bearer = Secret("token-value");
  absl::StatusOr<HttpResponse> response = NewCurlHttpClient()->Send(request);
  ASSERT_TRUE(response.ok());
  EXPECT_EQ(response->status, 302);
  EXPECT_TRUE(other.requests().empty());
}

TEST(HttpClient, SaysWhatWentWrongWithoutQueryOrBearer) {
  HttpRequest request;
  {
    TestHttpServer server(
        [](const TestHttpServer::Request&) { return Answer(200, ""); });
    request.url = server.url("/path?api_key=secret-in-query");
  }
  request.bearer = Secret("token-value");
  absl::StatusOr<HttpResponse> response = NewCurlHttpClient()->Send(request);
  EXPECT_EQ(response.status().code(), absl::StatusCode::kUnavailable);
  const std::string message(response.status().message());
  EXPECT_THAT(message, HasSubstr("http://127.0.0.1:"));
  EXPECT_THAT(message, Not(HasSubstr("secret-in-query")));
  EXPECT_THAT(message, Not(HasSubstr("token-value")));
}

TEST(HttpClient, EndsAtItsDeadline) {
  TestHttpServer server([](const TestHttpServer::Request&) {
    absl::SleepFor(absl::Milliseconds(500));
    return Answer(200, "late");
  });
  HttpRequest request;
  request.url = server.url("/");
  request.timeout = absl::Milliseconds(50);
  EXPECT_EQ(NewCurlHttpClient()->Send(request).status().code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(HttpClient, RefusesAResponseThatIsTooLarge) {
  TestHttpServer server([](const TestHttpServer::Request&) {
    return Answer(200, std::string(100'000, 'x'));
  });
  HttpRequest request;
  request.url = server.url("/");
  request.max_response_bytes = 99'999;
  EXPECT_EQ(NewCurlHttpClient()->Send(request).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(HttpClient, ABrokenOffAnswerIsAnErrorNotAShortBody) {
  TestHttpServer server([](const TestHttpServer::Request&) {
    TestHttpServer::Response response = Answer(200, "half");
    response.cut_off = true;
    return response;
  });
  HttpRequest request;
  request.url = server.url("/");
  EXPECT_EQ(NewCurlHttpClient()->Send(request).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(HttpClient, RefusesUrlsAndHeadersThatCannotBe) {
  HttpRequest request;
  for (const char* url : {"", "no url", "ftp://127.0.0.1/", "file:///etc/x"}) {
    request.url = url;
    EXPECT_EQ(NewCurlHttpClient()->Send(request).status().code(),
              absl::StatusCode::kInvalidArgument)
        << url;
  }
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X-A", "b\r\nX-Injected: c"}};
  EXPECT_EQ(NewCurlHttpClient()->Send(request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(RetryAfter, ReadsSecondsAndDatesAndIsBounded) {
  const absl::Time now = absl::FromUnixSeconds(1'000'000'000);
  auto wait = [&](const std::string& text) {
    HttpResponse response;
    response.headers = {{"retry-after", text}};
    return RetryAfter(response, now);
  };
  EXPECT_EQ(wait("30"), absl::Seconds(30));
  EXPECT_EQ(wait("-5"), absl::ZeroDuration());
  EXPECT_EQ(wait("99999999999"), absl::Hours(1));
  EXPECT_EQ(wait("soon"), absl::ZeroDuration());
  EXPECT_EQ(
      wait(absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                            now + absl::Seconds(90), absl::UTCTimeZone())),
      absl::Seconds(90));
  EXPECT_EQ(RetryAfter(HttpResponse(), now), absl::ZeroDuration());
}

}  // namespace
}  // namespace keywatch
