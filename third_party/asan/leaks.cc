// Tells LeakSanitizer what is not ours.
//
// Only --config=asan links this file (see .bazelrc).

extern "C" {

// A function that the sanitizer's runtime calls in its own namespace.
const char* __lsan_default_suppressions();  // NOLINT

const char* __lsan_default_suppressions() {
  return
      // ares_gethostbyname() of c-ares 1.18 forgets a name that it finds in
      // /etc/hosts (github.com/c-ares/c-ares/issues/439); gRPC's resolver calls
      // it once per name.
      "leak:libcares.so\n";
}

}  // extern "C"
