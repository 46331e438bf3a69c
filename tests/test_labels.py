import re
from pathlib import Path

from ukraine_stance.labels import CODEBOOK_VERSION

CODEBOOK = Path(__file__).parents[1] / "data" / "CODEBOOK.md"


def test_new_votes_name_the_version_that_the_codebook_bears() -> None:
    found = re.search(r"^Version (\d+\.\d+)\.", CODEBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None and found.group(1) == CODEBOOK_VERSION
