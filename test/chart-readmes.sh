#!/usr/bin/env bash
# Makes charts/*/README.md from the charts' own files; with --check it only says which are not what it would make.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
status=0
for chart in charts/*/Chart.yaml; do
  chart=$(dirname "$chart")
  values=values.yaml
  if [ ! -e "$chart/values.yaml" ]; then values=global.yaml; fi
  # helm-docs calls it a success when it could not make a README; what it says then is on standard error.
  bin/helm-docs --dry-run --log-level warning --chart-search-root "$chart" --template-files ../README.md.gotmpl \
    --values-file "$values" --sort-values-order file >"$work/README.md" 2>"$work/log"
  if [ -s "$work/log" ]; then
    sed -E "s|.*error calling fail: (.*)\"$|$chart: \1|" "$work/log" >&2
    status=1
  elif [ "${1-}" != --check ]; then
    cp "$work/README.md" "$chart/README.md"
  elif ! diff -u "$chart/README.md" "$work/README.md" >&2; then
    echo "$chart/README.md is not what its chart says: run 'make docs'" >&2
    status=1
  fi
done
exit "$status"
