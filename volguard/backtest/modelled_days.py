"""Days of modelled chains in a row: what is real of each, what was known before it, which are left out.

Nothing is filled in. A session whose own bar, whose bar or India VIX of the session before, or whose recent
range is missing is left out with its reason; the ones after it are played.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

import numpy as np

from volguard.backtest.attention import Attention
from volguard.backtest.daily_path import DayPath, path_of_bar
from volguard.backtest.known_state import KnownDays
from volguard.backtest.modelled_chain import ModelledChains
from volguard.backtest.modelled_market import LookSettings, ModelledMarket
from volguard.backtest.moved_expiry import moved_expiries
from volguard.backtest.play import DayLeftOut, DayPlan
from volguard.model.errors import DataError
from volguard.model.event import HistoryLoaded, SessionStarted
from volguard.model.instrument import Underlying
from volguard.model.market import DailyBar, ParticipantDay, VarianceForecasts
from volguard.nse.calendar import Session
from volguard.nse.rules import Rules
from volguard.ports import MarketData
from volguard.volatility.forecast import NO_FORECASTS
from volguard.volatility.positioning import foreign_stand


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyRecord:
    """Daily bars in ascending order (India VIX in percent), and where they came from."""

    index: tuple[DailyBar, ...]
    vix: tuple[DailyBar, ...]
    participants: tuple[ParticipantDay, ...]
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelledSettings:
    """How days are made: how often they are looked at, and how many bars a session is told."""

    looks: LookSettings
    history_sessions: int
    model_digest: str


class ModelledDays:
    """Makes the plans of days one after the other; each is asked for when the one before was played.

    `forecasts` by the last close they knew, ascending; `begin(market)` is the first event of a session.
    """

    def __init__(
        self,
        record: DailyRecord,
        chains: ModelledChains,
        settings: ModelledSettings,
        *,
        rules: Rules,
        underlying: Underlying,
        forecasts: Iterator[tuple[date, VarianceForecasts]],
        attention: Attention,
        begin: Callable[[MarketData], SessionStarted],
    ) -> None:
        self._record, self._chains, self._settings = record, chains, settings
        self._rules, self._underlying = rules, underlying
        self._attention, self._begin = attention, begin
        self._known = KnownDays(record.index, record.vix)
        self._bars = {bar.day: bar for bar in record.index}
        self._days = [bar.day for bar in record.index]
        self._vix_days = [bar.day for bar in record.vix]
        self._forecasts = _Forecasts(forecasts)

    def plans(self, first: date, last: date) -> Iterator[DayPlan | DayLeftOut]:
        """Every session of the exchange from `first` to `last`. Raises DateNotCovered outside the rules."""
        for day in self._rules.calendar.trading_days(first, last):
            session = self._rules.calendar.session(day)
            if session is None:
                continue
            try:
                yield self._plan(session)
            except DataError as error:
                yield self._left_out(day, error.message)

    def _plan(self, session: Session) -> DayPlan:
        day = session.day
        before = self._rules.calendar.previous_trading_day(day)
        for needed in (before, day):
            if needed not in self._bars:
                raise DataError(f"the index has no bar of {needed.isoformat()}", hint="give a longer history")
        bar = self._bars[day]
        market = ModelledMarket(
            self._chains,
            _open_only(path_of_bar(bar, *_hours(session), self._settings.looks.every_s), session),
            self._known.before(day),
            underlying=self._underlying,
            looks=self._settings.looks,
            attention=self._attention,
            model_digest=self._settings.model_digest,
        )
        opened = session.windows[0][0]
        return DayPlan(
            market=market,
            started=self._begin(market),
            history=self._history(day, before, opened),
            final_level=Decimal(repr(bar.close)),
            moved=self._moved(day),
        )

    def _left_out(self, day: date, reason: str) -> DayLeftOut:
        bar = self._bars.get(day)
        level = None if bar is None else Decimal(repr(bar.close))
        return DayLeftOut(day=day, reason=reason, final_level=level, moved=self._moved(day))

    def _moved(self, day: date) -> dict[date, date]:
        listed = self._rules.contracts.expiries(self._underlying, day)
        return moved_expiries([p.contract.expiry for p in self._attention.held], listed, day)

    def _history(self, day: date, before: date, opened: datetime) -> HistoryLoaded:
        record, most = self._record, self._settings.history_sessions
        until, vix_until = bisect_left(self._days, day), bisect_left(self._vix_days, day)
        held = tuple(one for one in record.participants if one.day < day)
        return HistoryLoaded(
            ts=opened,
            underlying=self._underlying,
            origin=record.origin,
            index=record.index[max(0, until - most) : until],
            vix=record.vix[max(0, vix_until - most) : vix_until],
            forecasts=self._forecasts.after(self._days[until - 1]),
            foreign=foreign_stand(held, before) if held else None,
        )


class _Forecasts:
    # Steps through forecasts as the days do; what was left out in between is passed over.
    def __init__(self, made: Iterator[tuple[date, VarianceForecasts]]) -> None:
        self._made = made
        self._last: tuple[date, VarianceForecasts] | None = None

    def after(self, day: date) -> VarianceForecasts:
        while self._last is None or self._last[0] < day:
            found = next(self._made, None)
            if found is None:
                return NO_FORECASTS
            self._last = found
        return self._last[1] if self._last[0] == day else NO_FORECASTS


def _hours(session: Session) -> tuple[datetime, datetime]:
    if not session.windows:
        raise DataError(
            f"the hours of {session.day.isoformat()} are not known", hint="config/calendar.toml should say"
        )
    return session.windows[0][0], session.windows[-1][1]


def _open_only(path: DayPath, session: Session) -> DayPath:
    # Looks in a break between two windows of a special session are none.
    is_open = np.array([any(start <= ts < end for start, end in session.windows) for ts in path.times])
    times = tuple(ts for ts, keep in zip(path.times, is_open, strict=True) if keep)
    return replace(path, times=times, level=path.level[is_open])
