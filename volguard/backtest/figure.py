"""A figure of the record, or the reason why there is none: nothing is ever made up in its place."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """`value` with no reason, or None with the reason. Raises ValueError where that is not so."""

    value: float | None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) is not bool(self.reason):
            raise ValueError(f"a figure is a value or a reason, not {self.value} with {self.reason!r}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a figure is finite, not {self.value}")


def not_available(reason: str) -> Figure:
    """No figure, and why."""
    return Figure(None, reason)


def figure_or(value: float, reason: str) -> Figure:
    """The value where it is a finite number, else the reason."""
    return Figure(float(value)) if math.isfinite(value) else not_available(reason)
