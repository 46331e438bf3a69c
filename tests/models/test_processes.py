"""How several processes share a training; tests/faults/test_train_together.py starts real ones."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.errors import UserMistake
from ukraine_stance.models import processes
from ukraine_stance.models.finetuning import LengthGroupedBatches, ShareOfBatches, weighted_loss


def test_a_process_without_a_launcher_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert (processes.count(), processes.rank(), processes.share(7)) == (1, 0, 7)
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "4")  # some job systems set it for whatever they start
    assert (processes.count(), processes.rank()) == (1, 0)


def test_a_batch_that_cannot_be_divided_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "WORLD_SIZE", "4")
    monkeypatch.setitem(os.environ, "RANK", "3")
    assert (processes.count(), processes.rank(), processes.share(16)) == (4, 3, 4)
    with pytest.raises(UserMistake, match=r"model\.batch_size: 18 statements .* among 4 processes"):
        processes.share(18)


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=80),
    batch_size=st.integers(1, 12),
    count=st.integers(1, 5),
)
def test_shares_make_up_the_batches_of_one_process(lengths: Sequence[int], batch_size: int, count: int) -> None:
    whole = list(LengthGroupedBatches(lengths, batch_size, seed=1))
    nothing = len(lengths)
    shares = [
        list(ShareOfBatches(LengthGroupedBatches(lengths, batch_size, seed=1), rank, count, nothing))
        for rank in range(count)
    ]
    for step, batch in enumerate(whole):
        parts = [share[step] for share in shares]
        assert all(parts)
        assert sorted(row for part in parts for row in part if row != nothing) == sorted(batch)
        assert all(nothing not in part or part == [nothing] for part in parts)


@pytest.mark.parametrize("readings", [1, 2])
def test_losses_of_shares_add_up_to_that_of_the_batch(readings: int) -> None:
    logits = torch.randn(readings, 5, 3, generator=torch.Generator().manual_seed(1))
    labels, loss = torch.tensor([0, 1, 2, 0, 1]), weighted_loss([0.5, 1.0, 2.0], 4.0)  # type: ignore[arg-type]
    nothing = loss({"logits": torch.randn(readings, 3)}, torch.tensor([-100]), 5)
    assert nothing == 0
    parts = [loss({"logits": logits[:, rank::2].reshape(-1, 3)}, labels[rank::2], 5) for rank in range(2)]
    assert float(sum(parts)) == pytest.approx(float(loss({"logits": logits.reshape(-1, 3)}, labels)))


def _threads_of_groups() -> int:
    return sum(path.read_text().startswith("pt_gloo") for path in Path("/proc/self/task").glob("*/comm"))


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc, which Linux has")
def test_no_thread_that_holds_an_order_outlives_the_group(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    processes._join()
    processes._tell(0)
    assert _threads_of_groups() > 0
    processes._leave()
    assert _threads_of_groups() == 0
