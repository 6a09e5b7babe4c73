#ifndef DAEMON_CORE_SECRET_H_
#define DAEMON_CORE_SECRET_H_

#include <ostream>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace keywatch {

class SecretAccess;

// Secret holds a credential and prints as `<secret>`. Its value is reached
// only through SecretAccess, whose library (:secret_access) lists in the BUILD
// file the packages that may use it. The memory is overwritten on destruction.
// Thread-compatible.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      Wipe();
      value_ = other.value_;
    }
    return *this;
  }
  // A moved short string leaves its bytes behind: moves copy and overwrite.
  Secret(Secret&& other) : value_(other.value_) { other.Wipe(); }
  Secret& operator=(Secret&& other) {
    if (this != &other) {
      Wipe();
      value_ = other.value_;
      other.Wipe();
    }
    return *this;
  }
  ~Secret() { Wipe(); }

  bool empty() const { return value_.empty(); }

  friend std::ostream& operator<<(std::ostream& out, const Secret&) {
    return out << "<secret>";
  }

 private:
  friend class SecretAccess;

  void Wipe() {
    volatile char* p = value_.empty() ? nullptr : &value_[0];
    for (size_t i = 0; i < value_.size(); ++i) p[i] = 0;
    value_.clear();
  }

  std::string value_;
};

}  // namespace keywatch

#endif  // DAEMON_CORE_SECRET_H_
