"""The simulator's exchange behind the seam of a broker in this process."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from volguard.model.decision import Approved
from volguard.model.event import BrokerBookRead, OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.market import ChainSnapshot
from volguard.model.order import OrderState
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_book import OrderChanged
from volguard.simulator.exchange_orders import Change, SimTrade, Ticket, Word
from volguard.simulator.exchange_view import book_view

# Words that tell the engine something; executions come as fills, the rest is on its way.
STATES: Final = {
    Word.OPEN: OrderState.OPEN,
    Word.TRIGGER_PENDING: OrderState.OPEN,
    Word.REJECTED: OrderState.REJECTED,
    Word.CANCELLED: OrderState.CANCELLED,
    Word.AMO_CANCELLED: OrderState.CANCELLED,
}
FOUND: Final = {**STATES, Word.COMPLETE: OrderState.FILLED}  # what a reading of the book says


class SimulatedBroker:
    """Implements runner.Exchange on the simulator's exchange: our tags outside, its order numbers inside.

    An approval that was used, or would be void when the order is live, is rejected, as at the paper exchange.
    """

    def __init__(self, exchange: Exchange, *, delay_s: float) -> None:
        self.exchange = exchange
        self._delay = timedelta(seconds=delay_s)
        self._order_ids: dict[str, str] = {}
        self._used: set[tuple[str, int]] = set()
        self._words: list[tuple[datetime, int, OrderUpdated | OrderAbsent | BrokerBookRead]] = []
        self._fills: list[OrderFilled] = []
        self._count = 0

    def place(self, approved: Approved) -> None:
        """Send one order."""
        request, refusal = approved.request, self._refusal(approved)
        if refusal:
            self._tell(approved.approved_at + self._delay, request.tag, OrderState.REJECTED, 0, None, refusal)
            return
        ticket = Ticket(
            contract=request.contract,
            side=request.side,
            quantity=request.quantity,
            limit_price=request.limit_price,
            tag=request.tag,
        )
        self._order_ids[request.tag] = self.exchange.place(ticket, approved.approved_at).order_id

    def modify(self, approved: Approved) -> None:
        """Re-price the order of the same tag; one that is gone stays gone."""
        order_id = self._order_ids.get(approved.request.tag)
        if order_id is None or self._refusal(approved):
            return
        change = Change(limit_price=approved.request.limit_price)
        self.exchange.modify(self.exchange.orders[order_id], change, approved.approved_at)

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take an order off; until the exchange has done so it may fill."""
        order_id = self._order_ids.get(tag)
        if order_id is not None:
            self.exchange.cancel(self.exchange.orders[order_id], ts)

    def query(self, tag: str, ts: datetime) -> None:
        """Read the book for a tag; after the delay it is said how the order stood, or that there is none."""
        at, order_id = ts + self._delay, self._order_ids.get(tag)
        if order_id is None:
            self._push(at, OrderAbsent(ts=at, tag=tag))
            return
        order = self.exchange.orders[order_id]
        state = FOUND.get(order.word, OrderState.OPEN)  # on its way, or changing: it lives
        self._tell(at, tag, state, order.filled_quantity, order_id, order.message)

    def read_book(self, ts: datetime) -> None:
        """Read the whole book; after the delay it is told as it stood."""
        at = ts + self._delay
        self._push(at, BrokerBookRead(ts=at, view=book_view(self.exchange)))

    def due(self, until: datetime) -> Iterator[OrderUpdated | OrderAbsent | BrokerBookRead]:
        """Answers up to a moment, oldest first."""
        self.exchange.step(until)
        self._hear()
        while self._words and self._words[0][0] <= until:
            yield heapq.heappop(self._words)[2]

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[OrderFilled]:
        """Executions that a snapshot makes."""
        self.exchange.look(snapshot)
        self._hear()
        fills, self._fills = self._fills, []
        yield from fills

    def close(self, ts: datetime) -> Iterator[OrderUpdated | OrderAbsent | BrokerBookRead]:
        """Ends of all orders at the session's close."""
        self.exchange.close(ts)
        yield from self.due(ts)

    def _hear(self) -> None:
        for happened in self.exchange.drain():
            if not isinstance(happened, OrderChanged):
                continue
            image, tag = happened.image, happened.order.ticket.tag
            state = STATES.get(image.word)
            if tag is None:
                continue  # not ours
            if happened.trade is not None:
                self._fills.append(_fill_of(happened.trade, tag))  # it says more than the word beside it
            elif state is not None:
                order_id = happened.order.order_id
                self._tell(image.at, tag, state, image.filled_quantity, order_id, image.message)

    def _tell(
        self,
        at: datetime,
        tag: str,
        state: OrderState,
        filled: int,
        order_id: str | None,
        reason: str,
    ) -> None:
        update = OrderUpdated(
            ts=at, tag=tag, state=state, filled_quantity=filled, broker_order_id=order_id, reason=reason
        )
        self._push(at, update)

    def _push(self, at: datetime, word: OrderUpdated | OrderAbsent | BrokerBookRead) -> None:
        self._count += 1
        heapq.heappush(self._words, (at, self._count, word))

    def _refusal(self, approved: Approved) -> str:
        use = (approved.request.tag, approved.review_sequence)
        if use in self._used:
            return "this approval was used already"
        self._used.add(use)
        if approved.approved_at + self._delay > approved.valid_until:
            return f"the approval expired at {approved.valid_until.isoformat()}"
        return ""


def _fill_of(trade: SimTrade, tag: str) -> OrderFilled:
    return OrderFilled(
        ts=trade.at,
        tag=tag,
        fill_id=trade.trade_id,
        quantity=trade.quantity,
        price=trade.price,
        touch_bid=trade.touch_bid,
        touch_ask=trade.touch_ask,
    )
