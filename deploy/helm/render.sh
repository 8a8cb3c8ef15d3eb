#!/bin/sh
# Render the manifests of deploy/kubernetes from the chart into FOLDER: render.sh HELM FOLDER
set -eu
here=$(dirname "$0")
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
"$1" template keyway "$here/keyway" --namespace keyway --values "$here/example-values.yaml" --output-dir "$output" >/dev/null
cp "$output"/keyway/templates/*.yaml "$2"
