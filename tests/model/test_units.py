"""Floats become money and prices in one place, with the rounding named."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.units import (
    IST,
    figure,
    money,
    money_text,
    rupees,
    seconds_between,
    tick_above,
    tick_below,
    tick_price,
    units_of,
)

TICK = Decimal("0.05")
TICKS = st.sampled_from([Decimal("0.05"), Decimal("0.01"), Decimal("0.25"), Decimal("1")])
PRICES = st.floats(min_value=0.0, max_value=100_000.0)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("1.005", "1.00"),
        ("1.015", "1.02"),
        ("-1.005", "-1.00"),
        ("-1.015", "-1.02"),
        ("0", "0.00"),
        ("1234567.891", "1234567.89"),
        ("1E+3", "1000.00"),
    ],
)
def test_money_is_rounded_half_even_to_the_paisa(amount: str, text: str) -> None:
    assert money_text(Decimal(amount)) == text
    assert money(Decimal(amount)) == Decimal(text)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf])
def test_what_is_not_an_amount_is_no_money(amount: float) -> None:
    with pytest.raises(ValueError, match="not an amount of money"):
        rupees(amount)


def test_a_float_becomes_the_rupees_that_it_shows() -> None:
    assert rupees(0.1 + 0.2) == Decimal("0.30")
    assert rupees(-18_712.345) == Decimal("-18712.34")  # half-even on the digits as written
    assert rupees(1e-9) == Decimal("0.00")


@pytest.mark.parametrize(
    ("price", "nearest", "below", "above"),
    [
        (24.15, "24.15", "24.15", "24.15"),
        (24.150000000000002, "24.15", "24.15", "24.15"),
        (24.149999999999999, "24.15", "24.15", "24.15"),
        (24.16, "24.15", "24.15", "24.20"),
        (24.175, "24.20", "24.15", "24.20"),  # 483.5 ticks: to the even one
        (24.125, "24.10", "24.10", "24.15"),
        (0.0, "0.00", "0.00", "0.00"),
        (0.01, "0.00", "0.00", "0.05"),
    ],
)
def test_a_price_falls_on_the_grid_of_ticks(price: float, nearest: str, below: str, above: str) -> None:
    found = tick_price(price, TICK), tick_below(price, TICK), tick_above(price, TICK)
    assert found == (Decimal(nearest), Decimal(below), Decimal(above))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(price=PRICES, tick=TICKS)
def test_the_ticks_around_a_price_enclose_it_within_one_tick(price: float, tick: Decimal) -> None:
    below, nearest, above = (f(price, tick) for f in (tick_below, tick_price, tick_above))
    assert below <= nearest <= above <= below + tick
    noise = 1e-6
    assert float(below) - noise <= price <= float(above) + noise
    assert all(value % tick == 0 for value in (below, nearest, above))
    assert abs(float(nearest) - price) <= float(tick) / 2 + noise


@settings(derandomize=True, max_examples=200, deadline=None)
@given(steps=st.integers(min_value=0, max_value=2_000_000), tick=TICKS)
def test_a_price_on_the_grid_stays_where_it_is_though_floats_carry_noise(steps: int, tick: Decimal) -> None:
    exact = steps * tick
    for price in (float(exact), steps * float(tick)):
        assert tick_below(price, tick) == tick_price(price, tick) == tick_above(price, tick) == exact


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (1234567.891234, 1234567.89),
        (0.123456789123, 0.123456789),
        (-0.5, -0.5),
        (0.0, 0.0),
        (1e-12, 1e-12),
        (9.999999999e5, 1e6),
    ],
)
def test_a_figure_has_nine_significant_digits(value: float, kept: float) -> None:
    assert figure(value) == kept


@settings(derandomize=True, max_examples=200, deadline=None)
@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_figure_rounded_twice_is_the_same_figure(value: float) -> None:
    assert figure(figure(value)) == figure(value)
    assert math.isclose(figure(value), value, rel_tol=1e-8, abs_tol=5e-324) or math.isinf(figure(value))


def test_lots_become_units() -> None:
    assert units_of(3, 75) == 225
    assert units_of(0, 75) == 0


def test_seconds_between_two_instants_are_signed_and_know_time_zones() -> None:
    noon = datetime(2025, 9, 3, 12, 0, tzinfo=IST)
    assert seconds_between(noon, noon + timedelta(minutes=1)) == 60.0
    assert seconds_between(noon + timedelta(seconds=2), noon) == -2.0
    assert seconds_between(noon, datetime(2025, 9, 3, 6, 30, tzinfo=UTC)) == 0.0
