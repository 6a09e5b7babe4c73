# The Debian packages that Keywatch needs, and how they get onto a machine.
#
# Sourced by tools/build and tools/test:
#
#   install_packages "${BUILD_PACKAGES[@]}"
#
# shellcheck shell=bash disable=SC2034

# What `bazel build //...` needs.
BUILD_PACKAGES=(
  bazel-bootstrap
  bazel-platforms
  bazel-rules-java
  bazel-rules-proto
  bazel-skylib
  g++
  grpc-proto
  libabsl-dev
  libbenchmark-dev
  libcivetweb-dev
  libcli11-dev
  libcurl4-openssl-dev
  libgmock-dev
  libgrpc++-dev
  libgtest-dev
  libhyperscan-dev
  libmaxminddb-dev
  libprotobuf-dev
  libre2-dev
  libsimdjson-dev
  libsqlite3-dev
  libssl-dev
  libsystemd-dev
  libxxhash-dev
  libyaml-cpp-dev
  libzstd-dev
  nlohmann-json3-dev
  pkg-config
  prometheus-cpp-dev
  protobuf-compiler
  protobuf-compiler-grpc
  zlib1g-dev
)

# What only the tests and checks need.
TEST_PACKAGES=(
  clang
  clang-format
  clang-tidy
  libclang-rt-dev
  curl
  procps
  prometheus
  prometheus-alertmanager
  python3
  python3-yaml
  shellcheck
  sqlite3
  systemd
  valgrind
  zstd
)

_packages_die() {
  printf 'error: %s\n' "$*" >&2
  return 1
}

# Prints those of the named packages that are not installed, one per line.
missing_packages() {
  local wanted installed
  wanted=$(printf '%s\n' "$@" | LC_ALL=C sort -u)
  # dpkg-query exits 1 when it does not know one of the names: that one is
  # missing, which is what we ask.
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" \
    2>/dev/null | sed -n 's/^installed //p' | LC_ALL=C sort -u) || true
  LC_ALL=C comm -23 <(printf '%s\n' "${wanted}") \
    <(printf '%s\n' "${installed}")
}

# Installs those of the named packages that are missing. Silent and quick when
# nothing is; touches the network only when something is.
install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    _packages_die "this machine is not Debian or Ubuntu (no dpkg, apt-get)." \
      "Keywatch builds against Debian 12's packages; use a Debian 12" \
      "machine or container."
    return 1
  fi

  local -a missing
  mapfile -t missing < <(missing_packages "$@")
  # No missing package reads back as no line at all.
  if ((${#missing[@]} == 0)); then
    return 0
  fi

  if ((EUID != 0)); then
    _packages_die "${#missing[@]} Debian packages are missing, and only root" \
      "may install them. Run this once, then try again:
  sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    return 1
  fi

  printf 'Installing %d Debian packages: %s\n' "${#missing[@]}" "${missing[*]}"
  local log
  log=$(mktemp)
  if ! apt-get update -qq >"${log}" 2>&1 || grep -q '^[WE]: Failed' "${log}"; then
    cat "${log}" >&2
    rm -f "${log}"
    _packages_die "apt-get update failed: is Debian's mirror reachable from" \
      "this machine?"
    return 1
  fi

  local -a unknown=()
  local name
  for name in "${missing[@]}"; do
    if ! apt-cache show --no-all-versions "${name}" >/dev/null 2>&1; then
      unknown+=("${name}")
    fi
  done
  if ((${#unknown[@]} > 0)); then
    rm -f "${log}"
    _packages_die "this release has no package named: ${unknown[*]}." \
      "Keywatch builds against Debian 12 (bookworm)."
    return 1
  fi

  if ! _install_without_starting "${missing[@]}" >"${log}" 2>&1; then
    tail -n 30 "${log}" >&2
    rm -f "${log}"
    _packages_die "apt-get install failed; its last lines are above."
    return 1
  fi
  rm -f "${log}"
}

# apt-get install, with no service started and none enabled: the tests run
# their own servers on their own ports.
_install_without_starting() (
  policy=/usr/sbin/policy-rc.d
  if [[ ! -e ${policy} ]]; then
    trap 'rm -f "${policy}"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"${policy}"
    chmod +x "${policy}"
  fi
  status=0
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
    --no-install-recommends -o Dpkg::Use-Pty=0 "$@" || status=$?
  for name in "$@"; do
    case ${name} in
      prometheus | prometheus-alertmanager)
        if command -v systemctl >/dev/null; then
          systemctl --quiet disable "${name}.service" || true
        fi
        ;;
    esac
  done
  exit "${status}"
)
