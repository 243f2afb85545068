"""One order with its quote, its contract's rules and what is known of its strike."""

from __future__ import annotations

import math

from volguard.engine.state import Turn
from volguard.execution.ladder import price_band
from volguard.measure.confidence import leg_confidences
from volguard.measure.market_view import MarketView
from volguard.measure.touch import fair_values, quote_of
from volguard.model.book import positions_of
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderRequest, Purpose
from volguard.risk.facts import OrderFacts


def order_facts(turn: Turn, request: OrderRequest) -> OrderFacts:
    """All that a review reads of one order, on the quotes of now."""
    contract, view = request.contract, turn.market
    contracts, today = turn.rules.contracts, turn.desk.trading_date
    tick = contracts.tick(contract.underlying, today)
    quote = quote_of(view, contract, tick) if view is not None else None
    return OrderFacts(
        request=request,
        quote=quote,
        fair_value=_fair_value(view, contract),
        flags=_flags(view, contract),
        closable=_closable(turn, request),
        lot_size=contracts.lot_size(contract.underlying, today, contract.expiry),
        freeze_quantity=contracts.freeze_quantity(contract.underlying, today),
        tick=tick,
        band=price_band(quote, tick=tick, settings=turn.settings.execution),
        confidence=_confidence(turn, contract),
    )


def _confidence(turn: Turn, contract: OptionContract) -> float | None:
    view = turn.market
    if view is None or view.row(contract) is None:
        return None
    return leg_confidences(view, [contract], turn.settings.quality)[0].value


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
