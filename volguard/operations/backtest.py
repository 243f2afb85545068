"""A backtest: the engine that trades tomorrow over the days asked for, and what its account became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Event as Signal
from typing import Any, Final

from volguard.adapters.clock import SystemClock
from volguard.adapters.history import FileHistory
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.ledger import Ledger
from volguard.backtest.model_error import ModelError
from volguard.backtest.play import PlayedDay, Player, PlaySettings
from volguard.backtest.real_prices import measure_on
from volguard.config.chain_model import load_chain_model
from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.step import Engine
from volguard.model.errors import DataError, UsageError
from volguard.model.instrument import Underlying
from volguard.operations.backtest_document import Tested, backtest_document
from volguard.operations.backtest_sources import Modelled, Opened, open_modelled, open_recorded
from volguard.wiring import history_folder_of, rules_of

MODELLED: Final = "modelled"
CHAINS: Final = "chains"
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRequest:
    """What is asked for. `files` of recorded chains; `first` and `last` of modelled days, None: all there is.

    `data`: folder of the daily history, None: where sessions find theirs.
    """

    source: str
    files: tuple[Path, ...] = ()
    first: date | None = None
    last: date | None = None
    data: Path | None = None
    every_s: float = 1800.0
    resampling: Resampling = field(default_factory=lambda: Resampling(seed=1))


def run_backtest(
    request: BacktestRequest,
    loaded: Loaded[Settings],
    root: Root,
    *,
    progress: Progress = lambda _done, _total, _words: None,
    tell: Callable[[str], None] = lambda _text: None,
) -> dict[str, Any]:
    """Play it and give the `volguard.backtest/1` document.

    Raises UsageError on what cannot be asked together, DataError on bad or missing data, DateNotCovered
    outside the dated rules.
    """
    settings = loaded.settings
    rules = rules_of(settings)
    opened, error, missing = _opened(request, loaded, root, tell)
    player = Player(
        Engine(settings.engine, rules),
        PlaySettings(
            paper_delay_s=settings.paper.paper_delay_ms / 1000.0,
            gap_cadences=settings.quotes.gap_cadences,
            checkpoint_s=settings.journal.checkpoint_s,
        ),
        SystemClock(Signal()),
    )
    ledger = Ledger(settings.account.capital_inr, rules.contracts, Underlying(settings.market.underlying))
    for done, day in enumerate(player.play_all(opened.plans(player.attention)), start=1):
        ledger.take(day)
        when = day.trading_date if isinstance(day, PlayedDay) else day.day
        progress(done, opened.days, when.isoformat())
    return backtest_document(
        Tested(
            source=request.source,
            every_s=request.every_s if request.source == MODELLED else None,
            data_digest=opened.digest,
            model_error=error,
            model_error_missing=missing,
        ),
        ledger,
        loaded,
        request.resampling,
    )


def _opened(
    request: BacktestRequest, loaded: Loaded[Settings], root: Root, tell: Callable[[str], None]
) -> tuple[Opened, ModelError | None, str]:
    settings = loaded.settings
    rules = rules_of(settings)
    folder = request.data or history_folder_of(settings, root)
    if request.source == CHAINS:
        if not request.files:
            raise UsageError("no recording is given", hint="--source chains day.parquet [day2.parquet ...]")
        if request.first is not None or request.last is not None:
            raise UsageError("--from and --to choose modelled days; recordings are all played")
        is_there = request.data is not None or folder.is_dir()
        history = FileHistory(folder) if is_there else None
        return open_recorded(request.files, history, loaded, rules, tell), None, "no price was modelled"
    if request.files:
        raise UsageError(
            f"{request.files[0]} was given, and modelled days are made of daily history",
            hint="--source chains plays recordings",
        )
    found = load_chain_model(root)
    tables = found.settings.chain_model
    first, last = _days(request)
    asked = Modelled(folder=folder, first=first, last=last, every_s=request.every_s)
    opened = open_modelled(asked, loaded, tables, found.digest, rules, tell)
    tell("measuring the modelled prices against real ones")
    try:
        error = measure_on(
            folder, tables=tables, rules=rules, underlying=Underlying(settings.market.underlying)
        )
    except DataError as damage:
        return opened, None, damage.message
    return opened, error, ""


def _days(request: BacktestRequest) -> tuple[date, date]:
    if request.first is None or request.last is None:
        raise UsageError(
            "modelled days need a first and a last one", hint="--from 2021-04-01 --to 2024-06-27"
        )
    if request.last < request.first:
        raise UsageError(f"--to {request.last} is before --from {request.first}")
    return request.first, request.last
