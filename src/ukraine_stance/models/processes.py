"""Several processes that train together, as torchrun and accelerate launch start them: one leads, the others help.

The leader runs the command as if it were alone. Where it trains a network it tells the helpers, and each computes its
part of every batch; the rest of the time they wait. So whatever the command reads, writes or prints is done once.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import StanceError, UserMistake
from ukraine_stance.progress import line

if TYPE_CHECKING:
    from ukraine_stance.models.finetuning import Training

# Helpers wait for what is next while the leader evaluates; it dies no silent death, so no short patience is needed.
_WAITS = timedelta(days=30)

# The terminal and the launcher each pass on one Ctrl-C.
_SAME_CTRL_C_SECONDS = 5.0

_INTERRUPTED = 130

# In what the backends say when the process at the other end is no more; they have no exception of its own for it.
_GONE = ("closed by peer", "Connection reset", "Broken pipe", "remote process exited", "Socket Timeout", "Timed out")

_orders: Any = None  # the group of processes in which the leader tells what is next
_training_together = False
_stopped_at: float | None = None


def count() -> int:
    """How many processes train together; 1 where no launcher started several."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def count_here() -> int:
    """How many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", count())) if count() > 1 else 1


def rank() -> int:
    """Number of this process, from 0; 0 leads."""
    return int(os.environ["RANK"]) if count() > 1 else 0


def share(batch_size: int) -> int:
    """Examples of each step for one process. Raises UserMistake where they cannot be divided evenly."""
    if batch_size % count():
        raise UserMistake(
            f"model.batch_size: {batch_size} statements of a step cannot be divided among {count()} processes; "
            "set a multiple of it or start another number of processes"
        )
    return batch_size // count()


@contextmanager
def leading() -> Iterator[None]:
    """Lead the helpers while the command runs; then they end with its exit code.

    Whatever stops one of the processes is an interruption to the command, which keeps its work as at Ctrl-C.
    """
    _join()
    signal.signal(signal.SIGINT, _on_ctrl_c)
    signal.signal(signal.SIGTERM, _on_end_from_launcher)
    code: Any = StanceError.exit_code
    try:
        yield
        code = 0
    except StanceError as fault:
        code = fault.exit_code
        raise
    except SystemExit as ended:
        code = ended.code or 0
        raise
    finally:
        if not _training_together:  # else they are in the middle of a step, and see that the leader is gone
            _tell(code)
            _leave()


def follow() -> int:
    """Help wherever the leader trains; gives the exit code that it ended with."""
    interrupted = []
    signal.signal(signal.SIGINT, lambda *_: interrupted.append(True))  # the leader decides; it sees to its work first
    try:
        _join()
        from ukraine_stance.models import finetuning

        while not isinstance(asked := _hear(), int):
            finetuning.train_along(asked)
        _leave()
        return asked
    except StanceError as fault:
        line(f"process {rank() + 1} of {count()}: {fault}")
        return fault.exit_code
    except RuntimeError as fault:
        if not _tells_of_a_lost_process(fault):
            raise
        return _INTERRUPTED if interrupted else StanceError.exit_code


@contextmanager
def together(training: "Training") -> Iterator[None]:
    """Have the helpers train along; a helper that is lost meanwhile interrupts the command."""
    global _training_together
    if count() == 1:
        yield
        return
    _tell(training)
    _training_together = True
    try:
        yield
    except RuntimeError as fault:
        if not _tells_of_a_lost_process(fault):
            raise
        _stop(f"another of the {count()} processes that train together is gone; training stops")
        raise KeyboardInterrupt from fault
    _training_together = False


def wait_for_all() -> None:
    """Go on when every process has come here."""
    if count() > 1:
        import torch.distributed

        torch.distributed.barrier(group=_orders)


def _join() -> None:
    global _orders
    import torch

    gpus = torch.cuda.device_count()
    if gpus:
        local, here = (int(os.environ.get(name, "0")) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
        if here > gpus:
            raise UserMistake(f"{here} processes were started here and there are {gpus} GPUs: start one for each GPU")
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl" if gpus else "gloo")
    _orders = torch.distributed.new_group(backend="gloo", timeout=_WAITS)


def _leave() -> None:
    """Leave the others, and end the threads that carried the orders: they end with the last reference to their group.

    One that lets go of the last order when the interpreter is already gone would end the process with SIGABRT.
    """
    global _orders
    import torch.distributed

    torch.distributed.destroy_process_group()
    _orders = None


def _tell(what: "Training | int") -> None:
    import torch.distributed

    try:
        torch.distributed.broadcast_object_list([what], src=0, group=_orders, device=torch.device("cpu"))
    except RuntimeError as fault:
        if not _tells_of_a_lost_process(fault):
            raise


def _hear() -> Any:  # noqa: ANN401 - a Training, or the exit code at the end
    import torch.distributed

    heard = [None]
    torch.distributed.broadcast_object_list(heard, src=0, group=_orders, device=torch.device("cpu"))
    return heard[0]


def _tells_of_a_lost_process(fault: RuntimeError) -> bool:
    import torch.distributed

    return isinstance(fault, torch.distributed.DistError) or any(words in str(fault) for words in _GONE)


def _on_ctrl_c(number: int, frame: FrameType | None) -> None:
    if _stopped_at is None or time.monotonic() - _stopped_at > _SAME_CTRL_C_SECONDS:
        _stop(None)
        raise KeyboardInterrupt


def _on_end_from_launcher(number: int, frame: FrameType | None) -> None:
    if _stopped_at is None:
        _stop("told to end by the launcher: another process ended before its time, or the job did")
        raise KeyboardInterrupt


def _stop(reason: str | None) -> None:
    global _stopped_at
    _stopped_at = time.monotonic()
    if reason:
        line(reason)
