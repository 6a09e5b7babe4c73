#include "daemon/http/test_http_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace keywatch {

std::string TestHttpServer::Request::header(absl::string_view name) const {
  for (const auto& [known, value] : headers) {
    if (known == name) return value;
  }
  return "";
}

TestHttpServer::TestHttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 16) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TestHttpServer::~TestHttpServer() {
  // Makes accept() fail.
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::string TestHttpServer::url(absl::string_view path) const {
  return absl::StrCat("http://127.0.0.1:", port_, path);
}

std::vector<TestHttpServer::Request> TestHttpServer::requests() const {
  absl::MutexLock lock(&mu_);
  return requests_;
}

void TestHttpServer::Serve() {
  while (true) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    ServeOne(connection);
    close(connection);
  }
}

void TestHttpServer::ServeOne(int connection) {
  std::string data;
  size_t head_end = std::string::npos;
  size_t length = 0;
  Request request;
  char buffer[4096];
  while (true) {
    const ssize_t got = read(connection, buffer, sizeof(buffer));
    if (got <= 0) return;
    data.append(buffer, static_cast<size_t>(got));
    if (head_end == std::string::npos) {
      head_end = data.find("\r\n\r\n");
      if (head_end == std::string::npos) continue;
      std::vector<std::string> lines =
          absl::StrSplit(data.substr(0, head_end), "\r\n");
      std::vector<std::string> first = absl::StrSplit(lines[0], ' ');
      if (first.size() < 2) return;
      request.method = first[0];
      request.target = first[1];
      for (size_t i = 1; i < lines.size(); ++i) {
        const size_t colon = lines[i].find(':');
        if (colon == std::string::npos) continue;
        request.headers.emplace_back(
            absl::AsciiStrToLower(lines[i].substr(0, colon)),
            std::string(absl::StripAsciiWhitespace(
                absl::string_view(lines[i]).substr(colon + 1))));
      }
      if (!absl::SimpleAtoi(request.header("content-length"), &length)) {
        length = 0;
      }
    }
    if (data.size() >= head_end + 4 + length) break;
  }
  request.body = data.substr(head_end + 4, length);
  {
    absl::MutexLock lock(&mu_);
    requests_.push_back(request);
  }
  const Response response = handler_(request);
  if (response.drop) return;
  std::string out = absl::StrCat("HTTP/1.1 ", response.status, " Status\r\n");
  for (const auto& [name, value] : response.headers) {
    absl::StrAppend(&out, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&out, "Connection: close\r\nContent-Length: ",
                  response.body.size() + (response.cut_off ? 100 : 0),
                  "\r\n\r\n", response.body);
  size_t sent = 0;
  while (sent < out.size()) {
    const ssize_t n =
        send(connection, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

}  // namespace keywatch
