"""What a config may say: one frozen model for each section, every key with its meaning, unit and bounds."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ukraine_stance.labels import FIELD_SHARES

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
SHA256 = r"^[0-9a-f]{64}$"
KEY = r"^[a-z0-9][a-z0-9_\-]*$"
LONGEST_NAME = 80
REGISTRY_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # MLflow bars '/' and ':'; '@' divides models:/NAME@ALIAS

# Thirds written with three decimals will do: every figure made from shares is a ratio.
_SHARES_TOLERANCE = 0.002

DATA_FILE_ENDINGS = (".csv", ".jsonl", ".parquet")


def _one_clean_line(text: str) -> str:
    if text != text.strip() or text.splitlines() != [text] or "\0" in text:
        raise ValueError("must be one line of text without spaces around it")
    return text


def _shortest_first(sizes: tuple[int, int]) -> tuple[int, int]:
    shortest, longest = sizes
    if shortest > longest:
        raise ValueError(f"the shortest n-gram comes first: [{longest}, {shortest}]")
    return sizes


def _data_file(name: str) -> str:
    if PurePath(name).suffix.lower() not in DATA_FILE_ENDINGS:
        raise ValueError(f"a data file ends in one of {', '.join(DATA_FILE_ENDINGS)}")
    return name


def _adding_up_to_one(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1) > _SHARES_TOLERANCE:
        raise ValueError(f"the shares of favor, against and neutral must add up to 1, found {sum(shares):g}")
    return shares


def named_once(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names as they are. Raises ValueError where one of them repeats."""
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"names more than once: {', '.join(repeated)}")
    return names


Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_one_clean_line)]
WordSizes = Annotated[
    tuple[Annotated[int, Field(ge=1, le=5)], Annotated[int, Field(ge=1, le=5)]], AfterValidator(_shortest_first)
]
CharSizes = Annotated[
    tuple[Annotated[int, Field(ge=1, le=10)], Annotated[int, Field(ge=1, le=10)]], AfterValidator(_shortest_first)
]
DataFiles = Annotated[tuple[Annotated[Text, AfterValidator(_data_file)], ...], AfterValidator(named_once)]
Targets = Annotated[tuple[Text, ...], AfterValidator(named_once)]
Share = Annotated[float, Field(ge=0, le=1)]
FieldShares = Annotated[tuple[Share, Share, Share], AfterValidator(_adding_up_to_one)]


class Section(BaseModel):
    """A part of a config: frozen, without unknown keys, and no value is turned into another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=True)


Schema = TypeVar("Schema", bound=Section)


@dataclass(frozen=True, slots=True)
class Layout(Generic[Schema]):
    """One kind of config file: its schema and the sections in it, as the words about faults need them.

    A section is None where a file may name its keys freely, or where its key `family` says which of `families` it is;
    that one is called `model`.
    """

    schema: type[Schema]
    sections: dict[str, type[Section] | None]
    families: dict[str, type[Section]]


AnyLayout = Layout[Any]


class DataConfig(Section):
    """What the model learns from and is tested on."""

    bundled: bool = Field(default=True, description="Use the bundled statements of the built dataset.")
    files: DataFiles = Field(
        default=(),
        description="Your own labelled files: CSV, JSONL or Parquet with the columns text and label.",
        json_schema_extra={"uniqueItems": True},
    )
    articles: Literal["test", "train", "folds"] = Field(
        default="test",
        description="What the labelled article sentences, where built, serve for: 'test' keeps all of them for the "
        "test, 'train' gives all of them to training, 'folds' leaves them in the folds that the dataset gave them.",
    )
    targets: Targets = Field(
        default=(),
        description="Learn from, and be tested on, statements toward these targets alone, as the column target writes "
        "them: one gives a model of that target's own; empty takes all.",
        json_schema_extra={"uniqueItems": True},
    )

    @model_validator(mode="after")
    def _something_to_learn_from(self) -> "DataConfig":
        if not self.bundled and not self.files and self.articles == "test":
            raise ValueError(
                "nothing to learn from (set data.bundled to true, name data.files, or set data.articles to 'train')"
            )
        return self


class TfidfConfig(Section):
    """Word and character TF-IDF with logistic regression."""

    family: Literal["tfidf"] = Field(
        default="tfidf", description="Kind of model; decides which other keys the section has."
    )
    word_ngrams: WordSizes = Field(default=(1, 2), description="Word n-grams, [shortest, longest], in words.")
    char_ngrams: CharSizes | None = Field(
        default=(3, 5),
        description="Character n-grams inside words (char_wb), [shortest, longest], in characters; null for none.",
    )
    min_documents: int = Field(
        default=1, ge=1, description="Training statements that must hold a term for it to count."
    )
    sublinear: bool = Field(default=True, description="Count a repeated term as 1 + ln(count) instead of count.")
    c: float = Field(
        gt=0, le=1e6, description="Inverse strength of the regularisation, no unit: a larger c fits the data closer."
    )
    class_weight: Literal["balanced"] | None = Field(
        description="'balanced' weighs each class by its rarity in training; null weighs every statement alike."
    )
    per_target: bool = Field(
        default=False,
        description="With several targets, let each weigh every term for itself beside the weight that the term has "
        "toward all; false is one model that ignores the target. A target that training lacks gets the shared weights.",
    )


class EncoderConfig(Section):
    """What is said of a pretrained encoder, whatever is made of it."""

    family: str = Field(description="Kind of model; decides which other keys the section has.")
    checkpoint: Text = Field(
        description="Pretrained weights: a folder or a hub name; a packaged copy is used where there is one."
    )
    checkpoint_sha256: Annotated[str, StringConstraints(pattern=SHA256)] | None = Field(
        default=None, description="SHA-256 of the checkpoint's model.safetensors, in hexadecimal; null checks nothing."
    )
    revision: Text | None = Field(default=None, description="Branch, tag or commit on the hub; null takes the newest.")
    max_tokens: int = Field(
        default=128, ge=8, le=8192, description="Tokens that the model reads; a longer text is cut there."
    )


class EmbeddingConfig(EncoderConfig):
    """Logistic regression on the sentence embeddings of a pretrained encoder, which is not trained further."""

    family: Literal["embedding"] = Field(
        default="embedding", description="Kind of model; decides which other keys the section has."
    )
    c: float = Field(
        gt=0, le=1e6, description="Inverse strength of the regularisation, no unit: a larger c fits the data closer."
    )
    class_weight: Literal["balanced"] | None = Field(
        description="'balanced' weighs each class by its rarity in training; null weighs every statement alike."
    )


class TransformerConfig(EncoderConfig):
    """A pretrained encoder, fine-tuned with a classification head."""

    family: Literal["transformer"] = Field(
        default="transformer", description="Kind of model; decides which other keys the section has."
    )
    target_in_input: bool = Field(
        default=True, description="Let the model read the target's words beside the statement."
    )
    pooling: Literal["mean"] | None = Field(
        default=None,
        description="What the classifier reads of the network's last layer: 'mean' is the mean over all tokens; null "
        "is what the library does for the architecture, for most the first token through one more layer.",
    )
    epochs: int = Field(ge=1, le=1000, description="Most passes over the training statements.")
    batch_size: int = Field(ge=1, le=4096, description="Statements for one step of the optimiser.")
    learning_rate: float = Field(gt=0, le=1, description="Peak step size of the optimiser (AdamW), no unit.")
    warmup_fraction: float = Field(
        ge=0, lt=1, description="Share of all steps in which the learning rate climbs from 0, from 0 to below 1."
    )
    weight_decay: float = Field(ge=0, le=1, description="AdamW's decay of the weights, no unit; 0 turns it off.")
    class_weights: Literal["balanced"] | None = Field(
        description="'balanced' weighs each class by its rarity in training; null weighs every statement alike."
    )
    r_drop: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="R-Drop's alpha, no unit: every training statement is read twice, with other units dropped each "
        "time, and answers that differ count so much beside wrong ones. A step takes nearly twice as long; 0 turns it "
        "off.",
    )
    patience: int = Field(
        ge=1,
        le=1000,
        description="Epochs without a better validation macro-F1 before training stops; as many as epochs: never.",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto", description="Number format of training: 'auto' takes bf16 where the machine is fast at it."
    )
    reproducible: Literal["strict", "seeded"] = Field(
        default="strict",
        description="'strict': the same config, data, versions, machine and number of threads give the same weights to "
        "the bit, and an operation that cannot is refused; 'seeded': everything random is seeded, no more is promised.",
    )
    checkpoint_steps: int = Field(
        default=500,
        ge=1,
        description="Steps of the optimiser within an epoch after which a checkpoint is written, besides that at its "
        "end: a killed training loses no more work than that.",
    )


class EnsembleConfig(Section):
    """The models of the sections `tfidf` and `transformer`, weighed by a third that learns from their answers."""

    family: Literal["ensemble"] = Field(
        default="ensemble", description="Kind of model; decides which other keys the section has."
    )
    folds: int = Field(
        default=3,
        ge=2,
        le=10,
        description="Parts of the training statements, groups kept whole: each is answered by members that learned "
        "from the others, and these answers teach how to weigh the members. Training takes about as many times longer.",
    )
    weighing: Literal["learned", "equal"] = Field(
        default="learned",
        description="'learned' weighs the families by their answers to the `folds` parts; 'equal' takes the mean of "
        "their log-probabilities, and trains every member once.",
    )
    transformers: int = Field(
        default=1,
        ge=1,
        le=20,
        description="Transformers in the ensemble, each trained with another seed; they answer by their mean.",
    )
    c: float = Field(
        default=1.0,
        gt=0,
        le=1e6,
        description="Inverse strength of the weighing model's regularisation, no unit: a larger c fits closer.",
    )

    @model_validator(mode="after")
    def _nothing_for_weights_that_are_not_learned(self) -> "EnsembleConfig":
        fields = type(self).model_fields
        idle = [name for name in ("folds", "c") if getattr(self, name) != fields[name].default]
        if self.weighing == "equal" and idle:
            raise ValueError(f"{' and '.join(idle)} would do nothing: weighing is equal (leave out, or set learned)")
        return self


MemberConfig = TfidfConfig | TransformerConfig
ModelConfig = Annotated[
    TfidfConfig | EmbeddingConfig | TransformerConfig | EnsembleConfig, Field(discriminator="family")
]


class AbstentionConfig(Section):
    """When the model gives no label; its threshold is chosen on validation and stored with it."""

    precision: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of right labels wanted among the statements answered: the lowest threshold is taken whose "
        "lower bound (one-sided, 95 %, over groups) on validation reaches it; null with coverage null: never abstain.",
    )
    coverage: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Share of validation statements to answer, the most confident ones; null with precision null: all.",
    )

    @model_validator(mode="after")
    def _one_wish(self) -> "AbstentionConfig":
        if self.precision is not None and self.coverage is not None:
            raise ValueError("one threshold cannot be chosen for both (set abstention.precision or .coverage to null)")
        return self


class EvaluationConfig(Section):
    """How sure the reported figures are."""

    bootstrap_samples: int = Field(
        default=2000, ge=100, le=100_000, description="Resamples of the test groups behind each confidence interval."
    )
    confidence_level: float = Field(
        default=0.95,
        gt=0.5,
        lt=1,
        description="Share of intervals that should hold the true value, above 0.5 and below 1.",
    )
    field_shares: FieldShares = Field(
        default=FIELD_SHARES,
        description="Shares of favor, against and neutral in the text that the model is for, adding up to 1: precision "
        "is told for them too.",
    )


class TrackingConfig(Section):
    """Where MLflow shows the run; the run folder holds everything in any case."""

    enabled: bool = Field(default=True, description="Publish the run to MLflow.")
    experiment: Text = Field(default="ukraine-stance", description="Name of the MLflow experiment.")
    registered_model: Annotated[str, StringConstraints(max_length=200, pattern=REGISTRY_NAME)] | None = Field(
        default=None,
        description="Name in MLflow's model registry under which the model gets a new version; null for none.",
    )


class ExperimentConfig(Section):
    """One complete experiment of ukraine-stance."""

    name: Annotated[str, StringConstraints(max_length=LONGEST_NAME, pattern=SLUG)] = Field(
        description="Name of the experiment, part of the run folder's name: small letters, digits and hyphens."
    )
    seed: int = Field(ge=0, le=2**32 - 1, description="Seed of everything random in the run.")
    data: DataConfig = Field(description="The statements to learn from and to be tested on.")
    model: ModelConfig = Field(description="The model; its family decides which keys it has.")
    tfidf: TfidfConfig | None = Field(default=None, description="The TF-IDF member of an ensemble.")
    transformer: TransformerConfig | None = Field(default=None, description="The transformer member of an ensemble.")
    abstention: AbstentionConfig = Field(default=AbstentionConfig(), description="When the model gives no label.")
    evaluation: EvaluationConfig = Field(default=EvaluationConfig(), description="How the test is reported.")
    tracking: TrackingConfig = Field(default=TrackingConfig(), description="Whether and where MLflow shows the run.")

    @model_validator(mode="after")
    def _members_of_an_ensemble_alone(self) -> "ExperimentConfig":
        present = [name for name in MEMBERS if getattr(self, name) is not None]
        if self.model.family == "ensemble" and len(present) < len(MEMBERS):
            raise ValueError(f"an ensemble needs the sections {' and '.join(MEMBERS)} beside model")
        if self.model.family != "ensemble" and present:
            raise ValueError(f"the section {present[0]} is for the family ensemble alone, not for {self.model.family}")
        return self

    @property
    def members(self) -> tuple[MemberConfig, ...]:
        """What an ensemble is made of, empty for any other family."""
        return tuple(member for member in (self.tfidf, self.transformer) if member is not None)


# Sections of their own for the members of an ensemble.
MEMBERS: dict[str, type[Section]] = {"tfidf": TfidfConfig, "transformer": TransformerConfig}

EXPERIMENT = Layout(
    ExperimentConfig,
    # Where a key stands in several, the last one is named to who misplaced it.
    {
        **MEMBERS,
        "data": DataConfig,
        "model": None,
        "abstention": AbstentionConfig,
        "evaluation": EvaluationConfig,
        "tracking": TrackingConfig,
    },
    {
        "tfidf": TfidfConfig,
        "embedding": EmbeddingConfig,
        "transformer": TransformerConfig,
        "ensemble": EnsembleConfig,
    },
)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a config file, for editors; `configs/schema.json` is its dump."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ExperimentConfig.model_json_schema()}
