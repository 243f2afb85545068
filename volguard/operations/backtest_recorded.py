"""Recorded chains as the days of a backtest: a day a file, and the sessions in between without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from volguard.adapters.history import FileHistory
from volguard.backtest.attention import Attention
from volguard.backtest.foresight import CutMarket, first_turn
from volguard.backtest.moved_expiry import moved_expiries
from volguard.backtest.play import DayLeftOut, DayPlan
from volguard.config.loader import Loaded
from volguard.config.settings import Settings
from volguard.model.errors import UsageError
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules
from volguard.operations.backtest_sources import Opened, Plans, daily_record, digest_of, session_start
from volguard.ports import MarketData
from volguard.wiring import Source, history_of_session, open_recording


def open_recorded(
    paths: Sequence[Path],
    history: FileHistory | None,
    loaded: Loaded[Settings],
    rules: Rules,
    *,
    cut: date | None = None,
) -> Opened:
    """Recorded chains, a day a file, played oldest first; those after `cut` are not, its own ends early.

    Raises DataError on a bad file, UsageError where two are of one day.
    """
    markets = sorted(
        (open_recording(path, loaded.settings, rules) for path in paths),
        key=lambda market: market.info.trading_date,
    )
    days = [market.info.trading_date for market in markets]
    twice = next((day for day, later in pairwise(days) if day == later), None)
    if twice is not None:
        raise UsageError(f"two of the recordings are of {twice}", hint="give each day once")

    underlying = Underlying(loaded.settings.market.underlying)

    def moved(attention: Attention, day: date) -> dict[date, date]:
        held = [p.contract.expiry for p in attention.held]
        return moved_expiries(held, rules.contracts.expiries(underlying, day), day) if held else {}

    def plans(attention: Attention) -> Plans:
        before: date | None = None
        for recorded in markets:
            market = recorded if cut is None else _cut(recorded, cut, rules)
            if market is None:
                return
            today = market.info.trading_date
            for day in _between(before, today, rules):
                yield DayLeftOut(
                    day=day,
                    reason="there is no recording of it",
                    final_level=_official_close(history, underlying, day),
                    moved=moved(attention, day),
                )
            before = today
            source = Source(market=market, history=history, seed=None)
            started = session_start(market, loaded, rules)
            yield DayPlan(
                market=market,
                started=started,
                history=history_of_session(loaded.settings, source, rules, started.ts, _unsaid),
                final_level=_official_close(history, underlying, today),
                moved=moved(attention, today),
            )

    told = "" if history is None else repr(daily_record(history, underlying))
    return Opened(plans=plans, days=tuple(days), digest=digest_of(*(m.info.digest for m in markets), told))


def _cut(market: MarketData, cut: date, rules: Rules) -> MarketData | None:
    day = market.info.trading_date
    session = rules.calendar.session(day)
    if day > cut or session is None:
        return None
    opens, closes = session.windows[0][0], session.windows[-1][1]
    return market if day < cut else CutMarket(market, first_turn(opens, closes))


def _unsaid(_text: str) -> None:
    pass


def _between(before: date | None, today: date, rules: Rules) -> tuple[date, ...]:
    # Sessions of which there is no recording: what expired on them was settled all the same.
    if before is None:
        return ()
    return rules.calendar.trading_days(before + timedelta(days=1), today - timedelta(days=1))


def _official_close(history: FileHistory | None, underlying: Underlying, day: date) -> Decimal | None:
    bars = () if history is None else history.daily(underlying, day + timedelta(days=1))
    return Decimal(repr(bars[-1].close)) if bars and bars[-1].day == day else None
