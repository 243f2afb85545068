"""What the simulator's exchange and its broker's risk desk refuse an order for, each in one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal
from functools import lru_cache, partial
from typing import Final, Protocol

from volguard.model.instrument import OptionContract, Side, Underlying
from volguard.model.units import PAISA
from volguard.nse.contracts import Contracts
from volguard.simulator.exchange_account import Account
from volguard.simulator.exchange_margin import Blocked
from volguard.simulator.exchange_market import MarketInForce, PriceBand
from volguard.simulator.exchange_orders import ZERO, Change, SimOrder
from volguard.simulator.exchange_promises import Promises

UNCHANGED: Final = Change()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is checked of an order, new or changed; `limit_price` None where it has none."""

    contract: OptionContract
    side: Side
    quantity: int
    filled_quantity: int
    limit_price: Decimal | None
    trigger_price: Decimal | None

    @classmethod
    def of(cls, order: SimOrder, change: Change | None = None) -> Terms:
        """Of an order as it would be after a change."""
        wanted = change or UNCHANGED
        kind = order.order_type if wanted.order_type is None else wanted.order_type
        limit = order.limit_price if wanted.limit_price is None else wanted.limit_price
        trigger = order.trigger_price if wanted.trigger_price is None else wanted.trigger_price
        return cls(
            contract=order.ticket.contract,
            side=order.ticket.side,
            quantity=order.quantity if wanted.quantity is None else wanted.quantity,
            filled_quantity=order.filled_quantity,
            limit_price=None if kind.is_unpriced else limit,
            trigger_price=trigger if kind.has_trigger else None,
        )


class ContractChecks:
    """Lot, freeze quantity, tick and price band of one underlying on one date."""

    def __init__(
        self, contracts: Contracts, underlying: Underlying, day: date, band: PriceBand, market: MarketInForce
    ) -> None:
        self._contracts, self._underlying, self._day = contracts, underlying, day
        self._market = market
        self.tick = contracts.tick(underlying, day)
        self._around = lru_cache(maxsize=1024)(partial(band.around, tick=self.tick))
        self.freeze_quantity = contracts.freeze_quantity(underlying, day)

    def lot_size(self, contract: OptionContract) -> int:
        """Units per lot. Raises DateNotCovered."""
        return self._contracts.lot_size(self._underlying, self._day, contract.expiry)

    def band_of(self, contract: OptionContract) -> tuple[Decimal, Decimal] | None:
        """Lowest and highest price that is taken now; None where the market gives no reference."""
        touch = self._market.touch(contract)
        reference = touch.reference if touch is not None else None
        return None if reference is None else self._around(reference)

    def fault(self, terms: Terms) -> str:
        """Why the exchange refuses; empty when it does not."""
        lot = self.lot_size(terms.contract)
        if terms.quantity < 1 or terms.quantity % lot:
            return f"16419 : quantity {terms.quantity} is no multiple of the regular lot {lot}"
        if terms.quantity > self.freeze_quantity:
            return f"17182 : quantity {terms.quantity} exceeds the freeze quantity {self.freeze_quantity}"
        if terms.quantity <= terms.filled_quantity:
            return f"17080 : quantity {terms.quantity} is filled already to {terms.filled_quantity}"
        for price in (terms.limit_price, terms.trigger_price):
            if price is not None and (price <= 0 or price % self.tick):
                return f"16283 : price {price} is no positive multiple of the tick {self.tick}"
        return self._outside_band(terms)

    def _outside_band(self, terms: Terms) -> str:
        band = self.band_of(terms.contract)
        if terms.limit_price is None or band is None or band[0] <= terms.limit_price <= band[1]:
            return ""
        return f"17070 : price {terms.limit_price} is out of the execution range {band[0]} to {band[1]}"


class MarginOf(Protocol):
    """Margin of signed units on the market in force."""

    def __call__(self, units: dict[OptionContract, int]) -> Blocked:
        """Margin by component."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Where the account's rupees are: in it, blocked as margin, promised to orders that buy."""

    cash_inr: Decimal
    blocked: Blocked
    promised_inr: Decimal

    @property
    def used_inr(self) -> Decimal:
        """Blocked and promised."""
        return Decimal(str(round(self.blocked.total_inr, 2))) + self.promised_inr

    @property
    def available_inr(self) -> Decimal:
        """What new orders may use; may be negative."""
        return self.cash_inr - self.used_inr


def money_of(
    account: Account, promises: Promises, margin_of: MarginOf, also: SimOrder | None = None
) -> Money:
    """The account with its working orders: sells counted as done, buys as paid for but not yet held.

    `also` is one more order that sells.
    """
    units = account.units
    for contract, sold in promises.sold().items():
        units[contract] = units.get(contract, 0) - sold
    if also is not None:
        contract = also.ticket.contract
        units[contract] = units.get(contract, 0) - also.open_quantity
    return Money(cash_inr=account.cash_inr, blocked=margin_of(units), promised_inr=promises.promised_inr)


def shortfall(
    order: SimOrder, price: Decimal, account: Account, promises: Promises, margin_of: MarginOf
) -> Decimal:
    """Rupees that are missing for an order at a price, 0 when none are; an order that only closes needs none.

    `promises` are those of the other orders.
    """
    if _only_closes(order, account, promises):
        return ZERO
    if order.ticket.side is Side.BUY:
        missing = order.open_quantity * price - money_of(account, promises, margin_of).available_inr
    else:
        missing = -money_of(account, promises, margin_of, order).available_inr
    return max(ZERO, missing).quantize(PAISA, ROUND_UP)


def _only_closes(order: SimOrder, account: Account, promises: Promises) -> bool:
    ticket = order.ticket
    closable = -ticket.side.sign * account.units.get(ticket.contract, 0)
    return order.open_quantity + promises.units(ticket.contract, ticket.side) <= closable
