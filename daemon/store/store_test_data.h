#ifndef DAEMON_STORE_STORE_TEST_DATA_H_
#define DAEMON_STORE_STORE_TEST_DATA_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "daemon/core/alert.h"
#include "daemon/core/key_profile.h"
#include "daemon/core/roll.h"
#include "daemon/store/store.h"

namespace keywatch {

// Records with every field set, for tests of stores.

Alert TestAlert(absl::string_view id, EventTime first_fire_ms);
// Opens TestAlert(id, first_fire_ms), which asks for notifier "oncall".
AlertUpsert TestUpsert(absl::string_view id, EventTime first_fire_ms);
KeyProfile TestProfile(absl::string_view key, int64_t requests);
Roll TestRoll(absl::string_view id, absl::string_view key, int64_t started_ms);

// The batch of the `i`th commit (from 1) of a made-up run: it writes to every
// table, new rows and old ones, and all that it writes depends on `i` alone.
CheckpointBatch TestBatch(int64_t i);

// All that `store` tells of itself, as text: two stores with the same dump hold
// the same. Takes the partition "p", whose epoch is left out.
std::string DumpStore(Store& store);

}  // namespace keywatch

#endif  // DAEMON_STORE_STORE_TEST_DATA_H_
