"""Upstox as a broker: each order is sent once, and everything that may have happened is read back.

Words and fills are fetched by `due` in event time. Two sources feed them: the portfolio stream, through
`hear`, and the books by REST, which are read whether it speaks or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial
from threading import Lock, RLock
from typing import Final

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.book_reader import BookReader
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.errands import Errands
from volguard.adapters.upstox.health import BrokerHealth
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.many_orders import Swept, cancel_all, exit_all
from volguard.adapters.upstox.margin_reader import MarginReader
from volguard.adapters.upstox.order_reader import OrderReader, Pace
from volguard.adapters.upstox.order_tracks import OrderTracks, Track
from volguard.adapters.upstox.order_writer import OrderWriter
from volguard.adapters.upstox.wire_orders import OrderRow, order_of
from volguard.adapters.upstox.wire_stream import StreamMessage
from volguard.model.broker import InstrumentKey
from volguard.model.decision import Approved
from volguard.model.errors import DataError
from volguard.model.event import (
    AskMargin,
    BrokerBookRead,
    MarginAnswered,
    OrderAbsent,
    OrderFilled,
    OrderUpdated,
)
from volguard.model.market import ChainSnapshot
from volguard.model.order import Order, OrderState
from volguard.ports import Clock

POLL_S: Final = 1.0
CLOSING_ROUNDS: Final = 5  # looks at the books after the last cancel
CLOSING_WAIT_S: Final = 1.0  # between two of them
NO_KEY: Final = InstrumentKey("")  # of an order that is over: nothing is looked for under it

Answer = OrderUpdated | OrderFilled | OrderAbsent | BrokerBookRead | MarginAnswered


class UpstoxBroker:
    """Implements runner.Exchange over the broker's REST; safe for a stream and a reader in other threads.

    Without a stream the order book is read every `poll_s` of event time while an order lives. `errands` runs
    the reading somewhere else, so that a session's own thread never waits for it; `margin_errands` what the
    margin calculator is asked, so that no reading waits for that; without one it is done at once.
    `has_stream` says whether the portfolio stream is open.
    """

    def __init__(
        self,
        client: UpstoxClient,
        master: InstrumentMaster,
        clock: Clock,
        *,
        poll_s: float = POLL_S,
        errands: Errands | None = None,
        margin_errands: Errands | None = None,
        has_stream: Callable[[], bool] = lambda: False,
    ) -> None:
        pace = Pace(poll_s=poll_s)
        self._client = client
        self._master = master
        self._clock = clock
        self._time_of = clock.now
        self._errands = errands
        self._margin_errands = margin_errands
        self._lock = RLock()
        self._working = Lock()
        self.tracks = OrderTracks()
        self.reads = AccountReads(client, master.contract_of)
        self._books = BookReader(self.reads)
        self._margins = MarginReader(self.reads, master.key_of)
        self._reader = OrderReader(
            self.reads,
            self.tracks,
            lock=self._lock,
            now=self._time_of,
            pace=pace,
            has_stream=has_stream,
        )
        self._writer = OrderWriter(
            client,
            self.tracks,
            self._reader,
            key_of=master.key_of,
            lock=self._lock,
            now=self._time_of,
            pace=pace,
        )

    # --- orders -----------------------------------------------------------------------------------

    def place(self, approved: Approved) -> None:
        """Send one order, once; what came of it is told by `due`."""
        self._writer.place(approved)

    def multi_place(self, approvals: Sequence[Approved]) -> None:
        """Send orders of one side and purpose in few requests. Raises ValueError on a mixture."""
        self._writer.place_many(approvals)

    def modify(self, approved: Approved) -> None:
        """Re-price the resting order of the same tag; one that is gone or lost is left alone."""
        with self._lock:
            track = self.tracks.get(approved.request.tag)
        if track is not None and not track.is_over:
            self._writer.modify(track, approved)

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take an order off; one that is lost as soon as it is found. Asked again until it is gone."""
        with self._lock:
            track = self.tracks.get(tag)
            if track is None or track.is_over:
                return
            track.wants_cancel = True
        self._writer.cancel(track, ts)

    def query(self, tag: str, ts: datetime) -> None:
        """Look for a tag; `due` tells how the order stands, or that a whole reading lacks it."""
        del ts
        self._reader.seek(tag)

    def read_book(self, ts: datetime) -> None:
        """Read orders, executions and positions at the next turn; `due` tells them."""
        del ts
        self._books.ask()

    def ask_margin(self, question: AskMargin) -> None:
        """Ask the margin calculator at the next turn; `due` tells what it says."""
        self._margins.want(question)

    def multi_cancel(self, tag: str | None = None) -> Swept:
        """Have the broker cancel all open orders, or those of a tag. Raises ApiFailure."""
        self.gap()
        return cancel_all(self._client, self.reads, tag=tag)

    def exit_all(self, tag: str | None = None) -> Swept:
        """Have the broker close all positions at market: a last resort. Raises ApiFailure."""
        self.gap()
        return exit_all(self._client, self.reads, tag=tag)

    # --- what became of them ----------------------------------------------------------------------

    def due(self, until: datetime) -> Iterator[Answer]:
        """Words and fills up to a moment, after reading what must be read; a failed read raises nothing."""
        if self._has_work(until):
            if self._errands is None:
                self._work(until)
            elif self._errands.is_free:
                self._errands.run(partial(self._work, until))
        if self._margins.is_due:
            if self._margin_errands is None:
                self._margins.ask()
            elif self._margin_errands.is_free:
                self._margin_errands.run(self._margins.ask)
        yield from self._drain(until)

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[Answer]:
        """What is heard by the time of a snapshot; it makes no fills here, they come from the broker."""
        return self.due(snapshot.ts)

    def close(self, ts: datetime) -> Iterator[Answer]:
        """The session is over: what still rests is cancelled, and its last words are waited for.

        What is lost stays UNKNOWN.
        """
        with self._lock:
            for track in self.tracks:
                track.wants_cancel = track.wants_cancel or not track.is_over
        for look in range(CLOSING_ROUNDS):
            if look:
                self._clock.sleep(CLOSING_WAIT_S)
            self._work(ts, forced=True)
            with self._lock:
                if all(track.is_lost or (track.is_over and not track.untold_ids) for track in self.tracks):
                    break
        yield from self._drain(ts)

    def hear(self, message: StreamMessage | None) -> None:
        """Take a message of the portfolio stream; only those about orders count."""
        if isinstance(message, OrderRow):
            image = order_of(message, self._master.contract_of)
            with self._lock:
                self.tracks.saw(image, self._time_of())

    def gap(self) -> None:
        """Read the book at the next `due`: a stream may have missed something, or begins with no picture."""
        self._reader.refresh()

    def restore(self, orders: Sequence[Order], fill_ids: Collection[str]) -> None:
        """Stand as the book of before a restart says; an order whose answer never came is looked for.

        Raises DataError on a live order in a contract that the instrument file no longer has: it could be
        neither found nor taken off.
        """
        with self._lock:
            for order in orders:
                if _was_sent(order):
                    self._restore(order, fill_ids)

    # --- for those who watch ----------------------------------------------------------------------

    @property
    def health(self) -> BrokerHealth:
        """What the last reads came to."""
        return self._client.health

    @property
    def last_read_failure(self) -> str:
        """Why a read failed last; empty when none ever did."""
        return self._reader.last_failure

    # --- inside -----------------------------------------------------------------------------------

    def _has_work(self, until: datetime) -> bool:
        return self._books.is_due or self._reader.is_due(until) or bool(self._writer.cancels_due(until))

    def _work(self, until: datetime, *, forced: bool = False) -> None:
        with self._working:  # one at a time: a close waits for the errand that runs
            self._reader.read(until, forced=forced)
            for track in self._writer.cancels_due(until, forced=forced):
                self._writer.cancel(track, until)
            self._books.read()

    def _drain(self, until: datetime) -> tuple[Answer, ...]:
        # The books last: what they show was mostly told as a word before.
        with self._lock:
            words = tuple(self.tracks.drain(until))
        books = (BrokerBookRead(ts=until, view=view) for view in self._books.drain())
        return (*words, *books, *self._margins.drain(until))

    def _restore(self, order: Order, fill_ids: Collection[str]) -> None:
        request = order.request
        key = self._master.key_of(request.contract)
        if key is None and order.state.may_fill:
            raise DataError(
                f"order {request.tag} lives in {request.contract.symbol}, which the instrument file lacks",
                hint="fetch today's instrument file again, and look at the broker's own order book",
            )
        was_answered = order.state is not OrderState.SENT
        track = Track(
            request=request,
            key=key or NO_KEY,
            sent_at=order.sent_at,
            told=_told(order.state) if was_answered else None,
            order_ids=[order.broker_order_id] if order.broker_order_id else [],
            trade_ids=set(fill_ids),
            filled_before=order.filled_quantity,
            wants_cancel=order.cancel_requested_at is not None,
        )
        self.tracks.resume(track)
        if not was_answered:
            reason = "the program ended before the broker's answer"
            self.tracks.unknown(request.tag, reason, self._time_of())


def _was_sent(order: Order) -> bool:
    # One that was counted as absent was sent too, and may appear yet.
    was_counted_absent = order.state is OrderState.DENIED and order.absent_reads > 0
    return was_counted_absent or order.state not in (OrderState.PLANNED, OrderState.DENIED)


def _told(state: OrderState) -> OrderState:
    match state:
        case OrderState.PARTIAL | OrderState.FILLED:
            return OrderState.OPEN
        case OrderState.DENIED:
            return OrderState.UNKNOWN
    return state
