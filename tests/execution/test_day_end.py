"""The end of a day in figures: within a stated tolerance, beyond it, or not available; never guessed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.execution.test_reconcile import CALL, PUT, fill
from volguard.execution.day_end import (
    BilledOrder,
    Verdict,
    change_of_cash,
    charges_of_contracts,
    differing,
    filled_orders,
)
from volguard.execution.reconcile import DifferenceKind
from volguard.model.broker import CashOfDay
from volguard.model.instrument import Side

CASH = CashOfDay(
    available_inr=Decimal("1999466.00"),
    used_inr=Decimal("0.00"),
    opening_inr=Decimal("2000000.00"),
    added_inr=Decimal("0.00"),
    withdrawn_inr=Decimal("0.00"),
)
BOUGHT = fill(1)  # 65 at 8.20 for a rupee: cash falls by 534


def test_fills_of_one_order_are_billed_together() -> None:
    """Brokerage is per order: quantities add up, the price is their mean."""
    more = replace(fill(2, quantity=130, price="8.35"), tag="VG-1")
    (first, other) = filled_orders((BOUGHT, fill(3, CALL), more))
    assert (first.tag, first.quantity, first.charges_inr) == ("VG-1", 195, Decimal(2))
    assert first.mean_price == Decimal("8.3000")
    assert other.contract == CALL


def test_orders_from_elsewhere_are_billed_one_by_one() -> None:
    """They share a tag, where they were heard of: contract, side and the broker's order tell them apart."""
    fills = [
        replace(one, tag="flatten.jsonl")
        for one in (fill(1), fill(2, CALL), fill(3), fill(4), fill(4, side=Side.SELL))
    ]
    found = filled_orders(fills, {"F1": "B1", "F2": "B2", "F3": "B1", "F4": "B4"})
    assert [(one.contract, [f.fill_id for f in one.fills]) for one in found] == [
        (PUT, ["F1", "F3"]),
        (CALL, ["F2"]),
        (PUT, ["F4"]),
        (PUT, ["F4"]),
    ]


@pytest.mark.parametrize(
    ("theirs", "verdict"),
    [
        ("1.04", Verdict.AGREES),
        ("0.95", Verdict.AGREES),
        ("1.06", Verdict.DIFFERS),
        (None, Verdict.NOT_AVAILABLE),
    ],
)
def test_charges_agree_within_the_rounding_of_an_order(theirs: str | None, verdict: Verdict) -> None:
    """Five paise an order; what the broker does not say is not available, with its reason."""
    (order,) = filled_orders((BOUGHT,))
    billed = BilledOrder(order=order, theirs_inr=None if theirs is None else Decimal(theirs), reason="503")
    contract, whole = charges_of_contracts((billed,))
    assert contract.verdict is whole.verdict is verdict
    assert (contract.subject, whole.subject) == (PUT.symbol, "all contracts")
    assert ("503" in contract.reason) is (theirs is None)
    assert len(list(differing((contract, whole)))) == (2 if verdict is Verdict.DIFFERS else 0)


def test_a_day_is_not_summed_up_with_an_order_missing() -> None:
    """The contract that is known stands; the whole is not available."""
    put, call = filled_orders((BOUGHT, fill(2, CALL)))
    known = BilledOrder(order=put, theirs_inr=Decimal(1))
    unknown = BilledOrder(order=call, theirs_inr=None, reason="HTTP 503")
    verdicts = {figure.subject: figure.verdict for figure in charges_of_contracts((known, unknown))}
    assert verdicts == {
        PUT.symbol: Verdict.AGREES,
        CALL.symbol: Verdict.NOT_AVAILABLE,
        "all contracts": Verdict.NOT_AVAILABLE,
    }


def test_a_day_without_fills_has_no_charges() -> None:
    """Nothing to bill, and cash that stood still."""
    assert charges_of_contracts(()) == ()
    still = replace(CASH, available_inr=Decimal(2_000_000))
    assert change_of_cash((), still, "").verdict is Verdict.AGREES


def test_what_was_not_answered_is_told_from_what_is_not_known() -> None:
    """A question that failed makes its contract and the whole unread, and its reason is said first."""
    put, call = filled_orders((BOUGHT, fill(2, CALL)))
    unlisted = BilledOrder(order=put, theirs_inr=None, reason="not listed")
    failed = BilledOrder(order=call, theirs_inr=None, reason="HTTP 503", is_unread=True)
    figures = {figure.subject: figure for figure in charges_of_contracts((unlisted, failed))}
    assert {name: one.is_unread for name, one in figures.items()} == {
        PUT.symbol: False,
        CALL.symbol: True,
        "all contracts": True,
    }
    assert figures["all contracts"].reason == "HTTP 503"
    assert change_of_cash((BOUGHT,), None, "HTTP 423", is_unread=True).is_unread
    assert not change_of_cash((BOUGHT,), replace(CASH, opening_inr=None), "").is_unread


def test_cash_changes_by_premiums_less_charges() -> None:
    """Cash free and in margin count alike; pay-ins and pay-outs are no trades."""
    assert change_of_cash((BOUGHT,), CASH, "").verdict is Verdict.AGREES
    moved = replace(
        CASH,
        available_inr=CASH.available_inr - 100_000,
        used_inr=Decimal(95_000),
        added_inr=Decimal(1000),
        withdrawn_inr=Decimal(6000),
    )
    assert change_of_cash((BOUGHT,), moved, "").theirs_inr == Decimal("-534.00")
    sold = fill(1, side=Side.SELL)
    wrong = change_of_cash((sold,), CASH, "")
    assert (wrong.ours_inr, wrong.verdict) == (Decimal("532.00"), Verdict.DIFFERS)
    (found,) = differing((wrong,))
    assert (found.kind, found.ours, found.theirs) == (DifferenceKind.FUNDS, "532.00", "-534.00")
    assert "1.10" in found.reason


def test_what_the_broker_does_not_say_of_cash_is_not_available() -> None:
    """No opening balance, no answer, or executions of others: each with its reason."""
    silent = replace(CASH, opening_inr=None)
    assert change_of_cash((BOUGHT,), silent, "").verdict is Verdict.NOT_AVAILABLE
    for cash, why in ((None, "HTTP 423"), (CASH, "2 executions from elsewhere")):
        figure = change_of_cash((BOUGHT,), cash, why)
        assert (figure.verdict, figure.reason) == (Verdict.NOT_AVAILABLE, why)
