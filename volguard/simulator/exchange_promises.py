"""What working orders have promised: rupees of those that buy, units of both sides; kept up by each word."""

from __future__ import annotations

from decimal import Decimal

from volguard.model.instrument import OptionContract, Side
from volguard.simulator.exchange_orders import ZERO, SimOrder


class Promises:
    """Sums over the orders that were checked and have not ended."""

    def __init__(self) -> None:
        self.promised_inr = ZERO
        self._units: dict[Side, dict[OptionContract, int]] = {Side.BUY: {}, Side.SELL: {}}
        self._of: dict[str, tuple[int, Decimal]] = {}

    def put(self, order: SimOrder) -> None:
        """Count an order from now on."""
        units, inr = self._of[order.order_id] = _promised(order)
        self._add(order, units, inr)

    def renew(self, order: SimOrder) -> None:
        """Count an order as it stands now, where it is counted at all."""
        counted = self._of.get(order.order_id)
        if counted is not None and counted != _promised(order):
            self.drop(order)
            self.put(order)

    def drop(self, order: SimOrder) -> None:
        """Count an order no more."""
        units, inr = self._of.pop(order.order_id, (0, ZERO))
        self._add(order, -units, -inr)

    def units(self, contract: OptionContract, side: Side) -> int:
        """Units that orders of a side would still trade in a contract."""
        return self._units[side].get(contract, 0)

    def sold(self) -> dict[OptionContract, int]:
        """Units that orders would still sell, by contract."""
        return dict(self._units[Side.SELL])

    def _add(self, order: SimOrder, units: int, inr: Decimal) -> None:
        if not units:
            return
        self.promised_inr += inr
        held = self._units[order.ticket.side]
        contract = order.ticket.contract
        left = held.get(contract, 0) + units
        if left:
            held[contract] = left
        else:
            del held[contract]


def _promised(order: SimOrder) -> tuple[int, Decimal]:
    units = order.open_quantity
    return units, units * order.limit_price if order.ticket.side is Side.BUY else ZERO
