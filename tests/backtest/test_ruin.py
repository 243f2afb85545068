"""Chance of ruin and of a margin breach, against certainty, exact counting and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.backtest.bootstrap import Resampling
from volguard.backtest.ruin import Ruin, RuinSettings, ruin
from volguard.model.errors import UsageError

CAPITAL = 1_000_000.0
SINGLE = Resampling(seed=3, draws=4000, block=1.0)


def made(
    pnl: list[float],
    margin: list[float] | None = None,
    *,
    loss_share: float = 0.3,
    horizon: int = 10,
    resampling: Resampling = SINGLE,
    capital: float = CAPITAL,
) -> Ruin:
    return ruin(
        pnl,
        margin,
        capital_inr=capital,
        settings=RuinSettings(loss_share=loss_share, horizon_sessions=horizon),
        resampling=resampling,
    )


def test_certain_ruin_and_none() -> None:
    """Four per cent lost a session ruin in eight; a record of gains never does."""
    assert made([-40_000.0] * 30, horizon=8).ruin.share.value == 1.0
    assert made([-40_000.0] * 30, horizon=7).ruin.share.value == 0.0
    assert made([1000.0, 0.0] * 30, horizon=500).ruin.share.value == 0.0


def test_exactly_the_share_lost_is_ruin() -> None:
    """Three sessions of ten per cent are the thirty."""
    assert made([-100_000.0] * 30, horizon=3).ruin.share.value == 1.0


def test_ruin_on_the_way_counts_though_it_is_won_back() -> None:
    """Every path of a loss and its return ends where it began; those that lost first were ruined."""
    swing = [-400_000.0, 400_000.0] * 20
    run_on = Resampling(seed=1, draws=2000, block=1e9)
    assert made(swing, horizon=2, resampling=run_on).ruin.share.value == pytest.approx(0.5, abs=0.05)


def test_a_coin_is_ruined_as_often_as_counting_says() -> None:
    """Independent sessions of plus and minus one step: chance of touching the bound by exact recursion."""
    step, bound, horizon = 100_000.0, 3, 20
    chance = {0: 1.0}
    hit = 0.0
    for _ in range(horizon):
        after: dict[int, float] = {}
        for place, weight in chance.items():
            for move in (-1, 1):
                after[place + move] = after.get(place + move, 0.0) + weight / 2
        hit += after.pop(-bound, 0.0)
        chance = after
    found = made([step, -step] * 50, horizon=horizon).ruin
    assert found.share.value == pytest.approx(hit, abs=4 * math.sqrt(hit * (1 - hit) / 4000))


def test_bounds_are_those_of_wilson() -> None:
    """The bounds say how sure the drawing is; scipy gives the same."""
    for pnl in ([100_000.0, -100_000.0], [1.0, 2.0]):
        found = made(pnl * 40, horizon=12).ruin
        assert found.hits is not None and found.low is not None and found.high is not None
        theirs = scipy.stats.binomtest(found.hits, 4000).proportion_ci(0.95, method="wilson")
        assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert found.share.value == found.hits / 4000
    assert (found.hits, found.low) == (0, 0.0) and found.high > 0.0


def test_a_margin_breach_is_more_margin_than_the_account_is_worth() -> None:
    """Margin and P&L of a session are drawn together: the breach comes with the loss of its own day."""
    pnl, margin = [0.0] * 29 + [-200_000.0], [700_000.0] * 29 + [900_000.0]
    found = made(pnl, margin, horizon=1).margin_breach
    assert found.share.value == pytest.approx(1 / 30, abs=4 * math.sqrt(1 / 30 * 29 / 30 / 4000))
    assert made(pnl, [800_000.0] * 30, horizon=1).margin_breach.share.value == 0.0
    both = made(pnl, [800_001.0] * 30, horizon=1).margin_breach.share.value
    assert both == found.share.value


def test_what_is_not_known_has_no_probability() -> None:
    """No margin, no P&L in one session, too short a record: a reason each, never a zero."""
    assert made([1.0] * 30).margin_breach.share.reason == "the margin of the sessions is not known"
    holes = made([1.0] * 30, [math.nan] + [1.0] * 29)
    assert holes.margin_breach.share.reason == "the margin is missing in 1 of 30 sessions"
    assert holes.margin_breach.hits is None and holes.ruin.share.value == 0.0
    lost = made([math.nan] + [1.0] * 29, [1.0] * 30)
    assert lost.ruin.share.reason == "the P&L is missing in 1 of 30 sessions"
    assert lost.margin_breach.share.value is None and lost.block is None
    short = made([1.0] * 19, resampling=Resampling(seed=1))
    assert short.ruin.share.reason.startswith("19 rows, at least 20 needed")
    assert made([]).ruin.share.reason == "there is no session"


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), power=st.integers(-10, 10))
def test_a_seed_decides_and_the_unit_of_money_does_not(seed: int, power: int) -> None:
    """The same seed gives the same share, in rupees or in lakhs."""
    pnl = np.random.default_rng(1).integers(-60_000, 62_000, 60).astype(float)
    margin, scale = np.full(60, 800_000.0), 2.0**power
    resampling = Resampling(seed=seed, draws=150, block=4.0)
    one = made(list(pnl), list(margin), horizon=40, resampling=resampling)
    other = made(
        list(pnl * scale), list(margin * scale), horizon=40, resampling=resampling, capital=CAPITAL * scale
    )
    assert (one.ruin, one.margin_breach) == (other.ruin, other.margin_breach)


def test_a_longer_horizon_and_a_nearer_bound_are_no_safer() -> None:
    """More sessions or a smaller loss can only add ruined paths."""
    pnl = list(np.random.default_rng(1).normal(500.0, 30_000.0, 120))
    by_horizon = [made(pnl, horizon=horizon).ruin.share.value for horizon in (20, 60, 180)]
    by_share = [made(pnl, loss_share=share, horizon=60).ruin.share.value for share in (0.5, 0.3, 0.1)]
    for shares in (by_horizon, by_share):
        known = [share for share in shares if share is not None]
        assert known == sorted(known) and known[0] < known[-1]


def test_impossible_questions_are_refused() -> None:
    """Capital above zero, a share up to the whole, a session at least, and a margin a session."""
    for change in ({"capital": 0.0}, {"capital": math.nan}, {"loss_share": 0.0}, {"horizon": 0}):
        with pytest.raises(UsageError):
            made([1.0] * 30, **change)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="another shape"):
        made([1.0] * 30, [1.0] * 29)
