"""What the broker holds and this book never traded comes under management, by the operator's word alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from volguard.engine.state import Turn
from volguard.measure.payoff import max_loss_points
from volguard.model.book import ZERO, Bucket, Fill, Leg, StructureKind, Trade, TradeState, positions_of
from volguard.model.event import Alert, FillBooked, Severity, TradeChanged
from volguard.model.instrument import OptionContract, Side
from volguard.model.units import rupees

CODE: Final = "adopted"

# A contract with signed units and what a unit cost.
_Held = tuple[OptionContract, int, Decimal]


def adopt(turn: Turn) -> None:
    """Make trades of the orphans that two readings showed; from the next look on the exit rules mind them."""
    held: list[_Held] = []
    for position in turn.desk.orphans:
        price = position.entry_price or position.last_price
        if position.contract is None or price is None:
            text = f"{position.quantity:+d} {position.key} cannot be adopted: no option of ours, or no price"
            _say(turn, Severity.CRITICAL, text)
        else:
            held.append((position.contract, position.quantity, price))
    if not held:
        _say(turn, Severity.INFO, "nothing to adopt: the broker holds nothing that two readings showed")
    for expiry in sorted({contract.expiry for contract, _, _ in held}):
        for layer in _layers([one for one in held if one[0].expiry == expiry]):
            _take(turn, expiry, layer)
    taken = {contract for contract, _, _ in held}
    turn.desk = replace(turn.desk, orphans=tuple(p for p in turn.desk.orphans if p.contract not in taken))


# A trade has the same units in each leg: what is held in other quantities is several trades.
def _layers(held: Sequence[_Held]) -> Iterator[list[_Held]]:
    left = {contract: (units, price) for contract, units, price in sorted(held, key=lambda one: one[0])}
    while left:
        units = min(abs(quantity) for quantity, _ in left.values())
        yield [(c, units if quantity > 0 else -units, price) for c, (quantity, price) in left.items()]
        lessened = {c: (q - units if q > 0 else q + units, price) for c, (q, price) in left.items()}
        left = {c: pair for c, pair in lessened.items() if pair[0]}


def _take(turn: Turn, expiry: date, layer: Sequence[_Held]) -> None:
    desk, contracts = turn.desk, turn.rules.contracts
    trade_id = f"T{len(desk.book.trades) + 1:03d}"
    underlying, units = layer[0][0].underlying, abs(layer[0][1])
    lot = contracts.lot_size(underlying, desk.trading_date, expiry)
    if units % lot:
        lot = units
    legs = tuple(Leg(contract=c, side=Side.BUY if q > 0 else Side.SELL) for c, q, _ in layer)
    credit = -sum(float(price) * (1 if q > 0 else -1) for _, q, price in layer)
    loss = max_loss_points(legs, credit)
    # Where nothing bounds the loss the whole account is at stake.
    max_loss = desk.account_inr if loss is None else rupees(max(loss, 0.0) * units)
    fills = tuple(_fill(turn, trade_id, number, one) for number, one in enumerate(layer, start=1))
    trade = Trade(
        trade_id=trade_id,
        bucket=_bucket(turn, monthly=contracts.is_monthly(underlying, expiry)),
        structure=StructureKind.ADOPTED,
        legs=legs,
        lots=units // lot,
        lot_size=lot,
        state=TradeState.OPEN,
        proposed_at=turn.now,
        credit_per_unit=credit,
        max_loss_inr=max_loss,
        reserved_inr=max_loss,
        fills=fills,
        opened_at=turn.now,
    )
    ids = tuple(fill.fill_id for fill in fills)
    turn.desk = replace(
        desk,
        book=replace(desk.book, trades=(*desk.book.trades, trade)),
        fill_ids=(*desk.fill_ids, *ids),
        adopted_fill_ids=(*desk.adopted_fill_ids, *ids),
    )
    turn.records.append(TradeChanged(ts=turn.now, trade_id=trade_id, state=trade.state.value, reason=CODE))
    turn.records += [FillBooked(trade_id=trade_id, fill=fill) for fill in fills]
    what = ", ".join(f"{p.quantity:+d} {p.contract.symbol}" for p in positions_of(fills))
    _say(turn, Severity.WARNING, f"{trade_id}: adopted {what}; its exits are managed from now on")


def _fill(turn: Turn, trade_id: str, number: int, held: _Held) -> Fill:
    contract, quantity, price = held
    return Fill(
        fill_id=f"{turn.desk.session_code}-{trade_id}-{CODE}-{number}",
        tag="",
        ts=turn.now,
        contract=contract,
        side=Side.BUY if quantity > 0 else Side.SELL,
        quantity=abs(quantity),
        price=price,
        charges_inr=ZERO,  # paid by whoever traded it, in no book of ours
        touch_bid=None,
        touch_ask=None,
    )


def _bucket(turn: Turn, *, monthly: bool) -> Bucket:
    wanted = Bucket.MONTHLY if monthly else Bucket.WEEKLY
    return wanted if wanted in turn.settings.buckets else next(iter(turn.settings.buckets))


def _say(turn: Turn, severity: Severity, text: str) -> None:
    turn.effects.append(Alert(ts=turn.now, severity=severity, code=CODE, text=text))
