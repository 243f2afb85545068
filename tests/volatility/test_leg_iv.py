"""Volatility of traded condor legs against India VIX: the nearest expiry trades near it, expiry day above."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from functools import lru_cache

import pytest

from tests.volatility.real_data import daily, rows_of
from volguard.model.units import IST
from volguard.pricing.black76 import price
from volguard.pricing.daycount import years_between
from volguard.volatility.leg_iv import ALL_LEGS, TradedLeg, leg_iv_table, leg_ivs

CARRY = 0.06
NOON = datetime(2024, 6, 24, 12, 0, tzinfo=IST)


@lru_cache(maxsize=1)
def real_legs() -> tuple[TradedLeg, ...]:
    vix = {bar.day: bar.close / 100.0 for bar in daily("INDIA_VIX")}
    return tuple(
        TradedLeg(
            name=row["leg"],
            ts=datetime.fromisoformat(row["entry_ts"]),
            expiry_close=datetime.fromisoformat(row["expiry"] + "T15:30:00+05:30"),
            is_call=row["option_type"] == "CE",
            strike=float(row["strike"]),
            price=float(row["entry_price"]),
            spot=float(row["entry_spot"]),
            vix=vix.get(date.fromisoformat(row["trade_date"]), math.nan),
        )
        for row in rows_of("nifty_condor_legs.csv.gz")
    )


def test_real_prices_of_the_nearest_expiry_imply_india_vix_two_to_six_days_out_and_more_at_the_end() -> None:
    table = {row.days_to_expiry: row for row in leg_iv_table(real_legs(), CARRY) if row.name == ALL_LEGS}
    assert sum(row.legs for row in table.values()) == 2248
    assert sum(row.solved for row in table.values()) >= 0.99 * 2248
    for days in (2, 3, 6):
        ratio = table[days].ratio
        assert ratio is not None and 0.8 < ratio < 1.15
    last_day, day_before = table[0].ratio, table[1].ratio
    assert last_day is not None and day_before is not None and last_day > day_before > 1.0


def test_each_leg_has_its_own_row_and_puts_are_dearer_than_calls() -> None:
    by_name = {row.name: row for row in leg_iv_table(real_legs(), CARRY) if row.days_to_expiry == 2}
    assert set(by_name) == {ALL_LEGS, "p_m3", "p_m1", "c_p1", "c_p3"}
    put, call = by_name["p_m3"].iv, by_name["c_p3"].iv
    assert put is not None and call is not None and put > call


def test_a_price_made_at_a_volatility_gives_it_back_at_the_same_carry() -> None:
    close = NOON + timedelta(days=3, hours=3, minutes=30)
    t = years_between(NOON, close)
    growth = math.exp(CARRY * t)
    made = float(price(23_600.0 * growth, 23_700.0, t, 0.14, True, 1.0 / growth))
    leg = TradedLeg(
        name="c_p1",
        ts=NOON,
        expiry_close=close,
        is_call=True,
        strike=23_700.0,
        price=made,
        spot=23_600.0,
        vix=0.14,
    )
    assert leg_ivs([leg], CARRY).tolist() == pytest.approx([0.14], abs=1e-10)
    assert leg_ivs([leg], 0.0).tolist() != pytest.approx([0.14], abs=1e-4)


def test_a_price_without_time_value_is_counted_but_not_solved() -> None:
    leg = TradedLeg(
        name="c_p1",
        ts=NOON,
        expiry_close=NOON + timedelta(days=1),
        is_call=True,
        strike=23_000.0,
        price=1.0,
        spot=23_600.0,
        vix=0.14,
    )
    row = leg_iv_table([leg], CARRY)[0]
    assert (row.legs, row.solved, row.iv, row.ratio) == (1, 0, None, None)
    assert leg_iv_table([], CARRY) == ()
