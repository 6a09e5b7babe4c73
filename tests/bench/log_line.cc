#include "tests/bench/log_line.h"

#include <time.h>

#include <cctype>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <utility>

namespace keywatch {

void LogLine::SetSecond(int64_t second) {
  if (second == second_) return;
  second_ = second;
  const time_t time = static_cast<time_t>(second);
  tm parts;
  gmtime_r(&time, &parts);
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr",
                                            "May", "Jun", "Jul", "Aug",
                                            "Sep", "Oct", "Nov", "Dec"};
  char text[80];
  std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d",
                parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                parts.tm_hour, parts.tm_min, parts.tm_sec);
  iso_ = text;
  std::snprintf(text, sizeof(text), "%02d/%s/%04d:%02d:%02d:%02d +0000",
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900,
                parts.tm_hour, parts.tm_min, parts.tm_sec);
  clf_ = text;
}

void LogLine::AppendTime(int64_t time_ms, std::string* out) {
  SetSecond(time_ms / 1000);
  const int64_t ms = time_ms % 1000;
  *out += iso_;
  const char fraction[] = {'.', static_cast<char>('0' + ms / 100),
                           static_cast<char>('0' + ms / 10 % 10),
                           static_cast<char>('0' + ms % 10), 'Z'};
  out->append(fraction, sizeof(fraction));
}

void LogLine::AppendText(const char* name, const std::string& value,
                         std::string* out) {
  *out += '"';
  *out += name;
  *out += "\":\"";
  if (!escape_ || value.empty()) {
    *out += value;
  } else {
    // "\/" for every slash, or one sign by its number, as writers of JSON do
    // who take care of HTML.
    const size_t sign =
        random_.Below(2) == 0 ? random_.Below(value.size()) : std::string::npos;
    for (size_t i = 0; i < value.size(); ++i) {
      if (i == sign && !std::isalnum(static_cast<unsigned char>(value[i])) &&
          value[i] != '_') {
        char text[8];
        std::snprintf(text, sizeof(text), "\\u%04x",
                      static_cast<unsigned>(value[i]));
        *out += text;
      } else {
        if (value[i] == '/' && sign == std::string::npos) *out += '\\';
        *out += value[i];
      }
    }
  }
  *out += '"';
}

void LogLine::AppendField(int field, const Request& request, std::string* out) {
  switch (field) {
    case 0:
      *out += "\"time\":\"";
      AppendTime(request.time_ms, out);
      *out += '"';
      return;
    case 1:
      return AppendText("request_id", request.request_id, out);
    case 2:
      return AppendText("account", request.account, out);
    case 3:
      return AppendText("key_id", request.key_id, out);
    case 4:
      return AppendText("key_type", request.key_type, out);
    case 5:
      *out += request.livemode ? "\"livemode\":true" : "\"livemode\":false";
      return;
    case 6:
      return AppendText("method", request.method, out);
    case 7:
      return AppendText("host", "api.stripe.com", out);
    case 8:
      return AppendText("path", request.path, out);
    case 9:
      return AppendText("query", request.query, out);
    case 10:
      *out += "\"status\":" + std::to_string(request.status);
      return;
    case 11:
      if (request.error_code[0] != '\0') {
        return AppendText("error_code", request.error_code, out);
      }
      *out += "\"error_code\":null";
      return;
    case 12:
      return AppendText("source_ip", request.source_ip, out);
    case 13:
      return AppendText("user_agent", request.user_agent, out);
    case 14:
      return AppendText("api_version", request.api_version, out);
    case 15:
      if (!request.idempotency_key.empty()) {
        return AppendText("idempotency_key", request.idempotency_key, out);
      }
      *out += "\"idempotency_key\":null";
      return;
    case 16:
      *out += "\"latency_ms\":" + std::to_string(request.latency_ms);
      return;
    case 17:
      *out += "\"bytes_out\":" + std::to_string(request.bytes_out);
      return;
    case 18:
      return AppendText("tls", "TLSv1.3", out);
    case 19:
      return AppendText("region", request.region, out);
    case 20:
      return AppendText("proxy",
                        std::string("egress-") +
                            (request.proxy < 10 ? "0" : "") +
                            std::to_string(request.proxy),
                        out);
  }
}

void LogLine::AppendJson(const Request& request, std::string* out) {
  escape_ = false;
  for (int field = 0; field < kFields; ++field) {
    *out += field == 0 ? '{' : ',';
    AppendField(field, request, out);
  }
  *out += "}\n";
}

void LogLine::AppendShuffledJson(const Request& request, std::string* out) {
  int fields[kFields];
  std::iota(fields, fields + kFields, 0);
  for (int left = kFields; left > 0; --left) {
    std::swap(fields[left - 1],
              fields[random_.Below(static_cast<uint64_t>(left))]);
    *out += left == kFields ? '{' : ',';
    escape_ = random_.Chance(0.1);
    AppendField(fields[left - 1], request, out);
  }
  *out += "}\n";
}

void LogLine::AppendOddJson(const Request& request, std::string* out) {
  std::string line;
  AppendJson(request, &line);
  const auto replace = [&line](const char* text, const char* by) {
    if (size_t at = line.find(text); at != std::string::npos) {
      line.replace(at, std::strlen(text), by);
    }
  };
  const auto insert = [&line](const std::string& field) {
    line.insert(line.size() - 2, "," + field);
  };
  switch (random_.Below(460)) {
    case 0:  // other spaces
      for (size_t at = 1; (at = line.find(",\"", at)) != line.npos; at += 4) {
        line.replace(at, 2, " ,\t\"");
      }
      break;
    case 1:
      line.insert(line.size() - 1, "\r");
      break;
    case 2:
      replace("{", "  { ");
      break;
    case 3:  // numbers as texts, and the other way round
      replace("\"status\":403", "\"status\":\"403\"");
      replace("\"status\":200", "\"status\":\"200\"");
      break;
    case 4:
      replace("\"status\":2", "\"status\":2.0e2,\"was\":2");
      break;
    case 5:  // a field twice
      insert("\"path\":\"/v1/again\"");
      break;
    case 6:
      line.insert(1, "\"path\":\"/v1/before\",");
      break;
    case 7:  // fields that others lack
      insert("\"trace\":{\"id\":\"1\",\"path\":[1,{\"status\":403}]}");
      break;
    case 8:
      line.insert(1, "\"more\":{\"path\":\"/v1/apikeys\",\"x\":\"}\\\"{\"},");
      break;
    case 9:
      insert("\"note\":\"" + std::string(5000, 'x') + "\"");
      break;
    case 10:  // fields that are missing, or nothing
      replace("\"user_agent\":\"", "\"agent\":\"");
      break;
    case 11:
      replace("\"path\":\"", "\"path\":null,\"was\":\"");
      break;
    case 12:
      replace("\"key_id\":\"", "\"no_key\":\"");
      break;
    case 13:
      replace("\"time\":\"", "\"no_time\":\"");
      break;
    case 14:  // names and values with escapes, and letters beyond ASCII
      replace("\"path\"", "\"p\\u0061th\"");
      break;
    case 15:
      replace("/v1/c", "\\/v1\\/\\u0063");
      replace("Bindings", "B\xc3\xafndings\\ud83d\\ude00");
      break;
    case 16:
      replace("\"path\":\"/v1", "\"path\":\"/V1");
      break;
    case 17:  // no requests
      line = line.substr(0, line.size() / 2) + "\n";
      break;
    case 18:
      replace("\"status\":", "\"status\"");
      break;
    case 19:
      line.insert(0, random_.Below(2) == 0 ? "\n" : "not JSON at all\n");
      break;
    case 20:  // times in other words
      replace("Z\",\"request_id", "000Z\",\"request_id");
      break;
    case 21:
      replace("Z\",\"request_id", "+00:00\",\"request_id");
      break;
    case 22:  // written twice
      line += line;
      break;
  }
  *out += line;
}

void LogLine::AppendCombined(const Request& request, std::string* out) {
  SetSecond(request.time_ms / 1000);
  *out += request.source_ip;
  *out += " - ";
  *out += request.key_id;
  *out += " [";
  *out += clf_;
  *out += "] \"";
  *out += request.method;
  *out += ' ';
  *out += request.path;
  if (!request.query.empty()) {
    *out += '?';
    *out += request.query;
  }
  *out += " HTTP/1.1\" ";
  *out += std::to_string(request.status);
  *out += ' ';
  *out += std::to_string(request.bytes_out);
  *out += " \"-\" \"";
  *out += request.user_agent;
  *out += "\"\n";
}

}  // namespace keywatch
