"""Tasks for each labelling tool, and what its coders made of them, read back as it was."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.corpus.coding import write_tasks
from ukraine_stance.corpus.exchange import TOOLS, Labelling, Task
from ukraine_stance.corpus.exchange.tasks import Suggestion
from ukraine_stance.errors import UserMistake

# Labels by coder of each statement, in the order of the tasks.
Votes = Sequence[Mapping[str, str]]


def label_studio_export(tasks: Path, votes: Votes, export: Path) -> Path:
    """Every task with its annotations; coders are users 1, 2 and so on."""
    found = json.loads(tasks.read_text(encoding="utf-8"))
    for number, (task, labels) in enumerate(zip(found, votes, strict=True), start=1):
        task |= {"id": number, "annotations": [annotation(coder, label) for coder, label in labels.items()]}
    export.write_text(json.dumps(found), encoding="utf-8")
    return export


def annotation(coder: str, label: str | None, **values: Any) -> dict[str, Any]:
    choice = {"from_name": "stance", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    completed_by = int(coder.removeprefix("user-"))
    return {"completed_by": completed_by, "was_cancelled": False, "result": [choice] if label else [], **values}


def doccano_export(tasks: Path, votes: Votes, export: Path) -> Path:
    """A zip with a file for each coder, in which every statement stands."""
    found = [json.loads(line) for line in tasks.read_text(encoding="utf-8").split("\n") if line]
    with zipfile.ZipFile(export, "w") as archive:
        for coder in sorted({coder for labels in votes for coder in labels} or {"user-1"}):
            lines = [
                json.dumps({"id": number, **task, "label": [labels[coder]] if coder in labels else [], "Comments": []})
                for number, (task, labels) in enumerate(zip(found, votes, strict=True), start=1)
            ]
            archive.writestr(f"{coder}.jsonl", "\n".join(lines) + "\n")
    return export


def argilla_export(tasks: Path, votes: Votes, export: Path) -> Path:
    """Every record with its responses; coders are ids of users."""
    found = json.loads(tasks.read_text(encoding="utf-8"))
    for record, labels in zip(found, votes, strict=True):
        answers = [{"value": label, "user_id": coder} for coder, label in labels.items()]
        record |= {"responses": {"stance": answers} if answers else {}, "status": "completed", "_server_id": "x"}
    export.write_text(json.dumps(found), encoding="utf-8")
    return export


EXPORTS: dict[str, Callable[[Path, Votes, Path], Path]] = {
    "label-studio": label_studio_export,
    "doccano": doccano_export,
    "argilla": argilla_export,
}


def returned(tool: str, tasks: Sequence[Task], votes: Votes, folder: Path) -> list[Labelling]:
    """What is read back of the tasks once their coders gave these votes."""
    path, *_ = write_tasks(tasks, tool, folder / f"tasks{TOOLS[tool].suffix}", force=True)
    return TOOLS[tool].labellings(EXPORTS[tool](path, votes, folder / "export"))


def joined(found: Sequence[Labelling]) -> dict[str, tuple[str, dict[str, Any], dict[str, str]]]:
    """Text, columns and labels of each statement; doccano tells a statement once for each coder."""
    whole: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {}
    for one in found:
        text, columns, labels = whole.setdefault(one.statement_id, (one.text, one.columns, {}))
        assert (text, columns) == (one.text, one.columns)
        labels.update(one.labels)
    return whole


# Whatever a file of text can hold, and often what breaks lines, quotes or directions.
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.text(st.sampled_from('🙂👩‍👩‍👧"\\\n\r\t\u2028\u2029\u0085\u200f\u202eשלוםمرحبا<&,;{}[]\x00\x1c a'), min_size=1),
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXTS, st.lists(TEXTS, max_size=2)
)
TASKS = st.lists(
    st.builds(Task, TEXTS, TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3)),
    min_size=1,
    max_size=4,
    unique_by=lambda task: task.statement_id,
)
LABELS = st.dictionaries(st.sampled_from(["user-1", "user-2"]), st.sampled_from(["favor", "against", "neutral"]))

ONE = Task("s1", "Velden sends lorries.", {"outlet": "o", "group": "g"})
TWO = Task("s2", "Arlo does not.")


@pytest.mark.parametrize("tool", TOOLS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_whatever_a_statement_holds_comes_back_with_the_labels_of_its_coders(tool: str, data: st.DataObject) -> None:
    tasks = data.draw(TASKS)
    votes = data.draw(st.lists(LABELS, min_size=len(tasks), max_size=len(tasks)))
    with TemporaryDirectory() as folder:
        found = joined(returned(tool, tasks, votes, Path(folder)))
    assert found == {
        task.statement_id: (task.text, task.columns, labels) for task, labels in zip(tasks, votes, strict=True)
    }


@pytest.mark.parametrize("tool", TOOLS)
def test_tasks_come_in_the_order_of_the_statements(tool: str, tmp_path: Path) -> None:
    found = returned(tool, [TWO, ONE], [{"user-1": "favor"}, {}], tmp_path)
    assert [one.statement_id for one in found] == ["s2", "s1"]


def suggested(tool: str, folder: Path) -> Any:
    """The task of ONE with a suggestion, and of TWO without."""
    told = [ONE, TWO]
    path, *_ = write_tasks(
        told, tool, folder / f"tasks{TOOLS[tool].suffix}", {"s1": Suggestion("against", 0.875, "m-1")}
    )
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if tool == "doccano" else json.loads(text)


def test_label_studio_is_given_a_suggestion_as_a_prediction_of_its_interface(tmp_path: Path) -> None:
    one, two = suggested("label-studio", tmp_path)
    choice = {"from_name": "stance", "to_name": "text", "type": "choices", "value": {"choices": ["against"]}}
    assert one["predictions"] == [{"model_version": "m-1", "score": 0.875, "result": [choice]}]
    assert "predictions" not in two
    interface = (tmp_path / "tasks.json.config.xml").read_text(encoding="utf-8")
    assert '<Text name="text" value="$text"/>' in interface and '<Choices name="stance" toName="text"' in interface
    assert all(f'<Choice value="{label}"' in interface for label in ("favor", "against", "neutral"))


def test_doccano_is_given_a_suggestion_beside_the_text_and_never_as_a_label(tmp_path: Path) -> None:
    one, two = suggested("doccano", tmp_path)
    assert one["label"] == two["label"] == []
    assert one["suggested"] == "against 0.88 (m-1)" and "suggested" not in two


def test_argilla_is_given_a_suggestion_with_its_score_and_agent(tmp_path: Path) -> None:
    one, two = suggested("argilla", tmp_path)
    assert one["suggestions"] == {"stance": {"value": "against", "score": 0.875, "agent": "m-1"}}
    assert two["suggestions"] == two["responses"] == {}


@pytest.mark.parametrize("tool", ["doccano", "argilla"])
def test_files_of_tools_that_guess_the_encoding_are_ascii(tool: str, tmp_path: Path) -> None:
    task = Task("s1", "“Ні”, 🙂")
    path, *_ = write_tasks([task], tool, tmp_path / f"tasks{TOOLS[tool].suffix}")
    assert path.read_bytes().isascii()


def studio(folder: Path, *annotations: Any) -> list[Labelling]:
    export = folder / "export.json"
    task = {"data": {"text": "x", "statement_id": "s1", "columns": "{}"}, "annotations": list(annotations)}
    export.write_text(json.dumps([task]), encoding="utf-8")
    return TOOLS["label-studio"].labellings(export)


def test_skipped_and_empty_annotations_of_label_studio_are_no_labels(tmp_path: Path) -> None:
    skipped, empty = annotation("user-1", "favor", was_cancelled=True), annotation("user-2", None)
    other = annotation("user-4", "against")
    other["result"][0]["from_name"] = "mood"
    (found,) = studio(tmp_path, skipped, empty, annotation("user-3", "neutral"), other)
    assert found.labels == {"user-3": "neutral"}


@pytest.mark.parametrize(
    ("completed_by", "coder"),
    [(7, "user-7"), ({"id": 7, "email": "a@example.org"}, "a@example.org"), ({"id": 7}, "user-7")],
)
def test_a_coder_of_label_studio_is_an_address_or_a_number(tmp_path: Path, completed_by: Any, coder: str) -> None:
    (found,) = studio(tmp_path, annotation("1", "favor", completed_by=completed_by))
    assert found.labels == {coder: "favor"}


def test_a_coder_of_label_studio_may_say_the_same_twice_and_nothing_else(tmp_path: Path) -> None:
    (found,) = studio(tmp_path, annotation("1", "favor"), annotation("1", "favor"))
    assert found.labels == {"user-1": "favor"}
    with pytest.raises(UserMistake, match="task 1: user-1 gave two labels; delete one"):
        studio(tmp_path, annotation("1", "favor"), annotation("1", "against"))


def test_an_unanswered_question_of_argilla_is_no_label(tmp_path: Path) -> None:
    export = argilla_export(
        write_tasks([ONE], "argilla", tmp_path / "t.json")[0], [{"u1": "favor"}], tmp_path / "e.json"
    )
    records = json.loads(export.read_text(encoding="utf-8"))
    records[0]["responses"]["stance"].append({"value": None, "user_id": "u2"})
    export.write_text(json.dumps(records), encoding="utf-8")
    (found,) = TOOLS["argilla"].labellings(export)
    assert found.labels == {"u1": "favor"}


def test_doccanos_files_are_read_alone_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    whole = returned("doccano", [ONE, TWO], [{"ann": "favor", "bo": "neutral"}, {"bo": "against"}], tmp_path)
    with zipfile.ZipFile(tmp_path / "export") as archive:
        archive.extractall(tmp_path / "folder")
    (tmp_path / "folder" / "notes.txt").write_text("no export")
    read = TOOLS["doccano"].labellings
    assert joined(read(tmp_path / "folder")) == joined(whole)
    (alone, _) = read(tmp_path / "folder" / "ann.jsonl")
    assert alone.labels == {"ann": "favor"}


def test_a_byte_order_mark_and_blank_lines_are_no_faults(tmp_path: Path) -> None:
    row = json.dumps({"text": "x", "statement_id": "s1", "label": []})
    (tmp_path / "ann.jsonl").write_text(f"\ufeff{row}\r\n\n  \n", encoding="utf-8")
    assert len(TOOLS["doccano"].labellings(tmp_path / "ann.jsonl")) == 1
    (tmp_path / "export.json").write_text("\ufeff[]", encoding="utf-8")
    assert TOOLS["argilla"].labellings(tmp_path / "export.json") == []


STUDIO = {"data": {"text": "x", "statement_id": "s1"}, "annotations": []}
RECORD = {"fields": {"text": "x"}, "metadata": {"statement_id": "s1"}, "responses": {}}
ROW = {"text": "x", "statement_id": "s1", "label": []}


@pytest.mark.parametrize(
    ("tool", "content", "said"),
    [
        ("label-studio", "{", ": not JSON ("),
        ("label-studio", {}, ": not a JSON array of objects; export as JSON from Label Studio (not JSON-MIN)"),
        ("label-studio", [5], ": not a JSON array of objects"),
        ("label-studio", [{"text": "x", "stance": "favor"}], ": task 1: no data and annotations; export as JSON from"),
        ("label-studio", [STUDIO, {**STUDIO, "annotations": [5]}], ": task 2: not as exported ("),
        (
            "label-studio",
            [{**STUDIO, "annotations": [annotation("1", "pro")]}],
            ": task 1: user-1 labelled 'pro', none",
        ),
        (
            "label-studio",
            [{**STUDIO, "annotations": [{"result": [{"from_name": "stance", "value": {"rating": 3}}]}]}],
            ": task 1: not as exported (",
        ),
        (
            "label-studio",
            [{**STUDIO, "annotations": [{"result": 2 * annotation("1", "favor")["result"]}]}],
            ": task 1: an annotation with 2 labels; a statement has one",
        ),
        ("label-studio", [{**STUDIO, "data": {"text": "x"}}], ": task 1: no statement_id and text; only tasks that"),
        (
            "label-studio",
            [{**STUDIO, "data": {"text": "x", "statement_id": "s1", "columns": "5"}}],
            ": task 1: its columns are not the JSON that `stance data tasks` wrote",
        ),
        ("argilla", "[}", ": not JSON ("),
        ("argilla", [{"text": "x"}], ": task 1: no fields and responses; export with dataset.records.to_json"),
        ("argilla", [{**RECORD, "metadata": {}}], ": task 1: no statement_id and text"),
        ("argilla", [{**RECORD, "metadata": [1]}], ": task 1: not as exported ("),
        ("argilla", [{**RECORD, "responses": {"stance": [{"value": "favor"}]}}], ": task 1: not as exported ("),
        (
            "argilla",
            [{**RECORD, "responses": {"stance": [{"value": "pro", "user_id": "u1"}]}}],
            ": task 1: u1 labelled 'pro', none of favor, against, neutral",
        ),
        ("doccano", "{", ": line 1: not JSON ("),
        ("doccano", [], ": line 1: no list of labels; export as JSONL from a text classification project"),
        ("doccano", {**ROW, "label": "favor"}, ": line 1: no list of labels"),
        ("doccano", {**ROW, "label": ["favor", "neutral"]}, ": line 1: export gave the labels favor, neutral; a"),
        ("doccano", {**ROW, "label": ["pro"]}, ": line 1: export labelled 'pro', none of favor, against, neutral"),
        ("doccano", {"text": "x", "label": []}, ": line 1: no statement_id and text"),
    ],
)
def test_what_no_tool_exported_is_one_line_that_names_its_place(
    tmp_path: Path, tool: str, content: Any, said: str
) -> None:
    export = tmp_path / f"export{TOOLS[tool].suffix}"
    export.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    with pytest.raises(UserMistake) as refused:
        TOOLS[tool].labellings(export)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{export}{said}")


@pytest.mark.parametrize("tool", TOOLS)
def test_an_export_that_is_not_there_or_is_no_text_is_one_line(tmp_path: Path, tool: str) -> None:
    broken = tmp_path / f"export{TOOLS[tool].suffix}"
    broken.write_bytes(b"\xff\xfe[")
    for path in (tmp_path / "none", broken):
        with pytest.raises(UserMistake, match=f"^{path}: [^\n]*$"):
            TOOLS[tool].labellings(path)


def test_a_broken_zip_of_doccano_is_one_line(tmp_path: Path) -> None:
    returned("doccano", [ONE], [{"ann": "favor"}], tmp_path)
    export = tmp_path / "export"
    export.write_bytes(export.read_bytes().replace(b"ann.jsonl", b"bnn.jsonl", 1))
    with pytest.raises(UserMistake, match=f"^{export}: cannot be read [^\n]*$"):
        TOOLS["doccano"].labellings(export)
