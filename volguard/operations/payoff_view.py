"""A structure valued on one snapshot: touch, extremes, Greeks, costs, and its worth under Q and P."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.book_risk import book_margin
from volguard.measure.exposure import Exposure, exposure_of
from volguard.measure.first_expiry import Extremes, extremes
from volguard.measure.margin import NoMargin
from volguard.measure.market_view import MarketView
from volguard.measure.payoff import payoff_at
from volguard.measure.smile_density import value_under
from volguard.measure.touch import LegQuotes, leg_quotes, quote_of
from volguard.model.book import Position
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionType, Side
from volguard.model.market import DailyBar, FloatArray
from volguard.model.units import money_text, rupees
from volguard.nse.charges import ChargeLines, add_up
from volguard.operations.payoff_measures import Measure, measures_of
from volguard.operations.payoff_structure import Structure, row_of, structure_name, structure_of
from volguard.operations.portfolio import margin_source
from volguard.operations.smile_view import fitted_at, known, surface_of
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag
from volguard.pricing.surface import Surface
from volguard.strategy.legs_text import LegLine

SCHEMA: Final = "volguard.payoff/1"
BASES: Final = ("touch", "mid")
CURVE_POINTS: Final = 241
CURVE_DEVIATIONS: Final = 3.5
UNBOUNDED: Final = "unbounded"
# Beside sides that are missing and crossed quotes, which leave figures out, what makes a touch doubtful.
SUSPECT: Final = UNTRADABLE & ~(QuoteFlag.NO_BID | QuoteFlag.NO_ASK | QuoteFlag.CROSSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Priced:
    # What the structure is at one credit (touch or mid); None with the reason under `missing`.
    credit: float | None
    found: Extremes | None
    missing: str | None


def payoff_document(
    view: MarketView,
    lines: tuple[LegLine, ...],
    *,
    lots: int,
    bars: tuple[DailyBar, ...],
    settings: Settings,
    surface: Surface | None = None,
) -> dict[str, Any]:
    """All figures of a structure in so many lots; `bars` end before the day of the snapshot.

    `surface`: that of a session at this snapshot (see surface_session); None: calibrated on it alone.
    A figure that quotes, smile or history do not give is None, its reason under `missing` by the figure's
    name. Raises UsageError on lots outside 1 .. LOTS_MAX or legs of different lot sizes, DateNotCovered off
    the tables.
    """
    if surface is None:
        surface = surface_of(view, settings)
    one = structure_of(view, lines, lots, surface, settings)
    quotes = leg_quotes(view, one.legs)
    priced = {basis: _priced(one, quotes, basis) for basis in BASES}
    measures = measures_of(view, one.first, surface, bars, settings)
    missing: dict[str, str] = {}
    costs = _costs(one, quotes, missing)
    return {
        "schema": SCHEMA,
        "ts": view.ts.isoformat(),
        "underlying": view.listing.underlying,
        "structure": structure_name(lines),
        "expiry": view.listing.expiries[one.first].isoformat(),
        "fitted_at": fitted_at(surface, one.first),
        "days": known(view.years[one.first] * 365.0),
        "forward": known(view.forwards.forward[one.first]),
        "discount": known(one.discount),
        "lots": lots,
        "lot_size": one.lot_size,
        "units": one.units,
        "legs": [_leg(one, line) for line in lines],
        **{basis: _extremes(one, basis, priced[basis], missing) for basis in BASES},
        "greeks": _greeks(one, missing),
        "margin": _margin(one, bars, missing),
        "costs": costs,
        "measures": [_measure(one, measure, priced, costs, missing) for measure in measures],
        "curve": _curve(one, priced["touch"], measures),
        "notes": _notes(one),
        "missing": missing,
    }


def _leg(one: Structure, line: LegLine) -> dict[str, Any]:
    view, contract = one.view, line.leg.contract
    row, snapshot = row_of(view, line.leg), view.snapshot
    return {
        "side": line.leg.side.value,
        "count": line.count,
        "strike": contract.strike,
        "option_type": contract.option_type.value,
        "expiry": contract.expiry.isoformat(),
        "bid": known(snapshot.bid[row]),
        "bid_qty": int(snapshot.bid_qty[row]),
        "ask": known(snapshot.ask[row]),
        "ask_qty": int(snapshot.ask_qty[row]),
        "mid": known(view.mid[row]),
        "iv": known(view.iv[row]),
        "delta": known(view.greeks.delta[row]),
        "flags": _flag_names(_flags(one, line)),
    }


def _flags(one: Structure, line: LegLine) -> QuoteFlag:
    return QuoteFlag(int(one.view.flags[row_of(one.view, line.leg)]))


def _flag_names(flags: QuoteFlag) -> list[str]:
    return [str(flag.name).lower() for flag in flags]


def _credit(quotes: LegQuotes, basis: str) -> float | None:
    if basis == "touch":
        return quotes.credit
    middle = -sum(
        side.sign * 0.5 * (bid + ask)
        for side, bid, ask in zip(quotes.sides, quotes.bids, quotes.asks, strict=True)
    )
    return middle if math.isfinite(middle) else None


def _unquoted(one: Structure, basis: str) -> str | None:
    # Sides that nobody quotes: at the touch only the side that is hit counts, at mid both do. A crossed quote
    # is no quote: whoever sold at its bid and bought at its ask would be paid for it.
    absent = []
    for line in one.lines:
        row, side = row_of(one.view, line.leg), line.leg.side
        if crossed := _crossed(one, line):
            absent.append(crossed)
        for name, column, needed_by in (("bid", "bid", Side.SELL), ("ask", "ask", Side.BUY)):
            is_needed = basis == "mid" or side is needed_by
            if is_needed and not math.isfinite(getattr(one.view.snapshot, column)[row]):
                absent.append(f"no {name} for {line.name}")
    return "; ".join(absent) or None


def _crossed(one: Structure, line: LegLine) -> str | None:
    return f"quote of {line.name} is crossed" if QuoteFlag.CROSSED in _flags(one, line) else None


def _priced(one: Structure, quotes: LegQuotes, basis: str) -> _Priced:
    unquoted = _unquoted(one, basis)
    credit = _credit(quotes, basis) if unquoted is None else None
    if credit is None:
        return _Priced(credit=None, found=None, missing=unquoted)
    if one.at_expiry is None:
        return _Priced(credit=credit, found=None, missing=one.reason)
    return _Priced(credit=credit, found=extremes(one.at_expiry, credit), missing=None)


def _extremes(one: Structure, basis: str, priced: _Priced, missing: dict[str, str]) -> dict[str, Any]:
    credit, found = priced.credit, priced.found
    if credit is None and priced.missing is not None:
        missing[f"{basis}.credit_inr"] = priced.missing
    best = found.max_profit_points if found is not None else None
    worst = found.max_loss_points if found is not None else None
    for name, value in (("max_profit_inr", best), ("max_loss_inr", worst)):
        if value is None:
            missing[f"{basis}.{name}"] = priced.missing or UNBOUNDED
    if found is None and priced.missing is not None:
        missing[f"{basis}.breakevens"] = priced.missing
    return {
        "credit_points": known(credit),
        "credit_inr": _inr(credit, one.units),
        "max_profit_inr": _inr(best, one.units),
        "max_loss_inr": _inr(worst, one.units),
        "breakevens": None if found is None else [known(level) for level in found.breakevens],
    }


def _inr(points: float | None, units: int) -> str | None:
    return None if points is None else money_text(rupees(points * units))


def _greeks(one: Structure, missing: dict[str, str]) -> dict[str, Any]:
    # `unit`: one unit of the structure in points; `position`: all lots, delta and gamma in units, else INR.
    found = {}
    crossed = "; ".join(filter(None, (_crossed(one, line) for line in one.lines)))
    for name, units in (("unit", 1), ("position", one.units)):
        positions = [
            Position(contract=line.leg.contract, quantity=line.leg.side.sign * line.count * units)
            for line in one.lines
        ]
        # The volatility of a crossed quote is that of a price which is none.
        exposure = None if crossed else exposure_of(one.view, positions)
        if exposure is None:
            missing["greeks"] = crossed or "a leg has no volatility"
        found[name] = {
            field.name: None if exposure is None else known(getattr(exposure, field.name))
            for field in fields(Exposure)
        }
    return found


def _margin(one: Structure, bars: tuple[DailyBar, ...], missing: dict[str, str]) -> dict[str, Any]:
    source = margin_source(bars, one.view.ts.date(), one.rules)
    positions = [
        Position(contract=line.leg.contract, quantity=line.leg.side.sign * line.count * one.units)
        for line in one.lines
    ]
    reason, found = source.reason, None
    if not reason:
        margin = book_margin(one.view, positions, source.inputs)
        reason, found = (margin.reason, None) if isinstance(margin, NoMargin) else ("", margin)
    if found is None:
        missing["margin.total_inr"] = f"not available: {reason}"
        return {"total_inr": None, "span_inr": None, "worst_scenario": None}
    return {
        "total_inr": money_text(rupees(found.total_inr)),
        "span_inr": money_text(rupees(found.span_inr)),
        "worst_scenario": found.worst_scenario,
    }


def _costs(one: Structure, quotes: LegQuotes, missing: dict[str, str]) -> dict[str, Any]:
    unquoted = _unquoted(one, "mid")
    half_spread = quotes.half_spread if unquoted is None else None
    if unquoted is not None:
        missing["costs.half_spread_inr"] = unquoted
    document: dict[str, Any] = {"half_spread_inr": _inr(half_spread, one.units)}
    for name, is_entry in (("entry", True), ("exit", False)):
        found = _charges(one, is_entry=is_entry)
        if isinstance(found, str):
            missing[f"costs.{name}_inr"] = found
        lines = found if isinstance(found, ChargeLines) else None
        document[f"{name}_inr"] = None if lines is None else money_text(lines.total)
        document[f"{name}_lines"] = (
            None
            if lines is None
            else {field.name: money_text(getattr(lines, field.name)) for field in fields(ChargeLines)}
        )
    return document


def _charges(one: Structure, *, is_entry: bool) -> ChargeLines | str:
    # All lots at today's touch and today's rates, in orders up to the freeze quantity.
    view, day, contracts = one.view, one.view.ts.date(), one.rules.contracts
    underlying = view.listing.underlying
    tick, freeze = contracts.tick(underlying, day), contracts.freeze_quantity(underlying, day)
    held: list[ChargeLines] = []
    for line in one.lines:
        if crossed := _crossed(one, line):
            return crossed
        side = line.leg.side if is_entry else line.leg.side.opposite
        quote = quote_of(view, line.leg.contract, tick)
        price = None if quote is None else (quote.ask if side is Side.BUY else quote.bid)
        if price is None:
            return f"no {'ask' if side is Side.BUY else 'bid'} for {line.name}"
        orders, left = divmod(line.count * one.units, freeze)
        for quantity, times in ((freeze, orders), (left, 1)):
            if quantity and times:
                order = one.rules.charges.for_fill(
                    trade_date=day, side=side, quantity=quantity, price=price, first_fill_of_order=True
                )
                held.append(_times(order, times))
    return add_up(held)


def _times(lines: ChargeLines, count: int) -> ChargeLines:
    return ChargeLines(**{field.name: count * getattr(lines, field.name) for field in fields(ChargeLines)})


def _measure(
    one: Structure,
    measure: Measure,
    priced: Mapping[str, _Priced],
    costs: Mapping[str, Any],
    missing: dict[str, str],
) -> dict[str, Any]:
    if measure.reason is not None:
        missing[measure.name] = f"not available: {measure.reason}"
    worth = {basis: _worth(one, measure, priced[basis]) for basis in BASES}
    tax = _exercise_tax(one, measure)
    if isinstance(tax, str):
        missing[f"{measure.name}.exercise_stt_inr"] = tax
    gross, entry = worth["touch"]["ev_inr"], costs["entry_inr"]
    net = None
    if gross is not None and entry is not None and isinstance(tax, Decimal):
        net = money_text(Decimal(gross) - Decimal(entry) - tax)
    return {
        "name": measure.name,
        "origin": dict(measure.origin),
        "deviation_points": known(measure.deviation_points),
        **worth,
        "exercise_stt_inr": money_text(tax) if isinstance(tax, Decimal) else None,
        "ev_net_inr": net,
        "short_itm": [_in_the_money(one, line, measure) for line in one.lines if line.leg.side is Side.SELL],
    }


def _worth(one: Structure, measure: Measure, priced: _Priced) -> dict[str, Any]:
    # Credit now plus the discounted payoff; a profit is a final P&L above zero before charges.
    at_expiry, credit = one.at_expiry, priced.credit
    if measure.density is None or at_expiry is None or credit is None:
        return {"ev_inr": None, "probability_of_profit": None}
    found = value_under(lambda levels: at_expiry.payoff(levels) + credit, measure.density)
    value = credit + one.discount * (found.expected_points - credit)
    return {
        "ev_inr": _inr(value, one.units) if math.isfinite(value) else None,
        "probability_of_profit": known(found.probability_of_profit),
    }


def _exercise_tax(one: Structure, measure: Measure) -> Decimal | str | None:
    # Expected STT on long legs that end in the money, which their holder pays on their intrinsic value.
    density = measure.density
    if density is None:
        return None
    bought = [leg for leg in one.expired if leg.side is Side.BUY]
    intrinsic = value_under(lambda levels: payoff_at(bought, levels), density).expected_points
    expiry = one.view.listing.expiries[one.first]
    try:
        rate = one.rules.charges.for_exercise(expiry=expiry, quantity=1, intrinsic=Decimal(1)).unrounded
    except (DateNotCovered, ValueError) as error:
        return str(error)
    return rupees(float(rate) * intrinsic * one.units)


def _in_the_money(one: Structure, line: LegLine, measure: Measure) -> dict[str, Any]:
    contract, density = line.leg.contract, measure.density
    expires = contract.expiry == one.view.listing.expiries[one.first]
    sign = 1.0 if contract.option_type is OptionType.CALL else -1.0
    chance = None
    if density is not None and expires:
        chance = value_under(lambda at: sign * (at - contract.strike), density).probability_of_profit
    return {
        "strike": contract.strike,
        "option_type": contract.option_type.value,
        "expiry": contract.expiry.isoformat(),
        "probability": known(chance),
    }


def _curve(one: Structure, touch: _Priced, measures: Sequence[Measure]) -> dict[str, Any]:
    # What the chart draws: rupees entered at the touch, densities as probability per index point.
    found, credit, at_expiry = touch.found, touch.credit, one.at_expiry
    levels = _curve_levels(one, () if found is None else found.breakevens, measures)
    pnl = None
    if at_expiry is not None and credit is not None:
        pnl = [known(value) for value in (at_expiry.payoff(levels) + credit) * one.units]
    return {
        "levels": [known(level) for level in levels],
        "pnl_inr": pnl,
        "densities": {
            measure.name: [known(height) for height in measure.density.per_point(levels)]
            for measure in measures
            if measure.density is not None
        },
    }


def _curve_levels(one: Structure, breakevens: Sequence[float], measures: Sequence[Measure]) -> FloatArray:
    strikes = [float(leg.contract.strike) for leg in one.legs]
    forward = float(one.view.forwards.forward[one.first])
    anchors = [*strikes, *([forward] if math.isfinite(forward) else [])]
    for measure in measures:
        if measure.deviation_points is not None:
            reach = CURVE_DEVIATIONS * measure.deviation_points
            anchors += [forward - reach, forward + reach]
    low, high = min(anchors), max(anchors)
    margin = 0.04 * (high - low) or 0.02 * high
    low, high = low - margin, high + margin
    knots = [at for at in (*strikes, *breakevens) if low < at < high]
    return np.unique(np.concatenate((np.linspace(low, high, CURVE_POINTS), knots)))


def _notes(one: Structure) -> list[str]:
    notes = ["extremes, breakevens and chances are before charges; costs are at today's touch and rates"]
    later = [line for line in one.lines if line.leg not in one.expired]
    if later:
        expiry: date = one.view.listing.expiries[one.first]
        notes.append(
            f"at the first expiry, {expiry.isoformat()}: later legs are worth Black-76 at their strike's "
            "smile volatility of now (sticky strike), their forward moving with the index; extremes are "
            "searched from zero to twice the forward"
        )
        notes.append(
            "EV at mid under Q is mostly that assumption on later legs, whose quotes hold another volatility "
            "after the first expiry: no edge"
        )
    else:
        notes.append(
            "EV at mid under Q is what the fitted smile misses of the quotes: its error, not an edge"
        )
    if any(line.leg.side is Side.SELL for line in later):
        notes.append("sold legs of a later expiry live on: what they may cost after it is not in here")
    for line in one.lines:
        if suspect := _flag_names(_flags(one, line) & SUSPECT):
            notes.append(f"{line.name}: quote is flagged {', '.join(suspect)}, its price may not be there")
        row, wanted = row_of(one.view, line.leg), line.count * one.units
        is_sold, snapshot = line.leg.side is Side.SELL, one.view.snapshot
        size = int((snapshot.bid_qty if is_sold else snapshot.ask_qty)[row])
        if size < wanted:
            notes.append(f"{line.name}: {size} units at the touch, {wanted} needed")
    return notes
