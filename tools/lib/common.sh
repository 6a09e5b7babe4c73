# What every script of tools/ starts from: the root of the tree, messages, and
# one way to call Bazel.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
#
# Sourcing it changes to the root of the tree.
#
# KEYWATCH_OUTPUT_BASE, when set, names a folder for Bazel's output and for logs
# other than the usual one, so that two runs from one work tree do not wait for
# each other. They share the disk cache.
#
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export ROOT
cd "${ROOT}" || exit 1

# Bazel asks for a home folder; minimal containers do not set one.
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
  export HOME
fi

# Where logs are kept between runs.
if [[ -n ${KEYWATCH_OUTPUT_BASE:-} ]]; then
  LOGS="${KEYWATCH_OUTPUT_BASE}.logs"
else
  LOGS="${ROOT}/.logs"
fi
export LOGS

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# For checks: the thing to check does not apply here; says why.
skip() {
  printf 'skipped: %s\n' "$*"
  exit 77
}

# Calls Bazel: `run_bazel COMMAND ARGS...`. With KEYWATCH_OUTPUT_BASE, leaves the
# bazel-* links of the tree alone.
run_bazel() {
  local command=$1
  shift
  local -a startup=() options=()
  if [[ -n ${KEYWATCH_OUTPUT_BASE:-} ]]; then
    startup+=("--output_base=${KEYWATCH_OUTPUT_BASE}")
    startup+=(${KEYWATCH_MAX_IDLE:+"--max_idle_secs=${KEYWATCH_MAX_IDLE}"})
    case ${command} in
      build | test | run) options+=(--symlink_prefix=/) ;;
    esac
  fi
  bazel "${startup[@]}" "${command}" "${options[@]}" "$@"
}

# Calls Bazel as run_bazel does, in an output base of its own that is kept
# beside the usual one, so that a change of compiler there does not cost the
# usual one its state: `run_bazel_beside NAME COMMAND ARGS...`.
run_bazel_beside() {
  local name=$1
  shift
  local base
  base=$(run_bazel info output_base 2>/dev/null) || return
  # Its server leaves soon after: two of them are much for a small machine.
  KEYWATCH_OUTPUT_BASE="${base}-${name}" KEYWATCH_MAX_IDLE=120 run_bazel "$@"
}

# Builds the daemon with the points at which tests end it, and its client beside
# it, and prints the daemon's path.
failpoint_daemon() {
  local base
  run_bazel_beside failpoints build --config=failpoints --noshow_progress \
    --ui_event_filters=-info //daemon:keywatchd //daemon:keywatch >&2 || return
  base=$(run_bazel info output_base 2>/dev/null) || return
  printf '%s/daemon/keywatchd\n' \
    "$(KEYWATCH_OUTPUT_BASE="${base}-failpoints" bazel_bin)"
}

# Prints the folder in which Bazel puts what it builds.
bazel_bin() {
  run_bazel info bazel-bin 2>/dev/null
}

# Prints the files of the project that match the given git pathspecs, one per
# line: those that git tracks, or in an unpacked archive all that there are.
project_files() {
  if [[ -e .git ]] && git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    local file
    git ls-files -- "$@" | while IFS= read -r file; do
      # A file that is deleted but not yet committed is still listed.
      if [[ -f ${file} ]]; then
        printf '%s\n' "${file}"
      fi
    done
    return
  fi
  local pattern
  for pattern in "${@:-*}"; do
    # A pathspec's `*` matches slashes, as it does for find -path.
    find . \( -name 'bazel-*' -o -name node_modules -o -name .git \
      -o -name .logs \) -prune -o -type f \
      \( -path "./${pattern}" -o -path "./${pattern}/*" \) -print
  done | sed 's,^\./,,' | LC_ALL=C sort -u
}
