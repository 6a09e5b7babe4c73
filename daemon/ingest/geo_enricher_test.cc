#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/ingest/enricher.h"
#include "gtest/gtest.h"

namespace keywatch {
namespace {

// Writes databases in MaxMind's format, as small as they can be: IPv4, records
// of 24 bits.
class DatabaseWriter {
 public:
  // --- Values of the data section.
  static std::string String(absl::string_view text) {
    return absl::StrCat(Control(2, text.size()), text);
  }
  static std::string Uint(int type, uint64_t value, size_t bytes) {
    std::string out = Control(type, bytes);
    for (size_t i = bytes; i-- > 0;) {
      out.push_back(static_cast<char>(value >> (8 * i)));
    }
    return out;
  }
  static std::string Uint32(uint32_t value) { return Uint(6, value, 4); }
  static std::string Double(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return Uint(3, bits, 8);
  }
  static std::string Map(
      const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string out = Control(7, entries.size());
    for (const auto& [key, value] : entries) {
      absl::StrAppend(&out, String(key), value);
    }
    return out;
  }

  // Everything in `prefix`/`bits` has `value`.
  void Add(uint32_t prefix, int bits, const std::string& value) {
    size_t node = 0;
    for (int i = 0; i < bits; ++i) {
      const int side = (prefix >> (31 - i)) & 1;
      if (i + 1 == bits) {
        nodes_[node][side] = {false, data_.size()};
        data_ += value;
        return;
      }
      if (!nodes_[node][side].is_node || nodes_[node][side].to == 0) {
        const size_t next = nodes_.size();
        nodes_.push_back({Record{}, Record{}});
        nodes_[node][side] = {true, next};
      }
      node = nodes_[node][side].to;
    }
  }

  std::string Finish(absl::string_view type) const {
    std::string out;
    for (const auto& node : nodes_) {
      for (const Record& record : node) {
        uint32_t value = static_cast<uint32_t>(nodes_.size());  // nothing here
        if (record.is_node && record.to != 0) {
          value = static_cast<uint32_t>(record.to);
        } else if (!record.is_node) {
          value += static_cast<uint32_t>(16 + record.to);
        }
        for (int shift : {16, 8, 0}) {
          out.push_back(static_cast<char>(value >> shift));
        }
      }
    }
    out += std::string(16, '\0');
    out += data_;
    out += "\xab\xcd\xefMaxMind.com";
    out += Map({
        {"binary_format_major_version", Uint(5, 2, 2)},
        {"binary_format_minor_version", Uint(5, 0, 2)},
        {"build_epoch", Uint(9, 1790000000, 8)},
        {"database_type", String(type)},
        {"description", Map({{"en", String("test")}})},
        {"ip_version", Uint(5, 4, 2)},
        {"languages", absl::StrCat(Control(11, 0))},
        {"node_count", Uint32(static_cast<uint32_t>(nodes_.size()))},
        {"record_size", Uint(5, 24, 2)},
    });
    return out;
  }

 private:
  struct Record {
    bool is_node = true;
    size_t to = 0;  // node 0 is the root, so nothing leads there
  };
  static std::string Control(int type, size_t size) {
    // Types beyond 7 stand in a second byte, sizes beyond 28 in another.
    const size_t low = std::min<size_t>(size, 29);
    std::string out(1, static_cast<char>((type <= 7 ? type << 5 : 0) | low));
    if (type > 7) out.push_back(static_cast<char>(type - 7));
    if (size >= 29) out.push_back(static_cast<char>(size - 29));
    return out;
  }

  std::vector<std::vector<Record>> nodes_ = {{Record{}, Record{}}};
  std::string data_;
};

constexpr uint32_t Address(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return a << 24 | b << 16 | c << 8 | d;
}

std::string WriteFile(const std::string& name, const std::string& bytes) {
  const std::string path =
      absl::StrCat(testing::TempDir(), "/geo_", getpid(), "_", name);
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

std::string CityDatabase() {
  using W = DatabaseWriter;
  DatabaseWriter writer;
  writer.Add(
      Address(192, 0, 2, 0), 24,
      W::Map({{"country", W::Map({{"iso_code", W::String("SE")}})},
              {"location", W::Map({{"latitude", W::Double(58.4167)},
                                   {"longitude", W::Double(15.6167)}})}}));
  // A country without a place.
  writer.Add(Address(198, 51, 100, 0), 24,
             W::Map({{"country", W::Map({{"iso_code", W::String("US")}})}}));
  return WriteFile("city.mmdb", writer.Finish("Test-City"));
}

std::string AsnDatabase() {
  using W = DatabaseWriter;
  DatabaseWriter writer;
  writer.Add(Address(192, 0, 2, 0), 24,
             W::Map({{"autonomous_system_number", W::Uint32(64496)},
                     {"autonomous_system_organization",
                      W::String("Example Network")}}));
  return WriteFile("asn.mmdb", writer.Finish("Test-ASN"));
}

TEST(GeoEnricherTest, FindsNetworkAndPlace) {
  auto enricher = NewGeoEnricher(CityDatabase(), AsnDatabase());
  ASSERT_TRUE(enricher.ok()) << enricher.status();
  NetworkPlace place;
  ASSERT_TRUE((*enricher)->LookUp("192.0.2.7", &place));
  EXPECT_EQ(place.as_number, 64496);
  EXPECT_EQ(place.as_organization, "Example Network");
  EXPECT_EQ(place.country_iso_code, "SE");
  EXPECT_EQ(place.latitude, 58.4167);
  EXPECT_EQ(place.longitude, 15.6167);
}

TEST(GeoEnricherTest, WhatIsNotKnownStaysOpen) {
  auto enricher = NewGeoEnricher(CityDatabase(), AsnDatabase());
  ASSERT_TRUE(enricher.ok());
  NetworkPlace place;
  ASSERT_TRUE((*enricher)->LookUp("198.51.100.1", &place));
  EXPECT_EQ(place.country_iso_code, "US");
  EXPECT_EQ(place.as_number, 0);
  // Not the point in the sea at 0, 0.
  EXPECT_FALSE(place.latitude.has_value());
  EXPECT_FALSE(place.longitude.has_value());
  for (const char* address :
       {"203.0.113.1", "", "localhost", "192.0.2", "192.0.2.7x", "2001:db8::1",
        "999.0.2.7", "192.0.2.7 ", "-", "::ffff:203.0.113.1"}) {
    NetworkPlace none;
    EXPECT_FALSE((*enricher)->LookUp(address, &none)) << address;
  }
  NetworkPlace none;
  EXPECT_FALSE((*enricher)->LookUp(std::string(1000, '1'), &none));
}

TEST(GeoEnricherTest, EitherDatabaseMayBeLeftOut) {
  auto city = NewGeoEnricher(CityDatabase(), "");
  ASSERT_TRUE(city.ok());
  NetworkPlace place;
  ASSERT_TRUE((*city)->LookUp("192.0.2.7", &place));
  EXPECT_EQ(place.as_number, 0);
  auto asn = NewGeoEnricher("", AsnDatabase());
  ASSERT_TRUE(asn.ok());
  NetworkPlace network;
  ASSERT_TRUE((*asn)->LookUp("192.0.2.7", &network));
  EXPECT_EQ(network.country_iso_code, "");
}

TEST(GeoEnricherTest, WrongFilesAreRefused) {
  EXPECT_TRUE(
      absl::IsNotFound(NewGeoEnricher("/nonexistent.mmdb", "").status()));
  const std::string text = WriteFile("text.mmdb", "no database");
  EXPECT_TRUE(absl::IsInvalidArgument(NewGeoEnricher(text, "").status()));
  // The databases mixed up.
  const absl::Status mixed =
      NewGeoEnricher(AsnDatabase(), CityDatabase()).status();
  EXPECT_TRUE(absl::IsInvalidArgument(mixed)) << mixed;
}

}  // namespace
}  // namespace keywatch
