"""Baskets: hedges first, only what is missing is sent, no timer expires unseen, no short is uncovered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from tests.fakes import CONDOR, TS, call, order, put, shipped
from volguard.execution.basket import (
    Basket,
    BasketState,
    Completed,
    Line,
    NextWave,
    TimedOut,
    Want,
    WantCancel,
    WantPlace,
    WantReprice,
    Withdrawn,
    advance,
    entry_basket,
    exit_basket,
    is_uncovered,
)
from volguard.execution.lifecycle import booked, told
from volguard.model.book import Bucket, Leg, Position, StructureKind, Trade, TradeState
from volguard.model.errors import InvariantBroken
from volguard.model.event import OrderUpdated
from volguard.model.instrument import Side
from volguard.model.order import TAG_LENGTH_MAX, Order, OrderState, Purpose, Urgency

EXECUTION = shipped().execution
CADENCE_S = 15.0


def a_trade(lots: int = 1, legs: tuple[Leg, ...] = CONDOR) -> Trade:
    """A condor that is being opened."""
    return Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=legs,
        lots=lots,
        lot_size=65,
        state=TradeState.OPENING,
        proposed_at=TS,
        credit_per_unit=20.0,
        max_loss_inr=0,  # type: ignore[arg-type]
        reserved_inr=0,  # type: ignore[arg-type]
    )


def entry(lots: int = 1, freeze: int = 1755) -> Basket:
    """The entry of a condor."""
    return entry_basket(a_trade(lots), session_code="abcd1234", freeze=freeze, reason="entry")


def leave(*positions: Position, freeze: int = 1755, attempt: int = 1) -> Basket:
    """The exit of some positions."""
    return exit_basket(
        "T001",
        positions,
        attempt=attempt,
        urgency=Urgency.MEDIUM,
        session_code="abcd1234",
        freeze=freeze,
        reason="profit",
    )


def wants(
    basket: Basket, orders: tuple[Order, ...] = (), *, now: datetime = TS, is_fresh: bool = True
) -> tuple[Want, ...]:
    """What a basket wants."""
    return advance(basket, orders, now=now, is_fresh=is_fresh, cadence_s=CADENCE_S, settings=EXECUTION)


def sent(line: Line, state: OrderState = OrderState.OPEN, **changes: object) -> Order:
    """The order of a line."""
    made = order(state, tag=line.tag, contract=line.contract, side=line.side, quantity=line.quantity)
    return replace(made, **changes)


def filled(lines: tuple[Line, ...]) -> tuple[Order, ...]:
    """The orders of some lines, all done."""
    return tuple(sent(line, OrderState.FILLED, filled_quantity=line.quantity) for line in lines)


def test_an_entry_buys_its_hedges_first() -> None:
    """Wave one buys both wings, wave two sells both shorts."""
    hedges, shorts = entry().waves
    assert [(line.contract, line.side) for line in hedges] == [
        (put(24000), Side.BUY),
        (call(25000), Side.BUY),
    ]
    assert [(line.contract, line.side) for line in shorts] == [
        (put(24200), Side.SELL),
        (call(24800), Side.SELL),
    ]


def test_an_exit_buys_its_shorts_back_first() -> None:
    """Wave one buys what is short, wave two sells what is long."""
    first, second = leave(
        Position(contract=put(24000), quantity=65), Position(contract=put(24200), quantity=-65)
    ).waves
    assert [(line.contract, line.side) for line in first] == [(put(24200), Side.BUY)]
    assert [(line.contract, line.side) for line in second] == [(put(24000), Side.SELL)]


@pytest.mark.parametrize("lots", [1, 27, 28, 60, 500])
def test_slices_are_whole_lots_below_the_freeze_quantity(lots: int) -> None:
    """Every slice is whole lots, none above the freeze quantity, together the leg; tags unique and short."""
    for basket in (entry(lots), leave(Position(contract=put(24200), quantity=-65 * lots))):
        lines = [line for wave in basket.waves for line in wave]
        assert all(0 < line.quantity <= 1755 and line.quantity % 65 == 0 for line in lines)
        for contract in {line.contract for line in lines}:
            assert sum(line.quantity for line in lines if line.contract == contract) == 65 * lots
        tags = [line.tag for line in lines]
        assert len(set(tags)) == len(tags) and max(map(len, tags)) <= TAG_LENGTH_MAX


def test_orders_of_no_units_are_refused_by_name() -> None:
    """No slice of a leg can be 0 units: it would never be closed."""
    with pytest.raises(InvariantBroken, match="at most 0 units"):
        entry_basket(a_trade(), session_code="abcd1234", freeze=0, reason="entry")


def test_tags_of_other_attempts_and_sessions_differ() -> None:
    """No tag is ever used again."""
    tags = {
        line.tag
        for basket in (
            entry(),
            leave(Position(contract=put(24200), quantity=-65)),
            leave(Position(contract=put(24200), quantity=-65), attempt=2),
            replace(entry_basket(a_trade(), session_code="ffff0000", freeze=1755, reason="")),
        )
        for wave in basket.waves
        for line in wave
    }
    assert len(tags) == 4 + 1 + 1 + 4


def test_a_tag_that_the_broker_would_cut_is_refused() -> None:
    """Forty characters are the broker's limit; a longer tag would come back as another one."""
    with pytest.raises(ValueError, match=r"has 4\d characters, at most 40"):
        entry_basket(a_trade(), session_code="x" * 28, freeze=1755, reason="entry")


def test_shorts_leave_only_when_every_hedge_is_filled() -> None:
    """With one hedge partly filled nothing of the second wave is wanted."""
    basket = entry()
    hedges = basket.waves[0]
    assert wants(basket) == (WantPlace(lines=hedges),)
    one = (*filled(hedges[:1]), sent(hedges[1], OrderState.PARTIAL, filled_quantity=0))
    assert wants(basket, one) == ()
    assert wants(basket, filled(hedges)) == (NextWave(),)
    second = replace(basket, wave=1)
    assert wants(second, filled(hedges)) == (WantPlace(lines=basket.waves[1]),)
    assert wants(second, (*filled(hedges), *filled(basket.waves[1]))) == (Completed(),)


def test_only_what_is_missing_is_sent() -> None:
    """Lines that have an order are never placed again, whatever became of the others."""
    basket = leave(Position(contract=put(24200), quantity=-65), Position(contract=call(24800), quantity=-65))
    first, second = basket.waves[0]
    assert wants(basket, (sent(first),)) == (WantPlace(lines=(second,)),)


def test_an_unquoted_leg_does_not_hold_the_others_back() -> None:
    """An exit goes on climbing with the legs that are quoted while one of them cannot be sent."""
    basket = leave(Position(contract=put(24200), quantity=-65), Position(contract=call(24800), quantity=-65))
    first, second = basket.waves[0]
    resting = sent(first)
    later = wants(basket, (resting,), now=TS + timedelta(seconds=15))
    assert later == (WantPlace(lines=(second,)), WantReprice(order=resting, rung=1))


def test_nothing_is_sent_or_timed_out_before_a_fresh_snapshot() -> None:
    """Hours later, without a new look at the market, a basket wants nothing."""
    started = replace(entry(), wave_started_at=TS)
    orders = tuple(sent(line) for line in started.waves[0])
    hours_later = TS + timedelta(hours=3)
    assert wants(started, orders, now=hours_later, is_fresh=False) == ()
    assert wants(started, now=hours_later, is_fresh=False) == ()
    assert wants(started, orders, now=hours_later) == (TimedOut(),)


@pytest.mark.parametrize(("seconds", "is_over"), [(59.9, False), (60.0, True)])
def test_an_entry_times_out(seconds: float, is_over: bool) -> None:
    """After `basket_timeout_s` of event time an unfilled entry is unwound."""
    started = replace(entry(), wave_started_at=TS)
    orders = tuple(sent(line) for line in started.waves[0])
    got = wants(started, orders, now=TS + timedelta(seconds=seconds))
    assert (got == (TimedOut(),)) is is_over


def test_an_entry_that_cannot_be_priced_times_out_too() -> None:
    """Shorts that nobody quotes do not leave the hedges waiting for ever."""
    started = replace(entry(), wave=1, wave_started_at=TS)
    hedges = filled(started.waves[0])
    assert wants(started, hedges, now=TS + timedelta(seconds=30)) == (WantPlace(lines=started.waves[1]),)
    assert wants(started, hedges, now=TS + timedelta(seconds=60)) == (TimedOut(),)


def test_where_snapshots_are_rare_a_wave_gets_three_looks() -> None:
    """At a cadence of 75 s the time-out is three snapshots, not one."""
    started = replace(entry(), wave_started_at=TS)
    orders = tuple(sent(line) for line in started.waves[0])
    for seconds, is_over in ((75, False), (150, False), (225, True)):
        got = advance(
            started,
            orders,
            now=TS + timedelta(seconds=seconds),
            is_fresh=True,
            cadence_s=75.0,
            settings=EXECUTION,
        )
        assert (got == (TimedOut(),)) is is_over


def test_an_exit_never_times_out() -> None:
    """An unwound exit would only start again."""
    basket = replace(leave(Position(contract=put(24200), quantity=-65)), wave_started_at=TS)
    resting = sent(basket.waves[0][0])
    assert wants(basket, (resting,), now=TS + timedelta(hours=1)) == (WantReprice(order=resting, rung=1),)


def test_a_refused_or_cancelled_order_unwinds_the_basket() -> None:
    """An order that ended short of its quantity can never complete its wave."""
    basket = entry()
    dead = sent(basket.waves[0][0], OrderState.REJECTED)
    assert wants(basket, (dead,), is_fresh=False) == (TimedOut(),)


def test_an_order_that_nobody_knows_of_is_not_re_priced() -> None:
    """There may be nothing to re-price, or two of it: it waits until the broker has spoken of it."""
    basket = replace(entry(), wave_started_at=TS)
    later = TS + timedelta(seconds=30)
    for state in (OrderState.SENT, OrderState.UNKNOWN):
        orders = tuple(sent(line, state) for line in basket.waves[0])
        assert wants(basket, orders, now=later) == ()
    resting = tuple(sent(line) for line in basket.waves[0])
    assert [type(want) for want in wants(basket, resting, now=later)] == [WantReprice, WantReprice]


def test_executions_on_their_way_are_waited_for() -> None:
    """A hedge was cancelled, filled in part, and the execution is still to be told: nothing is done twice."""
    basket = entry(lots=2)
    hedge, other = basket.waves[0]
    ended = sent(hedge, OrderState.CANCELLED, reported_quantity=65)
    done = filled((other,))
    assert TimedOut() not in wants(basket, (ended, *done))
    unwinding = replace(basket, state=BasketState.UNWINDING)
    assert wants(unwinding, (ended, *done)) == ()
    told_all = replace(ended, filled_quantity=65)
    assert wants(basket, (told_all, *done)) == (TimedOut(),)
    assert wants(unwinding, (told_all, *done)) == (Withdrawn(),)


def test_unwinding_cancels_once_and_waits_for_proof() -> None:
    """Each order that rests is cancelled, again if nothing comes of it, an unknown one when it is known."""
    basket = replace(entry(), state=BasketState.UNWINDING, reason="time")
    alive, unknown = (sent(basket.waves[0][0]), sent(basket.waves[0][1], OrderState.UNKNOWN))
    assert wants(basket, (alive, unknown), is_fresh=False) == (WantCancel(order=alive, reason="time"),)
    known = replace(unknown, state=OrderState.OPEN)
    assert wants(basket, (known,)) == (WantCancel(order=known, reason="time"),)
    asked = tuple(replace(one, cancel_requested_at=TS) for one in (alive, known))
    assert wants(basket, asked) == ()
    later = TS + timedelta(seconds=EXECUTION.absence_delay_s)
    assert wants(basket, asked, now=later) == tuple(WantCancel(order=one, reason="time") for one in asked)
    assert wants(basket, (replace(alive, state=OrderState.CANCELLED), unknown)) == ()
    gone = tuple(replace(one, state=OrderState.CANCELLED) for one in asked)
    assert wants(basket, gone) == (Withdrawn(),)
    assert wants(replace(basket, state=BasketState.DONE), asked) == ()


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ({put(24200): -65}, True),
        ({put(24200): -65, put(24000): 65}, False),
        ({put(24200): -130, put(24000): 65}, True),
        ({put(24200): -65, call(25000): 65}, True),  # a call covers no put
        ({put(24000): 65}, False),
        ({}, False),
    ],
)
def test_a_short_is_covered_by_longs_of_its_type_and_expiry(held: dict[object, int], expected: bool) -> None:
    """Unit for unit, type by type."""
    positions = [Position(contract=c, quantity=q) for c, q in held.items()]  # type: ignore[arg-type]
    assert is_uncovered(positions) is expected


# --- seeded simulation: a broker that fills, splits, cancels and refuses as it likes ------------------


@dataclass
class Desk:
    """Drives baskets as the engine does, against a random broker; checks the invariants after each act."""

    rng: random.Random
    lots: int
    basket: Basket | None
    orders: dict[str, Order] = field(default_factory=dict)
    held: dict[object, int] = field(default_factory=dict)
    now: datetime = TS
    attempt: int = 0
    is_opened: bool = False

    @property
    def positions(self) -> list[Position]:
        return [Position(contract=c, quantity=q) for c, q in sorted(self.held.items()) if q]  # type: ignore[type-var, arg-type]

    def drive(self, *, is_fresh: bool) -> None:
        for _ in range(6):
            if self.basket is None:
                return
            lines = {line.tag for wave in self.basket.waves for line in wave}
            mine = [o for o in self.orders.values() if o.request.tag in lines]
            got = wants(self.basket, tuple(mine), now=self.now, is_fresh=is_fresh)
            if not any([self.serve(want, is_fresh) for want in got]):
                return

    def serve(self, want: Want, is_fresh: bool) -> bool:
        assert self.basket is not None
        match want:
            case WantPlace(lines=lines):
                assert is_fresh
                for line in lines:
                    assert line.tag not in self.orders  # only what is missing, and never a tag again
                    made = sent(line, OrderState.SENT, sent_at=self.now, priced_at=self.now)
                    self.orders[line.tag] = replace(
                        made, request=replace(made.request, purpose=self.basket.purpose)
                    )
                self.basket = replace(self.basket, wave_started_at=self.basket.wave_started_at or self.now)
            case WantReprice(order=resting, rung=rung):
                assert is_fresh and resting.state.may_fill
                self.orders[resting.request.tag] = replace(resting, rung=rung, priced_at=self.now)
            case WantCancel(order=resting):
                self.orders[resting.request.tag] = replace(resting, cancel_requested_at=self.now)
            case NextWave():
                self.basket = replace(self.basket, wave=self.basket.wave + 1, wave_started_at=None)
                return True
            case TimedOut():
                self.basket = replace(self.basket, state=BasketState.UNWINDING)
                return True
            case Completed() | Withdrawn():
                self.is_opened = isinstance(want, Completed) and self.basket.purpose is Purpose.OPEN
                self.basket = None
                if not self.is_opened:
                    self.close()
        return False

    def close(self) -> None:
        if self.positions and self.basket is None:
            self.attempt += 1
            self.basket = leave(*self.positions, attempt=self.attempt, freeze=130)
            self.is_opened = False

    def broker_acts(self) -> None:
        alive = [o for o in self.orders.values() if o.state.may_fill]
        if not alive:
            return
        chosen = self.rng.choice(alive)
        act = self.rng.choices(["open", "fill", "cancel", "reject"], [3, 6, 2, 0.3])[0]
        tag = chosen.request.tag
        if act == "fill":
            units = 65 * self.rng.randint(1, chosen.open_quantity // 65)
            self.orders[tag] = booked(chosen, units)
            contract = chosen.request.contract
            self.held[contract] = self.held.get(contract, 0) + chosen.request.side.sign * units
        elif act == "open" and chosen.state in (OrderState.SENT, OrderState.OPEN):
            self.say(chosen, OrderState.OPEN)
        elif act == "cancel" and chosen.cancel_requested_at is not None:
            self.say(chosen, OrderState.CANCELLED)
        elif act == "reject" and chosen.state is OrderState.SENT:
            self.say(chosen, OrderState.REJECTED)

    def say(self, about: Order, state: OrderState) -> None:
        update = OrderUpdated(ts=self.now, tag=about.request.tag, state=state, filled_quantity=0)
        self.orders[about.request.tag] = told(about, update)

    def check(self) -> None:
        units = 65 * self.lots
        assert not is_uncovered(self.positions)
        # Were every order that may fill to fill now, still no short would be uncovered.
        worst = dict(self.held)
        for one in self.orders.values():
            if one.state.may_fill and one.request.side is Side.SELL:
                worst[one.request.contract] = worst.get(one.request.contract, 0) - one.open_quantity
        assert not is_uncovered([Position(contract=c, quantity=q) for c, q in worst.items() if q])  # type: ignore[arg-type]
        for leg in CONDOR:
            assert 0 <= self.held.get(leg.contract, 0) * leg.side.sign <= units  # never more, never reversed


@pytest.mark.parametrize("seed", range(120))
def test_no_short_is_ever_uncovered(seed: int) -> None:
    """Under random fills, parts, cancels and refusals: covered after each act, and flat in the end."""
    rng = random.Random(seed)
    lots = rng.randint(1, 5)
    desk = Desk(rng=rng, lots=lots, basket=entry(lots, freeze=130))
    for _ in range(rng.randint(5, 120)):
        if rng.random() < 0.3:
            desk.now += timedelta(seconds=rng.choice([1, 15, 40]))
            desk.drive(is_fresh=True)
        else:
            desk.broker_acts()
            desk.drive(is_fresh=False)
        desk.check()
    if desk.basket is None:
        desk.close()
    elif desk.basket.purpose is Purpose.OPEN:
        desk.basket = replace(desk.basket, state=BasketState.UNWINDING)
    for _ in range(3_000):
        if desk.is_opened:
            desk.close()
        desk.now += timedelta(seconds=15)
        desk.drive(is_fresh=True)
        desk.broker_acts()
        desk.drive(is_fresh=False)
        desk.check()
        if desk.basket is None and not desk.positions:
            break
    assert desk.positions == [] and desk.basket is None, f"seed {seed}"
    sold = sum(o.filled_quantity for o in desk.orders.values() if o.request.side is Side.SELL)
    bought = sum(o.filled_quantity for o in desk.orders.values() if o.request.side is Side.BUY)
    assert sold == bought
