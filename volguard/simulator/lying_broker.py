"""A broker in this process that lies: the simulator's exchange behind a line that loses, doubles and delays.

The exchange itself is honest: it keeps the truth that a session is judged by. What is lost on the stream is
told when the broker's books are next read, every `POLL_S` of event time, or by a query.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from volguard.model.decision import Approved
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.market import ChainSnapshot
from volguard.model.order import Order, OrderState
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_book import OrderChanged
from volguard.simulator.exchange_orders import Change, SimOrder, SimTrade, Ticket, Word
from volguard.simulator.lies import Liar, Lie

Answer = OrderUpdated | OrderFilled | OrderAbsent

POLL_S: Final = 20.0  # between readings of the broker's books besides the stream
TIMEOUT_S: Final = 7.0  # how long a lost reply is waited for
REPLY_S: Final = 0.25
STALE_S: Final = 4.0  # a book may be so much older than an order: less than two readings are apart
NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)  # until an answer is put on the line
STATES: Final = {
    Word.OPEN: OrderState.OPEN,
    Word.MODIFIED: OrderState.OPEN,
    Word.NOT_MODIFIED: OrderState.OPEN,
    Word.NOT_CANCELLED: OrderState.OPEN,
    Word.COMPLETE: OrderState.FILLED,
    Word.REJECTED: OrderState.REJECTED,
    Word.CANCELLED: OrderState.CANCELLED,
    Word.AMO_CANCELLED: OrderState.CANCELLED,
}


class LyingBroker:
    """Implements runner.Exchange over an honest exchange and a lying line."""

    def __init__(self, exchange: Exchange, liar: Liar) -> None:
        self.exchange = exchange
        self._liar = liar
        self._order_ids: dict[str, str] = {}
        self._used: set[tuple[str, int]] = set()
        self._arrivals: list[tuple[datetime, int, Approved]] = []
        self._answers: list[tuple[datetime, int, Answer]] = []
        self._count = 0
        self._said: dict[str, tuple[OrderState, int]] = {}  # what the line last carried of each order
        self._heard_trades: set[str] = set()
        self._polled_at: datetime | None = None
        self._last_at: datetime | None = None

    # --- what the engine asks for -----------------------------------------------------------------

    def place(self, approved: Approved) -> None:
        """Send one order, or what becomes of one."""
        request, at = approved.request, approved.approved_at
        use = (request.tag, approved.review_sequence)
        if use in self._used or at > approved.valid_until:
            self._answer(at, _word(request.tag, OrderState.REJECTED, 0, reason="this approval is void"))
            return
        self._used.add(use)
        if self._liar.tells(Lie.REQUEST_LOST, at, request.tag):
            self._unknown(at + timedelta(seconds=TIMEOUT_S), request.tag)
        elif self._liar.tells(Lie.ARRIVES_LATE, at, request.tag):
            self._unknown(at + timedelta(seconds=TIMEOUT_S), request.tag)
            late_s = self._liar.seconds(Lie.ARRIVES_LATE, 3.0, 40.0)
            self._count += 1
            heapq.heappush(self._arrivals, (at + timedelta(seconds=late_s), self._count, approved))
        elif self._liar.tells(Lie.REJECTED, at, request.tag):
            self._refuse(at, request.tag, "margin exceeds: Rs. 1 more are needed")
        elif self._liar.tells(Lie.RATE_LIMITED, at, request.tag):
            self._refuse(at, request.tag, "UDAPI10005 too many requests")
        else:
            self._arrive(approved, at)
            if self._liar.tells(Lie.REPLY_LOST, at, request.tag):
                self._unknown(at + timedelta(seconds=TIMEOUT_S), request.tag)

    def modify(self, approved: Approved) -> None:
        """Re-price the order of the same tag, where the request gets through."""
        tag, at = approved.request.tag, approved.approved_at
        order = self._order(tag)
        if order is None or at > approved.valid_until or self._liar.tells(Lie.MODIFY_LOST, at, tag):
            return
        self.exchange.modify(order, Change(limit_price=approved.request.limit_price), at)

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take an order off, where the request gets through and nobody is faster."""
        order = self._order(tag)
        if order is None or self._liar.tells(Lie.CANCEL_LOST, ts, tag):
            return
        self.exchange.cancel(order, ts, fills_first=self._liar.tells(Lie.CANCEL_RACE, ts, tag))

    def query(self, tag: str, ts: datetime) -> None:
        """Read the book for a tag: it may not be readable, or older than the order."""
        at = ts + timedelta(seconds=REPLY_S)
        if self._liar.tells(Lie.QUERY_LOST, ts, tag):
            return
        order = self._order(tag)
        is_young = order is not None and (ts - order.placed_at).total_seconds() < STALE_S
        if order is None or (is_young and self._liar.tells(Lie.BOOK_STALE, ts, tag)):
            self._answer(at, OrderAbsent(ts=at, tag=tag))
        else:
            self._tell_truth(order, at)

    # --- what is heard ----------------------------------------------------------------------------

    def due(self, until: datetime) -> Iterator[Answer]:
        """Answers up to a moment, in the order in which they arrive."""
        while self._arrivals and self._arrivals[0][0] <= until:
            at, _, approved = heapq.heappop(self._arrivals)
            self.exchange.step(at)
            self._arrive(approved, at)
        self.exchange.step(until)
        self._hear()
        self._poll(until)
        while self._answers and self._answers[0][0] <= until:
            answer = heapq.heappop(self._answers)[2]
            self._last_at = answer.ts if self._last_at is None else max(self._last_at, answer.ts)
            yield _at(answer, self._last_at)  # what comes late is heard late

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[Answer]:
        """What a snapshot makes, as far as it is heard at once."""
        self.exchange.look(snapshot)
        yield from self.due(snapshot.ts)

    def close(self, ts: datetime) -> Iterator[Answer]:
        """The day is over: every order ends, and the books are read whole."""
        self._arrivals.clear()
        self.exchange.close(ts)
        self._hear()
        self._read_books(ts)
        while self._answers:
            answer = heapq.heappop(self._answers)[2]
            yield answer if answer.ts <= ts else _at(answer, ts)

    def restore(self, orders: Sequence[Order], fill_ids: Iterable[str], ts: datetime) -> None:
        """A new process on the same account: what was under way to the old one is lost, the books are not."""
        self._answers.clear()
        self._heard_trades = set(fill_ids)
        for order in orders:
            if order.state is OrderState.SENT:
                self._unknown(ts, order.request.tag)
        self._said.clear()
        self._polled_at = None

    def truth_of(self, tag: str) -> SimOrder | None:
        """The order as the exchange has it."""
        return self._order(tag)

    # --- the line ---------------------------------------------------------------------------------

    def _arrive(self, approved: Approved, at: datetime) -> None:
        request = approved.request
        ticket = Ticket(
            contract=request.contract,
            side=request.side,
            quantity=request.quantity,
            limit_price=request.limit_price,
            tag=request.tag,
        )
        self._order_ids[request.tag] = self.exchange.place(ticket, at).order_id

    def _order(self, tag: str) -> SimOrder | None:
        order_id = self._order_ids.get(tag)
        return None if order_id is None else self.exchange.orders[order_id]

    def _hear(self) -> None:
        for happened in self.exchange.drain():
            if not isinstance(happened, OrderChanged) or happened.order.ticket.tag is None:
                continue
            image, tag = happened.image, happened.order.ticket.tag
            if happened.trade is not None:
                self._carry_fill(happened.trade, tag)
            elif image.word in STATES:
                self._carry_word(happened.order, image.word, image.at, image.filled_quantity)

    def _carry_word(self, order: SimOrder, word: Word, at: datetime, filled: int) -> None:
        tag = order.ticket.tag or ""
        if self._liar.tells(Lie.WORD_LOST, at, tag):
            return
        if self._liar.tells(Lie.WORD_LATE, at, tag):
            at += timedelta(seconds=self._liar.seconds(Lie.WORD_LATE, 1.0, 30.0))
        update = _word(tag, STATES[word], filled, order_id=order.order_id, reason=word.value)
        self._answer(at, update)
        if self._liar.tells(Lie.WORD_TWICE, at, tag):
            self._answer(at + timedelta(seconds=self._liar.seconds(Lie.WORD_TWICE, 0.0, 10.0)), update)
        self._said[tag] = (STATES[word], filled)

    def _carry_fill(self, trade: SimTrade, tag: str) -> None:
        at = trade.at
        if self._liar.tells(Lie.FILL_LOST, at, tag):
            return
        if self._liar.tells(Lie.FILL_LATE, at, tag):
            at += timedelta(seconds=self._liar.seconds(Lie.FILL_LATE, 1.0, 30.0))
        self._heard_trades.add(trade.trade_id)
        self._answer(at, _fill(trade, tag))
        if self._liar.tells(Lie.FILL_TWICE, at, tag):
            self._answer(
                at + timedelta(seconds=self._liar.seconds(Lie.FILL_TWICE, 0.0, 10.0)), _fill(trade, tag)
            )

    def _poll(self, until: datetime) -> None:
        if self._polled_at is None or (until - self._polled_at).total_seconds() >= POLL_S:
            self._polled_at = until
            self._read_books(until)

    def _read_books(self, at: datetime) -> None:
        for order_id in self._order_ids.values():
            order = self.exchange.orders[order_id]
            tag = order.ticket.tag or ""
            state = STATES.get(order.word)
            if state is not None and self._said.get(tag) != (state, order.filled_quantity):
                self._tell_truth(order, at)
            else:
                self._tell_trades(order, at)

    def _tell_truth(self, order: SimOrder, at: datetime) -> None:
        tag, state = order.ticket.tag or "", STATES.get(order.word, OrderState.OPEN)
        if order.word.is_in_flight:
            state = OrderState.OPEN
        self._tell_trades(order, at)
        self._said[tag] = (state, order.filled_quantity)
        reason = order.word.value
        self._answer(at, _word(tag, state, order.filled_quantity, order_id=order.order_id, reason=reason))

    def _tell_trades(self, order: SimOrder, at: datetime) -> None:
        for trade in self.exchange.trades:
            if trade.order is order and trade.trade_id not in self._heard_trades:
                self._heard_trades.add(trade.trade_id)
                self._answer(at, _fill(trade, order.ticket.tag or ""))

    def _unknown(self, at: datetime, tag: str) -> None:
        self._answer(at, _word(tag, OrderState.UNKNOWN, 0, reason="no answer in time"))

    def _refuse(self, at: datetime, tag: str, reason: str) -> None:
        self._answer(at + timedelta(seconds=REPLY_S), _word(tag, OrderState.REJECTED, 0, reason=reason))

    def _answer(self, at: datetime, answer: Answer) -> None:
        self._count += 1
        heapq.heappush(self._answers, (at, self._count, _at(answer, at)))


def _word(
    tag: str, state: OrderState, filled: int, *, order_id: str | None = None, reason: str = ""
) -> OrderUpdated:
    return OrderUpdated(
        ts=NO_TIME, tag=tag, state=state, filled_quantity=filled, broker_order_id=order_id, reason=reason
    )


def _fill(trade: SimTrade, tag: str) -> OrderFilled:
    return OrderFilled(
        ts=trade.at,
        tag=tag,
        fill_id=trade.trade_id,
        quantity=trade.quantity,
        price=trade.price,
        touch_bid=trade.touch_bid,
        touch_ask=trade.touch_ask,
    )


def _at(answer: Answer, at: datetime) -> Answer:
    return replace(answer, ts=at)
