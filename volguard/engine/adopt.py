"""What the broker holds and this book never traded comes under management, by the operator's word alone.

Only what an exit can close is taken: whole lots, as the contract's lot size is on the trading date. What is
no whole lot stays the operator's, and so do the longs that may cover it: an exit would sell them away.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from volguard.engine.state import Turn
from volguard.measure.broker_net import group_of
from volguard.measure.payoff import max_loss_points
from volguard.model.book import ZERO, Bucket, Fill, Leg, StructureKind, Trade, TradeState, positions_of
from volguard.model.broker import BrokerPosition
from volguard.model.errors import DateNotCovered
from volguard.model.event import Alert, FillBooked, Severity, TradeChanged
from volguard.model.instrument import OptionContract, Side
from volguard.model.units import rupees

CODE: Final = "adopted"
BY_HAND: Final = "close it with volguard flatten"

# A contract with signed units and what a unit cost.
_Held = tuple[OptionContract, int, Decimal]


def adopt(turn: Turn) -> None:
    """Make trades of the orphans that two readings showed; from the next look on the exit rules mind them."""
    held = _adoptable(turn)
    if not turn.desk.orphans:
        _say(turn, Severity.INFO, "nothing to adopt: the broker holds nothing that two readings showed")
    for expiry in sorted({contract.expiry for contract, _, _ in held}):
        for layer in _layers([one for one in held if one[0].expiry == expiry]):
            _take(turn, expiry, layer)
    taken = {contract for contract, _, _ in held}
    turn.desk = replace(turn.desk, orphans=tuple(p for p in turn.desk.orphans if p.contract not in taken))


def _adoptable(turn: Turn) -> list[_Held]:
    held: list[_Held] = []
    left: list[tuple[BrokerPosition, str]] = []
    for position in turn.desk.orphans:
        price = position.entry_price or position.last_price
        if position.contract is None or price is None:
            left.append((position, "no option of ours, or no price"))
        elif why := _no_whole_lot(turn, position.contract, position.quantity):
            left.append((position, why))
        else:
            held.append((position.contract, position.quantity, price))
    bare = {group_of(p.contract): p for p, _ in left if p.contract is not None and p.quantity < 0}
    covers = {one[0]: bare[group_of(one[0])] for one in held if one[1] > 0 and group_of(one[0]) in bare}
    for position, why in left:
        _leave(turn, position, why)
    for position in turn.desk.orphans:
        if position.contract in covers:
            short = covers[position.contract]
            _leave(turn, position, f"it may cover {_name(short)}, which is not adopted")
    return [one for one in held if one[0] not in covers]


def _no_whole_lot(turn: Turn, contract: OptionContract, quantity: int) -> str:
    try:
        lot = turn.rules.contracts.lot_size(contract.underlying, turn.desk.trading_date, contract.expiry)
    except DateNotCovered as error:
        return f"its lot size is not known ({error.message})"
    return f"no whole lots of {lot}, no exit order could close it all" if quantity % lot else ""


def _leave(turn: Turn, position: BrokerPosition, why: str) -> None:
    text = f"{position.quantity:+d} {_name(position)} is not adopted: {why}; nobody manages it, {BY_HAND}"
    _say(turn, Severity.CRITICAL, text)


def _name(position: BrokerPosition) -> str:
    return position.key if position.contract is None else position.contract.symbol


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
