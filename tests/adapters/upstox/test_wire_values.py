"""Figures of the wire: noise is taken off, prices stand on the tick, nonsense is refused."""

from __future__ import annotations

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox.wire_values import (
    average_of,
    fraction_of_percent,
    money_of,
    option_type_of,
    paise,
    price_of,
    quote_of,
    require_finite,
    volatility_of,
    whole,
)
from volguard.model.instrument import OptionType

PAISE = st.integers(min_value=1, max_value=10_000_000)  # up to a lakh of rupees


def in_single_precision(value: float) -> float:
    """A price as it looks after passing through four bytes."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


@given(paise_=PAISE)
def test_a_price_survives_single_precision(paise_: int) -> None:
    """52.05 that comes as 52.04999923706055 is 52.05, for every price up to a lakh."""
    price = Decimal(paise_) / 100
    assert price_of(float(price)) == price_of(in_single_precision(float(price))) == price
    assert quote_of(in_single_precision(float(price))) == float(price)
    assert average_of(in_single_precision(float(price))) == price


@given(paise_=PAISE, quantity=st.integers(min_value=2, max_value=1800))
def test_a_mean_price_keeps_its_four_places(paise_: int, quantity: int) -> None:
    """A mean between two ticks is no tick: it is kept to a hundredth of a paisa, or to float noise."""
    mean = paise_ / 100 + 0.01 / quantity
    found = average_of(mean)
    assert found is not None
    assert abs(float(found) - mean) <= max(0.00005, mean * 2.0**-23) + 1e-12


@given(value=st.floats(min_value=-1e9, max_value=1e9))
def test_no_amount_is_minus_nothing(value: float) -> None:
    """-0.0 and what rounds to it is plainly zero, and money is whole in paise."""
    amount = money_of(value)
    assert amount == amount.quantize(Decimal("0.01"))
    assert not (amount == 0 and amount.is_signed())
    assert abs(float(amount) - value) <= 0.005 + abs(value) * 1e-15


@pytest.mark.parametrize(
    ("told", "meant"), [(52.04999923706055, "52.05"), (-0.0, "0.00"), (0.0, "0.00"), (303.9, "303.90")]
)
def test_known_prices(told: float, meant: str) -> None:
    """The reference's own noisy prices."""
    assert str(price_of(told)) == meant


@pytest.mark.parametrize("told", [math.nan, math.inf, -math.inf])
def test_what_is_no_figure_is_refused(told: float) -> None:
    """Nan and infinity are no price, no money, no tick and no quantity."""
    for read in (price_of, money_of, paise, average_of):
        with pytest.raises(ValueError, match=r"not an amount|finite"):
            read(told)
    with pytest.raises(ValueError, match="lot_size was"):
        whole("lot_size", told)
    with pytest.raises(ValueError, match="iv was"):
        require_finite("iv", 1.0, None, told)
    assert volatility_of(told) is None


@pytest.mark.parametrize("told", [None, 0.0, -0.0, -1.0])
def test_no_quote_and_no_volatility_are_none(told: float | None) -> None:
    """Null and zero say that there is none, and nothing is worth less than nothing."""
    assert quote_of(told) is None
    assert volatility_of(told) is None
    assert fraction_of_percent(told) is None


def test_no_mean_without_a_fill() -> None:
    """A mean price of null or zero belongs to an order without fills."""
    assert average_of(None) is None
    assert average_of(0.0) is None
    assert average_of(-0.0) is None


def test_volatility_in_percent_becomes_a_fraction() -> None:
    """The chain's 50.78 is 0.5078 a year; the Greeks' 0.336 stays."""
    assert fraction_of_percent(50.78) == pytest.approx(0.5078, abs=1e-15)
    assert volatility_of(0.33599853515625) == 0.33599853515625


def test_ticks_come_in_paise() -> None:
    """A tick of 5 is five paise."""
    assert paise(5) == Decimal("0.05")
    assert paise(10.0) == Decimal("0.1")


def test_whole_numbers_and_option_types() -> None:
    """1800.0 is 1800, 0.5 is refused; CE and PE are options and nothing else is."""
    assert whole("freeze_quantity", 1800.0) == 1800
    with pytest.raises(ValueError, match=r"strike_price was 152\.5, must be a whole number"):
        whole("strike_price", 152.5)
    assert option_type_of("CE") is OptionType.CALL
    assert option_type_of("PE") is OptionType.PUT
    assert option_type_of("FUT") is option_type_of(None) is None
