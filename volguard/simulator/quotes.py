"""Makers of the made-up market: touch, sizes, ages, last trades around a theoretical value.

Spreads grow with the value, with the distance in the money, with time to expiry and with stress; sizes shrink
with all of them; the wings and the far expiries are quoted on one side only, or not at all, and less often.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.simulator.session import MIDDLE_DAYS, MONTH_DAYS

SPREAD_PER_VALUE: Final = 0.0015
SPREAD_PER_INTRINSIC: Final = 0.004
SPREAD_TICKS: Final = 0.2  # beside the rounding outwards to the tick
STRESS_SPREAD: Final = 4.0
STRESS_SIZE: Final = 0.75
WING: Final = 3.5  # standard deviations from the forward
REQUOTE_NEAR: Final = 1  # in snapshots; each divides a block
REQUOTE_WING: Final = 2
REQUOTE_MIDDLE: Final = 2
REQUOTE_FAR: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Makers:
    """What does not change through the session, per row: shape (rows,)."""

    thinness: FloatArray  # 1 for liquid expiries, more for far ones
    no_bid: FloatArray  # chance of an absent side in an ordinary market
    no_ask: FloatArray
    bid_luck: FloatArray  # uniform, drawn once: the same rows stay without quotes
    ask_luck: FloatArray
    requote_every: IntArray
    requote_phase: IntArray
    day_lots: FloatArray  # lots that will have traded by the close
    open_lots: FloatArray  # open interest at the open


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Quotes of a block of snapshots, shape (snapshots, rows); sizes in lots, ages in seconds."""

    bid: FloatArray
    bid_lots: IntArray
    ask: FloatArray
    ask_lots: IntArray
    ltp: FloatArray
    age_s: FloatArray


def hire_makers(days_left: FloatArray, depth: FloatArray, rng: np.random.Generator) -> Makers:
    """Makers for rows `days_left` days from expiry and `depth` standard deviations from the forward."""
    rows = len(days_left)
    far, middle = days_left > MIDDLE_DAYS, days_left > MONTH_DAYS
    thinness = np.where(far, 12.0 + days_left / 60.0, np.where(middle, 2.5, 1.0))
    wing = np.clip(0.2 * (np.abs(depth) - WING), 0.0, 0.8)
    every = np.where(np.abs(depth) > WING, REQUOTE_WING, REQUOTE_NEAR)
    every = np.where(far, REQUOTE_FAR, np.where(middle, REQUOTE_MIDDLE, every)).astype(np.int64)
    crowd = np.exp(-0.5 * (depth / 1.6) ** 2 + 0.6 * rng.standard_normal(rows))
    day_lots = np.floor(30_000.0 * crowd / thinness**2)
    return Makers(
        thinness=thinness,
        no_bid=wing + np.where(far, 0.35, 0.0),
        no_ask=0.5 * wing + np.where(far, 0.55, 0.0),
        bid_luck=rng.random(rows),
        ask_luck=rng.random(rows),
        requote_every=every,
        requote_phase=rng.integers(0, every),
        day_lots=day_lots,
        open_lots=np.floor(day_lots * (0.2 + 0.8 * rng.random(rows)) + 40.0 * rng.random(rows)),
    )


def make_touch(
    makers: Makers,
    *,
    value: FloatArray,
    time_value: FloatArray,
    depth: FloatArray,
    stress: FloatArray,
    tick: Decimal,
    cadence_s: float,
    rng: np.random.Generator,
) -> Touch:
    """Quotes around `value`; all arrays (snapshots, rows) but `stress` (snapshots, 1)."""
    luck = rng.random((4, *value.shape), dtype=np.float32)
    ticks, per_rupee = tick.as_integer_ratio()
    tick_size = ticks / per_rupee
    spread = _spread(makers, value, time_value, stress, tick_size)
    mid = value + 0.3 * spread * (luck[0] - 0.5)
    bid = np.floor((mid - 0.5 * spread) / tick_size)
    ask = np.maximum(np.ceil((mid + 0.5 * spread) / tick_size), bid + 1.0)
    has_bid, has_ask = _quoted(makers, depth, stress)
    has_bid &= bid >= 1.0
    lots = _lots(makers, time_value, stress)
    held = _last_requote(makers, len(value))
    age = _fresh_age(makers, luck[3], cadence_s)
    return Touch(
        bid=_held(np.where(has_bid, bid * ticks / per_rupee, np.nan), held),
        bid_lots=_held(_shown(lots, luck[1], has_bid), held),
        ask=_held(np.where(has_ask, ask * ticks / per_rupee, np.nan), held),
        ask_lots=_held(_shown(lots, luck[2], has_ask), held),
        ltp=_held(np.maximum(np.round(mid / tick_size), 1.0) * ticks / per_rupee, held),
        age_s=_held(np.round(age, 3), held) + (np.arange(len(value))[:, None] - held) * cadence_s,
    )


def _spread(
    makers: Makers, value: FloatArray, time_value: FloatArray, stress: FloatArray, tick_size: float
) -> FloatArray:
    calm = (
        SPREAD_TICKS * tick_size + SPREAD_PER_VALUE * time_value + SPREAD_PER_INTRINSIC * (value - time_value)
    )
    spread: FloatArray = calm * makers.thinness * (1.0 + STRESS_SPREAD * stress)
    return spread


def _quoted(makers: Makers, depth: FloatArray, stress: FloatArray) -> tuple[BoolArray, BoolArray]:
    fear = 0.15 * stress * (np.abs(depth) > 2.5)
    return makers.bid_luck >= makers.no_bid + fear, makers.ask_luck >= makers.no_ask + fear


# Cheap options are shown in large sizes, dear ones in a few lots.
def _lots(makers: Makers, time_value: FloatArray, stress: FloatArray) -> FloatArray:
    calm = (8.0 + 110.0 * np.exp(-time_value / 60.0)) / np.sqrt(makers.thinness)
    lots: FloatArray = calm * (1.0 - STRESS_SIZE * stress)
    return lots


def _shown(lots: FloatArray, luck: FloatArray, quoted: BoolArray) -> IntArray:
    return np.where(quoted, np.maximum(lots * (0.4 + 1.2 * luck), 1.0), 0.0).astype(np.int64)


def _fresh_age(makers: Makers, luck: FloatArray, cadence_s: float) -> FloatArray:
    liquid = np.minimum(4.0, cadence_s) * luck.astype(np.float64) ** 3
    return np.where(makers.thinness > 1.0, cadence_s * luck.astype(np.float64), liquid)


# Of each row at each snapshot of a block, the snapshot of its last quote; a block starts with fresh ones.
def _last_requote(makers: Makers, snapshots: int) -> IntArray:
    at = np.arange(snapshots)[:, None]
    return np.maximum(at - (at - makers.requote_phase) % makers.requote_every, 0)


def _held(fresh: NDArray[Any], held: IntArray) -> NDArray[Any]:
    kept: NDArray[Any] = np.take_along_axis(fresh, held, axis=0)
    return kept
