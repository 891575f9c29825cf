"""The cascade on a realistic mix, beside a classifier of BERT-base's size in ONNX int8.

The peer gets its texts sorted by length, so that it pads next to nothing; the cascade gets them in
any order. How fast the cascade is depends above all on how many texts its first stage answers.
"""

from collections import Counter
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.encoder import once
from benchmarks.models import artefact_with_encoder, bert_base, encoder_folder
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
from ostraka.moderator import Moderator

BATCH = 64


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    model_option(parser)
    data_option(parser)
    options = parser.parse_args()
    rounds, count = (3, 64) if options.quick else (5, 192)
    total = 384 if options.quick else 1024
    texts = of_data(options.data, total) if options.data else comments(total)
    folder = encoder_folder(options.model)
    with TemporaryDirectory() as scratch:
        moderator = Moderator.load(artefact_with_encoder(folder, Path(scratch)))
        cascade = moderator.cascade()
        peer = bert_base(folder / "tokenizer.json", len(moderator.categories))
        stages = Counter(judgement.stage for judgement in cascade.judge(texts))
        share = ", ".join(f"{name} {n / stages.total():.1%}" for name, n in stages.items())
        ours, theirs = in_turn(
            once(moderator.moderate_many, texts, BATCH),
            once(peer, sorted(texts[:count], key=len), BATCH),
            rounds=rounds,
            seconds=0.01,
        )
        first = once(moderator.cascade("ostraka-lexical").judge, texts, BATCH)
        lexical = [rate(first, 0.5) for _ in range(rounds)]
    passed_on = 1 - stages["lexical"] / stages.total()
    figures = [
        Figure(
            f"cascade, batches of {BATCH}",
            "texts/s",
            ours,
            theirs,
            Goal(at_least=100),
            note=f"answered by {share}. {_needed(ours, theirs, lexical, passed_on)}",
        ),
        Figure("its first stage alone", "texts/s", lexical, theirs),
    ]
    show("cascade against BERT-base", figures, options.json)


def _needed(ours: list[float], peer: list[float], lexical: list[float], passed_on: float) -> str:
    """What share of texts may reach the encoder for the goal, from the costs just measured."""
    if not passed_on:
        return "The encoder saw none."
    cheap = 1 / median(lexical)
    costly = (1 / median(ours) - cheap) / passed_on
    share = (1 / (100 * median(peer)) - cheap) / costly
    return f"For 100 × the encoder may see at most {max(0.0, min(1.0, share)):.1%} of texts."


if __name__ == "__main__":
    main()
