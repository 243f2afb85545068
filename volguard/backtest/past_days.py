"""Past sessions in a row: what was known before each, how each ends, which are left out.

Nothing is filled in. A session whose own bar or whose bar of the session before is missing, or whose market
cannot be made, is left out with its reason; the ones after it are played.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from volguard.backtest.attention import Attention
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


class PastDays:
    """Makes the plans of days one after the other; each is asked for when the one before was played.

    `market_of(session, bar)` is a session's market, or raises DataError; `forecasts` by the last close they
    knew, ascending; `begin(market)` is the first event of a session, which is told the last
    `history_sessions` bars.
    """

    def __init__(
        self,
        record: DailyRecord,
        market_of: Callable[[Session, DailyBar], MarketData],
        *,
        rules: Rules,
        underlying: Underlying,
        forecasts: Iterator[tuple[date, VarianceForecasts]],
        history_sessions: int,
        attention: Attention,
        begin: Callable[[MarketData], SessionStarted],
    ) -> None:
        self._record, self._market_of = record, market_of
        self._rules, self._underlying = rules, underlying
        self._attention, self._begin = attention, begin
        self._history_sessions = history_sessions
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
        if not session.windows:
            raise DataError(
                f"the hours of {day.isoformat()} are not known", hint="config/calendar.toml should say"
            )
        before = self._rules.calendar.previous_trading_day(day)
        for needed in (before, day):
            if needed not in self._bars:
                raise DataError(f"the index has no bar of {needed.isoformat()}", hint="give a longer history")
        bar = self._bars[day]
        market = self._market_of(session, bar)
        return DayPlan(
            market=market,
            started=self._begin(market),
            history=self._history(day, before, session.windows[0][0]),
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
        record, most = self._record, self._history_sessions
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
