#include "daemon/store/record_codec.h"

#include <gtest/gtest.h>

#include "daemon/store/store_test_data.h"

namespace keywatch {
namespace {

TEST(RecordCodecTest, AlertDetailComesBack) {
  const Alert alert = TestAlert("a", 1000);
  Alert decoded;
  ASSERT_TRUE(DecodeAlertDetail(EncodeAlertDetail(alert), &decoded).ok());
  EXPECT_EQ(decoded.rule_name, alert.rule_name);
  EXPECT_EQ(decoded.title, alert.title);
  EXPECT_EQ(decoded.group, alert.group);
  EXPECT_EQ(decoded.description, alert.description);
  EXPECT_EQ(decoded.playbook, alert.playbook);
  EXPECT_EQ(decoded.tags, alert.tags);
  EXPECT_EQ(decoded.evidence, alert.evidence);
  EXPECT_EQ(decoded.notify, alert.notify);
}

TEST(RecordCodecTest, HashesComeBack) {
  const std::vector<uint64_t> hashes = {0, 1, UINT64_MAX, 0x0102030405060708};
  std::vector<uint64_t> decoded;
  ASSERT_TRUE(DecodeHashes(EncodeHashes(hashes), &decoded).ok());
  EXPECT_EQ(decoded, hashes);
}

// Every prefix and every flipped byte is either refused or read as some other
// record; never a crash, an endless loop or a huge allocation.
template <typename Decode>
void ExpectSafe(const std::string& bytes, Decode decode) {
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(decode(bytes.substr(0, size)))) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(decode(bytes + "x")));
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string broken = bytes;
      broken[i] = static_cast<char>(broken[i] ^ flip);
      const absl::Status status = decode(broken);
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
    }
  }
}

TEST(RecordCodecTest, BrokenBytesAreRefused) {
  ExpectSafe(EncodeAlertDetail(TestAlert("a", 1000)),
             [](const std::string& bytes) {
               Alert alert;
               return DecodeAlertDetail(bytes, &alert);
             });
  ExpectSafe(EncodeKeyLists(TestProfile("rk_1", 9)),
             [](const std::string& bytes) {
               KeyProfile profile;
               return DecodeKeyLists(bytes, &profile);
             });
  ExpectSafe(EncodeRollDetail(TestRoll("r", "rk_1", 9)),
             [](const std::string& bytes) {
               Roll roll;
               return DecodeRollDetail(bytes, &roll);
             });
}

TEST(RecordCodecTest, HashesOfBrokenLengthAreRefused) {
  const std::string bytes = EncodeHashes({1, 2});
  for (const size_t size : {0u, 2u, 8u, 16u}) {
    std::vector<uint64_t> hashes;
    EXPECT_TRUE(absl::IsDataLoss(DecodeHashes(bytes.substr(0, size), &hashes)));
  }
}

TEST(RecordCodecTest, AnUnknownLayoutIsRefused) {
  std::string bytes = EncodeAlertDetail(TestAlert("a", 1000));
  bytes[0] = 2;
  Alert alert;
  alert.id = AlertId("a");
  const absl::Status status = DecodeAlertDetail(bytes, &alert);
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_NE(status.message().find("alert a"), std::string::npos) << status;
}

}  // namespace
}  // namespace keywatch
