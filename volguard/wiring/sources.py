"""Which market a session runs on: a recorded day, a made-up one, or the broker's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from volguard.adapters.history import FileHistory
from volguard.adapters.replay import ReplayMarket
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import DataError, UsageError
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules, make_rules
from volguard.ports import History, MarketData


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """Which market a session runs on: a file, or the simulator with its arguments (None: as configured)."""

    replay: Path | None = None
    history: Path | None = None
    seed: int | None = None
    trading_date: date | None = None
    cadence_s: float | None = None
    scenario: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A market with its history (None: there is none) and seed (None: nothing is random)."""

    market: MarketData
    history: History | None
    seed: int | None


def rules_of(settings: Settings) -> Rules:
    """The exchange's rules of these settings."""
    return make_rules(settings.calendar, settings.contracts, settings.charges, settings.margin)


def open_source(request: SourceRequest, settings: Settings, root: Root, rules: Rules) -> Source:
    """The market that was asked for.

    Raises DataError on a bad file, DateNotCovered outside the dated tables, UsageError on a closed day.
    """
    if request.replay is None:
        return _simulated(request, settings, rules)
    return _replayed(request.replay, request.history, settings, root, rules)


def open_recording(path: Path, settings: Settings, rules: Rules) -> ReplayMarket:
    """A recorded day. Raises DataError on a bad file or one of another underlying than is traded."""
    underlying = Underlying(settings.market.underlying)
    market = ReplayMarket(
        path, lot_size=lambda day, expiry: rules.contracts.lot_size(underlying, day, expiry)
    )
    if market.info.underlying != underlying:
        hint = f"--set market.underlying={market.info.underlying}"
        raise DataError(f"{path} holds {market.info.underlying}, the settings trade {underlying}", hint=hint)
    return market


def _replayed(path: Path, history: Path | None, settings: Settings, root: Root, rules: Rules) -> Source:
    market = open_recording(path, settings, rules)
    opening_time(rules, market.info.trading_date)
    folder = history or root.resolve(settings.history.folder)
    # A folder that was named must be there; the default one may be missing, which means no forecast.
    known = FileHistory(folder) if history is not None or folder.is_dir() else None
    return Source(market=market, history=known, seed=None)


def _simulated(request: SourceRequest, settings: Settings, rules: Rules) -> Source:
    from volguard.simulator.index_path import Scenario
    from volguard.simulator.market import SessionRules, SyntheticMarket

    defaults = settings.simulator
    underlying = Underlying(settings.market.underlying)
    day = request.trading_date or defaults.date
    seed = defaults.seed if request.seed is None else request.seed
    opened = opening_time(rules, day)
    session = rules.calendar.session(day)
    if session is None:
        raise UsageError(f"{day} is no trading day")
    listed = rules.contracts.expiries(underlying, day)
    try:
        market = SyntheticMarket(
            seed=seed,
            scenario=Scenario(request.scenario or defaults.scenario),
            cadence_s=defaults.cadence_s if request.cadence_s is None else request.cadence_s,
            rules=SessionRules(
                underlying=underlying,
                trading_date=day,
                open_at=opened.time(),
                close_at=session.windows[-1][1].time(),
                expiries=tuple((expiry.day, expiry.cycle) for expiry in listed),
                lot_size=rules.contracts.lot_size(underlying, day, listed[0].day),
                tick=rules.contracts.tick(underlying, day),
                strike_step=rules.contracts.strike_step(underlying, day, listed[0].day),
                trading_days=rules.calendar.trading_days(date(day.year - 3, 1, 1), day),
            ),
        )
    except ValueError as error:
        raise UsageError(f"the simulator cannot make this day: {error}") from error
    return Source(market=market, history=market.history, seed=seed)


def opening_time(rules: Rules, day: date) -> datetime:
    """When the exchange opens on a day. Raises UsageError on a closed one."""
    session = rules.calendar.session(day)
    if session is None:
        hint = "the calendar's holidays and special sessions are in config/calendar.toml"
        raise UsageError(f"{day.isoformat()} ({day:%A}) is a holiday: the exchange was closed", hint=hint)
    return session.windows[0][0]
