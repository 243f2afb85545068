"""Proposals and their answers as the journals tell them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from volguard.adapters.journal_codec import encode
from volguard.adapters.journal_reader import JournalReader
from volguard.model.event import ProposalClosed, ProposalMade, ProposalRevised
from volguard.model.instrument import Side
from volguard.model.proposal import ProposalCard

SCHEMA: Final = "volguard.proposals/1"
WAITING: Final = "WAITING"  # no answer in the journal
KINDS: Final = tuple(kind.__name__ for kind in (ProposalMade, ProposalRevised, ProposalClosed))


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedProposal:
    """One proposal as it was shown, and how it ended; `closed` None: it did not yet."""

    journal: Path
    card: ProposalCard
    closed: ProposalClosed | None

    @property
    def outcome(self) -> str:
        """How it ended."""
        return WAITING if self.closed is None else self.closed.outcome.value

    @property
    def waited_s(self) -> float | None:
        """Seconds from the question to its end."""
        return None if self.closed is None else (self.closed.ts - self.card.made_at).total_seconds()


def asked_proposals(paths: Iterable[Path]) -> tuple[AskedProposal, ...]:
    """All proposals of some journals, oldest first. Raises JournalDamaged, ConfigError as a reader does."""
    found = [one for path in paths for one in _of_journal(path)]
    return tuple(sorted(found, key=lambda one: (one.card.made_at, one.card.proposal_id)))


def proposals_document(found: Iterable[AskedProposal]) -> dict[str, Any]:
    """As `volguard.proposals/1`."""
    return {"schema": SCHEMA, "proposals": [_document(one) for one in found]}


def legs_text(card: ProposalCard) -> str:
    """`-24400PE +24200PE`: shorts with a minus."""
    words = [
        f"{'+' if leg.leg.side is Side.BUY else '-'}{leg.leg.contract.strike}"
        f"{leg.leg.contract.option_type.value}"
        for leg in card.legs
    ]
    return " ".join(words)


def _of_journal(path: Path) -> Iterator[AskedProposal]:
    with JournalReader.open(path) as reader:
        made: dict[str, ProposalCard] = {}
        closed: dict[str, ProposalClosed] = {}
        for row in reader.rows(kinds=KINDS):
            record = reader.event(row)
            if isinstance(record, ProposalMade | ProposalRevised):  # as it was shown last
                made[record.card.proposal_id] = record.card
            else:
                closed[record.proposal_id] = record
    for proposal_id, card in made.items():
        yield AskedProposal(journal=path, card=card, closed=closed.get(proposal_id))


def _document(one: AskedProposal) -> dict[str, Any]:
    card = json.loads(encode(ProposalMade(ts=one.card.made_at, card=one.card))[1])["card"]
    return {
        "journal": str(one.journal),
        "legs": legs_text(one.card),
        "outcome": one.outcome,
        "waited_s": one.waited_s,
        "text": None if one.closed is None else one.closed.text,
        "lots": None if one.closed is None else one.closed.lots,
        "trade_id": None if one.closed is None else one.closed.trade_id,
        "card": card,
    }
