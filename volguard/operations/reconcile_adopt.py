"""Positions that the broker holds and our book does not, handed to the running session to manage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from volguard.adapters.control import send_word
from volguard.execution.reconcile import OUR_PRODUCT
from volguard.model.errors import ReconcileMismatch, UsageError
from volguard.model.event import OperatorCommand
from volguard.operations.reconcile_now import (
    Reconciled,
    ReconcileDesk,
    reconcile_document,
    reconcile_now,
)

TAKEN: Final = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A position of a contract of ours that nobody here opened; signed units."""

    symbol: str
    quantity: int


def adoptable(done: Reconciled) -> tuple[Orphan, ...]:
    """Lasting orphans that a session can manage: options of ours under our product, sorted.

    An exit of ours closes no position of another product, and this program trades no other instrument.
    """
    view = done.looks[-1].theirs.view
    held: dict[str, int] = {}
    for row in view.positions or ():
        if row.contract is not None and row.product == OUR_PRODUCT:
            held[row.contract.symbol] = held.get(row.contract.symbol, 0) + row.quantity
    names = {orphan.subject for orphan in done.orphans}
    return tuple(Orphan(symbol=name, quantity=held[name]) for name in sorted(names & held.keys()))


def reconcile_and_adopt(
    desk: ReconcileDesk,
    journal: Path,
    *,
    end_of_day: bool | None,
    permits: Callable[[tuple[Orphan, ...]], bool],
) -> dict[str, Any]:
    """Compare; where orphans last and `permits` says yes, have them adopted and compare again.

    The document is of the last comparison, its `adoption` says what became of the orphans.
    """
    done = reconcile_now(desk, end_of_day=end_of_day)
    orphans, answer = adoptable(done), None
    if orphans and permits(orphans):
        answer = adopt(journal)
        desk.clock.sleep(desk.delay_s)  # the session reads the broker's books first
        done = reconcile_now(desk, end_of_day=end_of_day)
    return reconcile_document(desk, done) | {"adoption": _adoption(orphans, answer)}


def adopt(journal: Path) -> str:
    """The running session's answer.

    Raises UsageError when none runs, ReconcileMismatch when it refuses, VolguardError when it is silent.
    """
    answer = send_word(journal, OperatorCommand.ADOPT)
    if answer is None:
        raise UsageError(
            f"no session runs on {journal}: nobody would watch what is adopted",
            hint="start one with volguard run --broker upstox and its --phase, then ask again; "
            "to close what is held instead: volguard flatten",
        )
    if not answer.startswith(TAKEN):
        raise ReconcileMismatch(
            f"the session did not adopt: {answer}", hint="look at it with volguard status, then ask again"
        )
    return answer


def _adoption(orphans: tuple[Orphan, ...], answer: str | None) -> dict[str, Any]:
    return {
        "positions": [{"contract": one.symbol, "quantity": one.quantity} for one in orphans],
        "answer": answer,
    }
