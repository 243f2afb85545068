"""Volatility is sold only with a premium over the forecast; cheap volatility never."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.chains import shipped_iv_rv
from volguard.volatility.iv_rv import IvRvSignal, iv_rv_signal, spread_fall

SETTINGS = shipped_iv_rv()


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
    assert iv_rv_signal(spread, z, 0.0, SETTINGS) is signal


@pytest.mark.parametrize(("spread", "z", "fall"), [(None, 1.0, 0.0), (0.05, None, 0.0), (0.05, 1.0, None)])
def test_a_missing_figure_abstains(spread: float | None, z: float | None, fall: float | None) -> None:
    assert iv_rv_signal(spread, z, fall, SETTINGS) is IvRvSignal.ABSTAIN


def test_a_spread_that_falls_a_point_is_avoided_however_wide_it_is() -> None:
    assert iv_rv_signal(0.05, 2.0, 0.0099, SETTINGS) is IvRvSignal.SELL_FULL
    assert iv_rv_signal(0.05, 2.0, 0.01, SETTINGS) is IvRvSignal.AVOID


def test_the_fall_is_counted_from_the_spread_three_sessions_ago() -> None:
    past = np.array([0.09, 0.04, 0.03, 0.02])
    assert spread_fall(0.025, past, SETTINGS) == pytest.approx(0.015)
    assert spread_fall(None, past, SETTINGS) is None
    assert spread_fall(0.025, past[:2], SETTINGS) is None
    assert spread_fall(0.025, np.array([math.nan, 0.03, 0.02]), SETTINGS) is None


def test_a_premium_that_is_not_a_number_is_never_sold() -> None:
    selling = (IvRvSignal.SELL_FULL, IvRvSignal.SELL_REDUCED)
    assert iv_rv_signal(math.nan, 1.0, 0.0, SETTINGS) not in selling
    assert iv_rv_signal(0.05, math.nan, 0.0, SETTINGS) not in selling


def test_thresholds_out_of_order_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"full 0\.02, reduced 0\.03, neutral"):
        replace(SETTINGS, reduced_spread_min=0.03)
    with pytest.raises(ValueError, match=r"reduced 0\.005, neutral 0\.005"):
        replace(SETTINGS, neutral_spread_min=0.005)


def test_a_history_too_short_for_a_z_is_refused() -> None:
    with pytest.raises(ValueError, match="history_sessions was 19, must be at least 20"):
        replace(SETTINGS, history_sessions=19)


def test_a_fall_that_could_never_or_always_be_seen_is_refused() -> None:
    with pytest.raises(ValueError, match=r"fall_max was 0\.0"):
        replace(SETTINGS, fall_max=0.0)
    with pytest.raises(ValueError, match="fall_sessions was 252"):
        replace(SETTINGS, fall_sessions=252)
