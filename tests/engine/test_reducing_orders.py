"""Orders that only reduce risk: whatever was filled, on any market and in any state, they are not refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.engine.turns import make_desk
from tests.fakes import TRADING, TS, Day, make_engine, shipped, shipped_rules, simulated
from volguard.engine.baskets import slice_units
from volguard.engine.reviewing import review_orders
from volguard.engine.state import Turn
from volguard.execution.basket import Line, exit_basket
from volguard.execution.ladder import ladder_price
from volguard.measure.market_view import MarketView, view_market
from volguard.measure.touch import quote_of
from volguard.model.book import (
    Book,
    Bucket,
    Fill,
    Leg,
    StructureKind,
    Trade,
    TradeState,
    positions_of,
)
from volguard.model.decision import Refused, SafetyLevel, TradingState
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.order import Order, OrderRequest, OrderState, Purpose, Urgency
from volguard.volatility.outlook import NO_OUTLOOK

ENGINE = make_engine(*TRADING)
LOT = 65
EXPIRIES = (0, 1, 2)
# A calm morning, and a crash before, at its start, in its midst and at its end.
LOOKS = (("calm", 4), ("crash", 4), ("crash", 18), ("crash", 20), ("crash", 22), ("crash", 25))
STATES = (
    (TradingState.ACTIVE, SafetyLevel.NORMAL),
    (TradingState.REDUCING, SafetyLevel.DEGRADED),
    (TradingState.HALTED, SafetyLevel.HALTED),
)
KINDS = {
    StructureKind.IRON_CONDOR: (OptionType.PUT, OptionType.CALL),
    StructureKind.BULL_PUT_SPREAD: (OptionType.PUT,),
    StructureKind.BEAR_CALL_SPREAD: (OptionType.CALL,),
}


@cache
def day(scenario: str) -> Day:
    return simulated(seed=1, scenario=scenario, cadence_s=900.0)


@cache
def look(scenario: str, index: int) -> MarketView:
    """One look with the one before it, judged as a session judges it."""
    info, shots = day(scenario).market.info, day(scenario).market.shots
    view: MarketView | None = None
    for shot in shots[index - 1 : index + 1]:
        view = view_market(
            shot,
            view,
            trading_date=info.trading_date,
            capabilities=info.capabilities,
            rules=shipped_rules(),
            settings=shipped().engine.flags,
        )
    assert view is not None
    return view


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One right of a structure; shares are of the units that its leg was to have.

    The short was sold against hedges that had filled; `bought_back` and `sold_again` are what of its exit is
    done, and the hedge is sold only when no short is left.
    """

    away: int  # strikes from the forward to the short
    wing: int  # strikes from short to hedge
    hedged: float
    sold: float
    bought_back: float
    sold_again: float


halves = st.builds(
    Half,
    away=st.integers(0, 12),
    wing=st.integers(1, 10),
    hedged=st.sampled_from((0.5, 0.7, 1.0)),
    sold=st.sampled_from((0.0, 0.5, 0.7, 1.0)),
    bought_back=st.sampled_from((0.0, 0.3, 0.7, 1.0)),
    sold_again=st.sampled_from((0.0, 0.4, 0.8)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A trade at some state of its fills, on some market, in some state of the session."""

    scenario: str
    index: int
    expiry: int
    kind: StructureKind
    lots: int
    halves: tuple[Half, Half]
    state: tuple[TradingState, SafetyLevel]
    urgency: Urgency
    rung: int


cases = st.builds(
    lambda where, **rest: Case(scenario=where[0], index=where[1], **rest),
    where=st.sampled_from(LOOKS),
    expiry=st.sampled_from(EXPIRIES),
    kind=st.sampled_from(tuple(KINDS)),
    lots=st.sampled_from((2, 3, 10, 30, 60)),  # 27 lots are one slice below the freeze quantity
    halves=st.tuples(halves, halves),
    state=st.sampled_from(STATES),
    urgency=st.sampled_from(tuple(Urgency)),
    rung=st.integers(0, 3),
)


def legs_of(view: MarketView, case: Case) -> tuple[Leg, ...]:
    """Hedge and short of each right, as many strikes out as the case says."""
    expiry = view.listing.expiries[case.expiry]
    rows = view.listing.rows_of(expiry)
    strikes = np.unique(view.listing.strike[rows])
    forward = float(view.forwards.forward[case.expiry])
    legs: list[Leg] = []
    for kind, half in zip(KINDS[case.kind], case.halves, strict=False):
        is_put = kind is OptionType.PUT
        out = strikes[strikes < forward][::-1] if is_put else strikes[strikes > forward]
        away = min(half.away, len(out) - 1 - half.wing)  # after a crash few puts are left below
        for place, side in ((away + half.wing, Side.BUY), (away, Side.SELL)):
            contract = OptionContract(
                underlying=view.listing.underlying,
                expiry=expiry,
                strike=round(float(out[place])),
                option_type=kind,
            )
            legs.append(Leg(contract=contract, side=side))
    return tuple(legs)


def in_lots(share: float, units: int) -> int:
    return int(share * (units // LOT)) * LOT


def fills_of(legs: tuple[Leg, ...], case: Case, units: int) -> tuple[Fill, ...]:
    """What the entry filled, hedges first, and what its exit has closed again."""
    fills: list[Fill] = []

    def fill(contract: OptionContract, side: Side, quantity: int) -> None:
        if quantity:
            fills.append(
                Fill(
                    fill_id=f"F{len(fills)}",
                    tag=f"VG-{len(fills)}",
                    ts=TS,
                    contract=contract,
                    side=side,
                    quantity=quantity,
                    price=Decimal("10.00"),
                    charges_inr=Decimal(0),
                    touch_bid=None,
                    touch_ask=None,
                )
            )

    for (hedge, short), half in zip(zip(legs[::2], legs[1::2], strict=True), case.halves, strict=False):
        held = in_lots(half.hedged, units)
        sold = in_lots(half.sold, held)
        back = in_lots(half.bought_back, sold)
        fill(hedge.contract, Side.BUY, held)
        fill(short.contract, Side.SELL, sold)
        fill(short.contract, Side.BUY, back)
        if back == sold:
            fill(hedge.contract, Side.SELL, in_lots(half.sold_again, held))
    return tuple(fills)


def turn_of(case: Case) -> tuple[Turn, Trade]:
    """A step in the making on the case's market, with its trade in the book."""
    view = look(case.scenario, case.index)
    legs = legs_of(view, case)
    trade = Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=case.kind,
        legs=legs,
        lots=case.lots,
        lot_size=LOT,
        state=TradeState.CLOSING,
        proposed_at=view.ts,
        credit_per_unit=10.0,
        max_loss_inr=Decimal(10_000),
        reserved_inr=Decimal(10_000),
        fills=fills_of(legs, case, case.lots * LOT),
    )
    desk = make_desk(
        now=view.ts,
        trading_date=view.ts.date(),
        source=day(case.scenario).market.info,
        trading_state=case.state[0],
        safety_level=case.state[1],
        kill_switch=case.state[0] is TradingState.HALTED,
        book=Book(trades=(trade,)),
    )
    turn = Turn(desk=desk, market=view, outlook=NO_OUTLOOK, settings=ENGINE.settings, rules=ENGINE.rules)
    return turn, trade


def request_of(turn: Turn, case: Case, line: Line) -> OrderRequest | None:
    """The line at the price that an exit gives it now; None where it has no price."""
    assert turn.market is not None
    tick = turn.rules.contracts.tick(line.contract.underlying, turn.desk.trading_date)
    quote = quote_of(turn.market, line.contract, tick)
    assert quote is not None
    price = ladder_price(
        quote,
        side=line.side,
        purpose=Purpose.CLOSE,
        urgency=case.urgency,
        rung=case.rung,
        rung_count=4,
        tick=tick,
        settings=turn.settings.execution,
    )
    if price is None:
        return None
    return OrderRequest(
        tag=line.tag,
        trade_id="T001",
        contract=line.contract,
        side=line.side,
        quantity=line.quantity,
        limit_price=price,
        purpose=Purpose.CLOSE,
        urgency=case.urgency,
    )


def first_waves(turn: Turn, trade: Trade) -> list[Line]:
    """What the exits of calls and puts, side by side, send now."""
    lines: list[Line] = []
    for part, kind in (("C", OptionType.CALL), ("P", OptionType.PUT)):
        mine = [p for p in positions_of(trade.fills) if p.contract.option_type is kind]
        if mine:
            basket = exit_basket(
                trade.trade_id,
                mine,
                attempt=1,
                urgency=Urgency.MEDIUM,
                session_code=turn.desk.session_code,
                freeze=slice_units(turn, trade),
                reason="test",
                part=part,
            )
            lines += basket.waves[0]
    return lines


def resting(turn: Turn, request: OrderRequest) -> None:
    """Leave an approved order on the exchange while the next is reviewed."""
    order = Order(
        request=request,
        state=OrderState.OPEN,
        sent_at=turn.now,
        limit_price=request.limit_price,
        priced_at=turn.now,
        rung=0,
    )
    book = replace(turn.desk.book, orders=(*turn.desk.book.orders, order))
    turn.desk = replace(turn.desk, book=book)


sweep = settings(
    max_examples=250, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)


@sweep
@given(case=cases)
def test_an_exit_is_never_refused(case: Case) -> None:
    """Each order of each exit wave is approved, with those before it resting, whatever is filled by then."""
    turn, trade = turn_of(case)
    lines = first_waves(turn, trade)
    assume(lines)
    for line in lines:
        request = request_of(turn, case, line)
        if request is None:
            continue
        verdict = review_orders(turn, trade, [request])
        assert not isinstance(verdict, Refused), (line, verdict.text)
        assert verdict[0].request == request
        resting(turn, request)


@sweep
@given(case=cases, share=st.floats(0.0, 1.0))
def test_a_hedge_is_not_sold_from_under_its_short(case: Case, share: float) -> None:
    """Selling what covers an open short is refused by name; what covers nothing is not kept back by it."""
    turn, trade = turn_of(case)
    held = {position.contract: position.quantity for position in positions_of(trade.fills)}
    found = 0
    for hedge, short in zip(trade.legs[::2], trade.legs[1::2], strict=True):
        longs, shorts = held.get(hedge.contract, 0), -held.get(short.contract, 0)
        quantity = max(in_lots(share, longs), LOT)
        if not longs or not shorts:
            continue
        found += 1
        line = Line(tag="VG-hedge", contract=hedge.contract, side=Side.SELL, quantity=quantity)
        request = request_of(turn, replace(case, urgency=Urgency.HIGH), line)
        if request is None:
            continue
        before = turn.desk
        verdict = review_orders(turn, trade, [request])
        rules = [breach.rule for breach in verdict.breaches] if isinstance(verdict, Refused) else []
        assert ("keeps_cover" in rules) is (shorts > longs - quantity)
        assert turn.desk == replace(before, reviews=before.reviews + 1)
        assert turn.records == [] and turn.effects == []
    assume(found)


@sweep
@given(case=cases, extra=st.integers(1, 3))
def test_a_closing_order_never_reverses(case: Case, extra: int) -> None:
    """More than is held, or the other way round: refused, and nothing is changed by the asking."""
    turn, trade = turn_of(case)
    positions = positions_of(trade.fills)
    assume(positions)
    for position in positions:
        closing = Side.SELL if position.quantity > 0 else Side.BUY
        adding = Side.BUY if position.quantity > 0 else Side.SELL
        units = abs(position.quantity)
        for side, quantity in ((closing, units + extra * LOT), (adding, LOT)):
            line = Line(tag="VG-over", contract=position.contract, side=side, quantity=quantity)
            request = request_of(turn, replace(case, urgency=Urgency.HIGH), line)
            if request is None:
                continue
            before = turn.desk
            verdict = review_orders(turn, trade, [request])
            assert isinstance(verdict, Refused)
            assert "reduces" in [breach.rule for breach in verdict.breaches]
            assert turn.desk == replace(before, reviews=before.reviews + 1)
            assert turn.records == [] and turn.effects == []
