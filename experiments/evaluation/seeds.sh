#!/bin/sh
# MiniLM with five seeds beside TF-IDF, on what they held out: an interval of the mean holds other statements and seeds.
#   sh experiments/evaluation/seeds.sh experiments/runs/seeds
# About an hour of one core. A run that is there is kept.
set -eu
OUT=$1
STANCE=${STANCE:-.venv/bin/stance}

mkdir -p "$OUT"
[ -f "$OUT/tfidf/metrics.json" ] || "$STANCE" train configs/train/tfidf.yaml --set tracking.enabled=false --out "$OUT/tfidf" --force
for seed in 7 8 9 10 11; do
    [ -f "$OUT/minilm-$seed/metrics.json" ] ||
        "$STANCE" train configs/train/minilm.yaml --set "seed=$seed" --set tracking.enabled=false --out "$OUT/minilm-$seed" --force
done
"$STANCE" compare "$OUT/tfidf" "$OUT"/minilm-* --no-cases --no-shortcuts
