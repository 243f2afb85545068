"""4 June 2024 as a market: the real index minutes, with made-up options at the real day's India VIX."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.fakes import NIFTY, make_engine, make_runner, paper, session_started, shipped, shipped_rules
from tests.volatility.real_data import daily, real_file
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.event import HistoryLoaded
from volguard.model.market import DailyBar, FloatArray
from volguard.model.units import IST
from volguard.simulator.given_path import GivenPath, GivenPathMarket, path_of_minutes
from volguard.simulator.session import SessionRules
from volguard.volatility.forecast import ForecastReach, make_forecasts

DAY = date(2024, 6, 4)
WEEKLY, NEXT_WEEKLY, MONTHLY = date(2024, 6, 6), date(2024, 6, 13), date(2024, 6, 27)
SEED = 1  # of the noise of the quotes; the index and its volatility are given

# A weekly condor that may lose about 6 % of the account, its own exit rules out of the way: what must end
# the day's loss then are the daily stops alone. The limits on stress and concentration, which refuse such a
# book, are raised to let it in; margin and Greek limits stay as shipped.
TOO_LARGE = (
    "strategy.require_forecast_edge=false",
    "strategy.require_vrp=false",
    "strategy.exit_short_delta=0.95",
    "strategy.loss_credits_max=50.0",
    "strategy.loss_share_of_max_loss=1.0",
    "strategy.exit_greek_loss_credits=50.0",
    "strategy.exit_stress_dwell_s=86400",
    "limits.open_risk_share_max=0.063",
    "limits.concentration_share_max=0.063",
    "limits.stress_loss_share_max=0.07",
    "limits.near_stress_share_max=0.06",
    "bucket.monthly.is_enabled=false",
    "bucket_limits.weekly.trade_risk_share_max=0.2",
    "bucket_limits.weekly.open_risk_share_max=0.2",
)
# On this path India VIX never rises by the shipped 8 % in 180 s for two looks: 7.2 % is the most.
SPIKE_AT_SEVEN = "vix_spike.rise_share=0.07"


@cache
def minutes() -> FloatArray:
    """The index's minute bars from the open: (375, 4) open, high, low, close."""
    table = pq.read_table(real_file("nifty_1min_2024.parquet")).sort_by("ts")
    today = table.filter(pc.equal(table["ts"].cast("date32"), DAY))
    return np.column_stack([today[name].to_numpy() for name in ("open", "high", "low", "close")])


def vix_bar() -> DailyBar:
    """India VIX of the day, in percent."""
    return next(bar for bar in daily("INDIA_VIX") if bar.day == DAY)


def before(name: str) -> tuple[DailyBar, ...]:
    """Daily bars of the sessions before the day."""
    return tuple(bar for bar in daily(name) if bar.day < DAY)


@cache
def path() -> GivenPath:
    """The index and India VIX through the day."""
    return path_of_minutes(minutes(), vix_bar(), last_close=before("NIFTY")[-1].close)


def session_rules() -> SessionRules:
    """The exchange's rules of that date, with the nearest two expiries and the monthly one."""
    rules = shipped_rules()
    session = rules.calendar.session(DAY)
    assert session is not None
    (opened, closed), *_ = session.windows
    wanted = (WEEKLY, NEXT_WEEKLY, MONTHLY)
    listed = [e for e in rules.contracts.expiries(NIFTY, DAY) if e.day in wanted]
    return SessionRules(
        underlying=NIFTY,
        trading_date=DAY,
        open_at=opened.time(),
        close_at=closed.time(),
        expiries=tuple((e.day, e.cycle) for e in listed),
        lot_size=rules.contracts.lot_size(NIFTY, DAY, WEEKLY),
        tick=rules.contracts.tick(NIFTY, DAY),
        strike_step=rules.contracts.strike_step(NIFTY, DAY, WEEKLY),
        trading_days=tuple(bar.day for bar in before("NIFTY")),
    )


def market(cadence_s: float = 15.0) -> GivenPathMarket:
    """The day's market."""
    return GivenPathMarket(seed=SEED, rules=session_rules(), path=path(), cadence_s=cadence_s)


@cache
def history() -> HistoryLoaded:
    """The real past of index and India VIX, with what is forecast from it."""
    index = before("NIFTY")
    settings = shipped()
    reach = ForecastReach(sessions_max=45, past_sessions=settings.iv_rv.history_sessions)
    return HistoryLoaded(
        ts=datetime(2024, 6, 4, 9, 15, tzinfo=IST),
        underlying=NIFTY,
        origin="daily history",
        index=index[-600:],
        vix=before("INDIA_VIX")[-600:],
        forecasts=make_forecasts(index, settings.models, reach),
    )


def engine(*overrides: str) -> Engine:
    """An engine that may build a book of about 6 % of the account."""
    return make_engine(*TOO_LARGE, *overrides)


def run_into(journal: Any, on: Engine, cadence_s: float = 15.0) -> State:
    """Run the day to its end with that engine; the state it ended in."""
    source = market(cadence_s)
    started = replace(session_started(source.info), ts=history().ts)
    lot = session_rules().lot_size
    runner = make_runner(source, journal, engine=on, exchange=paper(cadence_s=cadence_s, lot=lot))
    return runner.run((started, history()), State()).state
