from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ukraine_stance.config import LoadedConfig, TfidfConfig, TransformerConfig, load, load_any
from ukraine_stance.errors import UserMistake

REPOSITORY = Path(__file__).parents[2]

FAMILIES = "'tfidf' or 'embedding' or 'transformer' or 'ensemble'"
TFIDF = """\
name: floor
seed: 7
data:
  bundled: true
model:
  family: tfidf
  c: 8
  class_weight: balanced
"""

TRANSFORMER = """\
name: encoder
seed: 7
data: {}
model:
  family: transformer
  checkpoint: some/checkpoint
  epochs: 3
  batch_size: 16
  learning_rate: 1e-4
  warmup_fraction: 0.1
  weight_decay: 0.01
  class_weights: null
  patience: 2
"""

ENSEMBLE = """\
name: both
seed: 7
data: {}
model:
  family: ensemble
tfidf:
  c: 1.0
  class_weight: null
transformer:
  checkpoint: some/checkpoint
  epochs: 3
  batch_size: 16
  learning_rate: 1e-4
  warmup_fraction: 0.1
  weight_decay: 0.01
  class_weights: null
  patience: 2
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(text: str | bytes) -> Path:
    path = Path("x.yaml")
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def load_text(text: str | bytes, *overrides: str) -> LoadedConfig:
    return load(write(text), overrides)


def faults(text: str | bytes, *overrides: str) -> list[str]:
    with pytest.raises(UserMistake) as caught:
        load_text(text, *overrides)
    return str(caught.value).split("\n")


def only_fault(text: str | bytes, *overrides: str) -> str:
    (fault,) = faults(text, *overrides)
    return fault


pytestmark = pytest.mark.usefixtures("here")


def test_a_config_of_either_family_loads_with_its_defaults() -> None:
    tfidf, transformer = load_text(TFIDF).config, load_text(TRANSFORMER).config
    assert isinstance(tfidf.model, TfidfConfig)
    assert (tfidf.model.word_ngrams, tfidf.model.char_ngrams, tfidf.model.c) == ((1, 2), (3, 5), 8.0)
    assert isinstance(transformer.model, TransformerConfig)
    assert (transformer.model.max_tokens, transformer.model.learning_rate) == (128, 0.0001)
    assert transformer.evaluation.bootstrap_samples == 2000


def test_every_value_knows_where_it_comes_from() -> None:
    origins = load_text(TFIDF, "model.c=0.5", "tracking.enabled=false").origins
    assert origins["model.family"] == "x.yaml:6:3"
    assert origins["model.c"] == "--set model.c=0.5"
    assert origins["tracking.enabled"] == "--set tracking.enabled=false"
    assert origins["tracking.experiment"] == "default"


def test_four_faults_in_the_file_and_two_in_overrides_are_six_lines_sorted_by_position() -> None:
    text = TFIDF.replace("seed: 7", "seed: seven").replace("c: 8", "c: 0\n  ngrams: 3") + "sede: 1\n"
    assert faults(text, "model.sublinear=maybe", "evaluation.confidence_level=95") == [
        "x.yaml:2:1: seed: expected a whole number, found the text 'seven'",
        "x.yaml:7:3: model.c: must be above 0, found the whole number 0",
        "x.yaml:8:3: model.ngrams: unknown key (did you mean 'word_ngrams'?)",
        "x.yaml:10:1: sede: unknown key (did you mean 'seed'?)",
        "--set model.sublinear=maybe: model.sublinear: expected true or false, found the text 'maybe'",
        "--set evaluation.confidence_level=95: evaluation.confidence_level: must be below 1, found the whole number 95",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("seed: '7'", "seed: expected a whole number, found the text '7' (remove the quotes)"),
        ("seed: 7.0", "seed: expected a whole number, found the number 7.0"),
        ("seed: true", "seed: expected a whole number, found true"),
        ("seed: 1_000", "seed: expected a whole number, found the text '1_000'"),
        ("seed: -1", "seed: must be at least 0, found the whole number -1"),
        ("seed: 4294967296", "seed: must be at most 4294967295, found the whole number 4294967296"),
        ("seed: [7]", "seed: expected a whole number, found a list of 1 value"),
        ("seed: {a: 7}", "seed: expected a whole number, found a section of keys"),
        ("seed:", "seed: expected a whole number, found null"),
    ],
)
def test_a_value_of_the_wrong_type_or_size_says_what_was_expected_and_what_was_found(line: str, fault: str) -> None:
    assert only_fault(TFIDF.replace("seed: 7", line)) == f"x.yaml:2:1: {fault}"


@pytest.mark.parametrize(
    ("setting", "fault"),
    [
        ("name=My Run", "expected small letters, digits and single hyphens between them; found the text 'My Run'"),
        ("name=3", "expected text, found the whole number 3 (put it in quotes)"),
        ("data.articles=all", "expected 'test', 'train' or 'folds', found the text 'all'"),
        ("data.files=a.csv", "expected a list in brackets, found the text 'a.csv'"),
        ("data.files=[a.csv, a.csv]", "names more than once: a.csv"),
        ("model.class_weight=none", "expected 'balanced' or null, found the text 'none'"),
        ("model.word_ngrams=[2, 1]", "the shortest n-gram comes first: [1, 2]"),
        ("model.word_ngrams=[1]", "expected two whole numbers [shortest, longest], found a list of 1 value"),
        ("model.char_ngrams=[]", "expected two whole numbers [shortest, longest] or null, found a list of 0 values"),
        (
            "model.char_ngrams=[1, 2, 3]",
            "expected two whole numbers [shortest, longest] or null, found a list of 3 values",
        ),
        (
            "evaluation.field_shares=[0.3, 0.7]",
            "expected three shares [favor, against, neutral], found a list of 2 values",
        ),
        (
            "evaluation.field_shares=[0.3, 0.05, 0.6]",
            "the shares of favor, against and neutral must add up to 1, found 0.95",
        ),
        ("abstention.precision=1", "must be below 1, found the whole number 1"),
        ("abstention.coverage=0", "must be above 0, found the whole number 0"),
        ("model.c=.nan", "expected a finite number, found the number nan"),
        ("model.c=true", "expected a number, found true"),
        ("tracking.experiment=''", "expected text, found an empty one"),
        ("tracking.experiment=' a'", "must be one line of text without spaces around it"),
        ('tracking.experiment="a\\nb"', "must be one line of text without spaces around it"),
        ('tracking.experiment="\\ud800"', "holds half of a surrogate pair, which is no character"),
        (
            "tracking.registered_model=a/b",
            "expected letters, digits, '.', '_' and '-', the first a letter or digit, or null; found the text 'a/b'",
        ),
    ],
)
def test_each_kind_of_bad_value_has_plain_words(setting: str, fault: str) -> None:
    key = setting.partition("=")[0]
    assert only_fault(TFIDF, setting) == f"--set {setting}: {key}: {fault}"


def test_an_item_of_a_list_is_named_at_its_own_position() -> None:
    text = TFIDF.replace("bundled: true", "files: [a.csv, b.xlsx, 3]")
    assert faults(text) == [
        "x.yaml:4:18: data.files[1]: a data file ends in one of .csv, .jsonl, .parquet",
        "x.yaml:4:26: data.files[2]: expected text, found the whole number 3 (put it in quotes)",
    ]


def test_a_whole_number_is_fine_for_a_number() -> None:
    config = load_text(TFIDF, "model.c=2").config
    assert isinstance(config.model, TfidfConfig)
    assert (config.model.c, type(config.model.c)) == (2.0, float)


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "'true'"])
def test_yes_and_no_are_text_as_in_yaml_1_2(word: str) -> None:
    fault = only_fault(TFIDF.replace("bundled: true", f"bundled: {word}"))
    assert "expected true or false, found the text" in fault
    assert "write true or false without quotes" in fault


def test_the_data_must_have_something_to_learn_from() -> None:
    assert only_fault(TFIDF.replace("true", "false")).startswith("x.yaml:3:1: data: nothing to learn from (set")
    assert only_fault(TFIDF, "data.bundled=false").startswith("--set data.bundled=false: data: nothing to learn from")
    assert load_text(TFIDF, "data.bundled=false", "data.files=[mine.CSV]").config.data.files == ("mine.CSV",)
    assert load_text(TFIDF, "data.bundled=false", "data.articles=folds").config.data.articles == "folds"


def test_one_threshold_serves_one_wish() -> None:
    assert load_text(TFIDF, "abstention.precision=0.8").config.abstention.precision == 0.8
    fault = only_fault(TFIDF, "abstention.precision=0.8", "abstention.coverage=0.5")
    assert fault.startswith("--set abstention.coverage=0.5: abstention: one threshold cannot be chosen for both")


def test_missing_keys_are_named_at_their_section() -> None:
    text = TFIDF.replace("seed: 7\n", "").replace("  c: 8\n", "")
    assert faults("# first line\n" + text) == [
        "x.yaml:2:1: seed: missing (Seed of everything random in the run.)",
        "x.yaml:5:1: model.c: missing (Inverse strength of the regularisation, no unit: "
        "a larger c fits the data closer.)",
    ]


def test_a_misspelt_required_key_is_one_fault_not_two() -> None:
    assert only_fault(TFIDF.replace("seed", "sead")) == "x.yaml:2:1: sead: unknown key (did you mean 'seed'?)"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("  min_document: 2", "model.min_document: unknown key (did you mean 'min_documents'?)"),
        ("  Min-Documents: 2", "model.Min-Documents: unknown key (did you mean 'min_documents'?)"),
        (
            "  bootstrap_samples: 2",
            "model.bootstrap_samples: unknown key (did you mean 'evaluation.bootstrap_samples'?)",
        ),
        ("  boostrap_samples: 2", "model.boostrap_samples: unknown key (did you mean 'evaluation.bootstrap_samples'?)"),
        ("  MIN_DOCUMENTS: 2", "model.MIN_DOCUMENTS: unknown key (did you mean 'min_documents'?)"),
        ("  seed: 2", "model.seed: unknown key (did you mean 'seed' at the top level, outside all sections?)"),
        ("  epochs: 2", "model.epochs: unknown key ('epochs' belongs to the family transformer, not to tfidf)"),
        ("sublinear: true", "sublinear: unknown key (did you mean 'model.sublinear'?)"),
        ("trackin: {}", "trackin: unknown key (did you mean 'tracking'?)"),
        (
            "zzz: 1",
            "zzz: unknown key (the keys here are name, seed, data, model, tfidf, transformer, abstention, evaluation, "
            "tracking)",
        ),
        (
            "model.sublinear: 1",
            "model.sublinear: unknown key (write the section on a line of its own and its keys below it, indented)",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_what_was_meant(line: str, remedy: str) -> None:
    assert only_fault(f"{TFIDF}{line}\n") == f"x.yaml:9:{3 if line[0] == ' ' else 1}: {remedy}"


def test_a_dotted_key_in_the_file_does_not_count_as_its_section() -> None:
    text = TFIDF[: TFIDF.index("model:")] + "model.c: 3\n"
    assert [line.split(": ")[1:3] for line in faults(text)] == [
        ["model", "missing (The model; its family decides which keys it has.)"],
        ["model.c", "unknown key (write the section on a line of its own and its keys below it, indented)"],
    ]


def test_every_repeated_key_is_refused_with_both_positions_nested_ones_too() -> None:
    text = TFIDF + "  c: 9\n  c: 10\nseed: 8\nmodel:\n  family: tfidf\n  family: tfidf\n"
    assert faults(text) == [
        "x.yaml:9:3: model.c: given twice, first at 7:3 (keep one)",
        "x.yaml:10:3: model.c: given twice, first at 7:3 (keep one)",
        "x.yaml:11:1: seed: given twice, first at 2:1 (keep one)",
        "x.yaml:12:1: model: given twice, first at 5:1 (keep one)",
        "x.yaml:14:3: model.family: given twice, first at 13:3 (keep one)",
    ]


def test_a_section_without_content_says_how_to_write_it() -> None:
    fault = only_fault(TFIDF + "tracking:\n")
    assert fault.startswith("x.yaml:9:1: tracking: expected a section of keys, found null (write its keys below it")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("", f"x.yaml:5:1: model.family: missing (choose {FAMILIES})"),
        (
            "  family: svm\n",
            f"x.yaml:6:3: model.family: expected {FAMILIES}, found the text 'svm'",
        ),
        (
            "  family: [1]\n",
            f"x.yaml:6:3: model.family: expected {FAMILIES}, found a list of 1 value",
        ),
        (
            "  family: tfdif\n",
            f"x.yaml:6:3: model.family: expected {FAMILIES}, found the text 'tfdif' (did you mean 'tfidf'?)",
        ),
    ],
)
def test_a_bad_family_names_the_choices_and_hides_no_other_fault(line: str, fault: str) -> None:
    text = TFIDF.replace("  family: tfidf\n", line).replace("seed: 7", "seed: x") + "  zzz: 3\n"
    first, second, third = faults(text)
    assert first.startswith("x.yaml:2:1: seed: expected")
    assert second == fault
    assert ": model.zzz: unknown key" in third


def test_a_misspelt_family_shows_the_bad_values_of_its_section() -> None:
    text = TFIDF.replace("family: tfidf", "family: tfidff").replace("c: 8", "c: abc")
    assert [line.split(": ")[1] for line in faults(text)] == ["model.family", "model.c"]


@pytest.mark.parametrize("value", ["3", "[1]", "text"])
def test_a_model_that_is_no_section_is_said_so(value: str) -> None:
    text = TFIDF[: TFIDF.index("model:")] + f"model: {value}\n"
    assert only_fault(text, "model.c=3").startswith("x.yaml:5:1: model: expected a section of keys, found ")


# Overrides.


def test_an_override_makes_a_section_that_the_file_does_not_have() -> None:
    assert load_text(TFIDF, "evaluation.bootstrap_samples=500").config.evaluation.bootstrap_samples == 500


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("model.c", "has no '=' (write --set section.key=value)"),
        ("=3", "names no key (write --set section.key=value)"),
        ("model.=3", "names no key (write --set section.key=value)"),
        ("model=3", "model: is a section (set one of its keys: family, "),
        ("modle.c=3", "modle.c: unknown key (did you mean 'model.c'?)"),
        ("sed=3", "sed: unknown key (did you mean 'seed'?)"),
        ("model.min_docs=3", "model.min_docs: unknown key (did you mean 'min_documents'?)"),
        ("data.patience=3", "data.patience: unknown key (did you mean 'model.patience'?)"),
        ("c=3", "c: unknown key (did you mean 'model.c'?)"),
        ("seed.x=3", "seed.x: unknown key ('seed' has no keys below it)"),
        ("model.c.d=3", "model.c.d: unknown key ('model.c' has no keys below it)"),
        ("model.epochs=3", "model.epochs: unknown key ('epochs' belongs to the family transformer, not to tfidf)"),
        ("model.c=abc", "model.c: expected a number, found the text 'abc'"),
        ("data.files=[a.csv", "data.files: not YAML: expected ',' or ']'"),
        ("model.c={a: 1}", "model.c: the value is a section (give each of its keys its own --set)"),
        ("name=a: b", "name: the value is a section (give each of its keys its own --set)"),
        ("data.files=- a.csv", "data.files: write a list in brackets: [a, b]"),
        ("name=a #b", "name: '#' begins a comment (quote a text that holds ' #')"),
        ("name=!!str a", "name: tags such as tag:yaml.org,2002:str are not supported"),
    ],
)
def test_a_bad_override_is_named_with_its_key_and_remedy(override: str, fault: str) -> None:
    assert only_fault(TFIDF, override).startswith(f"--set {override}: {fault}")


def test_setting_a_key_twice_is_refused() -> None:
    assert only_fault(TFIDF, "seed=1", "seed=2") == "--set seed=2: seed: set twice, first by --set seed=1 (keep one)"


def test_an_override_of_many_pages_is_refused() -> None:
    fault = only_fault(TFIDF, "model.c=" + "[" * 70_000)
    assert fault.endswith(": model.c: the value is too long")


def test_members_are_for_an_ensemble_alone() -> None:
    fault = "transformer: a section for the family ensemble alone; the model here is tfidf (did you mean 'model'?)"
    assert faults(TFIDF, "transformer.epochs=3") == [f"--set transformer.epochs=3: {fault}"]


def test_an_ensemble_knows_its_members() -> None:
    config = load_text(ENSEMBLE, "tfidf.c=3.0").config
    assert [member.family for member in config.members] == ["tfidf", "transformer"]
    assert config.tfidf is not None and config.tfidf.c == 3
    assert load_text(TFIDF).config.members == ()


def test_an_ensemble_lacks_no_member() -> None:
    text = ENSEMBLE.replace("tfidf:\n  c: 1.0\n  class_weight: null\n", "")
    assert faults(text)[0].endswith("model.family: an ensemble needs the sections tfidf and transformer beside model")


def test_what_would_only_teach_weights_is_refused_where_none_are_learned() -> None:
    (fault,) = faults(ENSEMBLE, "model.weighing=equal", "model.folds=5")
    assert fault.endswith("model: folds would do nothing: weighing is equal (leave out, or set learned)")
    assert load_text(ENSEMBLE, "model.folds=5").config.model.folds == 5
    assert load_text(ENSEMBLE, "model.weighing=equal", "model.folds=3").config.model.weighing == "equal"


def test_a_members_faults_are_named_in_its_section() -> None:
    found = faults(ENSEMBLE, "transformer.epoch=3", "tfidf.c=-1")
    assert "--set tfidf.c=-1: tfidf.c: must be above 0, found the whole number -1" in found
    assert "--set transformer.epoch=3: transformer.epoch: unknown key (did you mean 'epochs'?)" in found


def test_switching_the_family_by_an_override_is_one_fault_that_makes_sense() -> None:
    fault, epochs, c = faults(TFIDF, "model.family=transformer", "model.epochs=0", "model.c=3")
    assert fault.startswith("--set model.family=transformer: model.family: the file's model is of the family tfidf; ")
    assert "; class_weight belong to tfidf; transformer also needs checkpoint, batch_size, " in fault
    assert epochs == "--set model.epochs=0: model.epochs: must be at least 1, found the whole number 0"
    assert c == "--set model.c=3: model.c: unknown key ('c' belongs to the family tfidf, not to transformer)"


def test_faults_of_overrides_are_told_even_when_the_file_cannot_be_read() -> None:
    with pytest.raises(UserMistake) as caught:
        load(Path("absent.yaml"), ["model.c"])
    assert str(caught.value).split("\n") == [
        "absent.yaml: no such file",
        "--set model.c: has no '=' (write --set section.key=value)",
    ]


def test_an_override_of_a_list_takes_the_place_of_the_whole_list() -> None:
    text = TFIDF.replace("bundled: true", "files: [a.csv, b.csv]")
    assert faults(text, "data.files=[3]") == [
        "--set data.files=[3]: data.files[0]: expected text, found the whole number 3 (put it in quotes)"
    ]


# Files that are no config.


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("", "x.yaml:1:1: the file is empty (write its keys: key: value)"),
        ("# only a comment\n", "x.yaml:1:1: the file is empty (write its keys: key: value)"),
        ("- a\n", "x.yaml:1:1: expected keys and values (key: value)"),
        ("\njust words\n", "x.yaml:2:1: expected keys and values (key: value)"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document begins (a config is one document; remove '---')"),
        ("a: 1\nb: é".encode("latin-1"), "x.yaml:2:4: not UTF-8 (save the file as UTF-8)"),
        (b"\xef\xbb\xbfa: \x01", "x.yaml:1:4: holds a control character"),
        ("a: \x01", "x.yaml:1:4: holds a control character, which YAML does not allow"),
        ('a: "\\UFFFFFFFF"', "x.yaml:1:1: not YAML (an escape names no character)"),
        (
            "a: 1\n\tb: 2\n",
            "x.yaml:2:1: not YAML: found character '\\t' that cannot start any token (indent with spaces",
        ),
        ('a: "\\U7FFFFFFF"', "x.yaml:1:1: not YAML (an escape names no character)"),
        ("a: b: c\n", "x.yaml:1:5: not YAML: mapping values are not allowed here (quote a value that holds ': '"),
        ("a: [1\n", "x.yaml:2:1: not YAML: expected ',' or ']'"),
        ("a: !!python/object:os.system x\n", "x.yaml:1:4: tags such as tag:yaml.org,2002:python/object:os.system are"),
        ("a: !x 1\n", "x.yaml:1:4: tags such as !x are not supported (write the plain value)"),
        ("a: &x [*x]\n", "x.yaml:1:4: anchors and aliases are not supported (write the value out"),
        ("a: *x\n", "x.yaml:1:4: anchors and aliases are not supported (write the value out"),
        ("%YAML 1.1\n---\na: 1\n", "x.yaml:2:1: directives are not supported (a config is YAML 1.2"),
        ("%TAG ! tag:x\n---\na: 1\n", "x.yaml:2:1: directives are not supported (a config is YAML 1.2"),
        ("[" * 60_000, "x.yaml:1:11: nested too deeply for a config"),
        ("- " * 30_000, "x.yaml:1:21: nested too deeply for a config"),
        ("#" * 70_000, "x.yaml: longer than 64 KiB, which no config is"),
    ],
)
def test_a_file_that_is_no_config_gets_one_clear_line(content: str | bytes, fault: str) -> None:
    assert only_fault(content).startswith(fault)


def test_a_file_of_aliases_upon_aliases_is_refused_before_it_grows() -> None:
    laughs = "a0: &a0 ha\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
    assert only_fault(laughs).startswith("x.yaml:1:5: anchors and aliases are not supported")


def test_merge_keys_and_keys_of_several_words_are_refused_plainly() -> None:
    lines = faults(TFIDF + "  <<: {c: 3}\n? [a]\n: 1\n")
    assert lines == [
        "x.yaml:9:3: model: merge keys (<<) are not supported (write the keys out)",
        "x.yaml:10:3: a key must be a single word",
    ]


def test_a_missing_file_names_its_neighbours(here: Path) -> None:
    (here / "minilm.yaml").write_text(TRANSFORMER)
    (here / "minilm").mkdir()
    for name, fault in [
        ("minlm.yaml", "minlm.yaml: no such file (did you mean 'minilm.yaml'?)"),
        ("nowhere/x.yaml", "nowhere/x.yaml: no such file (nor is there a folder nowhere)"),
        ("minilm", "minilm: is a folder (name a YAML file in it)"),
        ("a\0b", "a\\x00b: no such file"),
    ]:
        with pytest.raises(UserMistake) as caught:
            load(Path(name))
        assert str(caught.value) == fault


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    loaded = load_text(b"\xef\xbb\xbf" + TFIDF.replace("\n", "\r\n").encode())
    assert loaded.config == load_text(TFIDF).config
    assert loaded.origins["model.c"] == "x.yaml:7:3"


def test_what_a_file_holds_cannot_break_a_message_into_lines_or_colour_the_terminal() -> None:
    fault = only_fault(TFIDF + '"k\\n\\e[31m": 1\n')
    assert fault.startswith("x.yaml:9:1: k\\n\\x1b[31m: unknown key")


def test_a_value_of_many_pages_is_shortened_in_its_message() -> None:
    assert only_fault(TFIDF, f"seed={'x' * 5000}").endswith(f"found the text '{'x' * 60}...'")


# Properties.

ANYTHING = settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
FRAGMENTS = [
    *("name", "seed", "data", "model", "family", "tfidf", "transformer", "c", "files", "evaluation", "tracking"),
    *(": ", ":", "\n", "\n  ", "- ", "? ", "[", "]", "{", "}", ", ", "&a ", "*a", "!!str ", "|", ">", "'", '"', "#"),
    *("<<", "---", "...", "%YAML 1.2", "\t", "\\", "0x1F", "1e999", ".inf", "~", "true", "3", "\ufeff", "\u2028", "é"),
]


def fails_only_as_a_mistake_of_the_users(content: bytes, overrides: list[str]) -> None:
    path = Path("garbage.yaml")
    path.write_bytes(content)
    try:
        load(path, overrides)
    except UserMistake as mistake:
        for line in str(mistake).split("\n"):
            assert line.startswith(("garbage.yaml:", "--set ")), line
            assert line.isprintable()
            for leak in ("Input should", "Value error", "not a value for this key"):
                assert leak not in line


@ANYTHING
@given(st.binary(max_size=200), st.lists(st.text(max_size=30), max_size=3))
@example(b"a: \xef\xbf\xbe", [])
def test_random_bytes_never_give_anything_but_a_mistake_of_the_users(content: bytes, overrides: list[str]) -> None:
    fails_only_as_a_mistake_of_the_users(content, overrides)


@ANYTHING
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join), st.sampled_from(["", TFIDF, TRANSFORMER]))
def test_random_yaml_never_gives_anything_but_a_mistake_of_the_users(tail: str, head: str) -> None:
    fails_only_as_a_mistake_of_the_users((head + tail).encode(), [])


KEYS = ["name", "seed", *(f"data.{key}" for key in ("bundled", "files", "articles")), "evaluation.confidence_level"]
KEYS += ["evaluation.field_shares", "abstention.precision", "abstention.coverage"]
KEYS += [f"model.{key}" for key in ("family", "word_ngrams", "char_ngrams", "c", "epochs", "checkpoint_sha256", "x")]
VALUES = [
    "",
    "1",
    "-1",
    "true",
    "tfidf",
    "transformer",
    "[1, 2]",
    "[2, 1]",
    "[[1], {a: 1}]",
    "'",
    "9" * 500,
    "0x" + "f" * 300,
]


@ANYTHING
@given(
    st.dictionaries(st.sampled_from(KEYS), st.one_of(st.sampled_from(VALUES), st.text(max_size=20))),
    st.sampled_from([TFIDF, TRANSFORMER]),
)
def test_random_overrides_never_give_anything_but_a_mistake_of_the_users(given: dict[str, str], text: str) -> None:
    fails_only_as_a_mistake_of_the_users(text.encode(), [f"{key}={value}" for key, value in given.items()])


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*/*.yaml")), ids=lambda path: path.stem)
def test_a_file_tells_its_kind_by_its_keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)  # a sweep names its experiment from there
    kinds = {"train": "ExperimentConfig", "sweep": "SweepConfig", "gate": "GateConfig"}
    assert type(load_any(path).config).__name__ == kinds[path.parent.name]


def test_faults_of_a_file_without_a_known_key_are_those_of_an_experiment(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("foo: 1\n", encoding="utf-8")
    with pytest.raises(UserMistake, match="foo: unknown key") as refused:
        load_any(path)
    assert "model: missing" in str(refused.value)


def test_a_misspelt_key_of_a_sweep_is_told_in_the_words_of_a_sweep(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("config: x.yaml\nseed: 1\ntrils: 3\n", encoding="utf-8")
    with pytest.raises(UserMistake, match="trils: unknown key"):
        load_any(path)
