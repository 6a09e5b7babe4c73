#ifndef DAEMON_STORE_FAULT_VFS_H_
#define DAEMON_STORE_FAULT_VFS_H_

#include <cstdint>

namespace keywatch {

// FaultVfs stands between SQLite and the disk for every database that is opened
// after Install, and lets chosen writes, syncs and truncations fail. For tests
// of one thread.
class FaultVfs {
 public:
  static void Install();

  // The `nth` (from 1) write, sync or truncation from now fails with SQLite's
  // `code`; with `lasting`, all from that one on, until Heal.
  static void Fail(int64_t nth, int code, bool lasting);
  static void Heal();
  // Writes, syncs and truncations since Fail or Heal.
  static int64_t Operations();
};

}  // namespace keywatch

#endif  // DAEMON_STORE_FAULT_VFS_H_
