"""The encoder stage, in process and through the server, beside bare ONNX Runtime int8.

The floor gets its texts sorted by length, so that it pads next to nothing: no strawman. In
process ours gets the same batches; the server gets the texts in any order, as clients send them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import server
from benchmarks.models import BareEncoder, artefact_with_encoder, encoder_folder
from benchmarks.report import (
    Figure,
    Goal,
    arguments,
    data_option,
    in_turn,
    model_option,
    rate,
    show,
)
from benchmarks.texts import comments, of_data
from ostraka.assess.artefact import Artefact

BATCH = 32
CLIENTS = 32


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    model_option(parser)
    data_option(parser)
    options = parser.parse_args()
    rounds, seconds, count = (3, 2.0, 128) if options.quick else (7, 5.0, 320)
    texts = of_data(options.data, count) if options.data else comments(count)
    by_length = sorted(texts, key=len)
    folder = encoder_folder(options.model)
    bare = BareEncoder(folder / "encoder.onnx", folder / "tokenizer.json")
    with TemporaryDirectory() as scratch:
        served = artefact_with_encoder(folder, Path(scratch))
        stage = Artefact.load(served).stages[-1]
        figures = []
        for name, size, goal in (
            (f"in process, batches of {BATCH}", BATCH, Goal(at_least=0.9)),
            ("in process, text by text", 1, Goal()),
        ):
            ours, peer = in_turn(
                once(stage.assess, by_length, size),
                once(bare, by_length, size),
                rounds=rounds,
                seconds=0.01,
            )
            figures.append(Figure(name, "texts/s", ours, peer, goal))
        figures.append(through_server(served, bare, texts, rounds, seconds))
    show("encoder stage against bare ONNX Runtime", figures, options.json)


def once(
    call: Callable[[Sequence[str]], object], texts: Sequence[str], size: int
) -> Callable[[], int]:
    """Calls `call` with all `texts`, `size` at a time: every round does the same work."""

    def step() -> int:
        for start in range(0, len(texts), size):
            call(texts[start : start + size])
        return len(texts)

    return step


def through_server(
    served: Path, bare: BareEncoder, texts: Sequence[str], rounds: int, seconds: float
) -> Figure:
    """32 clients with one text each, beside bare batches of 32 in this process."""
    bodies = [{"model": "ostraka-encoder", "input": text} for text in texts]
    ours: list[float] = []
    peer: list[float] = []
    latencies: list[float] = []
    with server.ostraka(model_folder=str(served), encoder_batch=str(BATCH)) as running:
        running.load("/v1/moderations", bodies, clients=CLIENTS, seconds=1.0)
        for _ in range(rounds):
            load = running.load("/v1/moderations", bodies, clients=CLIENTS, seconds=seconds)
            ours.append(load.rate)
            latencies.append(load.p99)
            peer.append(rate(once(bare, sorted(texts, key=len), BATCH), 0.01))
    worst = max(latencies)
    return Figure(
        f"through the server, {CLIENTS} clients",
        "texts/s",
        ours,
        peer,
        Goal(at_least=0.9),
        note=f"99 of 100 answers within {worst:.0f} ms in the worst round",
    )


if __name__ == "__main__":
    main()
