"""Promote a model: the gate's rules decide whether it becomes the champion of the registry."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ukraine_stance import classifier, config, runs, tracking
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.config import GateConfig, LoadedConfig
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation import behaviour, gate
from ukraine_stance.evaluation.assessment import Measures, assess
from ukraine_stance.evaluation.gate import Decision
from ukraine_stance.evaluation.held_out import Parts, held_out_parts, parts_of_file
from ukraine_stance.evaluation.slices import slice_columns
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.files import sha256_json
from ukraine_stance.project import Project
from ukraine_stance.tracking import Version


@dataclass(frozen=True, slots=True)
class Promotion:
    """What came of it: decision is None where the model is the champion already.

    version is where the decision is stored, None where nothing was to be stored; champion is the one before.
    """

    model: str
    champion: Version | None
    version: Version | None = None
    decision: Decision | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "model": self.model,
            "champion_before": self.champion.uri if self.champion else None,
            "version": self.version.uri if self.version else None,
            "decision": self.decision.as_dict() if self.decision else None,
            "warnings": list(self.warnings),
        }


def promote(
    project: Project, given: LoadedConfig[GateConfig], model: str, data: Path | None = None, trial: bool = False
) -> Promotion:
    """Judge a model by the rules against the present champion; store the decision and move the alias where it passes.

    data takes the place of the rules' own; a trial stores and moves nothing. Raises UserMistake when the model or the
    data cannot be used or a model has seen the statements, CheckRefused when another champion came meanwhile, and
    ServiceGone when the store does not answer.
    """
    rules, suites = given.config, _suites(project, given)
    model = tracking.pinned(project, model)
    champion = tracking.champion(project, rules.registered_model)
    loaded = {name: classifier.load(tracking.model_folder(project, name)) for name in _names(model, champion)}
    if champion and loaded[champion.uri].model_id == loaded[model].model_id:
        return Promotion(model, champion)
    parts, warnings = _parts(project, rules, loaded, data)
    _check_slices(given, parts)
    how = Resampling(rules.bootstrap_samples, rules.confidence_level, rules.seed)
    wanted = Measures(how, tuple(suites), rules.slices.columns, shortcuts=False)
    found = assess(list(loaded.values()), list(loaded), parts, wanted, warnings)
    decision = gate.decide(rules, found, champion.uri if champion else None)
    if trial:
        return Promotion(model, champion, None, decision, tuple(warnings))
    sent = _published(project, model)
    version = tracking.register(project, sent, rules.registered_model, loaded[model].model_id)
    tracking.settle(project, version, _tags(rules, decision, parts), champion, decision.accepted)
    return Promotion(model, champion, version, decision, tuple(warnings))


def _suites(project: Project, given: LoadedConfig[GateConfig]) -> list[behaviour.Suite]:
    suites = behaviour.read_suites(behaviour.PACKAGED, *(project.root / folder for folder in given.config.cases))
    there = [suite.name for suite in suites]
    unknown = [f"suites.{name}" for name in given.config.suites if name not in there]
    if unknown:
        wrong = f"no such suite of behavioural tests (there are {', '.join(there)})"
        raise UserMistake("\n".join(f"{given.origins[key]}: {key}: {wrong}" for key in unknown))
    return suites


def _names(model: str, champion: Version | None) -> list[str]:
    """What to load, the champion first."""
    return [champion.uri, model] if champion else [model]


def _parts(project: Project, rules: GateConfig, loaded: dict[str, StanceClassifier], data: Path | None) -> Parts:
    """The statements to judge on, which no model may have learned from."""
    models, names = list(loaded.values()), list(loaded)
    file = data or (project.root / rules.data if rules.data else None)
    if file:
        return parts_of_file(project, file, models, names, unseen=True)
    parts, warnings = held_out_parts(project, models, names, unseen=True)
    absent = [part for part in rules.parts if part not in parts]
    if absent:
        raise UserMistake(
            f"parts: no {absent[0]} statement was held out by {' and '.join(names)}; take it out of parts"
        )
    return {part: parts[part] for part in rules.parts}, warnings


def _check_slices(given: LoadedConfig[GateConfig], parts: dict[str, pd.DataFrame]) -> None:
    for part, rows in parts.items():
        for column in given.config.slices.columns:
            try:
                slice_columns(rows, [column])
            except UserMistake as fault:
                raise UserMistake(
                    f"{given.origins['slices.columns']}: slices.columns: {part} has no column {column}; add it there, "
                    "or judge by others: --set 'slices.columns=[length]'"
                ) from fault


def _published(project: Project, model: str) -> str:
    """The model by a name that the registry knows: a run folder is sent to MLflow first."""
    if model.startswith(("runs:/", "models:/")):
        return model
    run = runs.open_finished(Path(model))
    mirror = tracking.publish(project, run, config.load(run.config).config.model_dump(mode="json"))
    return f"runs:/{mirror.run_id}"


def _tags(rules: GateConfig, decision: Decision, parts: dict[str, pd.DataFrame]) -> dict[str, str]:
    rows = {
        part: frame[["id", "text", "target", "label"]].astype(str).to_numpy().tolist() for part, frame in parts.items()
    }
    failed = ", ".join(finding.rule for finding in decision.failed)
    return {
        "stance.gate.decision": "accepted" if decision.accepted else "refused",
        "stance.gate.failed": failed[: tracking.LONGEST_TAG] or "none",
        "stance.gate.champion": decision.champion or "none",
        "stance.gate.rules_sha256": sha256_json(rules.model_dump(mode="json")),
        "stance.gate.data_sha256": sha256_json({part: sorted(of_part) for part, of_part in rows.items()}),
        "stance.gate.figures": decision.figures(tracking.LONGEST_TAG),
        "stance.gate.time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
