#!/usr/bin/env bash
# Makes DIR/ccp-VERSION-linux-ARCH.tar.gz, the Helm plugin with its binaries, and DIR/ccp-VERSION-checksums.txt.
# The same tree gives the same bytes, wherever and whenever it is built.
# Usage: release.sh VERSION DIR ARCH...
set -euo pipefail
version=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)
shift 2
cd "$(dirname "$0")/.."
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mtime=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
archives=()
for arch in "$@"; do
  rm -rf "${stage:?}"/*
  cp -R LICENSE README.md plugin.yaml plugins "$stage"
  export CGO_ENABLED=0 GOOS=linux GOARCH=$arch
  go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$stage/bin/ccp" ./cmd/ccp
  go build -trimpath -buildvcs=false -ldflags="-s -w -X github.com/helm-ccp/helm-ccp/pkg/hook.Version=$version" \
    -o "$stage/bin/ccp-hook" ./cmd/ccp-hook
  # Helm 3 unpacks neither links nor files whose folder it has not met, and takes the plugin's name from the archive's.
  archive=ccp-$version-linux-$arch.tar.gz
  (cd "$stage" && tar --create --format=ustar --sort=name --mtime="@$mtime" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX -- *) | gzip --no-name --best >"$dir/$archive"
  archives+=("$archive")
done
cd "$dir"
sha256sum -- "${archives[@]}" | tee "ccp-$version-checksums.txt"
