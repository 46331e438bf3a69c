#!/bin/sh
# Four models trained on the same folds, compared on what they held out, and put before the gate.
#   sh experiments/evaluation/evaluate.sh experiments/runs/evaluation
# About 45 minutes of one core. A run that is there is kept.
set -eu
OUT=$1
STANCE=${STANCE:-.venv/bin/stance}

mkdir -p "$OUT"
for name in tfidf embedding minilm ensemble; do
    [ -f "$OUT/$name/metrics.json" ] || "$STANCE" train "configs/train/$name.yaml" --out "$OUT/$name" --force
done
"$STANCE" compare "$OUT/tfidf" "$OUT/embedding" "$OUT/minilm" "$OUT/ensemble" --out "$OUT/results" --force
for name in tfidf embedding minilm ensemble; do
    "$STANCE" promote "$OUT/$name" || [ $? -eq 3 ]
done
