"""The sixteen scenarios of SPAN: what one long unit of each contract loses in each, by full revaluation.

Order as in the exchange's file: price unchanged, +1/3, -1/3, +2/3, -2/3, +3/3, -3/3 of the price scan, each
with volatility up and down; then the two extreme moves, of whose loss a share is counted (NSE Clearing,
"NSCCL SPAN"; CME, "Standard Portfolio Analysis of Risk"). Contracts are a day older in all of them.

Options are priced by Black-76 on the forward of their expiry, which moves by the points of the scan, as
futures do. Forward, strike and scan in points, t in years (ACT/365), sigma and volatility scan decimal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.model.market import BoolArray, FloatArray
from volguard.nse.margin_rules import ScenarioRow
from volguard.pricing.black76 import greeks, price
from volguard.pricing.daycount import DAYS_PER_YEAR

SCENARIOS: Final = 16
REGULAR: Final = 14
LEVEL_MIN: Final = 0.01  # points: no index falls to zero, and Black-76 wants a forward above it

_THIRDS: Final = (0, 1, -1, 2, -2, 3, -3)
_SCAN_STEPS: Final = np.arange(-3, 4) / 3.0
# Weights of the composite delta: normal, the whole scan at two standard deviations (CME's own figures,
# 0.037 0.110 0.217 0.272 ..., are these to the second digit).
_WEIGHTS: Final = np.exp(-2.0 * _SCAN_STEPS**2) / np.exp(-2.0 * _SCAN_STEPS**2).sum()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contracts:
    """Contracts and their market by column, shape (legs,); a future has no use for strike, t and sigma."""

    is_future: BoolArray
    is_call: BoolArray
    strike: FloatArray
    forward: FloatArray
    t: FloatArray
    sigma: FloatArray
    discount: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskArrays:
    """What SPAN needs of each contract, per long unit.

    loss             (16, legs) points lost, gains negative, extreme scenarios at their counted share
    value            (legs,) price of an option; 0 for a future, whose gains are settled daily
    composite_delta  (legs,) average delta over the price scan; nan where it was not asked for
    """

    loss: FloatArray
    value: FloatArray
    composite_delta: FloatArray


def scenario_name(index: int) -> str:
    """What happens in a scenario, by its place (0 to 15) in the file's order."""
    if index >= REGULAR:
        return f"extreme move {'up' if index == REGULAR else 'down'}"
    thirds = _THIRDS[index // 2]
    move = "price unchanged" if thirds == 0 else f"price {thirds:+d}/3"
    return f"{move}, volatility {'up' if index % 2 == 0 else 'down'}"


def at_forwards(contracts: Contracts, forwards: FloatArray) -> Contracts:
    """The same contracts on several markets, one market after the other; `forwards` (markets, legs)."""
    count = len(forwards)
    return Contracts(
        is_future=np.tile(contracts.is_future, count),
        is_call=np.tile(contracts.is_call, count),
        strike=np.tile(contracts.strike, count),
        forward=forwards.ravel(),
        t=np.tile(contracts.t, count),
        sigma=np.tile(contracts.sigma, count),
        discount=np.tile(contracts.discount, count),
    )


def revalue(
    contracts: Contracts,
    *,
    price_scan: FloatArray,
    vol_scan: float,
    rule: ScenarioRow,
    needs_delta: bool = True,
) -> RiskArrays:
    """Risk arrays of the contracts; `price_scan` in points per contract, shape (legs,).

    Not a number in, not a number out, for that contract alone. The composite delta is as dear as the
    scenarios, and only a book of several expiries has a use for it.
    """
    moves, shifts, cover = _grid(rule)
    level = np.maximum(contracts.forward + moves[:, None] * price_scan, LEVEL_MIN)
    sigma = np.maximum(contracts.sigma + shifts[:, None] * vol_scan, 0.0)
    t = _aged(contracts, rule)
    now, after = _option_values(contracts, level, sigma, t)
    moved = np.where(contracts.is_future, level - contracts.forward, after - now)
    return RiskArrays(
        loss=-cover[:, None] * moved,
        value=np.where(contracts.is_future, 0.0, now),
        composite_delta=_composite_delta(contracts, price_scan, t)
        if needs_delta
        else np.full(len(contracts.strike), np.nan),
    )


def _grid(rule: ScenarioRow) -> tuple[FloatArray, FloatArray, FloatArray]:
    # per scenario: price move in scans, direction of volatility, share of the loss that counts
    extreme = rule.extreme_multiple
    moves = np.concatenate((np.repeat(np.array(_THIRDS) / 3.0, 2), (extreme, -extreme)))
    shifts = np.concatenate((np.tile((1.0, -1.0), REGULAR // 2), (0.0, 0.0)))
    cover = np.concatenate((np.ones(REGULAR), np.full(2, rule.extreme_cover)))
    return moves, shifts, cover


def _aged(contracts: Contracts, rule: ScenarioRow) -> FloatArray:
    return np.maximum(contracts.t - rule.look_ahead_days / DAYS_PER_YEAR, 0.0)


def _option_values(
    contracts: Contracts, level: FloatArray, sigma: FloatArray, t: FloatArray
) -> tuple[FloatArray, FloatArray]:
    # as the market is, shape (legs,), and in each scenario, in one pricing call
    values = price(
        np.vstack((contracts.forward, level)),
        contracts.strike,
        np.vstack((contracts.t, np.broadcast_to(t, level.shape))),
        np.vstack((contracts.sigma, sigma)),
        contracts.is_call,
        contracts.discount,
    )
    return values[0], values[1:]


def _composite_delta(contracts: Contracts, price_scan: FloatArray, t: FloatArray) -> FloatArray:
    level = np.maximum(contracts.forward + _SCAN_STEPS[:, None] * price_scan, LEVEL_MIN)
    delta = greeks(
        level, contracts.strike, t, contracts.sigma, contracts.is_call, contracts.discount
    ).forward_delta
    average: FloatArray = _WEIGHTS @ delta
    return np.where(contracts.is_future, 1.0, average)
