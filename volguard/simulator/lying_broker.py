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

from volguard.model.broker import BrokerPosition, BrokerView
from volguard.model.decision import Approved
from volguard.model.event import BrokerBookRead, OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.market import ChainSnapshot
from volguard.model.order import Order, OrderState
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_book import OrderChanged
from volguard.simulator.exchange_orders import ZERO, Change, SimOrder, SimTrade, Ticket, Word
from volguard.simulator.exchange_view import book_view
from volguard.simulator.lies import Liar, Lie

Answer = OrderUpdated | OrderFilled | OrderAbsent | BrokerBookRead

POLL_S: Final = 20.0  # between readings of the broker's books besides the stream
TIMEOUT_S: Final = 7.0  # how long a lost reply is waited for
REPLY_S: Final = 0.25
LATE_S: Final = ((3.0, 20.0), (20.0, 150.0))  # while it is sought, and after it was counted as absent
FILL_LATE_S: Final = (*((1.0, 30.0),) * 3, (30.0, 150.0))  # past the next look, now and then
FROZEN_S: Final = 300.0  # how long nothing trades in a contract
OUTSIDE_STEPS: Final = 3
STRIKE_STEP: Final = 100
STALE_S: Final = 4.0  # a book may be so much older than an order: less than two readings are apart
NO_TIME: Final = datetime(1970, 1, 1, tzinfo=UTC)  # until an answer is put on the line
RESTING: Final = (Word.OPEN, Word.MODIFIED, Word.NOT_MODIFIED, Word.NOT_CANCELLED)
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
        self._thaws_at: dict[OptionContract, datetime] = {}
        self._positions: tuple[BrokerPosition, ...] | None = None  # as the last reading had them
        self._truth: ChainSnapshot | None = None  # what the market is, where a snapshot shows it wrong
        self.outside_units: dict[OptionContract, int] = {}
        self.outside_cash_inr = ZERO

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
            least, most = LATE_S[self._liar.pick(Lie.ARRIVES_LATE, len(LATE_S))]
            late_s = self._liar.seconds(Lie.ARRIVES_LATE, least, most)
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

    def read_book(self, ts: datetime) -> None:
        """Read orders, executions and positions: not at all, or with the positions of an earlier reading."""
        at = ts + timedelta(seconds=REPLY_S)
        if self._liar.tells(Lie.BOOK_UNREAD, ts, "books"):
            view = BrokerView(orders=None, trades=None, positions=None, unread="503 from the broker")
            self._answer(at, BrokerBookRead(ts=at, view=view))
            return
        self.exchange.step(ts)
        view = book_view(self.exchange)
        before, self._positions = self._positions, view.positions
        if before is not None and self._liar.tells(Lie.POSITIONS_STALE, ts, "positions"):
            view = replace(view, positions=before)
        self._answer(at, BrokerBookRead(ts=at, view=view))

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
        truth, self._truth = self._truth, None
        self._meddle(snapshot.ts)
        self.exchange.look(snapshot if truth is None else truth)
        yield from self.due(snapshot.ts)

    def show(self, truth: ChainSnapshot, *, is_seen: bool) -> None:
        """What the market is now: other than the session will see it, or without its seeing it at all."""
        if is_seen:
            self._truth = truth
        else:
            self._meddle(truth.ts)
            self.exchange.look(truth)

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

    # --- what happens to the account by itself ----------------------------------------------------

    def _meddle(self, at: datetime) -> None:
        ours = [self.exchange.orders[order_id] for order_id in self._order_ids.values()]
        for order in ours:
            if order.word in RESTING and self._liar.tells(Lie.TAKEN_OFF, at, order.ticket.tag or ""):
                self.exchange.cancel(order, at)
        self._thaws_at = {contract: thaw for contract, thaw in self._thaws_at.items() if thaw > at}
        contracts = sorted({order.ticket.contract for order in ours})
        if contracts and self._liar.tells(Lie.LEG_FROZEN, at, "exchange"):
            # The one that hurts: a short, where one is held.
            units = self.exchange.account.units
            worst = [contract for contract in contracts if units.get(contract, 0) < 0] or contracts
            frozen = worst[self._liar.pick(Lie.LEG_FROZEN, len(worst))]
            self._thaws_at[frozen] = at + timedelta(seconds=FROZEN_S)
        self.exchange.frozen = frozenset(self._thaws_at)
        if contracts and self._liar.tells(Lie.OUTSIDE_TRADE, at, "account"):
            wanted = contracts[self._liar.pick(Lie.OUTSIDE_TRADE, len(contracts))]
            steps = self._liar.pick(Lie.OUTSIDE_TRADE, OUTSIDE_STEPS)  # one of ours, or a strike beside it
            self._trade_outside(replace(wanted, strike=wanted.strike + steps * STRIKE_STEP), at)

    def _trade_outside(self, contract: OptionContract, at: datetime) -> None:
        side = Side.BUY if self._liar.pick(Lie.OUTSIDE_TRADE, 2) else Side.SELL
        touch = self.exchange.touch(contract)
        price = touch.price_for(side) if touch is not None else None
        if price is None:
            return
        lot = self.exchange.checks.lot_size(contract)
        before_inr = self.exchange.account.cash_inr
        self.exchange.trade_outside(contract, side, lot, price, at)
        self.outside_cash_inr += self.exchange.account.cash_inr - before_inr
        self.outside_units[contract] = self.outside_units.get(contract, 0) + side.sign * lot

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
            least, most = FILL_LATE_S[self._liar.pick(Lie.FILL_LATE, len(FILL_LATE_S))]
            at += timedelta(seconds=self._liar.seconds(Lie.FILL_LATE, least, most))
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
