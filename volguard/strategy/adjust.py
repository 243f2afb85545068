"""One adjustment: the tested side of a condor is rolled further out once, where that lowers stressed loss.

Of the two verticals the tested one leaves at once, as any exit does; the other goes on as a trade of its own.
What takes the place of the tested one is a proposal like any other. A vertical is never rolled again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.measure.payoff import max_loss_points, short_legs
from volguard.measure.quality import QualitySettings
from volguard.measure.stress import portfolio_stress
from volguard.measure.stress_book import StressUnavailable
from volguard.measure.stress_settings import StressSettings
from volguard.measure.touch import fair_deltas
from volguard.model.book import ZERO, EntryMarket, Leg, Position, StructureKind, Trade, positions_of
from volguard.model.decision import FigureValue
from volguard.model.instrument import OptionType
from volguard.model.proposal import Proposal
from volguard.model.units import figure, money, rupees
from volguard.strategy.structure import CONDORS

VERTICALS: Final[Mapping[OptionType, StructureKind]] = {
    OptionType.PUT: StructureKind.BULL_PUT_SPREAD,
    OptionType.CALL: StructureKind.BEAR_CALL_SPREAD,
}
CONDOR_LEGS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A condor as two verticals: `tested` leaves under the trade's number, `rest` goes on under a new one."""

    tested: Trade
    rest: Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class RollInputs:
    """What a roll is judged by. `others`: what the book holds besides the trade, or is being committed to.

    `close_cost_inr`: half the spreads, what lies beyond the touch and charges of closing the tested side now,
    None where nobody can tell.
    """

    view: MarketView
    trade: Trade
    parts: Parts
    opening: Proposal
    others: Sequence[Position]
    close_cost_inr: Decimal | None
    stress: StressSettings
    quality: QualitySettings


@dataclass(frozen=True, slots=True, kw_only=True)
class RollVerdict:
    """`refusal` is empty where the side is to be rolled; `stressed_inr`: of the trade as it stands."""

    refusal: str
    stressed_inr: float | None
    figures: Mapping[str, FigureValue]


def side_tested(view: MarketView, trade: Trade, limit: float) -> OptionType | None:
    """The one side of a condor whose short's |delta| is above the limit.

    None for anything but a condor, where both sides are or none is, and where a delta is not known.
    """
    shorts = short_legs(trade.legs)
    sides = {leg.contract.option_type for leg in shorts}
    if trade.structure not in CONDORS or len(trade.legs) != CONDOR_LEGS or len(sides) != len(shorts):
        return None
    deltas = np.abs(fair_deltas(view, [leg.contract for leg in shorts])).tolist()
    if not all(math.isfinite(delta) for delta in deltas):
        return None
    tested = [leg for leg, delta in zip(shorts, deltas, strict=True) if figure(delta) > limit]
    return tested[0].contract.option_type if len(tested) == 1 else None


def parts_of(trade: Trade, side: OptionType, *, rest_id: str) -> Parts | None:
    """The trade as its two verticals, cash, charges and what earlier days made of it conserved.

    None where it does not hold every leg whole, and nothing else.
    """
    wanted = {leg.contract: leg.side.sign * trade.units for leg in trade.legs}
    if {p.contract: p.quantity for p in positions_of(trade.fills)} != wanted:
        return None
    if any(fill.contract not in wanted for fill in trade.fills):
        return None
    costs = trade.reserved_inr - trade.max_loss_inr
    half = money(costs / 2)
    tested = _part(trade, side, half)
    rest = _part(trade, _other(side), costs - half)
    if tested is None or rest is None:
        return None
    return Parts(tested=tested, rest=replace(rest, trade_id=rest_id, carried_pnl_inr=ZERO))


def at_most(proposal: Proposal, lots: int) -> Proposal:
    """The proposal in no more than so many lots; costs stay reserved whole, they weigh more on fewer lots."""
    if proposal.lots <= lots:
        return proposal
    loss = max_loss_points(proposal.legs, proposal.credit_per_unit)
    if loss is None:
        raise ValueError(f"{proposal.structure.value} has no bound on its loss")
    return replace(proposal, lots=lots, max_loss_inr=rupees(loss * lots * proposal.lot_size))


def stands_further_out(legs: Sequence[Leg], side: OptionType, short_strike: int) -> bool:
    """The short of that side is further from the money than a strike was."""
    shorts = [leg.contract for leg in short_legs(legs) if leg.contract.option_type is side]
    sign = 1 if side is OptionType.CALL else -1
    return bool(shorts) and all(sign * (one.strike - short_strike) > 0 for one in shorts)


def judge_roll(inputs: RollInputs) -> RollVerdict:
    """Whether the trade's and the book's stressed loss fall by the roll, with its cost and every figure.

    Between the two halves what is left stands alone, and once that has left so does what was opened: each of
    them too must have less stressed loss than the trade has.
    """
    opening, rest = inputs.opening, positions_of(inputs.parts.rest.fills)
    trade, others = positions_of(inputs.trade.fills), tuple(inputs.others)
    rolled = (*rest, *proposal_positions(opening))
    books = {
        "stressed_before_inr": trade,
        "stressed_rest_inr": rest,
        "stressed_opening_inr": proposal_positions(opening),
        "stressed_rolled_inr": rolled,
        "stressed_book_before_inr": (*others, *trade),
        "stressed_book_rolled_inr": (*others, *rolled),
        "stressed_book_closed_inr": others,
    }
    found = {name: _stressed(inputs, positions) for name, positions in books.items()}
    lost = {name: loss for name, loss in found.items() if isinstance(loss, float)}
    closing, opens = inputs.close_cost_inr, opening.costs_inr
    figures: dict[str, FigureValue] = {name: lost.get(name) for name in books}
    figures |= {
        "roll_strikes": "/".join(str(leg.contract.strike) for leg in opening.legs),
        "roll_lots": opening.lots,
        "roll_credit_inr": float(rupees(opening.credit_per_unit * opening.lots * opening.lot_size)),
        "roll_close_cost_inr": None if closing is None else float(closing),
        "roll_open_cost_inr": float(opens),
        "roll_cost_inr": None if closing is None else float(closing + opens),
    }
    missing = [loss for loss in found.values() if isinstance(loss, str)]
    refusal = _refusal(inputs, lost, missing[0] if missing else "")
    return RollVerdict(refusal=refusal, stressed_inr=lost.get("stressed_before_inr"), figures=figures)


def proposal_positions(proposal: Proposal) -> tuple[Position, ...]:
    """What a proposal holds when all of it is filled."""
    units = proposal.lots * proposal.lot_size
    return tuple(Position(contract=leg.contract, quantity=leg.side.sign * units) for leg in proposal.legs)


def stressed_loss_inr(
    view: MarketView, positions: Sequence[Position], stress: StressSettings, quality: QualitySettings
) -> float | str:
    """Rupees lost in the worst cell; the reason where it cannot be told."""
    found = portfolio_stress(view, positions, stress, quality)
    return found.text if isinstance(found, StressUnavailable) else figure(found.stressed_loss_inr)


def _refusal(inputs: RollInputs, lost: Mapping[str, float], missing: str) -> str:
    side, parts = next(iter(_types(inputs.parts.tested.legs))), inputs.parts
    (short,) = short_legs(parts.tested.legs)
    if not stands_further_out(inputs.opening.legs, side, short.contract.strike):
        return f"no short further out than {short.contract.strike}"
    if missing:
        return f"stressed loss is not available: {missing}"
    for name, label, was in (
        ("stressed_rest_inr", "of what is left", "stressed_before_inr"),
        ("stressed_opening_inr", "of what is opened", "stressed_before_inr"),
        ("stressed_rolled_inr", "after the roll", "stressed_before_inr"),
        ("stressed_book_rolled_inr", "of the book after the roll", "stressed_book_before_inr"),
    ):
        if not lost[name] < lost[was]:
            return f"stressed loss {label} is {lost[name]:.2f}, not below {lost[was]:.2f}"
    return "what closing the tested side costs is not available" if inputs.close_cost_inr is None else ""


def _stressed(inputs: RollInputs, positions: Sequence[Position]) -> float | str:
    return stressed_loss_inr(inputs.view, positions, inputs.stress, inputs.quality)


def _part(trade: Trade, side: OptionType, costs_inr: Decimal) -> Trade | None:
    legs = tuple(leg for leg in trade.legs if leg.contract.option_type is side)
    fills = tuple(fill for fill in trade.fills if fill.contract.option_type is side)
    part = replace(
        trade,
        structure=VERTICALS[side],
        legs=legs,
        fills=fills,
        part_of=trade.structure,
        entry_market=_entry_of(trade, side),
    )
    credit = float(part.entry_credit_inr) / trade.units
    loss = max_loss_points(legs, credit)
    if loss is None:
        return None
    max_loss = rupees(max(loss, 0.0) * trade.units)
    return replace(
        part,
        credit_per_unit=figure(credit),
        max_loss_inr=max_loss,
        reserved_inr=max_loss + costs_inr,
    )


def _entry_of(trade: Trade, side: OptionType) -> EntryMarket | None:
    entry = trade.entry_market
    if entry is None:
        return None
    pairs = zip(trade.legs, entry.sigmas, strict=True)
    return replace(entry, sigmas=tuple(sigma for leg, sigma in pairs if leg.contract.option_type is side))


def _types(legs: Sequence[Leg]) -> set[OptionType]:
    return {leg.contract.option_type for leg in legs}


def _other(side: OptionType) -> OptionType:
    return OptionType.CALL if side is OptionType.PUT else OptionType.PUT
