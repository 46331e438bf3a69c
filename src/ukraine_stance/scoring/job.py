"""What to score: files in, a file or a folder of parts out, and the fingerprint by which the job is known again."""

from dataclasses import dataclass
from pathlib import Path

from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_json
from ukraine_stance.labels import ORDER
from ukraine_stance.scoring.parts import OPTIONS, Fingerprint
from ukraine_stance.tables import COMPRESSIONS, GUARDED, SUFFIXES, Place, find_places, format_suffix

# Raised whenever the same input and model would give other bytes.
_FORMAT = 2

# The column that tells rows of several files apart.
FILE_COLUMN = "input_file"


@dataclass(frozen=True, slots=True)
class ScoreJob:
    """What to score and how it is read.

    sources are files, folders, patterns or fsspec addresses. out is a file, or a folder of Parquet parts with
    as_folder or where it has no ending. prefix goes before every column that is added. engine names what runs the
    model, where that is another than the model's own code. shard_rows are scored, and lost by a kill, at most at once.
    """

    sources: tuple[str, ...]
    out: Path
    as_folder: bool = False
    text_column: str = "text"
    prefix: str = ""
    encoding: str = "utf-8"
    delimiter: str | None = None
    force: bool = False
    guard_formulas: bool = False
    engine: str = "model"
    shard_rows: int = 8192

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder of parts."""
        return self.as_folder or not self.out.suffix

    @property
    def parts(self) -> Path:
        """Where scored shards stand: the output itself, or a folder beside it until it is whole."""
        return self.out if self.is_folder else self.out.with_name(f"{self.out.name}.parts")

    @property
    def rejects(self) -> Path:
        """Rows that were not scored, with row, reason and raw bytes."""
        return self.out / "_rejects" if self.is_folder else self.out.with_name(f"{self.out.name}.rejects.jsonl")

    @property
    def manifest(self) -> Path:
        """Counts and hashes; by it a finished output file is known as ours."""
        return self.out.with_name(f"{self.out.name}.manifest.json")

    @property
    def suffix(self) -> str:
        """The output's format, without a compression's ending."""
        return format_suffix(self.out.name)

    @property
    def compression(self) -> str | None:
        """Arrow's name of the codec that the output's ending tells."""
        return COMPRESSIONS.get(self.out.suffix.lower())

    def places(self) -> tuple[list[Place], bool]:
        """The input's files, and whether there can be several.

        Raises UserMistake where there is none, one stands there twice, or the output would be one of them.
        """
        found = [find_places(source) for source in self.sources]
        places = [place for some, _ in found for place in some]
        doubled = [place for at, place in enumerate(places) if place in places[:at]] if len(found) > 1 else []
        if doubled:
            raise UserMistake(f"{doubled[0]}: is named twice")
        self._check_out(places)
        return places, len(places) > 1 or any(several for _, several in found)

    def fingerprint(self, places: list[Place], several: bool, classifier: StanceClassifier) -> Fingerprint:
        """What two jobs must share for one to go on with the other's parts.

        Reads every file on this machine once, for its hash; of a remote one only its size and entity tag are asked.
        """
        contents = [[place.name if several else place.suffix, place.identity()] for place in places]
        return {
            "format": str(_FORMAT),
            "model_id": classifier.model_id,
            "engine": self.engine,
            "target": classifier.target,
            "labels": ",".join(ORDER),
            **{name: str(value) for name in OPTIONS if (value := getattr(self, name)) is not None},
            "input_sha256": sha256_json(contents),
        }

    def _check_out(self, places: list[Place]) -> None:
        if self.guard_formulas and (self.is_folder or self.suffix not in GUARDED):
            raise UserMistake(
                f"--guard-formulas: is for {' and '.join(GUARDED)}, not for {self.out.name}; leave it out"
            )
        if not self.is_folder:
            if self.out.is_dir():
                raise UserMistake(f"{self.out}: is a folder; give a file, or end it in / for a folder of parts")
            if self.suffix not in SUFFIXES or (self.suffix == ".parquet" and self.compression):
                raise UserMistake(
                    f"{self.out}: end the output in one of {', '.join(SUFFIXES)} (.gz or .zst after a text's), "
                    "or in nothing for a folder of parts"
                )
        for source in self.sources:
            inside = Path(source)
            if inside.is_dir() and self.out.resolve().is_relative_to(inside.resolve()):
                raise UserMistake(f"{self.out}: stands in the input's own folder {source}; give another --out")
        for path in (self.out, self.rejects, self.manifest):
            if path.exists() and any(not place.is_remote and path.samefile(place.path) for place in places):
                raise UserMistake(f"{path}: is the input itself; give another --out")
