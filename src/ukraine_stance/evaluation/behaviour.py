"""Behavioural tests of a model: cases in YAML that say what must hold. Source: Ribeiro et al. 2020 (CheckList).

Four kinds: a `minimum` case has one statement with its label; `invariance` wants the same label for rewritings;
`direction` wants both labels of a pair that differs by little; `target` wants the label toward our target where the
statement takes another position toward another one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from scipy.stats import binomtest

from ukraine_stance.config import yaml_source
from ukraine_stance.config.faults import Fault, Place, dotted, escaped, mistake
from ukraine_stance.errors import UserMistake

# The cases that come with the package.
PACKAGED = Path(__file__).with_name("cases")

_Label = Literal["favor", "against", "neutral"]
_Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
_Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$")]

# Labels (n,) that a model gives to n statements.
Predict = Callable[[Sequence[str]], Sequence[str]]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Case(Protocol):
    """One case: the statements it asks about, and what is wrong with the labels given to them, "" where nothing is."""

    @property
    def id(self) -> str: ...
    @property
    def texts(self) -> tuple[str, ...]: ...
    def fault(self, labels: Sequence[str]) -> str: ...


class Minimum(_Strict):
    """A statement that a usable model labels rightly; rule is the codebook's hard case."""

    id: _Slug
    text: _Text
    label: _Label
    rule: Annotated[int, Field(ge=1, le=17)] | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The statement."""
        return (self.text,)

    def fault(self, labels: Sequence[str]) -> str:
        """Another label than gold."""
        return "" if labels[0] == self.label else f"{labels[0]}, not {self.label}: {self.text}"


class Invariance(_Strict):
    """A statement and rewritings that must not change the label; a steady model passes, also where it is wrong."""

    id: _Slug
    text: _Text
    same: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=10)]
    label: _Label | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        """The statement, then its rewritings."""
        return (self.text, *self.same)

    def fault(self, labels: Sequence[str]) -> str:
        """The first rewriting that changes the label."""
        for text, label in zip(self.same, labels[1:], strict=True):
            if label != labels[0]:
                return f"{labels[0]} becomes {label}: {self.text} / {text}"
        return ""


class Direction(_Strict):
    """Two statements that differ by little and in their labels."""

    id: _Slug
    before: _Text
    after: _Text
    before_label: _Label
    after_label: _Label

    @model_validator(mode="after")
    def _changes(self) -> Self:
        if self.before_label == self.after_label:
            raise ValueError("before_label and after_label are the same (a pair that keeps its label is an invariance)")
        return self

    @property
    def texts(self) -> tuple[str, ...]:
        """Before and after."""
        return (self.before, self.after)

    def fault(self, labels: Sequence[str]) -> str:
        """What is wrong with either of the two."""
        wanted = (self.before_label, self.after_label)
        wrong = [
            f"{label}, not {gold}: {text}"
            for text, label, gold in zip(self.texts, labels, wanted, strict=True)
            if label != gold
        ]
        return " / ".join(wrong)


class Target(_Strict):
    """A statement whose stance toward our target is another than that toward the other target it speaks of."""

    id: _Slug
    text: _Text
    label: _Label
    other_target: _Text
    other_label: _Label

    @property
    def texts(self) -> tuple[str, ...]:
        """The statement."""
        return (self.text,)

    def fault(self, labels: Sequence[str]) -> str:
        """Another label than that toward our target."""
        if labels[0] == self.label:
            return ""
        follows = f", as toward {self.other_target}" if labels[0] == self.other_label else ""
        return f"{labels[0]}{follows}, not {self.label}: {self.text}"


_KINDS: dict[str, type[_Strict]] = {
    "minimum": Minimum,
    "invariance": Invariance,
    "direction": Direction,
    "target": Target,
}


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one file, all of one kind."""

    name: str
    kind: str
    about: str
    cases: tuple[_Case, ...]


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What one model did on one suite: low and high are the 95 % Wilson interval of its pass rate.

    The interval is that of cases drawn at random from many like them; those of a file were written, not drawn.
    """

    name: str
    kind: str
    about: str
    cases: int
    passed: int
    low: float
    high: float
    failures: tuple[tuple[str, str], ...]

    @property
    def rate(self) -> float:
        """Share of the cases that passed."""
        return self.passed / self.cases

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "rate": self.rate}


def read_suites(*folders: Path) -> list[Suite]:
    """The suites of every .yaml file of the folders, in order of their names.

    Raises UserMistake with every fault of every file, each with `file:line:column`, and when a folder holds none or two
    cases have one id.
    """
    suites: list[Suite] = []
    faults: list[str] = []
    names: dict[str, Path] = {}
    ids: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserMistake(f"{folder}: there is no such folder of cases")
        paths = sorted(folder.glob("*.yaml"))
        if not paths:
            raise UserMistake(f"{folder}: holds no case files (*.yaml)")
        for path in paths:
            document = yaml_source.read(path)
            suite, wrong = _read(document)
            if suite:
                wrong += _taken(suite, document, names, ids)
                names.setdefault(suite.name, path)
                ids |= {case.id: path for case in suite.cases}
                suites.append(suite)
            faults += [str(mistake(wrong))] if wrong else []
    if faults:
        raise UserMistake("\n".join(faults))
    return suites


def _taken(suite: Suite, document: yaml_source.Document, names: dict[str, Path], ids: dict[str, Path]) -> list[Fault]:
    """Faults of a suite whose name, or whose cases' ids, stand in an earlier file."""
    faults = []
    if suite.name in names:
        text = f"{suite.name} is a suite of {names[suite.name].name} already; give another name"
        faults.append(Fault(_place(("name",), document), "name", text))
    for number, case in enumerate(suite.cases):
        keys = ("cases", number, "id")
        if case.id in ids:
            text = f"{escaped(case.id)} is a case of {ids[case.id].name} already; ids tell cases apart"
            faults.append(Fault(_place(keys, document), dotted(keys), text))
    return faults


def run(suites: Sequence[Suite], predict: Predict) -> list[SuiteResult]:
    """One model's results; every statement is asked once, all together."""
    texts = list(dict.fromkeys(text for suite in suites for case in suite.cases for text in case.texts))
    given = dict(zip(texts, predict(texts), strict=True))
    found = []
    for suite in suites:
        faults = ((case.id, case.fault([given[text] for text in case.texts])) for case in suite.cases)
        failures = tuple((name, fault) for name, fault in faults if fault)
        passed = len(suite.cases) - len(failures)
        interval = binomtest(passed, len(suite.cases)).proportion_ci(method="wilson")
        low, high = float(interval.low), float(interval.high)
        found.append(SuiteResult(suite.name, suite.kind, suite.about, len(suite.cases), passed, low, high, failures))
    return found


def _read(document: yaml_source.Document) -> tuple[Suite | None, list[Fault]]:
    if document.data is None or document.faults:
        return None, document.faults
    kind = document.data.get("kind")
    if kind not in _KINDS:
        place = document.places.get(("kind",), document.places[()])
        return None, [Fault(place, "kind", f"needs one of {', '.join(_KINDS)}")]
    try:
        found = _file_of(_KINDS[str(kind)]).model_validate(document.data)
    except ValidationError as wrong:
        return None, list(_faults(wrong, document))
    if not found.cases:
        return None, [Fault(_place(("cases",), document), "cases", "holds no case")]
    return Suite(found.name, str(kind), found.about, tuple(found.cases)), _doubled(found.cases, document)


class _File(_Strict):
    name: _Slug
    kind: str
    about: _Text
    cases: tuple[Any, ...]


def _file_of(case: type[_Strict]) -> type[_File]:
    cases: Any = (tuple[case, ...], ...)  # type: ignore[valid-type]
    return create_model("_File", __base__=_File, cases=cases)


def _faults(wrong: ValidationError, document: yaml_source.Document) -> Iterator[Fault]:
    for error in wrong.errors():
        keys = tuple(error["loc"])
        said = str(error.get("ctx", {}).get("error", error["msg"]))  # our own ValueError without pydantic's prefix
        words = _WORDS.get(error["type"], said)
        yield Fault(_place(keys, document), dotted(keys), words)


# In place of pydantic's own words.
_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "string_type": "expected text",
    "string_too_short": "is empty",
    "string_pattern_mismatch": "is blank, or no name of small letters, digits, '_' and '-'",
}


def _place(keys: tuple[str | int, ...], document: yaml_source.Document) -> Place:
    """Where the key stands, or what holds it where the key is missing."""
    return next(document.places[keys[:end]] for end in range(len(keys), -1, -1) if keys[:end] in document.places)


def _doubled(cases: Sequence[_Case], document: yaml_source.Document) -> list[Fault]:
    seen: set[str] = set()
    faults = []
    for number, case in enumerate(cases):
        if case.id in seen:
            keys = ("cases", number, "id")
            faults.append(Fault(_place(keys, document), dotted(keys), f"{escaped(case.id)} stands twice"))
        seen.add(case.id)
    return faults
