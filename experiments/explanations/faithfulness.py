"""Which explanation of a transformer is faithful, and what does it cost? Comprehensiveness and sufficiency (ERASER).

stance data build && .venv/bin/python experiments/explanations/faithfulness.py RUN

RUN is the run folder of a transformer; its held-out statements are explained, as many as STATEMENTS.
"""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ukraine_stance import classifier
from ukraine_stance.evaluation.held_out import held_out_parts
from ukraine_stance.models.occlusion import Part, parts_of
from ukraine_stance.models.transformer import TransformerModel
from ukraine_stance.project import Project

STATEMENTS = 150
BATCH = 32
STEPS = 20  # of integrated gradients
RANDOM_ORDERS = 1
SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, at least one: DeYoung et al. 2020
BOOTSTRAPS = 2000
REMOVALS = ("mask", "attention", "deletion")

# Probabilities (3,) of a statement by its number without some of its words, taken away in one of the ways.
Known = dict[tuple[int, str, tuple[int, ...]], np.ndarray]


@dataclass(frozen=True)
class Case:
    """A statement as the model reads it: rows of its input by name, its words, and the column predicted."""

    inputs: dict[str, torch.Tensor]
    words: list[Part]
    column: int
    group: str

    @property
    def text_tokens(self) -> list[int]:
        return [token for word in self.words for token in word.tokens]


class Scorer:
    """The network with words taken away, in one of three ways."""

    def __init__(self, model: TransformerModel) -> None:
        self.network, self.tokenizer, self.model = model._network.eval(), model._tokenizer, model

    def case(self, text: str, target: str, group: str) -> Case:
        encoded = self.model._tokenize([text], [target], "pt", True)
        inputs = {name: tensor[0] for name, tensor in encoded.items()}
        words = [part for part in parts_of(text, encoded.encodings[0]) if part.tokens]
        column = int(self.logits([inputs]).argmax())
        return Case(inputs, words, column, group)

    def without(self, case: Case, words: list[int], removal: str) -> dict[str, torch.Tensor]:
        taken = [token for word in words for token in case.words[word].tokens]
        inputs = {name: tensor.clone() for name, tensor in case.inputs.items()}
        if removal == "mask":
            inputs["input_ids"][taken] = self.tokenizer.mask_token_id
        elif removal == "attention":
            inputs["attention_mask"][taken] = 0
        else:
            kept = torch.ones(len(inputs["input_ids"]), dtype=torch.bool)
            kept[taken] = False
            inputs = {name: tensor[kept] for name, tensor in inputs.items()}
        return inputs

    def logits(self, rows: list[dict[str, torch.Tensor]]) -> np.ndarray:
        found = np.zeros((len(rows), 3))
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]["input_ids"]))
        with torch.inference_mode():
            for at in range(0, len(order), BATCH):
                chosen = order[at : at + BATCH]
                # A row of inputs starts with 0 everywhere it is padded; [PAD] is 0 too.
                batch = {
                    name: torch.nn.utils.rnn.pad_sequence([rows[row][name] for row in chosen], batch_first=True)
                    for name in rows[0]
                }
                found[chosen] = self.network(**batch).logits.double().numpy()
        return found

    def occlusion(self, case: Case, removal: str) -> np.ndarray:
        rows = [case.inputs, *(self.without(case, [word], removal) for word in range(len(case.words)))]
        scores = centred(self.logits(rows))[:, case.column]
        return scores[0] - scores[1:]

    def gradients(self, case: Case, steps: int) -> np.ndarray:
        """Integrated gradients from a text of mask tokens (Sundararajan et al. 2017), by the midpoint rule."""
        embeddings = self.network.get_input_embeddings()
        ids = case.inputs["input_ids"]
        masked = ids.clone()
        masked[case.text_tokens] = self.tokenizer.mask_token_id
        with torch.no_grad():
            here, start = embeddings(ids), embeddings(masked)
        shares = (torch.arange(steps) + 0.5) / steps
        points = (start + shares[:, None, None] * (here - start)).requires_grad_()
        others = {name: tensor.repeat(steps, 1) for name, tensor in case.inputs.items() if name != "input_ids"}
        logits = self.network(inputs_embeds=points, **others).logits
        (logits[:, case.column] - logits.mean(dim=1)).sum().backward()
        by_token = (points.grad.mean(dim=0) * (here - start)).sum(dim=-1).double().numpy()
        return np.array([by_token[list(word.tokens)].sum() for word in case.words])

    def gradient_times_input(self, case: Case) -> np.ndarray:
        embeddings = self.network.get_input_embeddings()
        with torch.no_grad():
            here = embeddings(case.inputs["input_ids"])[None]
        point = here.clone().requires_grad_()
        others = {name: tensor[None] for name, tensor in case.inputs.items() if name != "input_ids"}
        logits = self.network(inputs_embeds=point, **others).logits[0]
        (logits[case.column] - logits.mean()).backward()
        by_token = (point.grad * here)[0].sum(dim=-1).double().numpy()
        return np.array([by_token[list(word.tokens)].sum() for word in case.words])


def centred(logits: np.ndarray) -> np.ndarray:
    return logits - logits.mean(axis=-1, keepdims=True)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def erasures(weights: np.ndarray) -> list[tuple[int, ...]]:
    """Words taken away: the k most important ones for every share, then all but those."""
    order = np.argsort(-weights, kind="stable").tolist()
    sizes = [max(1, math.ceil(share * len(order))) for share in SHARES]
    gone = [order[:size] for size in sizes] + [order[size:] for size in sizes]
    return [tuple(sorted(words)) for words in gone]


def faithfulness(
    scorer: Scorer, cases: list[Case], weights: list[np.ndarray], removal: str, known: Known
) -> np.ndarray:
    """Comprehensiveness and sufficiency of each case, (n, 2): mean fall of the class's probability over SHARES.

    known keeps what was scored: the orders often begin alike.
    """
    wanted = [
        [(row, removal, ()), *((row, removal, gone) for gone in erasures(one))] for row, one in enumerate(weights)
    ]
    new = [one for one in dict.fromkeys(one for of_case in wanted for one in of_case) if one not in known]
    logits = scorer.logits([scorer.without(cases[row], list(gone), way) for row, way, gone in new])
    known.update(zip(new, softmax(logits), strict=True))
    falls = []
    for case, (whole, *changed) in zip(cases, wanted, strict=True):
        chances = np.array([known[one][case.column] for one in changed]).reshape(2, len(SHARES))
        falls.append(known[whole][case.column] - chances.mean(axis=1))
    return np.array(falls)


def interval(values: np.ndarray, groups: list[str]) -> str:
    """Mean with a 95 % interval over groups."""
    names, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    times = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=BOOTSTRAPS)
    low, high = np.quantile(times @ sums / (times @ counts), [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def main(run: Path) -> None:
    torch.set_num_threads(1)
    stance = classifier.load(run)
    parts, _ = held_out_parts(Project(Path().resolve()), [stance], ["model"])
    rows = parts["test"].sample(STATEMENTS, random_state=0)
    scorer = Scorer(stance.model)
    cases = [scorer.case(*one) for one in rows[["text", "target", "group"]].itertuples(index=False)]
    groups = [case.group for case in cases]
    methods: dict[str, Callable[[Case], np.ndarray]] = {
        **{f"occlusion, {way}": lambda case, way=way: scorer.occlusion(case, way) for way in REMOVALS},
        "gradient x input": scorer.gradient_times_input,
        f"integrated gradients, {STEPS} steps": lambda case: scorer.gradients(case, STEPS),
    }
    found, seconds = {}, {}
    known: Known = {}
    for name, method in methods.items():
        start = time.process_time()
        weights = [method(case) for case in cases]
        seconds[name] = time.process_time() - start
        found[name] = {removal: faithfulness(scorer, cases, weights, removal, known) for removal in REMOVALS}
    rng = np.random.default_rng(0)
    draws = [[rng.random(len(case.words)) for case in cases] for _ in range(RANDOM_ORDERS)]
    found["random order"] = {
        removal: np.mean([faithfulness(scorer, cases, weights, removal, known) for weights in draws], axis=0)
        for removal in REMOVALS
    }
    words = np.mean([len(case.words) for case in cases])
    print(f"{len(cases)} statements in {len(set(groups))} groups, {words:.1f} words on average")
    for kind, what in enumerate(("comprehensiveness (more is better)", "sufficiency (less is better)")):
        print(f"\n{what}; words erased by\n\n| order of the words from | {' | '.join(REMOVALS)} |")
        print("| --- " * (1 + len(REMOVALS)) + "|")
        for name, by_removal in found.items():
            print(f"| {name} | {' | '.join(interval(by_removal[r][:, kind], groups) for r in REMOVALS)} |")
    print("\nmask occlusion minus the others (comprehensiveness; sufficiency), words erased by\n")
    first = found["occlusion, mask"]
    for name, by_removal in found.items():
        for removal in REMOVALS:
            gaps = first[removal] - by_removal[removal]
            print(f"{name}, {removal}: {interval(gaps[:, 0], groups)}; {interval(gaps[:, 1], groups)}")
    print("\nstatements explained per second of one core:")
    for name, spent in seconds.items():
        print(f"{name}: {len(cases) / spent:.1f}")


main(Path(sys.argv[1]))
