"""Smiles with known answers, made from a formula of volatility."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from volguard.model.market import FloatArray
from volguard.pricing.smile import Smiles, pack_smiles

FORWARD = 25_000.0
TICK = 0.05

Formula = Callable[[FloatArray, int], FloatArray]


def make_smiles(formula: Formula, *, years: FloatArray, strikes: FloatArray, spread: float = 0.1) -> Smiles:
    """One smile per entry of `years`, sigma = formula(strike, position); strikes (m,) or (n, m)."""
    grid = np.broadcast_to(strikes, (len(years), strikes.shape[-1]))
    return pack_smiles(
        expiry=np.repeat(np.arange(len(years)), grid.shape[1]),
        strike=grid.reshape(-1).copy(),
        sigma=np.concatenate([formula(row, i) for i, row in enumerate(grid)]),
        spread=np.full(grid.size, spread),
        forward=np.full(len(years), FORWARD),
        discount=np.exp(-0.06 * years),
        years=years,
        tick=TICK,
    )
