"""Our book against the broker's, now: both read, twice where they differ. Changes nothing.

A document says it all: `volguard.reconcile/1`. Two runs over unchanged books differ in their times alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from volguard.adapters.upstox.account import AccountReads
from volguard.execution.day_end import DayFigure, differing, inr_text
from volguard.execution.reconcile import Difference, DifferenceKind, differences, expired_of
from volguard.execution.two_readings import BOOKS, Confirmed, Reading, confirm
from volguard.model.book import Fill
from volguard.model.errors import DateNotCovered, TryLater
from volguard.nse.rules import Rules
from volguard.operations.reconcile_books import BrokerBooks, OurBook, broker_books
from volguard.operations.reconcile_day_end import DayEnd, Execution, KeyOf, day_end
from volguard.ports import Clock

SCHEMA: Final = "volguard.reconcile/1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReconcileDesk:
    """What a comparison works with; `own_book` reads our book as it stands at each call."""

    account_name: str
    broker: str  # its address
    is_rehearsal: bool
    account: AccountReads
    key_of: KeyOf
    clock: Clock
    rules: Rules
    delay_s: float  # between two readings
    own_book: Callable[[], OurBook]

    @property
    def read_clock(self) -> Callable[[], datetime]:
        """Tells the time."""
        return self.clock.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Both sides at one time, and how they differ."""

    ours: OurBook
    theirs: BrokerBooks
    today: tuple[Fill, ...]
    differences: tuple[Difference, ...]

    @property
    def reading(self) -> Reading:
        """What two looks are compared by."""
        return Reading.of(self.differences, self.theirs.view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The outcome: the last look, what lasts and what was in motion, the end of the day where asked for."""

    looks: tuple[Look, ...]
    confirmed: Confirmed
    day_end: DayEnd | None
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Nothing lasts."""
        return not self.confirmed.lasting

    @property
    def orphans(self) -> tuple[Difference, ...]:
        """Positions that the broker holds and our book does not."""
        kind = DifferenceKind.ORPHAN_POSITION
        return tuple(one for one in self.confirmed.lasting if one.kind is kind)


def reconcile_now(desk: ReconcileDesk, *, end_of_day: bool | None) -> Reconciled:
    """Compare; `end_of_day` None: where the day's session is over.

    Raises ApiFailure when nobody is logged in, TryLater when nothing could be read, JournalDamaged.
    """
    looks = [look_once(desk)]
    if looks[0].differences:
        desk.clock.sleep(desk.delay_s)
        looks.append(look_once(desk))
    last, found = looks[-1], confirm(looks[0].reading, looks[-1].reading)
    is_wanted, note = (end_of_day, "") if end_of_day is not None else _is_over(desk, last.theirs.at)
    if not is_wanted:
        return Reconciled(looks=tuple(looks), confirmed=found, day_end=None, note=note)
    end = day_end(last.ours.book, last.today, last.theirs.view, desk.account, desk.key_of)
    lasting = (*found.lasting, *differing(end.figures))
    return Reconciled(
        looks=tuple(looks),
        confirmed=replace(found, lasting=tuple(sorted(lasting, key=lambda one: (one.kind, one.subject)))),
        day_end=end,
        note=note,
    )


def look_once(desk: ReconcileDesk) -> Look:
    """Read both sides and compare them."""
    at = desk.read_clock()
    ours = desk.own_book()
    theirs = broker_books(desk.account, at)
    today = ours.fills_of(at.date())
    found = differences(ours.book, theirs.view, today=today, on=at.date())
    return Look(
        ours=ours,
        theirs=theirs,
        today=today,
        differences=tuple(_with_its_reason(one, theirs) for one in found),
    )


def reconcile_document(desk: ReconcileDesk, done: Reconciled) -> dict[str, Any]:
    """The outcome as a `volguard.reconcile/1` document."""
    last = done.looks[-1]
    at = last.theirs.at
    return {
        "schema": SCHEMA,
        "agrees": done.agrees,
        "account": desk.account_name,
        "broker": desk.broker,
        "rehearsal": desk.is_rehearsal,
        "at": at.isoformat(),
        "readings": [look.theirs.at.isoformat() for look in done.looks],
        "journal": {"path": str(last.ours.path), "seq": last.ours.seq},
        "notes": [note for note in (last.ours.note, done.note) if note],
        "compared": _counts(last),
        "differences": _rows(done.confirmed.lasting),
        "moving": _rows(done.confirmed.moving),
        "expired": [contract.symbol for contract in expired_of(last.ours.book, at.date())],
        "end_of_day": None if done.day_end is None else _day_end(done.day_end),
        "adoption": None,
    }


def require_figures(document: Mapping[str, Any]) -> None:
    """The end of the day that was asked for is whole, but for what the broker does not tell by its nature.

    Raises TryLater naming the figures that could not be had.
    """
    end = document["end_of_day"]
    missing = [one for one in (end["figures"] if end is not None else ()) if one["unread"]]
    if missing:
        names = ", ".join(f"{one['what']} of {one['subject']}" for one in missing)
        raise TryLater(
            f"the end of the day is not whole: the broker did not give {names} ({missing[0]['reason']})",
            hint="try again later; what could not be read is not compared",
        )


# A failed query of one book says nothing of why another failed.
def _with_its_reason(difference: Difference, theirs: BrokerBooks) -> Difference:
    if difference.kind is not DifferenceKind.UNREAD:
        return difference
    return replace(difference, reason=theirs.failures[difference.subject])


def _is_over(desk: ReconcileDesk, at: datetime) -> tuple[bool, str]:
    try:
        session = desk.rules.calendar.session(at.date())
    except DateNotCovered as error:
        return False, f"whether the day is over is not known: {error.message}"
    return session is not None and at >= session.windows[-1][1], ""


def _counts(look: Look) -> dict[str, int | None]:
    held: dict[str, int | None] = {}
    for name in BOOKS:
        rows = getattr(look.theirs.view, name)
        held[name] = None if rows is None else len(rows)
    if look.theirs.view.positions is not None:
        held["positions"] = sum(row.quantity != 0 for row in look.theirs.view.positions)
    return held


def _rows(found: Iterable[Difference]) -> list[dict[str, str]]:
    return [
        {
            "kind": one.kind.value,
            "subject": one.subject,
            "ours": one.ours,
            "theirs": one.theirs,
            "reason": one.reason,
        }
        for one in found
    ]


def _day_end(end: DayEnd) -> dict[str, Any]:
    return {
        "executions": [_execution(one) for one in end.executions],
        "figures": [_figure(one) for one in end.figures],
    }


def _execution(one: Execution) -> dict[str, Any]:
    return {
        "trade_id": one.trade_id,
        "tag": one.tag,
        "contract": one.symbol,
        "side": one.side.value,
        "quantity": one.quantity,
        "ours": None if one.ours is None else inr_text(one.ours),
        "theirs": None if one.theirs is None else inr_text(one.theirs),
    }


def _figure(one: DayFigure) -> dict[str, Any]:
    return {
        "what": one.kind.value,
        "subject": one.subject,
        "ours_inr": None if one.ours_inr is None else inr_text(one.ours_inr),
        "theirs_inr": None if one.theirs_inr is None else inr_text(one.theirs_inr),
        "tolerance_inr": inr_text(one.tolerance_inr),
        "verdict": one.verdict.value,
        "unread": one.is_unread,
        "reason": one.reason,
    }
