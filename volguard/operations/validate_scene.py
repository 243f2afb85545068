"""A root folder on which every check passes: what a self-test breaks, one thing at a time, in a copy."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from volguard.adapters.history import COLUMNS
from volguard.adapters.private_file import write_private
from volguard.adapters.upstox.credentials import KEY_VARIABLE, SECRET_VARIABLE
from volguard.adapters.upstox.instrument_files import instrument_path
from volguard.adapters.upstox.rehearsal import API_KEY, API_SECRET
from volguard.adapters.upstox.token_store import StoredToken, TokenFile
from volguard.adapters.whole_file import write_whole
from volguard.config.loader import Loaded
from volguard.config.roots import CONFIG_FOLDER, Root, packaged_config
from volguard.config.settings import Settings
from volguard.model.decision import Phase
from volguard.model.errors import ConfigError
from volguard.model.instrument import Underlying
from volguard.model.market import DailyBar
from volguard.model.units import IST
from volguard.nse.rules import Rules
from volguard.operations.validate_checks_files import VIX_NAME
from volguard.operations.validate_context import ContextRequest, context_of, loaded_of
from volguard.operations.validate_live import Live
from volguard.operations.validate_rehearsed import Rehearsed, write_rehearsed
from volguard.operations.validate_row import Context
from volguard.operations.validate_stand_in import StandIn
from volguard.ports import Clock
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultRule
from volguard.wiring import SourceRequest, open_source, rules_of

AT: Final = time(10, 0)  # of the simulator's day: the market is open
LAST_WEEKS: Final = timedelta(days=21)
# What the sessions of a promotion ran on: with the shipped settings a made-up day has no edge to trade on.
TRADING: Final = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")
EARLIER_SESSIONS: Final = 8  # one more than a promotion wants


class Scene:
    """Builds sound folders and contexts; `undo` lets go of what a broken one holds."""

    def __init__(self, folder: Path, undo: ExitStack) -> None:
        self._folder, self.undo = folder, undo
        self._copies = 0
        self._template: Path | None = None
        self._with_sessions: Path | None = None
        self._by_overrides: dict[tuple[str, ...], Loaded[Settings]] = {}
        self.loaded = self.loaded_with()
        self.settings: Settings = self.loaded.settings
        self.rules: Rules = rules_of(self.settings)
        self.day: date = self.settings.simulator.date
        self.at = datetime.combine(self.day, AT, tzinfo=IST)

    def folder(self) -> Path:
        """A fresh copy of the sound root."""
        if self._template is None:
            self._template = self._made()
        return self._copy_of(self._template)

    def folder_with_sessions(self) -> Path:
        """A fresh copy of the sound root with as many live sessions as a promotion wants, and one more.

        They were told to trade: `TRADING`.
        """
        if self._with_sessions is None:
            self._with_sessions = self.folder()
            for day in self.earlier_days(EARLIER_SESSIONS):
                self.write_session(self._with_sessions, Rehearsed(trading_date=day), told=TRADING)
        return self._copy_of(self._with_sessions)

    def earlier_days(self, count: int) -> tuple[date, ...]:
        """The sessions before the day, oldest first."""
        days = [self.day]
        for _ in range(count):
            days.append(self.rules.calendar.previous_trading_day(days[-1]))
        return tuple(reversed(days[1:]))

    def write_session(
        self, folder: Path, what: Rehearsed, *not_told: str, told: tuple[str, ...] = ()
    ) -> Path:
        """A session in the folder's journal; overrides that its first row tells, and such as it does not."""
        root = root_at(folder)
        settings = self.loaded_with(*told, *not_told).settings
        return write_rehearsed(
            folder / "journal",
            what,
            settings=settings,
            values=self.loaded_with(*told).values,
            rules=self.rules,
            root=root,
            clock=VirtualClock(self.at),
        )

    def context(
        self,
        folder: Path | None = None,
        *overrides: str,
        at: datetime | None = None,
        phase: Phase | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Context:
        """What an offline look at a folder sees (None: a sound one)."""
        return self._context(folder, overrides, VirtualClock(at or self.at), None, phase, environ or {})

    def live_context(
        self,
        stand_in: StandIn | None = None,
        *overrides: str,
        folder: Path | None = None,
        phase: Phase | None = None,
    ) -> Context:
        """What a look through an in-process look-alike sees (None: a sound one)."""
        place = folder if folder is not None else self.folder()
        used = stand_in or self.stand_in()
        loaded = self.loaded_with(*overrides)
        self.write_token(place, used.stored_token(loaded.settings))
        live = self.undo.enter_context(used.opened(loaded.settings, root_at(place)))
        return self._context(place, overrides, used.clock, live, phase, {})

    def stand_in(
        self, *faults: FaultRule, at: datetime | None = None, rules: Rules | None = None, **options: Any
    ) -> StandIn:
        """A look-alike on the scene's day; sound without arguments."""
        return StandIn(
            settings=self.settings,
            rules=rules or self.rules,
            root=root_at(self._folder),
            at=at or self.at,
            faults=faults,
            **options,
        )

    def write_token(self, folder: Path, stored: StoredToken) -> None:
        """Store a token as `volguard token` would."""
        account = self.settings.account.name
        TokenFile(folder / "data", account, self.settings.upstox).save(stored)

    def lot_size(self) -> int:
        """Units per lot of the nearest expiry."""
        underlying = Underlying(self.settings.market.underlying)
        nearest = self.rules.contracts.expiries(underlying, self.day)[0]
        return self.rules.contracts.lot_size(underlying, self.day, nearest.day)

    def year_end(self) -> datetime:
        """A session from which the furthest expiry lies beyond the calendar."""
        calendar = self.rules.calendar
        day = self.settings.calendar.checked_until - LAST_WEEKS
        return datetime.combine(calendar.next_trading_day(day), AT, tzinfo=IST)

    def rooted(self, folder: Path, stored: StoredToken) -> Root:
        """A folder with this token in it, as a root."""
        self.write_token(folder, stored)
        return root_at(folder)

    def replaced(self, context: Context, **settings: Any) -> Context:
        """The context with other settings than its files hold, and rules made of them."""
        if context.loaded is None:
            raise ConfigError("the context has no settings")
        changed = replace(context.loaded.settings, **settings)
        loaded = replace(context.loaded, settings=changed)
        return replace(context, loaded=loaded, rules_made=rules_of(changed))

    def _context(
        self,
        folder: Path | None,
        overrides: Sequence[str],
        clock: Clock,
        live: Live | None,
        phase: Phase | None,
        environ: Mapping[str, str],
    ) -> Context:
        request = ContextRequest(
            root=root_at(folder or self.folder()),
            overrides=tuple(overrides),
            preset=None,
            environ=environ,
            is_live=live is not None,
            phase=None if phase is None else phase.value,
        )
        # What a broken file makes of the settings is for the row configuration, which reads it.
        loaded = self.loaded_with(*overrides)
        return context_of(request, loaded=loaded, rules=self.rules, clock=clock, live=live)

    def loaded_with(self, *overrides: str) -> Loaded[Settings]:
        """The shipped settings with overrides."""
        if overrides not in self._by_overrides:
            root = Root(path=self._folder, is_packaged=False, config_dir=packaged_config())
            self._by_overrides[overrides] = _loaded(root, *overrides)
        return self._by_overrides[overrides]

    def _copy_of(self, template: Path) -> Path:
        self._copies += 1
        copy = self._folder / f"root-{self._copies}"
        shutil.copytree(template, copy)
        return copy

    def _made(self) -> Path:
        place = self._folder / "sound"
        shutil.copytree(packaged_config(), place / CONFIG_FOLDER)
        write_private(place / ".env", f"{KEY_VARIABLE}={API_KEY}\n{SECRET_VARIABLE}={API_SECRET}\n".encode())
        stand_in = self.stand_in()
        write_whole(instrument_path(place / "data", self.day), stand_in.instrument_file())
        self._write_history(place)
        self.write_token(place, stand_in.stored_token(self.settings))
        self.write_session(place, Rehearsed(trading_date=self.earlier_days(1)[0], kind="simulator"))
        return place

    def _write_history(self, place: Path) -> None:
        asked = SourceRequest(trading_date=self.day)
        history = open_source(asked, self.settings, root_at(place), self.rules).history
        if history is None:
            raise ConfigError("the simulator gave no history")
        folder = place / self.settings.history.folder
        folder.mkdir(parents=True)
        for name in (Underlying(self.settings.market.underlying), VIX_NAME):
            write_bars(folder / f"{name.lower()}_daily.csv", history.daily(name, self.day))


def root_at(folder: Path) -> Root:
    """A folder as a root of its own."""
    return Root(path=folder, is_packaged=False, config_dir=folder / CONFIG_FOLDER)


def write_bars(path: Path, bars: Sequence[DailyBar]) -> None:
    """Daily bars as a history file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for bar in bars:
            writer.writerow(
                (bar.day.isoformat(), *(_cell(x) for x in (bar.open, bar.high, bar.low)), bar.close)
            )


def _cell(price: float | None) -> float:
    return 0.0 if price is None else price


def _loaded(root: Root, *overrides: str) -> Loaded[Settings]:
    request = ContextRequest(
        root=root, overrides=overrides, preset=None, environ={}, is_live=False, phase=None
    )
    loaded = loaded_of(request)
    if loaded is None:
        raise ConfigError(
            f"the configuration in {root.config_dir} does not load: a self-test has nothing sound to break",
            hint="volguard validate --only configuration says why",
        )
    return loaded
