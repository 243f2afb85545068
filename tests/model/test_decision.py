"""A refusal gives all its reasons at once."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from tests.chains import LOT, NOW, condor
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Breach, Refused
from volguard.model.proposal import Proposal


def test_the_text_of_a_refusal_joins_its_reasons_in_order() -> None:
    breaches = tuple(
        Breach(rule=rule, value=None, limit=1.0, text=text)
        for rule, text in (("margin", "margin was 512000, limit 450000"), ("quality", "quality is missing"))
    )
    assert Refused(breaches=breaches).text == "margin was 512000, limit 450000; quality is missing"
    assert Refused(breaches=()).text == ""


def test_a_proposal_risks_its_loss_and_its_costs() -> None:
    proposal = Proposal(
        ts=NOW,
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        expiry=date(2025, 9, 9),
        legs=condor(24_100, 24_400, 25_200, 25_500),
        lots=1,
        lot_size=LOT,
        credit_per_unit=49.5,
        max_loss_inr=Decimal("18787.50"),
        costs_inr=Decimal("251.25"),
        confidence=1.0,
        figures={},
        candidates=(),
    )
    assert proposal.risk_inr == Decimal("19038.75")
