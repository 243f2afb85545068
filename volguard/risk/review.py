"""The one review. It runs every check, returns every breach, and is the only maker of `Approved`."""

from __future__ import annotations

from volguard.measure.touch import quote_digest
from volguard.model.decision import Approved, Breach, Refused
from volguard.model.order import Purpose
from volguard.risk.checks import RISK_ADDING, RISK_REDUCING
from volguard.risk.facts import OrderFacts, ReviewInputs
from volguard.risk.flatten_checks import FLATTEN_CHECKS, FlattenInputs
from volguard.risk.limits import Limits


def review(inputs: ReviewInputs, limits: Limits) -> tuple[Approved, ...] | Refused:
    """Approve all orders of one wave, or refuse them all with every reason.

    Orders that only reduce risk pass a shorter list, and that they do is proven: for no more than is held, no
    short left without its long, no rise of the trade's stressed loss. All orders of a wave have one purpose.
    """
    purposes = {facts.request.purpose for facts in inputs.orders}
    if len(purposes) != 1:
        text = "orders of one wave must all open or all close"
        return Refused(breaches=(Breach(rule="wave", value=None, limit=None, text=text),))
    checks = RISK_ADDING if purposes == {Purpose.OPEN} else RISK_REDUCING
    caps = limits.caps_in(inputs.phase)
    breaches = tuple(breach for check in checks for breach in check(inputs, caps))
    if breaches:
        return Refused(breaches=breaches)
    return tuple(_approve(inputs, facts) for facts in inputs.orders)


def screen(inputs: ReviewInputs, limits: Limits) -> tuple[Breach, ...]:
    """All breaches of a trade that has no orders yet: what a proposal would be refused for."""
    caps = limits.caps_in(inputs.phase)
    return tuple(breach for check in RISK_ADDING for breach in check(inputs, caps))


def review_flatten(inputs: FlattenInputs) -> Approved | Refused:
    """Approve one order of the operator's flatten, or refuse it with every reason.

    No limit of the strategy is asked: what counts is that the broker's own books prove it to reduce.
    """
    breaches = tuple(breach for check in FLATTEN_CHECKS for breach in check(inputs))
    if breaches:
        return Refused(breaches=breaches)
    return Approved(
        request=inputs.request,
        worst_price=inputs.request.limit_price,
        quote_digest=quote_digest([inputs.quote]),
        review_sequence=inputs.review_sequence,
        approved_at=inputs.now,
        valid_until=inputs.valid_until,
    )


def _approve(inputs: ReviewInputs, facts: OrderFacts) -> Approved:
    return Approved(
        request=facts.request,
        worst_price=facts.request.limit_price,
        quote_digest=quote_digest([facts.quote]),
        review_sequence=inputs.review_sequence,
        approved_at=inputs.now,
        valid_until=inputs.valid_until,
    )
