"""When which book is read, so that no order of ours stays a guess: the order book, a lost tag, new trades."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import RLock
from typing import Final, TypeVar

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.order_tracks import OrderTracks, Track
from volguard.model.broker import BrokerOrder, ErrorClass
from volguard.model.errors import InvariantBroken

LOST_PACE_MAX_S: Final = 60.0
ONE_ANSWER: Final = (ErrorClass.REJECT, ErrorClass.UNKNOWN)  # bad in itself: the next question may go well

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds of event time between two reads of the same thing, and the longest wait for the rate budget.

    `poll_s` is for the order book without a stream, `streamed_poll_s` with one: a stream may skip what it
    likes. `lost_s` is between the first two looks for an order of unknown outcome, doubled each time. Bursts
    of orders wait up to `write_patience_s`; an order that would have to wait longer is not sent.
    """

    poll_s: float = 1.0
    streamed_poll_s: float = 10.0
    lost_s: float = 2.0
    write_patience_s: float = 2.0


class OrderReader:
    """Reads what must be read, and no more; a failed read is tried again at its next turn."""

    def __init__(
        self,
        reads: AccountReads,
        tracks: OrderTracks,
        *,
        lock: RLock,
        now: Callable[[], datetime],
        pace: Pace,
        has_stream: Callable[[], bool],
    ) -> None:
        self._reads = reads
        self._tracks = tracks
        self._lock = lock
        self._time_of = now
        self._pace = pace
        self._has_stream = has_stream
        self._must_read = False
        self._asked: list[str] = []
        self._book_at: datetime | None = None
        self._lost_at: dict[str, datetime] = {}
        self._lost_reads: dict[str, int] = {}
        self._trades_at: dict[str, datetime] = {}
        self.failures = 0
        self.last_failure = ""

    def refresh(self) -> None:
        """Read the book at the next turn, whatever its pace."""
        self._must_read = True

    def seek(self, tag: str) -> None:
        """Look for a tag at the next turn, and say what was found, or that there is none."""
        with self._lock:
            if tag not in self._asked:
                self._asked.append(tag)

    def is_due(self, until: datetime) -> bool:
        """Whether there is anything to read now."""
        with self._lock:
            return (
                bool(self._asked)
                or self._book_is_due(until)
                or bool(self._lost(until))
                or bool(self._untold(until))
            )

    def read(self, until: datetime, *, forced: bool = False) -> None:
        """Everything that is due; all that is open when `forced`. Never raises for a failed read."""
        try:
            self._read_orders(until, forced)
            self._read_trades(until, forced)
        except ApiFailure as failure:
            self._note(failure)  # the broker is away: nothing else will be answered either

    # --- what is due ------------------------------------------------------------------------------

    def _book_is_due(self, until: datetime) -> bool:
        sent_at = [track.sent_at for track in self._tracks if not track.is_over]
        if not sent_at:
            return False
        if self._must_read:
            return True
        if not self._has_stream():
            return _has_passed(self._book_at, self._pace.poll_s, until)
        last = self._book_at or min(sent_at)
        return _has_passed(last, self._pace.streamed_poll_s, until)

    def _lost(self, until: datetime, *, forced: bool = False) -> list[Track]:
        return [
            track
            for track in self._tracks
            if track.is_lost and (forced or self._is_turn(self._lost_at, track, self._lost_s(track), until))
        ]

    def _lost_s(self, track: Track) -> float:
        tries = self._lost_reads.get(track.request.tag, 1)
        return min(self._pace.lost_s * 2.0 ** (tries - 1), LOST_PACE_MAX_S)

    def _untold(self, until: datetime, *, forced: bool = False) -> list[Track]:
        return [
            track
            for track in self._tracks
            if track.untold_ids
            and (forced or self._is_turn(self._trades_at, track, self._pace.poll_s, until))
        ]

    def _is_turn(self, last: dict[str, datetime], track: Track, pace_s: float, until: datetime) -> bool:
        return _has_passed(last.get(track.request.tag), pace_s, until)

    # --- reading ----------------------------------------------------------------------------------

    def _read_orders(self, until: datetime, forced: bool) -> None:
        with self._lock:
            asked, self._asked = self._asked, []
            has_live = any(not track.is_over for track in self._tracks)
            is_due = bool(asked) or self._book_is_due(until) or (forced and has_live)
        book = self._read_book(until) if is_due else None
        with self._lock:
            lost = [track.request.tag for track in self._lost(until, forced=forced)]
            others = [track.request.tag for track in self._tracks if not track.is_over]
        for tag in dict.fromkeys((*asked, *lost)):
            self._lost_at[tag], self._lost_reads[tag] = until, self._lost_reads.get(tag, 0) + 1
            self._look_for(tag, book, is_asked=tag in asked)
        # A book that cannot be read, for one row of another channel: ours alone are asked for instead.
        for tag in others if is_due and book is None else ():
            self._see(self._of_tag(tag) or ())

    def _read_book(self, until: datetime) -> tuple[BrokerOrder, ...] | None:
        self._book_at, self._must_read = until, False
        book = self._ask(self._reads.orders)
        self._see(book or ())
        return book

    def _look_for(self, tag: str, book: tuple[BrokerOrder, ...] | None, *, is_asked: bool) -> None:
        # By tag and in the book: absent only when somebody asked, and both were read and lack it.
        found = self._of_tag(tag)
        self._see(found or ())
        if not is_asked or found is None or book is None:
            return
        with self._lock:
            track, now = self._tracks.get(tag), self._time_of()
            if track is not None and track.order_ids:
                self._tracks.stands(tag, now)
            elif not found and all(image.tag != tag for image in book):
                self._tracks.absent(tag, now)

    def _of_tag(self, tag: str) -> tuple[BrokerOrder, ...] | None:
        return self._ask(partial(self._reads.orders_of_tag, tag))

    def _read_trades(self, until: datetime, forced: bool) -> None:
        with self._lock:
            untold = [(track, track.untold_ids) for track in self._untold(until, forced=forced)]
        for track, order_ids in untold:
            self._trades_at[track.request.tag] = until
            for order_id in order_ids:
                trades = self._ask(partial(self._reads.trades_of, order_id))
                with self._lock:
                    self._tracks.traded(track, trades or (), self._time_of())

    def _see(self, images: Iterable[BrokerOrder]) -> None:
        with self._lock:
            for image in images:
                self._tracks.saw(image, self._time_of())

    def _ask(self, question: Callable[[], AnswerT]) -> AnswerT | None:
        try:
            return question()
        except ApiFailure as failure:
            if failure.error_class not in ONE_ANSWER:
                raise
            self._note(failure)
        except InvariantBroken as error:
            self._note(error)
        return None

    def _note(self, error: ApiFailure | InvariantBroken) -> None:
        self.failures += 1
        self.last_failure = error.message


def _has_passed(last: datetime | None, pace_s: float, until: datetime) -> bool:
    return last is None or until - last >= timedelta(seconds=pace_s)
