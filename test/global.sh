#!/usr/bin/env bash
# Copies what all charts share, the `global` block of charts/common, into each chart: its values and their schema.
# A chart carries them so that Helm can install it alone.
set -euo pipefail
cd "$(dirname "$0")/../charts"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The block of the schema, from its key to its brace.
sed -n '/^    "global": {$/,/^    }$/p' common/values.schema.json | sed '$s/$/,/' >"$work/schema"
for chart in */values.yaml; do
  chart=$(dirname "$chart")
  # The values come first in the file, up to the first empty line.
  { cat common/global.yaml; sed -n '/^$/,$p' "$chart/values.yaml"; } >"$work/values.yaml"
  sed -e "/^    \"global\": {\$/,/^    },\$/{/^    },\$/r $work/schema" -e 'd}' "$chart/values.schema.json" >"$work/values.schema.json"
  cp "$work/values.yaml" "$work/values.schema.json" "$chart/"
done
