#!/bin/sh
# Helm runs this after it installed or updated the plugin: it builds bin/ccp, unless the
# plugin came as an archive that has it.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f go.mod ]; then
  echo "ccp: bin/ccp is the archive's; nothing to build"
  exit
fi
for tool in go make; do
  if ! command -v "$tool" >/dev/null; then
    echo "ccp: $tool is needed to build bin/ccp" >&2
    exit 1
  fi
done
echo "ccp: building bin/ccp with Go; the first time takes some minutes"
make bin/ccp
