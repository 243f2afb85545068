"""Positions as they will stand: of one trade, and of the whole book with what is being committed to."""

from __future__ import annotations

from collections.abc import Sequence

from volguard.engine.state import Turn
from volguard.measure.exposure_groups import net_positions
from volguard.model.book import Leg, Position, Trade, TradeState, positions_of
from volguard.model.order import OrderRequest


def trade_after(trade: Trade, requests: Sequence[OrderRequest]) -> tuple[Position, ...]:
    """What one trade holds when the orders are filled."""
    return net_positions((*positions_of(trade.fills), *(_asked(request) for request in requests)))


def committed(turn: Turn, but: str | None = None) -> tuple[Position, ...]:
    """The book as it will stand when every entry under way is filled: hedges alone are not its risk."""
    return net_positions(
        position
        for trade in turn.desk.book.trades
        if trade.trade_id != but
        for position in (
            leg_positions(trade.legs, trade.units)
            if trade.state is TradeState.OPENING
            else positions_of(trade.fills)
        )
    )


def leg_positions(legs: Sequence[Leg], units: int) -> tuple[Position, ...]:
    """A structure of so many units as positions."""
    return tuple(Position(contract=leg.contract, quantity=leg.side.sign * units) for leg in legs)


def _asked(request: OrderRequest) -> Position:
    return Position(contract=request.contract, quantity=request.side.sign * request.quantity)
