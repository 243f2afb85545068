"""Positions, cash and profit are sums of fills and of nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import LOT, call, put
from tests.model.books import make_fill, make_order, make_trade
from volguard.model.book import (
    Book,
    Fill,
    Position,
    TradeState,
    positions_of,
    realised_pnl_inr,
)
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderState

BUY, SELL = Side.BUY, Side.SELL
CONTRACTS = (put(24_400), call(25_200))
FILLS = st.lists(
    st.builds(
        lambda side, lots, ticks, contract: make_fill(
            side, lots * LOT, str(Decimal(ticks) * Decimal("0.05")), contract=contract
        ),
        st.sampled_from([BUY, SELL]),
        st.integers(min_value=1, max_value=4),
        st.integers(min_value=1, max_value=4_000),
        st.sampled_from(CONTRACTS),
    ),
    max_size=14,
)


def realised(*fills: tuple[Side, int, str]) -> Decimal:
    return realised_pnl_inr(make_fill(*fill) for fill in fills)


# --- realised profit ---------------------------------------------------------------------------------


def test_nothing_is_realised_while_a_position_is_only_opened() -> None:
    assert realised() == 0
    assert realised((SELL, 75, "30"), (SELL, 75, "40")) == 0
    assert realised((BUY, 75, "30")) == 0


def test_a_short_bought_back_lower_gains_and_higher_loses() -> None:
    assert realised((SELL, 75, "30"), (BUY, 75, "10")) == 1500
    assert realised((SELL, 75, "30"), (BUY, 75, "50")) == -1500


def test_a_long_sold_higher_gains() -> None:
    assert realised((BUY, 75, "10"), (SELL, 75, "30")) == 1500


def test_a_part_closed_realises_its_part_at_the_average_price() -> None:
    assert realised((SELL, 75, "30"), (SELL, 75, "40"), (BUY, 75, "20")) == 75 * 15
    assert realised((SELL, 150, "30"), (BUY, 75, "20"), (BUY, 75, "40")) == 0


def test_a_fill_that_turns_a_position_over_closes_first_and_opens_the_rest_at_its_price() -> None:
    turned = ((SELL, 75, "100"), (BUY, 150, "90"))
    assert realised(*turned) == 750
    assert realised(*turned, (SELL, 75, "95")) == 750 + 375


def test_contracts_are_not_netted_against_one_another() -> None:
    fills = [make_fill(SELL, 75, "30"), make_fill(BUY, 75, "10", contract=call(25_200))]
    assert realised_pnl_inr(fills) == 0


@settings(derandomize=True, max_examples=150, deadline=None)
@given(fills=FILLS)
def test_cash_is_what_was_realised_less_what_the_open_position_cost(fills: list[Fill]) -> None:
    """Closing everything at any price realises all the cash: no rupee appears or vanishes."""
    close_at = Decimal("17.35")
    closing = [
        make_fill(
            SELL if position.quantity > 0 else BUY,
            abs(position.quantity),
            str(close_at),
            contract=position.contract,
        )
        for position in positions_of(fills)
    ]
    everything = [*fills, *closing]
    assert positions_of(everything) == ()
    cash = sum((fill.cash_inr for fill in everything), Decimal(0))
    assert realised_pnl_inr(everything) == pytest.approx(cash, abs=Decimal("1e-18"))


# --- positions ---------------------------------------------------------------------------------------


def test_positions_are_net_signed_units_sorted_by_contract_without_zeros() -> None:
    fills = [
        make_fill(SELL, 150, "30", contract=call(25_200)),
        make_fill(BUY, 75, "5", contract=put(24_100)),
        make_fill(BUY, 75, "20", contract=call(25_200)),
        make_fill(SELL, 75, "9", contract=put(24_100)),
        make_fill(SELL, 75, "30", contract=put(24_400)),
    ]
    assert positions_of(fills) == (
        Position(contract=put(24_400), quantity=-75),
        Position(contract=call(25_200), quantity=-75),
    )


@settings(derandomize=True, max_examples=80, deadline=None)
@given(fills=FILLS)
def test_positions_do_not_depend_on_the_order_of_fills(fills: list[Fill]) -> None:
    expected: dict[OptionContract, int] = {}
    for fill in fills:
        units = fill.quantity if fill.side is BUY else -fill.quantity
        expected[fill.contract] = expected.get(fill.contract, 0) + units
    net = {position.contract: position.quantity for position in positions_of(reversed(fills))}
    assert net == {contract: units for contract, units in expected.items() if units}


def test_the_books_positions_are_those_of_all_its_trades_together() -> None:
    book = Book(
        trades=(
            make_trade(make_fill(SELL, 75, "30"), trade_id="T1"),
            make_trade(make_fill(BUY, 75, "20"), trade_id="T2"),
            make_trade(make_fill(SELL, 75, "31", contract=call(25_200)), trade_id="T3"),
        )
    )
    assert book.positions == (Position(contract=call(25_200), quantity=-75),)
    assert Book().positions == ()


# --- trades and orders -------------------------------------------------------------------------------


def test_a_sale_receives_and_a_purchase_pays() -> None:
    assert make_fill(SELL, 75, "29.50").cash_inr == Decimal("2212.50")
    assert make_fill(BUY, 75, "29.50").cash_inr == Decimal("-2212.50")


def test_the_entry_credit_is_that_of_the_entry_sides_alone() -> None:
    trade = make_trade(
        make_fill(BUY, 75, "5", contract=put(24_100), charges="20.5"),
        make_fill(SELL, 75, "30", charges="21.5"),
        make_fill(BUY, 75, "12", charges="22"),  # bought back: an exit
    )
    assert trade.entry_credit_inr == 75 * 25
    assert trade.cash_inr == 75 * 13
    assert trade.charges_inr == Decimal("64.0")


def test_a_trade_without_fills_has_no_money_in_it() -> None:
    trade = make_trade(lots=3)
    assert (trade.entry_credit_inr, trade.cash_inr, trade.charges_inr) == (0, 0, 0)
    assert trade.units == 225


@pytest.mark.parametrize(
    ("state", "is_live"),
    [
        (TradeState.OPENING, True),
        (TradeState.OPEN, True),
        (TradeState.CLOSING, True),
        (TradeState.CLOSED, False),
        (TradeState.ABANDONED, False),
    ],
)
def test_a_trade_is_live_while_it_may_hold_a_position(state: TradeState, is_live: bool) -> None:
    assert state.is_live is is_live
    trade = make_trade(state=state)
    assert Book(trades=(trade,)).live_trades == ((trade,) if is_live else ())


def test_a_trade_is_found_by_its_id_and_an_order_by_its_tag() -> None:
    trades = tuple(make_trade(trade_id=name) for name in ("T1", "T2"))
    orders = (make_order("a"), make_order("b", OrderState.FILLED, filled=75))
    book = Book(trades=trades, orders=orders)
    assert book.trade("T2") is trades[1]
    assert (book.order("b"), book.order("c")) == (orders[1], None)
    assert book.live_orders == (orders[0],)
    with pytest.raises(KeyError, match="T9"):
        book.trade("T9")
