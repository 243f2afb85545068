"""The shipped chain model, its clock and its real prices, for the tests of modelled chains."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np

from tests.chains import NIFTY, ROOT, shipped_rules
from tests.volatility.real_data import DATA, real_file
from volguard.backtest.chain_model import MarketState
from volguard.backtest.chain_tables import ChainModelTables
from volguard.backtest.modelled_chain import ModelledChains
from volguard.backtest.real_prices import RealPrices, read_real_prices
from volguard.backtest.variance_clock import TimeLeft, VarianceClock
from volguard.config.chain_model import load_chain_model
from volguard.config.roots import find_root
from volguard.model.market import FloatArray
from volguard.pricing.daycount import SECONDS_PER_YEAR, years_to_expiry


@lru_cache(maxsize=1)
def shipped_tables() -> ChainModelTables:
    """config/chain_model.toml."""
    return load_chain_model(find_root(ROOT, {}, ROOT)).settings.chain_model


@lru_cache(maxsize=1)
def clock() -> VarianceClock:
    """The variance clock of the whole calendar."""
    return VarianceClock(shipped_rules().calendar, date(2019, 1, 1), date(2026, 12, 31))


def chains(expiries: int = 2, strikes: int = 81, monthly_days: int = 0) -> ModelledChains:
    """Modelled NIFTY chains by the shipped tables and rules."""
    tables, carry = shipped_tables(), shipped_tables().carry_timeline
    return ModelledChains(
        parameters=tables.smile,
        spreads=tables.spreads,
        contracts=shipped_rules().contracts,
        clock=clock(),
        underlying=NIFTY,
        carry=lambda day: carry.at(day).per_year,
        expiries=expiries,
        monthly_days=monthly_days,
        strikes=strikes,
    )


def state_of(
    level: float = 18_000.0, *, vix: float = 0.15, moved: float = 1.0, ranged: float = 0.09, count: int = 1
) -> MarketState:
    """The same state `count` times, shape (count,); the index has moved by `moved` since VIX was known."""
    fields = (level, vix, level / moved, ranged)
    level_, vix_, vix_level, range_ = (np.full(count, value) for value in fields)
    return MarketState(level=level_, vix=vix_, vix_level=vix_level, range_volatility=range_)


def left_of(days: FloatArray) -> TimeLeft:
    """Time left after the close of a Monday, every fifth and sixth day closed thereafter; shape of `days`."""
    whole = np.floor(days)
    closed = np.floor((whole + 1.0) / 7.0) + np.floor((whole + 2.0) / 7.0)
    return TimeLeft(
        years=years_to_expiry(days / 365.0 * SECONDS_PER_YEAR),
        session_left=days - whole,
        sessions=whole - closed,
        closed_days=closed,
    )


@lru_cache(maxsize=1)
def real_prices() -> RealPrices:
    """The condors and the recorded day beside the project; absent files skip the test."""
    day = shipped_tables().fitted_on.recorded_day
    for name in ("nifty_condor_legs.csv.gz", f"nifty_chain_{day}.parquet", "india_vix_daily.csv.gz"):
        real_file(name)
    return read_real_prices(DATA, tables=shipped_tables(), rules=shipped_rules(), underlying=NIFTY)
