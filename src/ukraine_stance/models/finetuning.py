"""The Trainer as we use it: weighted loss that survives accumulation, best epoch kept, nothing reported elsewhere.

Imported lazily by transformer.py alone, so torch may stand at the top.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.metrics import f1_score
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

from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER
from ukraine_stance.models.network import read_network
from ukraine_stance.models.protocol import FitReport, FloatArray, Watch
from ukraine_stance.progress import Advance, bar

if TYPE_CHECKING:
    from ukraine_stance.models.transformer import TransformerSettings

Rows = list[dict[str, Any]]
LossFunction = Callable[[Any, torch.Tensor, torch.Tensor | int | None], torch.Tensor]


@dataclass(frozen=True, slots=True)
class TrainingRows:
    """Tokenised examples, each with its `labels` column index, and the weight (3,) of each class in the loss."""

    train: Rows
    validation: Rows
    class_weights: FloatArray | None


def finetune(
    source: Path,
    settings: "TransformerSettings",
    rows: TrainingRows,
    tokenizer: Any,  # noqa: ANN401 - transformers is half typed
    workspace: Path,
    watch: Watch | None = None,
) -> tuple[Any, FitReport]:
    """Train all layers, and a fresh head where the checkpoint has none for three labels.

    The network returned is the one of the best epoch on validation macro-F1; watch is told each epoch's. Raises
    UserMistake when the checkpoint lacks weights below its head, or reads fewer tokens than asked for.
    """
    set_seed(settings.seed)
    network = _network(source, settings.max_tokens)
    bf16 = use_bf16(settings.precision)
    trainer = Trainer(
        model=network,
        args=_arguments(settings, len(rows.train), bf16, workspace),
        data_collator=DataCollatorWithPadding(tokenizer),
        train_dataset=rows.train,
        eval_dataset=rows.validation,
        compute_loss_func=weighted_loss(rows.class_weights),
        compute_metrics=_macro_f1,
        callbacks=[EarlyStoppingCallback(settings.patience), _Bar(), *([_Watched(watch)] if watch else [])],
    )
    trainer.remove_callback(PrinterCallback)  # both print on stdout, which belongs to results
    trainer.remove_callback(ProgressCallback)
    trainer.train()
    history = tuple(
        {"epoch": entry["epoch"], "validation_macro_f1": entry["eval_macro_f1"], "validation_loss": entry["eval_loss"]}
        for entry in trainer.state.log_history
        if "eval_macro_f1" in entry
    )
    best = max(history, key=lambda entry: entry["validation_macro_f1"])
    facts = (("best_epoch", best["epoch"]), ("precision", "bf16" if bf16 else "fp32"))
    # Mixed precision leaves its autocast around forward; without it a fresh load gives the same numbers.
    return trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False), FitReport(history, facts)


def weighted_loss(class_weights: FloatArray | None) -> LossFunction:
    """Cross-entropy summed with class weights, divided by the examples of the whole optimiser step.

    Without the division the Trainer multiplies loss and gradient by the number of accumulated batches.
    """
    weights = None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32)

    def loss(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None) -> torch.Tensor:  # noqa: ANN401
        logits = outputs["logits"].float()
        weight = None if weights is None else weights.to(logits.device)
        total = torch.nn.functional.cross_entropy(logits, labels, weight=weight, reduction="sum")
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


def _network(source: Path, max_tokens: int) -> Any:  # noqa: ANN401
    names = {column: str(label) for column, label in enumerate(ORDER)}
    network, missing = read_network(
        source, num_labels=len(ORDER), id2label=names, label2id={label: column for column, label in names.items()}
    )
    body = [name for name in missing if name.startswith(f"{network.base_model_prefix}.") and ".pooler." not in name]
    if body:
        raise UserMistake(f"model.checkpoint: {source} lacks the weights {body[:3]}; it is no pretrained encoder")
    longest = _positions(network, max_tokens)
    if max_tokens > longest:
        raise UserMistake(f"model.max_tokens: {source.name} reads at most {longest} tokens, not {max_tokens}")
    return network


def _positions(network: Any, otherwise: int) -> int:  # noqa: ANN401
    """Tokens that the network has positions for; RoBERTa and its kin spend their first ones on padding."""
    positions = int(getattr(network.config, "max_position_embeddings", otherwise))
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            return positions - int(module.padding_idx) - 1
    return positions


def _arguments(settings: "TransformerSettings", examples: int, bf16: bool, workspace: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(workspace),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=4 * settings.batch_size,
        num_train_epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        train_sampling_strategy="group_by_length",  # batches of near lengths waste little on padding
        warmup_steps=settings.warmup_fraction,  # below 1 it is a fraction of all steps
        weight_decay=settings.weight_decay,
        bf16=bf16,
        use_cpu=not torch.cuda.is_available(),
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        save_only_model=True,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=settings.seed,
        data_seed=settings.seed,
    )


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
