"""The registered model as MLflow's commands and Spark use it: the columns of a scored file, as many rows as came."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import mlflow
import pandas as pd
import pytest

from ukraine_stance import tracking
from ukraine_stance import train as recipe
from ukraine_stance.classifier import OUTPUT_COLUMNS, StanceClassifier, load
from ukraine_stance.config import load as load_config
from ukraine_stance.corpus import dataset
from ukraine_stance.files import read_json
from ukraine_stance.project import Project

REPOSITORY = Path(__file__).parents[1]
SPARK = find_spec("pyspark") is not None and which("java") is not None
TEXTS = ["They will send more tanks.", "They will send no more tanks.", "They met in the harbour town."]

Served = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def logged(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that MLflow keeps of a registered model."""
    project = few_statements(tmp_path_factory.mktemp("project"))
    dataset.build(project, None)
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        config = load_config(
            REPOSITORY / "configs" / "train" / "tfidf.yaml",
            ["evaluation.bootstrap_samples=100", "tracking.registered_model=served"],
        ).config
        run = recipe.train(project, config, project.root / "run")
        return tracking.model_folder(project, f"runs:/{read_json(run.mirror)['run_id']}").parent


@pytest.fixture(scope="module")
def own(logged: Path) -> StanceClassifier:
    return load(logged / "artifacts")


@pytest.fixture(scope="module")
def served(logged: Path, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Posts a body to a real `mlflow models serve`; gives the status and what the answer's JSON holds."""
    port, log = free_port(), tmp_path_factory.mktemp("serve") / "log"
    words = ["models", "serve", "-m", str(logged), "--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as said:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *words, "--workers", "1"],
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},  # for uvicorn
            stdout=said,
            stderr=said,
            start_new_session=True,
        )

    def post(body: bytes | object, kind: str = "application/json") -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{port}/invocations", data, {"Content-Type": kind})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read(), parse_constant=pytest.fail)
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    try:
        end = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        yield post
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def records(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"dataframe_records": rows}


def test_a_server_answers_with_the_columns_and_values_of_a_scored_file(served: Served, own: StanceClassifier) -> None:
    status, answer = served(records([{"id": at, "text": text} for at, text in enumerate(TEXTS)]))
    assert status == 200
    found = pd.DataFrame(answer["predictions"])
    assert list(found.columns) == ["id", "text", *OUTPUT_COLUMNS]
    pd.testing.assert_frame_equal(found[list(OUTPUT_COLUMNS)], own.predict(TEXTS)[list(OUTPUT_COLUMNS)])
    csv = ("text\n" + "".join(f"{text}\n" for text in TEXTS)).encode()
    assert [row["stance"] for row in served(csv, "text/csv")[1]["predictions"]] == found["stance"].tolist()


def test_clients_at_once_get_their_own_rows(served: Served, own: StanceClassifier) -> None:
    texts = [f"They will send {number} tanks." for number in range(80)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda text: served(records([{"text": text}])), texts))
    assert {status for status, _ in answers} == {200}
    rows = [answer["predictions"][0] for _, answer in answers]
    assert [row["text"] for row in rows] == texts
    assert [row["p_favor"] for row in rows] == pytest.approx(own.predict(texts)["p_favor"].tolist(), abs=1e-12)


def test_a_row_without_text_in_a_batch_keeps_its_place_and_gets_no_probabilities(served: Served) -> None:
    status, answer = served(records([{"text": TEXTS[0]}, {"text": " "}, {"text": None}, {"text": TEXTS[1]}]))
    assert status == 200
    rows = answer["predictions"]
    assert [row["text"] for row in rows] == [TEXTS[0], " ", None, TEXTS[1]]
    assert [row["stance"] != "" for row in rows] == [True, False, False, True]
    assert [row["p_favor"] is None and row["confidence"] is None for row in rows] == [False, True, True, False]
    assert {row["model_id"] for row in rows} == {rows[0]["model_id"]}
    assert [row["truncated"] for row in rows] == [False] * 4


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (records([{"sentence": "They will send more."}]), "not one column 'text' (columns: sentence)"),
        (records([{"text": 7}]), "row 0: text is 7; every statement must be a string with words in it"),
        (records([{"text": TEXTS[0]}, {"text": ["a"]}]), "row 1: text is ['a']"),
        (records([{"text": "\ud800"}]), "surrogates not allowed"),
        (records([{"text": ""}]), "no row has a text with words in it"),
        (records([]), "not one column 'text' (columns: none)"),
        ({"inputs": ["They will send more."]}, "not one column 'text' (columns: 0)"),
        ({"inputs": {"text": ["a", "b"], "id": [1]}}, ""),
        ({"text": "They will send more."}, "dataframe_records"),
        (records([{"text": "a", "stance": "favor"}]), "columns stance would be written by the model"),
        (b"They will send more.", "JSON"),
        (b"{", "JSON"),
        (b"", "JSON"),
        (b"\xff\xfe", ""),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_with_what_is_wrong_and_the_server_lives(
    served: Served, body: bytes | object, said: str
) -> None:
    status, answer = served(body)
    assert 400 <= status < 500, answer
    message = json.loads(answer)["message"]
    assert said in message and "Traceback" not in message
    assert served(records([{"text": TEXTS[0]}]))[0] == 200


@pytest.mark.slow
def test_predicting_a_file_gives_the_same_columns(logged: Path, own: StanceClassifier, tmp_path: Path) -> None:
    pd.DataFrame({"id": range(3), "text": TEXTS}).to_csv(tmp_path / "in.csv", index=False)
    words = ["models", "predict", "-m", str(logged), "--env-manager", "local", "--content-type", "csv"]
    paths = ["-i", str(tmp_path / "in.csv"), "-o", str(tmp_path / "out.json")]
    subprocess.run([sys.executable, "-m", "mlflow", *words, *paths], check=True, capture_output=True)
    found = pd.DataFrame(json.loads((tmp_path / "out.json").read_text())["predictions"])
    assert list(found.columns) == ["id", "text", *OUTPUT_COLUMNS]
    pd.testing.assert_frame_equal(found[list(OUTPUT_COLUMNS)], own.predict(TEXTS)[list(OUTPUT_COLUMNS)])


@pytest.mark.slow
@pytest.mark.skipif(not SPARK and "STANCE_REQUIRE_ALL" not in os.environ, reason="needs pyspark (extra spark) and Java")
def test_spark_gives_the_same_columns_also_where_a_partition_holds_no_text(
    logged: Path, own: StanceClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import struct

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    try:
        stance = mlflow.pyfunc.spark_udf(spark, str(logged), env_manager="local")
        rows = [*enumerate(TEXTS), (3, " "), (4, None)]
        frame = spark.createDataFrame(rows, "id long, text string").repartition(5, "id")
        found = frame.select("id", stance(struct("text")).alias("scored")).select("id", "scored.*").orderBy("id")
        scored = [row.asDict() for row in found.collect()]
    finally:
        spark.stop()
    assert list(scored[0]) == ["id", *OUTPUT_COLUMNS]
    expected = own.predict(TEXTS)[list(OUTPUT_COLUMNS)]
    pd.testing.assert_frame_equal(pd.DataFrame(scored[:3])[list(OUTPUT_COLUMNS)], expected)
    for row in scored[3:]:
        assert (row["stance"], row["truncated"], row["model_id"]) == ("", False, own.model_id)
        assert row["p_favor"] is None and row["confidence"] is None
