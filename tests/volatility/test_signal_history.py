"""How often each signal fired: counted over real history, a falling spread turned into AVOID."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from tests.chains import shipped_forecast, shipped_iv_rv
from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.forecast import past_forecasts
from volguard.volatility.iv_rv import IvRvSignal
from volguard.volatility.signal_history import (
    FALL_SPREAD,
    HISTORY_SESSIONS_MIN,
    signal_history,
    signals_by_year,
)

FIRST = date(2024, 1, 1)
IV_RV = shipped_iv_rv()


def vix_bars(closes: list[float]) -> tuple[DailyBar, ...]:
    return tuple(
        DailyBar(day=FIRST + timedelta(days=i), open=None, high=None, low=None, close=close)
        for i, close in enumerate(closes)
    )


def test_fourteen_real_years_are_counted_without_losing_a_session() -> None:
    index, vix = daily("NIFTY"), daily("INDIA_VIX")
    levels = past_forecasts(np.array([bar.close for bar in index]), shipped_forecast())
    forecasts = {bar.day: x for bar, x in zip(index[1:], levels.tolist(), strict=True) if math.isfinite(x)}
    years = signals_by_year(signal_history(vix, forecasts, IV_RV))
    assert [row.year for row in years] == list(range(2012, 2026))
    assert sum(row.sessions for row in years) == len(vix)
    for row in years:
        assert sum(row.counts.values()) == row.sessions
        assert row.falling <= row.counts[IvRvSignal.AVOID]
        assert all(row.counts[signal] > 0 for signal in (IvRvSignal.SELL_FULL, IvRvSignal.AVOID))


def test_without_history_or_forecast_the_signal_abstains() -> None:
    bars = vix_bars([14.0 + (i % 5) for i in range(HISTORY_SESSIONS_MIN + 10)])
    days = signal_history(bars, {bar.day: 0.12 for bar in bars}, IV_RV)
    assert {d.signal for d in days[:HISTORY_SESSIONS_MIN]} == {IvRvSignal.ABSTAIN}
    assert IvRvSignal.ABSTAIN not in {d.signal for d in days[HISTORY_SESSIONS_MIN:]}
    assert {d.signal for d in signal_history(bars, {}, IV_RV)} == {IvRvSignal.ABSTAIN}


def test_a_spread_that_lost_a_point_in_three_sessions_is_avoided_however_wide_it_is() -> None:
    closes = [18.0 + 0.1 * (i % 5) for i in range(100)]
    fallen = [*closes, closes[-3] - 1.0]
    bars = vix_bars(fallen)
    last = signal_history(bars, {bar.day: 0.12 for bar in bars}, IV_RV)[-1]
    assert last.spread is not None and last.spread > 0.02
    assert closes[-3] / 100 - fallen[-1] / 100 == pytest.approx(FALL_SPREAD)
    still = signal_history(vix_bars([*closes, 18.4]), {bar.day: 0.12 for bar in bars}, IV_RV)[-1]
    assert still.signal is IvRvSignal.SELL_FULL and not still.is_falling
    far = signal_history(vix_bars([*closes, 16.5]), {bar.day: 0.12 for bar in bars}, IV_RV)[-1]
    assert far.signal is IvRvSignal.AVOID
