"""The past behind the charts: spreads as each session knew them, regimes over all years."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.fakes import shipped
from tests.volatility.real_data import DATA, real_file
from volguard.operations.vol_series import spread_history, vol_past
from volguard.operations.vol_view import DailyHistory, read_history, vol_document

DAY = date(2025, 8, 29)


def real(until: date = DAY) -> DailyHistory:
    real_file("nifty_daily.csv.gz")
    return read_history(DATA, shipped(), until)


def test_each_spread_is_india_vix_less_a_forecast_and_none_where_there_is_no_forecast() -> None:
    history = real()
    days = spread_history(history, shipped(), 300)
    assert [day.day for day in days] == [bar.day for bar in history.vix[-300:]]
    vix = {bar.day: bar.close / 100.0 for bar in history.vix}
    for day in days:
        assert day.implied == pytest.approx(vix[day.day])
        if day.forecast is None:
            assert day.spread is None
        else:
            assert day.spread == pytest.approx(day.implied - day.forecast)
    assert sum(day.spread is not None for day in days) > 280


def test_a_spread_does_not_change_when_later_sessions_become_known() -> None:
    settings = shipped()
    early = spread_history(real(date(2025, 7, 31)), settings, 60)
    late = {day.day: day.spread for day in spread_history(real(), settings, 120)}
    # Months begun before both windows are fitted alike in both.
    shared = [day for day in early if day.day >= date(2025, 6, 1)]
    assert len(shared) > 40
    for day in shared:
        assert day.spread == pytest.approx(late[day.day], rel=1e-9)


def test_the_last_regime_of_the_past_is_that_of_the_document() -> None:
    past, document = vol_past(real(), shipped()), vol_document(real(), shipped())
    last, traded = past.regimes[-1], {bar.day for bar in real().index}
    assert last.regime is not None
    assert (last.day, last.regime.value) == (DAY, document["regime"]["regime"])
    assert past.regimes[0].day.year == 2012
    # Sessions without an index bar have a VIX but no regime.
    assert [day.day for day in past.regimes] == [bar.day for bar in past.vix if bar.day in traded]


def test_without_india_vix_or_before_it_there_are_no_spreads() -> None:
    assert spread_history(replace(real(), vix=()), shipped(), 60) == ()
    before = replace(real(), index=tuple(bar for bar in real().index if bar.day.year < 2012))
    assert spread_history(before, shipped(), 60) == ()
