"""The rules of an order that closes what the broker says is held: proven to reduce, or refused.

They look at the broker's own books and at nothing that a caller worked out of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from volguard.measure.broker_net import (
    OUR_PRODUCT,
    BrokerEvidence,
    Holding,
    closable_units,
    group_of,
    holdings,
    spare_longs,
)
from volguard.model.broker import InstrumentKey
from volguard.model.decision import Breach
from volguard.model.instrument import Side
from volguard.model.market import Quote
from volguard.model.order import OrderRequest, Purpose, Urgency

BOOKS_AGE_MAX_S: Final = 5.0
PRICE_AGE_MAX_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenInputs:
    """One closing order with the books that prove it; None: not available, and nothing passes without.

    `replaces`: it re-prices the resting order of the same tag, whose own units are not counted twice.
    `quote` is as of its reading, both sides a last price where nobody quoted; `band` is what the exchange
    takes around it.
    """

    now: datetime
    valid_until: datetime
    review_sequence: int
    request: OrderRequest
    key: InstrumentKey
    replaces: bool
    evidence: BrokerEvidence
    lot_size: int | None
    freeze_quantity: int | None
    tick: Decimal | None
    band: tuple[Decimal, Decimal] | None
    quote: Quote | None

    @property
    def holding(self) -> Holding | None:
        """What the order closes: the contract's position under the product of our orders."""
        return next(
            (held for held in holdings(self.evidence.positions) if held.place == (self.key, OUR_PRODUCT)),
            None,
        )

    @property
    def own_tag(self) -> str | None:
        """The tag whose working units are its own."""
        return self.request.tag if self.replaces else None


FlattenCheck = Callable[[FlattenInputs], Iterator[Breach]]


def is_close(inputs: FlattenInputs) -> Iterator[Breach]:
    """It says of itself that it closes, and in a hurry."""
    request = inputs.request
    if request.purpose is not Purpose.CLOSE or request.urgency is not Urgency.HIGH:
        text = f"order was {request.purpose} with {request.urgency} urgency, must be a CLOSE of HIGH urgency"
        yield Breach(rule="flatten_purpose", value=request.purpose.value, limit="CLOSE", text=text)


def books_fresh(inputs: FlattenInputs) -> Iterator[Breach]:
    """Both books were read just now."""
    age_s = (inputs.now - inputs.evidence.read_at).total_seconds()
    if not 0.0 <= age_s <= BOOKS_AGE_MAX_S:
        text = f"the broker's books were read {age_s:.1f} s ago, limit {BOOKS_AGE_MAX_S:.1f} s"
        yield Breach(rule="books_fresh", value=age_s, limit=BOOKS_AGE_MAX_S, text=text)


def reduces_net(inputs: FlattenInputs) -> Iterator[Breach]:
    """Against what is held, for no more than is held and not yet on its way out."""
    request, held = inputs.request, inputs.holding
    name = request.contract.symbol
    if held is None or held.contract != request.contract:
        text = f"{name}: the broker holds none of it under product {OUR_PRODUCT}"
        yield Breach(rule="reduces", value=float(request.quantity), limit=0.0, text=text)
        return
    if request.side is not held.closing_side:
        text = f"{name}: {request.side} would add to {held.quantity:+d} held"
        yield Breach(rule="reduces", value=request.side.value, limit=held.closing_side.value, text=text)
        return
    room = closable_units(inputs.evidence, held, without_tag=inputs.own_tag)
    if not 0 < request.quantity <= room:
        text = f"{name}: closing {request.quantity} of {held.quantity:+d}, still to be closed {room}"
        yield Breach(rule="reduces", value=float(request.quantity), limit=float(room), text=text)


def leaves_cover(inputs: FlattenInputs) -> Iterator[Breach]:
    """A long is sold only beyond what covers the shorts of its expiry and type."""
    request = inputs.request
    if request.side is Side.BUY:
        return
    spare = spare_longs(inputs.evidence, group_of(request.contract), without_tag=inputs.own_tag)
    if request.quantity > spare:
        text = f"{request.contract.symbol}: selling {request.quantity}, {spare} cover no short"
        yield Breach(rule="keeps_cover", value=float(request.quantity), limit=float(spare), text=text)


def form(inputs: FlattenInputs) -> Iterator[Breach]:
    """Whole lots below the freeze quantity, on the tick."""
    request, name = inputs.request, inputs.request.contract.symbol
    if inputs.lot_size is None or inputs.freeze_quantity is None or inputs.tick is None:
        text = f"{name}: lot size, freeze quantity or tick is not available"
        yield Breach(rule="contract_rules", value=None, limit=None, text=text)
        return
    if request.quantity % inputs.lot_size:
        text = f"{name}: quantity was {request.quantity}, lot size {inputs.lot_size}"
        limit = float(inputs.lot_size)
        yield Breach(rule="lot_multiple", value=float(request.quantity), limit=limit, text=text)
    if request.quantity > inputs.freeze_quantity:
        text = f"{name}: quantity was {request.quantity}, freeze quantity {inputs.freeze_quantity}"
        limit = float(inputs.freeze_quantity)
        yield Breach(rule="freeze_quantity", value=float(request.quantity), limit=limit, text=text)
    if not request.limit_price.is_finite() or request.limit_price % inputs.tick:
        text = f"{name}: price was {request.limit_price}, tick {inputs.tick}"
        yield Breach(rule="tick", value=str(request.limit_price), limit=str(inputs.tick), text=text)


def priced(inputs: FlattenInputs) -> Iterator[Breach]:
    """The limit lies in the exchange's band around a price that was read just now."""
    request, name = inputs.request, inputs.request.contract.symbol
    if inputs.band is None or inputs.quote is None or inputs.quote.contract != request.contract:
        text = f"{name}: there is no price to measure a limit by"
        yield Breach(rule="priced", value=None, limit=None, text=text)
        return
    age_s = (inputs.now - inputs.quote.ts).total_seconds()
    if not 0.0 <= age_s <= PRICE_AGE_MAX_S:
        text = f"{name}: its price was read {age_s:.1f} s ago, limit {PRICE_AGE_MAX_S:.1f} s"
        yield Breach(rule="price_age", value=age_s, limit=PRICE_AGE_MAX_S, text=text)
    low, high = inputs.band
    if not low <= request.limit_price <= high or request.limit_price <= 0:
        text = f"{name}: price was {request.limit_price}, the exchange takes {low} to {high}"
        yield Breach(rule="band", value=str(request.limit_price), limit=f"{low} to {high}", text=text)


FLATTEN_CHECKS: Final[tuple[FlattenCheck, ...]] = (
    is_close,
    books_fresh,
    reduces_net,
    leaves_cover,
    form,
    priced,
)
