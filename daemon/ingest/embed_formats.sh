#!/bin/sh
# Writes the C++ source of shipped_formats.h: the files named on the command
# line, each as a raw string.
set -eu
echo '#include "daemon/ingest/shipped_formats.h"'
echo 'namespace keywatch {'
echo 'const ShippedFormat kShippedFormats[] = {'
for file in "$@"; do
  name=$(basename "${file}" .yaml)
  printf '{"%s", R"~yaml~(' "${name}"
  cat "${file}"
  printf ')~yaml~", %s},\n' "$(($(wc -c <"${file}")))"
done
echo '};'
printf 'const size_t kShippedFormatCount = %s;\n' "$#"
echo '}  // namespace keywatch'
