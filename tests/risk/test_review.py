"""The one review: all breaches at once, all orders or none, and nobody else can say yes."""

from __future__ import annotations

import ast
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes import ROOT, TS, call, quote, request
from tests.risk.review_inputs import CLOSING, FACTS, GOOD, LIMITS, spoiled, with_order
from volguard.measure.touch import quote_digest
from volguard.model.decision import Approved, Phase, Refused, SafetyLevel, TradingState
from volguard.model.instrument import Side
from volguard.model.order import Purpose
from volguard.risk.checks import RISK_ADDING
from volguard.risk.review import review, screen
from volguard.risk.vix_spike import VixSpikeState


def rules(verdict: tuple[Approved, ...] | Refused) -> list[str]:
    """Rules that refused."""
    assert isinstance(verdict, Refused)
    return [breach.rule for breach in verdict.breaches]


def test_an_approval_is_bound_to_what_was_reviewed() -> None:
    """Price bound, digest of the quote, review number and expiry are those of the review."""
    verdict = review(GOOD, LIMITS)
    assert verdict == (
        Approved(
            request=FACTS.request,
            worst_price=Decimal("10.00"),
            quote_digest=quote_digest([FACTS.quote]),
            review_sequence=7,
            approved_at=TS,
            valid_until=TS + timedelta(seconds=30),
        ),
    )


def test_every_breach_is_returned_at_once() -> None:
    """A person mends all of it in one go: nothing hides behind the first refusal."""
    bad = spoiled(
        session_open=False,
        kill_switch=True,
        trading_state=TradingState.HALTED,
        safety_level=SafetyLevel.HALTED,
        soft_stop=True,
        hard_stop=True,
        after_gap=True,
        unknown_orders=2,
        quality=0.1,
        missing_inputs=("India VIX",),
        account_inr=None,
        orders_today=900,
        phase=Phase.FULL_AUTO,
        vix_spike=VixSpikeState(is_spiking=True),
        order_breaker="open",
        risk_after=None,
        concentration_after=None,
        trade=replace(GOOD.trade, budget=None, covered=False),
        orders=(
            replace(
                FACTS,
                quote=None,
                fair_value=None,
                band=None,
                confidence=None,
                flags=None,
                request=request(quantity=66, limit_price=Decimal(-1)),
            ),
        ),
    )
    verdict = review(bad, LIMITS)
    found = rules(verdict)
    assert len(found) >= len(RISK_ADDING)
    assert {b.rule for check in RISK_ADDING for b in check(bad, LIMITS)} == set(found)
    assert isinstance(verdict, Refused) and verdict.text == "; ".join(b.text for b in verdict.breaches)


def test_one_bad_order_refuses_the_wave() -> None:
    """All orders of a wave or none: half a condor is not a smaller condor."""
    good = replace(FACTS, request=request(tag="VG-2", contract=call(25000)))
    assert len(review(replace(GOOD, orders=(FACTS, good)), LIMITS)) == 2  # type: ignore[arg-type]
    bad = replace(good, quote=quote(None, "3.00"))
    assert rules(review(replace(GOOD, orders=(FACTS, bad)), LIMITS)) == ["quote"]


def test_mixed_purposes_are_refused() -> None:
    """A closing order cannot carry an opening one past the longer list."""
    assert rules(review(replace(GOOD, orders=(CLOSING, FACTS)), LIMITS)) == ["wave"]
    assert rules(review(replace(GOOD, orders=()), LIMITS)) == ["wave"]


def test_a_closing_order_passes_whatever_stops_new_risk() -> None:
    """Halted, stopped, on bad data, with the kill switch on: what reduces risk still leaves."""
    halted = spoiled(
        trading_state=TradingState.HALTED,
        safety_level=SafetyLevel.HALTED,
        kill_switch=True,
        soft_stop=True,
        hard_stop=True,
        after_gap=True,
        quality=None,
        account_inr=None,
        risk_after=None,
        unknown_orders=1,
        orders_today=900,
        orders=(replace(CLOSING, quote=quote(None, "10.05"), fair_value=None),),
    )
    verdict = review(halted, LIMITS)
    assert isinstance(verdict, tuple) and verdict[0].request.purpose is Purpose.CLOSE


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"session_open": False}, "session_window"),
        ({"session_open": None}, "session_window"),
        ({"orders": (replace(CLOSING, closable=65),)}, "reduces"),
        (
            {"orders": (replace(CLOSING, request=request(purpose=Purpose.CLOSE, quantity=10)),)},
            "lot_multiple",
        ),
        ({"orders": (replace(CLOSING, freeze_quantity=60),)}, "freeze"),
    ],
)
def test_a_closing_order_is_still_reviewed(change: dict[str, object], rule: str) -> None:
    """Session, direction and form bind exits too."""
    assert rules(review(replace(GOOD, **{"orders": (CLOSING,), **change}), LIMITS)) == [rule]  # type: ignore[arg-type]


def test_a_refusal_changes_nothing() -> None:
    """The same inputs are refused the same way again: the review keeps no state."""
    bad = with_order(quote=None)
    assert review(bad, LIMITS) == review(bad, LIMITS)
    assert review(GOOD, LIMITS) == review(GOOD, LIMITS)


def test_a_proposal_is_screened_by_the_whole_list() -> None:
    """Without orders yet, every rule of the trade itself is run."""
    bare = replace(GOOD, orders=())
    assert screen(bare, LIMITS) == ()
    spoilt = replace(bare, kill_switch=True, quality=None)
    assert [breach.rule for breach in screen(spoilt, LIMITS)] == ["kill_switch", "data_quality"]


def test_selling_needs_the_same_review() -> None:
    """A short that its hedge does not cover is refused whatever its price."""
    naked = replace(GOOD.trade, covered=False)
    sell = replace(FACTS, request=request(side=Side.SELL))
    assert rules(review(replace(GOOD, trade=naked, orders=(sell,)), LIMITS)) == ["naked_short"]


def test_only_the_review_makes_an_approval() -> None:
    """Over the syntax tree of the whole package: `Approved` is called in risk/review.py and nowhere else."""
    makers = set()
    for path in sorted((ROOT / "volguard").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                names_it = any(isinstance(a, ast.Name) and a.id == "Approved" for a in node.args)
                is_copy = name in ("replace", "__replace__") and any(
                    kw.arg in ("worst_price", "quote_digest", "review_sequence", "valid_until")
                    for kw in node.keywords
                )
                is_decoder = name in ("isinstance", "get_args")
                if name == "Approved" or is_copy or (names_it and not is_decoder):
                    makers.add(path.relative_to(ROOT / "volguard").as_posix())
    assert makers == {"risk/review.py"}
