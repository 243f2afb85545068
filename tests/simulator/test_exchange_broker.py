"""The simulator's exchange as a broker in process: what the contract suite does not ask of every broker."""

from __future__ import annotations

from decimal import Decimal

from tests.fakes import approval, chain
from tests.simulator.exchange_desk import CALL, PUT, QUOTES, at, make_exchange
from volguard.model.event import OrderAbsent, OrderUpdated
from volguard.model.instrument import Side
from volguard.model.order import OrderState
from volguard.runner import Exchange
from volguard.simulator.exchange_broker import SimulatedBroker


def broker(capital: int = 2_000_000) -> SimulatedBroker:
    made = SimulatedBroker(make_exchange(capital=capital), delay_s=0.25)
    list(made.fills_at(chain(at(0), QUOTES)))
    return made


def query(made: Exchange, tag: str, seconds: float) -> OrderUpdated | OrderAbsent:
    made.query(tag, at(seconds))
    (answer,) = made.due(at(seconds + 1))
    assert not hasattr(answer, "fill_id")
    return answer  # type: ignore[return-value]


def test_a_query_says_how_the_order_stands() -> None:
    """Open, filled with its quantity, cancelled; unknown tags are absent."""
    made = broker()
    made.place(approval(at(0), tag="fills", contract=CALL, limit_price="10.00"))
    made.place(approval(at(0), tag="rests", contract=CALL, limit_price="9.00"))
    list(made.due(at(1)))
    list(made.fills_at(chain(at(15), QUOTES)))
    filled, resting = query(made, "fills", 15), query(made, "rests", 17)
    assert isinstance(filled, OrderUpdated) and isinstance(resting, OrderUpdated)
    assert (filled.state, filled.filled_quantity, filled.ts) == (OrderState.FILLED, 65, at(15.25))
    assert (resting.state, resting.filled_quantity) == (OrderState.OPEN, 0)
    assert query(made, "never", 19) == OrderAbsent(ts=at(19.25), tag="never")


def test_a_refused_order_is_rejected_with_the_desks_words() -> None:
    """No money."""
    made = broker(capital=0)
    made.place(approval(at(0), contract=CALL, limit_price="10.00"))
    (word,) = made.due(at(1))
    assert isinstance(word, OrderUpdated) and word.state is OrderState.REJECTED
    assert word.reason.startswith("You need to add Rs. 650.00")


def test_what_another_channel_trades_is_not_told_as_ours() -> None:
    """It moves the account alone."""
    made = broker()
    made.exchange.trade_outside(PUT, Side.SELL, 65, Decimal("8.00"), at(1))
    assert list(made.due(at(2))) == [] == list(made.fills_at(chain(at(15), QUOTES)))
    assert made.exchange.account.units == {PUT: -65}
