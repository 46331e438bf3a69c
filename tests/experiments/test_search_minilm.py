"""The losses that the search tries, against what their papers say, and its table."""

import pytest
import torch
from experiments.benchmarks.search_minilm import PLAIN, loss, table
from torch.nn.functional import cross_entropy, softmax

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.5, 0.5, 1.0]])
GOLD = torch.tensor([0, 1])


def test_without_settings_it_is_the_weighted_cross_entropy() -> None:
    weights = torch.tensor([0.5, 1.0, 2.0])
    expected = (cross_entropy(LOGITS, GOLD, reduction="none") * weights[GOLD]).mean()
    assert torch.isclose(loss(LOGITS, GOLD, weights, PLAIN), expected)


def test_focal_loss_weighs_a_row_by_what_is_left_to_learn() -> None:
    sure = softmax(LOGITS, -1)[[0, 1], GOLD]
    expected = (-sure.log() * (1 - sure) ** 2).mean()
    assert torch.isclose(loss(LOGITS, GOLD, None, {**PLAIN, "focal": 2.0}), expected)


def test_r_drop_adds_how_far_two_passes_are_apart() -> None:
    twice = torch.cat([LOGITS, LOGITS])
    how = {**PLAIN, "rdrop": 1.0}
    assert torch.isclose(loss(twice, GOLD, None, how), loss(LOGITS, GOLD, None, PLAIN))
    other = LOGITS.flip(1)
    first, second = softmax(LOGITS, -1), softmax(other, -1)
    apart = ((first - second) * (first.log() - second.log())).sum(1).mean() / 2
    both = (loss(LOGITS, GOLD, None, PLAIN) + loss(other, GOLD, None, PLAIN)) / 2
    assert torch.isclose(loss(torch.cat([LOGITS, other]), GOLD, None, how), both + apart)


def test_the_table_has_a_line_for_each_setting_and_a_mean_over_seeds() -> None:
    lines = [
        {"data": name, "seed": seed, "changed": changed, "weights": [0.1, 0.6 + seed / 10], "cpu_seconds": 90}
        for name, changed in (("b", {}), ("a", {}), ("a", {"focal": 2.0}))
        for seed in (1, 0)
    ]
    assert table(lines[:-1]).splitlines() == [
        "| changed | a | b |",
        "| --- | --- | --- |",
        "| plain | 0.600, 0.700: 0.650 (1.5 min) | 0.600, 0.700: 0.650 (1.5 min) |",
        "| focal 2.0 | 0.700 (1.5 min) |  |",
    ]


@pytest.mark.parametrize("setting", ["pooling=avg", "class_weights=true", "focal=much", "learning=1"])
def test_an_unknown_setting_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from experiments.benchmarks import search_minilm

    monkeypatch.setattr("sys.argv", ["search", "--out", "x", "--set", setting])
    with pytest.raises(SystemExit, match="2"):
        search_minilm.main()
    assert f"--set {setting}: " in capsys.readouterr().err
