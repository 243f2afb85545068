"""How often each signal fired: counted over real history, a falling spread turned into AVOID."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.chains import shipped_iv_rv, shipped_models
from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.forecast import month_forecasts
from volguard.volatility.iv_rv import IvRvSignal
from volguard.volatility.signal_history import (
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


def test_real_years_are_counted_without_losing_a_session() -> None:
    first = date(2023, 6, 1)
    index, vix = daily("NIFTY"), tuple(bar for bar in daily("INDIA_VIX") if bar.day >= first)
    forecasts = month_forecasts(index, shipped_models(), first)
    days = signal_history(vix, forecasts, IV_RV)
    years = signals_by_year(days)
    assert [row.year for row in years] == [2023, 2024, 2025]
    assert sum(row.sessions for row in years) == len(vix)
    for row in years:
        assert sum(row.counts.values()) == row.sessions
        assert row.falling <= row.counts[IvRvSignal.AVOID]
    # Until sixty sessions have a spread nothing is judged. Later on, VIX of a day without an index bar has
    # no spread, and three sessions after it the fall is not known.
    special = [bar.day.year for bar in vix if bar.day not in forecasts]
    assert special == [2023, 2024, 2024]
    silent = [row.counts[IvRvSignal.ABSTAIN] for row in years]
    assert silent == [HISTORY_SESSIONS_MIN + 2, 4, 0]
    assert sum(row.counts[IvRvSignal.SELL_FULL] for row in years) > 0


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
    assert closes[-3] / 100 - fallen[-1] / 100 == pytest.approx(IV_RV.fall_max)
    still = signal_history(vix_bars([*closes, 18.4]), {bar.day: 0.12 for bar in bars}, IV_RV)[-1]
    assert still.signal is IvRvSignal.SELL_FULL and not still.is_falling
    far = signal_history(vix_bars([*closes, 16.5]), {bar.day: 0.12 for bar in bars}, IV_RV)[-1]
    assert far.signal is IvRvSignal.AVOID
