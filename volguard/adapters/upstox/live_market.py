"""What a live session is told at each turn, from frames, REST answers and the state of its ties.

No input or output and no clock of its own: threads hand in what they hear, the session asks for its turn.
Safe for several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.feed_frames import take_frame
from volguard.adapters.upstox.feed_schema import MarketStatus
from volguard.adapters.upstox.kept_socket import SocketNews, SocketState
from volguard.adapters.upstox.quote_board import QuoteBoard, QuoteReport
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.event import Link, LinkChanged
from volguard.model.market import ChainSnapshot, Silence
from volguard.model.units import seconds_between

Told = ChainSnapshot | Silence | LinkChanged
Window = tuple[datetime, datetime]
PROBE_S: Final = 60.0  # a refused token is tried again so seldom: refusals in a row look like an attack
UNFED_NOTE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRules:
    """Trading windows of the day, and the patience of a session in seconds."""

    windows: tuple[Window, ...]
    cadence_s: float
    verify_s: float  # a row that nothing has spoken of for so long is asked for, and no sooner again
    stall_s: float


@dataclass(slots=True, kw_only=True)
class LinkCounts:
    """Trouble of the ties so far."""

    feed_losses: int = 0
    rest_rounds: int = 0
    rest_failures: int = 0


@dataclass(slots=True)
class _Tie:
    # How a link is, and what the session believes of it.
    link: Link
    is_up: bool = True
    told_up: bool = True
    text: str = ""

    def changes(self, now: datetime) -> list[Told]:
        if self.is_up is self.told_up:
            return []
        self.told_up = self.is_up
        return [LinkChanged(ts=now, link=self.link, is_up=self.is_up, text=self.text)]


@dataclass(slots=True)
class _Feed:
    is_open: bool = False
    is_fed: bool = False  # a frame has spoken of our rows since it was last lost
    heard_at: datetime | None = None
    segments: dict[str, MarketStatus | None] = field(default_factory=dict)


class LiveMarket:
    """Snapshots on the grid of the cadence while something new is known; link changes once; silence else."""

    def __init__(
        self,
        rules: LiveRules,
        *,
        first_keys: Sequence[InstrumentKey],
        token_generation: Callable[[], int],
        after: datetime | None = None,
    ) -> None:
        """`first_keys`, the index first, are asked for before there is a board.

        No snapshot is told at or before `after`.
        """
        self._rules = rules
        self._first_keys = tuple(first_keys)
        self._generation = token_generation
        self._lock = Lock()
        self._board: QuoteBoard | None = None
        self._since: datetime | None = None  # the first turn, then the board
        self._feed, self._feed_tie = _Feed(), _Tie(Link.FEED)
        self._token_tie = _Tie(Link.TOKEN)
        self._refusals = self._refusals_when_asked = 0
        self._refused_generation = token_generation()
        self._asked_at: datetime | None = None
        self._rest_text = ""  # why the last round failed
        self._first_level = 0.0
        self._last_at = after
        self._last_snapshot_at = after
        self._last_slot: tuple[datetime, int] | None = None
        self._notes: list[str] = []
        self._bad_frames_noted = 0
        self._unfed_noted = self._back_noted = False
        self.counts = LinkCounts()

    # --- what threads hand in -----------------------------------------------------------------------

    def open_board(self, board: QuoteBoard, now: datetime) -> None:
        """The contracts are chosen: from here on there is something to show."""
        with self._lock:
            self._board, self._since = board, now

    def on_frame(self, message: str | bytes, now: datetime) -> bool:
        """A message of the feed; whether it is a sign of life. Text is none: frames are binary."""
        with self._lock:
            if self._board is None:
                return False
            if isinstance(message, str):
                self._board.counts.bad_frames += 1
                return False
            seen = take_frame(self._board, message, now)
            if seen is None:
                return False
            self._feed.segments.update(seen.segments)
            if seen.rows:
                self._feed.is_fed, self._feed.heard_at = True, now
            return True

    def on_news(self, news: SocketNews) -> None:
        """The feed's socket opened, was lost, rests, or had its token refused."""
        with self._lock:
            if news.state is SocketState.OPEN:
                self._feed.is_open, self._feed.is_fed = True, False
                return
            if news.state is SocketState.REFUSED:
                self._refuse_token(news.text)
            if news.state in (SocketState.LOST, SocketState.REFUSED):
                self.counts.feed_losses += 1
            self._feed.is_open = False
            self._feed_down(news.text)

    def on_quotes(self, reports: Iterable[QuoteReport], now: datetime) -> None:
        """REST has answered: its quotes join the board, and the token is proven good."""
        with self._lock:
            self._rest_text = ""
            if self._refusals == self._refusals_when_asked:
                self._token_tie.is_up, self._token_tie.text = True, "the token is taken again"
            if self._board is not None:
                self._board.confirm(reports, now)
            else:
                self._first_level = next((r.ltp for r in reports if r.key == self._first_keys[0]), 0.0)
                if not self._first_level > 0.0:
                    self._notes.append(f"the quote of {self._first_keys[0]} had no last price")

    def on_failure(self, failure: ApiFailure) -> None:
        """REST has not answered as hoped; a refused token is told of, anything else is silence."""
        with self._lock:
            self.counts.rest_failures += 1
            if not self._rest_text:
                self._notes.append(f"quotes by REST: {failure.message}")
            self._rest_text = failure.message
            if failure.error_class is ErrorClass.AUTH:
                self._refuse_token(failure.message)

    # --- what the session asks ----------------------------------------------------------------------

    def is_over(self, now: datetime) -> bool:
        """Whether the last window of the day has closed."""
        return now >= self._rules.windows[-1][1]

    def is_open(self, now: datetime) -> bool:
        """Whether the market trades."""
        return self._window(now) is not None

    def seconds_to_slot(self, now: datetime) -> float:
        """Seconds to the next moment at which a snapshot may fall due."""
        window = self._window(now)
        if window is None:
            opens = (seconds_between(now, opening) for opening, _ in self._rules.windows)
            return min((wait_s for wait_s in opens if wait_s > 0.0), default=self._rules.cadence_s)
        return self._rules.cadence_s - seconds_between(window[0], now) % self._rules.cadence_s

    def wanted(self, now: datetime) -> tuple[InstrumentKey, ...]:
        """Keys to ask REST for now, () for none; asking counts as one round, at most one per `verify_s`."""
        with self._lock:
            pause_s = self._rules.verify_s
            if not self._token_tie.is_up and self._generation() == self._refused_generation:
                pause_s = max(pause_s, PROBE_S)
            if self._asked_at is not None and seconds_between(self._asked_at, now) < pause_s:
                return ()
            keys = self._keys_in_doubt(now)
            if keys:
                self._asked_at, self._refusals_when_asked = now, self._refusals
                self._refused_generation = self._generation()
                self.counts.rest_rounds += 1
            return keys

    def turn(self, now: datetime) -> list[Told]:
        """What to tell the session now, in order; never nothing, and never with a time before the last."""
        with self._lock:
            now = self._never_back(now)
            self._watch(now)
            told = self._changes(now)
            snapshot = self._due(now)
            if snapshot is not None:
                told.append(snapshot)
                self._feed_up()
                told += self._changes(now)
            return told or [Silence(ts=now)]

    @property
    def level(self) -> float | None:
        """The index as last heard, None while it is not known."""
        with self._lock:
            row = None if self._board is None else self._board.by_key[self._first_keys[0]]
            level = self._first_level if row is None else row.ltp
            return level if 0.0 < level < float("inf") else None

    @property
    def segments(self) -> dict[str, MarketStatus | None]:
        """What the exchange's segments were last said to be; None: a word not known."""
        with self._lock:
            return dict(self._feed.segments)

    def drain_notes(self) -> list[str]:
        """What the operator should read, each once."""
        with self._lock:
            notes, self._notes = self._notes, []
            return notes

    # --- under the lock -----------------------------------------------------------------------------

    # A clock that is set back stops the session's time: nothing is looked at until it has caught up.
    def _never_back(self, now: datetime) -> datetime:
        last = self._last_at or now
        back_s = seconds_between(now, last)
        if back_s > self._rules.cadence_s and not self._back_noted:
            self._notes.append(
                f"the clock went back by {back_s:.0f} s: the market is not looked at before {last:%H:%M:%S}"
            )
        self._back_noted = back_s > self._rules.cadence_s
        self._last_at = max(now, last)
        return self._last_at

    def _changes(self, now: datetime) -> list[Told]:
        return [*self._token_tie.changes(now), *self._feed_tie.changes(now)]

    def _refuse_token(self, text: str) -> None:
        self._refusals += 1
        self._token_tie.is_up, self._token_tie.text = False, text

    def _feed_down(self, text: str) -> None:
        self._feed_tie.is_up, self._feed_tie.text = False, text
        self._feed.is_fed = False

    # Only after a snapshot that holds what the frames said.
    def _feed_up(self) -> None:
        if self._feed.is_open and self._feed.is_fed and not self._feed_tie.is_up:
            self._feed_tie.is_up, self._feed_tie.text = True, "frames come again"

    def _window(self, now: datetime) -> Window | None:
        return next((window for window in self._rules.windows if window[0] <= now < window[1]), None)

    # Before there is a board, and while the token is doubted, index and VIX do. Without a feed, every row is
    # asked for each time.
    def _keys_in_doubt(self, now: datetime) -> tuple[InstrumentKey, ...]:
        if self._board is None:
            return self._first_keys
        for_s = self._rules.verify_s if self._feed_tie.is_up else 0.0
        keys = self._board.unspoken_of(now, for_s=for_s) if self._window(now) else ()
        return keys or (() if self._token_tie.is_up else self._first_keys)

    # Whatever the socket's own thread believes: a feed that says nothing in market hours is down.
    def _watch(self, now: datetime) -> None:
        self._since = self._since or now
        window = self._window(now)
        if window is None:
            return
        silent_s = seconds_between(max(window[0], self._since, self._feed.heard_at or self._since), now)
        if silent_s > self._rules.stall_s and self._feed_tie.is_up:
            self._feed_down(f"no frame for {silent_s:.0f} s, limit {self._rules.stall_s:g} s")
        if self._board is not None:
            self._note_bad_frames(self._board)
            if not self._unfed_noted and seconds_between(max(window[0], self._since), now) > UNFED_NOTE_S:
                self._unfed_noted = True
                self._note_unfed(self._board)

    def _note_bad_frames(self, board: QuoteBoard) -> None:
        if board.counts.bad_frames > self._bad_frames_noted:
            self._bad_frames_noted = board.counts.bad_frames
            self._notes.append(f"the feed sent frames that cannot be read: {self._bad_frames_noted} so far")

    def _note_unfed(self, board: QuoteBoard) -> None:
        unfed = board.never_fed()
        if unfed and self._feed.is_fed:
            self._notes.append(
                f"the feed has never spoken of {len(unfed)} of {len(board.keys)} instruments: "
                "they are asked for by REST"
            )

    def _due(self, now: datetime) -> ChainSnapshot | None:
        window, board = self._window(now), self._board
        if window is None or board is None or not board.has_news or not self._is_settled(board, now):
            return None
        slot = (window[0], int(seconds_between(window[0], now) // self._rules.cadence_s))
        if slot == self._last_slot or (self._last_snapshot_at is not None and now <= self._last_snapshot_at):
            return None
        self._last_slot, self._last_snapshot_at = slot, now
        return board.snapshot(now)

    # The first look waits for all rows, though no longer than a cadence: a subscription's answer may come in
    # several frames.
    def _is_settled(self, board: QuoteBoard, now: datetime) -> bool:
        if self._last_slot is not None or self._since is None:
            return True
        is_late = seconds_between(self._since, now) >= self._rules.cadence_s
        return is_late or not board.unspoken_of(now, for_s=float("inf"))
