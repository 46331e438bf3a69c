"""Whether an engine may stand in for a model: measured on texts, stored beside the run, refused with the figures."""

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.files import read_json, sha256_file, write_json
from ukraine_stance.models.protocol import FloatArray, LabelledTexts, StanceModel

FILE = "admission.json"

# At least so many texts are asked of both; a label may differ in one of a hundred.
TEXTS = 5000
_SAME_LABELS = 0.99
# Macro-F1 on the validation fold may differ by half a point, either way.
_MACRO_F1 = 0.005
# A row's probabilities alone and among others.
_BATCH = 0.01
_ROWS_ALONE = 200


@dataclass(frozen=True, slots=True)
class Admission:
    """What an engine was measured to do with a model, and what of that forbids its use.

    same_labels is the share of `texts` texts with the label of the model in fp32; the two macro_f1 are on the
    `validation` statements of the validation fold; batch_difference is the largest change of a probability between a
    row alone and the same row among the others; the two rates are texts a second on the machine of the export, where
    both ran one after the other. files are the engine's own, with their SHA-256.
    """

    engine: str
    model_id: str
    versions: dict[str, str]
    files: dict[str, str]
    texts: Annotated[int, Field(gt=0)]
    same_labels: float
    validation: int
    macro_f1: float
    macro_f1_fp32: float
    batch_difference: float
    texts_per_second: float
    texts_per_second_fp32: float

    @property
    def faults(self) -> list[str]:
        """What forbids its use, with the figures; empty when it is admitted."""
        rules = (
            (
                self.same_labels >= _SAME_LABELS,
                f"{self.same_labels:.2%} of {self.texts} labels are those of fp32, not {_SAME_LABELS:.0%}",
            ),
            (
                self.texts >= TEXTS,
                f"compared on {self.texts} texts, not {TEXTS}",
            ),
            (
                abs(self.macro_f1 - self.macro_f1_fp32) <= _MACRO_F1,
                f"macro-F1 on {self.validation} validation statements is {self.macro_f1:.4f}, in fp32 "
                f"{self.macro_f1_fp32:.4f}: further apart than {_MACRO_F1}",
            ),
            (
                self.batch_difference <= _BATCH,
                f"a row alone and among others differ by {self.batch_difference:.4f}, more than {_BATCH}",
            ),
        )
        return [said for kept, said in rules if not kept]

    @property
    def words(self) -> str:
        """The figures in one line."""
        return (
            f"{self.engine}: {self.same_labels:.2%} of {self.texts} labels as in fp32, macro-F1 {self.macro_f1:.4f} "
            f"(fp32 {self.macro_f1_fp32:.4f}), a row alone within {self.batch_difference:.4f}, "
            f"{self.texts_per_second:.0f} texts/s (fp32 {self.texts_per_second_fp32:.0f})"
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """What the model in fp32 says of the texts that engines are measured on, asked once for all engines."""

    texts: FloatArray
    validation: FloatArray
    texts_per_second: float


@dataclass(frozen=True, slots=True)
class Measuring:
    """What engines of one model are measured on."""

    model_id: str
    texts: tuple[str, ...]
    target: str
    validation: LabelledTexts

    def reference(self, model: StanceModel) -> Answers:
        """The answers of the model itself."""
        began = time.perf_counter()
        probabilities = model.predict(self.texts, [self.target] * len(self.texts)).probabilities
        rate = len(self.texts) / (time.perf_counter() - began)
        validation = model.predict(self.validation.texts, self.validation.targets).probabilities
        return Answers(probabilities, validation, rate)

    def measure(self, engine: StanceModel, name: str, answers: Answers, versions: dict[str, str]) -> Admission:
        """The engine's figures beside those of the model; `files` is empty as yet."""
        found = self.reference(engine)
        places = range(0, len(self.texts), max(1, len(self.texts) // _ROWS_ALONE))
        alone = [engine.predict([self.texts[place]], [self.target]).probabilities[0] for place in places]
        gold = self.validation.gold
        return Admission(
            engine=name,
            model_id=self.model_id,
            versions=versions,
            files={},
            texts=len(self.texts),
            same_labels=float((found.texts.argmax(axis=1) == answers.texts.argmax(axis=1)).mean()),
            validation=len(gold),
            macro_f1=float(macro_f1(confusion(gold, found.validation.argmax(axis=1)))),
            macro_f1_fp32=float(macro_f1(confusion(gold, answers.validation.argmax(axis=1)))),
            batch_difference=float(np.abs(np.asarray(alone) - found.texts[list(places)]).max()),
            texts_per_second=found.texts_per_second,
            texts_per_second_fp32=answers.texts_per_second,
        )


def crossed(statements: Sequence[str], count: int, seed: int = 0) -> tuple[str, ...]:
    """The distinct statements, then as many more texts as `count` needs: the beginning of one and the end of another.

    Both are cut at a word at the same share of their length, so that lengths stay those of the statements. Raises
    UserMistake where the statements are too few to make so many.
    """
    found = dict.fromkeys(statements)
    words = [text.split() for text in found]
    draw = random.Random(seed)
    for _ in range(20 * count):
        if len(found) >= count:
            break
        first, second, share = draw.choice(words), draw.choice(words), draw.random()
        text = " ".join(first[: round(len(first) * share)] + second[round(len(second) * share) :])
        if text:
            found[text] = None
    if len(found) < count:
        raise UserMistake(f"{len(words)} statements make no {count} different texts to measure an engine on")
    return tuple(found)


def write(admission: Admission, folder: Path) -> None:
    """Write the figures beside the engine's files."""
    write_json(folder / FILE, asdict(admission))


def read(folder: Path) -> Admission | None:
    """The figures of an engine's folder; None where it was never measured.

    Raises UserMistake when they cannot be read, or a file of the engine is not the one that was measured.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        admission = TypeAdapter(Admission).validate_python(read_json(path))
    except (ValueError, ValidationError) as fault:
        raise UserMistake(f"{path}: not figures of ours; run stance export again") from fault
    for name, expected in admission.files.items():
        if not (folder / name).is_file() or sha256_file(folder / name) != expected:
            raise UserMistake(f"{folder / name}: is not the file that was measured; run stance export again")
    return admission
