// Tells ThreadSanitizer about the absl::Mutex, absl::CondVar,
// absl::Notification and absl::BlockingCounter of Debian's Abseil.
//
// That library is not instrumented and its locks are futexes, which
// ThreadSanitizer cannot see: without this file everything that a Mutex guards
// is reported as a race. The definitions here take precedence over those of the
// shared library, and call them between the annotations that an instrumented
// Abseil would make itself.
//
// Only --config=tsan links this file (see .bazelrc).

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

extern "C" {

void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);

const char* __tsan_default_options() {
  return "second_deadlock_stack=1:history_size=4";
}

// What is not ours. Debian's libraries appear in a report only through a libc
// function that ThreadSanitizer intercepts and that they called.
const char* __tsan_default_suppressions() {
  return
      // The event loops of gRPC, and civetweb's table of sockets.
      "race:grpc_event_engine::\n"
      "race:grpc_core::\n"
      "race:libgrpc.so\n"
      "race:libgpr.so\n"
      "race:libcivetweb.so\n"
      // What Abseil's own atomics order: reference counts, the random pool.
      "race:libabsl_cord.so\n"
      "race:libabsl_cord_internal.so\n"
      "race:libabsl_random_internal\n"
      "race:libabsl_status.so\n";
}

}  // extern "C"

namespace {

#define KEYWATCH_STRING_(x) #x
#define KEYWATCH_STRING(x) KEYWATCH_STRING_(x)

// Returns the shared library's function. `mangled` is its symbol without what
// comes before the name in namespace absl.
template <typename Function>
Function* Find(const char* prefix, const char* mangled) {
  constexpr char kNamespace[] =
      KEYWATCH_STRING(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  char symbol[256];
  std::snprintf(symbol, sizeof(symbol), "%s4absl%zu%s%s", prefix,
                std::strlen(kNamespace), kNamespace, mangled);
  void* found = dlsym(RTLD_NEXT, symbol);
  if (found == nullptr) {
    std::fprintf(stderr, "third_party/tsan: Abseil has no symbol %s\n", symbol);
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

// Defines real(...), which calls the shared library's function. A race of two
// first calls is harmless: both find the same one.
#define KEYWATCH_REAL(prefix, mangled, ...)                   \
  using Function = __VA_ARGS__;                               \
  static Function* found = nullptr;                           \
  Function* real = __atomic_load_n(&found, __ATOMIC_RELAXED); \
  if (real == nullptr) {                                      \
    real = Find<Function>(prefix, mangled);                   \
    __atomic_store_n(&found, real, __ATOMIC_RELAXED);         \
  }

constexpr unsigned kWrite = 0;
constexpr unsigned kRead = __tsan_mutex_read_lock;
constexpr unsigned kTry = __tsan_mutex_try_lock;
constexpr unsigned kTryFailed = __tsan_mutex_try_lock_failed;

// Whether the calling thread is in a scope below. The library implements some
// functions by others, LockWhenWithTimeout() by LockWhenWithDeadline() for one:
// only the outermost is annotated.
thread_local bool inside = false;

class Scope {
 protected:
  Scope(absl::Mutex* mu, unsigned flags)
      : mu_(mu), flags_(flags), outermost_(!inside) {
    inside = true;
  }
  ~Scope() {
    if (outermost_) inside = false;
  }

  absl::Mutex* const mu_;
  unsigned flags_;
  const bool outermost_;
};

// A scope in which the calling thread acquires `mu`.
class Acquiring : private Scope {
 public:
  Acquiring(absl::Mutex* mu, unsigned flags) : Scope(mu, flags) {
    if (outermost_) __tsan_mutex_pre_lock(mu_, flags_);
  }
  ~Acquiring() {
    if (outermost_) __tsan_mutex_post_lock(mu_, flags_, 0);
  }
  void Failed() { flags_ |= kTryFailed; }
};

// A scope in which the calling thread releases `mu`. To release it may mean to
// evaluate the conditions of those who wait for it, on their behalf.
class Releasing : private Scope {
 public:
  Releasing(absl::Mutex* mu, unsigned flags) : Scope(mu, flags) {
    if (!outermost_) return;
    __tsan_mutex_pre_unlock(mu_, flags_);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
  }
  ~Releasing() {
    if (!outermost_) return;
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
    __tsan_mutex_post_unlock(mu_, flags_);
  }
};

// A scope in which the calling thread releases `mu`, waits, and has `mu` again
// at the end, as a reader if it was one before.
class Waiting : private Scope {
 public:
  explicit Waiting(absl::Mutex* mu)
      : Scope(mu, HeldByWriter(mu) ? kWrite : kRead) {
    if (!outermost_) return;
    __tsan_mutex_pre_unlock(mu_, flags_);
    __tsan_mutex_post_unlock(mu_, flags_);
    __tsan_mutex_pre_lock(mu_, flags_);
  }
  ~Waiting() {
    if (outermost_) __tsan_mutex_post_lock(mu_, flags_, 0);
  }

 private:
  // A Mutex is one word; its bit 8 says that a writer holds it.
  static bool HeldByWriter(const absl::Mutex* mu) {
    static_assert(sizeof(*mu) == sizeof(intptr_t), "");
    constexpr intptr_t kMuWriter = 0x0008;
    return (__atomic_load_n(reinterpret_cast<const intptr_t*>(mu),
                            __ATOMIC_RELAXED) &
            kMuWriter) != 0;
  }
};

#define KEYWATCH_CONDITION "ERKNS0_9ConditionE"
#define KEYWATCH_DURATION "NS0_8DurationE"
#define KEYWATCH_TIME "NS0_4TimeE"

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  KEYWATCH_REAL("_ZN", "5MutexD1Ev", void(Mutex*));
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
  real(this);
}

void Mutex::Lock() {
  KEYWATCH_REAL("_ZN", "5Mutex4LockEv", void(Mutex*));
  Acquiring scope(this, kWrite);
  real(this);
}

void Mutex::Unlock() {
  KEYWATCH_REAL("_ZN", "5Mutex6UnlockEv", void(Mutex*));
  Releasing scope(this, kWrite);
  real(this);
}

bool Mutex::TryLock() {
  KEYWATCH_REAL("_ZN", "5Mutex7TryLockEv", bool(Mutex*));
  Acquiring scope(this, kWrite | kTry);
  const bool locked = real(this);
  if (!locked) scope.Failed();
  return locked;
}

void Mutex::ReaderLock() {
  KEYWATCH_REAL("_ZN", "5Mutex10ReaderLockEv", void(Mutex*));
  Acquiring scope(this, kRead);
  real(this);
}

void Mutex::ReaderUnlock() {
  KEYWATCH_REAL("_ZN", "5Mutex12ReaderUnlockEv", void(Mutex*));
  Releasing scope(this, kRead);
  real(this);
}

bool Mutex::ReaderTryLock() {
  KEYWATCH_REAL("_ZN", "5Mutex13ReaderTryLockEv", bool(Mutex*));
  Acquiring scope(this, kRead | kTry);
  const bool locked = real(this);
  if (!locked) scope.Failed();
  return locked;
}

void Mutex::LockWhen(const Condition& condition) {
  KEYWATCH_REAL("_ZN", "5Mutex8LockWhen" KEYWATCH_CONDITION,
                void(Mutex*, const Condition&));
  Acquiring scope(this, kWrite);
  real(this, condition);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  KEYWATCH_REAL(
      "_ZN", "5Mutex19LockWhenWithTimeout" KEYWATCH_CONDITION KEYWATCH_DURATION,
      bool(Mutex*, const Condition&, Duration));
  Acquiring scope(this, kWrite);
  return real(this, condition, timeout);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  KEYWATCH_REAL("_ZN",
                "5Mutex20LockWhenWithDeadline" KEYWATCH_CONDITION KEYWATCH_TIME,
                bool(Mutex*, const Condition&, Time));
  Acquiring scope(this, kWrite);
  return real(this, condition, deadline);
}

void Mutex::ReaderLockWhen(const Condition& condition) {
  KEYWATCH_REAL("_ZN", "5Mutex14ReaderLockWhen" KEYWATCH_CONDITION,
                void(Mutex*, const Condition&));
  Acquiring scope(this, kRead);
  real(this, condition);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& condition,
                                      Duration timeout) {
  KEYWATCH_REAL(
      "_ZN",
      "5Mutex25ReaderLockWhenWithTimeout" KEYWATCH_CONDITION KEYWATCH_DURATION,
      bool(Mutex*, const Condition&, Duration));
  Acquiring scope(this, kRead);
  return real(this, condition, timeout);
}

bool Mutex::ReaderLockWhenWithDeadline(const Condition& condition,
                                       Time deadline) {
  KEYWATCH_REAL(
      "_ZN",
      "5Mutex26ReaderLockWhenWithDeadline" KEYWATCH_CONDITION KEYWATCH_TIME,
      bool(Mutex*, const Condition&, Time));
  Acquiring scope(this, kRead);
  return real(this, condition, deadline);
}

void Mutex::Await(const Condition& condition) {
  KEYWATCH_REAL("_ZN", "5Mutex5Await" KEYWATCH_CONDITION,
                void(Mutex*, const Condition&));
  Waiting scope(this);
  real(this, condition);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  KEYWATCH_REAL("_ZN",
                "5Mutex16AwaitWithTimeout" KEYWATCH_CONDITION KEYWATCH_DURATION,
                bool(Mutex*, const Condition&, Duration));
  Waiting scope(this);
  return real(this, condition, timeout);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  KEYWATCH_REAL("_ZN",
                "5Mutex17AwaitWithDeadline" KEYWATCH_CONDITION KEYWATCH_TIME,
                bool(Mutex*, const Condition&, Time));
  Waiting scope(this);
  return real(this, condition, deadline);
}

void CondVar::Wait(Mutex* mu) {
  KEYWATCH_REAL("_ZN", "7CondVar4WaitEPNS0_5MutexE", void(CondVar*, Mutex*));
  Waiting scope(mu);
  real(this, mu);
}

bool CondVar::WaitWithTimeout(Mutex* mu, Duration timeout) {
  KEYWATCH_REAL("_ZN",
                "7CondVar15WaitWithTimeoutEPNS0_5MutexE" KEYWATCH_DURATION,
                bool(CondVar*, Mutex*, Duration));
  Waiting scope(mu);
  return real(this, mu, timeout);
}

bool CondVar::WaitWithDeadline(Mutex* mu, Time deadline) {
  KEYWATCH_REAL("_ZN", "7CondVar16WaitWithDeadlineEPNS0_5MutexE" KEYWATCH_TIME,
                bool(CondVar*, Mutex*, Time));
  Waiting scope(mu);
  return real(this, mu, deadline);
}

// HasBeenNotified() is inline: it loads the flag that follows the Mutex, so
// that is the address to release.
void Notification::Notify() {
  KEYWATCH_REAL("_ZN", "12Notification6NotifyEv", void(Notification*));
  __tsan_release(reinterpret_cast<char*>(this) + sizeof(Mutex));
  real(this);
}

void Notification::WaitForNotification() const {
  KEYWATCH_REAL("_ZNK", "12Notification19WaitForNotificationEv",
                void(const Notification*));
  real(this);
  HasBeenNotified();
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  KEYWATCH_REAL(
      "_ZNK",
      "12Notification30WaitForNotificationWithTimeoutE" KEYWATCH_DURATION,
      bool(const Notification*, Duration));
  const bool notified = real(this, timeout);
  HasBeenNotified();
  return notified;
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  KEYWATCH_REAL(
      "_ZNK", "12Notification31WaitForNotificationWithDeadlineE" KEYWATCH_TIME,
      bool(const Notification*, Time));
  const bool notified = real(this, deadline);
  HasBeenNotified();
  return notified;
}

bool BlockingCounter::DecrementCount() {
  KEYWATCH_REAL("_ZN", "15BlockingCounter14DecrementCountEv",
                bool(BlockingCounter*));
  __tsan_release(this);
  return real(this);
}

void BlockingCounter::Wait() {
  KEYWATCH_REAL("_ZN", "15BlockingCounter4WaitEv", void(BlockingCounter*));
  real(this);
  __tsan_acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
