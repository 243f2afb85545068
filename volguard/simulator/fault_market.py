"""The day's snapshots as a poor line brings them: with silence, holes, wrong quotes and ties that break."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import numpy as np

from volguard.model.event import Link, LinkChanged
from volguard.model.market import ChainSnapshot, Silence, SourceInfo
from volguard.simulator.lies import Liar, Lie

SILENCE_S: Final = 10.0  # how often a live source says that nothing came
DEAD_FEED_S: Final = 240.0
DEAD_TOKEN_S: Final = 180.0
THIN_LOTS_MAX: Final = 4
# Of the rows of a bad snapshot: bid and ask changed places, nobody quotes, a price out of the air.
CROSSED_SHARE: Final = 0.05
GONE_SHARE: Final = 0.05
ABSURD_SHARE: Final = 0.03
ABSURD_FACTOR: Final = 3.0


class Show(Protocol):
    """Tells the exchange what the market is where the session sees something else, or nothing."""

    def __call__(self, truth: ChainSnapshot, *, is_seen: bool) -> None:
        """The true snapshot."""
        ...


@dataclass(slots=True, kw_only=True)
class LyingMarket:
    """Implements MarketData over a day's snapshots; `people` is asked at each of them what they do.

    `resumed_at`: when this process began, if it is not the first: time does not go back before that.
    """

    source: SourceInfo
    shots: tuple[ChainSnapshot, ...]
    lot_size: int
    liar: Liar
    show: Show
    people: Callable[[datetime], None]
    resumed_at: datetime | None = None
    _quiet_until: datetime | None = None
    _token_back_at: datetime | None = None

    @property
    def info(self) -> SourceInfo:
        """The day's own."""
        return self.source

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        """Those later than `after`, with silence every few seconds."""
        known = [at for at in (after, self.resumed_at) if at is not None]
        before = begun = max(known, default=None)
        for shot in self.shots:
            if begun is not None and shot.ts <= begun:
                continue
            yield from self._until(before, shot.ts)
            before = shot.ts
            self.people(shot.ts)
            if self.liar.tells(Lie.THIN_BOOK, shot.ts, "market"):
                shot = self._thinned(shot)
            if self._is_silent(shot.ts):
                self.show(shot, is_seen=False)
                continue
            if self.liar.tells(Lie.QUOTES_BAD, shot.ts, "market"):
                self.show(shot, is_seen=True)
                shot = self._garbled(shot)
            yield shot
            yield from self._links(shot.ts)

    def _until(self, before: datetime | None, until: datetime) -> Iterator[Silence | LinkChanged]:
        at = None if before is None else before + timedelta(seconds=SILENCE_S)
        while at is not None and at < until:
            if self._token_back_at is not None and at >= self._token_back_at:
                self._token_back_at = None
                yield LinkChanged(ts=at, link=Link.TOKEN, is_up=True, text="a new token is in place")
            yield Silence(ts=at)
            at += timedelta(seconds=SILENCE_S)

    def _is_silent(self, at: datetime) -> bool:
        if self._quiet_until is not None and at < self._quiet_until:
            return True
        if self.liar.tells(Lie.FEED_DEAD, at, "feed"):
            self._quiet_until = at + timedelta(seconds=DEAD_FEED_S)
            return True
        return self.liar.tells(Lie.SNAPSHOT_LOST, at, "feed")

    def _links(self, at: datetime) -> Iterator[LinkChanged]:
        if self._token_back_at is None and self.liar.tells(Lie.TOKEN_DEAD, at, "token"):
            self._token_back_at = at + timedelta(seconds=DEAD_TOKEN_S)
            yield LinkChanged(ts=at, link=Link.TOKEN, is_up=False, text="UDAPI100050 invalid token")

    def _thinned(self, shot: ChainSnapshot) -> ChainSnapshot:
        most = self.lot_size * (1 + self.liar.pick(Lie.THIN_BOOK, THIN_LOTS_MAX))
        return replace(shot, bid_qty=np.minimum(shot.bid_qty, most), ask_qty=np.minimum(shot.ask_qty, most))

    def _garbled(self, shot: ChainSnapshot) -> ChainSnapshot:
        share = self.liar.shares(Lie.QUOTES_BAD, len(shot.listing))
        crossed = share < CROSSED_SHARE
        gone = (share >= CROSSED_SHARE) & (share < CROSSED_SHARE + GONE_SHARE)
        absurd = (share > 1.0 - ABSURD_SHARE) & ~crossed
        factor = np.where(absurd, ABSURD_FACTOR, 1.0)
        bid = np.where(crossed, shot.ask, shot.bid) * factor
        ask = np.where(crossed, shot.bid, shot.ask) * factor
        return replace(
            shot,
            bid=np.where(gone, np.nan, np.round(bid, 2)),
            ask=np.where(gone, np.nan, np.round(ask, 2)),
            bid_qty=np.where(gone, 0, shot.bid_qty),
            ask_qty=np.where(gone, 0, shot.ask_qty),
        )
