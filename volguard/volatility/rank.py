"""Where a value stands among its own past."""

from __future__ import annotations

import math

import numpy as np

from volguard.model.market import FloatArray


def percentile_of(value: float, past: FloatArray) -> float | None:
    """Share of the finite past strictly below the value, in percent; None without any past."""
    known = past[np.isfinite(past)]
    if not len(known) or not math.isfinite(value):
        return None
    return 100.0 * float(np.count_nonzero(known < value)) / len(known)


def z_score(value: float, past: FloatArray) -> float | None:
    """Distance from the finite past's mean in its standard deviations (n - 1); None below 2 unlike values."""
    known = past[np.isfinite(past)]
    # A past that never moved has a deviation of rounding noise, not of zero: compare the values themselves.
    if len(known) < 2 or not math.isfinite(value) or known.min() == known.max():
        return None
    return (value - float(np.mean(known))) / float(np.std(known, ddof=1))
