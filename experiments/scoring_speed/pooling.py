"""What mean pooling costs the engines, beside one token: the same MiniLM with both heads, in turn, on one core.

    python experiments/scoring_speed/pooling.py [--rounds 25]

Weights of the heads are random: they cost the same as trained ones. Each round runs both networks in both engines on 28
rows of 35 tokens, the mean length of ours; the ratio is of the processor's time, round by round.
"""

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from ukraine_stance.labels import ORDER
from ukraine_stance.models.network import quiet, read_encoder, read_network, with_mean_pooling
from ukraine_stance.models.weights import locate
from ukraine_stance.scoring.engines.openvino_graph import OpenVinoForward, write_graph
from ukraine_stance.scoring.engines.packed import PackedBert

CHECKPOINT = "sentence-transformers/all-MiniLM-L6-v2"
WARM_UP, TIMES = 3, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    quiet()
    torch.set_num_threads(1)
    source, names = locate(CHECKPOINT, None, None), {column: str(label) for column, label in enumerate(ORDER)}
    networks = {
        "one token": read_network(source, id2label=names)[0].eval(),
        "mean": with_mean_pooling(read_encoder(source, id2label=names)).eval(),
    }
    ids = torch.randint(1000, 20_000, (28, 35), generator=torch.Generator().manual_seed(0))
    types = torch.zeros_like(ids)
    with TemporaryDirectory() as folder, torch.inference_mode():
        ways = {}
        for pooling, network in networks.items():
            place = Path(folder) / pooling
            place.mkdir()
            write_graph(network, place)
            ways["torch-bf16", pooling] = PackedBert(network, torch.bfloat16)
            ways["openvino-bf16", pooling] = OpenVinoForward(place, 1)
        spent = {way: [] for way in ways}
        for _ in range(WARM_UP + rounds):
            for way, forward in ways.items():
                began = time.process_time()
                for _ in range(TIMES):
                    forward(ids, types)
                spent[way].append(time.process_time() - began)
    for engine in ("torch-bf16", "openvino-bf16"):
        pairs = zip(spent[engine, "mean"][WARM_UP:], spent[engine, "one token"][WARM_UP:], strict=True)
        ratios = sorted(mean / one for mean, one in pairs)
        print(f"{engine}: the mean takes {median(ratios):.2f} times as long ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
