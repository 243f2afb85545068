"""What the simulator's exchange refuses an order for."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes import NIFTY, shipped_rules
from tests.simulator.upstox_server.desk import CALL, PUT, START, shot
from volguard.model.instrument import Side
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.exchange_orders import SimOrder, Ticket, Word


def make(capital: int = 1_000_000) -> Exchange:
    made = Exchange(
        rules=shipped_rules(),
        underlying=NIFTY,
        trading_date=START.date(),
        settings=ExchangeSettings(),
        capital_inr=Decimal(capital),
    )
    made.look(shot())
    return made


def sent(exchange: Exchange, side: Side, quantity: int, price: Decimal | None = None) -> SimOrder:
    touch = exchange.touch(CALL)
    best = touch.price_for(side) if touch is not None else None
    assert best is not None
    wanted = Ticket(contract=CALL, side=side, quantity=quantity, limit_price=best if price is None else price)
    order = exchange.place(wanted, START + timedelta(seconds=1))
    exchange.step(START + timedelta(seconds=2))
    return order


@pytest.mark.parametrize(
    ("quantity", "price", "said"),
    [
        (64, None, "16419"),
        (65 * 1000, None, "17182"),
        (65, Decimal("100.01"), "16283"),
        (65, Decimal("-1"), "16283"),
        (65, Decimal("9000"), "17070"),
    ],
)
def test_an_order_outside_the_contract_is_rejected(quantity: int, price: Decimal | None, said: str) -> None:
    """Lot, freeze quantity, tick and band are the exchange's: it rejects with its own number."""
    order = sent(make(), Side.BUY, quantity, price)
    assert order.word is Word.REJECTED and order.message.startswith(said)


@pytest.mark.parametrize("side", list(Side))
def test_an_order_without_the_money_is_rejected(side: Side) -> None:
    """A buy needs its premium, a sell its margin: without it the broker refuses and says what is missing."""
    order = sent(make(capital=100), side, 65)
    assert order.word is Word.REJECTED and "You need to add Rs." in order.message


def test_an_order_that_only_closes_needs_no_money() -> None:
    """What is held can be sold with an empty account."""
    exchange = make(capital=100)
    exchange.trade_outside(CALL, Side.BUY, 65, Decimal(100), START)
    assert exchange.account.cash_inr < 0
    assert sent(exchange, Side.SELL, 65).word is Word.OPEN


def test_closing_the_same_units_twice_needs_the_money() -> None:
    """Only the first of two orders that would close the same units is free: the second sells short."""
    exchange = make(capital=100)
    exchange.trade_outside(CALL, Side.BUY, 65, Decimal(100), START)
    assert sent(exchange, Side.SELL, 65).word is Word.OPEN
    again = Ticket(contract=CALL, side=Side.SELL, quantity=65, limit_price=Decimal(200))
    second = exchange.place(again, START + timedelta(seconds=3))
    exchange.step(START + timedelta(seconds=4))
    assert second.word is Word.REJECTED


def test_a_working_buy_promises_its_premium() -> None:
    """Rupees of an order that waits are not there for the next one."""
    exchange = make()
    order = sent(exchange, Side.BUY, 65)
    assert exchange.money.promised_inr == 65 * order.limit_price
    assert exchange.money.available_inr == exchange.money.cash_inr - exchange.money.used_inr


def test_every_order_is_rejected_while_orders_are_closed() -> None:
    """An account closed to orders refuses all of them with its reason."""
    exchange = make()
    exchange.closed_to_orders = "the segment is off"
    assert sent(exchange, Side.BUY, 65).message == "the segment is off"


def test_a_band_is_on_the_tick_and_around_the_touch() -> None:
    """The execution range holds the touch, and both its ends are prices."""
    exchange = make()
    band, touch = exchange.checks.band_of(PUT), exchange.touch(PUT)
    assert band is not None and touch is not None and touch.bid is not None and touch.ask is not None
    assert band[0] < touch.bid < touch.ask < band[1]
    assert all(price % exchange.checks.tick == 0 for price in band)
