"""A roll in a session: the tested side leaves at once, what takes its place is a proposal like any other."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from tests.chains import with_cells
from tests.fakes import TRADING, make_engine
from tests.museum.scene import Scene, crash_day
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.measure.touch import closing_mark
from volguard.model.book import StructureKind, Trade, TradeState, positions_of
from volguard.model.decision import Action, Decision, Phase
from volguard.model.event import (
    BookCarried,
    DecisionMade,
    KillSwitchSeen,
    Link,
    LinkChanged,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    ProposalAnswered,
    ProposalMade,
    TradeSplit,
)
from volguard.model.instrument import OptionType
from volguard.model.order import OrderState, Purpose
from volguard.model.proposal import Verdict
from volguard.volatility.regime import Regime

# The calls of the morning are tested early, and a spread alone passes the tests of a condor's credit.
EARLY = (
    *TRADING,
    "bucket.monthly.is_enabled=false",
    "account.capital_inr=10000000",
    "strategy.short_delta_max=0.14",
    "strategy.exit_short_delta=0.15",
    "strategy.credit_share_of_width_min=0.05",
)
ENGINE = make_engine(*EARLY)
CALLS = OptionType.CALL


@cache
def traded() -> Trade:
    """What the morning of the day trades: an iron condor of equal wings."""
    trade = Scene.holding(ENGINE).trade()
    fills = tuple(replace(fill, fill_id=f"yesterday-{fill.fill_id}") for fill in trade.fills)
    return replace(trade, fills=fills)


def carried(trade: Trade, engine: Engine = ENGINE) -> Scene:
    """A session that begins with a trade of the day before."""
    scene = Scene.opened(engine)
    made = trade.cash_inr - Decimal(4000)
    scene.tell(
        BookCarried(ts=scene.soon(), source="yesterday.db", trades=(trade,), last_gross_inr={"T001": made})
    )
    return scene


def uneven() -> Trade:
    """With calls that are 600 points wider than the puts: their fall outweighs what the calls are worth."""
    trade = traded()
    old = trade.legs[3].contract
    new = replace(old, strike=old.strike + 600)
    fills = tuple(replace(fill, contract=new) if fill.contract == old else fill for fill in trade.fills)
    legs = (*trade.legs[:3], replace(trade.legs[3], contract=new))
    return replace(trade, legs=legs, fills=fills, carried_pnl_inr=Decimal("-150.50"))


def decisions(scene: Scene, since: int = 0) -> list[Decision]:
    return [one.decision for one in scene.records[since:] if isinstance(one, DecisionMade)]


def until_out(scene: Scene) -> Decision:
    """Looks until a rule takes the trade out; that decision."""
    for _ in range(12):
        since = len(scene.records)
        scene.look()
        found = [one for one in decisions(scene, since) if one.action is Action.EXIT]
        if found:
            return found[0]
    raise AssertionError("no rule fired")


@cache
def _rolled() -> tuple[Scene, State]:
    scene = carried(uneven())
    before = scene.state
    while True:
        before, seen = scene.state, len(scene.records)
        scene.look()
        if any(one.action is Action.EXIT for one in decisions(scene, seen)):
            return scene, before


def rolled() -> Scene:
    """The session just after the step that decided the roll, its own to go on with."""
    scene = copy(_rolled()[0])
    scene.events, scene.effects, scene.records = list(scene.events), list(scene.effects), list(scene.records)
    return scene


def work(scene: Scene, looks: int) -> None:
    for _ in range(looks):
        scene.fill_all()
        scene.look()


# --- the closing half ----------------------------------------------------------------------------------


def test_the_tested_side_leaves_at_once_and_the_other_stays() -> None:
    """In the step of the decision its short is bought back; no order touches the puts."""
    scene = rolled()
    tested, rest = scene.desk.book.trades
    assert (tested.trade_id, tested.structure, tested.state) == (
        "T001",
        StructureKind.BEAR_CALL_SPREAD,
        TradeState.CLOSING,
    )
    assert (rest.trade_id, rest.structure, rest.state) == (
        "T002",
        StructureKind.BULL_PUT_SPREAD,
        TradeState.OPEN,
    )
    (bought,) = scene.placed(purpose=Purpose.CLOSE)
    assert bought.contract == uneven().legs[2].contract and bought.trade_id == "T001"
    work(scene, 3)
    closed = scene.placed(purpose=Purpose.CLOSE)
    assert {one.contract.option_type for one in closed} == {CALLS}
    assert scene.desk.book.trade("T001").state is TradeState.CLOSED
    assert positions_of(scene.desk.book.trade("T002").fills) == positions_of(rest.fills)


def test_the_exit_tells_the_roll_with_its_figures() -> None:
    """Stressed before and after, what the closing half costs and what the opening half would."""
    scene = rolled()
    (decision,) = [one for one in decisions(scene) if one.action is Action.EXIT]
    figures: dict[str, Any] = dict(decision.figures)
    assert (decision.reason, decision.trade_id) == ("exit_short_delta", "T001")
    assert decision.structure is StructureKind.IRON_CONDOR and "is rolled to" in decision.text
    assert figures["stressed_rolled_inr"] < figures["stressed_before_inr"]
    assert figures["stressed_book_rolled_inr"] < figures["stressed_book_before_inr"]
    assert figures["roll_cost_inr"] == pytest.approx(
        figures["roll_close_cost_inr"] + figures["roll_open_cost_inr"]
    )
    assert figures["roll_lots"] <= traded().lots


def test_the_split_changes_neither_cash_nor_what_the_day_has_made() -> None:
    """Net units, cash, charges and the day's result stand as they stood; the record says what went where."""
    scene, before = rolled(), _rolled()[1]
    assert before.desk is not None
    (old,), new = before.desk.book.trades, scene.desk.book.trades
    assert scene.desk.book.positions == before.desk.book.positions
    for name in ("cash_inr", "charges_inr", "carried_pnl_inr"):
        assert sum(getattr(part, name) for part in new) == getattr(old, name)
    view = scene.state.market
    assert view is not None
    tick = Decimal("0.05")
    for part in new:
        mark = closing_mark(view, positions_of(part.fills), tick)
        assert mark is not None and scene.desk.last_gross_inr[part.trade_id] == part.cash_inr + mark.value_inr
    (split,) = [one for one in scene.records if isinstance(one, TradeSplit)]
    assert (split.trade_id, split.structure) == ("T001", StructureKind.BEAR_CALL_SPREAD)
    assert split.rest.fills == new[1].fills


def test_what_is_left_keeps_the_place_of_the_condor() -> None:
    """A second condor of that expiry would double the side that is left."""
    scene = rolled()
    work(scene, 12)
    assert scene.desk.book.trade("T002").state is TradeState.OPEN
    kinds = [trade.structure for trade in scene.desk.book.trades]
    assert StructureKind.IRON_CONDOR not in kinds
    assert "already_held" in {one.reason for one in decisions(scene)}


# --- the opening half ----------------------------------------------------------------------------------


def test_nothing_is_opened_before_the_tested_side_is_out() -> None:
    """Unfilled it is waited for, for as long as is set and four looks at least; then it is left out."""
    scene = rolled()
    since = len(scene.records)
    for _ in range(6):
        scene.look()
    told = [one.reason for one in decisions(scene, since)]
    assert told[:4] == ["roll_closing", "roll_closing", "roll_closing", "roll_ended"]  # and nothing beside it
    assert "roll_closing" not in told[4:] and "roll_ended" not in told[4:]
    assert scene.desk.rolls == () and scene.placed(purpose=Purpose.OPEN) == []


def test_what_takes_its_place_is_entered_as_any_proposal() -> None:
    """A spread of that side and expiry, further out, in no more lots, hedge first, less stressed loss."""
    scene = rolled()
    work(scene, 2)
    (entered,) = [one for one in decisions(scene) if one.action is Action.ENTER]
    figures: dict[str, Any] = dict(entered.figures)
    made = scene.desk.book.trade("T003")
    assert made.structure is StructureKind.BEAR_CALL_SPREAD and figures["rolls"] == "T001"
    assert {leg.contract.expiry for leg in made.legs} == {traded().legs[0].contract.expiry}
    assert made.legs[0].contract.strike > traded().legs[2].contract.strike
    assert made.lots <= traded().lots
    assert figures["stressed_rolled_inr"] < figures["stressed_before_inr"]
    assert entered.candidates and figures["margin_after_inr"] > 0
    assert [one.contract for one in scene.placed(purpose=Purpose.OPEN)] == [made.legs[1].contract]
    assert scene.desk.rolls == ()


def test_in_semi_auto_the_operator_is_asked_for_the_opening_half_alone() -> None:
    """The closing half did not wait for him; without his yes nothing is opened."""
    scene = rolled()
    scene.state = replace(scene.state, desk=replace(scene.desk, phase=Phase.SEMI_AUTO))
    work(scene, 2)
    (made,) = [one for one in scene.records if isinstance(one, ProposalMade)]
    assert made.card.figures["rolls"] == "T001" and scene.placed(purpose=Purpose.OPEN) == []
    assert scene.desk.book.trade("T001").state is TradeState.CLOSED
    scene.tell(
        ProposalAnswered(
            ts=scene.soon(),
            proposal_id=made.card.proposal_id,
            digest=made.card.digest,
            verdict=Verdict.REJECT,
            reason="not today",
        )
    )
    scene.look()
    assert scene.desk.rolls == () and [t.trade_id for t in scene.desk.book.trades] == ["T001", "T002"]


def test_a_flatten_ends_the_roll_and_closes_both_sides() -> None:
    """Nothing is opened any more."""
    scene = rolled()
    scene.tell(OperatorSpoke(ts=scene.soon(), command=OperatorCommand.FLATTEN))
    work(scene, 5)
    assert scene.units() == {} and scene.desk.rolls == ()
    assert scene.placed(purpose=Purpose.OPEN) == []


def test_a_roll_ends_when_what_is_left_leaves_by_another_rule_than_profit() -> None:
    """A profit that is taken leaves the roll in force: the spread alone was judged as well."""
    for reason, is_over in (("loss", True), ("profit", False)):
        scene = rolled()
        trades = tuple(
            replace(one, state=TradeState.CLOSING, exit_reason=reason) if one.trade_id == "T002" else one
            for one in scene.desk.book.trades
        )
        scene.state = replace(
            scene.state, desk=replace(scene.desk, book=replace(scene.desk.book, trades=trades))
        )
        scene.look()
        assert (scene.desk.rolls == ()) is is_over


def test_the_budget_is_that_of_the_book_without_the_tested_side() -> None:
    """What the bucket may still risk is bound by the whole trade, and free again for the half that leaves."""
    scene = carried(replace(uneven(), max_loss_inr=Decimal(195_000), reserved_inr=Decimal(196_000)))
    assert "is rolled to" in until_out(scene).text


def wanting(scene: Scene, **changes: Any) -> Scene:
    """The roll that waits asks for something else."""
    (roll,) = scene.desk.rolls
    scene.state = replace(scene.state, desk=replace(scene.desk, rolls=(replace(roll, **changes),)))
    return scene


def test_no_more_lots_than_left() -> None:
    """However many the bucket would trade."""
    scene = wanting(rolled(), lots_max=1)
    work(scene, 2)
    assert scene.desk.book.trade("T003").lots == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"stressed_inr": 1.0}, "roll_stress"), ({"short_strike": 26_000}, "roll_not_further")],
)
def test_the_market_may_have_moved_when_the_tested_side_is_out(changes: dict[str, Any], reason: str) -> None:
    """What would not lower stressed loss any more, or would stand no further out, is not proposed."""
    scene = wanting(rolled(), **changes)
    work(scene, 2)
    assert decisions(scene)[-1].reason == reason
    assert [trade.trade_id for trade in scene.desk.book.trades] == ["T001", "T002"] and scene.desk.rolls


def test_a_halt_ends_the_roll() -> None:
    """The kill switch, where it closes nothing: the side that is left stays, nothing is opened."""
    scene = rolled()
    scene.engine = make_engine(*EARLY, "limits.kill_switch_flattens=false")
    scene.tell(KillSwitchSeen(ts=scene.soon(), present=True))
    scene.look()
    assert scene.desk.rolls == () and scene.desk.book.trade("T002").state is TradeState.OPEN
    assert [one.text for one in decisions(scene) if one.reason == "roll_ended"] == [
        "nothing takes the place of T001: trading is halted"
    ]


def test_another_process_comes_to_the_same_roll() -> None:
    """From the events alone."""
    scene = rolled()
    work(scene, 3)
    again = scene.restarted()
    assert again.desk == scene.desk and again.records == scene.records


# --- no roll -------------------------------------------------------------------------------------------


def test_a_condor_of_equal_wings_leaves_whole_and_says_why() -> None:
    """Without its calls the puts alone would lose more than the whole does."""
    scene = carried(traded())
    decision = until_out(scene)
    assert "not rolled: stressed loss of what is left" in decision.text
    figures: dict[str, Any] = dict(decision.figures)
    assert figures["stressed_rest_inr"] > figures["stressed_before_inr"]
    bought = scene.placed(purpose=Purpose.CLOSE)
    assert {one.contract for one in bought} == {leg.contract for leg in traded().legs[1:3]}
    assert scene.desk.rolls == () and len(scene.desk.book.trades) == 1


def test_without_a_spread_that_passes_all_tests_all_of_it_leaves() -> None:
    """As shipped a spread alone is too thin; the decision names the test."""
    scene = carried(uneven(), make_engine(*EARLY, "strategy.credit_share_of_width_min=0.12"))
    decision = until_out(scene)
    assert decision.text.endswith("not rolled: nothing takes its place (credit_thin)")
    assert len(scene.placed(purpose=Purpose.CLOSE)) == 2 and len(scene.desk.book.trades) == 1


def test_switched_off_the_exit_is_the_ordinary_one() -> None:
    scene = carried(uneven(), make_engine(*EARLY, "strategy.adjust_tested_side=false"))
    decision = until_out(scene)
    assert "roll" not in decision.figures and "rolled" not in decision.text
    assert len(scene.placed(purpose=Purpose.CLOSE)) == 2


def test_a_trade_that_another_rule_takes_out_as_well_is_not_rolled() -> None:
    """It is past its time: nothing of it is kept."""
    late = make_engine(*EARLY, "bucket.weekly.exit_sessions_before=4", "bucket.weekly.exit_at=09:46:00")
    scene = carried(uneven(), late)
    found = until_out(scene)
    if found.reason == "exit_time":  # a look before the delta was confirmed
        pytest.fail("the rule of time came first: the scene does not show what it is for")
    assert "another rule as well (time)" in found.text
    assert len(scene.desk.book.trades) == 1


def test_while_new_risk_is_frozen_nothing_is_rolled() -> None:
    """A token that is gone freezes it; the exit goes on, whole."""
    scene = carried(uneven())
    scene.tell(LinkChanged(ts=scene.soon(), link=Link.TOKEN, is_up=False, text="the token has ended"))
    decision = until_out(scene)
    assert decision.text.endswith("not rolled: trading state is REDUCING")


def test_against_the_trend_nothing_is_rolled() -> None:
    """Calls are not sold anew while the strategy itself would sell puts alone."""
    scene = carried(uneven())
    outlook = scene.state.outlook
    regime = replace(outlook.regime, regime=Regime.TREND_UP)
    scene.state = replace(scene.state, outlook=replace(outlook, regime=regime))
    assert until_out(scene).text.endswith("not rolled: the regime is TREND_UP")


def test_a_side_that_cannot_be_marked_keeps_the_trade_whole() -> None:
    """What each part has made would be a guess."""
    scene = copy(_rolled()[0])
    scene.state, scene.records, scene.effects = _rolled()[1], [], []
    shot = crash_day().market.shots[scene.looks - 1]
    dear = with_cells(shot, traded().legs[1].contract, ask=200.0)
    scene.tell(MarketSnapshot(ts=shot.ts, snapshot=dear))
    (decision,) = [one for one in decisions(scene) if one.action is Action.EXIT]
    assert decision.text.endswith("not rolled: a side has no confirmed mark")
    assert len(scene.desk.book.trades) == 1


def test_an_order_of_the_trade_that_may_still_fill_keeps_it_whole() -> None:
    """A fill that comes later would be booked to a trade that has no such leg any more."""
    scene = Scene.holding(ENGINE)
    trade = scene.trade()
    first = scene.desk.book.orders[0]
    orders = (replace(first, state=OrderState.OPEN, filled_quantity=0), *scene.desk.book.orders[1:])
    book = replace(scene.desk.book, orders=orders)
    scene.state = replace(scene.state, desk=replace(scene.desk, book=book))
    decision = until_out(scene)
    assert decision.trade_id == trade.trade_id
    assert decision.text.endswith("not rolled: an order of it may still fill")
