"""Bring together what a review must see; what is not there stays None and is refused there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from volguard.engine.state import Turn
from volguard.engine.supervisor import is_session_open
from volguard.execution.basket import is_uncovered
from volguard.measure.exposure import exposure_of
from volguard.measure.market_view import MarketView
from volguard.measure.payoff import max_loss_points
from volguard.measure.touch import fair_values, quote_of
from volguard.model.book import Bucket, Leg, Position, Trade, TradeState, positions_of
from volguard.model.decision import Approved, Breach, Refused
from volguard.model.instrument import OptionContract, OptionType
from volguard.model.order import OrderRequest, OrderState, Purpose
from volguard.model.proposal import Budget, Proposal
from volguard.model.units import rupees
from volguard.risk.buckets import budget_of, open_risk_inr
from volguard.risk.checks import OrderFacts, ReviewInputs, TradeFacts
from volguard.risk.review import review, screen


def review_orders(
    turn: Turn, trade: Trade, requests: Sequence[OrderRequest]
) -> tuple[Approved, ...] | Refused:
    """One wave of one trade's orders through the review, on the quotes of now."""
    is_entry = requests[0].purpose is Purpose.OPEN
    after = _positions_after(turn, requests)
    facts = TradeFacts(
        risk_inr=_risk_at(turn, trade, requests) if is_entry else trade.reserved_inr,
        budget=bucket_budget(turn, trade.bucket, but=trade.trade_id),
        covered=not is_uncovered(_positions_after_in_trade(trade, requests)) if is_entry else True,
    )
    # An entry is judged with the rest of its structure: what is being committed to.
    whole = _merge(_committed(turn, but=trade.trade_id), _leg_positions(trade.legs, trade.units))
    book_after = whole if is_entry else after
    inputs = _inputs(turn, facts, book_after, open_risk_inr(turn.desk.book.live_trades))
    inputs = replace(inputs, orders=tuple(_order_facts(turn, request) for request in requests))
    turn.desk = replace(turn.desk, reviews=turn.desk.reviews + 1)
    return review(inputs, turn.settings.limits)


def screen_proposal(turn: Turn, proposal: Proposal) -> tuple[Breach, ...]:
    """Every reason to refuse a proposal before any order is made of it."""
    facts = TradeFacts(
        risk_inr=proposal.risk_inr,
        budget=bucket_budget(turn, proposal.bucket),
        covered=True,
    )
    units = proposal.lots * proposal.lot_size
    after = _merge(_committed(turn), _leg_positions(proposal.legs, units))
    risk_after = open_risk_inr(turn.desk.book.live_trades) + proposal.risk_inr
    turn.desk = replace(turn.desk, reviews=turn.desk.reviews + 1)
    return screen(_inputs(turn, facts, after, risk_after), turn.settings.limits)


def _inputs(
    turn: Turn, facts: TradeFacts, after: Sequence[Position], open_risk_after: Decimal
) -> ReviewInputs:
    desk, view = turn.desk, turn.market
    valid_s = turn.settings.limits.approval_valid_cadences * turn.cadence_s
    unknown = sum(order.state is OrderState.UNKNOWN for order in desk.book.orders)
    return ReviewInputs(
        now=turn.now,
        session_open=is_session_open(turn, turn.now),
        phase=desk.phase,
        trading_state=desk.trading_state,
        safety_level=desk.safety_level,
        kill_switch=desk.kill_switch,
        soft_stop=desk.stops.soft,
        hard_stop=desk.stops.hard,
        after_gap=view is None or view.after_gap,
        unknown_orders=unknown,
        quality=desk.quality,
        missing_inputs=_missing_inputs(turn),
        account_inr=desk.account_inr,
        exposure_after=exposure_of(view, after) if view is not None else None,
        open_risk_after_inr=open_risk_after,
        orders_today=len(desk.book.orders),
        trade=facts,
        orders=(),
        review_sequence=desk.reviews + 1,
        valid_until=turn.now + timedelta(seconds=valid_s),
    )


def _missing_inputs(turn: Turn) -> tuple[str, ...]:
    if turn.market is None:
        return ("a snapshot",)
    gives, snapshot = turn.desk.source.capabilities, turn.market.snapshot
    seen = (
        ("the index level", gives.spot, snapshot.underlying_ltp),
        ("India VIX", gives.vix, snapshot.vix),
        ("the time of each quote", gives.quote_time, snapshot.quote_age_s),
    )
    return tuple(name for name, is_given, value in seen if is_given and value is None)


def _order_facts(turn: Turn, request: OrderRequest) -> OrderFacts:
    contract, view = request.contract, turn.market
    contracts, today = turn.rules.contracts, turn.desk.trading_date
    tick = contracts.tick(contract.underlying, today)
    return OrderFacts(
        request=request,
        quote=quote_of(view, contract, tick) if view is not None else None,
        fair_value=_fair_value(view, contract),
        flags=_flags(view, contract),
        closable=_closable(turn, request),
        lot_size=contracts.lot_size(contract.underlying, today, contract.expiry),
        freeze_quantity=contracts.freeze_quantity(contract.underlying, today),
        tick=tick,
    )


def _flags(view: MarketView | None, contract: OptionContract) -> int | None:
    row = view.row(contract) if view is not None else None
    return int(view.flags[row]) if view is not None and row is not None else None


def _fair_value(view: MarketView | None, contract: OptionContract) -> float | None:
    value = float(fair_values(view, [contract])[0]) if view is not None else math.nan
    return value if math.isfinite(value) else None


def _closable(turn: Turn, request: OrderRequest) -> int:
    # What the trade itself holds of the contract, less what its other live orders already close.
    trade = turn.desk.book.trade(request.trade_id)
    held = sum(p.quantity for p in positions_of(trade.fills) if p.contract == request.contract)
    closing = sum(
        order.request.side.sign * order.open_quantity
        for order in turn.desk.book.live_orders
        if order.request.contract == request.contract
        and order.request.trade_id == request.trade_id
        and order.request.tag != request.tag
        and order.request.purpose is Purpose.CLOSE
    )
    return held + closing


def credit_at(turn: Turn, trade: Trade, requests: Sequence[OrderRequest]) -> float | None:
    """Points per unit that an entry earns at what was filled and at its orders' limits.

    None while some leg has neither: its price is not known yet.
    """
    new = {request.tag for request in requests}
    resting = [o for o in turn.desk.book.live_orders if o.request.trade_id == trade.trade_id]
    cash = float(trade.cash_inr)
    known = {fill.contract for fill in trade.fills}
    for request in requests:
        cash -= request.side.sign * request.quantity * float(request.limit_price)
        known.add(request.contract)
    for order in resting:
        if order.request.tag not in new:
            cash -= order.request.side.sign * order.open_quantity * float(order.limit_price)
            known.add(order.request.contract)
    if any(leg.contract not in known for leg in trade.legs):
        return None
    return cash / trade.units


def wing_width(legs: Sequence[Leg]) -> int:
    """Points between short and long of the wider wing."""
    by_type: dict[OptionType, list[int]] = {}
    for leg in legs:
        by_type.setdefault(leg.contract.option_type, []).append(leg.contract.strike)
    return max(max(strikes) - min(strikes) for strikes in by_type.values())


def _risk_at(turn: Turn, trade: Trade, requests: Sequence[OrderRequest]) -> Decimal:
    credit = credit_at(turn, trade, requests)
    loss = max_loss_points(trade.legs, credit) if credit is not None else None
    if loss is None:
        return trade.reserved_inr
    return rupees(loss * trade.units) + trade.reserved_inr - trade.max_loss_inr


def bucket_budget(turn: Turn, bucket: Bucket, but: str | None = None) -> Budget:
    """What a bucket may still put at risk, from the book as it stands (`but` one trade)."""
    book = turn.desk.book
    others = tuple(trade for trade in book.trades if trade.trade_id != but)
    return budget_of(
        replace(book, trades=others),
        bucket,
        account_inr=turn.desk.account_inr,
        bucket_limits=turn.settings.bucket_limits[bucket],
        limits=turn.settings.limits,
    )


def _positions_after(turn: Turn, requests: Sequence[OrderRequest]) -> tuple[Position, ...]:
    extra = [
        Position(contract=request.contract, quantity=request.side.sign * request.quantity)
        for request in requests
    ]
    return _merge(turn.desk.book.positions, extra)


def _positions_after_in_trade(trade: Trade, requests: Sequence[OrderRequest]) -> tuple[Position, ...]:
    held = [Position(contract=f.contract, quantity=f.side.sign * f.quantity) for f in trade.fills]
    extra = [
        Position(contract=request.contract, quantity=request.side.sign * request.quantity)
        for request in requests
    ]
    return _merge(held, extra)


def _committed(turn: Turn, but: str | None = None) -> tuple[Position, ...]:
    # The book as it will stand when every entry under way is filled: hedges alone are not its risk.
    groups = [
        _leg_positions(trade.legs, trade.units)
        if trade.state is TradeState.OPENING
        else positions_of(trade.fills)
        for trade in turn.desk.book.trades
        if trade.trade_id != but
    ]
    return _merge(*groups)


def _leg_positions(legs: Sequence[Leg], units: int) -> list[Position]:
    return [Position(contract=leg.contract, quantity=leg.side.sign * units) for leg in legs]


def _merge(*groups: Sequence[Position]) -> tuple[Position, ...]:
    net: dict[OptionContract, int] = {}
    for group in groups:
        for position in group:
            net[position.contract] = net.get(position.contract, 0) + position.quantity
    return tuple(Position(contract=c, quantity=q) for c, q in sorted(net.items()) if q)
