from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.scoring import ids
from ukraine_stance.scoring.ids import repeated_ids


def columns(values: list[str | None]) -> list[pa.ChunkedArray]:
    return [pa.chunked_array([pa.array(values[at : at + 3], pa.string())]) for at in range(0, len(values), 3)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.sampled_from(["", "0", "00", "a", "é"])), st.sampled_from([2, 1_000_000]))
def test_rows_whose_id_came_before_are_counted_however_few_fit_into_memory(
    tmp_path_factory: pytest.TempPathFactory, values: list[str | None], held: int
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ids, "_IDS_A_BUCKET", held)
        found = repeated_ids(columns(values), len(values), folder)
    named = [value for value in values if value]
    assert found == len(named) - len(set(named))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("values", [[1, 1, None, 2], [0.5, 0.5, 1.5], [["a"], ["a"], None], [True, True]])
def test_ids_of_any_type_are_counted(tmp_path: Path, values: list[object]) -> None:
    assert repeated_ids([pa.chunked_array([values])], len(values), tmp_path) == 1
