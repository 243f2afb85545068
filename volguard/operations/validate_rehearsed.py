"""Journals of short made-up sessions that stand for live ones: evidence for a self-test, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.adapters.code_version import code_version
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.config.loader import digest_of
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.broker import BrokerView
from volguard.model.decision import Phase
from volguard.model.event import (
    PAPER,
    Alert,
    BrokerBookRead,
    HistoryLoaded,
    KillSwitchSeen,
    SessionStarted,
    Severity,
)
from volguard.model.market import ChainSnapshot, DailyBar, SourceInfo
from volguard.nse.rules import Rules
from volguard.operations.validate_checks_files import VIX_NAME
from volguard.operations.validate_evidence import HARD_STOP, LIVE_KIND
from volguard.ports import Clock, History, MarketData
from volguard.runner import Pace, Runner, Watch
from volguard.volatility.ewma_nse import sigma_after
from volguard.volatility.forecast import NO_FORECASTS
from volguard.wiring import SourceRequest, open_source, paper_exchange, platform_text

HISTORY_SESSIONS: Final = 300  # for the margin of a trade
SNAPSHOTS: Final = 5  # the first at the open, the last in the last tenth of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a made-up session is to look like in its journal."""

    trading_date: date
    phase: Phase = Phase.SHADOW
    kind: str = LIVE_KIND
    is_poor: bool = False  # quotes too wide to be of any quality
    is_cut: bool = False  # it stopped after half of its snapshots
    is_stopped: bool = False  # its hard stop was hit
    broker: str = PAPER  # another keeps a book of his own, and is never heard of
    last_book: BrokerView | None = None  # what he says at last after all


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    # The simulator's market under another name, possibly spoilt.
    market: MarketData
    what: Rehearsed

    @property
    def info(self) -> SourceInfo:
        return replace(self.market.info, kind=self.what.kind, label="self-test")

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        for number, seen in enumerate(self.market.snapshots(after)):
            if self.what.is_cut and 2 * number >= SNAPSHOTS:
                return
            if isinstance(seen, ChainSnapshot):
                yield replace(seen, bid=0.2 * seen.bid) if self.what.is_poor else seen


def write_rehearsed(
    folder: Path,
    what: Rehearsed,
    *,
    settings: Settings,
    values: Mapping[str, Any],
    rules: Rules,
    root: Root,
    clock: Clock,
) -> Path:
    """Run the session into a journal of its own and give its path."""
    session = rules.calendar.session(what.trading_date)
    length_s = 0.0 if session is None else session.seconds
    asked = SourceRequest(trading_date=what.trading_date, cadence_s=length_s / (SNAPSHOTS - 0.9))
    source = open_source(asked, settings, root, rules)
    market = _Shown(market=source.market, what=what)
    path = folder / f"{what.kind}-{what.trading_date.isoformat()}-1.db"
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(path, create=True)
    try:
        runner = Runner(
            engine=Engine(settings.engine, rules),
            journal=journal,
            source=market,
            exchange=paper_exchange(settings, market.info, rules),
            clock=clock,
            watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
            pace=Pace(speed=None),
            checkpoint_s=settings.journal.checkpoint_s,
            gap_cadences=settings.quotes.gap_cadences,
            show=lambda _state, _step: None,
        )
        opening = _opening(market.info, what, values, path.stem, rules, source.history)
        outcome = runner.run(opening, State())
        if outcome.state.desk is not None:
            _note_end(journal, what, outcome.state.desk.now)
    finally:
        journal.close()
    return path


def _note_end(journal: SqliteJournal, what: Rehearsed, ts: datetime) -> None:
    if what.is_stopped:
        alert = Alert(ts=ts, severity=Severity.CRITICAL, code=HARD_STOP, text="noted for a self-test")
        seq = journal.append(KillSwitchSeen(ts=ts, present=True))
        journal.commit(seq, (), (alert,), durable=True)
    if what.last_book is not None:
        seq = journal.append(BrokerBookRead(ts=ts, view=what.last_book))
        journal.commit(seq, (), (), durable=True)


def _opening(
    info: SourceInfo,
    what: Rehearsed,
    values: Mapping[str, Any],
    name: str,
    rules: Rules,
    history: History | None,
) -> tuple[SessionStarted, HistoryLoaded]:
    session = rules.calendar.session(what.trading_date)
    if session is None:
        raise ValueError(f"{what.trading_date} has no session")
    opened = session.windows[0][0]
    started = SessionStarted(
        ts=opened,
        session_id=name,
        phase=what.phase,
        source=info,
        trading_date=what.trading_date,
        code_version=code_version(),
        platform=platform_text(),
        seed=None,
        settings=values,
        settings_origins={},
        settings_hash=digest_of(values),
        broker=what.broker,
    )
    index = _daily(history, info.underlying, what.trading_date)
    sigma = sigma_after([bar.day for bar in index], np.array([bar.close for bar in index]))
    told = HistoryLoaded(
        ts=opened,
        underlying=info.underlying,
        origin="none" if history is None else history.origin,
        index=index,
        vix=_daily(history, VIX_NAME, what.trading_date),
        forecasts=replace(NO_FORECASTS, nse_sigma_daily=sigma),
    )
    return started, told


def _daily(history: History | None, name: str, day: date) -> tuple[DailyBar, ...]:
    return () if history is None else tuple(history.daily(name, day)[-HISTORY_SESSIONS:])
