"""A structure that the operator asks for: priced and sized as asked, the strategy's own opinion beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from volguard.measure.market_view import at_the_money
from volguard.model.book import Bucket, Leg, StructureKind
from volguard.model.decision import FigureValue
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionType, Side
from volguard.model.market import Listing
from volguard.model.proposal import Proposal
from volguard.strategy.legs_text import LegLine, legs_of, read_legs
from volguard.strategy.manage import deadline_of
from volguard.strategy.policy import BucketPolicy
from volguard.strategy.premium_gate import judge_premium, premium_gate
from volguard.strategy.proposal_inputs import ProposalInputs, Wait
from volguard.strategy.propose import (
    dearer_forecast_edge,
    decision_figures,
    entry_window,
    event_gate,
    events_of,
    proposal_of,
    selection_of,
)
from volguard.strategy.select import UNPRICED, judge_structure

LOTS_MAX: Final = 10_000
BY_OPERATOR: Final = "operator"
# Type and side of the legs from the lowest strike up, a put before a call of its strike.
SHAPES: Final[Mapping[tuple[tuple[OptionType, Side], ...], StructureKind]] = {
    (
        (OptionType.PUT, Side.BUY),
        (OptionType.PUT, Side.SELL),
        (OptionType.CALL, Side.SELL),
        (OptionType.CALL, Side.BUY),
    ): StructureKind.IRON_CONDOR,
    ((OptionType.PUT, Side.BUY), (OptionType.PUT, Side.SELL)): StructureKind.BULL_PUT_SPREAD,
    ((OptionType.CALL, Side.SELL), (OptionType.CALL, Side.BUY)): StructureKind.BEAR_CALL_SPREAD,
}
_WISH: Final = re.compile(r"lots=(?P<lots>[0-9]{1,9}) bucket=(?P<bucket>[A-Z]+) (?P<legs>.+)", re.DOTALL)
NO_BUCKET: Final = "ANY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator wants to trade; `bucket` None: the one that trades that expiry."""

    legs: str  # as they were written
    lots: int
    bucket: Bucket | None

    @property
    def text(self) -> str:
        """As it is sent and journaled; `read_wish` reads it again."""
        return f"lots={self.lots} bucket={self.bucket.value if self.bucket else NO_BUCKET} {self.legs}"


def make_wish(legs: str, lots: int, bucket: Bucket | None, expiry: date | None = None) -> Wish:
    """A wish that can be read; `expiry` is that of legs without one. Raises UsageError naming the word."""
    words = read_legs(legs)
    if not 1 <= lots <= LOTS_MAX:
        raise UsageError(f"--lots was {lots}, must be 1 to {LOTS_MAX}")
    usual = "" if expiry is None else f"@{expiry.isoformat()}"
    written = [word.word if word.expiry is not None else f"{word.word}{usual}" for word in words]
    return Wish(legs=" ".join(written), lots=lots, bucket=bucket)


def read_wish(text: str) -> Wish:
    """The wish of a text. Raises UsageError naming what cannot be read."""
    found = _WISH.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"a trade was asked for as {text!r}, must be lots=N bucket=NAME and legs")
    named = found["bucket"]
    if named != NO_BUCKET and named not in list(Bucket):
        raise UsageError(f"bucket was {named}, must be one of {', '.join(Bucket)} or {NO_BUCKET}")
    bucket = None if named == NO_BUCKET else Bucket(named)
    return make_wish(found["legs"], int(found["lots"]), bucket)


def structure_of_wish(wish: Wish, listing: Listing) -> tuple[StructureKind, tuple[Leg, ...]]:
    """What is asked for, its legs listed, lowest strike first.

    Raises UsageError where a leg is not listed, or where it is nothing that the exits can manage: a spread or
    condor of one expiry, every short with its long, a leg each.
    """
    lines = legs_of(wish.legs, listing, None)
    expiries = sorted({line.leg.contract.expiry for line in lines})
    if len(expiries) != 1:
        days = ", ".join(day.isoformat() for day in expiries)
        raise UsageError(f"legs of several expiries ({days}) cannot be traded as one, write one expiry")
    uneven = next((line for line in lines if line.count != 1), None)
    if uneven is not None:
        raise UsageError(
            f"leg {uneven.name} has ratio {uneven.count}, must be 1",
            hint="more of the whole structure is --lots",
        )
    legs = tuple(line.leg for line in sorted(lines, key=_by_strike))
    kind = SHAPES.get(tuple((leg.contract.option_type, leg.side) for leg in legs))
    if kind is None:
        raise UsageError(
            f"{wish.legs} is no structure that is managed here",
            hint="a put spread (+lower -higher PE), a call spread (-lower +higher CE), or both as a condor",
        )
    if kind is StructureKind.IRON_CONDOR and legs[1].contract.strike == legs[2].contract.strike:
        kind = StructureKind.NEUTRAL_IRON_CONDOR
    return kind, legs


def bucket_for(
    wish: Wish,
    expiry: date,
    today: date,
    chosen: Mapping[Bucket, date | None],
    policies: Mapping[Bucket, BucketPolicy],
) -> Bucket:
    """The bucket that pays for it: the named one, the one that trades that expiry now, or one that may.

    Raises UsageError where no enabled bucket takes that expiry.
    """
    enabled = [bucket for bucket in Bucket if bucket in policies and policies[bucket].is_enabled]
    if wish.bucket is not None:
        if wish.bucket not in enabled:
            raise UsageError(
                f"bucket {wish.bucket.value} is not enabled (bucket.{wish.bucket.lower()}.is_enabled)"
            )
        return wish.bucket
    days = (expiry - today).days
    for bucket in sorted(enabled, key=lambda bucket: chosen.get(bucket) != expiry):
        policy = policies[bucket]
        if chosen.get(bucket) == expiry or policy.expiry_days_min <= days <= policy.expiry_days_max:
            return bucket
    raise UsageError(
        f"no bucket trades an expiry {days} days away ({expiry.isoformat()})",
        hint="name one: --bucket WEEKLY",
    )


def propose_asked(
    inputs: ProposalInputs, kind: StructureKind, legs: Sequence[Leg], lots: int
) -> Proposal | Wait:
    """The structure at the touch, as many lots as asked; Wait where it has no price, or its exit is due.

    What the strategy itself has against it does not stop the operator: it stands in `strategy_says`. The
    limits of risk do: they are the review's.
    """
    expiry = legs[0].contract.expiry
    due = deadline_of(expiry, inputs.now, inputs.bucket_policy, inputs.policy, inputs.rules.calendar)
    if due <= inputs.now:  # it would have to be left again at once
        text = f"the exits of {inputs.bucket.value} were due at {due:%Y-%m-%d %H:%M} for this expiry"
        return Wait(reason="exit_due", text=text, figures={})
    level = at_the_money(inputs.view, expiry)
    if level is None:
        text = f"forward or ATM volatility of {expiry.isoformat()} is not pinned by quotes"
        return Wait(reason="level_unknown", text=text, figures={})
    events, premium = events_of(inputs, expiry), judge_premium(inputs, level)
    figures = decision_figures(inputs, level, premium, events)
    candidate = judge_structure(selection_of(inputs, level, premium, events), kind, tuple(legs), lots=lots)
    if candidate.refusal in UNPRICED or candidate.refusal.startswith("leg_"):
        text = f"{candidate.refusal}: it cannot be traded at the quotes of now"
        return Wait(reason=candidate.refusal, text=text, figures={**figures, **candidate.figures})
    figures["ev_p_at_forecast_plus_1pt"] = dearer_forecast_edge(inputs, level, premium, candidate)
    against = entry_window(inputs) or event_gate(inputs, expiry, events) or premium_gate(inputs, premium)
    says = f"{against.reason}: {against.text}" if against is not None else candidate.refusal
    figures["strategy_says"] = says or "nothing against it"
    return proposal_of(inputs, candidate, figures, ())


def asked_figures(wish: str) -> dict[str, FigureValue]:
    """What a decision keeps of the wish that it answers, as it was sent."""
    return {"asked_by": BY_OPERATOR, "asked_for": wish}


def _by_strike(line: LegLine) -> tuple[int, bool]:
    contract = line.leg.contract
    return contract.strike, contract.option_type is OptionType.CALL
