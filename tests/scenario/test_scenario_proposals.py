"""Whatever the market does, nothing is proposed that does not pay, and every no has its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest

from tests.fakes import MemoryJournal, make_engine, make_runner, opening, shipped, simulated
from volguard.engine.state import State, Step
from volguard.model.book import StructureKind, Trade
from volguard.model.decision import Action, CandidateRecord, Decision
from volguard.model.event import DecisionMade

DAYS = (("calm", 1), ("calm", 3), ("trend", 3), ("crash", 1), ("crash", 2), ("spike", 1))
POLICY = shipped().strategy
# The fixed day lies before a decision of the FOMC: with it heeded nothing is opened at all.
ENGINE = make_engine("strategy.heed_events=false")
PROPOSED = (Action.ENTER, Action.PROPOSE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The decisions of a day under the shipped settings, and the trades that came of them."""

    decisions: tuple[Decision, ...]
    trades: tuple[Trade, ...]

    def candidates(self) -> Iterator[CandidateRecord]:
        """Every structure that was looked at."""
        for decision in self.decisions:
            yield from decision.candidates


@cache
def told(scenario: str, seed: int) -> Told:
    """One simulated day with its own daily history: the edge and the premium are judged."""
    day, found = simulated(seed=seed, scenario=scenario), list[Decision]()

    def note(state: State, step: Step) -> None:
        del state
        found.extend(r.decision for r in step.records if isinstance(r, DecisionMade))

    runner = make_runner(day.market, MemoryJournal(), engine=ENGINE, show=note)
    desk = runner.run(opening(day), State()).state.desk
    assert desk is not None
    return Told(decisions=tuple(found), trades=desk.book.trades)


def number(value: object) -> float:
    assert isinstance(value, int | float), value
    return float(value)


def test_some_days_trade_and_all_kinds_of_no_are_met() -> None:
    """The days are worth the tests below: entries, refusals, and waits of several reasons."""
    decisions = [decision for day in DAYS for decision in told(*day).decisions]
    assert sum(decision.action is Action.ENTER for decision in decisions) >= 5
    assert any(decision.action is Action.REFUSED for decision in decisions)
    assert len({d.reason for d in decisions if d.action is Action.WAIT}) >= 5
    structures = {trade.structure for day in DAYS for trade in told(*day).trades}
    assert {StructureKind.IRON_CONDOR, StructureKind.BEAR_CALL_SPREAD} <= structures


@pytest.mark.parametrize(("scenario", "seed"), DAYS)
def test_every_proposal_passed_the_cost_test_and_has_an_edge_under_p(scenario: str, seed: int) -> None:
    """Costs of entry and exit at most a tenth of the credit, net expected value above zero."""
    made = [
        d for d in told(scenario, seed).decisions if d.action in (*PROPOSED, Action.REFUSED) and d.candidates
    ]
    assert made
    for decision in made:
        figures = decision.figures
        assert figures["forecast_edge_judged"] is True
        assert number(figures["cost_share_of_credit"]) <= POLICY.cost_share_of_credit_max == 0.10
        assert number(figures["credit_share_of_width"]) >= POLICY.credit_share_of_width_min == 0.12
        assert number(figures["ev_p_per_unit"]) > 0.0
        assert figures["signal"] in ("SELL_FULL", "SELL_REDUCED")
        assert "ev_p_at_forecast_plus_1pt" in figures


@pytest.mark.parametrize(("scenario", "seed"), DAYS)
def test_the_costs_of_a_trade_are_a_tenth_of_its_credit_by_its_own_figures(scenario: str, seed: int) -> None:
    """What is reserved beyond the largest loss are the costs: at most a tenth of the credit of all lots."""
    for trade in told(scenario, seed).trades:
        costs = float(trade.reserved_inr - trade.max_loss_inr)
        assert 0.0 < costs <= 0.10 * trade.credit_per_unit * trade.units + 0.01


@pytest.mark.parametrize(("scenario", "seed"), DAYS)
def test_what_was_chosen_is_the_best_of_those_not_refused(scenario: str, seed: int) -> None:
    """No candidate that passed has a higher figure of the kind that ranked them."""
    for decision in told(scenario, seed).decisions:
        if decision.action not in PROPOSED:
            continue
        measure = str(decision.figures["ranked_by"])
        passing = [c for c in decision.candidates if not c.refusal]
        assert passing
        assert number(decision.figures[measure]) == max(number(c.figures[measure]) for c in passing)


@pytest.mark.parametrize(("scenario", "seed"), DAYS)
def test_no_entry_outside_its_window(scenario: str, seed: int) -> None:
    """From half past nine to a quarter to three."""
    for decision in told(scenario, seed).decisions:
        if decision.action in PROPOSED:
            assert POLICY.entry_from <= decision.ts.time() <= POLICY.entry_until


@pytest.mark.parametrize(("scenario", "seed"), DAYS)
def test_every_no_has_its_reason(scenario: str, seed: int) -> None:
    """A wait, a refusal and a candidate that was not taken name what stood in the way."""
    day = told(scenario, seed)
    for decision in day.decisions:
        assert decision.reason and decision.text
        if decision.action is Action.REFUSED:
            assert decision.breaches and all(breach.text for breach in decision.breaches)
        if decision.action is Action.WAIT and decision.candidates:
            assert all(candidate.refusal for candidate in decision.candidates)
    for candidate in day.candidates():
        assert candidate.refusal or candidate.lots >= 1
