"""What a trade in index options costs: brokerage, taxes and fees by date, exact to the last digit.

Base is premium x quantity per side; on exercise the intrinsic (before September 2019 the settlement) value.
GST is charged on brokerage, exchange fee and SEBI fee, not on IPFT, STT or stamp duty.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Side
from volguard.model.units import MICRO, PAISA
from volguard.nse.dated import Confidence, Timeline

ZERO: Final = Decimal(0)
RUPEE: Final = Decimal(1)
RATE_TABLES: Final = ("stt", "exchange", "ipft", "sebi", "stamp", "gst")

FloatOrArray = TypeVar("FloatOrArray", float, NDArray[np.float64])


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """A rate as a fraction of its base (0.001 is 0.1 %), for one side or, without `side`, for both."""

    valid_from: date
    valid_to: date | None = None
    rate: Decimal
    side: Side | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseRateRow:
    """STT on an option that is exercised, paid by its holder; the date is the expiry."""

    valid_from: date
    valid_to: date | None = None
    rate: Decimal
    base: Literal["intrinsic", "settlement"]
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerageRow:
    """Flat rupees per executed order."""

    valid_from: date
    valid_to: date | None = None
    per_order_inr: Decimal
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeTables:
    """charges.toml; raises ValueError on a gap, an overlap or a negative rate, naming table and dates."""

    checked_from: date
    checked_until: date
    brokerage: tuple[BrokerageRow, ...]
    stt: tuple[RateRow, ...]
    stt_exercise: tuple[ExerciseRateRow, ...]
    exchange: tuple[RateRow, ...]
    ipft: tuple[RateRow, ...]
    sebi: tuple[RateRow, ...]
    stamp: tuple[RateRow, ...]
    gst: tuple[RateRow, ...]

    def __post_init__(self) -> None:
        for name in RATE_TABLES:
            rows: tuple[RateRow, ...] = getattr(self, name)
            _timeline(self, name, rows)
            _check_rates(name, [(row.valid_from, row.rate) for row in rows])
        _timeline(self, "stt_exercise", self.stt_exercise)
        _check_rates("stt_exercise", [(row.valid_from, row.rate) for row in self.stt_exercise])
        _timeline(self, "brokerage", self.brokerage)
        for row in self.brokerage:
            if row.per_order_inr < 0:
                raise ValueError(
                    f"brokerage from {row.valid_from} was {row.per_order_inr}, must be 0 or more"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLines:
    """Charges in rupees, line by line, unrounded."""

    brokerage: Decimal = ZERO
    stt: Decimal = ZERO
    exchange: Decimal = ZERO
    ipft: Decimal = ZERO
    sebi: Decimal = ZERO
    stamp: Decimal = ZERO
    gst: Decimal = ZERO

    @property
    def unrounded(self) -> Decimal:
        """All lines together, to the last digit."""
        return sum((getattr(self, field.name) for field in fields(self)), ZERO)

    @property
    def total(self) -> Decimal:
        """All lines together, half-even to six places: the figure that is booked."""
        return self.unrounded.quantize(MICRO, ROUND_HALF_EVEN)


def add_up(lines: Iterable[ChargeLines]) -> ChargeLines:
    """The sum of each line, still unrounded."""
    held = list(lines)
    names = [field.name for field in fields(ChargeLines)]
    return ChargeLines(**{name: sum((getattr(one, name) for one in held), ZERO) for name in names})


def contract_note(lines: Iterable[ChargeLines]) -> ChargeLines:
    """One day's charges as the contract note prints them.

    STT and stamp duty to the whole rupee, 50 paise up; every other line to the paisa, half up.
    """
    sums = add_up(lines)
    in_rupees = ("stt", "stamp")
    return ChargeLines(
        **{
            field.name: getattr(sums, field.name).quantize(
                RUPEE if field.name in in_rupees else PAISA, ROUND_HALF_UP
            )
            for field in fields(ChargeLines)
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _DayRates:
    brokerage: Decimal
    stt: RateRow
    exchange: RateRow
    ipft: RateRow
    sebi: RateRow
    stamp: RateRow
    gst: RateRow

    def lines(self, side: Side, premium: Decimal, *, brokerage: Decimal) -> ChargeLines:
        exchange = _on(self.exchange, side, premium)
        sebi = _on(self.sebi, side, premium)
        return ChargeLines(
            brokerage=brokerage,
            stt=_on(self.stt, side, premium),
            exchange=exchange,
            ipft=_on(self.ipft, side, premium),
            sebi=sebi,
            stamp=_on(self.stamp, side, premium),
            gst=self.gst.rate * (brokerage + exchange + sebi),
        )


class Charges:
    """Charges by date; every date outside the tables raises DateNotCovered."""

    def __init__(self, tables: ChargeTables) -> None:
        self._first, self._last = tables.checked_from, tables.checked_until
        self._rates = {name: _timeline(tables, name, getattr(tables, name)) for name in RATE_TABLES}
        self._exercise = _timeline(tables, "stt_exercise", tables.stt_exercise)
        self._brokerage = _timeline(tables, "brokerage", tables.brokerage)
        self._days: dict[date, _DayRates] = {}
        self._factors: dict[date, tuple[float, float, float]] = {}

    def for_fill(
        self, *, trade_date: date, side: Side, quantity: int, price: Decimal, first_fill_of_order: bool
    ) -> ChargeLines:
        """Charges of one execution; the order's brokerage falls on its first fill.

        `quantity` in units, `price` in rupees per unit. Raises DateNotCovered, ValueError on a quantity
        below 1 or a price below 0.
        """
        if quantity < 1 or not (price.is_finite() and price >= 0):
            raise ValueError(f"charges of {quantity} units at {price} cannot be told")
        rates = self._on_day(trade_date)
        brokerage = rates.brokerage if first_fill_of_order else ZERO
        return rates.lines(side, quantity * price, brokerage=brokerage)

    def for_exercise(
        self, *, expiry: date, quantity: int, intrinsic: Decimal, settlement: Decimal | None = None
    ) -> ChargeLines:
        """STT that the holder of `quantity` units pays when an option is exercised; the short side pays none.

        `intrinsic` and `settlement` (the index's final level) in rupees per unit; the latter is needed only
        where the tax was on the settlement value (before September 2019). Raises DateNotCovered, ValueError.
        """
        if quantity < 1 or not (intrinsic.is_finite() and intrinsic > 0):
            raise ValueError(f"exercise of {quantity} units with intrinsic value {intrinsic} cannot be")
        row = self._exercise.at(expiry)
        value = intrinsic if row.base == "intrinsic" else settlement
        if value is None:
            raise ValueError(f"exercise on {expiry} is taxed on the settlement value, which was not given")
        return ChargeLines(stt=row.rate * quantity * value)

    def estimate_inr(
        self,
        *,
        trade_date: date,
        premium_buy_inr: FloatOrArray,
        premium_sell_inr: FloatOrArray,
        orders: int,
    ) -> FloatOrArray:
        """The same sums in floats, for ranking: rupees for premiums bought and sold in so many orders.

        Premiums in rupees, floats or arrays of one shape. Raises DateNotCovered.
        """
        if trade_date not in self._factors:
            self._factors[trade_date] = self._factors_on(trade_date)
        buy, sell, per_order = self._factors[trade_date]
        return buy * premium_buy_inr + sell * premium_sell_inr + orders * per_order

    def _on_day(self, day: date) -> _DayRates:
        if day not in self._days:
            if not self._first <= day <= self._last:
                raise DateNotCovered("charges", day)
            rates = {name: timeline.at(day) for name, timeline in self._rates.items()}
            self._days[day] = _DayRates(brokerage=self._brokerage.at(day).per_order_inr, **rates)
        return self._days[day]

    def _factors_on(self, day: date) -> tuple[float, float, float]:
        # Charges are linear in the premium, so the exact schedule gives their slopes.
        rates = self._on_day(day)
        buy, sell = (
            float(rates.lines(side, RUPEE, brokerage=ZERO).unrounded) for side in (Side.BUY, Side.SELL)
        )
        return buy, sell, float(rates.brokerage * (1 + rates.gst.rate))


def _on(row: RateRow, side: Side, premium: Decimal) -> Decimal:
    return row.rate * premium if row.side is None or row.side is side else ZERO


RowT = TypeVar("RowT", RateRow, ExerciseRateRow, BrokerageRow)


def _timeline(tables: ChargeTables, name: str, rows: tuple[RowT, ...]) -> Timeline[RowT]:
    return Timeline(name, rows, first=tables.checked_from, last=tables.checked_until, file="charges")


def _check_rates(table: str, rates: list[tuple[date, Decimal]]) -> None:
    for valid_from, rate in rates:
        if not 0 <= rate < 1:
            raise ValueError(f"{table} from {valid_from} was {rate}, must be a fraction from 0 to 1")
