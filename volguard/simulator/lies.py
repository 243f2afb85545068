"""The ways in which a broker and its messages can mislead: drawn from a seed, each on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.simulator.streams import Purpose, stream


class Lie(StrEnum):
    """What can go wrong between an order and what is heard of it."""

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
    THIN_BOOK = "thin_book"  # no more than one lot is shown: orders fill in parts
    SNAPSHOT_LOST = "snapshot_lost"
    FEED_DEAD = "feed_dead"  # for minutes
    TOKEN_DEAD = "token_dead"
    CRASH = "crash"  # this process, between two journal writes


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
    Lie.CRASH: 0.004,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One lie: which, when, of which order or call."""

    lie: Lie
    at: datetime
    where: str


@dataclass(slots=True, kw_only=True)
class Liar:
    """Decides each time whether to mislead; one stream per lie, so that one does not shift the others."""

    seed: int
    rates: Mapping[Lie, float] = field(default_factory=lambda: dict(ORDINARY_RATES))
    told: list[Told] = field(default_factory=list)
    _streams: dict[Lie, np.random.Generator] = field(default_factory=dict)

    def tells(self, lie: Lie, at: datetime, where: str) -> bool:
        """Whether this lie is told now; kept on record if so."""
        if float(self._stream(lie).random()) >= self.rates.get(lie, 0.0):
            return False
        self.told.append(Told(lie=lie, at=at, where=where))
        return True

    def seconds(self, lie: Lie, least: float, most: float) -> float:
        """How late, in seconds."""
        return least + (most - least) * float(self._stream(lie).random())

    def _stream(self, lie: Lie) -> np.random.Generator:
        if lie not in self._streams:
            self._streams[lie] = stream(self.seed, Purpose.LIES, list(Lie).index(lie))
        return self._streams[lie]
