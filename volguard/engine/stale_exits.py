"""Exits that no longer fit what is held: after a late fill, or a leg that another order closed."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.baskets import put_basket, start_exit
from volguard.engine.state import Turn
from volguard.execution.basket import Basket, BasketState
from volguard.model.book import Trade, positions_of
from volguard.model.event import Alert, Severity
from volguard.model.instrument import OptionContract
from volguard.model.order import Purpose


def drop_stale_exits(turn: Turn) -> None:
    """Withdraw the exits of a trade where they do not close what it holds, no more and no less.

    Once they are off the exchange what is left is closed by a new one; the exit of the other option type
    goes on. Without this a short that fills late would wait for the other half of its trade, which risk does
    not let go while that short stands.
    """
    for trade in turn.desk.book.live_trades:
        mine = [basket for basket in turn.desk.baskets if basket.trade_id == trade.trade_id]
        exits = [b for b in mine if b.purpose is Purpose.CLOSE and b.state is BasketState.WORKING]
        if not exits or any(basket.purpose is Purpose.OPEN for basket in mine):
            continue
        held = {p.contract: p.quantity for p in positions_of(trade.fills)}
        for basket in exits:
            if _wanted(turn, basket) != _of_kind(held, basket):
                put_basket(turn, replace(basket, state=BasketState.UNWINDING))
                _tell(turn, trade)
        start_exit(turn, trade.trade_id, urgency=exits[0].urgency, reason=exits[0].reason)


def _of_kind(held: dict[OptionContract, int], basket: Basket) -> dict[OptionContract, int]:
    kinds = {line.contract.option_type for wave in basket.waves for line in wave}
    return {contract: units for contract, units in held.items() if contract.option_type in kinds}


def _wanted(turn: Turn, basket: Basket) -> dict[OptionContract, int]:
    # The position that this exit would close if it filled whole, by contract.
    wanted: dict[OptionContract, int] = {}
    for line in (line for wave in basket.waves for line in wave):
        order = turn.desk.book.order(line.tag)
        left = line.quantity - (order.filled_quantity if order is not None else 0)
        wanted[line.contract] = wanted.get(line.contract, 0) - line.side.sign * left
    return {contract: units for contract, units in wanted.items() if units}


def _tell(turn: Turn, trade: Trade) -> None:
    text = f"{trade.trade_id}: its exit does not fit what is held any more; closing what is left anew"
    turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code="exit_stale", text=text))
