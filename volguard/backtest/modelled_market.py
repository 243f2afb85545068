"""Days of modelled chains as markets: looks along a path of the index, and more of them when it matters.

What is real is the index (its four prices of the day) and India VIX of the session before; every option quote
is the model's. A session on it says so: its source is of kind `modelled`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

import numpy as np

from volguard.backtest.attention import Attention
from volguard.backtest.daily_path import DayPath, path_of_bar
from volguard.backtest.known_state import Known, KnownDays
from volguard.backtest.modelled_chain import ModelledChains
from volguard.model.instrument import Underlying
from volguard.model.market import MODELLED, Capabilities, ChainSnapshot, DailyBar, Listing, SourceInfo
from volguard.nse.calendar import Session

DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LookSettings:
    """How often the market is looked at: every `every_s`; while something is under way again each `close_s`,
    at most `close_looks` times.
    """

    every_s: float
    close_s: float
    close_looks: int

    def __post_init__(self) -> None:
        if not (0.0 < self.close_s < self.every_s and self.close_looks >= 0):
            raise ValueError(f"looks cannot be so often: {self}")


class ModelledMarkets:
    """Makes the market of a session from its bar and what was known before it; looks as `LookSettings`."""

    def __init__(
        self,
        chains: ModelledChains,
        known: KnownDays,
        looks: LookSettings,
        *,
        underlying: Underlying,
        attention: Attention,
        model_digest: str,
    ) -> None:
        self._chains, self._known, self._looks = chains, known, looks
        self._underlying, self._attention, self._model_digest = underlying, attention, model_digest

    def of(self, session: Session, bar: DailyBar) -> ModelledMarket:
        """The market of a session with hours. Raises DataError on a bar or a state that is not known."""
        hours = session.windows[0][0], session.windows[-1][1]
        return ModelledMarket(
            self._chains,
            _open_only(path_of_bar(bar, *hours, self._looks.every_s), session),
            self._known.before(session.day),
            underlying=self._underlying,
            looks=self._looks,
            attention=self._attention,
            model_digest=self._model_digest,
        )


class ModelledMarket:
    """Implements ports.MarketData. `model_digest` names the model's parameters; equal digests, equal markets.

    Strikes are listed around the index's first level of the day, and out to those that are held. Raises
    DataError where the state before the day is not known, DateNotCovered outside the dated rules.
    """

    def __init__(
        self,
        chains: ModelledChains,
        path: DayPath,
        known: Known,
        *,
        underlying: Underlying,
        looks: LookSettings,
        attention: Attention,
        model_digest: str,
    ) -> None:
        self._chains, self._path, self._known = chains, path, known
        self._looks, self._attention = looks, attention
        day = path.times[0].date()
        self.info = SourceInfo(
            kind=MODELLED,
            label=f"{underlying} {day.isoformat()}, every {looks.every_s:.0f} s",
            underlying=underlying,
            trading_date=day,
            capabilities=Capabilities(
                spot=True, vix=True, quote_time=True, depth=False, cadence_s=looks.every_s
            ),
            digest=_digest(path, known, model_digest),
        )

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """The day's looks later than `after`, oldest first, and those in between that are asked for."""
        times = self._path.times
        for shot, upcoming in zip(self._made, (*times[1:], self._path.closes), strict=True):
            if after is not None and shot.ts <= after:
                continue
            yield shot
            for count in range(1, self._looks.close_looks + 1):
                ts = shot.ts + timedelta(seconds=count * self._looks.close_s)
                if not self._attention.is_close or ts >= upcoming:
                    break
                yield self._look(ts)

    def _look(self, ts: datetime) -> ChainSnapshot:
        state = self._known.state(np.array([self._path.level_at(ts)]))
        return self._chains.snapshots([ts], state, [self._listing])[0]

    @cached_property
    def _listing(self) -> Listing:
        day = self.info.trading_date
        held = {p.contract.strike for p in self._attention.held if p.contract.expiry >= day}
        return self._chains.listing(day, float(self._path.level[0]), held)

    @cached_property
    def _made(self) -> tuple[ChainSnapshot, ...]:
        times, level = self._path.times, self._path.level
        return tuple(self._chains.snapshots(times, self._known.state(level), [self._listing] * len(times)))


def _open_only(path: DayPath, session: Session) -> DayPath:
    # Looks in a break between two windows of a special session are none.
    is_open = np.array([any(start <= ts < end for start, end in session.windows) for ts in path.times])
    times = tuple(ts for ts, keep in zip(path.times, is_open, strict=True) if keep)
    return replace(path, times=times, level=path.level[is_open])


def _digest(path: DayPath, known: Known, model_digest: str) -> str:
    text = f"{model_digest} {known!r} {[ts.isoformat() for ts in path.times]} {path.level.tolist()!r}"
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest()
