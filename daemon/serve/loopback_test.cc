#include "daemon/serve/loopback.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

using ::testing::HasSubstr;

TEST(LoopbackTest, ParsesHostAndPort) {
  const auto v4 = ParseHostPort("127.0.0.1:9140");
  ASSERT_TRUE(v4.ok());
  EXPECT_EQ(v4->host, "127.0.0.1");
  EXPECT_EQ(v4->port, 9140);
  const auto v6 = ParseHostPort("[::1]:0");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, 0);
}

TEST(LoopbackTest, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"", ":9140", "9140", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "127.0.0.1:-1", "127.0.0.1:x", "::1:9140", "[]:9140"}) {
    EXPECT_FALSE(ParseHostPort(text).ok()) << text;
  }
}

TEST(LoopbackTest, KnowsWhatOnlyThisMachineReaches) {
  for (const char* host : {"127.0.0.1", "127.8.9.10", "::1", "localhost"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host : {"0.0.0.0", "10.0.0.1", "::", "128.0.0.1",
                           "example.com", "::2", "127.0.0.1.example.com"}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(LoopbackTest, RemoteAddressNeedsToBeAllowed) {
  const HostPort remote{"0.0.0.0", 9140};
  const absl::Status refused = CheckLoopback(remote, false, "x.allow_remote");
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(refused.message(), HasSubstr("x.allow_remote: true"));
  EXPECT_TRUE(CheckLoopback(remote, true, "x.allow_remote").ok());
}

}  // namespace
}  // namespace keywatch
