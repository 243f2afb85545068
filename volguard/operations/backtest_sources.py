"""What a backtest plays: days ready to be played one after the other, whatever their prices are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

from volguard.adapters.history import FileHistory
from volguard.backtest.attention import Attention
from volguard.backtest.foresight import first_turn
from volguard.backtest.past_days import DailyRecord
from volguard.backtest.play import DayLeftOut, DayPlan
from volguard.config.loader import Loaded
from volguard.config.settings import Settings
from volguard.model.decision import Phase
from volguard.model.event import SessionStarted
from volguard.model.instrument import Underlying
from volguard.nse.calendar import Session
from volguard.nse.rules import Rules
from volguard.ports import MarketData
from volguard.wiring import VIX_NAME, Source, started_of

Plans = Iterator[DayPlan | DayLeftOut]


def _until_first_turn(session: Session) -> datetime:
    return first_turn(session.windows[0][0], session.windows[-1][1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A source ready to be played: its days, and what its data is known by.

    `said`: what a report must say of the days. `same_until(session)`: until when a session whose future is
    another one looks the same.
    """

    plans: Callable[[Attention], Plans]
    days: tuple[date, ...]
    digest: str
    said: tuple[str, ...] = ()
    same_until: Callable[[Session], datetime] = _until_first_turn


def session_start(market: MarketData, loaded: Loaded[Settings], rules: Rules) -> SessionStarted:
    # Named as the first paper session of a day is: its tags, and with them its decisions, are the same.
    started = started_of(Phase.SHADOW, loaded, Source(market=market, history=None, seed=None), rules)
    return replace(started, session_id=f"{started.source.kind}-{started.trading_date.isoformat()}-1")


def daily_record(history: FileHistory, underlying: Underlying) -> DailyRecord:
    return DailyRecord(
        index=history.daily(underlying, date.max),
        vix=history.daily(VIX_NAME, date.max),
        participants=history.participants(date.max),
        origin=history.origin,
    )


def digest_of(*texts: str) -> str:
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=16).hexdigest()
