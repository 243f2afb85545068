"""How sure a figure is: intervals from the stationary block bootstrap.

A path is made of blocks of the record, each beginning anywhere with equal chance and of a geometric length
with the given mean, wrapped at the end (D. N. Politis & J. P. Romano, "The stationary bootstrap", 1994).
The mean length is that of D. N. Politis & H. White, Econometric Reviews, 2004, as corrected with A. Patton in
2009, worked out by the library `arch`, for the returns or for their squares, whichever is longer: calm and
storm come in runs that the returns themselves hardly show, and a drawdown is made of them. Paths lie on the
sessions of the record, so that weeks are the same weeks. An interval holds the middle share of the paths'
figures (B. Efron's percentile interval, 1979). No session of a path is worse than the worst of the record:
extremes and the tail come out too mild.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from volguard.backtest.curve import EquityCurve
from volguard.backtest.path_statistics import STILL, Conventions, Statistic, path_statistics
from volguard.backtest.statistics import curve_statistics
from volguard.model.errors import UsageError
from volguard.model.market import FloatArray, IntArray

BATCH: Final = 100  # paths at once: a few megabytes for a record of fourteen years
DEFINED_MIN: Final = 0.99  # share of the paths that must have a figure
LENGTH_ROWS_MIN: Final = 20  # autocorrelations of fewer mean nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """How the record is drawn anew. `block` is the mean length in rows; None takes it from the record."""

    seed: int
    draws: int = 2000
    level: float = 0.95
    block: float | None = None

    def __post_init__(self) -> None:
        if not (self.draws >= 1 and 0.0 < self.level < 1.0 and (self.block is None or self.block >= 1.0)):
            raise UsageError(f"a record cannot be drawn anew by {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Bounds between which the level's share of the paths lies, or None with the reason."""

    low: float | None
    high: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Intervals by the name of the figure, and what they were drawn by; `block` None: nothing was drawn."""

    by_name: Mapping[str, Interval]
    seed: int
    draws: int
    level: float
    block: float | None


def curve_intervals(curve: EquityCurve, conventions: Conventions, resampling: Resampling) -> Intervals:
    """An interval of each statistic that the curve has; the same seed gives the same intervals."""
    figures = curve_statistics(curve, conventions).figures
    returns, starts = curve.returns, curve.week_starts

    def of_paths(rows: IntArray) -> Mapping[Statistic, FloatArray]:
        return path_statistics(returns[rows], starts, conventions)

    return intervals(returns, of_paths, {name: at.reason for name, at in figures.items()}, resampling)


def intervals(
    record: FloatArray,
    of_paths: Callable[[IntArray], Mapping[Any, FloatArray]],
    reasons: Mapping[Any, str],
    resampling: Resampling,
) -> Intervals:
    """Intervals of figures of a record (n,): `of_paths` takes rows drawn (m, n) to figures (m,) by name.

    `reasons` has every name, with why it has no figure in the record itself or nothing. A name whose figure
    is nan in more than a hundredth of the paths has no interval.
    """
    wanted = [name for name, reason in reasons.items() if not reason]
    block, fault = chosen_block(record, resampling) if wanted else (None, "")
    found = {
        name: Interval(low=None, high=None, reason=reason or fault)
        for name, reason in reasons.items()
        if reason or fault
    }
    if block is not None:
        batches = [of_paths(rows) for rows in drawn_rows(len(record), len(record), block, resampling)]
        for name in wanted:
            drawn = np.concatenate([batch[name] for batch in batches])
            found[name] = _interval(drawn, resampling.level)
    return Intervals(
        by_name={str(name): found[name] for name in reasons},
        seed=resampling.seed,
        draws=resampling.draws,
        level=resampling.level,
        block=block,
    )


def block_length(record: FloatArray) -> float:
    """Mean block length in rows for a record (n,) without nan: the longer of those of the record and of its
    squared gaps from the mean, at least 1 and at most about 3 sqrt(n).

    1 where the record does not vary. Raises UsageError below 20 rows. Needs `arch`: seconds of import.
    """
    if len(record) < LENGTH_ROWS_MIN:
        raise UsageError(_too_short(len(record)))
    if np.ptp(record) <= STILL * max(1.0, float(np.max(np.abs(record)))):
        return 1.0
    from arch.bootstrap import optimal_block_length

    gap = (record - np.mean(record)) / np.std(record)
    both = np.stack([gap, gap * gap], axis=1)
    varying = both[:, np.ptp(both, axis=0) > STILL]  # of two values in equal number the squares are one
    return max(1.0, float(optimal_block_length(varying)["stationary"].max()))


def chosen_block(record: FloatArray, resampling: Resampling) -> tuple[float | None, str]:
    """The block length asked for, or the record's own; or None and why there is none."""
    if resampling.block is not None:
        return resampling.block, ""
    if len(record) < LENGTH_ROWS_MIN:
        return None, _too_short(len(record))
    return block_length(record), ""


def drawn_rows(n: int, length: int, block: float, resampling: Resampling) -> Iterator[IntArray]:
    """Rows (paths, length) of all paths, a batch at a time; the seed alone decides them."""
    rng = np.random.default_rng(resampling.seed)
    for first in range(0, resampling.draws, BATCH):
        paths = min(BATCH, resampling.draws - first)
        yield np.stack([stationary_rows(n, length, block, rng) for _ in range(paths)])


def stationary_rows(n: int, length: int, block: float, rng: np.random.Generator) -> IntArray:
    """Rows (length,) of one path from a record of n rows, blocks of mean length `block`.

    For length n it draws as `arch.bootstrap.StationaryBootstrap` does, number for number.
    """
    starts = rng.integers(n, size=length, dtype=np.int64)
    begins = rng.random(length) <= 1.0 / block
    at = np.arange(length)
    begin = np.maximum.accumulate(np.where(begins, at, 0))  # the first row begins a block in any case
    return np.asarray((starts[begin] + at - begin) % n)


def _too_short(rows: int) -> str:
    return f"{rows} rows, at least {LENGTH_ROWS_MIN} needed to tell how long their dependence lasts"


def _interval(drawn: FloatArray, level: float) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if len(known) < DEFINED_MIN * len(drawn):
        return Interval(
            low=None, high=None, reason=f"{len(drawn) - len(known)} of {len(drawn)} paths have no such figure"
        )
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(low=float(low), high=float(high))
