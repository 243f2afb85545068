"""Hedges on the day of their expiry that nobody pays for: left to expire, once their shorts are out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from volguard.engine.state import Turn
from volguard.measure.touch import quote_of
from volguard.model.book import Position


def left_to_expire(turn: Turn, positions: Sequence[Position]) -> bool:
    """All of these are longs that expire today and are bid at no more than the setting, or not at all.

    Where everything is to be closed nothing is left.
    """
    desk = turn.desk
    if desk.flatten_reason or desk.emergency or desk.stops.hard:
        return False
    return bool(positions) and all(_is_worthless(turn, position) for position in positions)


def _is_worthless(turn: Turn, position: Position) -> bool:
    limit, contract, view = turn.settings.policy.expiring_hedge_bid_max, position.contract, turn.market
    if limit <= 0.0 or position.quantity <= 0 or contract.expiry != turn.desk.trading_date or view is None:
        return False
    tick = turn.rules.contracts.tick(contract.underlying, turn.desk.trading_date)
    quote = quote_of(view, contract, tick)
    return quote is not None and (quote.bid is None or quote.bid <= Decimal(str(limit)))
