import pyarrow as pa
import pytest

from ukraine_stance.scoring.scripts import in_another_script


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("The ferry left at noon.", 0),
        ("Пором відплив опівдні.", 1),
        ("المعبر غادر ظهرا", 1),
        ("渡轮中午离开", 1),
        ("The paper “Пором” of Veldmark", 0),
        ("Пором ok", 1),
        ("Größe, naïve, łódź — 30 °C 🚢 ½", 0),
        ("123 !?", 0),
        ("", 0),
    ],
)
def test_texts_mostly_in_letters_that_are_not_latin_are_counted(text: str, foreign: int) -> None:
    assert in_another_script(pa.array([text, "plain", text])) == 2 * foreign


def test_no_texts_have_none() -> None:
    assert in_another_script(pa.array([], pa.string())) == 0
