#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_conformance.h"
#include "daemon/store/test_directory.h"

namespace keywatch {
namespace {

class SqliteBackend : public StoreBackend {
 public:
  absl::StatusOr<std::unique_ptr<Store>> Open() override {
    SqliteStoreOptions options;
    options.directory = directory_.path();
    return SqliteStore::Open(options);
  }

 private:
  TestDirectory directory_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         testing::Values(StoreImplementation{
                             "SqliteStore", [] {
                               return std::make_unique<SqliteBackend>();
                             }}));

}  // namespace
}  // namespace keywatch
