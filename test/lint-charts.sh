#!/usr/bin/env bash
# helm lint --strict for every chart, alone and generated from the example for both networks, and ccp lint.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for network in calico openvswitch; do
  bin/ccp generate -f examples/calico/ccp.yaml --network "$network" -o "$work/$network" 2>/dev/null
done
status=0
for chart in charts/*/Chart.yaml "$work"/*/Chart.yaml; do
  if ! bin/helm3 lint --strict "$(dirname "$chart")" >"$work/log" 2>&1; then
    cat "$work/log"
    status=1
  fi
done
bin/ccp lint charts/*/ || status=1
exit "$status"
