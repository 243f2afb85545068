"""Our book against the broker's while a session runs: a difference that stays is acted on.

The first look at the broker comes before anything is sent. A difference must be seen twice, some seconds
apart and with the same figures, before it counts: orders move while the books are read. What the broker holds
and we never traded stops new risk until it is adopted or gone; a book that is untrue stops everything.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from volguard.engine.state import Desk, Mismatch, Turn
from volguard.engine.supervisor import PAGE_EVERY, Word, degrade, halt, move
from volguard.execution.reconcile import OUR_PRODUCT, Difference, DifferenceKind, differences
from volguard.model.broker import BrokerPosition, BrokerView
from volguard.model.decision import TradingState
from volguard.model.event import PAPER, Alert, BrokerBookRead, Query, ReadBook, Severity
from volguard.model.order import OrderState

READS_TO_COUNT: Final = 2  # a difference in one reading alone may be a book that moves
READS_TO_HALT: Final = 4
BAD_READS_MAX: Final = 3

# What somebody else did: our own trades are as they were.
FROM_ELSEWHERE: Final = frozenset(
    {DifferenceKind.ORPHAN_POSITION, DifferenceKind.FOREIGN_ORDER, DifferenceKind.OTHER_PRODUCT}
)
# What a word that was missed may explain: the order is looked for before it counts against the book.
OF_AN_ORDER: Final = frozenset(
    {DifferenceKind.ORDER_STATE, DifferenceKind.ORDER_FILLED, DifferenceKind.LOST_ORDER}
)

UNREAD: Final = "broker_unread"
MISMATCH: Final = "mismatch"
ELSEWHERE: Final = "held_elsewhere"


def may_send(desk: Desk) -> bool:
    """Whether the book is known to be the broker's: nothing is sent on one that is not."""
    return not desk.awaits_book and not desk.is_book_untrue


def has_broker(desk: Desk) -> bool:
    """Whether the orders go to somebody who keeps a book of his own."""
    return desk.broker != PAPER


def causes_of_doubt(desk: Desk) -> frozenset[str]:
    """Causes of worry that hold now, by the last readings of the broker's book."""
    held = {
        UNREAD: desk.bad_book_reads > 0,
        MISMATCH: desk.is_book_untrue or any(_counts(m) and not m.is_foreign for m in desk.mismatches),
        ELSEWHERE: any(_counts(m) and m.is_foreign for m in desk.mismatches),
    }
    return frozenset(cause for cause, holds in held.items() if holds)


def seek_book(turn: Turn) -> None:
    """Ask for the broker's book when it is due: often while something is in doubt."""
    desk = turn.desk
    if is_book_due(desk, turn) and desk.trading_state is not TradingState.BOOTING:
        turn.desk = replace(desk, book_asked_at=turn.now)
        turn.effects.append(ReadBook(ts=turn.now))
    if desk.is_book_untrue and (desk.paged_at is None or turn.now - desk.paged_at >= PAGE_EVERY):
        text = "; ".join(m.text for m in desk.mismatches) or "halted by a mismatch"
        turn.desk = replace(turn.desk, paged_at=turn.now)
        turn.effects.append(Alert(ts=turn.now, severity=Severity.CRITICAL, code=MISMATCH, text=text))


def is_book_due(desk: Desk, turn: Turn) -> bool:
    """Whether the broker's book should be read now."""
    if not has_broker(desk):
        return False
    execution, asked = turn.settings.execution, desk.book_asked_at
    is_in_doubt = desk.awaits_book or bool(desk.mismatches) or desk.bad_book_reads > 0
    wait_s = execution.absence_delay_s if is_in_doubt else execution.reconcile_every_s
    return asked is None or turn.now - asked >= timedelta(seconds=wait_s)


def on_book(turn: Turn, event: BrokerBookRead) -> None:
    """Hold the book against a reading of the broker's."""
    if not _is_whole(event.view):
        _unread(turn, event.view)
        return
    turn.desk = replace(turn.desk, bad_book_reads=0)
    found = _differences(turn, event.view)
    turn.desk = replace(turn.desk, mismatches=_carried(turn, found))
    _note_elsewhere(turn, event.view)
    _judge(turn)
    _agree(turn)


def _is_whole(view: BrokerView) -> bool:
    return None not in (view.orders, view.trades, view.positions)


def _unread(turn: Turn, view: BrokerView) -> None:
    bad = turn.desk.bad_book_reads + 1
    turn.desk = replace(turn.desk, bad_book_reads=bad)
    text = f"the broker's book cannot be read, {bad} times in a row: {view.unread or 'no answer'}"
    degrade(turn, UNREAD, text)
    book = turn.desk.book
    if bad >= BAD_READS_MAX and (book.positions or book.live_orders):
        halt(turn, UNREAD, text)


def _differences(turn: Turn, view: BrokerView) -> tuple[Difference, ...]:
    desk = turn.desk
    fills = [fill for trade in desk.book.trades for fill in trade.fills]
    today = [f for f in fills if f.ts.date() == desk.trading_date and f.fill_id not in desk.adopted_fill_ids]
    unknown = {o.request.tag for o in desk.book.orders if o.state is OrderState.UNKNOWN}  # sought already
    found = differences(desk.book, view, today=today, on=desk.trading_date)
    return tuple(one for one in found if one.kind not in OF_AN_ORDER or one.subject not in unknown)


def _carried(turn: Turn, found: tuple[Difference, ...]) -> tuple[Mismatch, ...]:
    before = {(m.kind, m.subject, m.text): m for m in turn.desk.mismatches}
    traded = {fill.contract.symbol for trade in turn.desk.book.trades for fill in trade.fills}
    delay = timedelta(seconds=turn.settings.execution.absence_delay_s)
    carried: list[Mismatch] = []
    for one in found:
        text = f"{one.kind.value} {one.subject}: ours {one.ours}, the broker's {one.theirs} ({one.reason})"
        old = before.get((one.kind.value, one.subject, text))
        if old is None:
            # What we traded ourselves today and do not hold any more is no stranger's.
            is_foreign = one.kind in FROM_ELSEWHERE and one.subject not in traded
            old = Mismatch(
                kind=one.kind.value,
                is_foreign=is_foreign,
                subject=one.subject,
                text=text,
                last_at=turn.now,
                reads=1,
            )
        elif turn.now - old.last_at >= delay:
            old = replace(old, last_at=turn.now, reads=old.reads + 1)
        carried.append(old)
    return tuple(carried)


def _note_elsewhere(turn: Turn, view: BrokerView) -> None:
    orphans = {
        m.subject for m in turn.desk.mismatches if m.kind == DifferenceKind.ORPHAN_POSITION and _counts(m)
    }
    ours = (p for p in view.positions or () if p.quantity and p.product == OUR_PRODUCT)
    held = tuple(p for p in ours if _symbol(p) in orphans)
    turn.desk = replace(turn.desk, orphans=held)


def _symbol(position: BrokerPosition) -> str:
    return position.key if position.contract is None else position.contract.symbol


def _judge(turn: Turn) -> None:
    for mismatch in turn.desk.mismatches:
        if not _counts(mismatch):
            continue
        if mismatch.is_foreign:
            degrade(turn, ELSEWHERE, mismatch.text)
            continue
        degrade(turn, MISMATCH, mismatch.text)
        if mismatch.kind in OF_AN_ORDER and mismatch.last_at == turn.now:
            turn.effects.append(Query(tag=mismatch.subject, ts=turn.now))
    worst = [m for m in turn.desk.mismatches if not m.is_foreign and m.reads >= READS_TO_HALT]
    if worst and not turn.desk.is_book_untrue:
        turn.desk = replace(turn.desk, is_book_untrue=True, paged_at=turn.now)
        halt(turn, MISMATCH, worst[0].text)


def _agree(turn: Turn) -> None:
    desk = turn.desk
    if any(not m.is_foreign or not _counts(m) for m in desk.mismatches):
        return
    turn.desk = replace(desk, awaits_book=False, is_book_untrue=False)
    if desk.trading_state is TradingState.RECONCILING:
        move(turn, Word.AGREED, "the broker's book is ours")


def _counts(mismatch: Mismatch) -> bool:
    return mismatch.reads >= READS_TO_COUNT
