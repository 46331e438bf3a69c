"""How much of a score is lost on outlets and on a period that no training statement is of?

stance data build
.venv/bin/python experiments/cross_validation/gaps.py experiments/runs/cv
.venv/bin/python experiments/cross_validation/gaps.py experiments/runs/cv-minilm --config configs/train/minilm.yaml

Runs `stance cross-validate` in its three ways; given again it goes on where it was stopped. Outlets and period are then
set against a control that tests the same statements with as many training statements, but may learn from the same
outlets, or from the same period.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from ukraine_stance import config as configs
from ukraine_stance import fitting
from ukraine_stance.config import ExperimentConfig
from ukraine_stance.corpus import dataset
from ukraine_stance.corpus.hold_out import Round, plan, tied_rows
from ukraine_stance.corpus.splits import FOLDS, UNASSIGNED, assign_folds
from ukraine_stance.cross_validate import Question, cross_validate
from ukraine_stance.evaluation.console import shown
from ukraine_stance.evaluation.results import compare, measure
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.files import read_json, sha256_json
from ukraine_stance.progress import line
from ukraine_stance.project import Project

SEED = 1
FIGURES = ("macro_f1", "favor_against_f1", "accuracy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path, default=Path("configs/train/tfidf.yaml"))
    parser.add_argument("--start", default="2025", help="where the held-out period begins")
    given = parser.parse_args()
    config = configs.load(given.config, ["tracking.enabled=false"]).config
    project = Project(Path.cwd())
    rows = dataset.load(project, config.data).frame
    asked = (Question(), Question("outlet"), Question("period", given.start))
    parts = {one.held_out: one.part.replace(" ", "-") for one in asked}
    found = {}
    print("| tested | rounds | training statements | statements | groups | macro-F1 | F1 favor + against | accuracy |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for one in asked:
        done = cross_validate(project, config, one, given.out / parts[one.held_out])
        found[one.held_out] = pd.read_parquet(done.run.predictions)
        print(table_row(read_json(done.results)), flush=True)
    how = Resampling(seed=config.seed)
    controls = {
        "outlet": ("pages, not outlets, held out", of_pages(rows)),
        "period": ("some of the period learned from", of_both_periods(plan(rows, "period", given.start).rounds[0])),
    }
    for name, (words, rounds) in controls.items():
        control = fitted(list(rounds), config, given.out / f"control-{parts[name]}.parquet")
        print(f"\n{name}: {gap(found[name], control, ('control: ' + words, name), how)}", flush=True)
        print(f"{name}: {gap(found[name], found['fold'], ('saved folds', name), how)}", flush=True)


def table_row(results: dict[str, object]) -> str:
    together, fits = results["together"], results["fits"]
    assert isinstance(together, dict) and isinstance(fits, list)
    trained = sorted({fit["train"] for fit in fits})
    figures = [
        f"{one['value']:.3f} [{one['low']:.3f}, {one['high']:.3f}]" for one in map(together["estimates"].get, FIGURES)
    ]
    spans = f"{trained[0]:,}" + (f" to {trained[-1]:,}" if len(trained) > 1 else "")
    cells = [together["part"], len(fits), spans, f"{together['statements']:,}", f"{together['groups']:,}", *figures]
    return f"| {' | '.join(map(str, cells))} |"


def of_pages(rows: pd.DataFrame) -> Iterator[Round]:
    """The same statements in five sets of pages: every page counts as an outlet of its own."""
    yield from plan(rows.assign(outlet=rows["group"].where(rows["outlet"].notna())), "outlet").rounds


def of_both_periods(one: Round) -> Iterator[Round]:
    """The period's statements in five sets, each tested after learning from as many dated statements of any time."""
    undated = one.train[one.train["year"].isna()]
    dated = pd.concat([one.train[one.train["year"].notna()], one.validation, one.test], ignore_index=True)
    tied = tied_rows(dated)
    tested = dated["id"].isin(one.test["id"]).to_numpy()
    sets = assign_folds(
        *(list(dated.loc[tested, name]) for name in ("id", "text")), list(tied[tested]),
        list(dated.loc[tested, "label"]), [UNASSIGNED] * int(tested.sum()), SEED,
    )  # fmt: skip
    rng = np.random.default_rng(SEED)
    for number in range(FOLDS):
        test = dated["id"].isin(dated.loc[tested, "id"][np.array(sets) == number]).to_numpy()
        others = rng.permutation(np.unique(tied[~np.isin(tied, tied[test])]))
        counts = pd.Series(tied).value_counts().loc[others].cumsum()
        tuned_on = others[counts <= len(one.validation)]
        known = others[(counts > len(one.validation)) & (counts <= len(dated) - len(one.test))]
        train = pd.concat([undated, dated[np.isin(tied, known)]], ignore_index=True)
        yield replace(
            one, name=f"set {number}", train=train, validation=dated[np.isin(tied, tuned_on)], test=dated[test]
        )


def fitted(rounds: list[Round], config: ExperimentConfig, kept: Path) -> pd.DataFrame:
    """Predictions of every round, with the columns that cross-validation writes; made once for the same rows."""
    rows = sha256_json(
        [
            part[["id", "text", "label"]].astype(str).to_numpy().tolist()
            for one in rounds
            for part in (one.train, one.test)
        ]
    )
    if kept.exists() and (there := pd.read_parquet(kept)).attrs.get("rows") == rows:
        return there
    frames = []
    for one in rounds:
        line(f"{kept.stem}, {one.name}: trains on {len(one.train)}, tests {len(one.test)}")
        with tempfile.TemporaryDirectory() as folder:
            model = fitting.fit(config, one.train, one.validation, "", Path(folder), Path(folder) / "work").classifier
        about = one.test[["id", "group", "label", "text"]].reset_index(drop=True)
        frames.append(pd.concat([about, model.score(list(one.test["text"]), list(one.test["target"]))], axis=1))
    found = pd.concat(frames, ignore_index=True)
    found.attrs["rows"] = rows
    found.to_parquet(kept)
    return found


def gap(held_out: pd.DataFrame, other: pd.DataFrame, names: tuple[str, str], how: Resampling) -> str:
    """Both on the statements of `held_out`, and their paired difference in words."""
    known = other.set_index("id").loc[held_out["id"]].reset_index()
    first, second = (measure(name, one, one, how) for name, one in zip(names, (known, held_out), strict=True))
    (paired,) = compare("same statements", held_out, [(names[0], known), (names[1], held_out)], how)
    return (
        f"{shown(second.estimates['macro_f1'])} against {shown(first.estimates['macro_f1'])} ({names[0]}) on "
        f"{len(held_out):,} statements: {paired.verdict}"
    )


if __name__ == "__main__":
    main()
