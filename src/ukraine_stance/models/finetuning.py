"""The Trainer as we use it: weighted loss that survives accumulation, checkpoints that survive a kill, best epoch kept.

Imported lazily by transformer.py alone, so torch may stand at the top.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate.data_loader import prepare_data_loader  # type: ignore[import-untyped]
from sklearn.metrics import f1_score
from torch.utils.data import DataLoader, Sampler
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    EvalPrediction,
    PrinterCallback,
    ProgressCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)

from ukraine_stance.errors import StanceError, UserMistake
from ukraine_stance.files import read_json, sha256_file, sha256_json, write_json
from ukraine_stance.labels import ORDER
from ukraine_stance.models import checkpoints, processes
from ukraine_stance.models.checkpoints import Checkpoint
from ukraine_stance.models.network import (
    Pooling,
    quiet,
    read_encoder,
    read_network,
    read_tokenizer,
    refuse_too_many_tokens,
    with_mean_pooling,
)
from ukraine_stance.models.protocol import FitReport, FloatArray, Watch
from ukraine_stance.progress import Advance, bar

if TYPE_CHECKING:
    from ukraine_stance.models.transformer import TransformerSettings

Rows = list[dict[str, Any]]

# A training that is done: the weights of its best epoch, and what is told of it.
_FINISHED = "finished"
_REPORT = "report.json"

# Batches sorted by length together at most, and pools at least: the larger the pools the less is padding, but where all
# rows are one pool the same ones meet in every epoch.
_POOLED_BATCHES = 50
_POOLS = 4

# Of a row that counts for nothing, which a process without a row of a short last batch computes; PyTorch's number.
_NO_LABEL = -100

LossFunction = Callable[[Any, torch.Tensor, torch.Tensor | int | None], torch.Tensor]


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Tokenised examples, each with its `labels` column index, and the weight (3,) of each class in the loss."""

    train: Rows
    validation: Rows
    class_weights: FloatArray | None


@dataclass(frozen=True, slots=True)
class Training:
    """All that a process needs to train, alone or along with others; reached is where it goes on from."""

    source: Path
    settings: "TransformerSettings"
    rows: TrainingRows
    bf16: bool
    workspace: Path
    reached: Checkpoint | None


def finetune(
    source: Path,
    settings: "TransformerSettings",
    rows: TrainingRows,
    tokenizer: Any,  # noqa: ANN401 - transformers is half typed
    workspace: Path,
    watch: Watch | None = None,
) -> tuple[Any, FitReport]:
    """Train all layers, and a fresh head where the checkpoint has none for three labels.

    The network returned is the one of the best epoch on validation macro-F1; watch is told each epoch's. A training
    that was begun in the workspace goes on there, to the bits that it would have had without the interruption. Raises
    UserMistake when the checkpoint lacks weights below its head or reads fewer tokens than asked for, the workspace
    holds another training, or several processes cannot share it.
    """
    processes.share(settings.batch_size)
    if watch is not None and processes.count() > 1:
        raise UserMistake("a search ends trainings early, which one process alone can do: start it without torchrun")
    set_seed(settings.seed)
    network = _network(source, settings)
    bf16 = use_bf16(settings.precision)
    checkpoints.begin(workspace, _asked(source, settings, rows, bf16))
    finished = workspace / _FINISHED
    if not checkpoints.is_whole(finished):
        training = Training(source, settings, rows, bf16, workspace, checkpoints.newest(workspace))
        history = _history_of(training, network, tokenizer, watch)
        best = max(history, key=lambda entry: entry["validation_macro_f1"])
        facts = {"best_epoch": best["epoch"], "precision": _precision(bf16), "threads": torch.get_num_threads()}
        _keep_best(workspace, finished, {"history": history, "facts": facts})
    checkpoints.drop_all(workspace)
    report = read_json(finished / _REPORT)
    return _read_whole(finished, settings.pooling), FitReport(tuple(report["history"]), tuple(report["facts"].items()))


def train_along(training: Training) -> None:
    """Do this process's part of a training that another one leads, writes down and knows the result of.

    Raises UserMistake where this machine lacks the weights, or sees another folder than the leader's.
    """
    quiet()
    settings = training.settings
    if not checkpoints.is_begun(training.workspace):
        raise UserMistake(f"{training.workspace}: not seen from here; give --out a folder that all machines share")
    set_seed(settings.seed)
    network = _network(training.source, settings)
    _train(training, network, read_tokenizer(training.source), [])


def _history_of(
    training: Training,
    network: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    watch: Watch | None,
) -> list[dict[str, float]]:
    """Train to the end from where it was reached, else from the beginning; gives the figures of each epoch."""
    reached = training.reached
    checkpoints.drop_after(training.workspace, reached.step if reached else 0)
    if reached and reached.ended:  # the Trainer would begin one more epoch
        return _history(TrainerState.load_from_json(str(reached.folder / "trainer_state.json")))
    with processes.together(training):
        return _history(_train(training, network, tokenizer, [_Bar(), *([_Watched(watch)] if watch else [])]))


def _train(
    training: Training,
    network: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    callbacks: list[TrainerCallback],
) -> TrainerState:
    settings, rows, reached = training.settings, training.rows, training.reached
    several = processes.count() > 1
    lengths = [len(row["input_ids"]) for row in rows.train]
    batches = LengthGroupedBatches(lengths, settings.batch_size, settings.seed)
    collator = DataCollatorWithPadding(tokenizer)
    trainer = _Trainer(
        batches,
        _Twice(collator) if settings.r_drop else collator,
        model=network,
        args=_arguments(settings, training.bf16, training.workspace),
        data_collator=collator,
        train_dataset=[*rows.train, {**rows.train[0], "labels": _NO_LABEL}] if several else rows.train,
        eval_dataset=sorted(rows.validation, key=lambda row: len(row["input_ids"])),  # little padding
        compute_loss_func=weighted_loss(rows.class_weights, settings.r_drop),
        compute_metrics=_macro_f1,
        callbacks=[
            EarlyStoppingCallback(settings.patience),
            _Checkpoints(batches, settings.checkpoint_steps),
            *([_OwnRandomness()] if several else []),
            *callbacks,
        ],
    )
    trainer.remove_callback(PrinterCallback)  # both print on stdout, which belongs to results
    trainer.remove_callback(ProgressCallback)
    with _deterministic(settings.reproducible == "strict"):
        trainer.train(resume_from_checkpoint=str(reached.folder) if reached else None)
    return trainer.state


def _history(state: TrainerState) -> list[dict[str, float]]:
    return [
        {"epoch": entry["epoch"], "validation_macro_f1": entry["eval_macro_f1"], "validation_loss": entry["eval_loss"]}
        for entry in state.log_history
        if "eval_macro_f1" in entry
    ]


def _keep_best(workspace: Path, finished: Path, report: dict[str, Any]) -> None:
    """Put the weights of the best epoch and the report where a training that is done is looked for."""
    last = checkpoints.newest(workspace)
    if last is None or last.best_step is None:
        raise StanceError(f"{workspace}: the checkpoint of the best epoch is gone")
    shutil.rmtree(finished, ignore_errors=True)
    finished.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copyfile(checkpoints.folder_of(workspace, last.best_step) / name, finished / name)
    write_json(finished / _REPORT, report)
    checkpoints.seal(finished)


def _read_whole(folder: Path, pooling: Pooling) -> Any:  # noqa: ANN401
    """The network of a folder of ours on the device where it is used; nothing in it is random."""
    network, missing = read_network(folder, pooling)
    if missing:
        raise StanceError(f"{folder}: weights lack {missing[:3]}")
    return network.to("cuda") if torch.cuda.is_available() else network


def _asked(source: Path, settings: "TransformerSettings", rows: TrainingRows, bf16: bool) -> dict[str, Any]:
    """Everything that the weights depend on: what may not change while a training is interrupted."""
    asked: dict[str, Any] = {
        "settings": asdict(settings),
        # Row by row: written out as a whole, large data would fill the memory a second time.
        "data": sha256_json([[sha256_json(row) for row in part] for part in (rows.train, rows.validation)]),
        "pretrained weights": {path.name: sha256_file(path) for path in sorted(source.glob("*.safetensors"))},
        "precision": _precision(bf16),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "processes": processes.count(),
    }
    if settings.reproducible == "strict":
        asked["threads"] = torch.get_num_threads()
    return asked


def _precision(bf16: bool) -> str:
    return "bf16" if bf16 else "fp32"


@contextmanager
def _deterministic(strict: bool) -> Iterator[None]:
    """Allow only operations that give the same bits each time; one that cannot raises an error instead."""
    if not strict:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when a GPU is first used
    deterministic: Any = torch.utils.deterministic
    was, filled = torch.are_deterministic_algorithms_enabled(), deterministic.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    deterministic.fill_uninitialized_memory = False  # it costs time, and nothing of ours reads such memory
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(was)
        deterministic.fill_uninitialized_memory = filled


def weighted_loss(class_weights: FloatArray | None, r_drop: float = 0.0) -> LossFunction:
    """Cross-entropy summed with class weights, divided by the examples of the whole optimiser step.

    Without the division the Trainer multiplies loss and gradient by the number of accumulated batches. Logits (2n, 3)
    for n labels hold every example twice: that is half of R-Drop's loss, r_drop its alpha (Liang et al. 2021,
    arXiv:2106.14448), the mean of both cross-entropies and a quarter of alpha times the divergence in both directions.
    """
    weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None) -> torch.Tensor:  # noqa: ANN401
        answers = outputs["logits"].float().split(len(labels))
        weight = None if weights is None else weights.to(labels.device)
        summed = [torch.nn.functional.cross_entropy(given, labels, weight=weight, reduction="sum") for given in answers]
        total = torch.stack(summed).mean()
        if len(answers) > 1:
            first, second = (given[labels != _NO_LABEL].log_softmax(-1) for given in answers)
            total = total + r_drop / 4 * ((first.exp() - second.exp()) * (first - second)).sum()
        return total / (len(labels) if num_items_in_batch is None else num_items_in_batch)

    return loss


def use_bf16(precision: str) -> bool:
    """Whether to train in bf16; `auto` asks the processor or GPU. Raises UserMistake when asked for and not there."""
    if precision == "fp32":
        return False
    gpu = torch.cuda.is_available()
    there = torch.cuda.is_bf16_supported() if gpu else bool(torch.cpu._is_avx512_bf16_supported())
    if precision == "bf16" and gpu and not there:
        raise UserMistake("model.precision: this GPU has no bf16; use auto or fp32")
    return there or precision == "bf16"


def _network(source: Path, settings: "TransformerSettings") -> Any:  # noqa: ANN401
    names = {column: str(label) for column, label in enumerate(ORDER)}
    labels: dict[str, Any] = {"id2label": names, "label2id": {label: column for column, label in names.items()}}
    if settings.pooling == "mean":
        network = with_mean_pooling(read_encoder(source, **labels))
        refuse_too_many_tokens(network, source, settings.max_tokens)
        return network
    network, missing = read_network(source, **labels)
    body = [name for name in missing if name.startswith(f"{network.base_model_prefix}.") and ".pooler." not in name]
    if body:
        raise UserMistake(f"model.checkpoint: {source} lacks the weights {body[:3]}; it is no pretrained encoder")
    refuse_too_many_tokens(network, source, settings.max_tokens)
    return network


def _arguments(settings: "TransformerSettings", bf16: bool, workspace: Path) -> TrainingArguments:
    for name in [one for one in os.environ if one.startswith("ACCELERATE_") and one != "ACCELERATE_USE_CPU"]:
        del os.environ[name]  # precision, batches and compilation, as noted by a launcher: the config says them
    arguments = TrainingArguments(
        output_dir=str(workspace),
        per_device_train_batch_size=processes.share(settings.batch_size),
        per_device_eval_batch_size=4 * settings.batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup_fraction,  # below 1 it is a fraction of all steps
        weight_decay=settings.weight_decay,
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        restore_callback_states_from_checkpoint=True,  # else early stopping forgets its patience
        label_names=["labels"],  # else looked for among what the network's class takes
        metric_for_best_model="macro_f1",  # read back by us: the Trainer would look for the path of the first start
        greater_is_better=True,
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,
        log_level_replica="error",  # as `quiet` sets it in the first process
        average_tokens_across_devices=True,  # the loss of a step is divided by its examples in all processes
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=settings.seed,
        data_seed=settings.seed,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # else it shares a batch among all GPUs unasked
    return arguments


def _macro_f1(prediction: EvalPrediction) -> dict[str, float]:
    columns = np.argmax(prediction.predictions, axis=-1)
    gold = np.asarray(prediction.label_ids)
    labels = list(range(len(ORDER)))
    return {"macro_f1": float(f1_score(gold, columns, labels=labels, average="macro", zero_division=0))}


class _Watched(TrainerCallback):
    """Tells somebody outside how each epoch went."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float],
        **_: Any,  # noqa: ANN401
    ) -> None:
        self._watch(round(state.epoch or 0), metrics["eval_macro_f1"])


class _Bar(TrainerCallback):
    """Steps on stderr, in the same form as every other long task."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._advance: Advance | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        self._advance = self._open.enter_context(bar("fine-tuning, steps", state.max_steps))

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        if self._advance is not None:
            self._advance(1)

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        self._open.close()


class LengthGroupedBatches(Sampler[list[int]]):
    """Row numbers of each batch of an epoch: rows of near lengths, so that little is padding, in random order.

    Rows are shuffled, sorted by length inside pools of many batches, cut into batches, and the batches shuffled, all as
    a function of seed and epoch alone: any epoch can be entered at any batch. lengths are in tokens; `epoch`, from 0,
    is set before each pass; one batch may be smaller than the others.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths, self._batch_size, self._seed = np.asarray(lengths), batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        return -(-len(self._lengths) // self._batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        random = np.random.default_rng((self._seed, self.epoch))
        order = random.permutation(len(self._lengths))
        pool = self._batch_size * max(1, min(_POOLED_BATCHES, len(order) // (_POOLS * self._batch_size)))
        pools = [order[at : at + pool] for at in range(0, len(order), pool)]
        grouped = np.concatenate([rows[np.argsort(self._lengths[rows], kind="stable")] for rows in pools])
        batches = [grouped[at : at + self._batch_size] for at in range(0, len(grouped), self._batch_size)]
        for number in random.permutation(len(batches)):
            yield batches[number].tolist()


class ShareOfBatches(Sampler[list[int]]):
    """The part of each batch that one of several processes computes; all of it where there is one.

    Every so-many-th row is taken: rows stand by length in a batch, and so the parts are alike. A part of a short batch
    may be empty, and then is the one row number `nothing`.
    """

    def __init__(self, batches: LengthGroupedBatches, rank: int, count: int, nothing: int) -> None:
        self._batches, self._rank, self._count, self._nothing = batches, rank, count, nothing

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._batches:
            yield batch[self._rank :: self._count] or [self._nothing]


@dataclass(frozen=True, slots=True)
class _Twice:
    """A batch with every example twice and every label once, as `weighted_loss` takes it."""

    collator: DataCollatorWithPadding

    def __call__(self, rows: Rows) -> dict[str, torch.Tensor]:
        batch = self.collator(rows)
        labels = batch.pop("labels")
        return {**{name: tensor.repeat(2, 1) for name, tensor in batch.items()}, "labels": labels}


class _Trainer(Trainer):
    """The Trainer on batches of ours, in the order that they come."""

    def __init__(self, batches: LengthGroupedBatches, train_collator: Callable[[Rows], Any], **named: Any) -> None:  # noqa: ANN401
        self._batches, self._train_collator = batches, train_collator
        super().__init__(**named)

    def get_train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(
            self.train_dataset,
            batch_sampler=ShareOfBatches(
                self._batches, processes.rank(), processes.count(), nothing=len(self.train_dataset) - 1
            ),
            collate_fn=self._train_collator,
            pin_memory=self.args.dataloader_pin_memory,
        )

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:  # noqa: ANN401
        """All of validation in every process, as in one alone: its figures are the same and all stop at one epoch."""
        loader = DataLoader(self.eval_dataset, self.args.per_device_eval_batch_size, collate_fn=self.data_collator)
        prepared: DataLoader[Any] = prepare_data_loader(loader, num_processes=1, process_index=0)
        return prepared

    def evaluation_loop(self, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        self.gather_function = self._own_rows
        return super().evaluation_loop(*arguments, **named)

    def _own_rows(self, values: torch.Tensor) -> torch.Tensor:
        """What the Trainer would gather where there is one process; it repeats a last short batch to full size."""
        state = self.accelerator.gradient_state
        return values[: state.remainder] if state.end_of_dataloader and state.remainder > 0 else values


class _OwnRandomness(TrainerCallback):
    """Other random numbers in each process: the Trainer seeds all alike, and two would drop the same units."""

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        torch.manual_seed(args.seed + processes.rank())  # a checkpoint's random state, where one is read, comes later


class _Checkpoints(TrainerCallback):
    """A checkpoint every so many steps of an epoch besides the one at its end; each sealed before an older one goes."""

    def __init__(self, batches: LengthGroupedBatches, every: int) -> None:
        self._batches, self._every = batches, every

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        self._batches.epoch = state.global_step // len(self._batches)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        step = state.global_step % len(self._batches)  # 0 at the end of an epoch, which has its own after it is scored
        if step and step % self._every == 0:
            control.should_save = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:  # noqa: ANN401
        workspace = Path(args.output_dir)
        folder = checkpoints.folder_of(workspace, state.global_step)
        processes.wait_for_all()  # each writes its random state into the folder
        if processes.rank() == 0:
            (folder / "training_args.bin").unlink(missing_ok=True)  # a pickle that nobody reads
            checkpoints.seal(folder)
            checkpoints.drop_old(workspace)
