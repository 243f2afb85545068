"""What was refused, carried on paper: reckoned by hand at the touch, and never where nobody quotes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes import CONDOR, EXPIRY, NIFTY, TS, Touch, call, chain, shipped_rules
from tests.report.refusals import (
    AT_ENTRY,
    AT_MARK,
    LATER,
    NOWHERE,
    STRIKES,
    candidate,
    carried,
    decision,
    mark,
    refusal,
)
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Action, Decision
from volguard.report.refused import (
    Refusal,
    RefusedDay,
    first_of_each,
    held_together,
    on_paper,
    refusals_of,
    waits_without_candidates,
)


def only(*decisions: Decision) -> Refusal:
    (found,) = refusals_of(decisions, NIFTY)
    return found


def test_a_condor_by_hand() -> None:
    """In for 40.80 a unit, out for 44.30, 130 units: 455 lost, and 211.81 of charges that were saved too."""
    # 8 orders: 20 each with GST 23.60; turnover 19,695: exchange and SEBI fees with GST 8.278124, IPFT
    # 0.00197; sold 9,620: STT 14.43; bought 10,075: stamp 0.30225.
    found = carried()
    assert found.gross_inr == Decimal("-455.00")
    assert found.charges_inr is not None
    assert found.charges_inr.quantize(Decimal("0.0001")) == Decimal("211.8123")
    assert found.net_inr == Decimal("-666.81")
    assert found.missing == ""


def test_more_than_the_freeze_quantity_pays_for_more_orders() -> None:
    """Thirty lots are 1,950 units, above the freeze of 1,800: two orders a leg and way."""
    found = carried(refusal(lots=30))
    one = carried(refusal(lots=15))
    assert found.gross_inr is not None and one.gross_inr is not None
    assert found.charges_inr is not None and one.charges_inr is not None
    assert found.gross_inr == 2 * one.gross_inr
    brokerage = 8 * Decimal("23.6")
    assert abs(found.charges_inr - 2 * one.charges_inr) < Decimal("0.001")  # sixteen orders, twice eight
    assert one.charges_inr > brokerage


@pytest.mark.parametrize(
    ("leg", "touch", "said"),
    [
        (
            "call_24800",
            (15.0, 65, NOWHERE, 0),
            "nobody quoted the ask of NIFTY 2026-09-22 24800 CE at 15:00:00",
        ),
        (
            "put_24000",
            (NOWHERE, 0, 12.2, 65),
            "nobody quoted the bid of NIFTY 2026-09-22 24000 PE at 15:00:00",
        ),
        ("put_24200", (45.2, 65, 45.0, 65), "24200 PE was quoted 45.20 bid at 45.00 ask"),
    ],
)
def test_what_cannot_be_closed_has_no_result(leg: str, touch: Touch, said: str) -> None:
    """No ask for a short, no bid for a long, or a crossed quote: named, and no figure."""
    found = carried(at_mark=mark(**{leg: touch}))
    assert found.net_inr is found.gross_inr is found.charges_inr is None
    assert said in found.missing


def test_a_leg_that_left_the_list_has_no_result() -> None:
    """Not listed at the mark."""
    quotes = {contract: touch for contract, touch in AT_MARK.items() if contract != call(25_000)}
    assert "25000 CE was not listed" in carried(at_mark=chain(LATER, quotes)).missing


def test_a_refusal_for_its_quotes_has_no_result() -> None:
    """Prices that were not believed are not traded on paper either."""
    found = carried(refusal(reason="leg_jump"))
    assert found.net_inr is None and found.missing == "its quotes were in doubt: leg_jump"


def test_without_a_later_good_look_there_is_no_result() -> None:
    """Refused on the last good look, or none was good at all."""
    here = chain(TS, AT_ENTRY)
    for at_mark in (here, None):
        found = on_paper(refusal(), here, at_mark, shipped_rules())
        assert found.net_inr is None and "no good look" in found.missing


def test_the_best_is_what_would_have_been_traded() -> None:
    """By edge a rupee of loss where the edge is judged, else the widest that has a price; reason its own."""
    wide = candidate("leg_not_quoted", (23_900, 24_200, 24_800, 25_100))
    wide = replace(wide, figures={"width": 300})
    middle = candidate("no_edge_under_p", (23_950, 24_200, 24_800, 25_050), ev_p_per_loss=-0.3)
    narrow = candidate("cost_test", ev_p_per_loss=-0.1)
    found = only(decision(wide, middle, narrow))
    assert (found.strikes, found.reason, found.lots) == (STRIKES, "cost_test", 1)
    assert found.legs == CONDOR
    unjudged = {"expiry": EXPIRY.isoformat(), "forecast_edge_judged": False}
    assert only(decision(wide, middle, narrow, figures=unjudged)).reason == "no_edge_under_p"
    assert only(decision(wide)).reason == "leg_not_quoted"


def test_one_that_was_sized_to_nothing_is_carried_in_one_lot() -> None:
    """A budget below one lot is a refusal of one lot."""
    assert only(decision(replace(candidate("one_lot_exceeds_budget"), lots=0))).lots == 1


def test_a_refusal_by_the_review_is_of_what_was_chosen() -> None:
    """The candidate whose figures the decision carries, for the first rule that said no."""
    other = candidate("", (23_950, 24_200, 24_800, 25_050), credit_per_unit=44.0)
    chosen = candidate("")
    figures = {"expiry": EXPIRY.isoformat(), **chosen.figures}
    made = decision(other, chosen, action=Action.REFUSED, reason="portfolio_theta", figures=figures)
    assert (only(made).strikes, only(made).reason) == (STRIKES, "portfolio_theta")


@pytest.mark.parametrize(
    ("kind", "strikes", "legs"),
    [
        (StructureKind.BULL_PUT_SPREAD, (24_000, 24_200), CONDOR[:2]),
        (StructureKind.BEAR_CALL_SPREAD, (24_800, 25_000), CONDOR[2:]),
    ],
)
def test_a_spread_has_its_own_legs(kind: StructureKind, strikes: tuple[int, ...], legs: object) -> None:
    """Two strikes are a put spread or a call spread, by the structure's name."""
    assert only(decision(replace(candidate("credit_thin", strikes), structure=kind))).legs == legs


def test_legs_that_the_strikes_do_not_tell_are_named() -> None:
    """Three strikes are no condor: counted, and without a result."""
    found = only(decision(candidate("credit_thin", STRIKES[:3])))
    assert found.legs == ()
    assert carried(found).missing == "its legs are not told by its strikes"


def test_what_was_entered_or_proposed_is_no_refusal() -> None:
    """Nor is a wait in which nothing was looked at, which is counted by its reason."""
    entered = decision(candidate("cost_test"), candidate(""), action=Action.ENTER)
    waits = [decision(reason="iv_rv_avoid"), decision(reason="iv_rv_avoid"), decision(reason="cool_down")]
    assert refusals_of((entered, *waits), NIFTY) == ()
    assert waits_without_candidates((entered, *waits)) == {
        (Bucket.WEEKLY, "cool_down"): 1,
        (Bucket.WEEKLY, "iv_rv_avoid"): 2,
    }


def test_the_same_structure_counts_once_a_day_for_each_reason() -> None:
    """Of many minutes the first; another reason, or another strike, is another refusal."""
    later = [refusal(ts=TS + timedelta(minutes=n)) for n in (2, 1)]
    thin = refusal(ts=TS + timedelta(minutes=3), reason="credit_thin")
    other = refusal(strikes=(24_050, *STRIKES[1:]))
    found = first_of_each((*later, refusal(), thin, other))
    assert found == (refusal(), other, thin)


def test_one_book_holds_one_of_a_bucket_expiry_and_structure() -> None:
    """The first that has a result is held; the sum is of those held, by reason each stands alone."""
    unknown = carried(refusal(reason="leg_jump"))
    first = carried()
    again = carried(refusal(ts=TS + timedelta(minutes=5), reason="credit_thin"))
    monthly = carried(refusal(bucket=Bucket.MONTHLY, lots=1, reason="credit_thin"))
    day = RefusedDay(structures=held_together((unknown, first, again, monthly)))
    assert [one.is_held for one in day.structures] == [False, True, False, True]
    assert first.net_inr is not None and monthly.net_inr is not None
    assert day.net_inr == first.net_inr + monthly.net_inr
    costs, thin, jump = day.by_reason
    assert (costs.reason, costs.structures, costs.net_inr) == ("cost_test", 1, Decimal("-666.81"))
    assert (thin.structures, thin.held, thin.held_net_inr) == (2, 1, monthly.net_inr)
    assert thin.net_inr == Decimal("-666.81") + monthly.net_inr
    assert (jump.not_available, jump.net_inr, jump.held) == (1, None, 0)
