"""The model card of a trained classifier, as Markdown, from the facts of its manifest."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

MOST_LABELS: Final = 100
_COLUMNS: Final = (
    ("rows", "support"),
    ("threshold", "threshold"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("F1", "f1"),
    ("AUPRC", "average_precision"),
    ("AUROC", "roc_auc"),
    ("ECE", "calibration_error"),
)
_READING: Final = """\
F1 and AUPRC of 1 are perfect; AUPRC of chance is the share of rows with the label. ECE is how far
stated probabilities are from observed shares, on average. Averages over labels ("macro") count a
rare label as much as a frequent one; kappa is agreement beyond chance."""
_LIMITS: Final = """\
- It knows texts like those it was trained on. Others get scores too, and they mean less.
- A label of few rows has figures of wide error; look at the column of rows first.
- What annotators disagreed on, it cannot settle. Let what it is unsure of go to a person."""


def classifier_card(report: Mapping[str, Any], plots: Mapping[str, str]) -> str:
    """The card of a model folder; `plots` are captions by path."""
    metrics = report["metrics"]
    sections = [
        "# Model card",
        _summary(report),
        *(_part(name, metrics[name]) for name in ("test", "validation") if name in metrics),
        "## Reading the figures\n\n" + _READING,
        "## Pictures\n\n" + "\n\n".join(f"![{_plain(c)}]({p})" for p, c in plots.items()),
        "## Training\n\n" + _training(report["provenance"]),
        "## Data\n\n" + _data(report["provenance"]),
        "## Limits\n\n" + _LIMITS,
    ]
    return "\n\n".join(sections) + "\n"


def _summary(report: Mapping[str, Any]) -> str:
    created = datetime.fromtimestamp(report["created"], UTC).strftime("%Y-%m-%d %H:%M UTC")
    part = "test" if "test" in report["metrics"] else "validation"
    figures = report["metrics"][part]["targets"]
    rows = [
        [
            _code(target["name"]),
            "one label" if target["loss_function"] == "single_class" else "any number of labels",
            str(len(target["labels"])),
            _figure(figures[target["name"]]["macro_f1"]),
            _figure(figures[target["name"]]["micro_f1"]),
            _figure(figures[target["name"]]["kappa"]),
        ]
        for target in report["targets"]
    ]
    heading = ("target", "kind", "labels", "macro F1", "micro F1", "kappa")
    return (
        f"Base model: `{report['base']}`. Trained {created}. "
        f"Figures of this table: {part} rows.\n\n{_table(heading, rows)}"
    )


def _part(name: str, metrics: Mapping[str, Any]) -> str:
    lines = [f"## On {metrics['rows']:,} {name} rows"]
    if name == "validation":
        held_out = metrics.get("held_out_of_training_rows")
        origin = " They are a tenth of the training rows, held out by the seed." if held_out else ""
        lines.append(
            "Calibration and thresholds were fitted on these rows, so the figures are a little "
            f"kind to the model.{origin}"
        )
    for target, figures in metrics["targets"].items():
        lines.append(f"### {_plain(target)}")
        lines.append(_target(figures))
    return "\n\n".join(lines)


def _target(figures: Mapping[str, Any]) -> str:
    ranked = sorted(figures["labels"].items(), key=lambda pair: -pair[1]["support"])
    rows = [
        [_code(name), *(_figure(label[key]) for _, key in _COLUMNS)]
        for name, label in ranked[:MOST_LABELS]
    ]
    text = _table(("label", *(title for title, _ in _COLUMNS)), rows)
    averages = ", ".join(
        f"{title} {_figure(figures[key])}"
        for title, key in (
            ("macro F1", "macro_f1"),
            ("micro F1", "micro_f1"),
            ("macro AUPRC", "macro_average_precision"),
            ("macro AUROC", "macro_roc_auc"),
            ("all labels right", "exact_match"),
            ("kappa", "kappa"),
        )
    )
    text += f"\n\nOf {figures['rows']:,} rows: {averages}."
    if len(ranked) > MOST_LABELS:
        text += f" The other {len(ranked) - MOST_LABELS} labels are in `metrics.json`."
    if figures["labels_without_rows"]:
        missing = ", ".join(_code(name) for name in figures["labels_without_rows"])
        text += f" No row has {missing}; the averages leave them out."
    return text


def _training(provenance: Mapping[str, Any]) -> str:
    facts = {
        "steps": provenance["steps"],
        "tokens seen": provenance["trained_tokens"],
        **provenance["options"],
        **_flat(provenance["facts"]),
        "digest of the base model": provenance["base_digest"],
        **{f"version of {name}": value for name, value in provenance["libraries"].items()},
    }
    rows = [[name, _code(str(value))] for name, value in facts.items() if value is not None]
    return _table(("what", "value"), rows)


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without facts in facts: options that the trainer chose stand among the others."""
    others = dict(facts)
    flat = dict(others.pop("options", {}))
    flat.pop("steps", None)  # those that were planned; there may have been fewer
    for name, value in others.items():
        if isinstance(value, Mapping):
            flat |= {f"{name} {inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat


def _data(provenance: Mapping[str, Any]) -> str:
    counts = provenance["rows"]
    text = (
        f"{counts['train']:,} training rows, {counts['validation']:,} for validation, "
        f"{counts['test']:,} for the test."
    )
    files = provenance.get("files", {})
    if files:
        rows = [[_code(name), _code(_digest(value))] for name, value in files.items()]
        text += "\n\n" + _table(("file", "SHA-256"), rows)
    labels = [
        [_code(target), _code(label), f"{count:,}"]
        for target, counted in provenance["labels"].items()
        for label, count in sorted(counted.items(), key=lambda pair: -pair[1])[:MOST_LABELS]
    ]
    return text + "\n\n" + _table(("target", "label", "training rows"), labels)


def _digest(value: Any) -> str:
    return str(value["sha256"]) if isinstance(value, Mapping) else str(value)


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _figure(value: float | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _plain(text: str) -> str:
    """Names come from data: they must not break out of a line, a link or a table."""
    spaced = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]()<>#|!" else sign for sign in spaced)


def _code(text: str) -> str:
    spaced = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{spaced}`"
