"""What an adversarial review found, each as a rule that now holds: short made-up sessions, step by step."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest

from tests.chains import with_cells
from tests.fakes import TRADING, Day, MemoryJournal, make_engine, make_runner, opening, simulated
from volguard.cli.session import _exit_code
from volguard.engine.state import Desk, State, Step
from volguard.engine.step import Engine
from volguard.measure.payoff import max_loss_points
from volguard.model.book import Bucket, Trade, TradeState
from volguard.model.decision import Action, Decision, TradingState
from volguard.model.errors import NotFlat, VolguardError
from volguard.model.event import Alert, Cancel, DecisionMade, Event, MarketSnapshot, OrderFilled, Place
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import ChainSnapshot
from volguard.model.order import OrderRequest, Purpose, Urgency
from volguard.model.units import rupees
from volguard.pricing.quote_flags import QuoteFlag
from volguard.risk.stops import StopState
from volguard.runner import Outcome

ENGINE = make_engine(*TRADING)
DELTA = "strategy.exit_short_delta=0.01"  # holds for every short
NEVER_SEEN_ENOUGH = ("strategy.confirm_snapshots=1000", "strategy.confirm_s=1000000.0")
DUE = ("bucket.weekly.exit_sessions_before=9",)
HELD = 22  # a look at which a weekly and a monthly trade are open


@cache
def day() -> Day:
    """A quiet morning before a crash, a look every five minutes."""
    return simulated(seed=1, scenario="crash", start=2, stop=32)


@cache
def walk() -> tuple[tuple[State, Event, Step], ...]:
    """Every event of the morning with the state before it and its step."""
    journal = MemoryJournal()
    make_runner(day().market, journal, engine=ENGINE).run(opening(day()), State())
    state, told = State(), []
    for event in journal.events:
        step = ENGINE.step(state, event)
        told.append((state, event, step))
        state = step.state
    return tuple(told)


def desk_of(state: State) -> Desk:
    """The desk of a session that has begun."""
    assert state.desk is not None
    return state.desk


def held(number: int = HELD) -> State:
    """The state just before a look at which both trades are open."""
    shot = day().market.shots[number]
    state = next(b for b, e, _ in walk() if isinstance(e, MarketSnapshot) and e.ts == shot.ts)
    trades = desk_of(state).book.live_trades
    assert {t.bucket for t in trades if t.state is TradeState.OPEN} == {Bucket.WEEKLY, Bucket.MONTHLY}
    return state


def weekly(state: State) -> Trade:
    """The weekly trade."""
    return next(t for t in desk_of(state).book.live_trades if t.bucket is Bucket.WEEKLY)


def leg(trade: Trade, side: Side, kind: OptionType = OptionType.PUT) -> OptionContract:
    """One leg of a trade."""
    return next(
        line.contract for line in trade.legs if line.side is side and line.contract.option_type is kind
    )


def look(engine: Engine, state: State, shot: ChainSnapshot) -> Step:
    """One look at the market."""
    return engine.step(state, MarketSnapshot(ts=shot.ts, snapshot=shot))


def decided(step: Step, action: Action = Action.EXIT) -> list[Decision]:
    """Decisions of one kind."""
    found = [record.decision for record in step.records if isinstance(record, DecisionMade)]
    return [decision for decision in found if decision.action is action]


def placed(step: Step) -> list[OrderRequest]:
    """Orders that go out."""
    return [effect.approved.request for effect in step.effects if isinstance(effect, Place)]


def entering(side: Side) -> tuple[State, Event, Step]:
    """The first step that sends orders of an entry on one side."""
    return next(
        (before, event, step)
        for before, event, step in walk()
        if any(r.purpose is Purpose.OPEN and r.side is side for r in placed(step))
    )


def shifted(shot: ChainSnapshot, contract: OptionContract, points: float = 100.0) -> ChainSnapshot:
    """The look with one contract quoted far from where it belongs."""
    row = shot.listing.row(contract)
    assert row is not None
    return with_cells(shot, contract, bid=shot.bid[row] + points, ask=shot.ask[row] + points)


# --- exits -------------------------------------------------------------------------------------------


def test_a_bidless_wing_switches_no_stop_off() -> None:
    """Neither the stops of the trade that holds the wing nor those of another."""
    state, engine = held(), make_engine(*TRADING, DELTA)
    wing = leg(weekly(state), Side.BUY)
    left: set[str | None] = set()
    for shot in day().market.shots[HELD : HELD + 2]:
        step = look(engine, state, with_cells(shot, wing, bid=math.nan, bid_qty=0))
        left |= {decision.trade_id for decision in decided(step)}
        state = step.state
    assert left == {trade.trade_id for trade in desk_of(held()).book.live_trades}


def test_a_signal_that_cannot_be_confirmed_does_not_mask_the_time_exit() -> None:
    """Delta holds and is never seen often enough; the deadline needs no confirmation."""
    engine = make_engine(*TRADING, DELTA, *NEVER_SEEN_ENOUGH, *DUE)
    step = look(engine, held(), day().market.shots[HELD])
    assert [(d.trade_id, d.reason) for d in decided(step)] == [(weekly(held()).trade_id, "exit_time")]


def test_alternating_rules_confirm_each_other() -> None:
    """Delta at the first look, loss at the second: two looks said that the trade must go."""
    state = held()
    first = look(make_engine(*TRADING, DELTA), state, day().market.shots[HELD])
    assert decided(first) == []
    assert {c.rule for c in desk_of(first.state).confirmations} == {"short_delta"}
    lossy = make_engine(*TRADING, "strategy.exit_short_delta=0.99", "strategy.loss_credits_max=0.0001")
    shot = day().market.shots[HELD + 1]
    for trade in desk_of(state).book.live_trades:  # dear, and by less than makes a quote suspect
        shot = shot if trade.bucket is Bucket.MONTHLY else _dearer(shot, trade)
    second = look(lossy, first.state, shot)
    assert (weekly(state).trade_id, "exit_loss") in [(d.trade_id, d.reason) for d in decided(second)]


def _dearer(shot: ChainSnapshot, trade: Trade) -> ChainSnapshot:
    for line in trade.legs:
        row = shot.listing.row(line.contract)
        assert row is not None
        if line.side is Side.SELL:
            shot = with_cells(shot, line.contract, ask=shot.ask[row] + 1.0)
    return shot


def leaving_patiently() -> Step:
    """The weekly trade is due: its exit is patient, and nobody fills it."""
    return look(make_engine(*TRADING, *DUE), held(), day().market.shots[HELD])


def urgencies(state: State) -> set[Urgency]:
    """Of the weekly trade's exits."""
    mine = weekly(held()).trade_id
    return {b.urgency for b in desk_of(state).baskets if b.trade_id == mine}


def test_a_patient_exit_that_nobody_fills_becomes_urgent() -> None:
    """After its time, with an alert that says so."""
    step = leaving_patiently()
    assert urgencies(step.state) == {Urgency.MEDIUM}
    codes: list[str] = []
    for shot in day().market.shots[HELD + 1 : HELD + 6]:
        step = look(make_engine(*TRADING, *DUE), step.state, shot)
        codes += [effect.code for effect in step.effects if isinstance(effect, Alert)]
    assert urgencies(step.state) == {Urgency.HIGH}
    assert codes.count("exit_slow") == 2  # calls and puts


def test_a_stop_makes_a_patient_exit_urgent_before_its_time() -> None:
    """A trade on its way out is still watched: two looks at the delta, and the exit hurries."""
    engine = make_engine(*TRADING, *DUE, DELTA, "execution.basket_timeout_s=100000.0")
    step = leaving_patiently()
    for shot in day().market.shots[HELD + 1 : HELD + 3]:
        step = look(engine, step.state, shot)
    assert urgencies(step.state) == {Urgency.HIGH}


def test_one_urgent_side_does_not_leave_the_other_patient() -> None:
    """The calls are urgent already: two looks at the delta still hurry the puts."""
    engine = make_engine(*TRADING, *DUE, DELTA, "execution.basket_timeout_s=100000.0")
    state = leaving_patiently().state
    desk = desk_of(state)
    calls = tuple(
        replace(basket, urgency=Urgency.HIGH) if basket.basket_id.endswith("C") else basket
        for basket in desk.baskets
    )
    state = replace(state, desk=replace(desk, baskets=calls))
    assert urgencies(state) == {Urgency.HIGH, Urgency.MEDIUM}
    for shot in day().market.shots[HELD + 1 : HELD + 3]:
        state = look(engine, state, shot).state
    assert urgencies(state) == {Urgency.HIGH}


def test_a_trade_without_a_sound_mark_counts_with_its_last_one() -> None:
    """One leg is quoted 100 points off: the stops go by what the trade was last worth."""
    trade, shots = weekly(held()), day().market.shots
    first = look(ENGINE, held(), shots[HELD]).state
    later = shifted(shots[HELD + 1], leg(trade, Side.SELL))
    second = look(ENGINE, first, later).state
    before, after = desk_of(first).last_gross_inr, desk_of(second).last_gross_inr
    assert after[trade.trade_id] == before[trade.trade_id]
    others = set(before) - {trade.trade_id}
    assert others and all(after[other] != before[other] for other in others)


def test_looks_at_a_frozen_chain_confirm_nothing() -> None:
    """The delta rule holds three times, the third on a chain that has stood still for ten minutes."""
    engine = make_engine(*TRADING, DELTA, "strategy.confirm_snapshots=3", "strategy.confirm_s=1000000.0")
    shots, state = day().market.shots, held()
    counts: list[int] = []
    for shot in shots[HELD : HELD + 3]:
        step = look(engine, state, replace(shots[HELD], ts=shot.ts))
        assert decided(step) == []
        state = step.state
        counts.append(len(desk_of(state).confirmations))
    assert counts == [2, 2, 0]


def test_what_can_be_lost_follows_from_what_was_received() -> None:
    """Filled away from the proposal: maximum loss and reserve are those of the real fills."""
    trades = desk_of(held()).book.live_trades
    for trade in trades:
        credit = float(trade.entry_credit_inr) / trade.units
        loss = max_loss_points(trade.legs, credit)
        assert loss is not None
        assert trade.max_loss_inr == rupees(loss * trade.units)
    assert any(float(t.entry_credit_inr) / t.units != pytest.approx(t.credit_per_unit) for t in trades)


def test_call_hedges_do_not_wait_for_put_shorts() -> None:
    """The call short is bought back: the call hedge is sold while the put short still works."""
    step, trade = leaving_patiently(), weekly(held())
    shorts = [r for r in placed(step) if r.trade_id == trade.trade_id]
    assert {r.contract.option_type for r in shorts} == set(OptionType)
    assert {r.side for r in shorts} == {Side.BUY}
    calls = [r for r in shorts if r.contract.option_type is OptionType.CALL]
    sent: list[OrderRequest] = []
    for number, wanted in enumerate(calls):
        filled = OrderFilled(
            ts=desk_of(step.state).now,
            tag=wanted.tag,
            fill_id=f"x{number}",
            quantity=wanted.quantity,
            price=wanted.limit_price,
        )
        step = ENGINE.step(step.state, filled)
        sent += placed(step)
    step = look(make_engine(*TRADING, *DUE), step.state, day().market.shots[HELD + 1])
    sent += placed(step)
    assert {(r.contract, r.side) for r in sent} == {(leg(trade, Side.BUY, OptionType.CALL), Side.SELL)}


def test_a_shifted_short_quote_triggers_no_exit() -> None:
    """A hundred points on one short's quote are a wrong quote, not a loss, however often they are seen."""
    state = held()
    short = leg(weekly(state), Side.SELL)
    for shot in day().market.shots[HELD : HELD + 4]:
        step = look(ENGINE, state, shifted(shot, short))
        assert decided(step) == [] and decided(step, Action.FLATTEN) == [] and placed(step) == []
        state = step.state


# --- entries -----------------------------------------------------------------------------------------


def test_nothing_is_sold_on_a_shifted_quote() -> None:
    """The short that the clean look would have led to is not entered at the wrong price."""
    before, event, step = entering(Side.BUY)
    assert isinstance(event, MarketSnapshot)
    trade = next(t for t in desk_of(step.state).book.trades if t.bucket is Bucket.WEEKLY)
    short = leg(trade, Side.SELL)
    spoiled = look(ENGINE, before, shifted(event.snapshot, short))
    entered = [line.contract for t in desk_of(spoiled.state).book.trades for line in t.legs]
    assert short not in entered
    assert short not in [request.contract for request in placed(spoiled)]


def test_the_second_wave_is_refused_on_a_shifted_quote() -> None:
    """Hedges held, and the short's quote jumps: it is not sold."""
    before, event, step = entering(Side.SELL)
    short = next(r.contract for r in placed(step) if r.side is Side.SELL)
    assert isinstance(event, MarketSnapshot)
    spoiled = look(ENGINE, before, shifted(event.snapshot, short))
    assert short not in [request.contract for request in placed(spoiled)]


def test_resting_entries_are_withdrawn_in_reducing() -> None:
    """After a soft stop the next look cancels every entry that rests, and sends none."""
    _, _, step = entering(Side.BUY)
    desk = desk_of(step.state)
    reduced = replace(
        desk,
        trading_state=TradingState.REDUCING,
        degraded_by=("soft_stop",),
        stops=StopState(soft=True),
    )
    resting = {o.request.tag for o in desk.book.live_orders if o.request.purpose is Purpose.OPEN}
    shot = next(s for s in day().market.shots if s.ts > desk.now)
    after = look(ENGINE, replace(step.state, desk=reduced), shot)
    assert resting
    assert {effect.tag for effect in after.effects if isinstance(effect, Cancel)} == resting
    assert not [r for r in placed(after) if r.purpose is Purpose.OPEN]


def test_the_second_wave_refuses_a_thin_credit() -> None:
    """What the shorts would bring when the hedges are paid for is judged again, and hedges alone are sold."""
    before, event, step = entering(Side.SELL)
    trade_id = next(r.trade_id for r in placed(step) if r.side is Side.SELL)
    strict = make_engine(*TRADING, "strategy.credit_share_of_width_min=0.9")
    refused = strict.step(before, event)
    assert not [r for r in placed(refused) if r.purpose is Purpose.OPEN]
    assert "credit_thin" in repr(refused.records)
    assert desk_of(refused.state).book.trade(trade_id).state is not TradeState.OPEN


def frozen(*, is_alive: bool) -> Day:
    """A feed without quote times that repeats its first chain; alive when it does not repeat it."""
    whole = simulated(seed=1, scenario="crash", start=0, stop=14)
    shots = whole.market.shots
    info = whole.market.info
    info = replace(info, capabilities=replace(info.capabilities, quote_time=False))
    repeated = tuple(replace(shot if is_alive else shots[0], ts=shot.ts, quote_age_s=None) for shot in shots)
    return Day(market=replace(whole.market, info=info, shots=repeated), history=whole.history)


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_frozen_chain_becomes_stale_and_opens_no_trade(is_alive: bool) -> None:
    """Not one quote changes: however good it looks, it is no market. The same feed alive is traded."""
    feed, state = frozen(is_alive=is_alive), State()
    for event in opening(feed):
        state = ENGINE.step(state, event).state
    for shot in feed.market.shots:
        step = look(ENGINE, state, shot)
        state = step.state
    desk, market = desk_of(state), state.market
    assert market is not None and bool(desk.book.trades) is is_alive
    is_stale = (market.flags & int(QuoteFlag.STALE)) > 0
    assert is_stale.all() if not is_alive else not is_stale.any()
    if not is_alive:
        assert {decision.reason for decision in decided(step, Action.WAIT)} == {"trading_reducing"}
        assert "feed_frozen" in desk.degraded_by


def test_three_failed_entries_stop_the_bucket() -> None:
    """Sent three times and never complete: the bucket waits for the rest of the day, and says why."""
    before, event, step = entering(Side.BUY)
    made = desk_of(step.state).book.trades[0]
    desk = desk_of(before)

    def after(failures: int) -> Step:
        gone = tuple(
            replace(made, trade_id=f"T9{i}", state=TradeState.ABANDONED, fills=(), opened_at=None)
            for i in range(failures)
        )
        book = replace(desk.book, trades=(*desk.book.trades, *gone))
        return ENGINE.step(replace(before, desk=replace(desk, book=book)), event)

    mine = [t.trade_id for t in desk_of(after(2).state).book.live_trades if t.bucket is made.bucket]
    assert len(mine) == 1
    stopped = after(3)
    assert not [t for t in desk_of(stopped.state).book.live_trades if t.bucket is made.bucket]
    assert "entries_failed" in repr(stopped.records)


# --- the command's word ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"failed": True}, VolguardError.exit_code),
        ({"flatten_reason": "operator"}, NotFlat.exit_code),
        ({}, 0),  # a session may end with what it means to hold
    ],
)
def test_a_session_that_went_wrong_says_so_by_its_exit_code(changes: dict[str, object], code: int) -> None:
    """1 after a failed step, 8 when not flat after a flatten."""
    assert (VolguardError.exit_code, NotFlat.exit_code) == (1, 8)
    state = held()
    desk = replace(desk_of(state), **changes)  # type: ignore[arg-type]
    assert desk.book.positions
    assert _exit_code(Outcome(state=replace(state, desk=desk), end_reason="end of data")) == code
