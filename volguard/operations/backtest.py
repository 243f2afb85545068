"""A backtest: the engine that trades tomorrow over the days asked for, and what its account became."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event as Signal
from typing import Any, Final

from volguard.adapters.bhavcopy_days import BhavcopyDays
from volguard.adapters.clock import SystemClock
from volguard.adapters.history import FileHistory
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.ledger import Ledger
from volguard.backtest.model_error import ModelError
from volguard.backtest.play import Keep, PlayedDay, Player, PlaySettings, kept_nowhere
from volguard.backtest.real_prices import measure_on
from volguard.config.chain_model import load_chain_model
from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.step import Engine
from volguard.model.errors import DataError, UsageError
from volguard.model.event import SessionStarted
from volguard.model.instrument import Underlying
from volguard.model.market import BHAVCOPY, MODELLED
from volguard.operations.backtest_assumptions import Prices, Tested
from volguard.operations.backtest_document import backtest_document
from volguard.operations.backtest_past_days import PastAsked, open_bhavcopies, open_modelled
from volguard.operations.backtest_recorded import open_recorded
from volguard.operations.backtest_rules import past_rules
from volguard.operations.backtest_sources import Opened
from volguard.operations.data_bhavcopy import FOLDER as BHAVCOPIES
from volguard.ports import Journal
from volguard.wiring import data_folder_of, history_folder_of, rules_of

CHAINS: Final = "chains"
FITTED_TO: Final = "NIFTY"  # every real price that the chain model has seen
PRICES: Final = {MODELLED: Prices.MODELLED, CHAINS: Prices.RECORDED, BHAVCOPY: Prices.CLOSING}
CLOSINGS: Final = "closing prices are real, the spread around them is modelled"
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """What is asked for. `files` of recorded chains, or the folder of imported bhavcopies where it is not
    the usual one; `first` and `last` of modelled days and of bhavcopies.

    `data`: folder of the daily history, None: where sessions find theirs. Worse fills as `PlaySettings`.
    `journals`: an empty folder, or none yet, that gets a journal of each day.
    `placebo`: deal the forecasts out anew by this seed. `cut`: end on this day, otherwise
    than it did.
    """

    source: str
    files: tuple[Path, ...] = ()
    first: date | None = None
    last: date | None = None
    data: Path | None = None
    every_s: float = 1800.0
    slippage_ticks: int = 0
    late_looks: int = 0
    journals: Path | None = None
    placebo: int | None = None
    cut: date | None = None
    resampling: Resampling = field(default_factory=lambda: Resampling(seed=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """How far modelled prices are from real ones; None with the reason why that is not known."""

    error: ModelError | None
    missing: str


def measure_prices(request: BacktestRequest, loaded: Loaded[Settings], root: Root) -> Measured:
    """The error of the prices that a request plays: some seconds. A damaged file is a reason, no error."""
    if request.source != MODELLED:
        return Measured(error=None, missing="no price was modelled" if request.source == CHAINS else CLOSINGS)
    settings = loaded.settings
    try:
        error = measure_on(
            folder_of(request, loaded, root),
            tables=load_chain_model(root).settings.chain_model,
            rules=rules_of(settings),
            underlying=Underlying(settings.market.underlying),
        )
    except DataError as damage:
        return Measured(error=None, missing=damage.message)
    return Measured(error=error, missing="")


def run_backtest(
    request: BacktestRequest,
    loaded: Loaded[Settings],
    root: Root,
    measured: Measured,
    *,
    progress: Progress = lambda _done, _total, _words: None,
) -> dict[str, Any]:
    """Play it and give the `volguard.backtest/1` document.

    Raises UsageError on what cannot be asked together, DataError on bad or missing data, DateNotCovered
    outside the dated rules.
    """
    settings = loaded.settings
    past = past_rules(settings)
    opened = open_days(request, loaded, root)
    player = player_of(request, loaded)
    ledger = Ledger(
        settings.account.capital_inr, past.rules.contracts, Underlying(settings.market.underlying)
    )
    for done, day in enumerate(player.play_all(opened.plans(player.attention)), start=1):
        ledger.take(day)
        when = day.trading_date if isinstance(day, PlayedDay) else day.day
        progress(done, len(opened.days), when.isoformat())
    ledger.finish()
    return backtest_document(
        Tested(
            source=request.source,
            prices=PRICES[request.source],
            every_s=request.every_s,
            slippage_ticks=request.slippage_ticks,
            late_looks=request.late_looks,
            data_digest=opened.digest,
            model_error=measured.error,
            model_error_missing=measured.missing,
            bounds=(*opened.said, *past.said(opened.days)),
        ),
        ledger,
        loaded,
        request.resampling,
    )


def player_of(request: BacktestRequest, loaded: Loaded[Settings]) -> Player:
    """The engine of these settings at the edge that a request asks for."""
    settings = loaded.settings
    return Player(
        Engine(settings.engine, past_rules(settings).rules),
        PlaySettings(
            paper_delay_s=settings.paper.paper_delay_ms / 1000.0,
            gap_cadences=settings.quotes.gap_cadences,
            checkpoint_s=settings.journal.checkpoint_s,
            slippage_ticks=request.slippage_ticks,
            late_looks=request.late_looks,
        ),
        SystemClock(Signal()),
        kept_nowhere if request.journals is None else _keeper(request.journals),
    )


def _require_empty(folder: Path) -> None:
    hint = "give an empty folder for the journals, or a new name"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}", hint=hint) from error
    if not is_empty:
        raise UsageError(f"{folder}: holds something already", hint=hint)


def _keeper(folder: Path) -> Keep:
    def keep(started: SessionStarted) -> AbstractContextManager[Journal]:
        return SqliteJournal.open(folder / f"{started.session_id}.db", create=True)

    return keep


def open_days(request: BacktestRequest, loaded: Loaded[Settings], root: Root) -> Opened:
    """The days of a request, ready to be played. Raises as `run_backtest`."""
    if request.journals is not None:
        _require_empty(request.journals)
    rules = past_rules(loaded.settings).rules
    folder = folder_of(request, loaded, root)
    if request.source == CHAINS:
        if not request.files:
            raise UsageError("no recording is given", hint="--source chains day.parquet [day2.parquet ...]")
        if request.first is not None or request.last is not None:
            raise UsageError("--from and --to choose past days; recordings are all played")
        is_there = request.data is not None or folder.is_dir()
        history = FileHistory(folder) if is_there else None
        return open_recorded(request.files, history, loaded, rules, cut=request.cut)
    if request.source == MODELLED and request.files:
        raise UsageError(
            f"{request.files[0]} was given, and modelled days are made of daily history",
            hint="--source chains plays recordings",
        )
    traded = loaded.settings.market.underlying
    if traded != FITTED_TO:
        raise UsageError(
            f"prices and spreads are modelled for {FITTED_TO} alone, the settings trade {traded}",
            hint="--source chains plays recordings of any underlying",
        )
    found = load_chain_model(root)
    tables = found.settings.chain_model
    first, last = _days(request)
    asked = PastAsked(folder=folder, first=first, last=last, placebo=request.placebo, cut=request.cut)
    if request.source == MODELLED:
        return open_modelled(asked, request.every_s, loaded, tables, found.digest, rules)
    until = date.max if request.cut is None else request.cut
    bhavcopies = BhavcopyDays(_bhavcopies_of(request, loaded, root), traded, until=until)
    return open_bhavcopies(asked, bhavcopies, loaded, tables, found.digest, rules)


def _bhavcopies_of(request: BacktestRequest, loaded: Loaded[Settings], root: Root) -> Path:
    if len(request.files) > 1:
        raise UsageError(
            f"{len(request.files)} folders of bhavcopies were given",
            hint="give the one that volguard data bhavcopy imported to, or none for the usual one",
        )
    return request.files[0] if request.files else data_folder_of(loaded.settings, root) / BHAVCOPIES


def folder_of(request: BacktestRequest, loaded: Loaded[Settings], root: Root) -> Path:
    """Where the daily history of a request lies."""
    return request.data or history_folder_of(loaded.settings, root)


def _days(request: BacktestRequest) -> tuple[date, date]:
    if request.first is None or request.last is None:
        raise UsageError("past days need a first and a last one", hint="--from 2021-04-01 --to 2024-06-27")
    if request.last < request.first:
        raise UsageError(f"--to {request.last} is before --from {request.first}")
    return request.first, request.last
