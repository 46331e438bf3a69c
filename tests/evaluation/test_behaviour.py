from collections.abc import Sequence
from pathlib import Path

import pytest

from ukraine_stance.corpus.bundled import read_statements
from ukraine_stance.corpus.splits import normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.behaviour import PACKAGED, Direction, Minimum, Suite, Target, read_suites, run

DATA = Path(__file__).parents[2] / "data" / "statements"
FILE = """name: {name}
kind: {kind}
about: What a model must do.
cases:
{cases}"""
MINIMUM = "  - id: {id}\n    text: Velden gives Kyiv a tram.\n    label: favor\n"


def written(folder: Path, name: str, kind: str, cases: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(FILE.format(name=name, kind=kind, cases=cases), encoding="utf-8")
    return path


def gold(suites: Sequence[Suite]) -> dict[str, str]:
    """The label of every statement that has one."""
    known: dict[str, str] = {}
    for suite in suites:
        for case in suite.cases:
            match case:
                case Direction():
                    known |= {case.before: case.before_label, case.after: case.after_label}
                case Minimum() | Target():
                    known[case.text] = case.label
    return known


def test_the_packaged_cases_are_over_three_hundred_and_try_every_hard_case() -> None:
    suites = read_suites(PACKAGED)
    assert sum(len(suite.cases) for suite in suites) >= 300
    assert {suite.kind for suite in suites} == {"minimum", "invariance", "direction", "target"}
    rules = [case.rule for suite in suites for case in suite.cases if isinstance(case, Minimum)]
    assert {rule for rule in range(1, 18) if rules.count(rule) >= 6} == set(range(1, 18))


def test_no_packaged_case_stands_in_the_data_that_models_learn_from() -> None:
    learned = {normalised(row.text) for row in read_statements(DATA)}
    texts = [text for suite in read_suites(PACKAGED) for case in suite.cases for text in case.texts]
    assert texts and not [text for text in texts if normalised(text) in learned]


def test_no_packaged_statement_has_two_labels() -> None:
    suites = read_suites(PACKAGED)
    labels: dict[str, set[str]] = {}
    for suite in suites:
        for text, label in gold([suite]).items():
            labels.setdefault(normalised(text), set()).add(label)
    assert labels and not {text for text, found in labels.items() if len(found) > 1}


def test_a_model_that_knows_every_label_passes_what_has_labels() -> None:
    suites = [suite for suite in read_suites(PACKAGED) if suite.kind != "invariance"]
    known = gold(suites)
    for result in run(suites, lambda texts: [known[text] for text in texts]):
        assert (result.passed, result.rate, result.failures) == (result.cases, 1, ())
        assert result.low < 1 == pytest.approx(result.high)


def test_a_model_with_one_answer_is_steady_and_follows_no_direction() -> None:
    by_kind = {result.kind: result for result in run(read_suites(PACKAGED), lambda texts: ["neutral"] * len(texts))}
    assert (by_kind["invariance"].rate, by_kind["direction"].rate) == (1, 0)


def test_a_failure_tells_what_was_answered_and_of_which_statement(tmp_path: Path) -> None:
    cases = "  - {id: t-1, text: Put it back., label: neutral, other_target: the duty, other_label: favor}\n"
    written(tmp_path, "duty", "target", cases)
    (result,) = run(read_suites(tmp_path), lambda texts: ["favor"] * len(texts))
    assert result.failures == (("t-1", "favor, as toward the duty, not neutral: Put it back."),)


def test_a_rewriting_that_changes_the_label_fails_also_where_gold_is_hit(tmp_path: Path) -> None:
    written(tmp_path, "names", "invariance", "  - id: n-1\n    text: one\n    same: [two, three]\n    label: favor\n")
    (result,) = run(read_suites(tmp_path), lambda texts: ["against" if text == "three" else "favor" for text in texts])
    assert (result.passed, result.failures) == (0, (("n-1", "favor becomes against: one / three"),))


def test_every_statement_is_asked_once(tmp_path: Path) -> None:
    written(tmp_path, "one", "minimum", MINIMUM.format(id="a"))
    written(tmp_path, "two", "minimum", MINIMUM.format(id="b"))
    asked: list[str] = []

    def predict(texts: Sequence[str]) -> list[str]:
        asked.extend(texts)
        return ["favor"] * len(texts)

    assert [result.passed for result in run(read_suites(tmp_path), predict)] == [1, 1]
    assert asked == ["Velden gives Kyiv a tram."]


@pytest.mark.parametrize(
    ("cases", "fault"),
    [
        (MINIMUM.format(id="a") + "    lable: favor\n", "8:5: cases[0].lable: unknown key"),
        (MINIMUM.format(id="a").replace("favor", "favour"), "7:5: cases[0].label: Input should be 'favor',"),
        (MINIMUM.format(id="a") * 2, "8:5: cases[1].id: a stands twice"),
        ("  - text: x\n    label: favor\n", "5:5: cases[0].id: is missing"),
        ("  - id: a\n    text: '  '\n    label: favor\n", "6:5: cases[0].text: is blank"),
        ("  []\n", "4:1: cases: holds no case"),
        (MINIMUM.format(id="a") + "    rule: 18\n", "8:5: cases[0].rule: Input should be less than or equal to 17"),
    ],
)
def test_a_mistake_in_a_case_file_is_told_with_line_and_column(tmp_path: Path, cases: str, fault: str) -> None:
    path = written(tmp_path, "mine", "minimum", cases)
    with pytest.raises(UserMistake) as refused:
        read_suites(PACKAGED, tmp_path)
    assert str(refused.value).startswith(f"{path}:{fault}")


def test_the_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    written(tmp_path, "one", "minimum", "  - id: a\n")
    written(tmp_path, "two", "directions", "  - id: b\n")
    with pytest.raises(UserMistake) as refused:
        read_suites(tmp_path)
    lines = str(refused.value).splitlines()
    assert len(lines) == 3 and "two.yaml:2:1: kind: needs one of minimum, invariance, direction, target" in lines[2]


def test_a_pair_that_keeps_its_label_is_no_direction(tmp_path: Path) -> None:
    cases = "  - id: a\n    before: x\n    after: y\n    before_label: favor\n    after_label: favor\n"
    written(tmp_path, "mine", "direction", cases)
    with pytest.raises(UserMistake, match="before_label and after_label are the same"):
        read_suites(tmp_path)


def test_an_id_that_two_files_use_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "one", "minimum", MINIMUM.format(id="a"))
    written(tmp_path, "two", "minimum", MINIMUM.format(id="a"))
    with pytest.raises(UserMistake, match=r"two.yaml:\d+:\d+: cases\[0\].id: a is a case of one.yaml already"):
        read_suites(tmp_path)


def test_a_suite_named_like_another_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "negation", "minimum", MINIMUM.format(id="of-mine"))
    with pytest.raises(UserMistake, match=r"negation.yaml:\d+:\d+: name: negation is a suite of negation.yaml already"):
        read_suites(PACKAGED, tmp_path)


def test_a_folder_that_is_not_there_is_not_called_empty(tmp_path: Path) -> None:
    (tmp_path / "cases.yaml").write_text("name: mine\n")
    for path in (tmp_path / "mine", tmp_path / "cases.yaml"):
        with pytest.raises(UserMistake, match="there is no such folder of cases"):
            read_suites(path)


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="holds no case files"):
        read_suites(tmp_path)
