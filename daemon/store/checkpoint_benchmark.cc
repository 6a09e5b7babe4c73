// What a commit costs. Run by hand:
//   bazel run //daemon/store:checkpoint_benchmark

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <random>

#include "absl/strings/str_cat.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store_test_data.h"

namespace keywatch {
namespace {

class ScratchStore {
 public:
  ScratchStore() {
    char path[] = "/tmp/keywatch-benchmark.XXXXXX";
    if (mkdtemp(path) == nullptr) abort();
    path_ = path;
    Open();
  }
  ~ScratchStore() {
    store_.reset();
    std::filesystem::remove_all(path_);
  }
  void Open() {
    store_.reset();
    SqliteStoreOptions options;
    options.directory = path_;
    store_ = *SqliteStore::Open(options);
    Take();
  }
  int64_t Take() {
    int64_t rows = 0;
    epoch_ = store_->OpenPartition("p", "me", [&](const StateRow&) { ++rows; })
                 ->epoch;
    return rows;
  }
  void Commit(const CheckpointBatch& batch) {
    if (!store_->Checkpoint("p", epoch_, batch).ok()) abort();
  }

 private:
  std::string path_;
  std::unique_ptr<SqliteStore> store_;
  int64_t epoch_ = 0;
};

// `dirty` rows, at random, of `groups` groups of ten rules.
CheckpointBatch DirtyRows(int64_t groups, int64_t dirty, size_t bytes,
                          std::mt19937_64& random) {
  CheckpointBatch batch;
  for (int64_t i = 0; i < dirty; ++i) {
    const int64_t group =
        dirty == groups ? i : static_cast<int64_t>(random() % groups);
    StateRow row;
    row.owner = absl::StrCat("stripe-permission-probing-", group % 10, "@1f2e");
    row.group = absl::StrCat("rk_live_", group);
    row.blob = std::string(bytes, 'v');
    batch.state.push_back(std::move(row));
  }
  return batch;
}

// Arguments: groups, dirty rows in a commit, bytes of a row.
void RewriteState(benchmark::State& state) {
  ScratchStore store;
  std::mt19937_64 random(1);
  store.Commit(DirtyRows(state.range(0), state.range(0),
                         static_cast<size_t>(state.range(2)), random));
  for (auto _ : state) {
    state.PauseTiming();
    const CheckpointBatch batch =
        DirtyRows(state.range(0), state.range(1),
                  static_cast<size_t>(state.range(2)), random);
    state.ResumeTiming();
    store.Commit(batch);
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(RewriteState)
    ->Args({1000, 1000, 40})
    ->Args({10000, 5000, 40})
    ->Args({100000, 5000, 40})
    ->Args({1000000, 5000, 40})
    ->Args({1000000, 100000, 40})
    ->Args({50000, 5000, 1000})
    ->Args({50000, 50000, 1000})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Argument: rows, all new.
void InsertState(benchmark::State& state) {
  std::mt19937_64 random(1);
  const CheckpointBatch batch =
      DirtyRows(state.range(0), state.range(0), 40, random);
  for (auto _ : state) {
    state.PauseTiming();
    auto store = std::make_unique<ScratchStore>();
    state.ResumeTiming();
    store->Commit(batch);
    state.PauseTiming();
    store.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(InsertState)
    ->Arg(10000)
    ->Arg(1000000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Argument: rows.
void Restore(benchmark::State& state) {
  ScratchStore store;
  std::mt19937_64 random(1);
  store.Commit(DirtyRows(state.range(0), state.range(0), 40, random));
  for (auto _ : state) {
    if (store.Take() != state.range(0)) abort();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Restore)->Arg(10000)->Arg(1000000)->UseRealTime()->Unit(
    benchmark::kMillisecond);

// A commit of everything but much state, as most are.
void SmallCommit(benchmark::State& state) {
  ScratchStore store;
  int64_t i = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const CheckpointBatch batch = TestBatch(++i);
    state.ResumeTiming();
    store.Commit(batch);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(SmallCommit)->UseRealTime()->Unit(benchmark::kMicrosecond);

// Argument: open alerts, each with a new fact in every commit.
void UpdateAlerts(benchmark::State& state) {
  ScratchStore store;
  CheckpointBatch batch;
  for (int64_t n = 0; n < state.range(0); ++n) {
    batch.alerts.push_back(TestUpsert(absl::StrCat("alert-", n), n));
  }
  for (auto _ : state) {
    for (AlertUpsert& upsert : batch.alerts) ++upsert.alert.count;
    store.Commit(batch);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(UpdateAlerts)
    ->Arg(100)
    ->Arg(10000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace keywatch

BENCHMARK_MAIN();
