"""What a position is worth is what it can be closed at now: at the touch, never at mid, never invented."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    LOT,
    NOW,
    RATE,
    SIGMA,
    bought,
    call,
    condor,
    flat_vol_snapshot,
    put,
    sold,
    view_of,
    with_cells,
    years_of,
)
from volguard.measure.touch import (
    closing_mark,
    closing_price,
    fair_values,
    leg_quotes,
    quote_digest,
    quote_of,
)
from volguard.model.book import Leg, Position
from volguard.model.market import ChainSnapshot
from volguard.pricing.black76 import price

TICK = Decimal("0.05")
CHAIN = flat_vol_snapshot()
LEGS = condor(24_100, 24_400, 25_200, 25_500)


def positions_of(legs: Sequence[Leg], units: int = LOT) -> tuple[Position, ...]:
    return tuple(Position(contract=leg.contract, quantity=leg.side.sign * units) for leg in legs)


CONDOR = positions_of(LEGS)


def quoted(**quotes: tuple[float, float]) -> ChainSnapshot:
    """The chain with round quotes at the condor's four legs: low, put, call, high."""
    chain = CHAIN
    for name, leg in zip(("low", "put", "call", "high"), LEGS, strict=True):
        if name in quotes:
            bid, ask = quotes[name]
            chain = with_cells(chain, leg.contract, bid=bid, ask=ask)
    return chain


ROUND = {"low": (9.0, 9.2), "put": (35.0, 35.4), "call": (36.0, 36.5), "high": (10.0, 10.1)}


# --- quotes ------------------------------------------------------------------------------------------


def test_a_quote_is_exact_on_the_tick() -> None:
    view = view_of(with_cells(CHAIN, put(24_400), bid=35.0000000004, ask=35.1499999999, bid_qty=150))
    quote = quote_of(view, put(24_400), TICK)
    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("35.00"), Decimal("35.15"))
    assert (quote.bid_qty, quote.ask_qty, quote.ts) == (150, 750, NOW)


def test_an_absent_side_is_none_and_an_unlisted_contract_has_no_quote() -> None:
    view = view_of(with_cells(CHAIN, put(24_400), bid=math.nan))
    quote = quote_of(view, put(24_400), TICK)
    assert quote is not None
    assert quote.bid is None and quote.ask is not None
    assert quote_of(view, put(20_000), TICK) is None


def test_a_digest_changes_with_every_price_and_every_absence() -> None:
    quotes = [quote_of(view_of(CHAIN), leg.contract, TICK) for leg in LEGS]
    first = quotes[0]
    assert first is not None and first.bid is not None
    variants = [
        quotes,
        [replace(first, bid=first.bid + TICK), *quotes[1:]],
        [replace(first, ask=None), *quotes[1:]],
        [None, *quotes[1:]],
        quotes[::-1],
        quotes[1:],
        [],
    ]
    digests = [quote_digest(variant) for variant in variants]
    assert len(set(digests)) == len(variants)
    assert quote_digest(quotes) == quote_digest(list(quotes))


def test_a_long_closes_at_the_bid_and_a_short_at_the_ask() -> None:
    view = view_of(quoted(put=(35.0, 35.4)))
    assert closing_price(view, put(24_400), LOT, TICK) == Decimal("35.00")
    assert closing_price(view, put(24_400), -LOT, TICK) == Decimal("35.40")
    assert closing_price(view, put(20_000), LOT, TICK) is None


# --- closing mark ------------------------------------------------------------------------------------


def test_the_mark_of_a_condor_sells_its_longs_at_the_bid_and_buys_its_shorts_at_the_ask() -> None:
    mark = closing_mark(view_of(quoted(**ROUND)), CONDOR, TICK)
    assert mark is not None
    assert mark.value_inr == LOT * (Decimal("9.0") - Decimal("35.4") - Decimal("36.5") + Decimal("10.0"))
    assert not mark.is_confirmed_price  # the round figures contradict their neighbours
    own = closing_mark(view_of(CHAIN), CONDOR, TICK)
    assert own is not None and own.is_confirmed_price


@pytest.mark.parametrize("short", [put(24_400), call(25_200)])
def test_a_short_that_nobody_offers_cannot_be_marked(short) -> None:
    assert closing_mark(view_of(with_cells(CHAIN, short, ask=math.nan)), CONDOR, TICK) is None


def test_a_short_that_is_not_listed_cannot_be_marked() -> None:
    assert closing_mark(view_of(CHAIN), [Position(contract=put(20_000), quantity=-LOT)], TICK) is None


def test_a_long_that_nobody_bids_for_is_worth_nothing_and_the_rest_is_still_marked() -> None:
    with_bid = closing_mark(view_of(quoted(**ROUND)), CONDOR, TICK)
    without = closing_mark(view_of(with_cells(quoted(**ROUND), put(24_100), bid=math.nan)), CONDOR, TICK)
    assert with_bid is not None and without is not None
    assert with_bid.value_inr - without.value_inr == LOT * Decimal("9.0")


def test_a_long_that_is_not_listed_is_worth_nothing_and_confirms_nothing() -> None:
    mark = closing_mark(view_of(CHAIN), [Position(contract=put(20_000), quantity=LOT)], TICK)
    assert mark is not None
    assert (mark.value_inr, mark.is_confirmed_price) == (Decimal(0), False)


def test_a_short_without_a_bid_is_marked_but_not_confirmed() -> None:
    view = view_of(with_cells(CHAIN, put(24_400), bid=math.nan))
    mark = closing_mark(view, CONDOR, TICK)
    assert mark is not None
    assert not mark.is_confirmed_price


def test_no_position_costs_nothing_to_close() -> None:
    mark = closing_mark(view_of(CHAIN), (), TICK)
    assert mark is not None
    assert (mark.value_inr, mark.is_confirmed_price) == (Decimal(0), True)


def test_a_cost_beyond_the_conservative_value_by_a_quarter_and_four_ticks_is_not_confirmed() -> None:
    # The short call is in the money, so its own dear offer does not move the volatility of its strike.
    short = [Position(contract=call(24_400), quantity=-LOT)]
    fair = fair_values(view_of(CHAIN), [call(24_400)], 0.01)
    limit = 1.25 * float(fair[0]) + 4 * float(TICK)
    bid = float(CHAIN.bid[CHAIN.listing.row(call(24_400)) or 0])
    for ask, confirmed in ((limit - 0.1, True), (limit + 0.1, False)):
        mark = closing_mark(view_of(with_cells(CHAIN, call(24_400), bid=bid, ask=ask)), short, TICK)
        assert mark is not None
        assert mark.is_confirmed_price is confirmed


def test_an_unconfirmed_price_is_still_the_cost_to_close() -> None:
    short = [Position(contract=call(24_400), quantity=-LOT)]
    mark = closing_mark(view_of(with_cells(CHAIN, call(24_400), ask=2000.0)), short, TICK)
    assert mark is not None
    assert (mark.value_inr, mark.is_confirmed_price) == (Decimal(-2000 * LOT), False)


def test_without_a_volatility_nothing_confirms_the_price() -> None:
    blank = CHAIN
    for strike in (24_350, 24_450):  # of a strike its neighbours tell
        blank = with_cells(with_cells(blank, call(strike), bid=math.nan), put(strike), bid=math.nan)
    assert np.isnan(fair_values(view_of(blank), [put(24_400)])).all()
    mark = closing_mark(view_of(blank), CONDOR, TICK)
    assert mark is not None
    assert not mark.is_confirmed_price


def test_fair_values_follow_the_smile_and_its_extra_points() -> None:
    t = float(years_of(CHAIN.listing, NOW)[0])
    exact = view_of(flat_vol_snapshot(tick=None))
    for extra in (0.0, 0.01):
        fair = price(FORWARD, [24_400, 25_200], t, SIGMA + extra, [False, True], np.exp(-RATE * t))
        assert fair_values(exact, [put(24_400), call(25_200)], extra) == pytest.approx(fair, abs=1e-6)


def test_a_contract_that_is_not_listed_has_no_fair_value() -> None:
    values = fair_values(view_of(CHAIN), [put(20_000), put(24_400)])
    assert np.isnan(values).tolist() == [True, False]
    assert len(fair_values(view_of(CHAIN), [])) == 0


# --- opening at the touch ----------------------------------------------------------------------------


def test_the_entry_credit_sells_at_the_bid_and_buys_at_the_ask() -> None:
    quotes = leg_quotes(view_of(quoted(**ROUND)), LEGS)
    assert quotes.credit == pytest.approx(35.0 + 36.0 - 9.2 - 10.1)
    assert (quotes.bought, quotes.sold) == pytest.approx((9.2 + 10.1, 35.0 + 36.0))
    assert quotes.half_spread == pytest.approx(0.5 * (0.2 + 0.4 + 0.5 + 0.1))


@pytest.mark.parametrize(
    ("leg", "side", "is_needed"),
    [(0, "ask", True), (1, "bid", True), (0, "bid", False), (1, "ask", False)],
)
def test_the_entry_credit_needs_just_the_side_that_each_leg_trades_on(
    leg: int, side: str, is_needed: bool
) -> None:
    quotes = leg_quotes(view_of(with_cells(CHAIN, LEGS[leg].contract, **{side: math.nan})), LEGS)
    assert (quotes.credit is None) is is_needed
    assert quotes.half_spread is None


def test_a_leg_that_is_not_listed_has_no_entry() -> None:
    for legs in ((bought(put(20_000)), sold(put(24_400))), (bought(put(24_400)), sold(put(20_000)))):
        quotes = leg_quotes(view_of(CHAIN), legs)
        assert (quotes.credit, quotes.half_spread) == (None, None)


def test_without_legs_nothing_is_paid_or_received() -> None:
    quotes = leg_quotes(view_of(CHAIN), ())
    assert (quotes.credit, quotes.half_spread) == (0.0, 0.0)
