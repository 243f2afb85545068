"""What an index option contract is on a trade date: lot, freeze quantity, tick, strike step, expiries.

Lot sizes have two keys: weekly and monthly contracts follow their expiry, quarterly and half-yearly ones the
trade date. A row without a value says that nobody knows it: asking is DateNotCovered, as it is outside the
dates that the tables were checked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.nse.calendar import Calendar
from volguard.nse.dated import Box, Confidence, DatedT, Timeline, grouped, require_boxes_tile
from volguard.nse.expiries import (
    ExpiryRuleRow,
    ExpiryRules,
    ListedExpiry,
    ListingRow,
    listing_timelines,
    rule_timelines,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """Units per lot of contracts of some cycles, by trade date and expiry; an end left out is open."""

    underlying: str
    cycles: tuple[ExpiryCycle, ...]
    trade_from: date | None = None
    trade_to: date | None = None
    expiry_from: date | None = None
    expiry_to: date | None = None
    units: int | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeRow:
    """Largest order in units; `derived` rows come from the step function, not from a circular."""

    underlying: str
    valid_from: date
    valid_to: date | None = None
    units: int | None = None
    basis: Literal["circular", "derived", "not found"]
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeStepRow:
    """The exchange's method since July 2021: units for index levels up to a bound; the last has none."""

    level_up_to: Decimal | None = None
    units: int
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """Smallest price step in rupees, by trade date."""

    underlying: str
    valid_from: date
    valid_to: date | None = None
    tick: Decimal
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeStepRow:
    """Index points between neighbouring strikes near the money, by trade date and cycle."""

    underlying: str
    cycles: tuple[ExpiryCycle, ...]
    valid_from: date
    valid_to: date | None = None
    points: int | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTables:
    """contracts.toml; raises ValueError on a gap, an overlap or a value below 1, naming table, key, dates."""

    checked_from: date
    checked_until: date
    lot: tuple[LotRow, ...]
    freeze: tuple[FreezeRow, ...]
    freeze_step: tuple[FreezeStepRow, ...]
    tick: tuple[TickRow, ...]
    strike_step: tuple[StrikeStepRow, ...]
    expiry_rule: tuple[ExpiryRuleRow, ...]
    listing: tuple[ListingRow, ...]

    def __post_init__(self) -> None:
        _lot_boxes(self)
        _freezes(self)
        _ticks(self)
        _strike_steps(self)
        rule_timelines(self.expiry_rule, first=self.checked_from)
        listing_timelines(self.listing, first=self.checked_from, last=self.checked_until)
        _check_freeze_steps(self.freeze_step)
        _check_values(self)
        _check_underlyings(self)


def with_freeze_bounded(tables: ContractTables) -> ContractTables:
    """The tables with the smallest freeze quantity of any step where none is known.

    For days that are over: an order cut smaller than it had to be costs more, never less. A live session
    knows its own or is refused.
    """
    least = min(row.units for row in tables.freeze_step)
    rows = tuple(
        row
        if row.units is not None
        else replace(row, units=least, basis="derived", source=f"not known: the smallest step. {row.source}")
        for row in tables.freeze
    )
    return replace(tables, freeze=rows)


class Contracts:
    """Contract rules by date, from their tables and the calendar."""

    def __init__(self, tables: ContractTables, calendar: Calendar) -> None:
        self._lots = _lot_boxes(tables)
        self._freeze = _freezes(tables)
        self._ticks = _ticks(tables)
        self._strike_steps = _strike_steps(tables)
        self._freeze_steps = tables.freeze_step
        self._rules = ExpiryRules(
            tables.expiry_rule,
            tables.listing,
            calendar,
            checked_from=tables.checked_from,
            checked_until=tables.checked_until,
        )
        self._lot_of: dict[tuple[str, date, date], int] = {}

    def lot_size(self, underlying: Underlying, trade_date: date, expiry: date) -> int:
        """Units per lot of the contract on that trade date. Raises DateNotCovered."""
        key = (underlying, trade_date, expiry)
        if key not in self._lot_of:
            self._lot_of[key] = self._find_lot(underlying, trade_date, expiry)
        return self._lot_of[key]

    def freeze_quantity(self, underlying: Underlying, trade_date: date) -> int:
        """Largest order in units; one above it is rejected. Raises DateNotCovered."""
        units = _of(self._freeze, "freeze", underlying, trade_date).at(trade_date).units
        if units is None:
            raise DateNotCovered("contracts.freeze", trade_date, underlying)
        return units

    def freeze_step(self, level: Decimal | float) -> int:
        """Freeze units that the exchange's method gives for an index level, as derived rows are made.

        Method of NSE's consolidated circular, chapter 1.8. Raises ValueError on a level that is not positive.
        """
        if not level > 0:
            raise ValueError(f"index level was {level}, must be above 0")
        return next(
            row.units for row in self._freeze_steps if row.level_up_to is None or level <= row.level_up_to
        )

    def tick(self, underlying: Underlying, trade_date: date) -> Decimal:
        """Smallest price step in rupees. Raises DateNotCovered."""
        return _of(self._ticks, "tick", underlying, trade_date).at(trade_date).tick

    def strike_step(self, underlying: Underlying, trade_date: date, expiry: date) -> int:
        """Index points between strikes near the money. Raises DateNotCovered."""
        cycle = self._rules.find(underlying, trade_date, expiry).cycle
        key = f"{underlying} {cycle}"
        points = _of(self._strike_steps, "strike_step", key, trade_date).at(trade_date).points
        if points is None:
            raise DateNotCovered("contracts.strike_step", trade_date, key)
        return points

    def expiries(self, underlying: Underlying, trade_date: date) -> tuple[ListedExpiry, ...]:
        """Expiries listed on a trade date, nearest first, as known on that date. Raises DateNotCovered."""
        return self._rules.listed(underlying, trade_date)

    def is_monthly(self, underlying: Underlying, expiry: date) -> bool:
        """The expiry ends a month (quarters and half-years do too). Raises DateNotCovered."""
        return self._rules.is_monthly(underlying, expiry)

    def expiry_after_roll_back(self, scheduled: date, *, known_on: date) -> date:
        """Where an expiry scheduled by the weekday rule falls, by the holidays known on a trade date."""
        return self._rules.roll_back(scheduled, known_on)

    def generate_expiries(self, underlying: Underlying, first: date, last: date) -> tuple[ListedExpiry, ...]:
        """Weekly and monthly expiries dated from first to last, as they finally were.

        Raises DateNotCovered.
        """
        return self._rules.between(underlying, first, last)

    def _find_lot(self, underlying: Underlying, trade_date: date, expiry: date) -> int:
        cycle = self._rules.find(underlying, trade_date, expiry).cycle
        rows = self._lots.get((underlying, cycle), [])
        units = next((row.units for row, box in rows if box.holds(trade_date, expiry)), None)
        if units is None:
            raise DateNotCovered(
                "contracts.lot", expiry, f"{underlying} {cycle} traded on {trade_date}, expiry"
            )
        return units


def _lot_boxes(tables: ContractTables) -> dict[tuple[str, ExpiryCycle], list[tuple[LotRow, Box]]]:
    boxes: dict[tuple[str, ExpiryCycle], list[tuple[LotRow, Box]]] = {}
    for row in tables.lot:
        for cycle in row.cycles:
            domain = _lot_domain(tables, cycle)
            box = Box(
                trade_from=row.trade_from or domain.trade_from,
                trade_to=row.trade_to or domain.trade_to,
                expiry_from=row.expiry_from or domain.expiry_from,
                expiry_to=row.expiry_to or domain.expiry_to,
            )
            boxes.setdefault((row.underlying, cycle), []).append((row, box))
    for (underlying, cycle), held in boxes.items():
        label = f"lot {underlying} {cycle}"
        require_boxes_tile(label, [box for _, box in held], _lot_domain(tables, cycle))
    return boxes


def _lot_domain(tables: ContractTables, cycle: ExpiryCycle) -> Box:
    # Reviews change near contracts by expiry, so those are known only as far as the table was checked.
    by_expiry = cycle in (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY)
    return Box(
        trade_from=tables.checked_from,
        trade_to=tables.checked_until,
        expiry_from=tables.checked_from if by_expiry else date.min,
        expiry_to=tables.checked_until if by_expiry else date.max,
    )


def _freezes(tables: ContractTables) -> dict[str, Timeline[FreezeRow]]:
    return _timelines(tables, "freeze", grouped(tables.freeze, lambda row: row.underlying))


def _ticks(tables: ContractTables) -> dict[str, Timeline[TickRow]]:
    return _timelines(tables, "tick", grouped(tables.tick, lambda row: row.underlying))


def _strike_steps(tables: ContractTables) -> dict[str, Timeline[StrikeStepRow]]:
    held: dict[str, list[StrikeStepRow]] = {}
    for row in tables.strike_step:
        for cycle in row.cycles:
            held.setdefault(f"{row.underlying} {cycle}", []).append(row)
    return _timelines(tables, "strike_step", held)


def _timelines(
    tables: ContractTables, table: str, rows_by_key: dict[str, list[DatedT]]
) -> dict[str, Timeline[DatedT]]:
    first, last = tables.checked_from, tables.checked_until
    return {
        key: Timeline(table, rows, first=first, last=last, key=key, file="contracts")
        for key, rows in rows_by_key.items()
    }


def _of(timelines: dict[str, Timeline[DatedT]], table: str, key: str, day: date) -> Timeline[DatedT]:
    if key not in timelines:
        raise DateNotCovered(f"contracts.{table}", day, key)
    return timelines[key]


def _check_freeze_steps(rows: tuple[FreezeStepRow, ...]) -> None:
    if not rows or rows[-1].level_up_to is not None:
        raise ValueError("freeze_step must end with a row without level_up_to")
    bounds = [row.level_up_to for row in rows[:-1]]
    if None in bounds:
        raise ValueError("freeze_step has a row without level_up_to before the last")
    for low, high in pairwise(bound for bound in bounds if bound is not None):
        if low >= high:
            raise ValueError(f"freeze_step level_up_to {high} follows {low}, must rise")


def _check_values(tables: ContractTables) -> None:
    values = [
        *(("lot", row.underlying, row.units) for row in tables.lot),
        *(("freeze", row.underlying, row.units) for row in tables.freeze),
        *(("freeze_step", "units", row.units) for row in tables.freeze_step),
        *(("strike_step", row.underlying, row.points) for row in tables.strike_step),
        *(("listing", row.underlying, row.monthly) for row in tables.listing),
    ]
    for table, key, value in values:
        if value is not None and value < 1:
            raise ValueError(f"{table} {key} was {value}, must be 1 or more")
    for row in tables.tick:
        if row.tick <= 0:
            raise ValueError(f"tick {row.underlying} was {row.tick}, must be above 0")


def _check_underlyings(tables: ContractTables) -> None:
    listed = {row.underlying for row in tables.listing}
    cycles_needed = {(name, cycle) for name in listed for cycle in (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY)}
    missing = cycles_needed - {(row.underlying, row.cycle) for row in tables.expiry_rule}
    if missing:
        name, cycle = min(missing)
        raise ValueError(f"expiry_rule has no row for {name} {cycle}, which listing names")
