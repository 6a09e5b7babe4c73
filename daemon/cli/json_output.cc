#include "daemon/cli/json_output.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "daemon/cli/time_text.h"
#include "daemon/core/time.h"
#include "daemon/core/utf8.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace keywatch {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::string Number(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.17g", value) : "null";
}

// SOURCE_STATE_READING of enum SourceState -> "reading"
std::string EnumWord(const EnumValueDescriptor* value) {
  std::string prefix;
  for (const char c : value->type()->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) {
      prefix += '_';
    }
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  prefix += '_';
  absl::string_view name = value->name();
  if (absl::StartsWith(name, prefix)) name.remove_prefix(prefix.size());
  return JsonString(absl::AsciiStrToLower(name));
}

class Writer {
 public:
  explicit Writer(bool pretty) : pretty_(pretty) {}

  void Object(const Message& message);
  std::string Take() { return std::move(out_); }

 private:
  void NewLine() {
    if (pretty_) absl::StrAppend(&out_, "\n", std::string(2 * depth_, ' '));
  }
  void Open(char bracket) {
    out_ += bracket;
    ++depth_;
  }
  void Close(char bracket, bool empty) {
    --depth_;
    if (!empty) NewLine();
    out_ += bracket;
  }
  void Value(const Message& message, const FieldDescriptor* field, int index);
  void Nested(const Message& message);

  const bool pretty_;
  std::string out_;
  size_t depth_ = 0;
};

void Writer::Nested(const Message& message) {
  if (const auto* time =
          dynamic_cast<const google::protobuf::Timestamp*>(&message)) {
    absl::StrAppend(&out_, "\"", FormatTime(ToEventTime(FromProto(*time))),
                    "\"");
  } else if (const auto* duration =
                 dynamic_cast<const google::protobuf::Duration*>(&message)) {
    absl::StrAppend(&out_, static_cast<double>(duration->seconds()) +
                               duration->nanos() / 1e9);
  } else {
    Object(message);
  }
}

// `index` is -1 for a singular field.
void Writer::Value(const Message& message, const FieldDescriptor* field,
                   int index) {
  const Reflection* get = message.GetReflection();
  const bool one = index < 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      out_ += (one ? get->GetBool(message, field)
                   : get->GetRepeatedBool(message, field, index))
                  ? "true"
                  : "false";
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      absl::StrAppend(&out_,
                      one ? get->GetInt32(message, field)
                          : get->GetRepeatedInt32(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      absl::StrAppend(&out_,
                      one ? get->GetInt64(message, field)
                          : get->GetRepeatedInt64(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      absl::StrAppend(&out_,
                      one ? get->GetUInt32(message, field)
                          : get->GetRepeatedUInt32(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      absl::StrAppend(&out_,
                      one ? get->GetUInt64(message, field)
                          : get->GetRepeatedUInt64(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      out_ += Number(one ? get->GetFloat(message, field)
                         : get->GetRepeatedFloat(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      out_ += Number(one ? get->GetDouble(message, field)
                         : get->GetRepeatedDouble(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_ENUM:
      out_ += EnumWord(one ? get->GetEnum(message, field)
                           : get->GetRepeatedEnum(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      out_ += JsonString(one ? get->GetString(message, field)
                             : get->GetRepeatedString(message, field, index));
      break;
    case FieldDescriptor::CPPTYPE_MESSAGE:
      Nested(one ? get->GetMessage(message, field)
                 : get->GetRepeatedMessage(message, field, index));
      break;
  }
}

void Writer::Object(const Message& message) {
  const google::protobuf::Descriptor* type = message.GetDescriptor();
  const Reflection* get = message.GetReflection();
  bool empty = true;
  Open('{');
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (field->has_presence() && !get->HasField(message, field)) continue;
    if (!empty) out_ += pretty_ ? "," : ", ";
    empty = false;
    NewLine();
    absl::StrAppend(&out_, "\"", field->name(), "\": ");
    if (!field->is_repeated()) {
      Value(message, field, -1);
      continue;
    }
    const int size = get->FieldSize(message, field);
    Open('[');
    for (int j = 0; j < size; ++j) {
      if (j > 0) out_ += pretty_ ? "," : ", ";
      NewLine();
      Value(message, field, j);
    }
    Close(']', size == 0);
  }
  Close('}', empty);
}

}  // namespace

std::string JsonString(absl::string_view text) {
  const std::string valid = ToValidUtf8(text);
  std::string out = "\"";
  for (const char c : valid) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          absl::StrAppendFormat(&out, "\\u%04x", c);
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string ToJson(const Message& message, bool pretty) {
  Writer writer(pretty);
  writer.Object(message);
  return writer.Take();
}

}  // namespace keywatch
