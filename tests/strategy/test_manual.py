"""What an operator asks for is read, named, put into a bucket and priced as asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chains import DAY, MONTHLY, NOW, WEEKLY, view_of
from tests.fakes import shipped
from tests.strategy.scenes import calm_view, level_of, make_budget, make_outlook, proposal_inputs
from volguard.measure.touch import leg_quotes
from volguard.model.book import Bucket, StructureKind
from volguard.model.errors import UsageError
from volguard.model.proposal import Proposal
from volguard.strategy.manual import Wish, bucket_for, make_wish, propose_asked, read_wish, structure_of_wish
from volguard.strategy.proposal_inputs import Wait

BUCKETS = shipped().engine.buckets
MIDDLE = round(level_of(calm_view()).forward / 100) * 100
CONDOR = f"+{MIDDLE - 600}PE -{MIDDLE - 400}PE -{MIDDLE + 400}CE +{MIDDLE + 600}CE"


def asked(legs: str = CONDOR, lots: int = 1, expiry: date = WEEKLY, **changes: object) -> Proposal | Wait:
    """What becomes of a wish in the calm market."""
    kind, found = structure_of_wish(make_wish(legs, lots, None, expiry), calm_view().listing)
    return propose_asked(proposal_inputs(expiry=expiry, **changes), kind, found, lots)


@given(
    strikes=st.lists(st.integers(1, 99_999), min_size=1, max_size=4),
    lots=st.integers(1, 10_000),
    bucket=st.none() | st.sampled_from(Bucket),
    expiry=st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)
def test_a_wish_comes_back_from_its_text(
    strikes: list[int], lots: int, bucket: Bucket | None, expiry: date | None
) -> None:
    """What is sent and journaled says the same again."""
    wish = make_wish(" ".join(f"-{strike}PE" for strike in strikes), lots, bucket, expiry)
    assert read_wish(wish.text) == wish


@pytest.mark.parametrize(
    "text", ["", "lots=1", "lots=1 bucket=WEEKLY ", "lots=0 bucket=ANY -1PE", "lots=1 bucket=DAILY -1PE",
             "lots=1 bucket=ANY 24500PE", "bucket=ANY lots=1 -24500PE", "lots=99999 bucket=ANY -1PE"]
)  # fmt: skip
def test_what_is_no_wish_is_refused(text: str) -> None:
    """Nothing is guessed into it."""
    with pytest.raises(UsageError):
        read_wish(text)


@pytest.mark.parametrize(
    ("legs", "kind"),
    [
        (CONDOR, StructureKind.IRON_CONDOR),
        (f"+{MIDDLE - 300}PE -{MIDDLE}PE -{MIDDLE}CE +{MIDDLE + 300}CE", StructureKind.NEUTRAL_IRON_CONDOR),
        (f"-{MIDDLE - 100}PE +{MIDDLE - 300}PE", StructureKind.BULL_PUT_SPREAD),
        (f"+{MIDDLE + 300}CE -{MIDDLE + 100}CE", StructureKind.BEAR_CALL_SPREAD),
    ],
)
def test_the_shape_gives_the_name(legs: str, kind: StructureKind) -> None:
    """In whatever order the legs were written, they come lowest strike first."""
    found, ordered = structure_of_wish(make_wish(legs, 1, None, WEEKLY), calm_view().listing)
    strikes = [leg.contract.strike for leg in ordered]
    assert found is kind and strikes == sorted(strikes)


@pytest.mark.parametrize(
    "legs",
    [
        f"-{MIDDLE - 300}PE +{MIDDLE - 100}PE",  # paid for
        f"-{MIDDLE - 300}PE -{MIDDLE + 300}CE",  # naked
        f"+{MIDDLE - 300}PE -{MIDDLE - 100}CE",
        f"+{MIDDLE + 600}CE +{MIDDLE - 600}PE -{MIDDLE + 400}PE -{MIDDLE - 400}CE",  # its sides crossed
    ],
)
def test_what_no_exit_manages_is_refused(legs: str) -> None:
    """Debits, naked shorts and mixed types are no structure of ours."""
    with pytest.raises(UsageError, match="no structure that is managed here"):
        structure_of_wish(make_wish(legs, 1, None, WEEKLY), calm_view().listing)


def test_two_expiries_are_not_one_trade() -> None:
    """Legs of the week and of the month."""
    legs = f"+{MIDDLE - 300}PE@{WEEKLY} -{MIDDLE - 100}PE@{MONTHLY}"
    with pytest.raises(UsageError, match="legs of several expiries"):
        structure_of_wish(make_wish(legs, 1, None), calm_view().listing)


def test_the_bucket_is_named_or_that_of_the_expiry() -> None:
    """A disabled one is no choice, and no bucket takes an expiry far away."""
    chosen = {Bucket.WEEKLY: WEEKLY, Bucket.MONTHLY: MONTHLY}

    def found(expiry: date, bucket: Bucket | None = None) -> Bucket:
        return bucket_for(Wish(legs=CONDOR, lots=1, bucket=bucket), expiry, DAY, chosen, BUCKETS)

    assert found(WEEKLY) is Bucket.WEEKLY and found(MONTHLY) is Bucket.MONTHLY
    assert found(WEEKLY, Bucket.MONTHLY) is Bucket.MONTHLY
    with pytest.raises(UsageError, match="no bucket trades an expiry"):
        found(date(2026, 12, 29))
    assert not BUCKETS[Bucket.INTRADAY].is_enabled
    with pytest.raises(UsageError, match=r"bucket\.intraday\.is_enabled"):
        found(WEEKLY, Bucket.INTRADAY)


def test_it_is_priced_at_the_touch_in_the_lots_that_were_asked_for() -> None:
    """Credit, loss and costs are of those lots; beside them how many the budget would give."""
    one, three = asked(), asked(lots=3)
    assert isinstance(one, Proposal) and isinstance(three, Proposal)
    credit = leg_quotes(calm_view(), one.legs).credit
    assert one.credit_per_unit == pytest.approx(credit) and three.lots == 3
    assert three.max_loss_inr == pytest.approx(3 * one.max_loss_inr)
    loss = (200 - one.credit_per_unit) * one.lot_size
    assert one.max_loss_inr == pytest.approx(Decimal(repr(loss)), abs=Decimal("0.01"))
    assert one.costs_inr < three.costs_inr < 3 * one.costs_inr
    budget = 20_000 * float(str(one.figures["size_factor"])) / float(str(one.figures["loss_per_lot_inr"]))
    assert three.figures["lots_by_budget"] == int(budget)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "nothing against it"),
        ({"now": NOW.replace(hour=15, minute=20)}, "entry_window: "),
        ({"month_iv": 0.05, "outlook": make_outlook(0.30)}, "iv_rv_"),
        ({"budget": make_budget(trade_risk_max_inr=Decimal(10))}, "one_lot_exceeds_budget"),
    ],
)
def test_the_strategy_says_what_it_has_against_it_and_does_not_stop_it(
    changes: dict[str, object], says: str
) -> None:
    """Its window, its premium gate, its tests of the candidate: a word on the card."""
    found = asked(**changes)
    assert isinstance(found, Proposal)
    assert str(found.figures["strategy_says"]).startswith(says)


def test_a_leg_without_a_quote_is_not_proposed() -> None:
    """There is no price to show."""
    view = calm_view()
    strike = MIDDLE - 400
    listing = view.listing
    gone = (listing.strike == strike) & ~listing.is_call
    shot = replace(view.snapshot, bid=np.where(gone, np.nan, view.snapshot.bid))
    found = asked(view=view_of(shot))
    assert isinstance(found, Wait) and found.reason.startswith("leg_")


def test_an_exit_that_is_due_already_is_no_entry() -> None:
    """The month's bucket leaves a week before expiry: a weekly option in it would be left at once."""
    found = asked(bucket=Bucket.MONTHLY, bucket_policy=BUCKETS[Bucket.MONTHLY])
    assert isinstance(found, Wait) and found.reason == "exit_due"
    assert "MONTHLY" in found.text
