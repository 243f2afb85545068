"""Days are played by the same loop as a session, and what one leaves the next begins with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta
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
from volguard.backtest.ledger import Ledger
from volguard.backtest.play import DayLeftOut, DayPlan, PlayedDay, Player, PlaySettings, SkippedDay
from volguard.config import Root
from volguard.engine.state import State
from volguard.model.book import positions_of
from volguard.model.errors import DataError
from volguard.model.event import DecisionMade, HistoryLoaded
from volguard.model.instrument import OptionContract
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
    played = tuple(player().play_all([plan(FIRST), plan(SECOND)]))
    assert all(isinstance(day, PlayedDay) for day in played)
    return played  # type: ignore[return-value]


def test_a_played_day_is_the_session_of_that_day() -> None:
    """Decisions, fills and end are those of a runner that journals, on the same market."""
    first = two_days()[0]
    journal = MemoryJournal()
    exchange = player().exchange(plan(FIRST).market.info)
    runner = make_runner(plan(FIRST).market, journal, engine=ENGINE, exchange=exchange)
    desk = runner.run((plan(FIRST).started, plan(FIRST).history), State()).state.desk
    assert first.decisions == tuple(r.decision for r in journal.records if isinstance(r, DecisionMade))
    assert desk is not None and desk.book == first.desk.book and first.fills
    assert first.failures == ()


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
    # No look at the market: nothing closes it before the close.
    blind = replace(plan(expiry, "24000.00"), market=_Silent(plan(expiry).market))
    _, done = player().play_all([plan(FIRST), blind])
    assert {one.contract.expiry for one in done.settled} == {expiry}
    assert isinstance(done, PlayedDay) and all(p.contract.expiry > expiry for p in done.held)
    assert done.cash_inr == sum(one.cash_inr - one.charges_inr for one in done.settled)
    with pytest.raises(DataError, match="the official close is not known"):
        list(player().play_all([plan(FIRST), replace(blind, final_level=None)]))


def test_a_day_left_out_settles_what_expires_on_it_and_trades_nothing() -> None:
    first = two_days()[0]
    expiry = min(p.contract.expiry for p in first.held)
    left_out = DayLeftOut(day=expiry, reason="no VIX", final_level=Decimal("24000.00"))
    _, skipped = player().play_all([plan(FIRST), left_out])
    assert isinstance(skipped, SkippedDay) and skipped.reason == "no VIX"
    assert [one.contract for one in skipped.settled] == [
        p.contract for p in first.held if p.contract.expiry == expiry
    ]
    assert skipped.attribution.total_inr == skipped.cash_inr - sum(
        (p.quantity * _mid_of(first, p.contract) for p in first.held if p.contract.expiry == expiry),
        Decimal(0),
    )


def test_the_attribution_of_each_day_sums_to_its_p_and_l() -> None:
    first, second = two_days()
    assert first.marks_inr is not None and second.marks_inr is not None
    made = first.cash_inr + first.marks_inr
    assert first.attribution.total_inr == made
    made = second.cash_inr + second.marks_inr - first.marks_inr
    assert second.attribution.total_inr == made
    assert first.attribution.costs_inr == -first.charges_inr and first.attribution.execution_inr < 0


def test_an_expiry_that_was_moved_takes_what_is_held_along() -> None:
    first = two_days()[0]
    day = first.held[0].contract.expiry
    moved = {day: day - timedelta(days=1)}
    _, second = player().play_all([plan(FIRST), replace(plan(SECOND), moved=moved)])
    assert isinstance(second, PlayedDay) and second.moved == moved
    carried = {fill.contract.expiry for trade in second.desk.book.trades for fill in trade.fills}
    assert day not in carried and day - timedelta(days=1) in carried


def test_what_a_record_ends_with_is_in_its_last_value() -> None:
    """An expiry on a day left out after the last session: the account has its settlement."""
    first = two_days()[0]
    expiry = min(p.contract.expiry for p in first.held)
    left_out = DayLeftOut(day=expiry, reason="no bar", final_level=Decimal("30000.00"))
    ledger = Ledger(Decimal(2_000_000), ENGINE.rules.contracts, NIFTY)
    for day in player().play_all([plan(FIRST), left_out]):
        ledger.take(day)
    ledger.finish()
    (row,) = ledger.sessions
    assert row.value_inr == ledger.capital_inr + row.attribution.total_inr
    taxed = sum((one.charges_inr for trade in ledger.trades for one in trade.settled), Decimal(0))
    assert taxed > 0 and row.attribution.costs_inr == -row.charges_inr
    closed = {trade.trade_id: trade for trade in ledger.trades}
    settled = [trade for trade in closed.values() if trade.settled]
    assert settled and all(trade.closed_on == expiry for trade in settled)
    if not ledger.open_trades:
        assert row.value_inr == ledger.capital_inr + sum((t.net_inr for t in ledger.trades), Decimal(0))


def test_an_expiry_moved_to_a_day_left_out_is_settled_to_its_trade() -> None:
    first = two_days()[0]
    expiry = min(p.contract.expiry for p in first.held)
    earlier = expiry - timedelta(days=1)
    left_out = DayLeftOut(
        day=earlier, reason="no bar", final_level=Decimal("24000.00"), moved={expiry: earlier}
    )
    ledger = Ledger(Decimal(2_000_000), ENGINE.rules.contracts, NIFTY)
    for day in player().play_all([plan(FIRST), left_out]):
        ledger.take(day)
    assert [trade.closed_on for trade in ledger.trades if trade.settled] == [earlier]
    assert [note.day for note in ledger.notes if "moved it" in note.text] == [earlier]


def _mid_of(day: PlayedDay, contract: OptionContract) -> Decimal:
    last = list(plan(day.trading_date).market.snapshots())[-1]
    row = last.listing.row(contract)
    assert row is not None
    return Decimal(repr(float(0.5 * (last.bid[row] + last.ask[row]))))


class _Silent:
    def __init__(self, market):  # type: ignore[no-untyped-def]
        self.info = market.info

    def snapshots(self, after=None):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return iter(())
