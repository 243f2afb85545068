"""The ways in which a broker, its messages and the day can mislead: drawn from a seed, each on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.simulator.streams import Purpose, stream


class Lie(StrEnum):
    """What can go wrong between an order and what is heard of it; new ones go to the end."""

    REQUEST_LOST = "request_lost"  # timed out, and never arrived
    REPLY_LOST = "reply_lost"  # timed out or 5xx, and lives
    ARRIVES_LATE = "arrives_late"  # timed out, not in the book yet, and then it is
    REJECTED = "rejected"
    RATE_LIMITED = "rate_limited"
    CANCEL_LOST = "cancel_lost"
    CANCEL_RACE = "cancel_race"  # it fills while the cancel is on its way
    MODIFY_LOST = "modify_lost"
    WORD_LOST = "word_lost"  # an update that never comes by the stream
    WORD_TWICE = "word_twice"
    WORD_LATE = "word_late"  # and so overtaken by later ones
    FILL_LOST = "fill_lost"
    FILL_TWICE = "fill_twice"
    FILL_LATE = "fill_late"
    QUERY_LOST = "query_lost"  # the order book cannot be read
    BOOK_STALE = "book_stale"  # it can, and is older than the order
    THIN_BOOK = "thin_book"  # no more than a few lots are shown: orders fill in parts
    SNAPSHOT_LOST = "snapshot_lost"
    FEED_DEAD = "feed_dead"  # for minutes
    TOKEN_DEAD = "token_dead"
    CRASH = "crash"  # this process, between two journal writes
    TAKEN_OFF = "taken_off"  # the exchange itself ends a resting order
    LEG_FROZEN = "leg_frozen"  # nothing trades in a contract, for minutes
    QUOTES_BAD = "quotes_bad"  # crossed, gone or absurd, here and there in a snapshot
    KILL_SWITCH = "kill_switch"  # the operator's file appears
    OPERATOR_FLATTENS = "operator_flattens"
    OUTSIDE_TRADE = "outside_trade"  # somebody trades on the same account
    BOOK_UNREAD = "book_unread"  # orders, executions and positions cannot be read
    POSITIONS_STALE = "positions_stale"  # they can, and the positions are older than the executions


# Often enough that a session meets several; a trading day has far fewer.
ORDINARY_RATES: Final[Mapping[Lie, float]] = {
    Lie.REQUEST_LOST: 0.03,
    Lie.REPLY_LOST: 0.05,
    Lie.ARRIVES_LATE: 0.03,
    Lie.REJECTED: 0.03,
    Lie.RATE_LIMITED: 0.02,
    Lie.CANCEL_LOST: 0.08,
    Lie.CANCEL_RACE: 0.15,
    Lie.MODIFY_LOST: 0.05,
    Lie.WORD_LOST: 0.05,
    Lie.WORD_TWICE: 0.08,
    Lie.WORD_LATE: 0.08,
    Lie.FILL_LOST: 0.05,
    Lie.FILL_TWICE: 0.08,
    Lie.FILL_LATE: 0.08,
    Lie.QUERY_LOST: 0.10,
    Lie.BOOK_STALE: 0.15,
    Lie.THIN_BOOK: 0.25,
    Lie.SNAPSHOT_LOST: 0.02,
    Lie.FEED_DEAD: 0.003,
    Lie.TOKEN_DEAD: 0.003,
    Lie.CRASH: 0.0015,
    Lie.TAKEN_OFF: 0.04,
    Lie.LEG_FROZEN: 0.01,
    Lie.QUOTES_BAD: 0.01,
    Lie.KILL_SWITCH: 0.002,
    Lie.OPERATOR_FLATTENS: 0.003,
    Lie.OUTSIDE_TRADE: 0.004,
    Lie.BOOK_UNREAD: 0.015,
    Lie.POSITIONS_STALE: 0.03,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One lie: which, when, of which order or call; `draw` numbers the occasions on which it could be."""

    lie: Lie
    draw: int
    at: datetime
    where: str


Schedule = frozenset[tuple[Lie, int]]


@dataclass(slots=True, kw_only=True)
class Liar:
    """Decides each time whether to mislead; one stream per lie, so that one does not shift the others.

    With a `schedule` exactly those occasions are used, whatever the rates say: a session cut down to the
    lies that it takes.
    """

    seed: int
    rates: Mapping[Lie, float] = field(default_factory=lambda: dict(ORDINARY_RATES))
    schedule: Schedule | None = None
    told: list[Told] = field(default_factory=list)
    _streams: dict[tuple[Lie, bool], np.random.Generator] = field(default_factory=dict)
    _draws: dict[Lie, int] = field(default_factory=dict)

    def tells(self, lie: Lie, at: datetime, where: str) -> bool:
        """Whether this lie is told now; kept on record if so."""
        draw = self._draws[lie] = self._draws.get(lie, 0) + 1
        if self.schedule is not None:
            is_told = (lie, draw) in self.schedule
        else:
            rate = self.rates.get(lie, 0.0)
            is_told = rate > 0.0 and float(self._stream(lie).random()) < rate
        if is_told:
            self.told.append(Told(lie=lie, draw=draw, at=at, where=where))
        return is_told

    def seconds(self, lie: Lie, least: float, most: float) -> float:
        """How late, in seconds."""
        return least + (most - least) * float(self._stream(lie, of_amount=True).random())

    def pick(self, lie: Lie, count: int) -> int:
        """Which of so many, from 0; `count` is above 0."""
        return int(self._stream(lie, of_amount=True).integers(count))

    def shares(self, lie: Lie, count: int) -> FloatArray:
        """So many numbers between 0 and 1."""
        drawn: FloatArray = self._stream(lie, of_amount=True).random(count)
        return drawn

    def _stream(self, lie: Lie, *, of_amount: bool = False) -> np.random.Generator:
        # How much is drawn apart from whether: a schedule then changes no amount of what it keeps.
        key = (lie, of_amount)
        if key not in self._streams:
            part = list(Lie).index(lie) + (1_000 if of_amount else 0)
            self._streams[key] = stream(self.seed, Purpose.LIES, part)
        return self._streams[key]
