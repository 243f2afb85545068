"""The real prices that the chain model is fitted to and measured against, read from one folder of data.

For NIFTY: `nifty_condor_legs.csv.gz`, `nifty_chain_<recorded day>.parquet`, and the daily history of the
index and of India VIX.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from volguard.adapters.history import FileHistory
from volguard.adapters.replay import ReplayMarket
from volguard.backtest.chain_fit import ChainFit, fit_chain_model
from volguard.backtest.chain_tables import ChainModelTables
from volguard.backtest.condor_legs import Condors, read_condors
from volguard.backtest.known_state import KnownDays
from volguard.backtest.model_error import ModelError, measure
from volguard.backtest.recorded_quotes import DAYS_MAX, RecordedQuotes, read_recorded
from volguard.backtest.spread_fit import fit_spreads
from volguard.backtest.spread_model import SpreadParameters
from volguard.backtest.variance_clock import VarianceClock
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying
from volguard.nse.rules import Rules

VIX: Final = "INDIA_VIX"
RECORDED_EVERY: Final = 10  # snapshots: neighbours say nearly the same
RECORDED_FIRST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealPrices:
    """Traded condors and quotes of a recorded day."""

    condors: Condors
    recorded: RecordedQuotes


def read_real_prices(
    folder: Path, *, tables: ChainModelTables, rules: Rules, underlying: Underlying
) -> RealPrices:
    """The prices named in the tables' `fitted_on`. Raises DataError naming the file that is absent or bad."""
    fitted = tables.fitted_on
    condor_file = _file(folder, f"{underlying.lower()}_condor_legs.csv.gz")
    chain_file = _file(folder, f"{underlying.lower()}_chain_{fitted.recorded_day}.parquet")
    history = FileHistory(folder)
    known = KnownDays(*(history.daily(name, date.max) for name in (underlying, VIX)))
    first = min(fitted.condors_from, fitted.recorded_day)
    last = max(fitted.condors_to, fitted.recorded_day) + timedelta(days=DAYS_MAX)
    clock = VarianceClock(rules.calendar, first, last)
    carry = tables.carry_timeline
    market = ReplayMarket(
        chain_file, lot_size=lambda day, expiry: rules.contracts.lot_size(underlying, day, expiry)
    )
    return RealPrices(
        condors=read_condors(condor_file, known=known, clock=clock, carry=lambda day: carry.at(day).per_year),
        recorded=read_recorded(
            market,
            known=known.before(market.info.trading_date),
            clock=clock,
            every=RECORDED_EVERY,
            first=RECORDED_FIRST,
        ),
    )


def measure_on(
    folder: Path,
    *,
    tables: ChainModelTables,
    rules: Rules,
    underlying: Underlying,
    out_of_sample: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> ModelError:
    """The error of the shipped model against the real prices of a folder. Raises DataError."""
    real = read_real_prices(folder, tables=tables, rules=rules, underlying=underlying)
    return measure(tables.smile, real.condors, real.recorded, out_of_sample=out_of_sample, progress=progress)


def fit_on(
    folder: Path, *, tables: ChainModelTables, rules: Rules, underlying: Underlying
) -> tuple[ChainFit, SpreadParameters]:
    """The model fitted again to the real prices of a folder; `tables` name them. Raises DataError."""
    real = read_real_prices(folder, tables=tables, rules=rules, underlying=underlying)
    day = real.recorded.day
    tick = float(rules.contracts.tick(underlying, day))
    listed = rules.contracts.expiries(underlying, day)
    return fit_chain_model(real.condors, real.recorded), fit_spreads(real.recorded, listed, tick)


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise DataError(
            f"{path}: no such file",
            hint="the error of modelled prices can only be measured against these real ones",
        )
    return path
