"""When the broker's two books disagree on a position, and when their disagreement is taken as it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from volguard.measure.broker_net import Place, offsets_of
from volguard.model.broker import BrokerOrder, BrokerPosition

SETTLED_AFTER: Final = timedelta(seconds=10)  # a book that lags has caught up by then


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    # A disagreement and since when it has stood as it does.
    offset: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnesses:
    """`offsets`: what is held besides the fills of today's orders, as believed now.

    It begins as what was carried over night. What the books make of it otherwise is believed once it has
    stood for a while: a conversion, an exercise, a trade that no order shows.
    """

    offsets: Mapping[Place, int]
    doubts: Mapping[Place, _Doubt]

    @classmethod
    def none(cls) -> Witnesses:
        """Before the first reading."""
        return cls(offsets={}, doubts={})

    @property
    def disagreeing(self) -> tuple[Place, ...]:
        """Where the books do not fit what is believed."""
        return tuple(sorted(self.doubts))

    def after(
        self, positions: Sequence[BrokerPosition], orders: Sequence[BrokerOrder], now: datetime
    ) -> Witnesses:
        """What is believed after one more reading of both books."""
        overnight: dict[Place, int] = {}
        for row in positions:
            place = (row.key, row.product)
            overnight[place] = overnight.get(place, 0) + row.overnight_quantity
        offsets, doubts = dict(self.offsets), {}
        for place, seen in offsets_of(positions, orders).items():
            believed = offsets.setdefault(place, overnight.get(place, 0))
            if seen == believed:
                continue
            doubt = self.doubts.get(place)
            if doubt is None or doubt.offset != seen:
                doubt = _Doubt(offset=seen, since=now)
            if now - doubt.since >= SETTLED_AFTER:
                offsets[place] = seen
            else:
                doubts[place] = doubt
        return replace(self, offsets=offsets, doubts=doubts)
