#!/usr/bin/env bash
# Sends this commit's data and weights, scans the data, and holds the scan against gate.yaml.
#
# Wants CLEANTRACE_URL, CLEANTRACE_API_KEY and CLEANTRACE_PROJECT, and VERSION: what this commit's
# data is to be called. Arguments go to `gate check`, such as more reports.
set -euo pipefail

data=data/digits.npz
dataset="digits:$VERSION"

# A version is registered once; a job that runs again finds it.
cleantrace datasets show "$dataset" > /dev/null 2>&1 ||
  cleantrace datasets register digits "$VERSION" "$data" --upload \
    --format npz --input images --label labels --key keys > /dev/null

run=$(cleantrace runs register "digits $VERSION" --dataset "$dataset" \
  --model linear --model-args '{"in_features": 64, "classes": 10}' \
  --preprocessing '{"scale": 0.0625}')
step=0
for weights in weights/*.safetensors; do
  step=$((step + 100))
  cleantrace checkpoints register "$run" "$weights" --upload --step "$step" --eta 0.5 > /dev/null
done

# What earlier scans hold of these weights and examples is not computed again.
cleantrace scans start "$run" --share 0.05 --evidence --wait
cleantrace gate check --policy gate.yaml --dataset "$dataset" --data "$data" --wait "$@"
