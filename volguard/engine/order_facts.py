"""Orders of one wave, each with its quote, its contract's rules and what is known of its strike."""

from __future__ import annotations

import math
from collections.abc import Sequence

from volguard.engine.state import Turn
from volguard.execution.ladder import price_band
from volguard.measure.confidence import leg_confidences
from volguard.measure.market_view import MarketView
from volguard.measure.touch import fair_values, quote_of
from volguard.model.book import positions_of
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderRequest, Purpose
from volguard.risk.facts import OrderFacts


def order_facts(turn: Turn, requests: Sequence[OrderRequest]) -> tuple[OrderFacts, ...]:
    """All that a review reads of each order of a wave, on the quotes of now."""
    contracts = [request.contract for request in requests]
    fair, confidence = _fair_values(turn.market, contracts), _confidences(turn, contracts)
    return tuple(
        _facts(turn, request, fair_value=value, confidence=confidence.get(request.contract))
        for request, value in zip(requests, fair, strict=True)
    )


def _facts(
    turn: Turn, request: OrderRequest, *, fair_value: float | None, confidence: float | None
) -> OrderFacts:
    contract, view = request.contract, turn.market
    contracts, today = turn.rules.contracts, turn.desk.trading_date
    tick = contracts.tick(contract.underlying, today)
    quote = quote_of(view, contract, tick) if view is not None else None
    return OrderFacts(
        request=request,
        quote=quote,
        fair_value=fair_value,
        flags=_flags(view, contract),
        closable=_closable(turn, request),
        lot_size=contracts.lot_size(contract.underlying, today, contract.expiry),
        freeze_quantity=contracts.freeze_quantity(contract.underlying, today),
        tick=tick,
        band=price_band(quote, tick=tick, settings=turn.settings.execution),
        confidence=confidence,
    )


def _fair_values(view: MarketView | None, contracts: Sequence[OptionContract]) -> list[float | None]:
    if view is None:
        return [None] * len(contracts)
    values: list[float] = fair_values(view, contracts).tolist()
    return [value if math.isfinite(value) else None for value in values]


def _confidences(turn: Turn, contracts: Sequence[OptionContract]) -> dict[OptionContract, float]:
    # Of the contracts that the market lists; an expiry is judged once for all its orders.
    view = turn.market
    if view is None:
        return {}
    listed = [contract for contract in contracts if view.row(contract) is not None]
    return {leg.contract: leg.value for leg in leg_confidences(view, listed, turn.settings.quality)}


def _flags(view: MarketView | None, contract: OptionContract) -> int | None:
    row = view.row(contract) if view is not None else None
    return int(view.flags[row]) if view is not None and row is not None else None


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
