#!/bin/sh
# Helm runs this after it installed or updated the plugin. A release archive has bin/ccp; anything else is the
# repository, where it is built.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f go.mod ]; then
  if ! bin/ccp version >/dev/null; then
    echo "ccp: this archive's bin/ccp does not run on $(uname -sm); take the one for this machine, or a clone" >&2
    exit 1
  fi
  echo "ccp: bin/ccp is the archive's; nothing to build"
else
  for tool in go make; do
    if ! command -v "$tool" >/dev/null; then
      echo "ccp: $tool is needed to build bin/ccp; a release archive needs neither Go nor make" >&2
      exit 1
    fi
  done
  echo "ccp: building bin/ccp with Go; the first time takes some minutes"
  make bin/ccp
fi
# Helm 3 tells its hooks where it is, Helm 4 does not.
if [ -n "${HELM_PLUGIN_DIR-}" ] && [ -z "${HELM_BIN-}" ]; then
  echo "ccp: in Helm 4 this plugin is the getter, ccp://, alone; for helm ccp and the post-renderer see docs/plugin.md"
fi
