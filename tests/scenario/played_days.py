"""Simulated days played in this process, one after the other where a book is carried, kept in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

import numpy as np

from tests.fakes import (
    NIFTY,
    ROOT,
    MemoryJournal,
    make_engine,
    make_runner,
    session_started,
    shipped,
    shipped_rules,
)
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import recover_state
from volguard.config import Root
from volguard.engine.carried import book_to_carry
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.model.decision import Action, Decision, Phase
from volguard.model.event import BookCarried, DecisionMade, Event, HistoryLoaded, MarketSnapshot
from volguard.model.market import ChainSnapshot, DailyBar, VarianceForecasts
from volguard.model.units import IST
from volguard.volatility.ewma_nse import sigma_after
from volguard.volatility.forecast import NO_FORECASTS, ForecastReach, make_forecasts
from volguard.wiring import SourceRequest, engine_of, open_source

CADENCE_S = 300.0
SCENARIOS = ("calm", "trend", "spike", "crash")
SESSIONS = shipped_rules().calendar.trading_days(date(2026, 4, 6), date(2026, 10, 16))
STRIDE = 31  # no divisor of a week's or a month's sessions: every distance to an expiry is met


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOf:
    """Which day is played, and under which settings."""

    scenario: str
    seed: int
    day: date
    overrides: tuple[str, ...] = ()
    phase: Phase = Phase.SHADOW
    variance_factor: float = 1.0  # of what the models expect
    cadence_s: float = CADENCE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a day decided, on which looks at the market, and what it ended with."""

    name: str
    engine: Engine
    decisions: tuple[Decision, ...]
    looks: dict[datetime, ChainSnapshot]
    desk: Desk
    carried: BookCarried | None = None

    @property
    def day(self) -> date:
        """Its trading date."""
        return self.desk.trading_date

    def of(self, *actions: Action) -> Iterator[Decision]:
        """Its decisions of these actions."""
        return (decision for decision in self.decisions if decision.action in actions)


def plain_days(count: int, cadence_s: float = CADENCE_S) -> tuple[DayOf, ...]:
    """So many days under the shipped settings, every fifth in SEMI_AUTO where nobody answers."""
    return tuple(
        DayOf(
            scenario=SCENARIOS[i % 4],
            seed=1 + i // 4,
            day=SESSIONS[i // 4 * STRIDE % len(SESSIONS)],
            phase=Phase.SEMI_AUTO if i % 5 == 4 else Phase.SHADOW,
            cadence_s=cadence_s,
        )
        for i in range(count)
    )


@cache
def played(of: DayOf) -> Told:
    """One day from its open to its close."""
    return _play(of, None)


def of_journal(path: Path) -> Told:
    """A day that was run to its end, from its journal."""
    with JournalReader.open(path) as reader:
        engine = engine_of(reader)
        desk = recover_state(reader, engine).desk
        rows = reader.rows(kinds=(DecisionMade.__name__,))
        decisions = tuple(reader.event(row).decision for row in rows)
        looks = {e.ts: e.snapshot for _, e in reader.events() if isinstance(e, MarketSnapshot)}
    if desk is None:
        raise ValueError(f"{path} holds no session")
    return Told(name=path.name, engine=engine, decisions=decisions, looks=looks, desk=desk)


@cache
def played_after(first: DayOf, then: DayOf) -> Told:
    """A day that begins with what another left open."""
    desk = played(first).desk
    opened = datetime.combine(then.day, time(9, 15), IST)
    carried = book_to_carry(desk, f"{first.scenario} of {first.day}", opened, then.day)
    if carried is None:
        raise ValueError(f"{first} left nothing to carry")
    return _play(then, carried)


def _play(of: DayOf, carried: BookCarried | None) -> Told:
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    engine = make_engine(*of.overrides)
    policy = engine.settings.policy
    asks = policy.require_forecast_edge or policy.require_vrp  # else no model need be fitted
    asked = SourceRequest(seed=of.seed, scenario=of.scenario, cadence_s=of.cadence_s, trading_date=of.day)
    source = open_source(asked, shipped(), root, shipped_rules())
    if source.history is None:
        raise ValueError("a simulated day had no history")
    opened = datetime.combine(of.day, time(9, 15), IST)
    index = source.history.daily(NIFTY, of.day)
    history = HistoryLoaded(
        ts=opened,
        underlying=NIFTY,
        origin="simulator",
        index=index,
        vix=source.history.daily("INDIA_VIX", of.day),
        forecasts=_dearer(_forecasts(index), of.variance_factor) if asks else _margin_alone(index),
    )
    started = replace(session_started(source.market.info, of.phase), ts=opened)
    opening: tuple[Event, ...] = (started, history) if carried is None else (started, history, carried)
    journal = MemoryJournal()
    state = make_runner(source.market, journal, engine=engine).run(opening, State()).state
    if state.desk is None:
        raise ValueError("the session never began")
    return Told(
        name=f"{of.scenario} {of.seed} {of.day} {' '.join(of.overrides)}",
        engine=engine,
        decisions=tuple(r.decision for r in journal.records if isinstance(r, DecisionMade)),
        looks={e.ts: e.snapshot for e in journal.events if isinstance(e, MarketSnapshot)},
        desk=state.desk,
        carried=carried,
    )


def _dearer(found: VarianceForecasts, factor: float) -> VarianceForecasts:
    curves = {
        name: tuple(None if value is None else value * factor for value in curve)
        for name, curve in found.total_variance.items()
    }
    return replace(found, total_variance=curves)


# A margin asks for the exchange's own volatility, whoever looks for an edge.
def _margin_alone(index: tuple[DailyBar, ...]) -> VarianceForecasts:
    sigma = sigma_after([bar.day for bar in index], np.array([bar.close for bar in index]))
    return replace(NO_FORECASTS, nse_sigma_daily=sigma)


# One fit for the scenarios of one seed and date.
@cache
def _forecasts(index: tuple[DailyBar, ...]) -> VarianceForecasts:
    settings = shipped()
    reach = ForecastReach(sessions_max=45, past_sessions=settings.iv_rv.history_sessions)
    return make_forecasts(index, settings.models, reach)
