#ifndef DAEMON_CORE_FAILPOINT_H_
#define DAEMON_CORE_FAILPOINT_H_

// KEYWATCH_FAILPOINT("name") names an instant at which tests/crash ends the
// process. It exists in a build with --config=failpoints only; in every other
// one it is nothing, and tools/checks/failpoints proves that of the binary.
//
// The variable KEYWATCH_FAILPOINT of the environment chooses one:
//
//   checkpoint.state        SIGKILL when the point is passed for the first time
//   checkpoint.state@3      when it is passed for the third time
//   checkpoint.state@3=stop SIGSTOP instead; goes on at SIGCONT

#ifdef KEYWATCH_FAILPOINTS

namespace keywatch {

// Thread-safe.
void Failpoint(const char* name);

// True when `name` was chosen: for faults that are more than an end.
bool FailpointChosen(const char* name);

}  // namespace keywatch

#define KEYWATCH_FAILPOINT(name) ::keywatch::Failpoint(name)

#else

#define KEYWATCH_FAILPOINT(name) static_cast<void>(0)

#endif  // KEYWATCH_FAILPOINTS

#endif  // DAEMON_CORE_FAILPOINT_H_
