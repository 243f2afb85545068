"""The account: positions are the sum of executions and cash is conserved, for any sequence of them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.exchange_desk import CALL, PUT, Floor, at, make_exchange
from volguard.model.instrument import OptionContract, Side
from volguard.simulator.exchange_account import Account, Holding, Overnight

MOVES = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 5), st.integers(1, 4000), st.sampled_from((CALL, PUT))),
    max_size=25,
)


@given(moves=MOVES)
def test_cash_is_conserved_and_positions_are_the_sum_of_executions(
    moves: list[tuple[Side, int, int, OptionContract]],
) -> None:
    """Capital plus premiums less charges; profit is made only of what was bought and sold."""
    floor = Floor(make_exchange(capital=1_000_000))
    units: dict[OptionContract, int] = {}
    cash = Decimal(1_000_000)
    for second, (side, lots, ticks, contract) in enumerate(moves):
        price = ticks * Decimal("0.05")
        floor.exchange.trade_outside(contract, side, 65 * lots, price, at(second))
        units[contract] = units.get(contract, 0) + side.sign * 65 * lots
        cash -= side.sign * 65 * lots * price
    account = floor.exchange.account
    charges = sum((trade.charges_inr for trade in floor.exchange.trades), Decimal(0))
    assert account.cash_inr == cash - charges and charges >= 0
    assert account.units == {contract: count for contract, count in units.items() if count}
    for holding in account.holdings:
        made = holding.sell_value - holding.buy_value
        if not holding.quantity:
            assert abs(holding.realised - made) < Decimal("1e-9")


def test_the_average_is_that_of_the_side_held() -> None:
    """Bought at 10 and 12, one of three sold at 20: the average paid stays, the sale is realised."""
    holding = Holding(contract=CALL, product="D")
    assert holding.average_price is None and holding.realised == 0
    for side, quantity, price in (("BUY", 65, "10"), ("BUY", 130, "13"), ("SELL", 65, "20")):
        holding.take(Side(side), quantity, Decimal(price))
    assert (holding.quantity, holding.average_price, holding.realised) == (130, Decimal(12), 65 * Decimal(8))
    holding.take(Side.SELL, 195, Decimal(20))
    assert (holding.quantity, holding.average_price) == (-65, Decimal(20))


def test_a_carried_position_counts_at_the_price_it_is_carried_at() -> None:
    """In values and averages, not in cash; one that is short too."""
    carried = (
        Overnight(contract=CALL, quantity=65, price=Decimal("5.00")),
        Overnight(contract=PUT, quantity=-65, price=Decimal("7.00")),
    )
    account = Account(capital_inr=Decimal(100), overnight=carried)
    long, short = account.holdings
    assert account.units == {CALL: 65, PUT: -65} and account.cash_inr == 100
    assert (long.average_price, long.buy_value, long.sell_value) == (Decimal(5), Decimal(325), Decimal(0))
    assert (short.average_price, short.sell_value, short.day_sell_value) == (
        Decimal(7),
        Decimal(455),
        Decimal(0),
    )
    assert list(account.open_holdings()) == [long, short]
