"""Being flat now costs what the shown book of orders takes; what it does not show has no price."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chains import (
    DAY,
    LOT,
    NOW,
    call,
    flat_vol_snapshot,
    put,
    shipped_rules,
    view_of,
    with_cells,
)
from volguard.measure.flat_cost import (
    Depth,
    FlatCost,
    FlatCostSettings,
    FlatGap,
    Level,
    flat_cost,
)
from volguard.measure.market_view import MarketView
from volguard.model.book import Position
from volguard.model.instrument import OptionContract, Side, Underlying
from volguard.model.market import ChainSnapshot

RULES = shipped_rules()
SETTINGS = FlatCostSettings(orders_per_second=4.0)
WAIT_S = 3.0
SHORT, HEDGE = put(24_400), put(24_100)
FREEZE = RULES.contracts.freeze_quantity(SHORT.underlying, DAY)
SLICE = FREEZE // LOT * LOT


def quoted(size: int = 10_000) -> ChainSnapshot:
    chain = flat_vol_snapshot()
    chain = with_cells(chain, SHORT, bid=35.0, ask=35.4, bid_qty=size, ask_qty=size)
    return with_cells(chain, HEDGE, bid=9.0, ask=9.2, bid_qty=size, ask_qty=size)


def held(contract: OptionContract, units: int) -> Position:
    return Position(contract=contract, quantity=units)


SPREAD = (held(HEDGE, LOT), held(SHORT, -LOT))


def cost_of(
    positions: Any = SPREAD,
    snapshot: ChainSnapshot | None = None,
    *,
    view: MarketView | None = None,
    **more: Any,
) -> FlatCost:
    arguments: dict[str, Any] = {
        "trade_date": DAY,
        "rules": RULES,
        "settings": SETTINGS,
        "fill_wait_s": WAIT_S,
    } | more
    looked = view if view is not None else view_of(snapshot if snapshot is not None else quoted())
    return flat_cost(looked, positions, **arguments)


def levels(*pairs: tuple[str, int]) -> tuple[Level, ...]:
    return tuple(Level(price=Decimal(price), quantity=quantity) for price, quantity in pairs)


# --- cost --------------------------------------------------------------------------------------------


def test_a_spread_costs_half_of_each_spread_and_the_charges_of_two_orders() -> None:
    cost = cost_of()
    short, hedge = cost.legs
    assert (short.contract, short.side, hedge.contract, hedge.side) == (SHORT, Side.BUY, HEDGE, Side.SELL)
    assert (short.half_spread_inr, hedge.half_spread_inr) == (Decimal("15.00"), Decimal("7.50"))
    assert short.walk_inr == hedge.walk_inr == 0
    expected = RULES.charges.estimate_inr(
        trade_date=DAY, premium_buy_inr=LOT * 35.4, premium_sell_inr=LOT * 9.0, orders=2
    )
    assert short.charges_inr is not None and hedge.charges_inr is not None
    assert float(short.charges_inr + hedge.charges_inr) == pytest.approx(expected, abs=0.011)
    assert cost.cost_inr == Decimal("22.50") + short.charges_inr + hedge.charges_inr
    assert cost.shorts_cost_inr == short.cost_inr
    assert cost.reasons == () and not cost.is_infinite


def test_a_flat_book_is_flat_at_once_and_for_nothing() -> None:
    cost = cost_of(())
    assert (cost.cost_inr, cost.shorts_cost_inr, cost.orders) == (0, 0, 0)
    assert (cost.seconds, cost.shorts_seconds) == (0.0, 0.0)
    assert cost.text == "flat now: 0.00 rupees, 0 orders, 0.0 s"


def test_positions_of_one_contract_are_netted() -> None:
    assert cost_of((held(SHORT, -3 * LOT), held(SHORT, 2 * LOT))) == cost_of((held(SHORT, -LOT),))
    assert cost_of((held(SHORT, -LOT), held(SHORT, LOT))) == cost_of(())


def test_depth_is_walked_level_by_level_best_first() -> None:
    book = Depth(bids=levels(("35.00", 75)), asks=levels(("36.00", 150), ("35.40", 75), ("35.90", 75)))
    (leg,) = cost_of((held(SHORT, -3 * LOT),), depth={SHORT: book}).legs
    assert leg.shown_units == 300
    assert leg.half_spread_inr == Decimal("45.00")  # 225 units x 0.20
    assert leg.walk_inr == 75 * Decimal("0.50") + 75 * Decimal("0.60")
    (sale,) = cost_of(
        (held(HEDGE, 2 * LOT),),
        depth={HEDGE: Depth(bids=levels(("8.50", 75), ("9.00", 75)), asks=levels(("9.20", 75)))},
    ).legs
    assert (sale.half_spread_inr, sale.walk_inr) == (Decimal("15.00"), Decimal("37.50"))


def test_a_sale_takes_the_best_bid_first() -> None:
    book = Depth(bids=levels(("8.50", 75), ("9.00", 75)), asks=levels(("9.20", 75)))
    (sale,) = cost_of((held(HEDGE, LOT),), depth={HEDGE: book}).legs
    assert (sale.half_spread_inr, sale.walk_inr) == (Decimal("7.50"), Decimal("0.00"))


def test_every_slice_pays_its_own_brokerage() -> None:
    (leg,) = cost_of((held(SHORT, -2 * SLICE),), quoted(size=10 * FREEZE)).legs
    expected = RULES.charges.estimate_inr(
        trade_date=DAY, premium_buy_inr=2 * SLICE * 35.4, premium_sell_inr=0.0, orders=2
    )
    assert leg.charges_inr is not None
    assert float(leg.charges_inr) == pytest.approx(expected, abs=0.006)


def test_a_size_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="quantity was -1"):
        Level(price=Decimal(1), quantity=-1)


def test_depth_that_is_given_stands_before_the_touch_and_only_for_its_contract() -> None:
    book = Depth(bids=levels(("30.00", 750)), asks=levels(("40.00", 750)))
    short, hedge = cost_of(depth={SHORT: book}).legs
    assert short.half_spread_inr == LOT * Decimal("5.00")
    assert hedge.half_spread_inr == Decimal("7.50")


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(0, 900)), min_size=1, max_size=6),
    st.integers(1, 30),
    st.integers(1, 30),
    st.booleans(),
)
def test_closing_more_never_costs_less_takes_fewer_orders_or_less_time(
    asks: list[tuple[int, int]], few: int, more: int, is_short: bool
) -> None:
    """Monotone in quantity; no cost (no depth) is the dearest of all."""
    contract, sign = (SHORT, -1) if is_short else (HEDGE, 1)
    away = tuple(
        Level(price=Decimal(100) - sign * Decimal(ticks) / 20, quantity=size) for ticks, size in asks
    )
    near = levels(("100.00", 75))
    book = Depth(bids=near, asks=away) if is_short else Depth(bids=away, asks=near)

    def close(lots: int) -> tuple[float, int, float]:
        cost = cost_of((held(contract, sign * lots * LOT),), view=VIEW, depth={contract: book})
        assert cost.orders is not None and cost.seconds is not None
        return (
            math.inf if cost.cost_inr is None else float(cost.cost_inr),
            cost.orders,
            cost.seconds,
        )

    for small, large in zip(close(min(few, more)), close(max(few, more)), strict=True):
        assert small <= large


VIEW = view_of(quoted())


# --- orders and time ---------------------------------------------------------------------------------


def test_an_order_is_no_larger_than_the_freeze_quantity_in_whole_lots() -> None:
    big = quoted(size=10 * FREEZE)
    assert [cost_of((held(SHORT, -units),), big).orders for units in (SLICE, SLICE + LOT, 3 * SLICE)] == [
        1,
        2,
        3,
    ]


def test_a_slice_is_whole_lots_where_the_freeze_quantity_is_not() -> None:
    bank = replace(put(54_000, date(2025, 9, 30)), underlying=Underlying("BANKNIFTY"))
    lot = RULES.contracts.lot_size(bank.underlying, DAY, bank.expiry)
    freeze = RULES.contracts.freeze_quantity(bank.underlying, DAY)
    assert freeze % lot  # 600 in lots of 35
    largest = freeze // lot * lot
    counts = [cost_of((held(bank, -units),)).orders for units in (largest, largest + lot, 120 * largest)]
    assert counts == [1, 2, 120]


def test_shorts_leave_first_and_hedges_wait_for_their_fills() -> None:
    other = call(25_200)
    cost = cost_of((*SPREAD, held(other, -LOT)))
    assert [leg.contract for leg in cost.legs] == [SHORT, other, HEDGE]
    assert [leg.done_s for leg in cost.legs] == [3.25, 3.5, 6.75]  # 4 orders a second, 3 s for fills
    assert (cost.shorts_seconds, cost.seconds, cost.orders) == (3.5, 6.75, 3)


def test_hedges_alone_wait_for_nobody() -> None:
    cost = cost_of((held(HEDGE, LOT),))
    assert (cost.shorts_seconds, cost.seconds) == (0.0, 3.25)


def test_a_slower_rate_takes_longer() -> None:
    slow = cost_of(settings=FlatCostSettings(orders_per_second=0.5))
    assert slow.seconds == 10.0
    assert slow.cost_inr == cost_of().cost_inr


# --- what is missing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "gap", "is_infinite"),
    [
        ({"ask": math.nan, "ask_qty": 0}, FlatGap.NO_QUOTE, True),
        ({"bid": math.nan, "bid_qty": 0}, FlatGap.NO_MID, False),
        ({"ask_qty": LOT - 1}, FlatGap.NO_DEPTH, True),
        ({"ask_qty": 0}, FlatGap.NO_DEPTH, True),
        ({"bid": 35.5}, FlatGap.CROSSED, True),
    ],
)
def test_a_short_that_the_book_does_not_take_has_no_cost_and_says_so(
    cells: dict[str, float], gap: FlatGap, is_infinite: bool
) -> None:
    cost = cost_of(snapshot=with_cells(quoted(), SHORT, **cells))
    short, hedge = cost.legs
    assert (short.gap, short.cost_inr, hedge.gap) == (gap, None, None)
    assert hedge.cost_inr is not None
    assert (cost.cost_inr, cost.shorts_cost_inr, cost.is_infinite) == (None, None, is_infinite)
    assert cost.orders == 2 and cost.seconds is not None  # orders can be counted without a price
    assert cost.reasons == (short.reason,)
    assert SHORT.symbol in cost.text and ("infinite" in cost.text) is is_infinite


def test_a_hedge_without_a_bid_leaves_the_cost_of_the_shorts_known() -> None:
    cost = cost_of(snapshot=with_cells(quoted(), HEDGE, bid=math.nan, bid_qty=0))
    assert cost.cost_inr is None
    assert cost.shorts_cost_inr == cost_of().shorts_cost_inr is not None


def test_a_size_that_is_too_small_is_told_in_units() -> None:
    cost = cost_of((held(SHORT, -2 * LOT),), with_cells(quoted(), SHORT, ask_qty=100))
    assert cost.reasons == (f"{SHORT.symbol}: no depth: the size shown is too small, 100 of 150 units shown",)


def test_a_stale_quote_is_not_a_price_to_be_flat_at_now() -> None:
    cost = cost_of(snapshot=replace(quoted(), quote_age_s=flat_vol_snapshot(quote_age_s=999.0).quote_age_s))
    assert [leg.gap for leg in cost.legs] == [FlatGap.STALE] * 2


def test_the_first_look_after_a_hole_is_stale() -> None:
    later = view_of(replace(quoted(), ts=NOW + timedelta(seconds=600)), view_of(quoted()))
    assert later.after_gap
    assert {leg.gap for leg in cost_of(view=later).legs} == {FlatGap.STALE}


@pytest.mark.parametrize(
    "contract",
    [put(20_000), put(24_400, date(2025, 9, 16)), replace(SHORT, underlying=Underlying("BANKNIFTY"))],
)
def test_a_leg_that_is_not_listed_has_no_cost(contract: OptionContract) -> None:
    (leg,) = cost_of((held(contract, -LOT),)).legs
    assert (leg.gap, leg.cost_inr) == (FlatGap.NOT_LISTED, None)


def test_a_date_without_rules_is_named_and_nothing_is_guessed() -> None:
    cost = cost_of(trade_date=date(2099, 1, 1))
    assert {leg.gap for leg in cost.legs} == {FlatGap.NO_RULES}
    assert (cost.cost_inr, cost.orders, cost.seconds, cost.shorts_seconds) == (None, None, None, None)
    assert not cost.is_infinite
    assert cost.text.startswith("flat now: not available (") and "orders" not in cost.text


def test_charges_that_are_not_known_leave_orders_and_time() -> None:
    class NoCharges:
        def estimate_inr(self, **_: Any) -> float:
            return RULES.charges.estimate_inr(
                trade_date=date(1990, 1, 1), premium_buy_inr=0.0, premium_sell_inr=0.0, orders=1
            )

    cost = cost_of(rules=replace(RULES, charges=NoCharges()))  # type: ignore[arg-type]
    assert {leg.gap for leg in cost.legs} == {FlatGap.NO_RULES}
    assert (cost.cost_inr, cost.orders, cost.seconds) == (None, 2, 6.5)


@pytest.mark.parametrize("rate", [0.0, -1.0, 10.1, math.nan, math.inf])
def test_a_rate_that_is_not_allowed_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="orders_per_second was"):
        FlatCostSettings(orders_per_second=rate)
