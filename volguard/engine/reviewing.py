"""Bring together what a review must see; what is not there stays None and is refused there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

from volguard.engine.book_after import committed, leg_positions, trade_after
from volguard.engine.held_risk import held_risk, margin_inputs
from volguard.engine.order_facts import order_facts
from volguard.engine.state import Turn
from volguard.engine.supervisor import is_session_open
from volguard.execution.basket import BasketState, is_uncovered, uncovered_units
from volguard.measure.book_risk import BookRisk, book_margin
from volguard.measure.exposure_groups import (
    exposure_change,
    net_positions,
    proposed_holding,
    whole_holding,
)
from volguard.measure.margin import Margin
from volguard.measure.payoff import max_loss_points
from volguard.measure.since_entry import entry_market
from volguard.measure.stress import StressResult, portfolio_stress
from volguard.model.book import ZERO, Bucket, Position, Trade, TradeState, positions_of
from volguard.model.decision import Approved, Breach, FigureValue, Refused
from volguard.model.instrument import Side
from volguard.model.order import OrderRequest, OrderState, Purpose
from volguard.model.proposal import Budget, Proposal
from volguard.model.units import figure, rupees
from volguard.risk.breaker import refusal
from volguard.risk.buckets import budget_of, capital_used_inr, open_risk_inr
from volguard.risk.concentration import concentration_groups
from volguard.risk.facts import OrdersPlanned, ReviewInputs, TradeFacts
from volguard.risk.review import review, screen

RUPEE: Final = 1.0
EXPOSURE_FIGURES: Final = ("delta_pnl_1pct_inr", "gamma_pnl_1pct_inr", "vega_per_pt", "theta_per_day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """What a proposal meets: its breaches, the trade it would be, and figures of the risk after it."""

    breaches: tuple[Breach, ...]
    trade: Trade
    figures: Mapping[str, FigureValue]


def review_orders(
    turn: Turn, trade: Trade, requests: Sequence[OrderRequest]
) -> tuple[Approved, ...] | Refused:
    """One wave of one trade's orders through the review, on the quotes of now."""
    is_entry = requests[0].purpose is Purpose.OPEN
    inputs = _entry_inputs(turn, trade, requests) if is_entry else _exit_inputs(turn, trade, requests)
    again = sum(turn.desk.book.order(request.tag) is not None for request in requests)
    inputs = replace(
        inputs,
        orders=order_facts(turn, requests),
        orders_today=inputs.orders_today - again,  # a new price is no new order
    )
    turn.desk = replace(turn.desk, reviews=turn.desk.reviews + 1)
    return review(inputs, turn.settings.limits)


def screen_proposal(turn: Turn, proposal: Proposal, broker_margin_inr: Decimal | None = None) -> Screened:
    """Every reason to refuse a proposal before any order is made of it, and what the book would risk.

    `broker_margin_inr`: what the broker wants for it, None where he did not say; the larger margin counts.
    """
    positions = leg_positions(proposal.legs, proposal.lots * proposal.lot_size)
    after = net_positions((*committed(turn), *positions))
    risk_after = risk_of(turn, after)
    margin = _own_margin_inr(turn, positions, after, risk_after)
    if margin is not None and broker_margin_inr is not None and broker_margin_inr > margin:
        risk_after = _with_more_margin(risk_after, float(broker_margin_inr - margin))
        margin = broker_margin_inr
    facts = _proposed(turn, proposal, margin)
    live = turn.desk.book.live_trades
    used = max(proposal.risk_inr, facts.margin_inr or ZERO)
    trade = trade_of(turn, proposal, margin_inr=facts.margin_inr or ZERO)
    inputs = replace(
        _inputs(turn, facts),
        risk_after=risk_after,
        open_risk_after_inr=open_risk_inr(live) + proposal.risk_inr,
        capital_used_after_inr=capital_used_inr(live) + used,
        concentration_after=concentration_groups((*live, trade)),
        orders_planned=_orders_planned(turn, proposal),
    )
    # What entries under way have still to send is spoken for.
    unsent = _unsent_orders(turn)
    inputs = replace(
        inputs,
        orders_today=inputs.orders_today + unsent,
        orders_last_second=inputs.orders_last_second + unsent,
    )
    turn.desk = replace(turn.desk, reviews=turn.desk.reviews + 1)
    breaches = screen(inputs, turn.settings.limits)
    figures = {**_exposure_figures(turn, proposal, trade), **_risk_figures(inputs)}
    return Screened(breaches=breaches, trade=trade, figures=figures)


def trade_of(turn: Turn, proposal: Proposal, *, margin_inr: Decimal) -> Trade:
    """The trade that a proposal would become."""
    return Trade(
        trade_id=f"T{len(turn.desk.book.trades) + 1:03d}",
        bucket=proposal.bucket,
        structure=proposal.structure,
        legs=proposal.legs,
        lots=proposal.lots,
        lot_size=proposal.lot_size,
        state=TradeState.OPENING,
        proposed_at=turn.now,
        credit_per_unit=proposal.credit_per_unit,
        max_loss_inr=proposal.max_loss_inr,
        reserved_inr=proposal.risk_inr,
        margin_inr=margin_inr,
        entry_market=None if turn.market is None else entry_market(turn.market, proposal.legs),
    )


def risk_of(turn: Turn, positions: Sequence[Position]) -> BookRisk | None:
    """Greeks, stress and margin of positions on the market of now; None without a market."""
    if turn.market is None:
        return None
    return held_risk(
        turn.market, positions, turn.desk, turn.outlook, settings=turn.settings, rules=turn.rules
    )


def _entry_inputs(turn: Turn, trade: Trade, requests: Sequence[OrderRequest]) -> ReviewInputs:
    # An entry is judged with the rest of its structure: what is being committed to.
    positions = leg_positions(trade.legs, trade.units)
    whole = net_positions((*committed(turn, but=trade.trade_id), *positions))
    risk_after = risk_of(turn, whole)
    facts = TradeFacts(
        risk_inr=_risk_at(turn, trade, requests),
        margin_inr=_own_margin_inr(turn, positions, whole, risk_after),
        budget=bucket_budget(turn, trade.bucket, but=trade.trade_id),
        key=(trade.legs[0].contract.expiry, trade.structure),
        covered=not is_uncovered(trade_after(trade, requests)),
        uncovers=0,
        stress_rise_inr=None,
    )
    # At the prices and the margin of now, not those it was approved at.
    now = replace(trade, reserved_inr=facts.risk_inr, margin_inr=facts.margin_inr or trade.margin_inr)
    others = (each for each in turn.desk.book.live_trades if each.trade_id != trade.trade_id)
    live = (*others, now)
    return replace(
        _inputs(turn, facts),
        risk_after=risk_after,
        open_risk_after_inr=open_risk_inr(live),
        capital_used_after_inr=capital_used_inr(live),
        concentration_after=concentration_groups(live),
    )


def _exit_inputs(turn: Turn, trade: Trade, requests: Sequence[OrderRequest]) -> ReviewInputs:
    before, after = positions_of(trade.fills), trade_after(trade, requests)
    facts = TradeFacts(
        risk_inr=trade.reserved_inr,
        margin_inr=trade.margin_inr,
        budget=None,
        key=(trade.legs[0].contract.expiry, trade.structure),
        covered=True,
        uncovers=max(0, uncovered_units(after) - uncovered_units(before)),
        stress_rise_inr=_stress_rise_inr(turn, before, after),
    )
    return _inputs(turn, facts)


def _stress_rise_inr(turn: Turn, before: Sequence[Position], after: Sequence[Position]) -> float | None:
    # A short that is bought back can no longer win its remaining value: by so much a loss elsewhere may rise.
    # That value is the stress's own, or a quote out of line with those beside it would keep the short open.
    if turn.market is None:
        return None
    held = {position.contract: position.quantity for position in after}
    bought = [
        Position(contract=position.contract, quantity=held.get(position.contract, 0) - position.quantity)
        for position in before
        if position.quantity < 0
    ]
    settings = turn.settings
    results = [
        portfolio_stress(turn.market, positions, settings.stress, settings.quality)
        for positions in (before, after, bought)
    ]
    known = [result for result in results if isinstance(result, StressResult)]
    if len(known) < len(results):
        return None
    rise = known[1].stressed_loss_inr - known[0].stressed_loss_inr - known[2].value_inr
    return figure(rise) if math.isfinite(rise) and rise > RUPEE else 0.0


def _proposed(turn: Turn, proposal: Proposal, margin_inr: Decimal | None) -> TradeFacts:
    return TradeFacts(
        risk_inr=proposal.risk_inr,
        margin_inr=margin_inr,
        budget=bucket_budget(turn, proposal.bucket),
        key=(proposal.expiry, proposal.structure),
        covered=True,
        uncovers=0,
        stress_rise_inr=None,
    )


def _unsent_orders(turn: Turn) -> int:
    book = turn.desk.book
    return sum(
        book.order(line.tag) is None
        for basket in turn.desk.baskets
        if basket.purpose is Purpose.OPEN and basket.state is BasketState.WORKING
        for wave in basket.waves
        for line in wave
    )


def _orders_planned(turn: Turn, proposal: Proposal) -> OrdersPlanned:
    # Slices of each leg below the freeze quantity; longs leave first, then shorts.
    underlying = proposal.legs[0].contract.underlying
    freeze = turn.rules.contracts.freeze_quantity(underlying, turn.desk.trading_date)
    slices = math.ceil(proposal.lots / max(1, freeze // proposal.lot_size))
    longs = sum(leg.side is Side.BUY for leg in proposal.legs)
    larger = max(longs, len(proposal.legs) - longs)
    return OrdersPlanned(in_all=slices * len(proposal.legs), at_once=slices * larger)


def _own_margin_inr(
    turn: Turn, positions: Sequence[Position], whole: Sequence[Position], risk: BookRisk | None
) -> Decimal | None:
    # A trade that is the whole book has been measured with it.
    if turn.market is None or risk is None:
        return None
    margin = risk.margin
    if net_positions(positions) != whole:
        margin = book_margin(turn.market, positions, margin_inputs(turn.desk, turn.outlook, turn.rules))
    return rupees(margin.total_inr) if isinstance(margin, Margin) else None


def _with_more_margin(risk: BookRisk | None, more_inr: float) -> BookRisk | None:
    if risk is None:
        return None
    now, moved = (
        replace(margin, broker_more_inr=more_inr) if isinstance(margin, Margin) else margin
        for margin in (risk.margin, risk.margin_moved)
    )
    return replace(risk, margin=now, margin_moved=moved)


def _exposure_figures(turn: Turn, proposal: Proposal, trade: Trade) -> dict[str, FigureValue]:
    """Greeks in rupees: of the portfolio without the trade, of portfolio, bucket and expiry with it."""
    if turn.market is None:
        return {}
    live = [whole_holding(each) for each in turn.desk.book.live_trades]
    change = exposure_change(turn.market, live, proposed_holding(proposal, trade.trade_id))
    parts = {
        "portfolio_before": change.before.portfolio,
        "portfolio_after": change.after.portfolio,
        "bucket_after": change.after.by_bucket.get(proposal.bucket),
        "expiry_after": change.after.by_expiry.get(proposal.expiry),
    }
    return {
        f"{name}_{part}": None if exposure is None else getattr(exposure, name)
        for part, exposure in parts.items()
        for name in EXPOSURE_FIGURES
    }


def _risk_figures(inputs: ReviewInputs) -> dict[str, FigureValue]:
    """What a decision keeps of the risk after it."""
    after, trade = inputs.risk_after, inputs.trade
    figures: dict[str, FigureValue] = {
        "margin_trade_inr": None if trade.margin_inr is None else float(trade.margin_inr)
    }
    if not inputs.vix_judgeable:
        figures["vix_spike"] = "not_applicable: the looks are too far apart"
    if after is None:
        return figures
    if isinstance(after.stress, StressResult):
        figures["stressed_loss_inr"] = after.stress.stressed_loss_inr
        figures["near_loss_inr"] = after.stress.near_loss_inr
        figures["worst_cell"] = after.stress.worst.text if after.stress.worst is not None else "none"
    else:
        figures["stressed_loss_inr"], figures["worst_cell"] = None, after.stress.text
    if isinstance(after.margin, Margin):
        figures["margin_after_inr"] = figure(after.margin.total_inr)
        figures["margin_worst_scenario"] = after.margin.worst_scenario
    else:
        figures["margin_after_inr"], figures["margin_missing"] = None, after.margin.reason
    return figures


def _inputs(turn: Turn, facts: TradeFacts) -> ReviewInputs:
    desk, view = turn.desk, turn.market
    valid_s = turn.settings.limits.approval_valid_cadences * turn.cadence_s
    unknown = sum(order.state is OrderState.UNKNOWN for order in desk.book.orders)
    second = turn.now - timedelta(seconds=1)
    return ReviewInputs(
        now=turn.now,
        session_open=is_session_open(turn, turn.now),
        phase=desk.phase,
        effective_phase=desk.effective_phase,
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
        risk_after=None,
        open_risk_after_inr=None,
        capital_used_after_inr=None,
        concentration_after=None,
        vix_spike=desk.vix_spike,
        vix_judgeable=turn.settings.vix_spike.is_judgeable(turn.cadence_s),
        order_breaker=refusal(desk.order_breaker, turn.now),
        orders_today=len(desk.book.orders),
        orders_last_second=sum(second < order.priced_at for order in desk.book.orders),
        orders_planned=OrdersPlanned(),
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
