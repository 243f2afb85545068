"""Every order that a journal tells of, with the market that it was decided on."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Final

from volguard.adapters.journal_codec import SNAPSHOT_KIND, decode
from volguard.adapters.journal_reader import JournalReader
from volguard.execution.quality import SentOrder
from volguard.model.book import Fill
from volguard.model.event import FillBooked, Modify, OrderChanged, Place, StepFailed
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.model.order import OrderRequest, OrderState, Urgency
from volguard.model.units import rupees
from volguard.ports import JournalRow

_TOLD: Final = (Place, Modify, OrderChanged, FillBooked)
_KINDS: Final = (SNAPSHOT_KIND, StepFailed.__name__, *(kind.__name__ for kind in _TOLD))


@dataclass(slots=True, kw_only=True)
class _Story:
    sent: tuple[OrderRequest, datetime, int] | None = (
        None  # request, when, row of the market it was decided on
    )
    state: OrderState = OrderState.SENT
    price_steps: int = 0
    last_urgency: Urgency | None = None
    fills: list[Fill] = field(default_factory=list)


def sent_orders(reader: JournalReader) -> tuple[SentOrder, ...]:
    """Each order that left, in order of leaving, as the journal's rows up to now tell of it.

    Bid and ask at arrival are taken from the last market journaled before it. Raises JournalDamaged.
    """
    stories: dict[str, _Story] = {}
    looks = [0, 0]  # rows of the last two markets, the newest last; 0: none
    for row in reader.rows(kinds=_KINDS):
        if row.kind == SNAPSHOT_KIND:
            looks = [looks[1], row.seq]
        elif row.kind == StepFailed.__name__:
            if looks[1] == row.seq - 1:  # a snapshot whose step failed never became the market
                looks = [0, looks[0]]
        else:
            _tell(stories, row, market_seq=looks[1])
    return _finished(reader, stories)


def _tell(stories: dict[str, _Story], row: JournalRow, *, market_seq: int) -> None:
    match decode(row.kind, row.body):
        case Place(approved=approved):
            story = stories.setdefault(approved.request.tag, _Story())
            story.sent = (approved.request, row.ts_ist, market_seq)
        case Modify(approved=approved):
            story = stories.setdefault(approved.request.tag, _Story())
            story.price_steps += 1
            story.last_urgency = approved.request.urgency
        case OrderChanged(tag=tag, state=state):
            stories.setdefault(tag, _Story()).state = state
        case FillBooked(fill=fill):
            stories.setdefault(fill.tag, _Story()).fills.append(fill)


def _finished(reader: JournalReader, stories: dict[str, _Story]) -> tuple[SentOrder, ...]:
    orders = []
    seen: tuple[int, ChainSnapshot] | None = None  # orders of one step share their market
    for story in stories.values():
        if story.sent is None:  # filled by an order that was not ours: a position taken over
            continue
        request, sent_at, market_seq = story.sent
        if market_seq and (seen is None or seen[0] != market_seq):
            seen = (market_seq, reader.snapshot(market_seq))
        touch = _touch(seen[1], request.contract) if market_seq and seen else None
        orders.append(
            SentOrder(
                request=request,
                sent_at=sent_at,
                arrival_mid=None if touch is None else (touch[0] + touch[1]) / 2,
                arrival_half_spread=None if touch is None else (touch[1] - touch[0]) / 2,
                state=story.state,
                fills=tuple(story.fills),
                price_steps=story.price_steps,
                last_urgency=story.last_urgency or request.urgency,
            )
        )
    return tuple(orders)


def _touch(snapshot: ChainSnapshot, contract: OptionContract) -> tuple[Decimal, Decimal] | None:
    row = snapshot.listing.row(contract)
    if row is None:
        return None
    bid, ask = float(snapshot.bid[row]), float(snapshot.ask[row])
    if not (isfinite(bid) and isfinite(ask)):
        return None
    return rupees(bid), rupees(ask)
