#ifndef DAEMON_HISTORY_BLOCK_PACKER_H_
#define DAEMON_HISTORY_BLOCK_PACKER_H_

#include <deque>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/history/block.h"

namespace keywatch {

// BlockPacker compresses blocks on a thread of its own and gives them back in
// the order in which they were added. Its methods are for one thread.
class BlockPacker {
 public:
  BlockPacker();
  ~BlockPacker();

  // Takes `payload` and leaves it empty. Waits while kMaxWaiting blocks wait.
  void Add(const BlockHeader& header, std::string* payload)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Waits for all that was added, and appends it to `out`.
  void Take(std::string* out) ABSL_LOCKS_EXCLUDED(mu_);
  // Forgets what was added.
  void Discard() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  static constexpr size_t kMaxWaiting = 4;

  struct Block {
    BlockHeader header;
    std::string payload;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !packing_ && waiting_.empty();
  }

  absl::Mutex mu_;
  std::deque<Block> waiting_ ABSL_GUARDED_BY(mu_);
  std::string packed_ ABSL_GUARDED_BY(mu_);
  bool packing_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace keywatch

#endif  // DAEMON_HISTORY_BLOCK_PACKER_H_
