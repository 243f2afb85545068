"""Days are played by the same loop as a session, and what one leaves the next begins with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from tests.fakes import (
    NIFTY,
    ROOT,
    TRADING,
    FakeClock,
    MemoryJournal,
    make_engine,
    make_runner,
    session_started,
    shipped,
    shipped_rules,
)
from volguard.backtest.play import DayPlan, PlayedDay, Player, PlaySettings
from volguard.config import Root
from volguard.engine.carried import book_to_carry
from volguard.engine.state import State
from volguard.model.book import positions_of
from volguard.model.errors import DataError
from volguard.model.event import DecisionMade, HistoryLoaded
from volguard.model.units import IST
from volguard.volatility.ewma_nse import sigma_after
from volguard.volatility.forecast import NO_FORECASTS
from volguard.wiring import SourceRequest, open_source

ENGINE = make_engine(*TRADING)
FIRST, SECOND = date(2026, 9, 16), date(2026, 9, 17)
SETTINGS = PlaySettings(paper_delay_s=0.5, gap_cadences=3.0, checkpoint_s=1800.0)


@cache
def plan(day: date, final_level: str | None = None) -> DayPlan:
    """A calm day of a look every five minutes, its margin known and no model fitted."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    asked = SourceRequest(seed=3, scenario="calm", cadence_s=300.0, trading_date=day)
    source = open_source(asked, shipped(), root, shipped_rules())
    assert source.history is not None
    opened = datetime.combine(day, time(9, 15), IST)
    index = source.history.daily(NIFTY, day)
    sigma = sigma_after([bar.day for bar in index], np.array([bar.close for bar in index]))
    history = HistoryLoaded(
        ts=opened,
        underlying=NIFTY,
        origin="simulator",
        index=index,
        vix=source.history.daily("INDIA_VIX", day),
        forecasts=replace(NO_FORECASTS, nse_sigma_daily=sigma),
    )
    started = replace(session_started(source.market.info), ts=opened, session_id=f"day {day}")
    level = None if final_level is None else Decimal(final_level)
    return DayPlan(market=source.market, started=started, history=history, final_level=level)


def player() -> Player:
    return Player(ENGINE, SETTINGS, FakeClock())


@cache
def two_days() -> tuple[PlayedDay, ...]:
    return tuple(player().play_all([plan(FIRST), plan(SECOND)]))


def test_a_played_day_is_the_session_of_that_day() -> None:
    """Decisions, fills and end are those of a runner that journals, on the same market."""
    first = two_days()[0]
    journal = MemoryJournal()
    exchange = player().exchange(plan(FIRST).market.info)
    runner = make_runner(plan(FIRST).market, journal, engine=ENGINE, exchange=exchange)
    desk = runner.run((plan(FIRST).started, plan(FIRST).history), State()).state.desk
    assert first.decisions == tuple(r.decision for r in journal.records if isinstance(r, DecisionMade))
    assert desk is not None and desk.book == first.desk.book and first.fills
    assert first.failed_steps == 0


def test_what_is_held_overnight_is_carried_and_every_rupee_is_accounted_for() -> None:
    """Cash of both days is that of all fills, charges off; what is held is the sum of them."""
    first, second = two_days()
    assert first.held and first.marks_inr is not None
    carried = [trade for trade in second.desk.book.trades if trade.fills and trade.fills[0] in first.fills]
    assert carried and first.settled == ()
    fills = [*first.fills, *second.fills]
    assert first.cash_inr + second.cash_inr == sum(f.cash_inr - f.charges_inr for f in fills)
    assert second.held == positions_of(fills)


def test_an_expiry_is_settled_at_the_official_close() -> None:
    """What is held of it after the close goes at its intrinsic value; without that close it is an error."""
    first = two_days()[0]
    expiry = min(p.contract.expiry for p in first.held)
    started = plan(expiry).started
    carried = book_to_carry(first.desk, "before", started.ts, expiry)
    # No look at the market: nothing closes it before the close.
    blind = replace(plan(expiry, "24000.00"), market=_Silent(plan(expiry).market))
    done = player().play(blind, carried)
    assert {one.contract.expiry for one in done.settled} == {expiry}
    assert all(p.contract.expiry > expiry for p in done.held)
    assert done.cash_inr == sum(one.cash_inr - one.charges_inr for one in done.settled)
    with pytest.raises(DataError, match="the official close is not known"):
        player().play(replace(blind, final_level=None), carried)


class _Silent:
    def __init__(self, market):  # type: ignore[no-untyped-def]
        self.info = market.info

    def snapshots(self, after=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return iter(())
