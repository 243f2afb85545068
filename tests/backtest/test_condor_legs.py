"""Traded condors are read whole: both moments, the state known that morning, and their own volatilities."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.modelled import clock, real_prices
from tests.volatility.real_data import daily, rows_of
from volguard.backtest.condor_legs import LEGS, Condors, read_condors
from volguard.backtest.known_state import KnownDays
from volguard.model.errors import DataError
from volguard.model.market import DailyBar
from volguard.pricing.black76 import price

HEADER = (
    "trade_date,entry_ts,exit_ts,leg,option_type,strike,expiry,entry_price,exit_price,entry_spot,exit_spot"
)
STRIKES = {"p_m3": 17_700, "p_m1": 17_800, "c_p1": 17_900, "c_p3": 18_000}


def lines(day: str = "2022-06-07", *, legs: tuple[str, ...] = LEGS, minute: int = 5) -> list[str]:
    return [
        f"{day},{day} 11:{minute:02}:00+05:30,{day} 12:{minute:02}:00+05:30,{leg},{leg[0].upper()}E,"
        f"{STRIKES[leg]},2022-06-09,{50 + i},{40 + i},17850.5,17860.5"
        for i, leg in enumerate(legs)
    ]


def known(days: int = 8) -> KnownDays:
    """Sessions of 27 May to 7 June 2022 as far as `days` goes."""
    calendar = [27, 30, 31, 1, 2, 3, 6, 7]
    dates = [date(2022, 5 if day > 20 else 6, day) for day in calendar]
    bars = [DailyBar(day=day, open=17_700.0, high=17_800.0, low=17_600.0, close=17_750.0) for day in dates]
    vix = [DailyBar(day=day, open=None, high=None, low=None, close=20.0) for day in dates]
    return KnownDays(bars, vix[:days])


def read(tmp_path: Path, text: list[str], days: int = 8) -> Condors:
    path = tmp_path / "legs.csv"
    path.write_text("\n".join((HEADER, *text)))
    return read_condors(path, known=known(days), clock=clock(), carry=lambda _: 0.05)


def test_a_condor_is_four_legs_at_two_moments(tmp_path: Path) -> None:
    """Prices in the order of LEGS whatever the order of lines, with the index and the time of each."""
    condors = read(tmp_path, lines()[::-1])
    assert condors.days == (date(2022, 6, 7),)
    assert condors.entry.price.tolist() == [[50.0, 51.0, 52.0, 53.0]]
    assert condors.exit.price.tolist() == [[40.0, 41.0, 42.0, 43.0]]
    assert condors.entry.strike.tolist() == [[17_700.0, 17_800.0, 17_900.0, 18_000.0]]
    assert condors.entry.is_call.tolist() == [[False, False, True, True]]
    assert condors.entry.state.level.tolist() == [[17_850.5]]
    assert condors.exit.state.level.tolist() == [[17_860.5]]
    assert condors.days_to_expiry.tolist() == [2]
    assert condors.years.tolist() == [2022]
    assert condors.entry.left.session_left[0, 0] == pytest.approx((4 * 60 + 25) / 375)
    assert condors.exit.left.session_left[0, 0] == pytest.approx((3 * 60 + 25) / 375)


def test_the_credit_sells_the_inner_legs(tmp_path: Path) -> None:
    """51 and 52 are sold, 50 and 53 bought: nothing is left; dearer inner legs by 3 and 4 leave 7."""
    text = lines()
    assert read(tmp_path, text).entry.credit.tolist() == [0.0]
    dear = [line.replace(",51,", ",54,").replace(",52,", ",56,") for line in text]
    assert read(tmp_path, dear).entry.credit.tolist() == [7.0]


def test_vix_is_the_one_of_the_session_before(tmp_path: Path) -> None:
    """The day's own bar is not known at entry."""
    condors = read(tmp_path, lines(), days=7)
    assert condors.entry.state.vix.tolist() == [[0.20]]
    assert condors.entry.state.vix_level.tolist() == [[17_750.0]]


def test_a_day_without_its_vix_is_left_out_and_named(tmp_path: Path) -> None:
    """The other days are used."""
    text = [*lines(), *lines("2022-06-06")]
    condors = read(tmp_path, text, days=6)
    assert condors.days == (date(2022, 6, 6),)
    (told,) = condors.left_out
    assert told == "2022-06-07: India VIX has no value of 2022-06-06"
    with pytest.raises(DataError, match="no day has the history it needs"):
        read(tmp_path, lines(), days=6)


@pytest.mark.parametrize(
    "text",
    [
        lines(legs=("p_m3", "p_m1", "c_p1")),
        [*lines(), *lines()],
        [*lines()[:3], lines(minute=6)[3]],
    ],
    ids=("three legs", "twice", "another minute"),
)
def test_what_is_no_whole_condor_is_refused(tmp_path: Path, text: list[str]) -> None:
    """A missing leg, a doubled day, legs of different times: the day is named."""
    with pytest.raises(DataError, match="2022-06-07 had the legs"):
        read(tmp_path, text)


def test_days_can_be_taken(tmp_path: Path) -> None:
    """A subset keeps every column in step."""
    condors = read(tmp_path, [*lines("2022-06-06"), *lines()])
    last = condors.take(np.array([False, True]))
    assert last.days == (date(2022, 6, 7),)
    assert last.entry.left.sessions.tolist() == [[2.0]]
    assert last.exit.price.shape == (1, 4)


def test_all_real_condors_are_usable() -> None:
    """562 days, none left out, each price with a volatility that gives it back."""
    condors = real_prices().condors
    assert (len(condors.days), condors.left_out) == (562, ())
    for at in (condors.entry, condors.exit):
        again = price(at.forward, at.strike, at.left.years, at.sigma, at.is_call, at.discount)
        assert np.abs(again - at.price).max() < 1e-6


def test_a_real_day_is_what_its_lines_say() -> None:
    """The first lines of the file beside the history of the day before."""
    row = rows_of("nifty_condor_legs.csv.gz")[0]
    condors = real_prices().condors
    assert condors.days[0].isoformat() == row["trade_date"]
    assert condors.entry.price[0, 0] == float(row["entry_price"])
    assert condors.exit.price[0, 0] == float(row["exit_price"])
    assert condors.exit.state.level[0, 0] == float(row["exit_spot"])
    before = max(bar.day for bar in daily("INDIA_VIX") if bar.day < condors.days[0])
    vix = next(bar.close for bar in daily("INDIA_VIX") if bar.day == before)
    assert condors.entry.state.vix[0, 0] == pytest.approx(vix / 100.0)
    ts = datetime.fromisoformat(row["entry_ts"])
    assert condors.entry.left.years[0, 0] * 365.0 * 24.0 == pytest.approx(
        24.0 + 15.5 - ts.hour - ts.minute / 60
    )
