"""Breakers in the loop: what the broker, the feed and VIX do stops new risk, never an exit, and heals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from tests.engine.test_reviewing import decided, entering, steps
from tests.fakes import TRADING, Day, make_engine, opening, order, put, simulated
from volguard.adapters.journal_codec import decode_as, encode_exact
from volguard.engine.state import Desk, State, Step
from volguard.engine.step import Engine
from volguard.model.book import TradeState
from volguard.model.decision import Action, Decision, TradingState
from volguard.model.event import (
    Alert,
    Event,
    FeedGap,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    OrderFilled,
    OrderUpdated,
    Place,
    Query,
)
from volguard.model.instrument import Side
from volguard.model.order import OrderRequest, OrderState, Purpose
from volguard.risk.breaker import Circuit

ENGINE = make_engine(*TRADING)
# Looks are 300 s apart here: so rested the breaker of the shipped settings is half open at each of them.
LONG_REST = make_engine(*TRADING, "order_breaker.open_s=3600")
FAILURES_MAX, TIMEOUTS_MAX, HOLES_MAX = 5, 3, 5
CALM_VIX, HIGH_VIX = 0.150, 0.165  # a rise of 10 %, the limit is 8 %


def desk_of(state: State) -> Desk:
    assert state.desk is not None
    return state.desk


def after(engine: Engine, state: State, events: Iterable[Event]) -> tuple[State, list[Step]]:
    """The state after events, and the steps that led there."""
    taken: list[Step] = []
    for event in events:
        taken.append(engine.step(state, event))
        state = taken[-1].state
    return state, taken


def alerts(taken: Sequence[Step], code: str) -> list[Alert]:
    effects = (effect for step in taken for effect in step.effects)
    return [effect for effect in effects if isinstance(effect, Alert) and effect.code == code]


def placed(step: Step, purpose: Purpose = Purpose.OPEN) -> list[OrderRequest]:
    sent = [effect.approved.request for effect in step.effects if isinstance(effect, Place)]
    return [request for request in sent if request.purpose is purpose]


def refused(step: Step) -> list[Decision]:
    return [decision for decision in decided(step) if decision.action is Action.REFUSED]


def with_orders(state: State, count: int) -> State:
    """The state with so many orders of a trade long settled, sent a moment ago and not answered yet."""
    desk = desk_of(state)
    sent = tuple(
        order(OrderState.SENT, at=desk.now, tag=f"VG-old-{number}", trade_id="T000", contract=put(24000))
        for number in range(count)
    )
    return replace(state, desk=replace(desk, book=replace(desk.book, orders=(*desk.book.orders, *sent))))


def words(state: State, count: int, word: OrderState) -> list[Event]:
    """The broker's word on each of those orders, a second apart."""
    now = desk_of(state).now
    return [
        OrderUpdated(
            ts=now + timedelta(seconds=number + 1), tag=f"VG-old-{number}", state=word, filled_quantity=0
        )
        for number in range(count)
    ]


def kept(state: State) -> State:
    """The state as a restart brings it back from its checkpoint."""
    desk = desk_of(state)
    again = decode_as(Desk, encode_exact(desk))
    assert again == desk
    return replace(state, desk=again)


def failing(engine: Engine, count: int = FAILURES_MAX) -> tuple[State, MarketSnapshot, list[Step]]:
    """The state before the first entry after so many rejections, and the look that would enter."""
    state, look = entering()
    state = with_orders(state, count)
    state, taken = after(engine, state, words(state, count, OrderState.REJECTED))
    return state, look, taken


# --- orders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "limit", "reason"),
    [
        (OrderState.REJECTED, FAILURES_MAX, "5 failures in a row"),
        (OrderState.UNKNOWN, TIMEOUTS_MAX, "3 time-outs within 60 s"),
    ],
)
def test_orders_that_fail_open_the_breaker(word: OrderState, limit: int, reason: str) -> None:
    """The last of them opens it, not the one before; one critical alert tells why."""
    state = with_orders(entering()[0], limit + 1)
    state, taken = after(ENGINE, state, words(state, limit + 1, word))
    circuits = [desk_of(step.state).order_breaker.circuit for step in taken]
    assert circuits == [Circuit.CLOSED] * (limit - 1) + [Circuit.OPEN] * 2
    raised = alerts(taken, "order_breaker")
    assert len(raised) == 1 and reason in raised[0].text
    others = [effect for effect in taken[limit - 1].effects if not isinstance(effect, Query)]
    assert others == [raised[0]]


def test_orders_that_work_between_keep_it_closed() -> None:
    """Four rejections, one order that rests, four more: never five in a row, too few for a rate."""
    state = with_orders(entering()[0], 2 * FAILURES_MAX - 1)
    events = words(state, 2 * FAILURES_MAX - 1, OrderState.REJECTED)
    middle = events[FAILURES_MAX - 1]
    assert isinstance(middle, OrderUpdated)
    events[FAILURES_MAX - 1] = replace(middle, state=OrderState.OPEN)
    state, taken = after(ENGINE, state, events)
    assert desk_of(state).order_breaker.circuit is Circuit.CLOSED
    assert alerts(taken, "order_breaker") == []


def test_an_open_breaker_is_a_reason_to_refuse() -> None:
    """The look that would have entered both buckets refuses both by this rule alone, and sends nothing."""
    state, look, _ = failing(LONG_REST)
    step = LONG_REST.step(state, look)
    assert [[breach.rule for breach in d.breaches] for d in refused(step)] == [["order_breaker"]] * 2
    assert placed(step) == []
    sound = LONG_REST.step(entering()[0], look)
    assert len(placed(sound)) == 4 and refused(sound) == []


def held() -> tuple[State, MarketSnapshot]:
    """A state that holds a whole condor, and the next look."""
    for (before, _), (_, step) in zip(steps(), steps()[1:], strict=False):
        market = step.state.market
        if before.desk is None or market is None or before.market is market:
            continue
        if any(trade.state is TradeState.OPEN for trade in before.desk.book.live_trades):
            return before, MarketSnapshot(ts=market.ts, snapshot=market.snapshot)
    raise AssertionError("nothing is held")


def test_exits_leave_while_the_breaker_is_open() -> None:
    """Told to flatten, both shorts of the condor are bought back although nothing new may be opened."""
    state, look = held()
    state = with_orders(state, FAILURES_MAX)
    state, _ = after(LONG_REST, state, words(state, FAILURES_MAX, OrderState.REJECTED))
    assert desk_of(state).order_breaker.circuit is Circuit.OPEN
    flatten = OperatorSpoke(ts=desk_of(state).now, command=OperatorCommand.FLATTEN)
    state, _ = after(LONG_REST, state, [flatten])
    step = LONG_REST.step(state, look)
    trade = next(t for t in desk_of(state).book.trades if t.trade_id == "T001")
    shorts = {leg.contract for leg in trade.legs if leg.side is Side.SELL}
    assert {request.contract for request in placed(step, Purpose.CLOSE)} >= shorts
    assert refused(step) == []


def test_exits_that_fail_open_it_and_still_leave() -> None:
    """A broker that rejects our exits is failing too: the breaker opens, the next attempt still leaves."""
    state, look = held()
    flatten = OperatorSpoke(ts=desk_of(state).now, command=OperatorCommand.FLATTEN)
    state, _ = after(LONG_REST, with_orders(state, FAILURES_MAX - 1), [flatten])
    state, _ = after(LONG_REST, state, words(state, FAILURES_MAX - 1, OrderState.REJECTED))
    assert desk_of(state).order_breaker.circuit is Circuit.CLOSED
    state, (step,) = after(LONG_REST, state, [look])
    first = placed(step, Purpose.CLOSE)
    assert first
    rejections = [
        OrderUpdated(
            ts=look.ts + timedelta(seconds=1), tag=request.tag, state=OrderState.REJECTED, filled_quantity=0
        )
        for request in first
    ]
    state, _ = after(LONG_REST, state, rejections)
    assert desk_of(state).order_breaker.circuit is Circuit.OPEN
    later = look.ts + timedelta(seconds=300)
    again = LONG_REST.step(state, MarketSnapshot(ts=later, snapshot=replace(look.snapshot, ts=later)))
    assert {request.contract for request in placed(again, Purpose.CLOSE)} == {r.contract for r in first}


def half_open() -> tuple[State, Step, OrderRequest, MarketSnapshot]:
    """After its rest: the state, the step of the look that enters, the one order that left, and that look."""
    state, look, _ = failing(ENGINE)
    state, (step,) = after(ENGINE, state, [look])
    (probe,) = placed(step)
    return state, step, probe, look


def later(look: MarketSnapshot, seconds: float = 300.0) -> MarketSnapshot:
    """The same quotes once more, told as fresh."""
    ts = look.ts + timedelta(seconds=seconds)
    return MarketSnapshot(ts=ts, snapshot=replace(look.snapshot, ts=ts))


def test_a_half_open_breaker_lets_one_order_out() -> None:
    """Two condors are approved, and of their four hedges one leaves; the others wait for its answer."""
    state, step, probe, _ = half_open()
    breaker = desk_of(state).order_breaker
    assert breaker.circuit is Circuit.HALF_OPEN and breaker.probe == probe.tag
    assert [decision.action for decision in decided(step)] == [Action.ENTER] * 2
    assert probe.side is Side.BUY


def filled(probe: OrderRequest, at: datetime) -> OrderFilled:
    return OrderFilled(
        ts=at, tag=probe.tag, fill_id="F-probe", quantity=probe.quantity, price=probe.limit_price
    )


def test_the_fill_of_the_one_order_closes_it() -> None:
    """The attempt worked: closed, and on the next look the other hedges leave."""
    state, _, probe, look = half_open()
    state, _ = after(ENGINE, state, [filled(probe, look.ts + timedelta(seconds=1))])
    assert desk_of(state).order_breaker.circuit is Circuit.CLOSED
    step = ENGINE.step(state, later(look))
    assert len(placed(step)) == 3
    assert all(request.side is Side.BUY for request in placed(step))


@pytest.mark.parametrize("word", [OrderState.REJECTED, OrderState.UNKNOWN])
def test_the_failure_of_the_one_order_opens_it_again(word: OrderState) -> None:
    """Rejected or not known: open at once with a new alert, and nothing is added within the rest."""
    state, _, probe, look = half_open()
    update = OrderUpdated(ts=look.ts + timedelta(seconds=1), tag=probe.tag, state=word, filled_quantity=0)
    state, taken = after(ENGINE, state, [update])
    assert desk_of(state).order_breaker.circuit is Circuit.OPEN
    assert len(alerts(taken, "order_breaker")) == 1
    step = ENGINE.step(state, later(look, seconds=30.0))
    assert placed(step) == []
    named = {breach.rule for decision in refused(step) for breach in decision.breaches}
    if word is OrderState.UNKNOWN:  # what may live is a reason of its own: nothing is even proposed
        assert "order_unknown" in desk_of(step.state).degraded_by
    else:
        assert "order_breaker" in named


def test_an_attempt_that_nobody_answers_opens_it_again() -> None:
    """No word within the rest is a failure of its own: open once more, and the order is named."""
    state, _, probe, look = half_open()
    gap = FeedGap(ts=look.ts + timedelta(seconds=61), last_ts=look.ts, limit_s=60.0)
    state, _ = after(ENGINE, state, [gap])
    breaker = desk_of(state).order_breaker
    assert breaker.circuit is Circuit.OPEN
    assert probe.tag in breaker.reason


def test_the_order_breaker_survives_a_restart() -> None:
    """Open, and half open with its one order: the state brought back decides as the one that ran on."""
    rested, look, _ = failing(LONG_REST)
    assert desk_of(rested).order_breaker.circuit is Circuit.OPEN
    told = [LONG_REST.step(state, look) for state in (rested, kept(rested))]
    assert told[0].records == told[1].records and told[0].effects == told[1].effects

    state, _, probe, look = half_open()
    assert desk_of(kept(state)).order_breaker.probe == probe.tag
    fill = filled(probe, look.ts + timedelta(seconds=1))
    ends = [after(ENGINE, one, [fill, later(look)]) for one in (state, kept(state))]
    assert desk_of(ends[0][0]) == desk_of(ends[1][0])
    assert [step.effects for step in ends[0][1]] == [step.effects for step in ends[1][1]]


# --- the feed ----------------------------------------------------------------------------------------


def holes(since: datetime, count: int) -> list[Event]:
    """So many holes in the feed, ten seconds apart."""
    return [
        FeedGap(ts=since + timedelta(seconds=10 * (number + 1)), last_ts=since, limit_s=5.0)
        for number in range(count)
    ]


def test_holes_in_the_feed_open_its_breaker() -> None:
    """The fifth hole within a minute opens it, and the session only reduces from the first one on."""
    state = entering()[0]
    state, taken = after(ENGINE, state, holes(desk_of(state).now, HOLES_MAX))
    circuits = [desk_of(step.state).feed_breaker.circuit for step in taken]
    assert circuits == [Circuit.CLOSED] * (HOLES_MAX - 1) + [Circuit.OPEN]
    assert len(alerts(taken, "feed_breaker")) == 1
    assert "feed_breaker" in desk_of(state).degraded_by
    assert desk_of(state).trading_state is TradingState.REDUCING


def test_a_feed_breaker_rests_before_it_trusts_a_look() -> None:
    """Looks within the rest add nothing; the first after it closes the breaker, then trading heals."""
    state, look = entering()
    since = desk_of(state).now
    state, _ = after(ENGINE, state, holes(since, HOLES_MAX))
    opened_at = desk_of(state).now
    early, late = opened_at + timedelta(seconds=240), opened_at + timedelta(seconds=301)
    state, (step,) = after(ENGINE, state, [at_time(look, early)])
    assert desk_of(state).feed_breaker.circuit is Circuit.OPEN
    assert placed(step) == []
    state, (step,) = after(ENGINE, state, [at_time(look, late)])
    assert desk_of(state).feed_breaker.circuit is Circuit.CLOSED
    assert desk_of(state).trading_state is TradingState.REDUCING and placed(step) == []
    looks = [at_time(look, late + timedelta(seconds=60 * number)) for number in range(1, 5)]
    state, taken = after(ENGINE, state, looks)
    states = [desk_of(step.state).trading_state for step in taken]
    assert states == [TradingState.REDUCING] * 2 + [TradingState.ACTIVE] * 2
    assert len(placed(taken[2])) == 4


def at_time(look: MarketSnapshot, ts: datetime) -> MarketSnapshot:
    """The look's quotes at another time; one bid differs by a tick, as in a feed that is alive."""
    shot = look.snapshot
    bid = shot.bid.copy()
    bid[0] += 0.05 * (int(ts.timestamp()) // 10 % 2)
    return MarketSnapshot(ts=ts, snapshot=replace(shot, ts=ts, bid=bid))


def test_a_feed_breaker_survives_a_restart() -> None:
    """Brought back open, it rests to the same second."""
    state, look = entering()
    state, _ = after(ENGINE, state, holes(desk_of(state).now, HOLES_MAX))
    late = at_time(look, desk_of(state).now + timedelta(seconds=301))
    ends = [ENGINE.step(one, late) for one in (state, kept(state))]
    assert desk_of(ends[0].state) == desk_of(ends[1].state)
    assert desk_of(ends[1].state).feed_breaker.circuit is Circuit.CLOSED


# --- VIX ---------------------------------------------------------------------------------------------

# The day's looks are 300 s apart, so the window is as wide as five of them.
SPIKING = make_engine(*TRADING, "vix_spike.window_s=1500", "vix_spike.clean_dwell_s=900")


@cache
def calm_day() -> Day:
    return simulated(seed=1, scenario="calm", start=0, stop=24)


def with_vix(*levels: float | None) -> tuple[State, list[Step]]:
    """A session of looks with these levels of VIX, and the steps of the looks."""
    shots = calm_day().market.shots[: len(levels)]
    looks = [
        MarketSnapshot(ts=shot.ts, snapshot=replace(shot, vix=level))
        for shot, level in zip(shots, levels, strict=True)
    ]
    state, _ = after(SPIKING, State(), opening(calm_day()))
    return after(SPIKING, state, looks)


def spiking(taken: Sequence[Step]) -> list[bool]:
    return [desk_of(step.state).vix_spike.is_spiking for step in taken]


def test_a_vix_spike_lets_the_session_only_reduce() -> None:
    """Two looks at the high make it a spike: REDUCING from that look on, one alert, nothing is opened."""
    state, taken = with_vix(CALM_VIX, CALM_VIX, HIGH_VIX, HIGH_VIX, HIGH_VIX)
    assert spiking(taken) == [False, False, False, True, True]
    assert desk_of(state).trading_state is TradingState.REDUCING
    assert desk_of(state).degraded_by == ("vix_spike",)
    assert len(alerts(taken, "vix_spike")) == 1
    assert placed(taken[3]) == [] and placed(taken[4]) == []


def test_one_print_of_vix_is_no_spike() -> None:
    """A single look at the high, and the session opens its trades as ever."""
    state, taken = with_vix(CALM_VIX, CALM_VIX, HIGH_VIX, CALM_VIX, CALM_VIX)
    assert spiking(taken) == [False] * 5
    assert desk_of(state).trading_state is TradingState.ACTIVE
    assert any(placed(step) for step in taken)


def test_a_vix_spike_heals_after_its_dwell() -> None:
    """Back at the old level it stays in force for 900 s of calm looks, then trading heals."""
    calm = [CALM_VIX] * 8
    _, taken = with_vix(CALM_VIX, CALM_VIX, HIGH_VIX, HIGH_VIX, *calm)
    # The first calm look breaks the high, three more make 900 s.
    assert spiking(taken) == [False] * 3 + [True] * 4 + [False] * 5
    states = [desk_of(step.state).trading_state for step in taken]
    assert states[3:8] == [TradingState.REDUCING] * 5
    assert states[8:] == [TradingState.ACTIVE] * 4


def test_a_vix_that_is_not_told_does_not_heal() -> None:
    """A look without VIX is not judged: the dwell begins anew after it."""
    _, taken = with_vix(CALM_VIX, CALM_VIX, HIGH_VIX, HIGH_VIX, CALM_VIX, CALM_VIX, None, *[CALM_VIX] * 5)
    assert spiking(taken) == [False] * 3 + [True] * 7 + [False] * 2


def test_a_vix_spike_survives_a_restart() -> None:
    """Looks, latch and dwell are brought back: it ends on the same look."""
    levels = (CALM_VIX, CALM_VIX, HIGH_VIX, HIGH_VIX, CALM_VIX, CALM_VIX)
    state, _ = with_vix(*levels)
    assert desk_of(state).vix_spike.is_spiking
    shots = calm_day().market.shots[len(levels) : len(levels) + 4]
    looks = [MarketSnapshot(ts=shot.ts, snapshot=replace(shot, vix=CALM_VIX)) for shot in shots]
    ran_on, brought_back = (after(SPIKING, one, looks) for one in (state, kept(state)))
    assert spiking(ran_on[1]) == spiking(brought_back[1]) == [True, False, False, False]
    assert desk_of(ran_on[0]) == desk_of(brought_back[0])
