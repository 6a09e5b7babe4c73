#include "daemon/history/block_packer.h"

#include <utility>

namespace keywatch {

BlockPacker::BlockPacker() : thread_([this] { Run(); }) {}

BlockPacker::~BlockPacker() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  thread_.join();
}

void BlockPacker::Add(const BlockHeader& header, std::string* payload) {
  Block block{header, std::move(*payload)};
  payload->clear();
  absl::MutexLock lock(&mu_);
  auto room = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return waiting_.size() < kMaxWaiting;
  };
  mu_.Await(absl::Condition(&room));
  waiting_.push_back(std::move(block));
}

void BlockPacker::Take(std::string* out) {
  absl::MutexLock lock(&mu_);
  auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return idle(); };
  mu_.Await(absl::Condition(&done));
  if (out->empty()) {
    out->swap(packed_);
  } else {
    out->append(packed_);
  }
  packed_.clear();
}

void BlockPacker::Discard() {
  absl::MutexLock lock(&mu_);
  waiting_.clear();
  auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return idle(); };
  mu_.Await(absl::Condition(&done));
  packed_.clear();
}

void BlockPacker::Run() {
  BlockCompressor compressor;
  std::string packed;
  absl::MutexLock lock(&mu_);
  while (true) {
    auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return stopping_ || !waiting_.empty();
    };
    mu_.Await(absl::Condition(&ready));
    if (stopping_) return;
    const Block block = std::move(waiting_.front());
    waiting_.pop_front();
    packing_ = true;
    mu_.Unlock();
    packed.clear();
    compressor.Append(block.header, block.payload, &packed);
    mu_.Lock();
    packing_ = false;
    packed_ += packed;
  }
}

}  // namespace keywatch
