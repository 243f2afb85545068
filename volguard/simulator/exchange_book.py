"""The book of the simulator's exchange: every order, execution and holding, and what happened to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from volguard.nse.charges import Charges
from volguard.simulator.exchange_account import Account, Holding, Overnight
from volguard.simulator.exchange_market import Touch
from volguard.simulator.exchange_orders import Image, SimOrder, SimTrade, Ticket, Word
from volguard.simulator.exchange_promises import Promises


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrderChanged:
    """An order passed to another word, or was filled in part."""

    order: SimOrder
    image: Image
    trade: SimTrade | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HoldingChanged:
    """A holding as an execution left it."""

    at: datetime
    holding: Holding


Happening = OrderChanged | HoldingChanged


class OrderBook:
    """Orders by number, executions, the account; what is above `trade_units_max` comes as several trades."""

    def __init__(
        self,
        *,
        charges: Charges,
        trading_date: date,
        trade_units_max: int | None,
        capital_inr: Decimal,
        overnight: Iterable[Overnight],
    ) -> None:
        self._charges, self._day, self._trade_units_max = charges, trading_date, trade_units_max
        self._happenings: list[Happening] = []
        self.account = Account(capital_inr=capital_inr, overnight=overnight)
        self.orders: dict[str, SimOrder] = {}
        self.trades: list[SimTrade] = []
        self.promises = Promises()  # of orders that were checked and have not ended
        self.resting: dict[str, SimOrder] = {}  # can fill
        self.asleep: dict[str, SimOrder] = {}  # wait for their trigger

    def new_order(self, ticket: Ticket, now: datetime) -> SimOrder:
        """An order with the next number, which no word was said of yet."""
        number = len(self.orders) + 1
        order = SimOrder(
            order_id=f"{now.year % 100:02d}{now.month:02d}{now.day:02d}{number:09d}",
            exchange_order_id=f"13{number:014d}",
            ticket=ticket,
            placed_at=now,
            word=Word.RECEIVED,
            order_type=ticket.order_type,
            validity=ticket.validity,
            limit_price=ticket.limit_price,
            trigger_price=ticket.trigger_price,
            quantity=ticket.quantity,
            disclosed_quantity=ticket.disclosed_quantity,
            protection_percent=ticket.protection_percent,
        )
        self.orders[order.order_id] = order
        return order

    def move(
        self,
        order: SimOrder,
        word: Word,
        at: datetime,
        message: str | None = None,
        *,
        trade: SimTrade | None = None,
    ) -> None:
        """Pass an order to a word. Raises InvariantBroken where it cannot follow."""
        image = order.move(word, at, message)
        if word.is_final:
            self.promises.drop(order)
            for book in (self.resting, self.asleep):
                book.pop(order.order_id, None)
        else:
            self.promises.renew(order)
        self._happenings.append(OrderChanged(order=order, image=image, trade=trade))

    def trade(
        self, order: SimOrder, at: datetime, quantity: int, price: Decimal, touch: Touch | None
    ) -> None:
        """Execute a quantity at a price; `touch` is the quote it was made against, where there was one."""
        most = self._trade_units_max or quantity
        for part in [most] * (quantity // most) + [quantity % most] * bool(quantity % most):
            charges = self._charges.for_fill(
                trade_date=self._day,
                side=order.ticket.side,
                quantity=part,
                price=price,
                first_fill_of_order=order.filled_quantity == 0,
            )
            trade = SimTrade(
                trade_id=str(500_000 + len(self.trades) + 1),
                order=order,
                at=at,
                quantity=part,
                price=price,
                charges_inr=charges.total,
                touch_bid=touch.bid if touch is not None else None,
                touch_ask=touch.ask if touch is not None else None,
            )
            self._book(trade)

    def _book(self, trade: SimTrade) -> None:
        order = trade.order
        order.filled_quantity += trade.quantity
        order.filled_value += trade.quantity * trade.price
        self.trades.append(trade)
        holding = self.account.book(trade)
        self.move(order, order.word if order.open_quantity else Word.COMPLETE, trade.at, trade=trade)
        self._happenings.append(HoldingChanged(at=trade.at, holding=replace(holding)))

    def drain(self) -> list[Happening]:
        """What happened since the last call, in order."""
        happened, self._happenings = self._happenings, []
        return happened
