"""What the tests of the strategy begin from: a market that a seller likes, and inputs around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

import numpy as np

from tests.chains import (
    CAPABILITIES,
    DAY,
    MONTHLY,
    NOW,
    STRIKES,
    WEEKLY,
    flat_vol_snapshot,
    make_listing,
    shipped_bucket,
    shipped_iv_rv,
    shipped_policy,
    shipped_quality,
    shipped_rules,
    shipped_stress,
    view_of,
)
from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money
from volguard.measure.payoff import forecast_density
from volguard.model.book import Bucket
from volguard.model.market import Listing, VarianceForecasts
from volguard.model.proposal import Budget
from volguard.strategy.proposal_inputs import ProposalInputs
from volguard.strategy.select import SelectionInputs
from volguard.volatility.event_calendar import EventRow, EventTables, KnownRow
from volguard.volatility.events import EventKind
from volguard.volatility.forecast import NO_FORECASTS
from volguard.volatility.outlook import Outlook
from volguard.volatility.regime import Regime, RegimeState

FAR: Final = date(2025, 10, 28)  # beyond 30 days, so that a 30-day volatility exists
LADDERS: Final[Mapping[date, Any]] = {**STRIKES, FAR: range(21_000, 28_601, 200)}
SESSIONS: Final = 4.415146000780336  # of variance from NOW to the weekly expiry
FORECAST: Final = 0.08  # well below the 12 % that the chain implies


@lru_cache(maxsize=1)
def full_listing() -> Listing:
    """Weekly, monthly and one expiry beyond 30 days."""
    return make_listing(LADDERS)


@lru_cache(maxsize=1)
def calm_view() -> MarketView:
    """A clean chain at 12 %, rounded to ticks."""
    return view_of(flat_vol_snapshot(listing=full_listing()))


def level_of(view: MarketView, expiry: date = WEEKLY) -> AtTheMoney:
    """The level of an expiry that is known to have one."""
    level = at_the_money(view, expiry)
    if level is None:
        raise ValueError(f"the view has no level for {expiry}")
    return level


def make_budget(**changes: Any) -> Budget:
    """Twenty thousand rupees for one trade, nothing held."""
    values: dict[str, Any] = {
        "bucket": Bucket.WEEKLY,
        "capital_inr": Decimal(800_000),
        "trade_risk_max_inr": Decimal(20_000),
        "capital_free_inr": Decimal(800_000),
        "open_trades": 0,
        "open_trades_max": 3,
        "held": (),
    }
    return Budget(**values | changes)


def flat_forecasts(volatility: float) -> VarianceForecasts:
    """One model that expects the same of each of the next 45 sessions."""
    curve = tuple(volatility**2 * n / 252 for n in range(46))
    return VarianceForecasts(
        total_variance={"ewma": curve}, left_out={}, nse_sigma_daily=0.008, past_month=()
    )


def make_outlook(
    volatility: float | None = FORECAST, *, regime: Regime = Regime.NEUTRAL, **changes: Any
) -> Outlook:
    """A forecast, a past VIX of 9 to 14 % and a past spread around 2 %, so that today's z is above 0."""
    steady = 0.12 - (FORECAST if volatility is None else volatility)  # the 30-day spread does not fall
    values: dict[str, Any] = {
        "missing": "" if volatility is not None else "no model was fitted",
        "last_close": 24_750.0,
        "last_day": DAY,
        "forecasts": NO_FORECASTS if volatility is None else flat_forecasts(volatility),
        "regime": RegimeState(regime=regime, distance_atr=0.0, adx=15.0),
        "past_vix": np.linspace(0.09, 0.14, 252),
        "past_spread": np.append(np.linspace(-0.02, 0.06, 249), np.full(3, steady)),
    }
    return Outlook(**values | changes)


def events_of(*rows: tuple[date, EventKind]) -> EventTables:
    """A table of these events alone, complete for FOMC and RBI in 2025."""
    year = date(2025, 1, 1), date(2025, 12, 31)
    return EventTables(
        known=tuple(
            KnownRow(kind=kind, first=year[0], last=year[1], source="test")
            for kind in (EventKind.FOMC, EventKind.RBI)
        ),
        event=tuple(
            EventRow(day=day, kind=kind, name=f"{kind.value} decision", source="test", confidence="H")
            for day, kind in rows
        ),
    )


def selection(view: MarketView | None = None, **changes: Any) -> SelectionInputs:
    """A weekly choice in the calm market, with the edge of its forecast."""
    view = calm_view() if view is None else view
    level = level_of(view)
    values: dict[str, Any] = {
        "now": view.ts,
        "view": view,
        "level": level,
        "policy": replace(shipped_policy(), heed_events=True),
        "bucket": shipped_bucket("weekly"),
        "budget": make_budget(),
        "quality_settings": shipped_quality(),
        "rules": shipped_rules(),
        "stress": shipped_stress(),
        "density": forecast_density(level.forward, FORECAST**2 * SESSIONS / 252, 5.0),
        "lots_factor": 1.0,
        "expected_move_factor": shipped_bucket("weekly").expected_move_factor,
    }
    return SelectionInputs(**values | changes)


def proposal_inputs(**changes: Any) -> ProposalInputs:
    """A weekly decision in the calm market that ends in a condor."""
    values: dict[str, Any] = {
        "now": NOW,
        "bucket": Bucket.WEEKLY,
        "expiry": WEEKLY,
        "last_entry_at": None,
        "failed_entries": 0,
        "view": calm_view(),
        "capabilities": CAPABILITIES,
        "month_iv": 0.12,
        "month_iv_origin": "test",
        "outlook": make_outlook(),
        "budget": make_budget(),
        "policy": replace(shipped_policy(), heed_events=True),
        "bucket_policy": shipped_bucket("weekly"),
        "student_t_dof": 5.0,
        "iv_rv_settings": shipped_iv_rv(),
        "quality_settings": shipped_quality(),
        "rules": shipped_rules(),
        "events": None,
        "stress_settings": shipped_stress(),
    }
    return ProposalInputs(**values | changes)


def monthly_inputs(**changes: Any) -> ProposalInputs:
    """The same for the monthly bucket."""
    monthly: dict[str, Any] = {
        "bucket": Bucket.MONTHLY,
        "expiry": MONTHLY,
        "bucket_policy": shipped_bucket("monthly"),
        "budget": make_budget(bucket=Bucket.MONTHLY, trade_risk_max_inr=Decimal(40_000)),
    }
    return proposal_inputs(**monthly | changes)
