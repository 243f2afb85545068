"""A short without its long is measured from its first second, limited, and then everything is closed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from tests.engine.turns import ENGINE, make_state
from tests.fakes import TS, call, put
from tests.model.books import make_trade
from volguard.engine.state import State, Step
from volguard.model.book import Book, Fill
from volguard.model.decision import Action, SafetyLevel, TradingState
from volguard.model.event import Alert, DecisionMade, NakedExposure, TimePassed
from volguard.model.instrument import OptionContract, Side

SHORT, LONG = put(24200), put(24000)
BUDGET_S = 2 * 15.0  # two looks of the source are longer than the setting


def fill(number: int, contract: OptionContract, side: Side, quantity: int = 65) -> Fill:
    return Fill(
        fill_id=f"F{number}",
        tag=f"VG-{number}",
        ts=TS,
        contract=contract,
        side=side,
        quantity=quantity,
        price=Decimal("8.20"),
        charges_inr=Decimal(1),
        touch_bid=None,
        touch_ask=None,
    )


NAKED = (fill(1, SHORT, Side.SELL),)
COVERED = (fill(1, SHORT, Side.SELL), fill(2, LONG, Side.BUY))


def holding(*fills: Fill) -> State:
    """A session that holds one trade of these fills."""
    return make_state(book=Book(trades=(replace(make_trade(), fills=fills),)))


def then(state: State, *fills: Fill) -> State:
    """The same session with other fills in its trade."""
    assert state.desk is not None
    book = Book(trades=(replace(state.desk.book.trades[0], fills=fills),))
    return replace(state, desk=replace(state.desk, book=book))


def at(seconds: float) -> datetime:
    return TS + timedelta(seconds=seconds)


def tick(state: State, *seconds: float) -> tuple[State, list[Step]]:
    steps = []
    for second in seconds:
        steps.append(ENGINE.step(state, TimePassed(ts=at(second))))
        state = steps[-1].state
    return state, steps


def codes(steps: list[Step]) -> list[str]:
    return [effect.code for step in steps for effect in step.effects if isinstance(effect, Alert)]


def exposures(steps: list[Step]) -> list[NakedExposure]:
    return [record for step in steps for record in step.records if isinstance(record, NakedExposure)]


def test_a_covered_short_is_no_naked_one() -> None:
    """A long of its type and expiry stands beside it, for as many units."""
    state, steps = tick(holding(*COVERED), 0, 60, 120)
    assert state.desk is not None and state.desk.naked is None
    assert exposures(steps) == [] and codes(steps) == []
    assert not ENGINE.waits_for_time(state)


def test_a_call_covers_no_put() -> None:
    """The long must be of the short's own kind."""
    state, _ = tick(holding(*NAKED, fill(2, call(24800), Side.BUY)), 0)
    assert state.desk is not None and state.desk.naked is not None


def test_what_was_naked_is_journaled_when_it_ends() -> None:
    """From the first event that saw it to the one that did not: seconds and units; no market, no loss."""
    state, _ = tick(holding(*NAKED), 10)
    assert ENGINE.waits_for_time(state)
    state, steps = tick(then(state, *COVERED), 14)
    (told,) = exposures(steps)
    assert (told.since, told.until, told.units_max, told.trades) == (at(10), at(14), 65, ("T1",))
    assert told.loss_inr_s is None  # there is no market in this test: not available is said, not made up
    assert state.desk is not None and state.desk.naked is None


def test_more_units_count_from_the_first() -> None:
    """A second short does not start the clock anew, nor does a part that is covered again."""
    state, _ = tick(holding(*NAKED), 0)
    state, _ = tick(then(state, fill(1, SHORT, Side.SELL, 130)), 5)
    state, steps = tick(then(state, *NAKED), 8)
    assert exposures(steps) == []
    _, steps = tick(then(state, *COVERED), 9)
    (told,) = exposures(steps)
    assert (told.since, told.units_max) == (at(0), 130)


def test_past_its_budget_everything_is_closed() -> None:
    """Halted, emergency, flatten decided, the operator paged; once, at the first event past the budget."""
    state, _ = tick(holding(*NAKED), 0)
    state, steps = tick(state, BUDGET_S)
    assert "emergency" not in codes(steps)
    state, steps = tick(state, BUDGET_S + 1)
    desk = state.desk
    assert desk is not None
    assert (desk.trading_state, desk.safety_level) == (TradingState.HALTED, SafetyLevel.EMERGENCY)
    assert desk.flatten_reason == "naked_short"
    assert codes(steps).count("emergency") == 1
    flattens = [
        record.decision.action
        for step in steps
        for record in step.records
        if isinstance(record, DecisionMade)
    ]
    assert flattens == [Action.FLATTEN]


def test_the_operator_is_paged_every_minute_until_it_is_flat() -> None:
    """Not more often, not less, and with what is still held; flat ends it."""
    state, _ = tick(holding(*NAKED), 0)
    state, first = tick(state, 31)
    state, steps = tick(state, 45, 60, 90, 91, 120, 151)
    assert codes(first).count("emergency") == 1
    assert [step.state.desk.now for step in steps if "emergency" in codes([step]) and step.state.desk] == [
        at(91),
        at(151),
    ]
    state, steps = tick(then(state), 300)
    assert "emergency" not in codes(steps)
    assert not ENGINE.waits_for_time(state)
