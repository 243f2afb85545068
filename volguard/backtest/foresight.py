"""The same days with another future: whatever was decided before it came must be the same.

Of a daily record the days after a cut are taken away, and the cut day itself goes on otherwise from its first
turn: another second extreme, another close. Of closing prices the days after the cut are taken away alone,
since they are seen when their day is over; of a recorded day the looks after a moment. A decision that
changes although it was made before could not have known what changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from volguard.backtest.daily_path import TURNS, sees_high_first
from volguard.backtest.past_days import DailyRecord
from volguard.backtest.play import PlayedDay
from volguard.model.decision import Decision
from volguard.model.event import LinkChanged
from volguard.model.market import ChainSnapshot, DailyBar, Silence, SourceInfo
from volguard.ports import MarketData

OTHER_CLOSE = 0.03  # of the index, how far the other future goes


@dataclass(frozen=True, slots=True)
class Difference:
    """The first decision that changed on a day; None on a side that made one less, both: of a day before."""

    day: date
    known: Decision | None
    other: Decision | None


def past_of(record: DailyRecord, cut: date) -> DailyRecord:
    """The record up to `cut`, its whole day in it."""
    return replace(
        record,
        index=tuple(bar for bar in record.index if bar.day <= cut),
        vix=tuple(bar for bar in record.vix if bar.day <= cut),
        participants=tuple(one for one in record.participants if one.day <= cut),
    )


def other_future(record: DailyRecord, cut: date) -> DailyRecord:
    """The record up to `cut`, whose day ends elsewhere: its first turn stays, up days become down days."""
    past = past_of(record, cut)
    return replace(
        past,
        index=tuple(_otherwise(bar) if bar.day == cut else bar for bar in past.index),
        vix=tuple(
            replace(bar, close=bar.close * (1.0 + OTHER_CLOSE)) if bar.day == cut else bar for bar in past.vix
        ),
        participants=tuple(
            replace(one, foreign_long=one.foreign_short, foreign_short=one.foreign_long)
            if one.day == cut
            else one
            for one in past.participants
        ),
    )


def first_turn(opens: datetime, closes: datetime) -> datetime:
    """Until when a day with another future looks the same."""
    return opens + TURNS[1] * (closes - opens)


def first_difference(
    known: Mapping[date, str], other: Sequence[PlayedDay], cut: PlayedDay, until: datetime
) -> Difference | None:
    """Of whole days before the cut, by the hash of their decisions, then of the cut day up to a moment."""
    for day in other:
        if day.trading_date < cut.trading_date and known.get(day.trading_date) != day.decisions_hash:
            return Difference(day.trading_date, None, None)
    last = other[-1].decisions if other and other[-1].trading_date == cut.trading_date else ()
    mine, theirs = _until(cut.decisions, until), _until(last, until)
    for place in range(max(len(mine), len(theirs))):
        pair = (_at(mine, place), _at(theirs, place))
        if pair[0] != pair[1]:
            return Difference(cut.trading_date, *pair)
    return None


@dataclass(frozen=True, slots=True)
class CutMarket:
    """A market that ends at a moment."""

    market: MarketData
    until: datetime

    @property
    def info(self) -> SourceInfo:
        """As if it did not."""
        return self.market.info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        """Those up to the moment."""
        for seen in self.market.snapshots(after):
            if seen.ts > self.until:
                return
            yield seen


def _until(decisions: Sequence[Decision], until: datetime) -> tuple[Decision, ...]:
    return tuple(decision for decision in decisions if decision.ts <= until)


def _at(decisions: Sequence[Decision], place: int) -> Decision | None:
    return decisions[place] if place < len(decisions) else None


def _otherwise(bar: DailyBar) -> DailyBar:
    # The second extreme moves away, the first one stays; the close goes to the other side of the open.
    if bar.open is None or bar.high is None or bar.low is None:
        return bar
    low, high = bar.low, bar.high
    if sees_high_first(bar.day):
        low *= 1.0 - OTHER_CLOSE
    else:
        high *= 1.0 + OTHER_CLOSE
    beyond = low if bar.close >= bar.open else high
    return replace(bar, low=low, high=high, close=0.5 * (bar.open + beyond))
