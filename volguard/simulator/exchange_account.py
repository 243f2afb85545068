"""The account at the simulator's exchange: holdings by contract and product, cash to the last digit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from volguard.model.instrument import OptionContract, Side
from volguard.simulator.exchange_orders import ZERO, SimTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Overnight:
    """A position carried into the day: signed units and the price it is carried at."""

    contract: OptionContract
    quantity: int
    price: Decimal
    product: str = "D"


@dataclass(slots=True, kw_only=True)
class Holding:
    """One contract under one product: what was carried in, and what was bought and sold today."""

    contract: OptionContract
    product: str
    overnight_quantity: int = 0
    overnight_price: Decimal = ZERO
    day_buy_quantity: int = 0
    day_buy_value: Decimal = ZERO
    day_sell_quantity: int = 0
    day_sell_value: Decimal = ZERO

    @property
    def quantity(self) -> int:
        """Signed units held now."""
        return self.overnight_quantity + self.day_buy_quantity - self.day_sell_quantity

    @property
    def buy_quantity(self) -> int:
        """Units bought, those carried in among them."""
        return self.day_buy_quantity + max(self.overnight_quantity, 0)

    @property
    def sell_quantity(self) -> int:
        """Units sold, those carried in among them."""
        return self.day_sell_quantity + max(-self.overnight_quantity, 0)

    @property
    def buy_value(self) -> Decimal:
        """Rupees paid for `buy_quantity`."""
        return self.day_buy_value + max(self.overnight_quantity, 0) * self.overnight_price

    @property
    def sell_value(self) -> Decimal:
        """Rupees received for `sell_quantity`."""
        return self.day_sell_value + max(-self.overnight_quantity, 0) * self.overnight_price

    @property
    def average_price(self) -> Decimal | None:
        """Mean price of the side that is held; None when nothing is."""
        if self.quantity > 0:
            return self.buy_value / self.buy_quantity
        if self.quantity < 0:
            return self.sell_value / self.sell_quantity
        return None

    @property
    def realised(self) -> Decimal:
        """Rupees made on the units that were both bought and sold."""
        matched = min(self.buy_quantity, self.sell_quantity)
        if not matched:
            return ZERO
        return matched * (self.sell_value / self.sell_quantity - self.buy_value / self.buy_quantity)

    def take(self, side: Side, quantity: int, price: Decimal) -> None:
        """Book an execution of today."""
        if side is Side.BUY:
            self.day_buy_quantity += quantity
            self.day_buy_value += quantity * price
        else:
            self.day_sell_quantity += quantity
            self.day_sell_value += quantity * price


class Account:
    """Cash and holdings; cash is capital plus premiums received less premiums and charges paid, exactly."""

    def __init__(self, *, capital_inr: Decimal, overnight: Iterable[Overnight] = ()) -> None:
        self.capital_inr = capital_inr
        self.premium_inr = ZERO  # received less paid
        self.charges_inr = ZERO
        self._holdings: dict[tuple[OptionContract, str], Holding] = {}
        for carried in overnight:
            holding = self._holding(carried.contract, carried.product)
            holding.overnight_quantity = carried.quantity
            holding.overnight_price = carried.price

    @property
    def cash_inr(self) -> Decimal:
        """Rupees in the account."""
        return self.capital_inr + self.premium_inr - self.charges_inr

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """All of the day, closed ones too, in the order they came to be."""
        return tuple(self._holdings.values())

    @property
    def units(self) -> dict[OptionContract, int]:
        """Signed units by contract over all products; nothing that is flat."""
        held: dict[OptionContract, int] = {}
        for holding in self._holdings.values():
            held[holding.contract] = held.get(holding.contract, 0) + holding.quantity
        return {contract: units for contract, units in held.items() if units}

    def book(self, trade: SimTrade) -> Holding:
        """Take an execution and its charges; gives the holding that it changed."""
        ticket = trade.order.ticket
        holding = self._holding(ticket.contract, ticket.product)
        holding.take(ticket.side, trade.quantity, trade.price)
        self.premium_inr += trade.cash_inr
        self.charges_inr += trade.charges_inr
        return holding

    def open_holdings(self) -> Iterator[Holding]:
        """Those that are not flat."""
        return (holding for holding in self._holdings.values() if holding.quantity)

    def _holding(self, contract: OptionContract, product: str) -> Holding:
        key = (contract, product)
        if key not in self._holdings:
            self._holdings[key] = Holding(contract=contract, product=product)
        return self._holdings[key]
