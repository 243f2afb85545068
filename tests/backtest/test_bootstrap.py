"""Blocks of the record drawn anew: the same as the library draws, and intervals that a seed decides."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.curves import curve, curve_making
from volguard.backtest.bootstrap import (
    Interval,
    Resampling,
    block_length,
    curve_intervals,
    intervals,
    stationary_rows,
)
from volguard.backtest.path_statistics import Conventions, Statistic, path_statistics
from volguard.backtest.statistics import curve_statistics
from volguard.model.errors import UsageError
from volguard.model.market import FloatArray, IntArray

YEAR = Conventions()


def stormy(n: int = 400, seed: int = 8) -> FloatArray:
    """Returns whose size comes in runs: fifty calm sessions, fifty stormy ones."""
    size = np.where(np.arange(n) // 50 % 2 == 0, 0.004, 0.02)
    return np.asarray(np.random.default_rng(seed).normal(0.0005, 1.0, n) * size)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(2, 200), block=st.floats(1.0, 60.0), seed=st.integers(0, 2**32 - 1))
def test_rows_are_drawn_as_the_library_draws_them(n: int, block: float, seed: int) -> None:
    """Number for number the rows of arch's stationary bootstrap from the same generator."""
    library = StationaryBootstrap(block, np.arange(n), seed=np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    for (theirs,), _ in library.bootstrap(3):
        assert np.array_equal(stationary_rows(n, n, block, rng), theirs)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 50), length=st.integers(1, 300), block=st.floats(1.0, 20.0), seed=st.integers(0, 99))
def test_a_path_of_any_length_runs_on_or_begins_anew(n: int, length: int, block: float, seed: int) -> None:
    """Every row is one of the record's; a path may be longer than the record."""
    rows = stationary_rows(n, length, block, np.random.default_rng(seed))
    assert rows.shape == (length,) and rows.min() >= 0 and rows.max() < n


def test_blocks_have_the_mean_length_asked_for_and_begin_anywhere() -> None:
    """A new block begins with chance 1/block at each session, and each row comes equally often."""
    n, block = 50, 10.0
    rng = np.random.default_rng(4)
    paths = np.stack([stationary_rows(n, 500, block, rng) for _ in range(400)])
    breaks = np.mean(np.diff(paths, axis=1) % n != 1)
    assert breaks == pytest.approx(1.0 / block * (1.0 - 1.0 / n), rel=0.02)
    counts = np.bincount(paths.ravel(), minlength=n)
    assert counts / counts.mean() == pytest.approx(np.ones(n), abs=0.1)


def test_blocks_of_one_are_single_sessions() -> None:
    """With a mean length of one every session is drawn alone."""
    rows = stationary_rows(1000, 1000, 1.0, np.random.default_rng(2))
    assert np.mean(np.diff(rows) == 1) < 0.01


def test_the_block_length_is_that_of_the_library() -> None:
    """The longer of the automatic lengths of the returns and of their squares, as arch works them out."""
    record = stormy()
    gap = record - record.mean()
    own, squares = (float(optimal_block_length(x)["stationary"].iloc[0]) for x in (record, gap * gap))
    assert squares > 3.0 * own
    assert block_length(record) == pytest.approx(squares, rel=1e-9)
    walk = np.cumsum(record)
    assert block_length(walk) >= float(optimal_block_length(walk)["stationary"].iloc[0]) - 1e-9


def test_a_block_is_a_session_at_least() -> None:
    """Where the library says less than one, as it does of independent sessions, blocks are of one."""
    below = 0
    for seed in range(20):
        record = np.random.default_rng(seed).normal(0.0, 0.01, 200)
        gap = record - record.mean()
        longer = max(float(optimal_block_length(x)["stationary"].iloc[0]) for x in (record, gap * gap))
        assert block_length(record) == pytest.approx(max(1.0, longer), rel=1e-9)
        below += longer < 1.0
    assert below > 0


def test_the_block_length_of_records_that_say_little() -> None:
    """A still record has blocks of one; of two values in equal number the squares say nothing."""
    assert block_length(np.full(30, 0.25)) == 1.0
    assert block_length(np.array([0.01, -0.01] * 20)) >= 1.0
    with pytest.raises(UsageError, match="19 rows, at least 20 needed"):
        block_length(np.arange(19.0))


def test_an_interval_is_that_of_the_library() -> None:
    """Percentile bounds of the Sharpe ratio equal arch's from the same blocks."""
    returns = stormy(250)
    made = curve_making(list(returns))
    ours = curve_intervals(made, YEAR, Resampling(seed=11, draws=300, level=0.9, block=7.0))
    library = StationaryBootstrap(7.0, made.returns, seed=np.random.default_rng(11))

    def sharpe(path: FloatArray) -> float:
        return float(path.mean() / path.std(ddof=1) * math.sqrt(252))

    theirs = library.conf_int(sharpe, reps=300, method="percentile", size=0.9)
    found = ours.by_name[Statistic.SHARPE]
    assert [found.low, found.high] == pytest.approx(theirs[:, 0], rel=1e-9)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    """For independent sessions the mean's 95 % interval reaches 1.96 standard errors to both sides."""
    record = np.random.default_rng(3).normal(0.0, 1.0, 400)

    def mean(rows: IntArray) -> dict[str, FloatArray]:
        return {"mean": np.mean(record[rows], axis=1)}

    found = intervals(record, mean, {"mean": ""}, Resampling(seed=1, draws=4000, block=1.0)).by_name["mean"]
    assert found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(2 * 1.96 * record.std() / 20.0, rel=0.05)


def test_a_seed_decides_the_intervals() -> None:
    """The same seed gives the same intervals to the last digit, another seed others."""
    made = curve_making(list(stormy()))
    first, again, other = (
        curve_intervals(made, YEAR, Resampling(seed=seed, draws=150)) for seed in (7, 7, 8)
    )
    assert first == again
    assert first.by_name != other.by_name
    assert first.block == pytest.approx(block_length(made.returns))


def test_draws_are_counted_exactly() -> None:
    """As many paths as asked for, whatever the size of a batch."""
    seen = []

    def count(rows: IntArray) -> dict[str, FloatArray]:
        seen.append(len(rows))
        return {"n": np.zeros(len(rows))}

    intervals(np.arange(30.0), count, {"n": ""}, Resampling(seed=1, draws=250, block=2.0))
    assert sum(seen) == 250


def test_every_statistic_has_an_interval_about_its_figure() -> None:
    """Volatility, mean ratios and tail lie within their own bounds; bounds are in order."""
    made = curve_making(list(stormy()))
    figures = curve_statistics(made, YEAR).figures
    found = curve_intervals(made, YEAR, Resampling(seed=5, draws=400)).by_name
    assert list(found) == [name.value for name in Statistic]
    for name in Statistic:
        at = found[name]
        assert at.low is not None and at.high is not None and at.low <= at.high
    for name in (Statistic.VOLATILITY, Statistic.SHARPE, Statistic.CAGR, Statistic.CVAR_95):
        at, value = found[name], figures[name].value
        assert at.low is not None and at.high is not None and value is not None
        assert at.low < value < at.high


def test_an_extreme_is_never_beyond_the_record() -> None:
    """No path has a worse day than the record, which is why such an interval is too mild."""
    made = curve_making(list(stormy()))
    worst = curve_intervals(made, YEAR, Resampling(seed=5, draws=100)).by_name[Statistic.WORST_DAY]
    assert worst.low == pytest.approx(made.returns.min())


def test_longer_blocks_keep_storms_together() -> None:
    """Where storms come in runs, blocks widen the interval of volatility; single sessions are too sure."""
    made = curve_making(list(stormy()))
    widths = []
    for block in (1.0, 40.0):
        found = curve_intervals(made, YEAR, Resampling(seed=5, draws=400, block=block))
        at = found.by_name[Statistic.VOLATILITY]
        assert at.low is not None and at.high is not None
        widths.append(at.high - at.low)
    assert widths[1] > 1.5 * widths[0]


def test_what_has_no_figure_has_no_interval_and_the_same_reason() -> None:
    """A faulty record is not drawn from at all; a short one lacks what its figures lack."""
    faulty = curve_intervals(curve([math.nan, 0.0] * 20), YEAR, Resampling(seed=1, draws=10))
    assert faulty.block is None
    assert {at.reason for at in faulty.by_name.values()} == {curve([math.nan, 0.0] * 20).fault}
    made = curve_making([0.01, -0.02, 0.015] * 10)
    some = curve_intervals(made, YEAR, Resampling(seed=1, draws=50, block=2.0)).by_name
    assert some[Statistic.CVAR_99] == Interval(low=None, high=None, reason="30 sessions, at least 100 needed")
    assert some[Statistic.CVAR_95].low is not None


def test_a_record_too_short_for_its_own_block_length_needs_one_given() -> None:
    """Nineteen sessions do not say how long their dependence lasts; nothing is assumed."""
    made = curve_making([0.01, -0.02, 0.015] * 6)
    own = curve_intervals(made, YEAR, Resampling(seed=1, draws=20))
    assert own.by_name[Statistic.WORST_DAY].reason.startswith("18 rows, at least 20 needed")
    given_one = curve_intervals(made, YEAR, Resampling(seed=1, draws=20, block=3.0))
    assert given_one.by_name[Statistic.WORST_DAY].low is not None


def test_a_figure_that_many_paths_lack_has_no_interval() -> None:
    """Where a fall is rare, many paths have no Calmar ratio: bounds of the others would flatter."""
    made = curve_making([0.001, 0.002] * 20 + [-0.01])
    found = curve_intervals(made, YEAR, Resampling(seed=1, draws=200, block=1.0))
    assert "of 200 paths have no such figure" in found.by_name[Statistic.CALMAR].reason
    assert found.by_name[Statistic.CAGR].low is not None


def test_paths_keep_the_calendar_of_the_record() -> None:
    """A path's worst week is measured on the record's own weeks."""
    returns = stormy(60)
    made = curve_making(list(returns))
    rows = stationary_rows(60, 60, 5.0, np.random.default_rng(9))
    plain = path_statistics(made.returns[rows][np.newaxis], made.week_starts, YEAR)[Statistic.WORST_WEEK][0]
    one = curve_intervals(made, YEAR, Resampling(seed=9, draws=1, block=5.0)).by_name[Statistic.WORST_WEEK]
    assert one.low == one.high == pytest.approx(plain)


def test_impossible_resampling_is_refused() -> None:
    """At least a path, a level between none and all, blocks of at least one session."""
    for change in ({"draws": 0}, {"level": 1.0}, {"level": 0.0}, {"block": 0.5}):
        with pytest.raises(UsageError):
            Resampling(seed=1, **change)
