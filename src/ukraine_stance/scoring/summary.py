"""What is counted while files are scored, shard by shard."""

import re
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc

from ukraine_stance.scoring.scripts import in_another_script
from ukraine_stance.tables import Reject


@dataclass(slots=True)
class ScoreSummary:
    """Counts of a job or of one shard; `rows == scored + rejected` always.

    repeated_texts are rows whose text stood in their shard already, and cost nothing; another_script are rows mostly
    in letters that are not Latin; ids_repeated is known for the whole job alone. rows_kept were scored by an earlier
    call that was stopped.
    """

    rows: int = 0
    scored: int = 0
    rejected: int = 0
    truncated: int = 0
    abstained: int = 0
    repeated_texts: int = 0
    another_script: int = 0
    ids_missing: int = 0
    ids_repeated: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stances: Counter[str] = field(default_factory=Counter)
    rows_kept: int = 0
    already_done: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        # Not `asdict`: it builds a Counter anew from pairs, and counts these.
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value for name, value in values.items()
        }

    def counts(self) -> dict[str, Any]:
        """What is the same however often the job was stopped."""
        values = self.as_dict()
        del values["rows_kept"], values["already_done"]
        return values

    @classmethod
    def from_counts(cls, counts: dict[str, Any]) -> Self:
        """The summary that `counts` described."""
        return cls(**{**counts, "reasons": Counter(counts["reasons"]), "stances": Counter(counts["stances"])})

    def add(self, other: "ScoreSummary") -> None:
        """Count another shard's rows too."""
        for one in fields(self):
            if one.name != "already_done":
                setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def lines(self) -> list[str]:
        """What a person should know of the rows."""
        stances = ", ".join(f"{count} {stance}" for stance, count in sorted(self.stances.items()))
        found = [f"{_rows(self.rows)}: {self.scored} scored ({stances or 'none'}), {self.rejected} rejected"]
        if self.already_done:
            found.insert(0, "scored already from this input by this model; nothing to do")
        if self.rows_kept:
            found.append(f"{self.rows_kept} of the rows had been read and scored by a call that was stopped: kept")
        found += [f"rejected: {_rows(count)}: {reason}" for reason, count in self.reasons.most_common()]
        if self.abstained:
            found.append(f"the model abstained on {_rows(self.abstained)}: no stance is given there")
        if self.truncated:
            found.append(f"longer than the model reads: {_rows(self.truncated)}, scored on their beginning")
        if self.repeated_texts:
            found.append(f"with a text that stands shortly before: {_rows(self.repeated_texts)}, scored once")
        if self.ids_missing or self.ids_repeated:
            found.append(
                f"ids: {self.ids_missing} missing, {self.ids_repeated} repeated; input_row tells the rows apart"
            )
        return found

    def warnings(self) -> list[str]:
        """What makes figures from these rows doubtful."""
        if not self.another_script:
            return []
        return [
            f"mostly in letters that are not Latin: {_rows(self.another_script)}; the models here learned English, "
            "and their stance means little"
        ]


def counted(table: pa.Table, prefix: str, rejects: list[Reject], texts: pa.Array, unique_texts: int) -> ScoreSummary:
    """The summary of one shard: its scored rows, its rejects, and the texts of the scored rows."""
    stances = table.column(f"{prefix}stance")
    named = {pair["values"]: pair["counts"] for pair in pc.value_counts(stances).to_pylist()}
    return ScoreSummary(
        rows=table.num_rows + len(rejects),
        scored=table.num_rows,
        rejected=len(rejects),
        truncated=pc.sum(table.column(f"{prefix}truncated")).as_py() or 0,
        abstained=named.pop("", 0),
        repeated_texts=table.num_rows - unique_texts,
        another_script=in_another_script(texts),
        ids_missing=_missing(table.column("id")) if "id" in table.column_names else 0,
        # What stands in brackets is of one row: without it, reasons are few.
        reasons=Counter(re.sub(r" \(.*\)", "", reject.reason, flags=re.DOTALL) for reject in rejects),
        stances=Counter(named),
    )


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _missing(ids: pa.ChunkedArray) -> int:
    empty = pc.sum(pc.equal(ids, "")).as_py() if pa.types.is_string(ids.type) else 0
    return int(ids.null_count + (empty or 0))
