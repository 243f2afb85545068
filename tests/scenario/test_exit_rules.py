"""Over days of every kind: what is entered pays and keeps its hours, every no is told, every rule fires."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from datetime import date, time
from functools import cache

import pytest

from tests.fakes import TRADING, shipped
from tests.scenario.decision_checks import ENTRIES, judge, net_inr, number
from tests.scenario.played_days import SCENARIOS, DayOf, Told, plain_days, played, played_after
from volguard.model.book import Bucket, TradeState, positions_of
from volguard.model.decision import Action, Phase
from volguard.strategy import manage

# Five minutes a look are enough for every rule; results need looks near enough for legs to leave together.
CADENCE_S = float(os.environ.get("VOLGUARD_DAYS_CADENCE_S", "300"))
DAYS = plain_days(int(os.environ.get("VOLGUARD_DAYS", "20")), CADENCE_S)
BEFORE = DayOf(scenario="calm", seed=1, day=date(2026, 9, 15), overrides=TRADING)
THURSDAY = DayOf(scenario="calm", seed=1, day=date(2026, 9, 17), overrides=TRADING)
# What else would end the weekly trade before the rule that a day is for.
PATIENT = (*TRADING, "strategy.exit_stress_dwell_s=86400", "bucket.weekly.profit_share=1.0")
TO_EXPIRY = ("bucket.weekly.exit_sessions_before=0", "bucket.weekly.exit_at=15:00:00")


@cache
def event_tomorrow() -> Told:
    """16 September 2026 with a book: the Committee decides at night."""
    overrides = (*TRADING, "strategy.heed_events=true")
    return played_after(BEFORE, DayOf(scenario="calm", seed=1, day=date(2026, 9, 16), overrides=overrides))


@cache
def event_not_heeded() -> Told:
    """The same with the events shown alone, as shipped."""
    return played_after(BEFORE, DayOf(scenario="calm", seed=1, day=date(2026, 9, 16), overrides=TRADING))


@cache
def session_before_expiry() -> Told:
    """Monday the 21st with what was sold on Thursday for Tuesday."""
    return played_after(THURSDAY, DayOf(scenario="calm", seed=1, day=date(2026, 9, 21), overrides=PATIENT))


@cache
def day_of_expiry() -> Told:
    """Tuesday the 22nd with what was sold on Thursday, kept by settings until half past two."""
    overrides = (*PATIENT, *TO_EXPIRY)
    return played_after(THURSDAY, DayOf(scenario="calm", seed=1, day=date(2026, 9, 22), overrides=overrides))


@cache
def hedges_sold_too() -> Told:
    """The same day where no hedge is left to expire: it is not all out on the look after the question."""
    overrides = (*PATIENT, *TO_EXPIRY, "strategy.expiring_hedge_bid_max=0.0")
    return played_after(THURSDAY, DayOf(scenario="calm", seed=1, day=date(2026, 9, 22), overrides=overrides))


@cache
def small_target() -> Told:
    """A calm day on which a fiftieth of the credit is enough."""
    overrides = (*TRADING, "bucket.weekly.profit_share=0.02", "bucket.monthly.profit_share=0.02")
    return played(DayOf(scenario="calm", seed=2, day=date(2026, 9, 17), overrides=overrides))


@cache
def delta_ignored() -> Told:
    """A crash on which no delta is too large: the loss itself must end what was sold."""
    overrides = (*TRADING, "strategy.exit_short_delta=0.95")
    return played(DayOf(scenario="crash", seed=2, day=date(2026, 9, 17), overrides=overrides))


@cache
def crash_of_spreads() -> Told:
    """A crash that meets bear call spreads: volatility alone loses what they brought."""
    return played(DayOf(scenario="crash", seed=3, day=date(2026, 7, 7)))


@cache
def edge_alone() -> Told:
    """A day whose models expect twice the volatility, the premium not asked for: the edge must say no."""
    overrides = ("strategy.require_vrp=false",)
    return played(
        DayOf(scenario="calm", seed=1, day=date(2026, 9, 17), overrides=overrides, variance_factor=4.0)
    )


@cache
def long_pauses() -> Told:
    """Nobody answers, and after each question a bucket rests for four looks."""
    overrides = (*TRADING, "strategy.cool_down_s=1200")
    day = date(2026, 9, 17)
    return played(DayOf(scenario="calm", seed=1, day=day, overrides=overrides, phase=Phase.SEMI_AUTO))


@cache
def late_on_friday() -> Told:
    """Friday 11 September 2026, Monday is a holiday: the weekly options expire on the next session."""
    overrides = (*TRADING, "strategy.entry_from=12:01:00")
    return played(DayOf(scenario="calm", seed=1, day=date(2026, 9, 11), overrides=overrides))


BUILT = (
    event_tomorrow,
    session_before_expiry,
    day_of_expiry,
    hedges_sold_too,
    small_target,
    delta_ignored,
    crash_of_spreads,
    edge_alone,
    event_not_heeded,
    long_pauses,
    late_on_friday,
)


def all_days() -> list[Told]:
    """Every simulated day: the plain ones and those built for a rule."""
    return [played(day) for day in DAYS] + [build() for build in BUILT]


def test_the_plain_days_are_worth_judging() -> None:
    """Each kind of day trades, some days ask the operator, refusals and waits of many reasons are met."""
    entered = defaultdict[str, int](int)
    for day in DAYS:
        entered[day.scenario] += sum(1 for _ in played(day).of(*ENTRIES))
    assert set(entered) == set(SCENARIOS) and min(entered.values()) >= 2
    told = [played(day) for day in DAYS]
    assert sum(1 for one in told for _ in one.of(Action.PROPOSE)) >= 10
    assert any(True for one in all_days() for _ in one.of(Action.REFUSED))
    assert len({d.reason for one in told for d in one.of(Action.WAIT)}) >= 5


@pytest.mark.parametrize("day", DAYS, ids=lambda day: f"{day.scenario}-{day.seed}-{day.day}")
def test_a_plain_day_obeys_every_rule(day: DayOf) -> None:
    """Cost test, edge under P, hours and pauses of what is entered; a reason for every no; exits by rule."""
    judge(played(day))


@pytest.mark.parametrize("build", BUILT)
def test_a_day_built_for_a_rule_obeys_every_rule(build: object) -> None:
    """The same for the days that are made so that a rule is met at all."""
    assert callable(build)
    judge(build())


def test_a_decision_of_the_committee_empties_the_book_the_session_before() -> None:
    """All that was carried is left by the event rule, and nothing is opened."""
    told = event_tomorrow()
    assert told.carried is not None and len(told.carried.trades) == 2
    assert {d.reason for d in told.of(Action.EXIT)} == {"exit_event"}
    assert not list(told.of(*ENTRIES)) and told.desk.book.positions == ()
    assert not any(d.reason == "exit_event" for d in event_not_heeded().of(Action.EXIT))
    assert event_not_heeded().desk.book.positions


def test_what_has_no_edge_under_p_is_refused() -> None:
    """Where only the edge is asked for, structures are refused for want of it."""
    refused = [c for d in edge_alone().decisions for c in d.candidates if c.refusal == "no_edge_under_p"]
    assert refused and all(number(c.figures["ev_p_per_unit"]) <= 0.0 for c in refused)


def test_a_bucket_rests_after_each_question() -> None:
    """It waits for the cool-down, says so, and asks again when that is over."""
    assert len(list(long_pauses().of(Action.PROPOSE))) >= 4
    assert any(decision.reason == "cool_down" for decision in long_pauses().of(Action.WAIT))


def test_nothing_weekly_is_opened_on_the_afternoon_before_expiry() -> None:
    """After noon on the session before, also where a holiday makes that four days before."""
    weekly = [d for d in late_on_friday().decisions if d.bucket is Bucket.WEEKLY and d.ts.time() > time(12)]
    assert {d.reason for d in weekly} == {"entry_window"}
    assert any("the session before expiry" in d.text for d in weekly)
    assert any(d.bucket is Bucket.MONTHLY for d in late_on_friday().of(Action.ENTER))


def test_a_weekly_trade_is_left_on_the_session_before_expiry() -> None:
    """At one o'clock on Monday, and flat long before the close."""
    told = session_before_expiry()
    (decision,) = told.of(Action.EXIT)
    assert (decision.reason, f"{decision.ts:%a %H:%M}") == ("exit_time", "Mon 13:00")
    trade = told.desk.book.trade(str(decision.trade_id))
    assert trade.state is TradeState.CLOSED and positions_of(trade.fills) == ()


def test_no_short_is_held_into_its_expiry() -> None:
    """Asked for patiently at half past two, then at any price of the band: no short is left at the close."""
    asked, pressed = ("exit_time", "14:30"), ("exit_expiry", "14:35")
    for told, said in ((day_of_expiry(), [asked]), (hedges_sold_too(), [asked, pressed])):
        assert [(d.reason, f"{d.ts:%H:%M}") for d in told.of(Action.EXIT)] == said
        assert told.carried is not None
        assert any(leg.contract.expiry == told.day for trade in told.carried.trades for leg in trade.legs)
        expiring = [p for p in told.desk.book.positions if p.contract.expiry == told.day]
        assert all(position.quantity > 0 for position in expiring)


def test_a_trade_that_left_by_a_rule_has_its_decision() -> None:
    """No trade is on its way out for a rule's reason that no decision gave."""
    rules = {rule.__name__.removeprefix("_") for rule in manage._RULES}
    seen = 0
    for told in all_days():
        said = {(d.trade_id, d.reason.removeprefix("exit_")) for d in told.of(Action.EXIT)}
        for trade in told.desk.book.trades:
            if trade.exit_reason in rules:
                assert (trade.trade_id, trade.exit_reason) in said
                seen += 1
    assert seen >= 8


def test_no_day_loses_more_than_the_hard_stop() -> None:
    """Whatever the kind of day: net of charges, marked at the touch; prints what each kind made."""
    share = shipped().limits.hard_stop_share
    for scenario in SCENARIOS:
        told = [played(day) for day in DAYS if day.scenario == scenario]
        made = [net_inr(one) for one in told]
        assert all(net > -share * float(one.desk.account_inr) for net, one in zip(made, told, strict=True))
        entries = sum(1 for one in told for _ in one.of(Action.ENTER))
        exits = Counter(d.reason.removeprefix("exit_") for one in told for d in one.of(Action.EXIT))
        by_rule = ", ".join(f"{rule} {count}" for rule, count in sorted(exits.items())) or "none"
        print(  # noqa: T201 - what each kind of day came to
            f"{scenario:6} {len(told):4} days at {CADENCE_S:.0f} s: {entries:4} entries, "
            f"net {sum(made):+11.2f} INR, worst {min(made):+10.2f}, exits: {by_rule}"
        )


def test_every_exit_rule_fires_somewhere() -> None:
    """The rules that took a trade out over all these days are the rules that there are."""
    fired = {rule for told in all_days() for rule in judge(told)}
    assert fired == {rule.__name__.removeprefix("_") for rule in manage._RULES}
