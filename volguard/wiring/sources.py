"""Which market a session runs on: a recorded day, a made-up one, or the broker's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final, Protocol

from volguard.adapters.history import FileHistory
from volguard.adapters.replay import ReplayMarket
from volguard.adapters.upstox.settings import data_folder
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import DataError, UsageError
from volguard.model.event import AskMargin
from volguard.model.instrument import Underlying
from volguard.model.order import Order
from volguard.nse.contracts import with_freeze_bounded
from volguard.nse.rules import Rules, make_rules
from volguard.ports import Clock, History, MarketData
from volguard.runner import Exchange

DATA: Final = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequest:
    """Which market a session runs on: live, a file, or the simulator (None: as configured)."""

    is_live: bool = False
    replay: Path | None = None
    history: Path | None = None
    seed: int | None = None
    trading_date: date | None = None
    cadence_s: float | None = None
    scenario: str | None = None


def _nothing() -> None:
    pass


class LiveBroker(Exchange, Protocol):
    """A broker outside this process, which knows more of its orders than a journal does."""

    def restore(self, orders: Sequence[Order], fill_ids: Collection[str]) -> None:
        """Stand as the book of before a restart says."""
        ...

    def ask_margin(self, question: AskMargin) -> None:
        """Ask his margin calculator; the answer is a MarginAnswered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A market with its history (None: there is none) and seed (None: nothing is random).

    A live one brings its clock and when it was opened, takes tokens, and must be closed.
    """

    market: MarketData
    history: History | None
    seed: int | None
    clock: Clock | None = None
    began_at: datetime | None = None
    on_token: Callable[[bytes], str] | None = None
    broker: LiveBroker | None = None  # None: fills are made on paper
    close: Callable[[], None] = _nothing


def rules_of(settings: Settings) -> Rules:
    """The exchange's rules of these settings."""
    return make_rules(settings.calendar, settings.contracts, settings.charges, settings.margin)


def past_rules_of(settings: Settings) -> Rules:
    """The rules for days that are over: freeze quantities that nobody knows bounded by the smallest step."""
    contracts = with_freeze_bounded(settings.contracts)
    return make_rules(settings.calendar, contracts, settings.charges, settings.margin)


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
    return Source(market=market, history=history_of(history, settings, root), seed=None)


def data_folder_of(settings: Settings, root: Root) -> Path:
    """Where instruments, recordings and history lie; what a look-alike says lies apart."""
    return data_folder(root.resolve(DATA), settings.upstox)


def history_folder_of(settings: Settings, root: Root) -> Path:
    """Where daily history lies; in a rehearsal apart, too."""
    if settings.upstox.is_rehearsal:
        return data_folder_of(settings, root) / "history"
    return root.resolve(settings.history.folder)


def history_of(named: Path | None, settings: Settings, root: Root) -> FileHistory | None:
    """History files; a folder that was named must be there, without the usual one there is no forecast."""
    folder = named or history_folder_of(settings, root)
    return FileHistory(folder) if named is not None or folder.is_dir() else None


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
