"""Portfolios and sessions on a chain with known answers, for the views of risk, stress and margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tests.chains import (
    CAPABILITIES,
    DAY,
    LOT,
    MONTHLY,
    NIFTY,
    NOW,
    condor,
    flat_vol_snapshot,
    view_of,
)
from tests.fakes import shipped, shipped_rules
from tests.model.books import make_fill, make_trade
from volguard.engine.state import Desk, State
from volguard.measure.market_view import MarketView
from volguard.model.book import Book, Bucket, Trade
from volguard.model.decision import Phase
from volguard.model.market import ChainSnapshot, DailyBar, SourceInfo
from volguard.operations.journal_state import JournalState
from volguard.operations.portfolio import Portfolio, portfolio_of_legs
from volguard.strategy.legs_text import legs_of
from volguard.volatility.forecast import NO_FORECASTS
from volguard.volatility.outlook import NO_OUTLOOK, Outlook

CONDOR = "+24300PE -24500PE -25100CE +25300CE"
PREVIOUS = date(2025, 9, 2)
CLOSE = 24_750.0
SIGMA_DAILY = 0.008
SETTINGS = shipped()


def exact_view(snapshot: ChainSnapshot | None = None) -> MarketView:
    """Quotes that are not rounded to the tick, so that mids are theoretical prices."""
    return view_of(flat_vol_snapshot(tick=None) if snapshot is None else snapshot)


def steady_bars(count: int = 400, last: date = PREVIOUS) -> tuple[DailyBar, ...]:
    """Sessions whose log returns are +0.8 % and -0.8 % in turn, so that their EWMA is 0.008 a day."""
    days = shipped_rules().calendar.trading_days(date(2023, 1, 1), last)[-count:]
    steps = SIGMA_DAILY * np.where(np.arange(len(days)) % 2, 1.0, -1.0)
    levels = CLOSE * np.exp(np.cumsum(steps) - steps.sum())
    return tuple(
        DailyBar(day=day, open=None, high=None, low=None, close=level)
        for day, level in zip(days, levels.tolist(), strict=True)
    )


def of_legs(
    legs: str = CONDOR,
    *,
    lots: int = 1,
    bars: Sequence[DailyBar] | None = None,
    view: MarketView | None = None,
) -> Portfolio:
    """A structure on the exact chain, with steady history unless told otherwise."""
    view = exact_view() if view is None else view
    return portfolio_of_legs(
        view,
        legs_of(legs, view.listing, None),
        lots=lots,
        bars=steady_bars() if bars is None else bars,
        settings=SETTINGS,
    )


def black_call(forward: float, strike: float, years: float, sigma: float, discount: float) -> float:
    """Black (1976), written out here."""
    deviation = sigma * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2.0))

    return discount * (forward * phi(d1) - strike * phi(d1 - deviation))


def filled_trade(trade_id: str = "T1", *, lots: int = 2, expiry: date | None = None, **changes: Any) -> Trade:
    """A condor all of whose legs are filled, weekly unless an expiry is given."""
    legs = (
        condor(24_300, 24_500, 25_100, 25_300)
        if expiry is None
        else condor(23_800, 24_200, 25_400, 25_800, expiry)
    )
    fills = [
        make_fill(leg.side, lots * LOT, "10.00", contract=leg.contract, number=number)
        for number, leg in enumerate(legs)
    ]
    return make_trade(*fills, trade_id=trade_id, legs=legs, lots=lots, **changes)


def two_trades() -> tuple[Trade, Trade]:
    """A weekly condor of two lots and a monthly one of one; the monthly's margin is above its risk."""
    weekly = filled_trade(reserved_inr=Decimal(25_000), margin_inr=Decimal(20_000))
    monthly = filled_trade(
        "T2",
        lots=1,
        expiry=MONTHLY,
        bucket=Bucket.MONTHLY,
        reserved_inr=Decimal(22_000),
        margin_inr=Decimal(90_000),
    )
    return weekly, monthly


def session(
    *trades: Trade, view: MarketView | None = None, outlook: Outlook | None = None, **changes: Any
) -> JournalState:
    """A session that holds these trades, on the exact chain and with a history unless told otherwise."""
    info = SourceInfo(
        kind="replay",
        label="made",
        underlying=NIFTY,
        trading_date=DAY,
        capabilities=CAPABILITIES,
        digest="d",
    )
    desk = Desk(
        session_id="replay-2025-09-03-1",
        session_code="c0de",
        phase=Phase.SHADOW,
        trading_date=DAY,
        source=info,
        now=NOW,
        account_inr=Decimal(2_000_000),
        book=Book(trades=trades),
        quality=0.9,
        pnl_net_inr=Decimal("-10000"),
    )
    told = replace(
        NO_OUTLOOK,
        last_close=CLOSE,
        last_day=PREVIOUS,
        forecasts=replace(NO_FORECASTS, nse_sigma_daily=SIGMA_DAILY),
    )
    desk = replace(desk, **changes)
    market = exact_view() if view is None else view
    return JournalState(
        path=Path("journal/replay-2025-09-03-1.db"),
        seq=10,
        settings=SETTINGS,
        rules=shipped_rules(),
        desk=desk,
        state=State(desk=desk, market=market, outlook=told if outlook is None else outlook),
        ended=None,
    )
