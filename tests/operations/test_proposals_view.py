"""A proposal is told as it was shown last, with what came of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from tests.adapters.approval_samples import TEN, card
from tests.adapters.journal_samples import STARTED
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.event import ProposalClosed, ProposalMade, ProposalRevised
from volguard.model.proposal import ProposalOutcome
from volguard.operations.proposals_view import asked_proposals


def test_a_card_that_was_revised_is_told_as_it_stood_when_it_was_answered(tmp_path: Path) -> None:
    first = card()
    revised = replace(first, digest="d2", margin_broker_inr=Decimal("201000.00"))
    ended = ProposalClosed(
        ts=TEN + timedelta(seconds=20), proposal_id="P001", outcome=ProposalOutcome.REJECTED, text="no"
    )
    path = tmp_path / "day.db"
    records = (
        ProposalMade(ts=TEN, card=first),
        ProposalRevised(ts=TEN + timedelta(seconds=1), card=revised),
        ended,
    )
    with closing(SqliteJournal.open(path, create=True)) as journal:
        journal.commit(journal.append(STARTED), records, (), durable=True)
    (told,) = asked_proposals([path])
    assert (told.card.digest, told.card.margin_broker_inr) == ("d2", Decimal("201000.00"))
    assert (told.outcome, told.waited_s) == ("REJECTED", 20.0)
