"""Every seam of volguard on one page. Bodies live in adapters/ and simulator/, fakes in tests/."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from volguard.model.decision import Approved
from volguard.model.event import Effect, Event, LinkChanged, Record
from volguard.model.market import ChainSnapshot, DailyBar, Silence, SourceInfo
from volguard.model.status import StatusView


class Clock(Protocol):
    """Tells wall-clock time, and waits; only `adapters/clock.py` asks the machine."""

    def now(self) -> datetime:
        """Now, timezone-aware, IST."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; returns early when the process is asked to stop."""
        ...

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back, for durations."""
        ...


class MarketData(Protocol):
    """One session's market, in time order."""

    @property
    def info(self) -> SourceInfo:
        """What the source is, and what it can give at all."""
        ...

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        """Snapshots strictly later than `after` (None: from the first). Raises DataError on a bad file.

        A live source also says that nothing came, and that a tie to the outside broke or holds again; a
        recorded or made-up one gives snapshots alone.
        """
        ...


class History(Protocol):
    """Daily bars known before a trading date."""

    @property
    def origin(self) -> str:
        """Where the bars come from, for the journal."""
        ...

    def daily(self, name: str, before: date) -> tuple[DailyBar, ...]:
        """Bars of `name` (an underlying, or INDIA_VIX) dated strictly before `before`; () when none."""
        ...


class Broker(Protocol):
    """Takes approved orders; every answer comes back as an event."""

    def place(self, approved: Approved) -> None:
        """Send one order."""
        ...

    def modify(self, approved: Approved) -> None:
        """Re-price the resting order of the same tag."""
        ...

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take an order off the exchange."""
        ...

    def query(self, tag: str, ts: datetime) -> None:
        """Read the order book for a tag; the answer is its words and executions, or that it is absent."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One row as stored; `body` is canonical JSON text."""

    seq: int
    ts_ist: datetime
    kind: str
    body: str
    hash: str


class Journal(Protocol):
    """Append-only, hash-chained, one writer."""

    def append(self, event: Event) -> int:
        """Stage an event and give its sequence number; nothing is committed yet."""
        ...

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        """Commit the staged event with what it caused, in one transaction; fsync when `durable`."""
        ...

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Store the state compactly, hashed, and anchor the chain's head."""
        ...


class Screen(Protocol):
    """Shows a session to a person."""

    frame_interval_s: float  # seconds between frames that it can use; 0: it wants every step

    def show(self, status: StatusView) -> None:
        """Called after each committed step."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was."""
        ...
