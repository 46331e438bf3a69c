#!/bin/sh
# The way through the project in one go: data, two models, comparison, scored file. Called by `make demo`.
# Everything it writes stands in $DEMO, but data/built (derived) and the two new runs that MLflow shows.
set -eu

say() { printf '\n== %s\n' "$*" >&2; }

mkdir -p "$DEMO"

say "1/5 dataset: the bundled statements"
# Rebuilt where it is missing or older than the statements; a build that holds articles is kept otherwise.
if [ -f data/built/dataset.parquet ] && [ -z "$(find data/statements data/folds.csv -newer data/built/dataset.parquet)" ]; then
    echo "data/built is there: kept" >&2
else
    "$STANCE" data build >&2
fi

say "2/5 TF-IDF baseline: configs/train/tfidf.yaml"
"$STANCE" train configs/train/tfidf.yaml --out "$DEMO/tfidf" --force

say "3/5 fine-tuned MiniLM: configs/train/minilm.yaml (some minutes)"
"$STANCE" train configs/train/minilm.yaml --out "$DEMO/minilm" --force

say "4/5 both on the same held-out fold"
"$STANCE" compare "$DEMO/tfidf" "$DEMO/minilm" --out "$DEMO/results" --force
better=$(sed -n 's/^  "better": "\(.*\)",$/\1/p' "$DEMO/results/results.json")

say "5/5 scoring data/examples/new_statements.csv with the one that is ahead on that fold: $better"
"$STANCE" score data/examples/new_statements.csv --model "$DEMO/$better" --out "$DEMO/scored.csv" --force

cat <<TABLE

runs             $DEMO/tfidf  $DEMO/minilm
scored file      $DEMO/scored.csv
page of results  $DEMO/results/index.html
MLflow           $(dirname "$STANCE")/mlflow ui --backend-store-uri sqlite:///mlflow.db
TABLE
