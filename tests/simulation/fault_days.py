"""Days for sessions against a broker that lies: made once, and an honest exchange for each session."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

from tests.fakes import NIFTY, TRADING, make_engine, opening, shipped_rules, simulated
from volguard.engine.step import Engine
from volguard.simulator.exchange import Exchange, ExchangeSettings
from volguard.simulator.fault_session import FaultDay, FaultResult, run_fault_session
from volguard.simulator.lies import ORDINARY_RATES, Liar, Lie

CADENCE_S = 60.0
CAPITAL_INR = Decimal(2_000_000)
SCENARIOS = ("crash", "calm", "spike", "trend")


@cache
def engine() -> Engine:
    """The engine with both switches off, so that it trades."""
    return make_engine(*TRADING)


@cache
def fault_day(scenario: str, seed: int = 1) -> FaultDay:
    """An hour from a quarter past nine, a look a minute: entries, and in a crash exits."""
    day = simulated(seed=seed, scenario=scenario, cadence_s=CADENCE_S, start=8, stop=75)
    info = replace(day.market.info, capabilities=replace(day.market.info.capabilities, cadence_s=CADENCE_S))
    return FaultDay(lot_size=65, info=info, shots=day.market.shots, opening=opening(day))


def honest_exchange(day: FaultDay) -> Exchange:
    """An exchange with enough money and nothing on its book."""
    return Exchange(
        rules=shipped_rules(),
        underlying=NIFTY,
        trading_date=day.info.trading_date,
        settings=ExchangeSettings(gap_s=3.0 * CADENCE_S),
        capital_inr=CAPITAL_INR,
    )


def session(
    seed: int,
    *,
    rates: dict[Lie, float] | None = None,
    crash_at: int | None = None,
    scenario: str | None = None,
) -> FaultResult:
    """One session of a seed; the scenario goes round with it."""
    day = fault_day(scenario or SCENARIOS[seed % len(SCENARIOS)], seed=1 + seed % 3)
    return run_fault_session(
        engine(),
        day,
        liar=Liar(seed=seed, rates=dict(ORDINARY_RATES if rates is None else rates)),
        exchange=honest_exchange(day),
        capital_inr=CAPITAL_INR,
        crash_at=crash_at,
    )
