"""Realised volatility is the root mean square of close-to-close log returns, per year of 252 sessions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.volatility.realized import close_to_close, log_returns, rolling_close_to_close

RETURNS = st.lists(st.floats(min_value=-0.2, max_value=0.2), min_size=0, max_size=60)


def test_log_returns_are_the_logarithms_of_the_ratios_of_neighbouring_closes() -> None:
    closes = np.array([100.0, 110.0, 99.0])
    assert log_returns(closes).tolist() == pytest.approx([math.log(1.1), math.log(0.9)], abs=1e-15)


def test_a_single_close_has_no_return() -> None:
    assert len(log_returns(np.array([100.0]))) == 0


def test_a_daily_move_of_one_percent_up_and_down_is_a_volatility_of_just_under_sixteen_percent() -> None:
    returns = np.tile([0.01, -0.01], 10)
    assert close_to_close(returns, 20) == pytest.approx(0.158745, abs=1e-6)  # 0.01 x sqrt(252)


def test_a_drift_counts_as_volatility_because_the_mean_is_taken_as_zero() -> None:
    assert close_to_close(np.full(20, 0.01), 20) == pytest.approx(0.01 * math.sqrt(252))


def test_only_the_last_window_counts() -> None:
    returns = np.concatenate((np.full(30, 0.5), np.full(20, 0.01)))
    assert close_to_close(returns, 20) == pytest.approx(0.01 * math.sqrt(252))


def test_fewer_returns_than_the_window_give_no_figure_rather_than_a_shorter_window() -> None:
    assert close_to_close(np.full(19, 0.01), 20) is None
    assert close_to_close(np.full(20, 0.01), 20) is not None
    assert close_to_close(np.empty(0), 2) is None


@settings(derandomize=True, max_examples=60, deadline=None)
@given(values=RETURNS, window=st.integers(min_value=2, max_value=25))
def test_the_rolling_form_says_after_each_return_what_the_plain_form_would_have_said(
    values: list[float], window: int
) -> None:
    returns = np.array(values, dtype=np.float64)
    rolling = rolling_close_to_close(returns, window)
    assert len(rolling) == len(returns)
    for i, level in enumerate(rolling.tolist()):
        plain = close_to_close(returns[: i + 1], window)
        if plain is None:
            assert math.isnan(level)
        else:
            assert level == pytest.approx(plain, rel=1e-6, abs=1e-7)


def test_a_calm_after_a_shock_is_not_negative_variance() -> None:
    rolling = rolling_close_to_close(np.concatenate(([0.9], np.full(40, 1e-10))), 5)
    assert np.all(rolling[4:] >= 0.0)
    assert rolling[-1] < 1e-6
