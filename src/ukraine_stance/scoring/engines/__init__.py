"""Faster ways to compute a fine-tuned transformer, each admitted for one model by measurement.

A run folder keeps them in `engines/NAME/`: what the engine needs, and admission.json with the figures.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import CheckRefused, UserMistake
from ukraine_stance.files import replacing_folder, sha256_file
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.models.transformer import TransformerModel
from ukraine_stance.scoring.engines import admission
from ukraine_stance.scoring.engines.admission import Admission, Measuring
from ukraine_stance.scoring.engines.building import ENGINES, REFERENCE, build, missing, prepare, versions

__all__ = ["ENGINES", "FOLDER", "REFERENCE", "Admission", "behind", "export", "missing"]

_AUTO = "auto"
# Where a run folder keeps them.
FOLDER = "engines"


def export(
    folder: Path, classifier: StanceClassifier, names: Iterable[str], statements: tuple[str, ...], held: LabelledTexts
) -> list[Admission]:
    """Make engines of the classifier in the run `folder`, measure each, and store the figures, refused ones too.

    statements are what the texts to compare on are made from, `held` the validation fold. Raises UserMistake where the
    model is no transformer, has an architecture that the engines do not know, or a package of the engine is missing.
    """
    from ukraine_stance.scoring.engines.packed import refuse_unknown

    model = _transformer(classifier)
    refuse_unknown(model.network)
    texts = admission.crossed(statements, admission.TEXTS)
    measuring = Measuring(classifier.model_id, texts, classifier.target, held)
    answers = measuring.reference(model)
    made = []
    for name in names:
        with replacing_folder(folder / FOLDER / name) as place:
            prepare(name, model, place)
            found = measuring.measure(build(name, model, place), name, answers, versions(name))
            files = {path.name: sha256_file(path) for path in sorted(place.iterdir())}
            made.append(replace(found, files=files))
            admission.write(made[-1], place)
    return made


def behind(folder: Path, classifier: StanceClassifier, wanted: str, streams: int | None = None) -> StanceClassifier:
    """The classifier with the engine wanted behind it; its model_id ends in `+ENGINE`, but for "torch" itself.

    streams are the engine's threads, by default one for each processor of this process; they change no answer.
    "auto" takes the fastest that `export` admitted for this model and these versions, else the model as it is. Raises
    UserMistake where the engine wanted was never measured here or its package is missing, CheckRefused where it was
    refused.
    """
    if wanted == REFERENCE or (wanted == _AUTO and not isinstance(classifier.model, TransformerModel)):
        return classifier
    model = _transformer(classifier)
    if wanted == _AUTO:
        usable = [found for name in ENGINES if (found := admission.read(folder / FOLDER / name)) is not None]
        usable = [found for found in usable if not found.faults and not _stale(found, classifier)]
        fastest = max(usable, key=lambda found: found.texts_per_second, default=None)
        if fastest is None or fastest.texts_per_second <= fastest.texts_per_second_fp32:
            return classifier
        wanted = fastest.engine
    else:
        _refuse(folder, classifier, wanted)
    engine = build(wanted, model, folder / FOLDER / wanted, streams)
    return replace(classifier, model=engine, model_id=f"{classifier.model_id}+{wanted}")


def _refuse(folder: Path, classifier: StanceClassifier, wanted: str) -> None:
    found = admission.read(folder / FOLDER / wanted)
    if absent := missing(wanted):
        raise UserMistake(absent)
    remedy = f"run stance export {folder} --engine {wanted}"
    if found is None:
        raise UserMistake(f"{folder}: {wanted} was never measured for this model; {remedy}")
    if stale := _stale(found, classifier):
        raise UserMistake(f"{folder}: {wanted} was measured {stale}; {remedy}")
    if found.faults:
        raise CheckRefused(f"{wanted} is refused for {classifier.model_id}: {'; '.join(found.faults)}")


def _stale(found: Admission, classifier: StanceClassifier) -> str:
    """How the figures are those of something else; empty where they hold here."""
    if found.model_id != classifier.model_id:
        return f"for the model {found.model_id}, and this is {classifier.model_id}"
    now = versions(found.engine)
    return "" if found.versions == now else f"with {found.versions}, and here is {now}"


def _transformer(classifier: StanceClassifier) -> TransformerModel:
    if not isinstance(classifier.model, TransformerModel):
        raise UserMistake(
            f"engines are for transformers, and {classifier.model_id} is of the family {classifier.model.family}; "
            "leave --engine out"
        )
    return classifier.model
