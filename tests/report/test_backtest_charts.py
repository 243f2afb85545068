"""Figures that the charts of a backtest compute themselves."""

from __future__ import annotations

import numpy as np
import pytest

from volguard.report.backtest_charts import rolling_sharpe


def test_the_rolling_sharpe_is_that_of_each_window_alone() -> None:
    returns = np.random.default_rng(5).normal(0.0004, 0.01, 80)
    found = rolling_sharpe(returns, 20)
    assert np.isnan(found[:19]).all() and np.isfinite(found[19:]).all()
    for row in (19, 50, 79):
        window = returns[row - 19 : row + 1].tolist()
        mean = sum(window) / 20
        spread = (sum((x - mean) ** 2 for x in window) / 19) ** 0.5
        assert found[row] == pytest.approx(mean / spread * 252**0.5, rel=1e-9)


def test_where_nothing_moves_or_there_is_too_little_there_is_no_ratio() -> None:
    assert np.isnan(rolling_sharpe(np.zeros(30), 20)).all()
    assert np.isnan(rolling_sharpe(np.ones(5), 20)).all()
