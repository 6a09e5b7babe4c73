#ifndef DAEMON_CORE_VALUE_H_
#define DAEMON_CORE_VALUE_H_

#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/string_view.h"

namespace keywatch {

// Value is one field's value in an event: 16 bytes, trivially copyable. Text
// and list elements live in the arena of the event's batch. Strings are valid
// UTF-8 and bounded in length (made so at ingest). Thread-compatible.
class Value {
 public:
  enum class Type : uint8_t {
    kAbsent,  // the record has no such field
    kNull,    // JSON null
    kBool,
    kInt,
    kDouble,
    kString,
    kList,  // scalars only: nested lists are flattened, maps are dropped
  };

  Value() : type_(Type::kAbsent), size_(0) { payload_.i = 0; }
  static Value Null() { return Value(Type::kNull, 0); }
  static Value Bool(bool b) {
    Value v(Type::kBool, 0);
    v.payload_.i = b ? 1 : 0;
    return v;
  }
  static Value Int(int64_t i) {
    Value v(Type::kInt, 0);
    v.payload_.i = i;
    return v;
  }
  static Value Double(double d) {
    Value v(Type::kDouble, 0);
    v.payload_.d = d;
    return v;
  }
  // `text` must outlive the value.
  static Value String(absl::string_view text) {
    Value v(Type::kString, static_cast<uint32_t>(text.size()));
    v.payload_.text = text.data();
    return v;
  }
  // `elements` must outlive the value and hold no list.
  static Value List(const Value* elements, uint32_t count) {
    Value v(Type::kList, count);
    v.payload_.list = elements;
    return v;
  }

  Type type() const { return type_; }
  bool absent() const { return type_ == Type::kAbsent; }
  bool is_string() const { return type_ == Type::kString; }
  bool is_list() const { return type_ == Type::kList; }
  bool is_number() const {
    return type_ == Type::kInt || type_ == Type::kDouble;
  }

  // Each is valid for its own type only.
  bool bool_value() const { return payload_.i != 0; }
  int64_t int_value() const { return payload_.i; }
  double double_value() const { return payload_.d; }
  absl::string_view string_value() const {
    return absl::string_view(payload_.text, size_);
  }
  uint32_t list_size() const { return size_; }
  const Value& list_at(uint32_t i) const { return payload_.list[i]; }

  // The number of kInt or kDouble; 0 for others.
  double AsDouble() const {
    return type_ == Type::kInt      ? static_cast<double>(payload_.i)
           : type_ == Type::kDouble ? payload_.d
                                    : 0.0;
  }

  // Calls `f(const Value&)` for the value itself, or for each element of a
  // list; stops and returns true as soon as `f` returns true. An absent value
  // and an empty list call nothing.
  template <typename F>
  bool AnyElement(F f) const {
    if (type_ == Type::kAbsent) return false;
    if (type_ != Type::kList) return f(*this);
    for (uint32_t i = 0; i < size_; ++i) {
      if (f(payload_.list[i])) return true;
    }
    return false;
  }

 private:
  Value(Type type, uint32_t size) : type_(type), size_(size) { payload_.i = 0; }

  Type type_;
  uint32_t size_;
  union {
    int64_t i;
    double d;
    const char* text;
    const Value* list;
  } payload_;
};

static_assert(sizeof(Value) == 16, "events are arrays of values");

// Room for the text of any scalar that is not a string.
using ScalarBuffer = char[32];

// The text of a scalar: a string as it stands, "true"/"false", integers in
// decimal, doubles in the shortest form that reads back the same ("1.5", "3"
// for 3.0); "" for absent, null and lists. Points into the value or `buffer`.
absl::string_view ScalarText(const Value& value, ScalarBuffer& buffer);

// As ScalarText, copied; a list is its elements joined by ",".
std::string ValueText(const Value& value);

}  // namespace keywatch

#endif  // DAEMON_CORE_VALUE_H_
