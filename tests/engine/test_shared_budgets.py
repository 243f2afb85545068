"""What one trade has spoken for is not given to another, and a loss is not hidden by a missing mark."""

from __future__ import annotations

from tests.fakes import MemoryJournal, make_engine, make_runner, opening, simulated
from volguard.engine.state import State
from volguard.model.decision import Action
from volguard.model.event import DecisionMade, Place
from volguard.model.order import Purpose

TRADING = ("strategy.require_vrp=false", "strategy.require_forecast_edge=false")


def run(*overrides: str) -> MemoryJournal:
    journal = MemoryJournal()
    day = simulated(seed=1, cadence_s=60.0, start=10, stop=30)
    make_runner(day.market, journal, engine=make_engine(*TRADING, *overrides)).run(opening(day), State())
    return journal


def decided(journal: MemoryJournal) -> list[tuple[Action, str]]:
    records = [record for step in journal.steps for record in step[1] if isinstance(record, DecisionMade)]
    return [(record.decision.action, record.decision.reason) for record in records]


def entries_sent(journal: MemoryJournal) -> int:
    effects = [effect for step in journal.steps for effect in step[2] if isinstance(effect, Place)]
    return sum(effect.approved.request.purpose is Purpose.OPEN for effect in effects)


def test_a_second_trade_sees_the_orders_that_the_first_has_still_to_send() -> None:
    """Room for four orders is room for one condor: the other is refused before it buys a hedge."""
    plenty, four = run(), run("limits.orders_per_day_max=4")
    assert [action for action, _ in decided(plenty)].count(Action.ENTER) == 2
    assert [action for action, _ in decided(four)].count(Action.ENTER) == 1
    assert (Action.REFUSED, "orders_per_day") in decided(four)
    assert entries_sent(four) == 4 and entries_sent(plenty) == 8


def test_looks_that_are_too_far_apart_for_a_spike_say_so_in_the_decision() -> None:
    entered = [
        record.decision
        for step in run().steps
        for record in step[1]
        if isinstance(record, DecisionMade) and record.decision.action is Action.ENTER
    ]
    assert entered and all("vix_spike" not in decision.figures for decision in entered)
    journal = MemoryJournal()
    day = simulated(seed=1, cadence_s=300.0, start=2, stop=8)
    make_runner(day.market, journal, engine=make_engine(*TRADING)).run(opening(day), State())
    slow = [
        record.decision
        for step in journal.steps
        for record in step[1]
        if isinstance(record, DecisionMade) and record.decision.action is Action.ENTER
    ]
    assert slow and all(
        decision.figures["vix_spike"] == "not_applicable: the looks are too far apart" for decision in slow
    )


def test_a_decision_says_the_greeks_without_the_trade_and_with_it() -> None:
    """The second entry of a look begins where the first left the portfolio; its own bucket was flat."""
    first, second = (
        record.decision.figures
        for step in run().steps
        for record in step[1]
        if isinstance(record, DecisionMade) and record.decision.action is Action.ENTER
    )
    for name in ("delta_pnl_1pct_inr", "gamma_pnl_1pct_inr", "vega_per_pt", "theta_per_day"):
        assert first[f"{name}_portfolio_before"] == 0.0
        assert second[f"{name}_portfolio_before"] == first[f"{name}_portfolio_after"] != 0.0
        assert second[f"{name}_bucket_after"] == second[f"{name}_expiry_after"]
        whole = float(str(second[f"{name}_portfolio_before"])) + float(str(second[f"{name}_bucket_after"]))
        assert abs(whole - float(str(second[f"{name}_portfolio_after"]))) < 0.01
