"""The frame for a screen: figures that add up with the book, and None where nothing is known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.engine.turns import ENGINE as PLAIN
from tests.fakes import TRADING, MemoryJournal, make_engine, make_runner, opening, session_started, simulated
from volguard.engine.state import State, Step
from volguard.engine.status import alerts_in, decision_line, decisions_in, status_of
from volguard.model.book import Trade, positions_of
from volguard.model.status import StatusView

ENGINE = make_engine(*TRADING)


def frame(state: State, step: Step, **changes: Any) -> StatusView | None:
    """One frame."""
    given: dict[str, Any] = {"recent": (), "alerts": (), "progress": None, **changes}
    return status_of(state, step, settings=ENGINE.settings, rules=ENGINE.rules, **given)


def test_no_frame_before_the_start() -> None:
    """There is nothing to show."""
    state = State()
    assert frame(state, Step(state=state, records=(), effects=())) is None


def test_a_session_without_a_market_shows_no_invented_figure() -> None:
    """Level, VIX, quality, result, Greeks: not available, and said so."""
    step = PLAIN.step(State(), session_started())
    view = frame(step.state, step)
    assert view is not None
    assert (view.reference_level, view.reference_origin) == (None, "not available")
    assert (view.vix, view.vix_origin) == (None, "not available")
    assert (view.data_quality, view.pnl_net_inr, view.charges_inr) == (None, None, "0.00")
    assert set(view.greeks.values()) == {None} and view.positions == () and view.open_orders == ()
    assert [bar.value for bar in view.limits[1:]] == [None] * 8


def cash_of_closed_legs(trade: Trade) -> Decimal:
    """Rupees made or lost on the contracts that a trade holds no more."""
    held = {position.contract for position in positions_of(trade.fills)}
    fills = [fill for fill in trade.fills if fill.contract not in held]
    return -sum((fill.side.sign * fill.quantity * fill.price for fill in fills), Decimal(0))


def test_a_frame_adds_up_with_the_book() -> None:
    """Positions, net result and used capital are those of the book after each step of a day."""
    day = simulated(seed=1, scenario="crash", start=2, stop=12)
    seen: list[tuple[State, Step]] = []
    make_runner(
        day.market, MemoryJournal(), engine=ENGINE, show=lambda state, step: seen.append((state, step))
    ).run(opening(day), State())
    shown = 0
    for state, step in seen:
        view = frame(state, step)
        assert view is not None and state.desk is not None
        desk = state.desk
        live = desk.book.live_trades
        assert sum(line.quantity for line in view.positions) == sum(p.quantity for p in desk.book.positions)
        assert len(view.open_orders) == len(desk.book.live_orders)
        used = sum(Decimal(str(bucket["used_inr"])) for bucket in view.buckets)
        assert used == sum((t.capital_used_inr for t in live), Decimal(0))
        assert view.new_decisions == tuple(decision_line(d) for d in decisions_in(step))
        assert len(alerts_in(step)) <= len(step.effects)
        if view.positions and desk.last_snapshot_at == desk.now and view.pnl_net_inr is not None:
            gross = sum(Decimal(line.pnl_inr) for line in view.positions if line.pnl_inr is not None)
            # Of a trade that leaves in parts, the legs that are gone have their result in cash.
            gone = sum((cash_of_closed_legs(trade) for trade in desk.book.trades), Decimal(0))
            assert abs(gross + gone - Decimal(view.charges_inr) - Decimal(view.pnl_net_inr)) <= Decimal(
                "0.06"
            )
            shown += 1
    assert shown >= 4


def test_a_decision_is_one_line() -> None:
    """Time, action, bucket, reason, text."""
    day = simulated(seed=1, scenario="crash", start=2, stop=5)
    journal = MemoryJournal()
    seen: list[Step] = []
    make_runner(day.market, journal, engine=ENGINE, show=lambda _state, step: seen.append(step)).run(
        opening(day), State()
    )
    lines = [decision_line(decision) for step in seen for decision in decisions_in(step)]
    assert lines and all("\n" not in line for line in lines)
    assert any(" ENTER WEEKLY T001 approved: IRON_CONDOR 2026-09-22 " in line for line in lines)
