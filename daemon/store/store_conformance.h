#ifndef DAEMON_STORE_STORE_CONFORMANCE_H_
#define DAEMON_STORE_STORE_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/store/store.h"
#include "daemon/store/store_test_data.h"

namespace keywatch {

// What the suite needs of an implementation: an empty place to keep things in,
// and stores that keep them there, one at a time.
class StoreBackend {
 public:
  virtual ~StoreBackend() = default;
  virtual absl::StatusOr<std::unique_ptr<Store>> Open() = 0;
};

struct StoreImplementation {
  std::string name;
  std::function<std::unique_ptr<StoreBackend>()> make;

  friend void PrintTo(const StoreImplementation& implementation,
                      std::ostream* out) {
    *out << implementation.name;
  }
};

// StoreConformance holds every implementation of Store to the contract in
// store.h. An implementation's test runs it by linking the suite and
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values(
//       StoreImplementation{"sqlite", [] { ... }}));
class StoreConformance : public testing::TestWithParam<StoreImplementation> {
 protected:
  void SetUp() override {
    backend_ = GetParam().make();
    Reopen();
  }

  // Closes the store and opens it again, as a restart does.
  void Reopen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<Store>> store = backend_->Open();
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  Store& store() { return *store_; }

  // Takes partition "p" and gives what was kept.
  PartitionState Take() {
    state_.clear();
    absl::StatusOr<PartitionState> partition = store().OpenPartition(
        "p", "me", [this](const StateRow& row) { state_.push_back(row); });
    EXPECT_TRUE(partition.ok()) << partition.status();
    if (!partition.ok()) return PartitionState();
    epoch_ = partition->epoch;
    return *std::move(partition);
  }
  // Engine state that Take gave, in no order.
  const std::vector<StateRow>& state() const { return state_; }
  int64_t epoch() const { return epoch_; }

  absl::Status Commit(const CheckpointBatch& batch) {
    return store().Checkpoint("p", epoch_, batch);
  }
  absl::Status CommitAlert(const AlertUpsert& upsert, int64_t now_ms = 0) {
    CheckpointBatch batch;
    batch.alerts = {upsert};
    batch.now_ms = now_ms;
    return Commit(batch);
  }
  Alert Get(absl::string_view id) {
    absl::StatusOr<Alert> alert = store().GetAlert(AlertId(id));
    EXPECT_TRUE(alert.ok()) << alert.status();
    return alert.ok() ? *std::move(alert) : Alert();
  }
  // "<event> to <notifier> about <alert>" of the rows due at `now_ms`.
  std::vector<std::string> Due(int64_t now_ms);
  // Ends the first row that is due as done.
  void SendFirst(int64_t now_ms);

 private:
  std::unique_ptr<StoreBackend> backend_;
  std::unique_ptr<Store> store_;
  std::vector<StateRow> state_;
  int64_t epoch_ = 0;
};

// As StatusOr's ASSERT and EXPECT, on the code.
#define EXPECT_CODE(expected, expression)                               \
  EXPECT_EQ(absl::StatusCode::expected, ::keywatch::CodeOf(expression)) \
      << #expression
#define ASSERT_CODE(expected, expression)                               \
  ASSERT_EQ(absl::StatusCode::expected, ::keywatch::CodeOf(expression)) \
      << #expression

inline absl::StatusCode CodeOf(const absl::Status& status) {
  return status.code();
}
template <typename T>
absl::StatusCode CodeOf(const absl::StatusOr<T>& result) {
  return result.status().code();
}

// The value, or an empty one and a failed test.
template <typename T>
T Must(absl::StatusOr<T> result) {
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : T();
}

}  // namespace keywatch

#endif  // DAEMON_STORE_STORE_CONFORMANCE_H_
