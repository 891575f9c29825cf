"""What clients write of labels, as numbers."""

from typing import Any


def labels_given(labels: dict[Any, float | str] | list[Any]) -> dict[str, float]:
    """Labels by name; numbers that come as text are numbers too, and a list is none."""
    if isinstance(labels, list):
        return {}
    return {str(name): float(value) for name, value in labels.items()}
