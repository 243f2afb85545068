"""Forecasts dealt out anew: what a strategy makes of signals that know nothing of their day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

import numpy as np

from volguard.model.market import VarianceForecasts


def dealt_anew(
    forecasts: Iterable[tuple[date, VarianceForecasts]], seed: int
) -> Iterator[tuple[date, VarianceForecasts]]:
    """Every day keeps NSE's own volatility (margins are made of it) and its past; what is expected of the
    sessions ahead is that of another day, drawn without repetition.
    """
    known = list(forecasts)
    order = np.random.default_rng(seed).permutation(len(known))
    for (day, own), other in zip(known, order.tolist(), strict=True):
        foreign = known[other][1]
        yield (
            day,
            replace(own, total_variance=foreign.total_variance, left_out=foreign.left_out),
        )
