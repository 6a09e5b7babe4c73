#ifndef DAEMON_APP_VERSION_H_
#define DAEMON_APP_VERSION_H_

namespace keywatch {

constexpr char kVersion[] = "0.1.0";

}  // namespace keywatch

#endif  // DAEMON_APP_VERSION_H_
