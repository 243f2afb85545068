"""A trade that the operator asks a running session for, followed to the end of its proposal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from volguard.adapters.control import ask_status, send_word
from volguard.adapters.journal_reader import JournalReader
from volguard.model.decision import Action
from volguard.model.errors import RiskRefused, UsageError
from volguard.model.event import DecisionMade, OperatorCommand, ProposalClosed, ProposalMade
from volguard.model.proposal import ProposalCard, ProposalOutcome
from volguard.operations.proposals_view import legs_text
from volguard.ports import Clock
from volguard.strategy.manual import Wish

SCHEMA: Final = "volguard.trade/1"
TAKEN: Final = "ok"
LOOK_S: Final = 0.5
KINDS: Final = tuple(kind.__name__ for kind in (DecisionMade, ProposalMade, ProposalClosed))
NOT_PROPOSED: Final = "NOT_PROPOSED"  # refused before it was shown
SESSION_OVER: Final = "SESSION_OVER"
LEFT: Final = "LEFT"  # nobody waited for the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What became of a wish so far; `card` None: it was not proposed."""

    journal: Path
    wish: Wish
    card: ProposalCard | None = None
    outcome: str | None = None
    is_by_risk: bool = False  # it was a limit that said no, not the wish that could not be read or priced
    text: str = ""
    lots: int | None = None
    trade_id: str | None = None


def ask_for_trade(
    journal: Path,
    wish: Wish,
    *,
    clock: Clock,
    stopped: Callable[[], bool],
    shown: Callable[[ProposalCard], None],
) -> Followed:
    """Have the session of a journal propose it, and wait for the proposal's end; `shown` hears of its card.

    Raises UsageError when no session runs there or it refuses the word, VolguardError when it is silent.
    """
    with JournalReader.open(journal) as reader:
        before = reader.head[0]
    answer = send_word(journal, OperatorCommand.TRADE, wish.text)
    if answer is None:
        raise UsageError(
            f"no session runs on {journal}: nobody would review or execute it",
            hint="start one with volguard semi-auto in another terminal, then ask again",
        )
    if not answer.startswith(TAKEN):
        raise UsageError(f"the session did not take it: {answer}")
    found = Followed(journal=journal, wish=wish)
    while True:
        is_over = ask_status(journal) is None  # looked at before the rows: what it wrote last is among them
        before, found = _read_on(found, before, shown)
        if found.outcome is not None:
            return found
        if is_over:
            return replace(found, outcome=SESSION_OVER, text="the session ended first")
        if stopped():
            return replace(found, outcome=LEFT, text="the session goes on without this command")
        clock.sleep(LOOK_S)


def trade_document(found: Followed) -> dict[str, Any]:
    """As `volguard.trade/1`."""
    card = found.card
    return {
        "schema": SCHEMA,
        "journal": str(found.journal),
        "asked": found.wish.text,
        "proposal_id": None if card is None else card.proposal_id,
        "legs": None if card is None else legs_text(card),
        "strategy_says": None if card is None else card.figures.get("strategy_says"),
        "outcome": found.outcome,
        "text": found.text,
        "lots": found.lots,
        "trade_id": found.trade_id,
    }


def require_approved(found: Followed) -> None:
    """Raises RiskRefused where risk said no, UsageError where it was not approved for another reason."""
    if found.outcome == ProposalOutcome.APPROVED:
        return
    if found.is_by_risk or found.outcome == ProposalOutcome.REFUSED:
        raise RiskRefused(
            f"not traded: {found.text}", hint="volguard why shows the decision with its figures"
        )
    raise UsageError(f"not traded, {found.outcome}: {found.text}")


def _read_on(found: Followed, after: int, shown: Callable[[ProposalCard], None]) -> tuple[int, Followed]:
    with JournalReader.open(found.journal) as reader:
        for row in reader.rows(after, KINDS):
            after = row.seq
            changed = _after_row(found, reader.event(row))
            if changed.card is not None and found.card is None:
                shown(changed.card)
            found = changed
            if found.outcome is not None:
                break
    return after, found


def _after_row(found: Followed, record: DecisionMade | ProposalMade | ProposalClosed) -> Followed:
    asked = found.wish.text
    match record:
        case DecisionMade(decision=decision):
            is_ours = decision.figures.get("asked_for") == asked and decision.action is Action.REFUSED
            if is_ours and found.card is None:
                by_risk = bool(decision.breaches)
                return replace(found, outcome=NOT_PROPOSED, is_by_risk=by_risk, text=decision.text)
        case ProposalMade(card=card):
            if card.figures.get("asked_for") == asked and found.card is None:
                return replace(found, card=card)
        case ProposalClosed():
            if found.card is not None and record.proposal_id == found.card.proposal_id:
                return replace(
                    found,
                    outcome=record.outcome.value,
                    text=record.text,
                    lots=record.lots,
                    trade_id=record.trade_id,
                )
    return found
