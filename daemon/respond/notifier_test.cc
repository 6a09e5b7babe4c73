#include "daemon/respond/notifier.h"

#include "gtest/gtest.h"

namespace keywatch {
namespace {

absl::Status Judge(int code, std::string retry_after = "") {
  HttpResponse response;
  response.status = code;
  if (!retry_after.empty()) {
    response.headers.emplace_back("retry-after", std::move(retry_after));
  }
  return StatusOfResponse(response, absl::FromUnixSeconds(1785765600),
                          "http://receiver");
}

TEST(StatusOfResponseTest, EverySuccessIsTaken) {
  EXPECT_TRUE(Judge(200).ok());
  EXPECT_TRUE(Judge(202).ok());
  EXPECT_TRUE(Judge(204).ok());
}

TEST(StatusOfResponseTest, RefusedMessagesAreNotTriedAgain) {
  for (int code : {400, 413, 415, 422}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Judge(code))) << code;
    EXPECT_TRUE(IsPermanentFailure(Judge(code))) << code;
  }
}

TEST(StatusOfResponseTest, WhatAPersonCanMendIsTriedAgain) {
  for (int code :
       {301, 307, 401, 403, 404, 405, 408, 410, 429, 500, 502, 503}) {
    EXPECT_FALSE(Judge(code).ok()) << code;
    EXPECT_FALSE(IsPermanentFailure(Judge(code))) << code;
  }
}

TEST(StatusOfResponseTest, CarriesTheWaitThatTheReceiverAsksFor) {
  EXPECT_TRUE(absl::IsResourceExhausted(Judge(429, "120")));
  EXPECT_EQ(RetryAfterOf(Judge(429, "120")), absl::Minutes(2));
  EXPECT_EQ(RetryAfterOf(Judge(503, "7")), absl::Seconds(7));
  EXPECT_EQ(RetryAfterOf(Judge(503)), absl::ZeroDuration());
  EXPECT_EQ(RetryAfterOf(absl::OkStatus()), absl::ZeroDuration());
}

TEST(UrlOriginTest, ShowsNeitherPathNorUserNorQuery) {
  EXPECT_EQ(UrlOrigin("https://hooks.example.org:8443/services/T1/B2/s3cret"),
            "https://hooks.example.org:8443");
  EXPECT_EQ(UrlOrigin("HTTP://user:pass@Example.org/?token=x"),
            "http://example.org");
  EXPECT_EQ(UrlOrigin("http://h?token=x"), "http://h");
  EXPECT_EQ(UrlOrigin("s3cret"), "(not a URL)");
}

TEST(CheckUrlTest, TakesWhatCanBePostedTo) {
  EXPECT_TRUE(CheckUrl("http://127.0.0.1:9093").ok());
  EXPECT_TRUE(CheckUrl("https://example.org/a/b?c=d").ok());
  EXPECT_TRUE(CheckUrl("http://[::1]:9093/").ok());
  for (absl::string_view bad :
       {"", "example.org", "ftp://example.org", "http://", "http:///x",
        "http://:80/", "http://u:p@h/", "http://h/a b", "http://h/\r\nX: y"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckUrl(bad))) << bad;
  }
}

TEST(CheckHeadersTest, RefusesWhatWouldBreakTheRequest) {
  EXPECT_TRUE(CheckHeaders({{"X-Team", "identity"}}, {"host"}).ok());
  EXPECT_FALSE(CheckHeaders({{"Host", "other"}}, {"host"}).ok());
  EXPECT_FALSE(CheckHeaders({{"X-Team", "a\r\nX-Other: b"}}, {}).ok());
  EXPECT_FALSE(CheckHeaders({{"X Team", "a"}}, {}).ok());
  EXPECT_FALSE(CheckHeaders({{"", "a"}}, {}).ok());
}

TEST(NotificationEventTest, NamesReadBack) {
  for (NotificationEvent event :
       {NotificationEvent::kOpen, NotificationEvent::kEscalate,
        NotificationEvent::kResolve}) {
    EXPECT_EQ(ParseNotificationEvent(NotificationEventName(event)), event);
  }
  EXPECT_EQ(ParseNotificationEvent("opened"), absl::nullopt);
}

}  // namespace
}  // namespace keywatch
