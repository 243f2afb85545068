"""Words of orders at the simulator's exchange: they follow the table whatever is asked, and books add up."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.fakes import NIFTY, shipped_rules
from tests.simulator.upstox_server.desk import CALL, FAR_CALL, PUT, START, shot
from volguard.model.instrument import OptionContract, Side
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.exchange_orders import FINAL, TRANSITIONS, Change, OrderType, Ticket, Word

CAPITAL = Decimal(1_000_000)
Action = tuple[str, OptionContract, Side, int, int, int]
ACTION = st.tuples(
    st.sampled_from(["place", "cancel", "modify", "late"]),
    st.sampled_from([CALL, PUT, FAR_CALL]),
    st.sampled_from(list(Side)),
    st.integers(-6, 6),
    st.integers(1, 4),
    st.integers(0, 20),
)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def price_of(exchange: Exchange, contract: OptionContract, side: Side, ticks: int) -> Decimal:
    touch = exchange.touch(contract)
    best = touch.price_for(side) if touch is not None else None
    assert best is not None
    return max(best + side.sign * ticks * Decimal("0.05"), Decimal("0.05"))


def run(actions: list[Action]) -> Exchange:
    """A session of requests three seconds apart, each followed by a snapshot, up to the close."""
    exchange = Exchange(
        rules=shipped_rules(),
        underlying=NIFTY,
        trading_date=START.date(),
        settings=ExchangeSettings(),
        capital_inr=CAPITAL,
    )
    exchange.look(shot())
    for n, (what, contract, side, ticks, lots, which) in enumerate(actions):
        now, orders = later(3 * n + 1), list(exchange.orders.values())
        if what == "place" or not orders:
            price = price_of(exchange, contract, side, ticks)
            exchange.place(Ticket(contract=contract, side=side, quantity=65 * lots, limit_price=price), now)
        elif what == "modify":
            exchange.modify(orders[which % len(orders)], Change(quantity=65 * lots), now)
        else:
            exchange.cancel(orders[which % len(orders)], now, fills_first=what == "late")
        exchange.look(shot(3 * n + 3, size=130))
    exchange.close(START.replace(hour=15, minute=45))
    return exchange


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.lists(ACTION, max_size=12))
def test_words_follow_the_table_and_books_add_up(actions: list[Action]) -> None:
    """Cash is conserved to the last digit, positions are the sum of fills, words follow the table."""
    exchange = run(actions)
    paid = sum((t.cash_inr - t.charges_inr for t in exchange.trades), Decimal(0))
    assert exchange.account.cash_inr == CAPITAL + paid
    held: dict[OptionContract, int] = {}
    for trade in exchange.trades:
        ticket = trade.order.ticket
        held[ticket.contract] = held.get(ticket.contract, 0) + ticket.side.sign * trade.quantity
    assert exchange.account.units == {contract: units for contract, units in held.items() if units}
    for order in exchange.orders.values():
        words = [image.word for image in order.images]
        assert words[0] is Word.RECEIVED and words[-1] in FINAL
        assert all(after in TRANSITIONS[before] for before, after in pairwise(words))
        assert order.filled_quantity == sum(t.quantity for t in exchange.trades if t.order is order)
        assert order.filled_quantity <= order.quantity


def test_nothing_follows_a_final_word_and_something_every_other() -> None:
    """The table ends at the final words, and only there."""
    assert set(Word) - set(TRANSITIONS) == FINAL
    assert all(TRANSITIONS.values())


@pytest.mark.parametrize(
    ("order_type", "is_unpriced", "has_trigger"),
    [
        (OrderType.LIMIT, False, False),
        (OrderType.MARKET, True, False),
        (OrderType.SL, False, True),
        (OrderType.SL_M, True, True),
    ],
)
def test_order_types(order_type: OrderType, is_unpriced: bool, has_trigger: bool) -> None:
    """A type tells whether an order has a limit of its own and whether it sleeps."""
    assert (order_type.is_unpriced, order_type.has_trigger) == (is_unpriced, has_trigger)
