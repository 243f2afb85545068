"""Journals of short made-up sessions that stand for live ones: evidence for a self-test, nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from volguard import __version__
from volguard.adapters.paper import PaperExchange
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.config.loader import digest_of
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.decision import Phase
from volguard.model.event import Alert, HistoryLoaded, KillSwitchSeen, SessionStarted, Severity
from volguard.model.market import ChainSnapshot, SourceInfo
from volguard.nse.rules import Rules
from volguard.operations.validate_evidence import HARD_STOP, LIVE_KIND
from volguard.ports import Clock, MarketData
from volguard.runner import Pace, Runner, Watch
from volguard.volatility.forecast import NO_FORECASTS
from volguard.wiring import SourceRequest, open_source, platform_text

SNAPSHOTS: Final = 4  # the first at the open, the last in the last tenth of the session


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a made-up session is to look like in its journal."""

    trading_date: date
    phase: Phase = Phase.SHADOW
    kind: str = LIVE_KIND
    is_poor: bool = False  # quotes too wide to be of any quality
    is_cut: bool = False  # it stopped after half of its snapshots
    is_stopped: bool = False  # its hard stop was hit


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
    market = _Shown(market=open_source(asked, settings, root, rules).market, what=what)
    path = folder / f"{what.kind}-{what.trading_date.isoformat()}-1.db"
    folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal.open(path, create=True)
    try:
        runner = Runner(
            engine=Engine(settings.engine, rules),
            journal=journal,
            source=market,
            exchange=_paper(settings, market.info, rules),
            clock=clock,
            watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
            pace=Pace(speed=None),
            checkpoint_s=settings.journal.checkpoint_s,
            gap_cadences=settings.quotes.gap_cadences,
            show=lambda _state, _step: None,
        )
        outcome = runner.run(_opening(market.info, what, values, path.stem, rules), State())
        if what.is_stopped and outcome.state.desk is not None:
            _note_hard_stop(journal, outcome.state.desk.now)
    finally:
        journal.close()
    return path


def _note_hard_stop(journal: SqliteJournal, ts: datetime) -> None:
    alert = Alert(ts=ts, severity=Severity.CRITICAL, code=HARD_STOP, text="noted for a self-test")
    seq = journal.append(KillSwitchSeen(ts=ts, present=True))
    journal.commit(seq, (), (alert,), durable=True)


def _opening(
    info: SourceInfo, what: Rehearsed, values: Mapping[str, Any], name: str, rules: Rules
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
        code_version=__version__,
        platform=platform_text(),
        seed=None,
        settings=values,
        settings_origins={},
        settings_hash=digest_of(values),
    )
    history = HistoryLoaded(
        ts=opened, underlying=info.underlying, origin="none", index=(), vix=(), forecasts=NO_FORECASTS
    )
    return started, history


def _paper(settings: Settings, info: SourceInfo, rules: Rules) -> PaperExchange:
    return PaperExchange(
        delay_s=settings.paper.paper_delay_ms / 1000.0,
        cadence_s=info.capabilities.cadence_s,
        gap_cadences=settings.quotes.gap_cadences,
        lot_size=lambda expiry: rules.contracts.lot_size(info.underlying, info.trading_date, expiry),
    )
