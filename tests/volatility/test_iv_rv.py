"""Volatility is sold only with a premium over the forecast; cheap volatility never."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.chains import shipped_iv_rv
from volguard.volatility.iv_rv import IvRvSignal, iv_rv_signal, per_session_volatility

SETTINGS = shipped_iv_rv()


def test_implied_variance_to_expiry_is_spread_over_the_sessions_that_are_left() -> None:
    # 7 calendar days at 12 % hold 0.12^2 x 7/365; over 5 sessions that is this much per 252.
    expected = math.sqrt(0.12**2 * 7 / 365 * 252 / 5)
    assert per_session_volatility(0.12, 7 / 365, 5.0) == pytest.approx(expected, rel=1e-14)


def test_a_year_of_252_sessions_leaves_the_volatility_as_it_is() -> None:
    assert per_session_volatility(0.15, 1.0, 252.0) == pytest.approx(0.15, rel=1e-14)


@pytest.mark.parametrize(
    ("sigma", "years", "sessions"),
    [(math.nan, 0.02, 5.0), (math.inf, 0.02, 5.0), (0.12, 0.0, 5.0), (0.12, 0.02, 0.0), (0.12, -1.0, 5.0)],
)
def test_nothing_is_implied_without_time_or_volatility(sigma: float, years: float, sessions: float) -> None:
    assert per_session_volatility(sigma, years, sessions) is None


@pytest.mark.parametrize(
    ("spread", "z", "signal"),
    [
        (0.02, 0.0, IvRvSignal.SELL_FULL),
        (0.05, 3.0, IvRvSignal.SELL_FULL),
        (0.02, -0.001, IvRvSignal.SELL_REDUCED),
        (0.01999, 5.0, IvRvSignal.SELL_REDUCED),
        (0.005, -1.0, IvRvSignal.SELL_REDUCED),
        (0.005, -1.001, IvRvSignal.NEUTRAL),
        (0.05, -1.001, IvRvSignal.NEUTRAL),
        (0.00499, 5.0, IvRvSignal.NEUTRAL),
        (-0.005, 0.0, IvRvSignal.NEUTRAL),
        (-0.00501, 5.0, IvRvSignal.AVOID),
        (-0.10, 5.0, IvRvSignal.AVOID),
    ],
)
def test_the_signal_turns_exactly_at_its_thresholds(spread: float, z: float, signal: IvRvSignal) -> None:
    assert iv_rv_signal(spread, z, SETTINGS) is signal


@pytest.mark.parametrize(("spread", "z"), [(None, 1.0), (0.05, None), (None, None)])
def test_a_missing_figure_abstains(spread: float | None, z: float | None) -> None:
    assert iv_rv_signal(spread, z, SETTINGS) is IvRvSignal.ABSTAIN


def test_a_premium_that_is_not_a_number_is_never_sold() -> None:
    selling = (IvRvSignal.SELL_FULL, IvRvSignal.SELL_REDUCED)
    assert iv_rv_signal(math.nan, 1.0, SETTINGS) not in selling
    assert iv_rv_signal(0.05, math.nan, SETTINGS) not in selling


def test_thresholds_out_of_order_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"full 0\.02, reduced 0\.03, neutral"):
        replace(SETTINGS, reduced_spread_min=0.03)
    with pytest.raises(ValueError, match=r"reduced 0\.005, neutral 0\.005"):
        replace(SETTINGS, neutral_spread_min=0.005)


def test_a_history_too_short_for_a_z_is_refused() -> None:
    with pytest.raises(ValueError, match="history_sessions was 19, must be at least 20"):
        replace(SETTINGS, history_sessions=19)
