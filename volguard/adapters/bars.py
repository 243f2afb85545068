"""Bars of one series as they are stored, and how new ones join those that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Generic, TypeVar

# Half a paisa: sources that publish four decimals and two say the same.
AGREE_WITHIN: Final = 0.005 + 1e-9
PRICES: Final = ("open", "high", "low", "close")

StartT = TypeVar("StartT", date, datetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar(Generic[StartT]):
    """One bar from `start` on; open, high and low None where only the close is known; quantities in units."""

    start: StartT
    open: float | None
    high: float | None
    low: float | None
    close: float
    volume: int = 0
    oi: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict(Generic[StartT]):
    """A bar that is there with other figures than came now."""

    start: StartT
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Generic[StartT]):
    """What a series becomes: `to_write` are the bars to add or to put in the place of others.

    With `conflicts` the old bars are kept; with force they are `replaced` and there are none.
    """

    to_write: tuple[Bar[StartT], ...]
    added: int
    same: int
    replaced: int
    conflicts: tuple[Conflict[StartT], ...]


def join(held: Mapping[StartT, Bar[StartT]], bars: Iterable[Bar[StartT]], *, force: bool) -> Joined[StartT]:
    """Put new bars beside those that are held; the same figures are nothing new, others never slip in."""
    to_write: list[Bar[StartT]] = []
    conflicts: list[Conflict[StartT]] = []
    added = same = replaced = 0
    for bar in bars:
        before = held.get(bar.start)
        text = "" if before is None else _difference(before, bar)
        if before is None:
            added += 1
            to_write.append(bar)
        elif not text:
            same += 1
        elif force:
            replaced += 1
            to_write.append(bar)
        else:
            conflicts.append(Conflict(start=bar.start, text=text))
    return Joined(
        to_write=tuple(to_write),
        added=added,
        same=same,
        replaced=replaced,
        conflicts=tuple(conflicts),
    )


# A side that knows only the close agrees with any range. Volume may be revised for days and is no witness.
def _difference(before: Bar[StartT], now: Bar[StartT]) -> str:
    for name in PRICES:
        old, new = getattr(before, name), getattr(now, name)
        if old is not None and new is not None and abs(old - new) > AGREE_WITHIN:
            return f"{name}: {old} is there, now {new:.2f}"
    return ""
