"""The cascade on a realistic mix, beside a classifier of BERT-base's size in ONNX int8."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.lexical import batches
from benchmarks.models import artefact_with_encoder, bert_base, encoder_folder
from benchmarks.report import Figure, Goal, arguments, data_option, in_turn, model_option, show
from benchmarks.texts import comments, of_data
from ostraka.moderator import Moderator

BATCH = 64


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    model_option(parser)
    data_option(parser)
    options = parser.parse_args()
    rounds, seconds = (3, 3.0) if options.quick else (7, 8.0)
    texts = of_data(options.data, 4096) if options.data else comments(4096)
    folder = encoder_folder(options.model)
    with TemporaryDirectory() as scratch:
        moderator = Moderator.load(artefact_with_encoder(folder, Path(scratch)))
        cascade = moderator.cascade()
        peer = bert_base(folder / "tokenizer.json", len(moderator.categories))
        stages = Counter(judgement.stage for judgement in cascade.judge(texts[:1024]))
        share = ", ".join(f"{name} {n / stages.total():.1%}" for name, n in stages.items())
        ours, theirs = in_turn(
            batches(moderator.moderate_many, texts, BATCH),
            batches(peer, texts, BATCH),
            rounds=rounds,
            seconds=seconds,
        )
        lexical, _ = in_turn(
            batches(moderator.cascade("ostraka-lexical").judge, texts, BATCH),
            lambda: 1,
            rounds=rounds,
            seconds=seconds / 8,
        )
    figures = [
        Figure(
            f"cascade, batches of {BATCH}",
            "texts/s",
            ours,
            theirs,
            Goal(at_least=100),
            note=f"answered by {share}",
        ),
        Figure("its first stage alone", "texts/s", lexical, theirs),
    ]
    show("cascade against BERT-base", figures, options.json)


if __name__ == "__main__":
    main()
