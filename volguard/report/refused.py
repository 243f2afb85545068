"""What was refused, carried on paper: entered where it was refused, closed where the day was last well seen.

Both at the touch: sold at the bid, bought at the ask, whatever the size shown; nothing leaves before by an
exit rule. Charges of both ways by the schedule of the date, each leg an order of its own, sliced at the
freeze quantity. What nobody quotes, or whose quotes were in doubt, has no result: none is guessed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from volguard.model.book import ZERO, Bucket, Leg, StructureKind
from volguard.model.decision import Action, CandidateRecord, Decision
from volguard.model.instrument import Side, Underlying
from volguard.model.market import ChainSnapshot
from volguard.model.units import money, tick_price
from volguard.nse.rules import Rules
from volguard.strategy.structure import WITH_CALLS, WITH_PUTS, ShortStrikes, structure_legs

IN_DOUBT: Final = "leg_"  # refusals that begin so are of the quotes themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One structure that was not traded; `lots` those it was sized to, one where it was sized to none."""

    ts: datetime
    bucket: Bucket
    structure: StructureKind
    expiry: date
    strikes: tuple[int, ...]
    legs: tuple[Leg, ...]  # none where the strikes do not tell them
    lots: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPaper:
    """What a refused structure would have made, rupees of all lots; `missing` says why that is not known.

    `is_held`: with the others that are, it could have been in the book: the first of its bucket, expiry and
    structure that has a result.
    """

    refusal: Refusal
    gross_inr: Decimal | None = None
    charges_inr: Decimal | None = None
    missing: str = ""
    is_held: bool = False

    @property
    def net_inr(self) -> Decimal | None:
        """After charges; both rounded to the paisa first, as they are printed."""
        if self.gross_inr is None or self.charges_inr is None:
            return None
        return money(self.gross_inr) - money(self.charges_inr)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByReason:
    """One reason of refusal; `net_inr` as if each structure had been traded alone; None: not known."""

    reason: str
    structures: int
    not_available: int
    net_inr: Decimal | None
    held: int
    held_net_inr: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedDay:
    """A session's refusals on paper, oldest first, and its waits where no candidate was made, by bucket."""

    marked_at: datetime | None = None
    structures: tuple[OnPaper, ...] = ()
    waits: Mapping[tuple[Bucket, str], int] | None = None

    @property
    def held(self) -> tuple[OnPaper, ...]:
        """Those that the book could have held together."""
        return tuple(one for one in self.structures if one.is_held)

    @property
    def net_inr(self) -> Decimal | None:
        """What those would have made: a loss is what refusing saved. None: there is none."""
        return net_of(self.held)

    @property
    def by_reason(self) -> tuple[ByReason, ...]:
        """Each reason, in its alphabet."""
        return add_up(self.structures)


NOTHING_REFUSED: Final = RefusedDay()


def carried_on_paper(
    refusals: Iterable[Refusal],
    decisions: Sequence[Decision],
    look_at: Callable[[datetime], ChainSnapshot | None],
    mark: ChainSnapshot | None,
    rules: Rules,
) -> RefusedDay:
    """A day's refusals entered at the look of their moment and closed at the look `mark`."""
    structures = [on_paper(refusal, look_at(refusal.ts), mark, rules) for refusal in first_of_each(refusals)]
    return RefusedDay(
        marked_at=None if mark is None else mark.ts,
        structures=held_together(structures),
        waits=waits_without_candidates(decisions),
    )


def add_up(structures: Iterable[OnPaper]) -> tuple[ByReason, ...]:
    """Refusals by reason."""
    mine: dict[str, list[OnPaper]] = {}
    for one in structures:
        mine.setdefault(one.refusal.reason, []).append(one)
    return tuple(
        ByReason(
            reason=reason,
            structures=len(found),
            not_available=sum(one.net_inr is None for one in found),
            net_inr=net_of(found),
            held=sum(one.is_held for one in found),
            held_net_inr=net_of(one for one in found if one.is_held),
        )
        for reason, found in sorted(mine.items())
    )


def net_of(structures: Iterable[OnPaper]) -> Decimal | None:
    """What those with a result would have made together; None without one."""
    known = [one.net_inr for one in structures if one.net_inr is not None]
    return sum(known, ZERO) if known else None


def refusals_of(decisions: Iterable[Decision], underlying: Underlying) -> tuple[Refusal, ...]:
    """Of each decision that refused candidates, the best: what would have been traded but for the refusal."""
    found = (refusal for decision in decisions if (refusal := _refusal(decision, underlying)) is not None)
    return tuple(found)


def first_of_each(refusals: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Oldest first, one a bucket, structure, strikes, expiry and reason: no minute counts twice."""
    first: dict[object, Refusal] = {}
    for one in sorted(refusals, key=lambda one: one.ts):
        first.setdefault((one.bucket, one.structure, one.strikes, one.expiry, one.reason), one)
    return tuple(first.values())


def waits_without_candidates(decisions: Iterable[Decision]) -> Mapping[tuple[Bucket, str], int]:
    """How often a bucket waited for each reason before any structure was looked at."""
    counts = Counter(
        (decision.bucket, decision.reason)
        for decision in decisions
        if decision.action is Action.WAIT and not decision.candidates and decision.bucket is not None
    )
    return dict(sorted(counts.items()))


def on_paper(
    refusal: Refusal, entry: ChainSnapshot | None, mark: ChainSnapshot | None, rules: Rules
) -> OnPaper:
    """What a refusal would have made from its look to the mark; looks None: there is none."""
    if refusal.reason.startswith(IN_DOUBT):
        return OnPaper(refusal=refusal, missing=f"its quotes were in doubt: {refusal.reason}")
    if not refusal.legs:
        return OnPaper(refusal=refusal, missing="its legs are not told by its strikes")
    if entry is None or mark is None or mark.ts <= refusal.ts:
        return OnPaper(refusal=refusal, missing="no good look at the market came after it")
    way_in = _touch(refusal.legs, entry, rules, is_entry=True)
    way_out = _touch(refusal.legs, mark, rules, is_entry=False)
    for prices, when in ((way_in, entry.ts), (way_out, mark.ts)):
        if isinstance(prices, str):
            return OnPaper(refusal=refusal, missing=f"{prices} at {when:%H:%M:%S}")
    if isinstance(way_in, str) or isinstance(way_out, str):
        raise ValueError("a missing price was not told")
    units = refusal.lots * rules.contracts.lot_size(
        refusal.legs[0].contract.underlying, refusal.ts.date(), refusal.expiry
    )
    gross, charges = ZERO, ZERO
    for leg, paid, got in zip(refusal.legs, way_in, way_out, strict=True):
        gross += leg.side.sign * units * (got - paid)
        charges += _charges_inr(rules, leg, entry.ts.date(), leg.side, units, paid)
        charges += _charges_inr(rules, leg, mark.ts.date(), leg.side.opposite, units, got)
    return OnPaper(refusal=refusal, gross_inr=gross, charges_inr=charges)


def held_together(structures: Sequence[OnPaper]) -> tuple[OnPaper, ...]:
    """The same, with those marked that one book could have held: a trade per bucket, expiry and structure."""
    taken: set[object] = set()
    marked = []
    for one in structures:
        key = (one.refusal.bucket, one.refusal.expiry, one.refusal.structure)
        is_held = one.net_inr is not None and key not in taken
        if is_held:
            taken.add(key)
        marked.append(replace(one, is_held=is_held))
    return tuple(marked)


def _refusal(decision: Decision, underlying: Underlying) -> Refusal | None:
    best = _best(decision)
    expiry = decision.figures.get("expiry")
    if best is None or decision.bucket is None or not isinstance(expiry, str):
        return None
    day = date.fromisoformat(expiry)
    return Refusal(
        ts=decision.ts,
        bucket=decision.bucket,
        structure=best.structure,
        expiry=day,
        strikes=best.strikes,
        legs=_legs(best, underlying, day),
        lots=max(best.lots, 1),
        reason=best.refusal or decision.reason,
    )


def _best(decision: Decision) -> CandidateRecord | None:
    if decision.action is Action.REFUSED:  # by the review: the candidate was chosen before
        return next((c for c in decision.candidates if not c.refusal and _is_of(c, decision)), None)
    if decision.action is not Action.WAIT or not decision.candidates:
        return None
    # As the strategy ranks them where nothing is refused: by edge a rupee of loss, else the widest.
    priced = [c for c in decision.candidates if "credit_per_unit" in c.figures]
    edges = [c.figures.get("ev_p_per_loss") for c in priced]
    if decision.figures.get("forecast_edge_judged") and priced and None not in edges:
        return max(priced, key=lambda c: float(c.figures["ev_p_per_loss"] or 0.0))
    return (priced or decision.candidates)[0]


def _is_of(candidate: CandidateRecord, decision: Decision) -> bool:
    return all(decision.figures.get(name) == value for name, value in candidate.figures.items())


def _legs(candidate: CandidateRecord, underlying: Underlying, expiry: date) -> tuple[Leg, ...]:
    strikes, kind = candidate.strikes, candidate.structure
    has_puts, has_calls = kind in WITH_PUTS, kind in WITH_CALLS
    if len(strikes) != 2 * (has_puts + has_calls) or not strikes:
        return ()
    shorts = ShortStrikes(put=strikes[1] if has_puts else None, call=strikes[-2] if has_calls else None)
    legs = structure_legs(kind, underlying, expiry, shorts, abs(strikes[1] - strikes[0]))
    return legs if legs is not None and tuple(leg.contract.strike for leg in legs) == strikes else ()


# Prices of the legs, or what stands in the way of one.
def _touch(
    legs: Sequence[Leg], look: ChainSnapshot, rules: Rules, *, is_entry: bool
) -> tuple[Decimal, ...] | str:
    tick = rules.contracts.tick(look.listing.underlying, look.ts.date())
    prices = []
    for leg in legs:
        row = look.listing.row(leg.contract)
        if row is None:
            return f"{leg.contract.symbol} was not listed"
        bid, ask = float(look.bid[row]), float(look.ask[row])
        side = leg.side if is_entry else leg.side.opposite
        price = ask if side is Side.BUY else bid
        if not math.isfinite(price):
            return f"nobody quoted the {'ask' if side is Side.BUY else 'bid'} of {leg.contract.symbol}"
        if bid >= ask:
            return f"{leg.contract.symbol} was quoted {bid:.2f} bid at {ask:.2f} ask"
        prices.append(tick_price(price, tick))
    return tuple(prices)


def _charges_inr(rules: Rules, leg: Leg, day: date, side: Side, units: int, price: Decimal) -> Decimal:
    freeze = rules.contracts.freeze_quantity(leg.contract.underlying, day)
    slices = [min(freeze, units - done) for done in range(0, units, freeze)]
    charged = [
        rules.charges.for_fill(
            trade_date=day, side=side, quantity=quantity, price=price, first_fill_of_order=True
        ).total
        for quantity in slices
    ]
    return sum(charged, ZERO)


def merged(days: Iterable[Sequence[ByReason]]) -> tuple[ByReason, ...]:
    """Reasons of many days added up, each in its alphabet."""
    found: dict[str, ByReason] = {}
    for row in (row for day in days for row in day):
        known = found.get(row.reason)
        found[row.reason] = row if known is None else _both(known, row)
    return tuple(found[reason] for reason in sorted(found))


def _both(one: ByReason, other: ByReason) -> ByReason:
    return ByReason(
        reason=one.reason,
        structures=one.structures + other.structures,
        not_available=one.not_available + other.not_available,
        net_inr=_sum(one.net_inr, other.net_inr),
        held=one.held + other.held,
        held_net_inr=_sum(one.held_net_inr, other.held_net_inr),
    )


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
