#include <maxminddb.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/ingest/enricher.h"

namespace keywatch {
namespace {

constexpr size_t kMaxAddress = 64;

// A database that is open or not there at all.
class Database {
 public:
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() {
    if (open_) MMDB_close(&database_);
  }

  absl::Status Open(const std::string& path, absl::string_view kind) {
    const int result = MMDB_open(path.c_str(), MMDB_MODE_MMAP, &database_);
    if (result == MMDB_FILE_OPEN_ERROR) {
      return absl::NotFoundError(
          absl::StrCat(path, ": ", std::strerror(errno)));
    }
    if (result != MMDB_SUCCESS) {
      return absl::InvalidArgumentError(absl::StrCat(
          path,
          " is no database in MaxMind's format: ", MMDB_strerror(result)));
    }
    open_ = true;
    const absl::string_view type = database_.metadata.database_type;
    const bool fits = kind == "ASN" ? absl::StrContains(type, "ASN") ||
                                          absl::StrContains(type, "ISP")
                                    : absl::StrContains(type, "City") ||
                                          absl::StrContains(type, "Country") ||
                                          absl::StrContains(type, "Enterprise");
    if (!fits) {
      return absl::InvalidArgumentError(absl::StrCat(path, " is a ", type,
                                                     " database; one of kind ",
                                                     kind, " is wanted here"));
    }
    return absl::OkStatus();
  }

  // False when nothing is known of the address.
  bool Find(const char* address, MMDB_entry_s* entry) const {
    if (!open_) return false;
    int name_error = 0;
    int error = MMDB_SUCCESS;
    MMDB_lookup_result_s result =
        MMDB_lookup_string(&database_, address, &name_error, &error);
    if (name_error != 0 || error != MMDB_SUCCESS || !result.found_entry) {
      return false;
    }
    *entry = result.entry;
    return true;
  }

 private:
  MMDB_s database_ = {};
  bool open_ = false;
};

template <typename... Path>
bool Get(MMDB_entry_s* entry, uint32_t type, MMDB_entry_data_s* data,
         Path... path) {
  return MMDB_get_value(entry, data, path..., nullptr) == MMDB_SUCCESS &&
         data->has_data && data->type == type;
}

class GeoEnricher : public Enricher {
 public:
  absl::Status Open(const std::string& city, const std::string& asn) {
    absl::Status status;
    if (!city.empty()) status = city_.Open(city, "City");
    if (status.ok() && !asn.empty()) status = asn_.Open(asn, "ASN");
    return status;
  }

  bool LookUp(absl::string_view ip, NetworkPlace* place) const override {
    char address[kMaxAddress];
    // A name would be asked of the resolver: only what can be an address.
    if (ip.empty() || ip.size() >= kMaxAddress ||
        ip.find_first_not_of("0123456789abcdefABCDEF:.") !=
            absl::string_view::npos) {
      return false;
    }
    std::memcpy(address, ip.data(), ip.size());
    address[ip.size()] = '\0';

    bool found = false;
    MMDB_entry_s entry;
    MMDB_entry_data_s data;
    if (asn_.Find(address, &entry)) {
      if (Get(&entry, MMDB_DATA_TYPE_UINT32, &data,
              "autonomous_system_number")) {
        place->as_number = data.uint32;
        found = true;
      }
      if (Get(&entry, MMDB_DATA_TYPE_UTF8_STRING, &data,
              "autonomous_system_organization")) {
        place->as_organization =
            absl::string_view(data.utf8_string, data.data_size);
        found = true;
      }
    }
    if (city_.Find(address, &entry)) {
      if (Get(&entry, MMDB_DATA_TYPE_UTF8_STRING, &data, "country",
              "iso_code")) {
        place->country_iso_code =
            absl::string_view(data.utf8_string, data.data_size);
        found = true;
      }
      double latitude;
      if (Get(&entry, MMDB_DATA_TYPE_DOUBLE, &data, "location", "latitude")) {
        latitude = data.double_value;
        if (Get(&entry, MMDB_DATA_TYPE_DOUBLE, &data, "location",
                "longitude")) {
          place->latitude = latitude;
          place->longitude = data.double_value;
          found = true;
        }
      }
    }
    return found;
  }

 private:
  Database city_;
  Database asn_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Enricher>> NewGeoEnricher(
    const std::string& city_database, const std::string& asn_database) {
  auto enricher = std::make_unique<GeoEnricher>();
  absl::Status status = enricher->Open(city_database, asn_database);
  if (!status.ok()) return status;
  return std::unique_ptr<Enricher>(std::move(enricher));
}

}  // namespace keywatch
