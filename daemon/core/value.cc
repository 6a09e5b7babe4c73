#include "daemon/core/value.h"

#include <charconv>
#include <cmath>

namespace keywatch {

absl::string_view ScalarText(const Value& value, ScalarBuffer& buffer) {
  switch (value.type()) {
    case Value::Type::kString:
      return value.string_value();
    case Value::Type::kBool:
      return value.bool_value() ? "true" : "false";
    case Value::Type::kInt: {
      auto end =
          std::to_chars(buffer, buffer + sizeof(buffer), value.int_value());
      return absl::string_view(buffer, end.ptr - buffer);
    }
    case Value::Type::kDouble: {
      const double d = value.double_value();
      if (!std::isfinite(d)) return d != d ? "nan" : (d > 0 ? "inf" : "-inf");
      auto end = std::to_chars(buffer, buffer + sizeof(buffer), d);
      return absl::string_view(buffer, end.ptr - buffer);
    }
    case Value::Type::kAbsent:
    case Value::Type::kNull:
    case Value::Type::kList:
      return "";
  }
  return "";
}

std::string ValueText(const Value& value) {
  ScalarBuffer buffer;
  if (!value.is_list()) return std::string(ScalarText(value, buffer));
  std::string out;
  for (uint32_t i = 0; i < value.list_size(); ++i) {
    if (i > 0) out += ",";
    absl::string_view text = ScalarText(value.list_at(i), buffer);
    out.append(text.data(), text.size());
  }
  return out;
}

}  // namespace keywatch
