"""A contract is named by underlying, expiry, strike and right, and sorts that way."""

from __future__ import annotations

from tests.chains import MONTHLY, WEEKLY, call, put
from volguard.model.instrument import Side


def test_contracts_sort_by_expiry_then_strike_then_call_before_put() -> None:
    ordered = [
        call(24_000),
        put(24_000),
        call(24_050),
        put(25_000),
        call(23_000, MONTHLY),
        put(23_000, MONTHLY),
    ]
    assert sorted(reversed(ordered)) == ordered


def test_equal_contracts_are_one_key() -> None:
    assert call(24_000) == call(24_000)
    assert len({call(24_000), call(24_000), put(24_000)}) == 2


def test_the_symbol_is_readable_and_its_own() -> None:
    assert put(24_400, WEEKLY).symbol == "NIFTY 2025-09-09 24400 PE"
    assert call(24_400).symbol != put(24_400).symbol


def test_a_side_has_a_sign_and_an_opposite() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)
