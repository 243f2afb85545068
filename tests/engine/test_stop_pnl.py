"""What the daily stops go by: a mark and the cash that belongs to it, never one without the other."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.engine.test_review_findings import ENGINE, desk_of, held
from volguard.engine.observe import stop_pnl_inr
from volguard.engine.state import Turn
from volguard.measure.touch import ClosingMark
from volguard.model.book import Trade


def turn_of(trades: tuple[Trade, ...], **gross: Decimal) -> Turn:
    state = held()
    desk = desk_of(state)
    desk = replace(desk, book=replace(desk.book, trades=trades), last_gross_inr=gross)
    return Turn(
        desk=desk, market=state.market, outlook=state.outlook, settings=ENGINE.settings, rules=ENGINE.rules
    )


def sound(value: str) -> ClosingMark:
    return ClosingMark(value_inr=Decimal(value), is_confirmed_price=True)


def suspect(value: str) -> ClosingMark:
    return ClosingMark(value_inr=Decimal(value), is_confirmed_price=False)


def two() -> tuple[Trade, Trade]:
    first, second = desk_of(held()).book.live_trades[:2]
    return first, second


def test_a_trade_in_flight_keeps_the_result_of_its_last_mark_whatever_cash_its_fills_moved() -> None:
    moving, other = two()
    # Half of its fills are gone from the book of the look before: cash and mark no longer belong together.
    before = replace(moving, fills=moving.fills[:2])
    turn = turn_of((moving, other), **{moving.trade_id: before.cash_inr + Decimal(-500)})
    pnl = stop_pnl_inr(turn, {moving.trade_id: None, other.trade_id: sound("-100")}, 1.0)
    kept = before.cash_inr - 500 - moving.charges_inr
    assert pnl == kept + other.cash_inr - 100 - other.charges_inr
    assert moving.cash_inr != before.cash_inr


def test_a_trade_that_never_had_a_mark_counts_at_the_touch_and_else_without_its_credit() -> None:
    fresh, other = two()
    rest = other.cash_inr - 100 - other.charges_inr
    touched = stop_pnl_inr(
        turn_of((fresh, other)), {fresh.trade_id: suspect("-9000"), other.trade_id: sound("-100")}, 1.0
    )
    assert touched == rest + fresh.cash_inr - 9000 - fresh.charges_inr
    blind = stop_pnl_inr(turn_of((fresh, other)), {fresh.trade_id: None, other.trade_id: sound("-100")}, 1.0)
    assert fresh.cash_inr > 0 and blind == rest - fresh.charges_inr


def test_without_one_sound_mark_nothing_new_is_said() -> None:
    first, second = two()
    turn = turn_of((first, second))
    assert stop_pnl_inr(turn, {first.trade_id: suspect("-1"), second.trade_id: None}, 1.0) is None
