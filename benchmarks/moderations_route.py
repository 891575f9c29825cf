"""`/v1/moderations`, a 20-word text, one worker, 32 clients, beside a constant answer."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import server
from benchmarks.report import Figure, Goal, arguments, show

PATH = "/v1/moderations"
TEXT = (
    "Thanks for the quick reply, I will look at the new build tomorrow and tell you "
    "whether it works now."
)
CLIENTS = 32


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__).parse_args()
    rounds, seconds = (3, 1.5) if options.quick else (7, 4.0)
    # The lexical stage by name: whether it is sure of this text is not what is measured here.
    bodies = [{"model": "ostraka-lexical", "input": TEXT}]
    with TemporaryDirectory() as folder, server.ostraka() as ours:
        answer = Path(folder) / "answer.json"
        answer.write_text(json.dumps(ours.post(PATH, bodies[0])), "utf-8")
        with server.constant(answer) as floor:
            pairs = []
            for warm in [True] + [False] * rounds:
                both = [
                    each.load(PATH, bodies, clients=CLIENTS, seconds=0.5 if warm else seconds)
                    for each in (ours, floor)
                ]
                if not warm:
                    pairs.append(both)
    figures = [
        Figure(
            "one short text, 32 clients",
            "requests/s",
            [a.rate for a, _ in pairs],
            [b.rate for _, b in pairs],
            Goal(at_least=0.5),
        ),
        Figure("latency, median", "ms", [a.p50 for a, _ in pairs], [b.p50 for _, b in pairs]),
        Figure("latency, 99 of 100", "ms", [a.p99 for a, _ in pairs], [b.p99 for _, b in pairs]),
        Figure(
            "processor time of the server",
            "µs/request",
            [a.cpu for a, _ in pairs],
            [b.cpu for _, b in pairs],
        ),
    ]
    show("/v1/moderations against a constant", figures, options.json)


if __name__ == "__main__":
    main()
